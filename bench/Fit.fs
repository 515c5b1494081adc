/// `metakan bench fit`: gradients and L-BFGS steps of function fitting, by the library and by the plain formulation, in
/// one process, on the same points, from the same parameters, each with the thread count that suits it best.
module MetaKan.Bench.Fit

open System
open System.Diagnostics
open System.Text.Json.Nodes
open MetaKan
open MetaKan.Fitting
open TorchSharp

type private Contender =
    {
        Name: string
        Gradient: Gradient
        /// Some steps from the same start.
        Steps: int -> unit
    }

/// Medians, in milliseconds.
type private Measured = { Threads: int; Gradient: float; Step: float }

let private grid = { Size = 5; Order = 3 }
let private history, private iterations = 10, 20

/// Gradients and steps that one repeat measures.
let private gradients, private steps = 50, 10

let private milliseconds (work: unit -> unit) =
    let clock = Stopwatch.StartNew()
    using (torch.NewDisposeScope()) (fun _ -> work ())
    clock.Elapsed.TotalMilliseconds

/// exp(sin(π x₀) + the mean of the other inputs' squares), at points uniform on [-1, 1].
let private samples (inputs: int) (points: int) =
    let x = Key.uniform (Key.ofSeed 0) Placement.cpu64 [ int64 points; int64 inputs ] * 2.0 - 1.0
    let bend = torch.sin (x.narrow (1L, 0L, 1L) * Math.PI)

    if inputs = 1 then
        x, torch.exp bend
    else
        x, torch.exp (bend + x.narrow(1L, 1L, int64 inputs - 1L).square().mean([| 1L |], keepdim = true))

let private measure (p: Params) (threads: int) (contender: Contender) =
    torch.set_num_threads threads
    // Threads of the contender before go on spinning for a while.
    contender.Steps 1

    {
        Threads = threads
        Gradient = Measure.median [ for _ in 1..gradients -> milliseconds (fun () -> contender.Gradient p |> ignore) ]
        Step = milliseconds (fun () -> contender.Steps steps) / float steps
    }

/// Runs the comparison and prints its table; the rows, for a file. Raises RunFailed where the two formulations do not
/// agree on the loss.
let run (source: CoefficientSource) (widths: int list) (points: int) (repeats: int) : JsonArray =
    use _ = torch.NewDisposeScope()
    let x, y = samples widths.Head points
    let net = Network.create grid source (List.map Nodes.sums widths)
    let p = Network.init 0.3 net (Key.ofSeed 1) Placement.cpu64
    let library = Descent.gradient FitLoss.Square (Network.values net x) y
    let plain = PlainFit.gradient grid source widths x y
    let loss gradient = Tensor.item (fst (gradient p))
    let difference = abs (loss library - loss plain)

    if not (difference <= 1e-10 * loss plain) then
        raise (RunFailed $"the formulations differ: loss {loss library} and {loss plain}")

    let mutable evaluations = 0

    let descend gradient steps =
        Descent.run (Lbfgs.create history iterations) gradient steps (fun _ _ _ -> true) p |> ignore

    let counted p =
        evaluations <- evaluations + 1
        library p

    descend counted steps
    // The start's gradient aside.
    let each = float (evaluations - 1) / float steps

    let contenders =
        [
            { Name = "library"; Gradient = library; Steps = descend library }
            {
                Name = "plain"
                Gradient = plain
                Steps = fun steps -> PlainFit.lbfgs history (int (round each)) steps plain p
            }
        ]

    let tuned =
        contenders
        |> List.map (fun contender ->
            Measure.warm (fun () -> measure p 1 contender |> ignore)
            Measure.bestThreads Measure.threadCounts (fun threads -> (measure p threads contender).Step))

    // In turn, so that a drift of the machine's speed meets both alike.
    let measured = [ for _ in 1..repeats -> List.map2 (measure p) tuned contenders ] |> List.transpose

    let name =
        match source with
        | CoefficientSource.Stored -> "KAN"
        | CoefficientSource.Generated _ -> "MetaKAN"

    let network = $"""{name} {String.Join("-", widths)}, G = {grid.Size}, k = {grid.Order}"""
    printfn $"{network}, {points} points, float64, loss {loss library:G6} by both (difference {difference:G2})"
    printfn $"one L-BFGS step: up to {iterations} iterations, {each:F1} gradients"
    printfn "  %-10s %8s %12s %9s %10s %9s %9s" "" "threads" "ms/gradient" "speed-up" "ms/step" "steps/s" "speed-up"

    List.zip contenders measured
    |> List.map (fun (contender, own) ->
        let middle (part: Measured -> float) = own |> List.map part |> Measure.median

        let speedUp (part: Measured -> float) =
            List.map2 (fun plain own -> part plain / part own) (List.last measured) own |> Measure.median

        printfn
            "  %-10s %8d %12.3f %8.1fx %10.2f %9.2f %8.1fx"
            contender.Name
            own.Head.Threads
            (middle _.Gradient)
            (speedUp _.Gradient)
            (middle _.Step)
            (1000.0 / middle _.Step)
            (speedUp _.Step)

        let number (digits: int) (value: float) = JsonValue.Create(Math.Round(value, digits)) :> JsonNode

        JsonObject(
            dict
                [
                    "network", JsonValue.Create network :> JsonNode
                    "points", JsonValue.Create points
                    "contender", JsonValue.Create contender.Name
                    "threads", JsonValue.Create own.Head.Threads
                    "gradients_per_step", number 1 each
                    "ms_per_gradient", number 4 (middle _.Gradient)
                    "ms_per_step", number 3 (middle _.Step)
                    "steps_per_second", number 3 (1000.0 / middle _.Step)
                    "gradient_speed_up_over_plain", number 2 (speedUp _.Gradient)
                    "step_speed_up_over_plain", number 2 (speedUp _.Step)
                ]
        )
        :> JsonNode)
    |> List.toArray
    |> JsonArray
