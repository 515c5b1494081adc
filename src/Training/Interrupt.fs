// Ctrl-C, SIGTERM and SIGHUP as a question that a run asks between its steps, so that it ends with everything saved.
[<RequireQualifiedAccess>]
module internal MetaKan.Interrupt

open System
open System.Runtime.InteropServices
open System.Threading

/// Whether the process was asked to end since this value was made. A second signal of a kind ends it at once.
type Watch() =
    let mutable heard: Set<PosixSignal> = Set.empty

    let handle (context: PosixSignalContext) =
        context.Cancel <- not (heard.Contains context.Signal)
        heard <- heard.Add context.Signal

    let registrations =
        [ PosixSignal.SIGINT; PosixSignal.SIGTERM; PosixSignal.SIGHUP ]
        |> List.map (fun signal -> PosixSignalRegistration.Create(signal, Action<_> handle))

    member _.Asked = not heard.IsEmpty

    interface IDisposable with
        member _.Dispose() = registrations |> List.iter _.Dispose()

// The runs at work that signals end, and the watch that they share.
let private gate = Lock()
let mutable private runs = 0
let mutable private watch: Watch option = None

/// Whether the runs that signals end were asked to.
let asked () : bool = watch |> Option.exists _.Asked

/// Works on a run that signals end. Once it is saved, the process goes as the signal had it go, with exit code 1: after `told`,
/// and not before other such runs are saved too.
let ending (told: unit -> unit) (work: unit -> 'a) : 'a =
    lock gate (fun () ->
        runs <- runs + 1
        watch <- watch |> Option.orElseWith (fun () -> Some(new Watch())))

    let left () =
        lock gate (fun () ->
            let stopped = asked ()
            runs <- runs - 1

            if runs = 0 && not stopped then
                watch |> Option.iter (fun it -> (it :> IDisposable).Dispose())
                watch <- None

            stopped, runs)

    // The last run to leave takes the process with it, whatever became of it: others that were saved wait for that.
    let leave (saved: unit -> unit) =
        match left () with
        | false, _ -> ()
        | true, others ->
            try
                saved ()
            finally
                if others = 0 then
                    exit 1

            Thread.Sleep Timeout.Infinite

    let result =
        try
            work ()
        with fault ->
            leave (fun () -> eprintfn $"metakan: {fault.Message}")
            reraise ()

    leave told
    result
