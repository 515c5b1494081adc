// The whole Feynman set fitted one equation after another, or several at once, with a table of what came out.
namespace MetaKan.Fitting

open System.Globalization
open System.IO
open System.Text.Json.Nodes
open MetaKan
open TorchSharp

/// One row of the table.
type FeynmanRow =
    {
        /// What was fitted.
        Equation: FeynmanEquation
        /// Numbers that take part in the fit's result: see `Learner.trainable`.
        Parameters: int64
        /// The root of the mean square error at the training points, in the equation's own units.
        TrainRmse: float
        /// The same at the held-out points.
        TestRmse: float
        /// TestRmse over the standard deviation of the test values.
        Relative: float
        /// Time spent in training steps.
        Seconds: float
        /// "completed", "stopped" or "diverged".
        Outcome: string
    }

/// Fits of many equations of the Feynman set, and the table of what came out.
[<RequireQualifiedAccess>]
module FeynmanSuite =
    let private number (x: float) = x.ToString("0.00e+00", CultureInfo.InvariantCulture)

    let private cells (row: FeynmanRow) =
        [
            row.Equation.Name
            string row.Equation.Variables.Length
            string row.Parameters
            number row.TrainRmse
            number row.TestRmse
            number row.Relative
            row.Seconds.ToString("0.00", CultureInfo.InvariantCulture)
            row.Outcome
        ]

    let private headings =
        [
            "equation"
            "inputs"
            "parameters"
            "train_rmse"
            "test_rmse"
            "test_rmse_relative"
            "seconds"
            "outcome"
        ]

    /// Writes feynman.csv and feynman.md, with the command that made them, into a folder.
    let write (folder: string) (command: string) (rows: FeynmanRow list) : unit =
        let line cells = String.concat "," cells
        let row cells = "| " + String.concat " | " cells + " |"

        AtomicFile.writeText
            (Path.Combine(folder, "feynman.csv"))
            (line headings :: List.map (cells >> line) rows |> String.concat "\n" |> fun text -> text + "\n")

        [
            $"`{command}`"
            ""
            row (headings |> List.map (fun heading -> heading.Replace('_', ' ')))
            row [ for _ in headings -> "---" ]
            yield! rows |> List.map (cells >> row)
        ]
        |> String.concat "\n"
        |> fun text -> AtomicFile.writeText (Path.Combine(folder, "feynman.md")) (text + "\n")

    let private read (equation: FeynmanEquation) (result: JsonObject) : FeynmanRow =
        let float (name: string) = result[name].GetValue<float>()

        {
            Equation = equation
            Parameters = result["parameters"].GetValue<int64>()
            TrainRmse = float "train_rmse"
            TestRmse = float "test_rmse"
            Relative = float "test_rmse_relative"
            Seconds = float "seconds"
            Outcome = result["outcome"].GetValue<string>()
        }

    // How the processes of a job tell one another of a row.
    let private text (row: FeynmanRow) : string =
        [
            string row.Parameters
            for x in [ row.TrainRmse; row.TestRmse; row.Relative; row.Seconds ] do
                x.ToString("R", CultureInfo.InvariantCulture)
            row.Outcome
        ]
        |> String.concat "\t"

    let private ofText (equation: FeynmanEquation) (text: string) : FeynmanRow =
        let cells = text.Split '\t'
        let float (i: int) = System.Double.Parse(cells[i], CultureInfo.InvariantCulture)

        {
            Equation = equation
            Parameters = int64 cells[0]
            TrainRmse = float 1
            TestRmse = float 2
            Relative = float 3
            Seconds = float 4
            Outcome = cells[5]
        }

    /// Fits every equation by `fit`, which gets the equation and the folder for its run, to begin or to go on with, several at a
    /// time on the hired workers. A run that its folder holds already is not made again. `listen` hears of each row. The
    /// processes of a job of MPI share the equations, and have all rows in the end.
    let run
        (folder: string)
        (equations: FeynmanEquation list)
        (fit: FeynmanEquation -> string -> JsonObject)
        (listen: FeynmanRow -> unit)
        : FeynmanRow list =
        equations
        |> List.indexed
        |> Ranks.share
        |> Workers.map torch.CPU (fun _ -> Seq.empty) (fun (number, equation) ->
            let place = Path.Combine(folder, equation.Name.Replace(' ', '-'))

            let row =
                match RunFolder.tryReadResult place with
                | Some result when string result["outcome"] <> Outcome.name Stopped -> read equation result
                | _ -> read equation (Ranks.alone (fun () -> fit equation place))

            listen row
            number, text row)
        |> Ranks.texts equations.Length
        |> List.ofArray
        |> List.map2 ofText equations
