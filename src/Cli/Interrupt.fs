/// Ctrl-C and SIGTERM as a question that a run asks between its steps, so that it ends with everything saved.
module MetaKan.Cli.Interrupt

open System
open System.Runtime.InteropServices

/// Whether the process was asked to end since this value was made. A second Ctrl-C ends it at once.
type Watch() =
    let mutable asked = false

    let handle (context: PosixSignalContext) =
        context.Cancel <- not asked
        asked <- true

    let registrations =
        [ PosixSignal.SIGINT; PosixSignal.SIGTERM ]
        |> List.map (fun signal -> PosixSignalRegistration.Create(signal, Action<_> handle))

    member _.Asked = asked

    interface IDisposable with
        member _.Dispose() = registrations |> List.iter _.Dispose()
