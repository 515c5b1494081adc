/// Every computation on libtorch's meta device: a tensor of the CPU among those of another device is a mistake that only
/// other devices show. Operators that compare devices there are held by this; what multiplies matrices or joins tensors does
/// not compare them there, and is held by HostTests.
module MetaKan.Tests.MetaTests

open System.Runtime.InteropServices
open Expecto
open MetaKan
open MetaKan.Tests.Computations
open TorchSharp

let private meta = { Device = torch.META; DType = torch.float32 }

let private shapes (results: (string * Tensor) list) = [ for name, t in results -> name, List.ofArray t.shape, t.dtype ]

/// What libtorch says where it lacks an operator, or numbers.
let private known =
    [
        "no fake impl or Meta kernel"
        "convolution_overrideable not implemented"
        "Cannot copy out of meta tensor"
    ]

let private runs (computation: Computation) =
    use _ = torch.NewDisposeScope()

    match computation.OnMeta with
    | Nowhere -> invalidOp "a computation that names its device"
    | Stops ->
        // Another libtorch may come further.
        try
            computation.Run meta |> ignore
        with :? ExternalException as stop when known |> List.exists stop.Message.Contains ->
            ()
    | Through ->
        let results = computation.Run meta

        for name, t in results do
            Expect.equal t.device_type DeviceType.META $"device of {name}"

        let onCpu = computation.Run Placement.cpu32
        Expect.equal (shapes results) (shapes onCpu) "names, shapes and types"

let private refuses name (mixed: Tensor -> Tensor -> Tensor) =
    testCase name (fun () ->
        use _ = torch.NewDisposeScope()
        let here = torch.ones (2L, 2L)
        let there = here.``to`` torch.META

        let message =
            try
                string (mixed there here).device_type
            with :? ExternalException as refusal ->
                refusal.Message

        Expect.stringContains message "to be on the same device" "what libtorch says of two devices")

let tests =
    testList
        "Placement.Meta"
        [
            testList
                "two devices are refused"
                [
                    refuses "sum" (fun a b -> a + b)
                    refuses "product, in place" (fun a b -> a.mul_ b)
                    refuses "addcmul" (fun a b -> a.addcmul (a, b, (1.0).ToScalar()))
                    refuses "comparison" (fun a b -> a.ge b)
                    refuses "mean square" (fun a b -> torch.nn.functional.mse_loss (a, b))
                ]

            testList
                "comes out on the device"
                [ for c in all |> List.filter (fun c -> c.OnMeta <> Nowhere) -> testCase c.Name (fun () -> runs c) ]
        ]
