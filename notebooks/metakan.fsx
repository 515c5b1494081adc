/// What notebooks share: the built library, charts in the notebook, and a run's progress in one place. A notebook beside
/// this file starts with
/// #load "metakan.fsx"
module Notebook

#r "../artifacts/bin/MetaKan.Core/release/TorchSharp.dll"
#r "../artifacts/bin/MetaKan.Core/release/DynamicObj.dll"
#r "../artifacts/bin/MetaKan.Core/release/Giraffe.ViewEngine.dll"
#r "../artifacts/bin/MetaKan.Core/release/Plotly.NET.dll"
#r "../artifacts/bin/MetaKan.Core/release/MetaKan.Core.dll"

open System.IO
open MetaKan
open MetaKan.Fitting
open MetaKan.Pdes
open Microsoft.DotNet.Interactive
open Microsoft.DotNet.Interactive.Formatting
open Plotly.NET

Libtorch.load ()

let private context () = KernelInvocationContext.Current

// plotly.js goes into the notebook once, from Plotly.NET's package: no chart asks the network for it. Alone in a function, it takes no
// loader of modules that the page may have for its own.
do
    let name = typeof<GenericChart>.Assembly.GetManifestResourceNames() |> Array.find _.EndsWith(".min.js")
    use reader = new StreamReader(typeof<GenericChart>.Assembly.GetManifestResourceStream name)
    let script = reader.ReadToEnd()

    context().DisplayAs($"<script>(function () {{ var define, module, exports;\n{script}\n}})()</script>", "text/html")
    |> ignore

Formatter.Register<GenericChart>(
    (fun (chart: GenericChart) (writer: TextWriter) ->
        chart
        |> Chart.withDisplayOptions (DisplayOptions.init (PlotlyJSReference = PlotlyJSReference.NoReference))
        |> GenericChart.toChartHTML
        |> writer.Write),
    "text/html"
)

/// Shows a formula, as LaTeX.
let formula (latex: string) = context().DisplayAs($"$${latex}$$", "text/latex")

/// Shows an SVG picture.
let picture (svg: string) = context().DisplayAs(svg, "text/html")

/// A new folder for a run, that the notebook's stop button ends as Ctrl-C does: with what it had saved.
let private place (name: string) =
    let cancelled = context().CancellationToken

    { RunPlace.fresh (RunFolder.free $"../runs/{name}") with
        Interrupted = fun () -> cancelled.IsCancellationRequested
    }

/// Solves a problem in a new folder below runs/ of its name, with its progress in one line. Gives the solution, and the folder.
let solve (problem: Problem) (model: Model) (settings: SolveSettings) : Solution * string =
    let place, steps = place problem.Name, Training.totalSteps (Solve.plan settings problem model)
    let line = context().DisplayAs("starting ...", "text/plain")

    let solution =
        Solve.run place settings problem model (function
            | Evaluated(state, loss, measures) ->
                let error = measures |> List.tryFind (fun (name, _) -> name.StartsWith "relative_l2")

                let error =
                    match error with
                    | Some(_, e) -> $", relative L2 error {e:``0.0e+00``}"
                    | None -> ""

                line.Update $"step {state.Step} of {steps}: loss {loss:``0.0e+00``}{error}, {state.Seconds:F0} s"
            | _ -> ())

    Report.write place.Folder
    solution, place.Folder

/// Fits a network to data in a new folder below runs/, with its progress in one line.
let fit (name: string) (data: Dataset) (network: Network) (settings: FitSettings) : FitRun =
    let learner = Learner.Network network
    let steps = Fit.totalSteps settings data learner
    let line = context().DisplayAs("starting ...", "text/plain")

    Fit.run (place name) settings { Data = data; Scaling = None } learner (function
        | FitStep(step, train, test) ->
            line.Update $"step {step} of {steps}: RMSE {train:``0.0e+00``} in training, {test:``0.0e+00``} held out"
        | _ -> ())

/// The lines of a run's metrics, on a logarithmic axis.
let chart (folder: string) (names: list<string>) : GenericChart =
    let table = Metrics.read folder

    names
    |> List.map (fun name ->
        let column = List.findIndex ((=) name) table.Columns

        table.Rows
        |> Array.choose (fun (step, values) -> values[column] |> Option.map (fun value -> step, value))
        |> fun points -> Chart.Line(xy = points, Name = name))
    |> Chart.combine
    |> Chart.withXAxisStyle "step"
    |> Chart.withYAxis (LayoutObjects.LinearAxis.init (AxisType = StyleParam.AxisType.Log))
