/// Every computation on the CPU in the way of other devices: by tensor operators in the place of kernels, and with nothing
/// made that has not been told where.
module MetaKan.Tests.HostTests

open System.Threading
open Expecto
open MetaKan
open MetaKan.Tests.Computations
open MetaKan.Tests.Numeric
open TorchSharp

let private agree tolerance (expected: (string * Tensor) list) (actual: (string * Tensor) list) =
    Expect.equal (List.map fst actual) (List.map fst expected) "names"

    for (name, e), (_, a) in List.zip expected actual do
        close name tolerance (e.detach().``to`` torch.float64) (a.detach().``to`` torch.float64)

/// Runs with the meta device as that of tensors made without a word of where. Whatever they meet is refused, or has no
/// numbers either.
let private withoutDefault (computation: unit -> 'a) : 'a =
    let before = torch.get_default_device ()
    torch.set_default_device torch.META

    try
        computation ()
    finally
        torch.set_default_device before

/// How many tensors this thread makes.
let private made (computation: unit -> 'a) : int64 =
    let count () =
        let counts = DisposeScopeManager.Statistics.TensorStatistics
        counts.CreatedInScopeCount + counts.CreatedOutsideScopeCount

    let before = count ()
    computation () |> ignore
    count () - before

let private path place =
    Kernel.choose place (fun () -> "kernel, double") (fun () -> "kernel, single") (fun () -> "operators")

let tests =
    testList
        "Placement.Host"
        [
            testCase "kernels serve the CPU, operators any other device and what runs as there" (fun () ->
                Expect.equal (path Placement.cpu64) "kernel, double" "on the CPU"
                Expect.equal (path Placement.cpu32) "kernel, single" "on the CPU"
                Expect.equal (path { Placement.cpu64 with Device = torch.META }) "operators" "on another device"
                Expect.equal (Host.elsewhere (fun () -> path Placement.cpu64)) "operators" "on the CPU as elsewhere"
                Expect.equal (path Placement.cpu64) "kernel, double" "afterwards"

                Expect.throws (fun () -> Host.elsewhere (fun () -> failwith "x")) "what is raised comes out"
                Expect.equal (path Placement.cpu64) "kernel, double" "after an exception")

            testCase "another thread is not concerned" (fun () ->
                let seen = ref ""
                let look = Thread(fun () -> seen.Value <- path Placement.cpu32)

                Host.elsewhere (fun () ->
                    look.Start()
                    look.Join())

                Expect.equal seen.Value "kernel, single" "on the other thread")

            testList
                "operators make many more tensors than a kernel"
                [
                    for name in
                        [
                            "functions: splines of order 3 and silu"
                            "sums over scaled edges of order 3, common knots"
                            "KAN: value and nested derivatives"
                            "MetaKAN, one generator: jet along all axes"
                            "network, stored: values"
                            "network, generated: trace and sparsity"
                            "classifier: kan"
                        ] do
                        testCase name (fun () ->
                            use _ = torch.NewDisposeScope()
                            let computation = all |> List.find (fun c -> c.Name = name)
                            let run () = computation.Run Placement.cpu64
                            let kernels = made run
                            let operators = made (fun () -> Host.elsewhere run)
                            Check.inRange (kernels + 20L) System.Int64.MaxValue operators "tensors of operators")
                ]

            testList
                "operators give what kernels give"
                [
                    for computation in all |> List.filter (fun c -> not c.Sensitive) ->
                        testCase computation.Name (fun () ->
                            use _ = torch.NewDisposeScope()
                            let run () = computation.Run Placement.cpu64
                            agree 1e-7 (run ()) (Host.elsewhere run))
                ]

            // Alone: the device of tensors that are made without a word of where is the process's, and so are threads.
            testSequenced
            <| testList
                "every tensor is made where its computation is"
                [
                    testCase "what is made without a device is found out" (fun () ->
                        withoutDefault (fun () ->
                            use _ = torch.NewDisposeScope()
                            let here = torch.ones (2L, 2L, device = torch.CPU)
                            Expect.throws (fun () -> here + torch.ones (2L, 2L) |> ignore) "a sum"
                            Expect.throws (fun () -> here + torch.tensor 1.0 |> ignore) "a sum with a single number"
                            Expect.throws (fun () -> here.index_select (0L, torch.tensor [| 1L |]) |> ignore) "rows"
                            let product = torch.matmul (here, torch.ones (2L, 2L))
                            Expect.equal product.device_type DeviceType.META "device of a product"))

                    testCase "threads that are hired have no part in it" (fun () ->
                        let threads = torch.get_num_threads ()
                        torch.set_num_threads 2

                        try
                            Workers.hire (fun () ->
                                Expect.equal (Workers.count torch.CPU) 2 "workers on the CPU"
                                let count = Host.elsewhere (fun () -> Workers.count torch.CPU)
                                Expect.equal count 1 "workers on the CPU as elsewhere")
                        finally
                            torch.set_num_threads threads)

                    for computation in all do
                        testCase computation.Name (fun () ->
                            use _ = torch.NewDisposeScope()
                            let run () = Host.elsewhere (fun () -> computation.Run Placement.cpu32)
                            let actual = withoutDefault run

                            for name, t in actual do
                                Expect.equal t.device_type DeviceType.CPU $"device of {name}"
                                Expect.notEqual t.dtype torch.float64 $"precision of {name}"

                            // Memory that nothing was written to would show. Least squares round as memory lies.
                            if not computation.Sensitive then
                                agree 1e-2 (run ()) actual)
                ]
        ]
