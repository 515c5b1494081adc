/// Placements by name, and conversions between arrays and tensors.
module MetaKan.Tests.PlacementTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp

let private same (expected: Placement) (place: Placement) =
    Expect.equal (string place.Device, place.DType) (string expected.Device, expected.DType) "placement"

/// Shapes of two factors, and whether they fit.
let private shapes =
    gen {
        let size = Gen.choose (1, 4)
        let! inner, other = Gen.zip size size
        let! batch = Gen.listOf size |> Gen.map (List.truncate 1)
        let! left = Gen.zip size (Gen.elements [ true; false ])
        let! right = Gen.elements [ []; [ 3 ] ]
        let left = if snd left then batch @ [ fst left ] else []
        return left @ [ inner ], (if right.IsEmpty then [ other ] else other :: right), inner = other
    }

let tests =
    testList
        "Tensors.Placement"
        [
            testCase "placements are named as people name them" (fun () ->
                same Placement.cpu64 (Placement.named "cpu" "float64")
                same Placement.cpu32 (Placement.named "cpu" "float32")

                Expect.equal
                    ((Placement.named "auto" "float32").Device.``type`` = DeviceType.CUDA)
                    (torch.cuda.is_available ())
                    "device")

            testCase "other names are refused with what is accepted" (fun () ->
                let refusal device dtype = messageOf<BadInput>(fun () -> Placement.named device dtype |> ignore)
                Expect.equal (refusal "gpu" "float32") "device takes cpu, cuda or auto, not 'gpu'" "refusal"
                Expect.equal (refusal "cpu" "half") "dtype takes float32 or float64, not 'half'" "refusal"

                if not (torch.cuda.is_available ()) then
                    Expect.stringContains (refusal "cuda" "float32") "no CUDA device" "refusal")

            testCase "arrays become tensors and come back" (fun () ->
                use _ = torch.NewDisposeScope()
                let values = [| 1.0; -2.5; 3.0; 0.1; 5.0; 6.0 |]
                let t = Tensor.ofArray Placement.cpu64 [ 2L; 3L ] values
                same Placement.cpu64 (Placement.ofTensor t)
                Expect.equal (Tensor.item t[1, 0]) 0.1 "element"
                Expect.equal (Tensor.toArray t) values "elements"
                // Row-major also where the memory is not.
                Expect.equal (Tensor.toArray (t.t ())) [| 1.0; 0.1; -2.5; 5.0; 3.0; 6.0 |] "elements"
                Expect.isEmpty (Tensor.toArray (t.narrow (0L, 0L, 0L))) "none"
                let single = Placement.put Placement.cpu32 t
                Expect.equal single.dtype torch.float32 "precision"
                Expect.equal (Tensor.item single[1, 0]) (float 0.1f) "element")

            property "products of what fits are libtorch's, of anything else an error" 60 shapes (fun (a, b, fits) ->
                let a, b = normal 1 a, normal 2 b

                if fits then
                    close "product" 1e-14 (torch.matmul (a, b)) (Tensor.product a b)
                    Expect.throwsT<ArgumentException> (fun () -> Tensor.product (a.float ()) b |> ignore) "types"
                else
                    Expect.throwsT<ArgumentException> (fun () -> Tensor.product a b |> ignore) "sizes")

            testCase "only results survive a scope" (fun () ->
                use _ = torch.NewDisposeScope()

                let (kept, other), dropped =
                    Tensor.scoped (fun (results, _) -> [ fst results ]) (fun () ->
                        (torch.ones 2L, torch.ones 2L), torch.ones 2L)

                Expect.isFalse kept.IsInvalid "the result lives"
                Expect.isTrue other.IsInvalid "the other tensor is disposed"
                Expect.isTrue dropped.IsInvalid "the dropped tensor is disposed")
        ]
