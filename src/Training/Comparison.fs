namespace MetaKan

open System.IO
open System.Text.Json.Nodes

/// The page of several runs side by side: where their configurations differ, what came out, and their curves together.
[<RequireQualifiedAccess>]
module Comparison =
    /// Names that tell the runs apart: those of their folders, with as much of the path as that takes.
    let private names (folders: string list) : string list =
        let parts (folder: string) =
            Path.TrimEndingDirectorySeparator(Path.GetFullPath folder).Split Path.DirectorySeparatorChar
            |> Array.rev

        let short count folder = parts folder |> Array.truncate count |> Array.rev |> String.concat "/"
        let longest = folders |> List.map (parts >> Array.length) |> List.max
        let apart count = List.distinct (List.map (short count) folders) = List.map (short count) folders
        let count = [ 1..longest ] |> List.tryFind apart |> Option.defaultValue longest
        List.map (short count) folders

    // The values of each name in any of the runs, in the order of the first that has it.
    let private rows (runs: (string * JsonNode) list list) : (string * string list) list =
        let shown = runs |> List.map (List.map (fun (name, value) -> name, Report.show value) >> Map)

        runs
        |> List.collect (List.map fst)
        |> List.distinct
        |> List.map (fun name -> name, shown |> List.map (fun run -> run.TryFind name |> Option.defaultValue "–"))

    /// The page of the runs in these folders. Raises as `write` does.
    let internal page (folders: string list) : string =
        let runs = folders |> List.map RunRecord.read
        let names = names folders

        let differences =
            rows (runs |> List.map _.Config)
            |> List.filter (fun (name, values) ->
                not (name.StartsWith "measures.") && List.distinct values |> List.length > 1)

        let results =
            runs
            |> List.map (fun run -> run.Result |> Option.map (Configuration.leaves "") |> Option.defaultValue [])
            |> rows
            |> List.map (fun (name, values) -> Report.readable name, values)

        let charts kinds scale (by: string) (points: RunRecord -> string -> (float * float)[]) =
            [
                for measure in runs |> List.collect (RunRecord.measures kinds) |> List.distinct do
                    let name = Report.readable measure

                    yield!
                        [ for name, run in List.zip names runs -> name, points run measure ]
                        |> Report.curves $"{name} by {by}" by name scale
            ]

        let falling = [ MeasureKind.Loss; MeasureKind.Error ]

        let sections =
            [
                "Differences in configuration", Page.table "Differences in configuration" names differences
                "Results", Page.table "Results" names results
                "By step",
                Page.grid (
                    charts falling Scale.Log "step" RunRecord.bySteps
                    @ charts [ MeasureKind.Accuracy; MeasureKind.Parameter ] Scale.Linear "step" RunRecord.bySteps
                )
                "By time",
                Page.grid (
                    charts falling Scale.Log "seconds" RunRecord.bySeconds
                    @ charts [ MeasureKind.Accuracy ] Scale.Linear "seconds" RunRecord.bySeconds
                )
            ]

        Page.html
            None
            { Title = $"{runs.Length} runs compared"; Status = String.concat ", " names; Sections = sections }

    /// Writes the page of the runs in these folders, finished or not, to a file. Raises BadInput where a folder holds no run or
    /// a malformed file, RunFailed when the disk refuses.
    let write (folders: string list) (path: string) : unit = AtomicFile.writeText path (page folders)
