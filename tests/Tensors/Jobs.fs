/// Jobs of several ranks in this process, a thread each, in the place of MPI's.
module MetaKan.Tests.Jobs

open System
open System.Threading
open MetaKan
open TorchSharp

/// Works on as many ranks as are asked for, each a thread with operators on one; their results in the ranks' order, tensors of
/// which live on. The first failure is raised once all ended: ranks that wait for one that failed give up.
let run (count: int) (tensors: 'a -> Tensor seq) (work: int -> 'a) : 'a list =
    use meeting = new Barrier(count)

    let meet () =
        if not (meeting.SignalAndWait(TimeSpan.FromSeconds 60.0)) then
            failwith "a rank waits in vain"

    let sums = Array.zeroCreate<float[]> count
    let bytes = ref Array.empty<byte>

    let job rank : Job =
        {
            Rank = rank
            Count = count
            Sum =
                fun t ->
                    sums[rank] <- Tensor.toArray t
                    meet ()
                    let sum = Array.reduce (Array.map2 (+)) sums
                    meet ()

                    t.copy_ (Tensor.ofArray (Placement.ofTensor t) (List.ofArray (Tensor.shape t)) sum) |> ignore
            Spread =
                fun own ->
                    if rank = 0 then
                        bytes.Value <- own

                    meet ()
                    Array.blit bytes.Value 0 own 0 own.Length
                    meet ()
            Meet = meet
        }

    let found = Array.zeroCreate<Result<'a, exn>> count

    let thread rank =
        Thread(fun () ->
            torch.set_num_threads 1

            found[rank] <-
                try
                    Ok(Ranks.within (job rank) (fun () -> Tensor.scoped tensors (fun () -> work rank)))
                with fault ->
                    Error fault)

    let threads = List.init count thread
    threads |> List.iter _.Start()
    threads |> List.iter _.Join()

    [
        for result in found do
            match result with
            | Ok value -> value
            | Error fault -> raise fault
    ]
