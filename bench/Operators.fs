/// What one operator call costs: small tensors, so that the time is the call's own, and a few larger ones beside them.
module MetaKan.Bench.Operators

open System
open System.Diagnostics
open TorchSharp

type private F = torch.nn.functional

/// x + 1, written as a custom function: the cost of crossing into .NET and back.
type private Successor() =
    inherit torch.autograd.SingleTensorFunction<Successor>()
    override _.Name = "successor"
    override _.forward(_, vars) = (vars[0] :?> torch.Tensor) + 1.0
    override _.backward(_, grad) = ResizeArray [ grad ]

/// The least and the middle of 31 repeats, each the mean over `calls` calls in a dispose scope, in µs; warmed up before.
/// On a machine that does other work beside, the least is the call's own cost.
let private microseconds (calls: int) (call: unit -> unit) =
    let repeat () =
        let clock = Stopwatch.StartNew()

        using (torch.NewDisposeScope()) (fun _ ->
            for _ in 1..calls do
                call ())

        clock.Elapsed.TotalMicroseconds / float calls

    for _ in 1..100 do
        repeat () |> ignore

    let times = Array.init 31 (fun _ -> repeat ()) |> Array.sort
    times[0], times[15]

let private row (name: string) (calls: int) (call: unit -> 'a) =
    let least, middle = microseconds calls (call >> ignore)
    printfn $"%-34s{name}%10.2f{least}%10.2f{middle}"

/// Prints the table.
let run () =
    use _ = torch.NewDisposeScope()
    let small () = torch.ones 4L
    let a, b = small (), small ()
    let matrix = torch.ones (4L, 4L)
    let wide = torch.ones (128L, 128L)
    let leaf = (small ()).requires_grad_ true

    printfn "%-34s%10s%10s" "µs a call" "least" "median"
    let off = torch.no_grad ()
    row "a + b, [4]" 200 (fun () -> a + b)
    row "a.add_(b), [4]" 200 (fun () -> a.add_ b)
    row "a * 2.0, [4]" 200 (fun () -> a * 2.0)
    row "exp, [4]" 200 (fun () -> a.exp ())
    row "sum, [4]" 200 (fun () -> a.sum ())
    row "view, [4]" 200 (fun () -> a.view (2L, 2L))
    row "index [1:3], [4]" 200 (fun () -> a[torch.TensorIndex.Slice(Nullable 1L, Nullable 3L)])
    row "matmul, [4, 4]" 200 (fun () -> matrix.matmul matrix)
    row "linear, [4, 4]" 200 (fun () -> F.linear (matrix, matrix, a))
    row "shape" 200 (fun () -> a.shape)
    row "tensor of an array, [4]" 200 (fun () -> torch.tensor [| 1.0f; 2.0f; 3.0f; 4.0f |])
    row "exp, [128, 128]" 20 (fun () -> wide.exp ())
    row "matmul, [128, 128]" 20 (fun () -> wide.matmul wide)
    off.Dispose()
    row "a + b recording gradients, [4]" 200 (fun () -> leaf + b)
    row "grad of exp and sum, [4]" 50 (fun () -> torch.autograd.grad ([| leaf.exp().sum() |], [| leaf |]))
    row "custom function, [4]" 200 (fun () -> Successor.apply leaf)

    row "grad of custom function, [4]" 50 (fun () ->
        torch.autograd.grad ([| (Successor.apply leaf).sum() |], [| leaf |]))
