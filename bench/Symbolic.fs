/// `metakan bench symbolic`: which equations of the Feynman set the search for formulas recovers from points and values, and in
/// what time. Nothing is told to the search but the data.
module MetaKan.Bench.Symbolic

open System
open System.Diagnostics
open System.Text.Json.Nodes
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open TorchSharp

/// What became of an equation.
[<RequireQualifiedAccess>]
type Recovery =
    /// Its values everywhere on its ranges, to 1e-8 of their spread.
    | Exact
    /// Its values, to 1e-6 of their spread, once the constants are fitted to values without noise, by which none of its parts
    /// becomes nothing.
    | Form
    /// Its values to 1 % of their spread.
    | Accurate
    | Failed

let private outcomes = [ Recovery.Exact; Recovery.Form; Recovery.Accurate; Recovery.Failed ]

/// The words of the table.
let private word (outcome: Recovery) : string =
    match outcome with
    | Recovery.Exact -> "exact"
    | Recovery.Form -> "right form"
    | Recovery.Accurate -> "accurate only"
    | Recovery.Failed -> "failed"

type private Row = { Equation: FeynmanEquation; Noise: float; Found: FoundFormula; Outcome: Recovery; Seconds: float }

/// Points to learn from, and others to judge by.
let private train, private test = 1000, 1000

/// What a formula is of an equation, by the equation's own values at points of which the search knew nothing.
let judge (equation: FeynmanEquation) (found: Expression) : Recovery =
    use _ = torch.NewDisposeScope()
    let data = Dataset.ofFeynman equation train test 0.0 (Key.ofSeed 1000) Placement.cpu64
    let spread = Tensor.item (data.Test.Y.std ())
    let off formula = sqrt (FormulaFit.error data.Inputs data.Test.X data.Test.Y formula) / spread

    if off found <= 1e-8 then
        Recovery.Exact
    elif
        (let polished = FormulaFit.polish data.Inputs data.Train.X data.Train.Y found

         off polished <= 1e-6
         && FormulaFit.complexity found
            <= FormulaFit.complexity (Tidy.formula (FormulaFit.places data.Inputs data.Test.X) 1e-5 polished) + 2)
    then
        Recovery.Form
    elif off found <= 0.01 then
        Recovery.Accurate
    else
        Recovery.Failed

/// Searches for each equation at each noise, a share of the values' spread; prints a row for each and then how many came out
/// how; the rows, for a file.
let run (equations: FeynmanEquation list) (noises: float list) (seed: int) : JsonArray =
    let share noise = $"{100.0 * noise:G3} %%"
    printfn "%-14s %6s %6s  %-13s %8s  %s" "equation" "inputs" "noise" "outcome" "seconds" "formula"

    let rows =
        [
            for noise in noises do
                for equation in equations do
                    use _ = torch.NewDisposeScope()
                    let clean = Dataset.ofFeynman equation train test 0.0 (Key.ofSeed seed) Placement.cpu64
                    let deviation = noise * Tensor.item (clean.Train.Y.std ())
                    let data = Dataset.ofFeynman equation train test deviation (Key.ofSeed seed) Placement.cpu64
                    let clock = Stopwatch.StartNew()

                    let found =
                        FormulaSearch.run
                            (fun () -> false)
                            SymbolicEdges.defaults
                            seed
                            data.Inputs
                            data.Train.X
                            data.Train.Y
                            []
                        |> FormulaSearch.best data.Train.Y

                    let seconds = clock.Elapsed.TotalSeconds
                    let outcome = judge equation found.Formula
                    let text = found.Formula |> Simplify.rounded 4 |> Simplify.expression |> Printer.text

                    printfn
                        "%-14s %6d %6s  %-13s %8.1f  %s"
                        equation.Name
                        equation.Variables.Length
                        (share noise)
                        (word outcome)
                        seconds
                        text

                    { Equation = equation; Noise = noise; Found = found; Outcome = outcome; Seconds = seconds }
        ]

    for noise in noises do
        let own = rows |> List.filter (fun row -> row.Noise = noise)

        let counts =
            [
                for outcome in outcomes do
                    let count = own |> List.filter (fun row -> row.Outcome = outcome)
                    $"{count.Length} {word outcome}"
            ]

        let median = own |> List.map _.Seconds |> Measure.median
        let told = String.Join(", ", counts)
        printfn $"noise {share noise}: {told}, of {own.Length}; {median:F1} s an equation (median)"

    [|
        for row in rows ->
            JsonObject(
                dict
                    [
                        "equation", JsonValue.Create row.Equation.Name :> JsonNode
                        "inputs", JsonValue.Create row.Equation.Variables.Length
                        "truth", JsonValue.Create row.Equation.Formula
                        "noise", JsonValue.Create row.Noise
                        "outcome", JsonValue.Create(word row.Outcome)
                        "formula", JsonValue.Create(Printer.text row.Found.Formula)
                        "complexity", JsonValue.Create row.Found.Complexity
                        "seconds", JsonValue.Create(Math.Round(row.Seconds, 1))
                    ]
            )
            :> JsonNode
    |]
    |> JsonArray
