/// How far a run is, on stderr: a bar on a terminal, else a line now and then.
module MetaKan.Cli.Progress

open System
open System.Diagnostics
open System.Globalization
open System.IO
open System.Threading.Tasks
open Spectre.Console

/// A time span as people read it: 0:42, 12:05, 1:30:00.
let private clock (seconds: float) =
    let span = TimeSpan.FromSeconds(min seconds 3.6e8)
    let hours = int span.TotalHours

    if hours > 0 then
        $"{hours}:{span.Minutes:D2}:{span.Seconds:D2}"
    else
        $"{span.Minutes}:{span.Seconds:D2}"

let private short (x: float) = x.ToString("G3", CultureInfo.InvariantCulture).Replace("E", "e")

/// The state of a run in words, after `before + fresh` of `total` steps, `fresh` of them in `seconds`.
let describe (total: int) (before: int) (fresh: int) (loss: float) (error: float option) (seconds: float) : string =
    let step = before + fresh
    let rate = float fresh / seconds
    let digits = if rate < 10.0 then "0.##" else "0"
    let speed = rate.ToString(digits, CultureInfo.InvariantCulture)

    [
        $"step {step}/{total}"
        $"loss {short loss}"
        match error with
        | Some error -> $"error {short error}"
        | None -> ()
        $"{speed} steps/s"
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

/// Shows the progress of a run of `total` steps on `out`. A step costs a look at the clock, and nothing is asked for
/// its loss but at the few steps that are shown: ten a second as a `live` bar; as lines, one every 5 % or 10 s. The
/// heading, a line, comes with the first step; none where it is empty.
type Display(total: int, heading: string, out: TextWriter, live: bool) =
    let started = Stopwatch.StartNew()
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

    let show step loss seconds =
        let text = describe total before (step - before) loss error seconds

        if live then
            task.Description <- text
            task.Value <- float step
            dueTime <- started.Elapsed.TotalSeconds + 0.1
        else
            out.WriteLine text
            dueTime <- started.Elapsed.TotalSeconds + 10.0
            dueStep <- step + max 1 (total / 20)

    /// On stderr.
    new(total: int, heading: string) =
        new Display(
            total,
            heading,
            Console.Error,
            isLive Console.IsErrorRedirected (Environment.GetEnvironmentVariable >> Option.ofObj)
        )

    /// `step` steps of the run are done, those before a resumption included.
    member _.Step(step: int, loss: Lazy<float>) : unit =
        if before < 0 then
            before <- step - 1
            dueStep <- step

            if heading <> "" then
                if live then console.Value.WriteLine heading else out.WriteLine heading

        let seconds = started.Elapsed.TotalSeconds

        if step >= total then
            last <- Some(step, loss.Value, seconds)
        elif seconds >= dueTime || not live && step >= dueStep then
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
