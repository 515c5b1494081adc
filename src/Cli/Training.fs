/// How a command that trains tells of its run, from its start to its end.
module MetaKan.Cli.Training

open System
open System.Text.Json.Nodes
open MetaKan

/// How a run is told, by `--quiet` and `--json`: where its progress goes, and whether its result is JSON, too.
let view (quiet: bool) (json: bool) : Progress.View =
    let variable = Environment.GetEnvironmentVariable >> Option.ofObj

    match quiet, json with
    | true, true -> raise (BadInput "--quiet goes without --json")
    | true, false -> Progress.View.Silent
    | false, true -> Progress.View.Json
    | false, false when Progress.isLive Console.IsErrorRedirected variable -> Progress.View.Live
    | _ -> Progress.View.Lines

/// Trains with the progress shown, as JSON on stdout, else on stderr, and to those who watch it live.
let shown
    (view: Progress.View)
    (live: Live.Server)
    (heading: Progress.Heading)
    (steps: int)
    (train: Progress.Display -> 'run)
    : 'run =
    live.Show(heading.Folder, steps)
    let out = Terminal.lenient (if view = Progress.View.Json then Console.Out else Console.Error)
    use progress = new Progress.Display(steps, heading, out, view)
    train progress

/// Writes the report of a run that ended and tells its result, for people by these lines, and the exit code. Raises RunFailed
/// where the run did not come to its end.
let concluded
    (view: Progress.View)
    (task: string)
    (folder: string)
    (outcome: Outcome)
    (result: JsonObject)
    (lines: unit -> string list)
    : int =
    Ranks.first (fun () -> Report.write folder) |> ignore

    if view = Progress.View.Json then
        [ "folder", RunFolder.node folder; "result", result :> JsonNode ]
        |> Progress.event "result"
        |> printfn "%s"

    match outcome with
    | Completed ->
        if view <> Progress.View.Json then
            lines () |> List.iter (Terminal.plain >> printfn "%s")

        0
    | Stopped -> raise (RunFailed $"stopped; go on with metakan {task} --resume {folder}")
    | Diverged loss -> raise (RunFailed $"the loss became {loss}: the run diverged; {folder} keeps the last good state")
