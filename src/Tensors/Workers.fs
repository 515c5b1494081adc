namespace MetaKan

open System.Collections.Concurrent
open System.Runtime.ExceptionServices
open System.Threading
open TorchSharp

/// Data parallelism on a CPU: a step over small tensors spends more time between operators than inside them, so parts
/// of a batch on a thread each beat many threads inside each operator.
[<RequireQualifiedAccess>]
module Workers =
    // Threads of their own, because libtorch keeps a thread count for each thread and setting it is not free.
    let private queue = new BlockingCollection<unit -> unit>()
    let private started = ref 0

    let private serve () =
        torch.set_num_threads 1

        for job in queue.GetConsumingEnumerable() do
            job ()

    let private start (threads: int) =
        lock started (fun () ->
            while started.Value < threads do
                Thread(serve, IsBackground = true, Name = "MetaKan worker").Start()
                started.Value <- started.Value + 1)

    // What `hire` has hired on this thread.
    let private hired = new ThreadLocal<int>(fun () -> 1)

    /// Runs a computation on this thread in which `map` may use as many threads as libtorch had for one operator, which
    /// here gets one: threads inside and outside operators would compete for the cores.
    let hire (computation: unit -> 'a) : 'a =
        let threads, before = torch.get_num_threads (), hired.Value

        if threads < 2 then
            computation ()
        else
            torch.set_num_threads 1
            hired.Value <- threads

            try
                computation ()
            finally
                hired.Value <- before
                torch.set_num_threads threads

    /// How many pieces of work for a device run at once: one outside `hire`, and on a GPU, which has a queue of its own.
    let count (device: torch.Device) : int = if Host.holds device then hired.Value else 1

    /// `work` on every item, several at a time where threads are hired; the results in the items' order. Of the tensors
    /// made, those that `results` names survive, in the caller's dispose scope. The first failure in order is raised.
    let map (device: torch.Device) (results: 'b -> Tensor seq) (work: 'a -> 'b) (items: 'a list) : 'b list =
        let piece item = (fun () -> work item) |> Tensor.scoped results

        if count device < 2 || items.Length < 2 then
            items |> List.map piece
        else
            start (count device)
            let found = Array.zeroCreate<Result<'b, ExceptionDispatchInfo>> items.Length
            use left = new CountdownEvent(items.Length)

            for i, item in List.indexed items do
                queue.Add(fun () ->
                    found[i] <-
                        try
                            Ok(piece item)
                        with error ->
                            Error(ExceptionDispatchInfo.Capture error)

                    left.Signal() |> ignore)

            left.Wait()
            let scope = torch.CurrentDisposeScope

            [
                for result in found do
                    match result with
                    | Ok value ->
                        if not (isNull scope) then
                            scope.Attach(results value |> Seq.cast<System.IDisposable>) |> ignore

                        value
                    | Error error -> error.Throw()
            ]

    /// The sum of several losses and that of their gradients, each worked out by `work`; added in the items' order.
    let gradient (device: torch.Device) (work: 'a -> Tensor * Params) (items: 'a list) : Tensor * Params =
        items
        |> map device (fun (loss, g) -> Seq.append [ loss ] (Params.tensors g)) work
        |> List.reduce (fun (loss, g) (more, h) -> loss + more, g |> Map.map (fun name t -> t.add_ h[name]))
