/// How far a run is: a bar on a terminal, a line now and then, or JSON for programs.
module MetaKan.Cli.Progress

open System
open System.Diagnostics
open System.Globalization
open System.IO
open System.Text.Json.Nodes
open System.Threading.Tasks
open MetaKan
open Spectre.Console

/// A time span as people read it: 0:42, 12:05, 1:30:00.
let clock (seconds: float) =
    let span = TimeSpan.FromSeconds(min seconds 3.6e8)
    let hours = int span.TotalHours

    if hours > 0 then
        $"{hours}:{span.Minutes:D2}:{span.Seconds:D2}"
    else
        $"{span.Minutes}:{span.Seconds:D2}"

/// Steps in a second.
let speed (rate: float) : string =
    let digits = if rate < 10.0 then "0.##" else "0"
    $"{rate.ToString(digits, CultureInfo.InvariantCulture)} steps/s"

let private short (x: float) = x.ToString("G3", CultureInfo.InvariantCulture).Replace("E", "e")

/// The state of a run in words, after `before + fresh` of `total` steps, `fresh` of them in `seconds`.
let describe (total: int) (before: int) (fresh: int) (loss: float) (error: float option) (seconds: float) : string =
    let step = before + fresh
    let rate = float fresh / seconds

    [
        $"step {step}/{total}"
        $"loss {short loss}"
        match error with
        | Some error -> $"error {short error}"
        | None -> ()
        speed rate
        if step < total then $"{clock (float (total - step) / rate)} left" else $"in {clock seconds}"
    ]
    |> String.concat "  "

let private bar (console: IAnsiConsole) =
    console
        .Progress()
        .HideCompleted(false)
        .Columns(ProgressBarColumn(Width = 24), PercentageColumn(), TaskDescriptionColumn(Alignment = Justify.Left))

/// Whether progress is shown live, on a terminal: not in a file or pipe, in CI, or where TERM is dumb.
let isLive (redirected: bool) (variable: string -> string option) : bool =
    not redirected && variable "TERM" <> Some "dumb" && (variable "CI").IsNone

/// How a run is told while it goes on.
[<RequireQualifiedAccess>]
type View =
    /// A bar, on a terminal.
    | Live
    /// A line now and then.
    | Lines
    /// The same as objects of JSON, a line each.
    | Json
    /// Not at all.
    | Silent

/// What a run is: its task, its folder, and, where there is more to say, the network and the steps; and where its live page is.
type Heading = { Task: string; Folder: string; Text: string; Live: string option }

/// An event as a line of JSON: its name, then its values. What is no finite number is null.
let event (name: string) (values: (string * JsonNode) list) : string =
    RunFolder.fields (("event", RunFolder.node name) :: values) |> RunFolder.finite |> _.ToJsonString()

/// Shows the progress of a run of `total` steps on `out`. A step costs a look at the clock, and nothing is asked for
/// its loss but at the few steps that are shown: ten a second as a bar; as lines, one every 5 % or 10 s. The heading comes with
/// the first step; none where its text is empty.
type Display(total: int, heading: Heading, out: TextWriter, view: View) =
    let started = Stopwatch.StartNew()
    let live = view = View.Live
    let mutable before = -1
    let mutable error = None
    let mutable last = None
    let mutable dueTime = 0.0
    let mutable dueStep = 0
    let ended = TaskCompletionSource()
    let mutable task: ProgressTask = null

    // Of a terminal alone.
    let console =
        lazy
            (AnsiConsoleSettings(
                Out = AnsiConsoleOutput out,
                Ansi = AnsiSupport.Yes,
                Interactive = InteractionSupport.Yes
             )
             |> AnsiConsole.Create)

    let shown =
        if live then
            (bar console.Value)
                .StartAsync(fun context ->
                    task <- context.AddTask("step 0", maxValue = float (max 1 total))
                    ended.Task)
        else
            Task.CompletedTask

    let begun () =
        let lines =
            [
                if heading.Text <> "" && view <> View.Silent then
                    heading.Text
                match heading.Live with
                | Some address -> $"live at {address}"
                | None -> ()
            ]

        match view with
        | View.Live -> lines |> List.iter console.Value.WriteLine
        | View.Lines
        | View.Silent -> lines |> List.iter out.WriteLine
        | View.Json ->
            [
                "task", RunFolder.node heading.Task
                "folder", RunFolder.node heading.Folder
                "text", RunFolder.node heading.Text
                "step", RunFolder.node before
                "steps", RunFolder.node total
                match heading.Live with
                | Some address -> "live", RunFolder.node address
                | None -> ()
            ]
            |> event "start"
            |> out.WriteLine

    let show step loss seconds =
        let fresh = step - before

        match view with
        | View.Live ->
            task.Description <- describe total before fresh loss error seconds
            task.Value <- float step
        | View.Lines -> out.WriteLine(describe total before fresh loss error seconds)
        | View.Json ->
            [
                "step", RunFolder.node step
                "steps", RunFolder.node total
                "loss", RunFolder.node loss
                "error", error |> Option.map RunFolder.node |> Option.toObj
                "seconds", RunFolder.node seconds
                "seconds_left", RunFolder.node (seconds / float fresh * float (total - step))
            ]
            |> event "progress"
            |> out.WriteLine
        | View.Silent -> ()

        dueTime <- started.Elapsed.TotalSeconds + (if live then 0.1 else 10.0)
        dueStep <- step + max 1 (total / 20)

    let due step seconds = view <> View.Silent && (seconds >= dueTime || not live && step >= dueStep)

    /// `step` steps of the run are done, those before a resumption included.
    member _.Step(step: int, loss: Lazy<float>) : unit =
        if before < 0 then
            before <- step - 1
            dueStep <- step
            begun ()

        let seconds = started.Elapsed.TotalSeconds

        if step >= total then
            last <- Some(step, loss.Value, seconds)
        elif due step seconds then
            show step loss.Value seconds

    /// The error last measured.
    member _.Error(value: float) : unit = error <- Some value

    interface IDisposable with
        member _.Dispose() =
            // The last step waits for the error measured after it.
            last |> Option.iter (fun (step, loss, seconds) -> show step loss seconds)
            last <- None
            ended.TrySetResult() |> ignore
            shown.Wait()
