namespace MetaKan

open System.Collections.Concurrent
open System.Threading
open System.Threading.Tasks
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

    // `work` on every item, at most `ahead` of them beyond those that `take` has taken: it takes the results in the items'
    // order. The first failure in order is raised.
    let private inOrder
        (ahead: int)
        (device: torch.Device)
        (results: 'b -> Tensor seq)
        (work: 'a -> 'b)
        (take: 'b -> unit)
        (items: 'a list)
        : unit =
        let piece item = (fun () -> work item) |> Tensor.scoped results

        if count device < 2 || items.Length < 2 then
            for item in items do
                take (piece item)
        else
            start (count device)
            let scope = torch.CurrentDisposeScope
            let items = List.toArray items
            let found = items |> Array.map (fun _ -> TaskCompletionSource<'b>())

            let begin' i =
                queue.Add(fun () ->
                    try
                        found[i].SetResult(piece items[i])
                    with error ->
                        found[i].SetException error)

            let mutable begun = min ahead items.Length

            for i in 0 .. begun - 1 do
                begin' i

            try
                for result in found do
                    let value = result.Task.GetAwaiter().GetResult()

                    if not (isNull scope) then
                        scope.Attach(results value |> Seq.cast<System.IDisposable>) |> ignore

                    take value

                    if begun < items.Length then
                        begin' begun
                        begun <- begun + 1
            finally
                // No work goes on after a failure.
                for result in Array.truncate begun found do
                    result.Task.ContinueWith(ignore<Task<'b>>, TaskContinuationOptions.ExecuteSynchronously).Wait()

    /// `work` on every item, several at a time where threads are hired; the results in the items' order. Of the tensors
    /// made, those that `results` names survive, in the caller's dispose scope. The first failure in order is raised.
    let map (device: torch.Device) (results: 'b -> Tensor seq) (work: 'a -> 'b) (items: 'a list) : 'b list =
        let found = ResizeArray<'b>()
        inOrder items.Length device results work found.Add items
        List.ofSeq found

    /// The sum of several losses and that of their gradients, each worked out by `work`; added in the items' order. Beside the
    /// sum there are never more gradients than run at once.
    let gradient (device: torch.Device) (work: 'a -> Tensor * Params) (items: 'a list) : Tensor * Params =
        let mutable sum = None

        let add (more: Tensor, h: Params) =
            match sum with
            | None -> sum <- Some(more, h)
            | Some(loss: Tensor, g: Params) ->
                for KeyValue(name, t) in g do
                    t.add_ h[name] |> ignore

                Params.dispose h
                sum <- Some(loss + more, g)

        items
        |> inOrder (count device) device (fun (loss, g) -> Seq.append [ loss ] (Params.tensors g)) work add

        sum.Value
