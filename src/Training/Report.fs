// The page report.html of a run: its result, curves, pictures and configuration, in one file that needs no other.
namespace MetaKan

open System
open System.Globalization
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open System.Xml
open System.Xml.Linq

[<RequireQualifiedAccess>]
module Report =
    let private style =
        """
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --text: #2b2f36; --faint: #6b7280; --rule: #e3e6eb }
@media (prefers-color-scheme: dark) {
  :root { --page: #0e1014; --card: #16191f; --text: #d6dae1; --faint: #8f97a5; --rule: #2a2f38 }
}
body { margin: 0 auto; max-width: 1360px; padding: 2rem 1.25rem 4rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.7rem; letter-spacing: -0.01em }
h2 { margin: 2.2rem 0 0.8rem; font-size: 1.1rem }
p { margin: 0.3rem 0 0; color: var(--faint) }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 0.8rem; margin: 0 }
.cards div { background: var(--card); border-radius: 10px; padding: 0.7rem 0.9rem }
.cards dt { color: var(--faint); font-size: 0.8rem }
.cards dd { margin: 0; font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 0.8rem }
.pictures svg { width: 100%; height: auto; max-height: 30rem; background: var(--card); border-radius: 10px }
table { border-collapse: collapse; background: var(--card); border-radius: 10px; min-width: 24rem }
th, td { text-align: left; padding: 0.35rem 1rem; border-bottom: 1px solid var(--rule); overflow-wrap: anywhere }
tr:last-child > * { border-bottom: 0 }
th { font-weight: 500; color: var(--faint) }
td { font-variant-numeric: tabular-nums }"""

    /// A whole number with its thousands apart.
    let private grouped (n: int64) =
        if abs n < 10000L then
            string n
        else
            n.ToString("N0", CultureInfo.InvariantCulture).Replace(",", "\u202F")

    /// A value as people read it: numbers with six digits, text without quotes.
    let private show (node: JsonNode) =
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

    /// The chart of the columns that `chosen` picks, by step; none where the run has no such column.
    let private curves title label scale chosen (table: MetricsTable) =
        let series =
            table.Columns
            |> List.indexed
            |> List.filter (snd >> chosen)
            |> List.map (fun (i, column) ->
                {
                    Name = column.Replace('_', ' ')
                    Mark = Mark.Line
                    Points =
                        table.Rows |> Array.choose (fun (step, row) -> row[i] |> Option.map (fun v -> float step, v))
                })

        if series.IsEmpty then
            []
        else
            [
                Plot.chart
                    {
                        Title = title
                        Description = $"""{String.Join(", ", series |> List.map _.Name)} by training step"""
                        X = { Label = "step"; Scale = Scale.Linear }
                        Y = { Label = label; Scale = scale }
                        Series = series
                    }
            ]

    /// The charts of a run's measures, by the kinds that its configuration has for them.
    let private metricCharts (config: Map<string, JsonNode>) (table: MetricsTable) =
        let isOf (kinds: MeasureKind list) (column: string) =
            Map.tryFind $"measures.{column}" config
            |> Option.exists (fun kind -> kinds |> List.exists (fun wanted -> show kind = Configuration.text wanted))

        let errors title label scale kinds = curves title label scale (isOf kinds) table

        curves "Loss" "loss" Scale.Log (isOf [ MeasureKind.Loss ]) table
        @ (if List.exists (isOf [ MeasureKind.Accuracy ]) table.Columns then
               let kinds = [ MeasureKind.Accuracy; MeasureKind.Error ]
               errors "Accuracy and error" "on test data" Scale.Linear kinds
           else
               errors "Error" "error on test points" Scale.Log [ MeasureKind.Error ])
        @ curves "Parameters" "value" Scale.Linear (isOf [ MeasureKind.Parameter ]) table
        @ curves "Weights" "weight in the loss" Scale.Log (isOf [ MeasureKind.Weight ]) table

    /// The SVG text of a picture; an unreadable one is replaced by a note.
    let private picture (path: string) =
        try
            (XElement.Load path).ToString SaveOptions.DisableFormatting
        with :? XmlException ->
            $"<p>{Svg.escape (Path.GetFileName path)} is not a readable picture.</p>"

    let private section heading (content: string) = if content = "" then "" else $"<h2>{heading}</h2>\n{content}\n"

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

    /// Writes report.html into a run's folder; an unfinished run has no result yet. Raises BadInput where the folder holds no
    /// run or a malformed file, RunFailed when the disk refuses.
    let write (folder: string) : unit =
        let config = Configuration.leaves "" (RunFolder.readConfig folder)
        let result = RunFolder.tryReadResult folder

        let table = if File.Exists(RunFolder.metricsPath folder) then Some(Metrics.read folder) else None

        let pictures =
            if Directory.Exists(RunFolder.picturesPath folder) then
                Directory.GetFiles(RunFolder.picturesPath folder, "*.svg")
                |> Array.sort
                |> Array.map picture
                |> List.ofArray
            else
                []

        let grid drawn =
            if List.isEmpty drawn then "" else $"<div class=\"pictures\">\n{String.Join('\n', drawn)}</div>"

        let cards =
            match result with
            | None -> ""
            | Some result ->
                [
                    for name, value in found config result ->
                        let name = name.Replace('_', ' ')
                        $"<div><dt>{Svg.escape name}</dt><dd>{Svg.escape (show value)}</dd></div>"
                ]
                |> fun entries -> "<dl class=\"cards\">\n" + String.Join('\n', entries) + "\n</dl>"

        let settings =
            [
                for name, value in config do
                    if not (name.StartsWith "measures.") then
                        $"<tr><th scope=\"row\">{Svg.escape name}</th><td>{Svg.escape (show value)}</td></tr>"
            ]
            |> fun rows -> if rows.IsEmpty then "" else "<table>\n" + String.Join('\n', rows) + "\n</table>"

        let title = Svg.escape (title folder (Map config))

        AtomicFile.writeText
            (RunFolder.reportPath folder)
            ($"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             + $"<title>{title}</title>\n<style>{style}\n</style>\n</head>\n<body>\n"
             + $"<h1>{title}</h1>\n<p>{Svg.escape (status (Map config) result table)}</p>\n"
             + section "Result" cards
             + section "Training" (grid (table |> Option.map (metricCharts (Map config)) |> Option.defaultValue []))
             + section "Pictures" (grid pictures)
             + section "Configuration" settings
             + "</body>\n</html>\n")
