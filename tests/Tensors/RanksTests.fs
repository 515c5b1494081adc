/// What several ranks share comes to what one has by itself, with the same bits for all.
module MetaKan.Tests.RanksTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp

let private ranks = Gen.choose (1, 5)
let private none (_: 'a) : Tensor seq = Seq.empty

let private sameBits (trees: Params list) =
    for tree in List.tail trees do
        closeTrees "bits of another rank" 0.0 trees.Head tree

/// Two equations and conditions of two fields, one of which is a mean, which cannot be split.
let private problem =
    let u, sides = Language.field "u", Domain.box [ -1.0, 1.0; 0.0, 1.0 ]

    { Timed.system with
        Conditions =
            Timed.system.Conditions
            @ [ Condition.create "mean" 1.5 9 sides.Sample (Language.mean (u * u) - 0.5) ]
    }

/// One after another: the number of threads is the process's.
let tests =
    testSequenced
    <| testList
        "Tensors.Ranks"
        [
            property
                "every item is one rank's, and ranks have as many, but for one"
                40
                (Gen.zip ranks (Gen.choose (0, 20)))
                (fun (count, items) ->
                    let shares = Jobs.run count none (fun _ -> Ranks.share [ 1..items ])
                    Expect.equal (List.sort (List.concat shares)) [ 1..items ] "items"
                    let sizes = shares |> List.map _.Length
                    Expect.isLessThanOrEqual (List.max sizes - List.min sizes) 1 "sizes")

            property
                "rows that ranks work out come to all, in the items' order"
                30
                (Gen.zip3 ranks (Gen.nonEmptyListOf (Gen.choose (0, 4))) (Gen.elements [ []; [ 3 ] ]))
                (fun (count, sizes, columns) ->
                    let items = [ for i, rows in List.indexed sizes -> normal i (rows :: columns) ]
                    let expected = torch.cat (List.toArray items)

                    let found =
                        Jobs.run count Seq.singleton (fun _ ->
                            items |> Ranks.rows Placement.cpu64 (fun t -> List.ofArray (t.split 2L)))

                    for rows in found do
                        close "rows" 0.0 expected rows)

            property "sums, and whether something is so for any" 20 (Gen.zip ranks seeds) (fun (count, seed) ->
                let own rank = Array.init 3 (fun i -> float ((seed + rank * i) % 97))
                let expected = List.init count own |> List.reduce (Array.map2 (+))
                let asked = seed % (2 * count)

                for sum, any in Jobs.run count none (fun rank -> Ranks.numbers (own rank), Ranks.any (rank = asked)) do
                    Expect.equal sum expected "sum"
                    Expect.equal any (asked < count) "any")

            property
                "the first rank's word is everyone's, and it alone works"
                20
                (Gen.zip ranks seeds)
                (fun (count, seed) ->
                    let worked = System.Collections.Concurrent.ConcurrentBag<int>()

                    let found =
                        Jobs.run count none (fun rank ->
                            let text =
                                Ranks.ofFirst id id (fun () ->
                                    worked.Add rank
                                    Expect.equal (Ranks.count ()) 1 "ranks of one at work"
                                    $"ζ {seed}")

                            text, Ranks.whole (fun () -> seed), Ranks.isSo (fun () -> seed % 2 = 0))

                    Expect.equal found (List.replicate count ($"ζ {seed}", seed, seed % 2 = 0)) "words"
                    Expect.equal (List.ofSeq worked) [ 0 ] "ranks that worked")

            property
                "texts that one rank knows each come to all"
                20
                (Gen.zip ranks (Gen.listOf (Gen.elements [ ""; "a"; "ζ = 1"; "{}" ])))
                (fun (count, texts) ->
                    let found =
                        Jobs.run count none (fun _ -> List.indexed texts |> Ranks.share |> Ranks.texts texts.Length)

                    for all in found do
                        Expect.equal (List.ofArray all) texts "texts")

            testCase "the first rank's failure is everyone's, of the same kind" (fun () ->
                let failing fault =
                    Jobs.run 3 none (fun _ ->
                        try
                            Ranks.first (fun () -> raise fault) |> ignore
                            "no failure"
                        with
                        | BadInput reason -> $"bad: {reason}"
                        | RunFailed reason -> $"failed: {reason}")

                Expect.equal (failing (BadInput "a folder")) (List.replicate 3 "bad: a folder") "bad input"
                Expect.equal (failing (RunFailed "a disk")) (List.replicate 3 "failed: a disk") "failed")

            property
                "a loss and its gradient are those of one process"
                12
                (Gen.zip3 ranks (Gen.choose (1, 40)) seeds)
                (fun (count, points, seed) ->
                    let model = Kan.create { Size = 3; Order = 3 } [ Problem.inputs problem; 4; problem.Fields.Length ]
                    let p = (Problem.modelFor problem model).Init (Key.ofSeed seed) Placement.cpu64

                    let gradient () =
                        Collocation.gradient
                            (Timed.collocation points)
                            problem
                            (Problem.modelFor problem model)
                            (Key.ofSeed seed)
                            p

                    let loss, g = gradient ()

                    let found =
                        Jobs.run count (fun (loss, g) -> Seq.append [ loss ] (Params.tensors g)) (fun _ -> gradient ())

                    for other, h in found do
                        close "loss" 1e-12 loss other
                        closeTrees "gradient" 1e-9 g h

                    sameBits (List.map snd found))

            testCase "CUDA devices are dealt to the processes of a machine" (fun () ->
                Expect.equal [ for neighbour in 0..4 -> Placement.cudaOf 3 neighbour ] [ 0; 1; 2; 0; 1 ] "of three"
                Expect.equal (Placement.cudaOf 1 7) 0 "of one")
        ]
