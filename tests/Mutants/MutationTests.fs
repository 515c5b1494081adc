/// Where faults can be put into source, and where not.
module MetaKan.Tests.MutationTests

open Expecto
open FsCheck.FSharp
open MetaKan.Tests
open MetaKan.Tests.Mutation
open MetaKan.Tests.Numeric

/// The texts that a text becomes.
let private mutants (text: string) = faults text |> List.map (apply text)

let private pieces =
    [
        "a + b", true
        "x < 0.5 && y > 2", true
        "not (f x)", true
        "List.rev xs", true
        "max 1 (-n)", true
        "// a + b\n", false
        "/// 1 < 2\n", false
        "(* 3 * 4 *)", false
        "/* 5 - 6 */", false
        "\"7 + 8 \\\" - 9\"", false
        "\"\"\"1 \" + 2\"\"\"", false
        "$\"{x} + 10\"", false
        "@\"\\d + 1\"", false
        "'-'", false
        "[<Literal(3)>]", false
        "\n#nowarn \"9\"\n", false
        "List<int>", false
        "x1 y'2", false
    ]

let tests =
    testList
        "Mutants.Mutation"
        [
            Check.theory
                "a piece of code becomes these"
                [
                    "a + b", [ "a - b" ]
                    "a - b", [ "a + b" ]
                    "a * b / c", [ "a / b / c"; "a * b * c" ]
                    "a < b || c >= d", [ "a <= b || c >= d"; "a < b && c >= d"; "a < b || c > d" ]
                    "not (a > b)", [ "(a > b)"; "not (a >= b)" ]
                    "min a (cos b)", [ "max a (cos b)"; "min a (sin b)" ]
                    "f -x", [ "f x" ]
                    "f 3L", [ "f 4L" ]
                    "f 0.25f 0.0 1e-3 9",
                    [ "f 0.50f 0.0 1e-3 9"; "f 0.25f 1.0 1e-3 9"; "f 0.25f 0.0 2e-3 9"; "f 0.25f 0.0 1e-3 10" ]
                    "xs |> List.rev |> f", [ "xs |> id |> f" ]
                    "Array<int> -> 'T option", []
                    "0xFFu &&& x.Item1", []
                ]
                (fun (text, expected) -> Expect.equal (mutants text) expected "faults")

            property
                "what is no code has no faults, and what is has them where it stands"
                100
                (Gen.nonEmptyListOf (Gen.elements pieces))
                (fun chosen ->
                    let text = chosen |> List.map fst |> String.concat "\n"

                    let expected =
                        chosen
                        |> List.indexed
                        |> List.collect (fun (i, (piece, _)) ->
                            let around part = chosen |> List.mapi (fun j (p, _) -> if i = j then part else p)
                            mutants piece |> List.map (around >> String.concat "\n"))

                    Expect.equal (mutants text) expected "faults"

                    for piece, isCode in chosen do
                        Expect.equal (not (List.isEmpty (faults piece))) isCode piece

                    for fault in faults text do
                        let line = text[.. fault.Start - 1] |> Seq.filter ((=) '\n') |> Seq.length
                        Expect.equal fault.Line (line + 1) "line")

            property "a seed decides an order of all" 20 seeds (fun seed ->
                let all = [ for i in 0..50 -> (if i % 10 = 0 then "rare" else "common"), i ]
                let once = shuffled seed fst all
                Expect.equal (shuffled seed fst all) once "again"
                Expect.equal (List.sort once) (List.sort all) "all of them"
                Expect.notEqual (shuffled (seed + 1) fst all) once "another seed")
        ]
