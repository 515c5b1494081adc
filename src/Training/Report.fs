// The page report.html of a run: its result, curves, pictures and configuration.
namespace MetaKan

open System
open System.Globalization
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open System.Xml
open MetaKan.Symbolic

/// What a run's folder tells of it.
type internal RunRecord =
    {
        Folder: string
        /// Values of config.json by their names, as "settings.epochs".
        Config: (string * JsonNode) list
        /// None while the run is not done.
        Result: JsonObject option
        Metrics: MetricsTable option
        /// The loss and the learning rates of every step, where they were kept.
        Steps: MetricsTable option
    }

[<RequireQualifiedAccess>]
module internal RunRecord =
    /// What is in a folder. Raises BadInput where it holds no run or a malformed file.
    let read (folder: string) : RunRecord =
        let table path = if File.Exists path then Some(Metrics.readFile path) else None

        {
            Folder = folder
            Config = Configuration.leaves "" (RunFolder.readConfig folder)
            Result = RunFolder.tryReadResult folder
            Metrics = table (RunFolder.metricsPath folder)
            Steps = table (RunFolder.stepsPath folder)
        }

    /// The measures of these kinds, by the names of their columns.
    let measures (kinds: MeasureKind list) (run: RunRecord) : string list =
        let kinds = kinds |> List.map Configuration.node

        [
            for name, value in run.Config do
                if
                    name.StartsWith "measures." && kinds |> List.exists (fun kind -> JsonNode.DeepEquals(value, kind))
                then
                    name.Substring 9
        ]

    /// The columns of learning rates.
    let rates (run: RunRecord) : string list =
        run.Steps |> Option.map _.Columns |> Option.defaultValue [] |> List.filter _.StartsWith("rate_")

    let private column (table: MetricsTable option) (name: string) : (int * float)[] =
        match table with
        | None -> [||]
        | Some table ->
            match List.tryFindIndex ((=) name) table.Columns with
            | None -> [||]
            | Some i -> table.Rows |> Array.choose (fun (step, row) -> row[i] |> Option.map (fun value -> step, value))

    /// A measure by the step; the loss of every step where that was kept.
    let bySteps (run: RunRecord) (name: string) : (float * float)[] =
        match column run.Steps name with
        | [||] -> column run.Metrics name
        | every -> every
        |> Array.map (fun (step, value) -> float step, value)

    /// A measure by the seconds of training.
    let bySeconds (run: RunRecord) (name: string) : (float * float)[] =
        let seconds = Map.ofArray (column run.Metrics "seconds")

        column run.Metrics name
        |> Array.choose (fun (step, value) -> seconds.TryFind step |> Option.map (fun at -> at, value))

/// The page report.html of a run.
[<RequireQualifiedAccess>]
module Report =
    /// A whole number with its thousands apart.
    let private grouped (n: int64) =
        if abs n < 10000L then
            string n
        else
            n.ToString("N0", CultureInfo.InvariantCulture).Replace(",", "\u202F")

    /// A value as people read it: numbers with six digits, text without quotes.
    let internal show (node: JsonNode) =
        match node with
        | null -> "–"
        | :? JsonValue as value when value.GetValueKind() = JsonValueKind.Number ->
            match value.TryGetValue<int64>() with
            | true, whole -> grouped whole
            | _ -> value.GetValue<float>().ToString("G6", CultureInfo.InvariantCulture)
        | :? JsonValue as value when value.GetValueKind() = JsonValueKind.String -> value.GetValue<string>()
        | other -> other.ToJsonString()

    let private title (folder: string) (config: Map<string, JsonNode>) =
        [
            "problem.name"
            "data.name"
            "settings.dataset"
            "settings.network.net"
            "settings.network.model"
            "network.model"
            "problem.dim"
        ]
        |> List.choose (fun key ->
            Map.tryFind key config
            |> Option.map (fun value -> if key = "problem.dim" then $"{show value} dimensions" else show value))
        |> function
            | [] -> Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath folder))
            | parts -> String.Join(" · ", parts)

    /// A chart of measures under names, by the step or by what else there is; none where there are no measures.
    let internal curves title (x: string) (y: string) scale (series: (string * (float * float)[]) list) : string list =
        let series =
            [
                for name, points in series do
                    if points.Length > 0 then
                        { Name = name; Mark = Mark.Line; Points = points }
            ]

        if series.IsEmpty then
            []
        else
            let names = series |> List.map _.Name |> String.concat ", "

            [
                Figures.chart
                    {
                        Title = title
                        Description = $"{names} by {x}"
                        X = { Label = x; Scale = Scale.Linear }
                        Y = { Label = y; Scale = scale }
                        Series = series
                    }
                |> Page.figure
            ]

    /// The name of a column as people read it.
    let internal readable (column: string) = column.Replace('_', ' ')

    /// The charts of a run's measures, by the kinds that its configuration has for them.
    let private trainingCharts (run: RunRecord) : string list =
        let chart title label scale names =
            curves title "step" label scale [ for name in names -> readable name, RunRecord.bySteps run name ]

        let ofKind kinds =
            RunRecord.measures kinds run |> List.filter (fun name -> (RunRecord.bySteps run name).Length > 0)

        let terms, losses = ofKind [ MeasureKind.Loss ] |> List.partition _.StartsWith("loss_")
        let accuracies = ofKind [ MeasureKind.Accuracy ]
        let errors = ofKind [ MeasureKind.Error ]

        [
            yield! chart "Loss" "loss" Scale.Log losses
            yield!
                if accuracies.IsEmpty then
                    chart "Error" "error on test points" Scale.Log errors
                else
                    chart "Accuracy and error" "on test data" Scale.Linear (accuracies @ errors)
            yield! chart "Terms of the loss" "mean square" Scale.Log terms
            yield! chart "Weights" "weight in the loss" Scale.Log (ofKind [ MeasureKind.Weight ])
            yield! chart "Parameters" "value" Scale.Linear (ofKind [ MeasureKind.Parameter ])
            yield! chart "Learning rates" "rate" Scale.Log (RunRecord.rates run)
        ]

    /// The pictures of a folder in the order of their names: figures where there are, otherwise what is still; of unreadable
    /// ones a note.
    let private pictures (folder: string) : string list =
        let folder = RunFolder.picturesPath folder

        // Pictures of this program are small and flat; others are images of the page, in which no script runs.
        let mostBytes, mostDepth = 1L <<< 24, 200

        let isFlat (text: string) =
            use reader = XmlReader.Create(new StringReader(text))
            let mutable flat = true

            while flat && reader.Read() do
                flat <- reader.Depth <= mostDepth

            flat

        let still (path: string) =
            try
                let text = File.ReadAllText path
                if isFlat text then Some(Page.still (Path.GetFileNameWithoutExtension path) text) else None
            with
            | :? XmlException
            | :? IOException
            | :? UnauthorizedAccessException -> None

        if Directory.Exists folder then
            Directory.GetFiles folder
            |> Array.filter (fun path -> path.EndsWith ".svg" || path.EndsWith ".json")
            // A pipe would be waited for.
            |> Array.filter (fun path -> AtomicFile.isFile path && FileInfo(path).Length <= mostBytes)
            |> Array.groupBy (fun path -> Path.ChangeExtension(path, null))
            |> Array.sortBy fst
            |> Array.map (fun (_, paths) ->
                let ending (wanted: string) = paths |> Array.tryFind _.EndsWith(wanted)

                let drawn =
                    ending ".json"
                    |> Option.bind Figures.tryRead
                    |> Option.map Page.figure
                    |> Option.orElseWith (fun () -> ending ".svg" |> Option.bind still)

                match drawn with
                | Some drawn -> drawn
                | None ->
                    let names = paths |> Array.map Path.GetFileName |> String.concat ", "
                    $"<p>{Page.escape names} is not a readable picture.</p>")
            |> List.ofArray
        else
            []

    let private tryText (it: JsonNode) (name: string) : string option =
        match it with
        | :? JsonObject as it ->
            match it[name] with
            | :? JsonValue as value when value.GetValueKind() = JsonValueKind.String -> Some(value.GetValue<string>())
            | _ -> None
        | _ -> None

    /// What a fit's result says of its formulas, "formula" and its notations, and of several that "target" that each is of;
    /// nothing where it has none.
    let internal formulas (result: JsonObject) : JsonObject list =
        let isTold it = (tryText it "formula").IsSome

        match result["formulas"] with
        | :? JsonArray as several -> [ for it in several |> Seq.filter isTold -> it.AsObject() ]
        | _ -> List.filter isTold [ result ]

    /// The formulas of a fit, typeset and as they can be copied; nothing where there are none.
    let private typeset (run: RunRecord) : string =
        // Of one target.
        let named =
            run.Config
            |> List.tryPick (fun (name, node) ->
                match node with
                | :? JsonArray as names when name.EndsWith "targets" && names.Count = 1 -> Some(show names[0])
                | _ -> None)

        [
            for it in run.Result |> Option.map formulas |> Option.defaultValue [] do
                let text = tryText it
                let target = text "target" |> Option.orElse named |> Option.defaultValue "f"

                let formula = Option.get (text "formula")

                try
                    let right = Printer.mathml (Parser.expression formula)

                    "<div class=\"formula\" tabindex=\"0\" role=\"region\" aria-label=\"Formula\"><math display=\"block\">"
                    + $"{Printer.mathml (Variable target)}<mo>=</mo>{right}</math></div>\n"
                with BadInput _ ->
                    ()

                Page.table
                    "Formula"
                    []
                    [
                        "as text", [ formula ]
                        match text "formula_latex" with
                        | Some latex -> "in LaTeX", [ latex ]
                        | None -> ()
                    ]
        ]
        |> String.concat ""

    let private status (config: Map<string, JsonNode>) (result: JsonObject option) (table: MetricsTable option) =
        let reached =
            match table |> Option.bind (fun t -> Array.tryLast t.Rows) with
            | Some(step, _) -> $"step {grouped (int64 step)}"
            | None -> "no step yet"

        let far =
            match Map.tryFind "settings.epochs" config with
            | Some total -> $"{reached} of {show total}"
            | None -> reached

        match result |> Option.map (fun r -> show r["outcome"]) with
        | None -> $"Not finished: {far}."
        | Some "stopped" -> $"Stopped, to be resumed: {far}."
        | Some "diverged" -> $"Diverged: {far}."
        | Some _ -> "Finished."

    /// The result's entries that are not in the configuration.
    let private found (config: (string * JsonNode) list) (result: JsonObject) =
        let known = set [ for name, value in config -> Array.last (name.Split '.'), show value ]

        Configuration.leaves "" result
        |> List.filter (fun (name, value) -> name <> "outcome" && not (known.Contains(name, show value)))

    let private content (folder: string) (run: RunRecord) (now: (string * string) list) (pictures: string list) =
        let config = Map run.Config

        let cards =
            match run.Result with
            | None -> []
            | Some result ->
                [
                    for name, value in found run.Config result do
                        if not (name.StartsWith "formula" && name <> "formula_test_rmse") then
                            readable name, show value
                ]

        let settings =
            [
                for name, value in run.Config do
                    if not (name.StartsWith "measures.") then
                        name, [ show value ]
            ]

        {
            Title = title folder config
            Status = status config run.Result run.Metrics
            Sections =
                [
                    "Now", Page.cards now
                    "Result", Page.cards cards
                    "Formula", typeset run
                    "Training", Page.grid (trainingCharts run)
                    "Pictures", Page.grid pictures
                    "Configuration", Page.table "Configuration" [] settings
                ]
        }

    /// What the page of a run shows. Raises as `write` does.
    let internal ofRun (folder: string) : PageContent = content folder (RunRecord.read folder) [] (pictures folder)

    /// What the page of a run shows while it trains, after `step` steps, with further names and values of now. Pictures are
    /// left alone: the run may be about to replace them. Raises as `write` does.
    let internal ofTraining (folder: string) (step: int) (total: int) (now: (string * string) list) : PageContent =
        let run = { RunRecord.read folder with Result = None }
        let kinds = [ MeasureKind.Loss; MeasureKind.Error; MeasureKind.Accuracy ]

        let last =
            [
                for name in RunRecord.measures kinds run @ RunRecord.rates run do
                    match Array.tryLast (RunRecord.bySteps run name) with
                    | Some(_, value) when not (name.StartsWith "loss_") -> readable name, show (RunFolder.node value)
                    | _ -> ()
            ]

        { content folder run (last @ now) [] with
            Status = $"Training: step {grouped (int64 step)} of {grouped (int64 total)}."
        }

    /// The page of a run. Raises as `write` does.
    let internal page (folder: string) : string = Page.html None (ofRun folder)

    /// Writes report.html into a run's folder; an unfinished run has no result yet. Raises BadInput where the folder holds no
    /// run or a malformed file, RunFailed when the disk refuses.
    let write (folder: string) : unit = AtomicFile.writeText (RunFolder.reportPath folder) (page folder)
