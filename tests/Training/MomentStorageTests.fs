/// Running means that are kept in few bytes: exact where their code is, close to those in full elsewhere.
module MetaKan.Tests.MomentStorageTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private reduced = [ MomentStorage.Bytes; MomentStorage.Factored ]

let private adam storage beta1 beta2 =
    Optimizer.chain
        [
            Transform.adam storage { Beta1 = beta1; Beta2 = beta2; Epsilon = 1e-12 }
            Transform.scale (fun _ -> Schedule.constant 0.01)
        ]

/// Parameters and memory after a step for each gradient, from zero.
let private after (optimizer: Optimizer) (gradients: Tensor list) : Tensor * Params =
    let start: Params = Map [ "w", torch.zeros_like gradients.Head ]

    ((start, optimizer.Init start), List.indexed gradients)
    ||> List.fold (fun (p, memory) (step, g) ->
        let gradient: Gradient = fun p -> torch.zeros (1L), p |> Map.map (fun _ _ -> g)
        let _, p, memory = optimizer.Update step gradient p memory
        p, memory)
    |> fun (p, memory) -> p["w"], memory

let private bytesOf (memory: Params) = memory.Values |> Seq.sumBy (fun t -> t.numel () * int64 (t.dtype.ElementSize()))

let private farthest (a: Tensor) (b: Tensor) = Tensor.item ((a - b).abs().max())

/// Sizes of matrices with more than 4,096 numbers, most of which fill no whole blocks.
let private sizes = Gen.zip (Gen.choose (65, 90)) (Gen.choose (65, 90))

let tests =
    testList
        "Training.MomentStorage"
        [
            property
                "steps stay close to those of means kept in full, in fewer bytes"
                8
                (Gen.zip seeds sizes)
                (fun (seed, (rows, columns)) ->
                    use _ = torch.NewDisposeScope()
                    // Sizes from 1e-4 to 1 in one tensor, and a direction that lasts beside noise.
                    let scale = (uniform (seed + 1) (-9.2, 0.0) [ rows; columns ]).exp()
                    let lasting = normal (seed + 2) [ rows; columns ]

                    let gradients = [ for n in 1..12 -> (lasting + normal (seed + 2 + n) [ rows; columns ]) * scale ]

                    let numbers = int64 rows * int64 columns
                    let full, memory = after (adam MomentStorage.Full 0.9 0.999) gradients
                    Expect.equal (bytesOf memory) (16L * numbers) "bytes in full"

                    let bytes, memory = after (adam MomentStorage.Bytes 0.9 0.999) gradients
                    let apart = Tensor.item ((bytes - full).norm() / full.norm ())
                    Expect.isLessThan apart 0.05 "of bytes"
                    Expect.isGreaterThan apart 0.0 "of bytes"
                    Expect.isLessThan (float (bytesOf memory) / float numbers) 2.3 "bytes"

                    let factored, memory = after (adam MomentStorage.Factored 0.9 0.999) gradients
                    Expect.isLessThan (float (bytesOf memory) / float numbers) 1.6 "bytes, factored"
                    Expect.isTrue (Tensor.item ((factored * full).sum()) > 0.0) "of rows and columns: the direction")

            property
                "the mean square of an outer product is exact in rows and columns"
                10
                (Gen.zip seeds sizes)
                (fun (seed, (rows, columns)) ->
                    use _ = torch.NewDisposeScope()
                    let product = normal seed [ rows; 1 ] * normal (seed + 1) [ 1; columns ]
                    let gradients = [ for n in 1..5 -> product * float n ]
                    // Means of the gradient itself would be in bytes.
                    let full, _ = after (adam MomentStorage.Full 0.0 0.9) gradients
                    let factored, memory = after (adam MomentStorage.Factored 0.0 0.9) gradients
                    Expect.isTrue (memory |> Map.exists (fun name _ -> name.EndsWith ".rows")) "rows"
                    Expect.isLessThan (farthest factored full) 1e-9 "apart")

            property
                "numbers that a byte has are exact: zero, and the largest of a block"
                10
                (Gen.zip seeds sizes)
                (fun (seed, (rows, columns)) ->
                    use _ = torch.NewDisposeScope()
                    let size = 1.0 + Tensor.item ((normal seed [ 1 ]).abs())

                    let sparse =
                        (uniform (seed + 1) (0.0, 1.0) [ rows; columns ]).gt(0.5.ToScalar()).``to`` torch.float64

                    let gradients = [ for n in 1..5 -> sparse * (size * float n) ]
                    let full, _ = after (adam MomentStorage.Full 0.9 0.999) gradients
                    let bytes, _ = after (adam MomentStorage.Bytes 0.9 0.999) gradients
                    Expect.isLessThan (farthest bytes full) 1e-9 "apart")

            property "small tensors are kept in full" 5 seeds (fun seed ->
                use _ = torch.NewDisposeScope()
                let gradients = [ for n in 1..4 -> normal (seed + n) [ 64; 64 ] ]
                let full, memory = after (adam MomentStorage.Full 0.9 0.999) gradients

                for storage in reduced do
                    let found, same = after (adam storage 0.9 0.999) gradients
                    Expect.equal (farthest found full) 0.0 $"{storage}"
                    Expect.equal (List.ofSeq same.Keys) (List.ofSeq memory.Keys) $"{storage}: memory")

            testCase "a start keeps its memory alone" (fun () ->
                use scope = torch.NewDisposeScope()
                let p: Params = Map [ "w", torch.ones (70L, 70L, dtype = torch.float64) ]

                for storage in MomentStorage.Full :: reduced do
                    let before = scope.DisposablesCount
                    let memory = (adam storage 0.9 0.999).Init p
                    Expect.equal (scope.DisposablesCount - before) memory.Count $"{storage}")

            testCase "gradients of zero move nothing" (fun () ->
                use _ = torch.NewDisposeScope()
                let none = torch.zeros (70L, 70L, dtype = torch.float64)

                for storage in MomentStorage.Full :: reduced do
                    let found, _ = after (adam storage 0.9 0.999) [ none; none; none ]
                    Expect.equal (Tensor.item (found.abs().max())) 0.0 $"{storage}")
        ]
