/// Functions of rows give in blocks and on threads what they give at once.
module MetaKan.Tests.RowsTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

// y = a·sin(a b) + c, with a shared c, as a rule that claims to need `numbers` per row.
let private f (rows: Tensor[]) (shared: Tensor[]) = rows[0] * (rows[0] * rows[1]).sin() + shared[0]

let private rule (numbers: int64) = Rows.ofFunction (fun _ -> numbers) (fun rows _ -> rows[0].shape[1..]) f

let private cases =
    Gen.zip3 (Gen.choose (0, 9)) (Gen.elements [ 1L; 65536L; 131072L; 262144L; 10000000L ]) seeds

let private inputs (n, seed) = [ normal seed [ n; 3 ]; normal (seed + 1) [ n; 3 ]; normal (seed + 2) [ 3 ] ]

let private gradients (compute: Tensor list -> Tensor) (inputs: Tensor list) (cotangent: Tensor) =
    let tracked = inputs |> List.map (fun t -> t.detach().requires_grad_ true)
    let y = compute tracked
    y.detach (), List.ofSeq (torch.autograd.grad ([| y |], List.toArray tracked, [| cotangent |]))

let private agrees (n, numbers, seed) =
    let inputs = inputs (n, seed)
    let cotangent = normal (seed + 3) [ n; 3 ]
    let expected, by = gradients (fun t -> f [| t[0]; t[1] |] [| t[2] |]) inputs cotangent
    let actual, found = gradients (fun t -> Rows.apply (rule numbers) t[..1] t[2..]) inputs cotangent
    close "value" 1e-14 expected actual
    List.iter2 (close "gradient" 1e-12) by found

/// One after another: the number of threads is the process's.
let tests =
    testSequenced
    <| testList
        "Tensors.Rows"
        [
            property "blocks of any size give the function's value and gradients" 60 cases agrees

            testCase "threads give the function's value and gradients" (fun () ->
                hired 3 (fun () -> forAll 40 cases agrees))

            testCase "inputs without gradients get none, and nothing records them" (fun () ->
                use _ = torch.NewDisposeScope()
                let t = inputs (5, 1)
                Expect.isFalse ((Rows.apply (rule 131072L) t[..1] t[2..]).requires_grad) "nothing is recorded"
                let tracked = t[1].clone().requires_grad_ true
                let y = Rows.apply (rule 131072L) [ t[0]; tracked ] t[2..]
                let expected = t[0] * t[0] * (t[0] * t[1]).cos()
                close "gradient" 1e-12 expected (torch.autograd.grad([| y.sum () |], [| tracked |])[0]))

            testCase "a second derivative is refused" (fun () ->
                use _ = torch.NewDisposeScope()
                let t = inputs (4, 1)
                let tracked = t[0].clone().requires_grad_ true
                let y = Rows.apply (rule 1L) [ tracked; t[1] ] t[2..]

                Expect.throwsC (fun () -> gradient y tracked |> ignore) (fun failure ->
                    Expect.stringContains (failure.ToString()) "first derivative only" "failure"))
        ]
