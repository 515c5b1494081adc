// Training is a fold over steps that yields events; whoever shows, stores or plots the run listens.
namespace MetaKan

open System.Diagnostics
open TorchSharp

/// Where a run stands: all that the next step depends on.
type TrainingState =
    {
        /// Steps done, over all stages.
        Step: int
        Params: Params
        /// The optimizer's memory in the current stage.
        Memory: Params
        /// Time spent in steps, without evaluation.
        Seconds: float
    }

/// A number of steps by one optimizer on one loss.
type Stage =
    {
        Steps: int
        Optimizer: Optimizer
        /// The loss and gradient of a step, counted over all stages.
        Gradient: int -> Gradient
    }

type TrainingPlan =
    {
        Stages: Stage list
        /// Measures of the parameters on held-out data, by name, e.g. "relative_l2".
        Evaluate: Params -> (string * float) list
        EvaluateEvery: int
        /// Steps between `Saved` events; the end and an interruption also save.
        SaveEvery: int
        /// Asked before each step; true ends the run after saving.
        Interrupted: unit -> bool
    }

type TrainingEvent =
    /// A step was done; the loss is the one before its update, read only when asked for.
    | Stepped of TrainingState * loss: Lazy<float>
    /// Measures after `Step` steps, with the loss of the last.
    | Evaluated of TrainingState * loss: float * measures: (string * float) list
    /// A state worth keeping.
    | Saved of TrainingState

/// How a run ended.
type Outcome =
    | Completed
    | Stopped
    /// The loss was not finite; the last saved state is good.
    | Diverged of loss: float

[<RequireQualifiedAccess>]
module Outcome =
    /// What result.json calls it.
    let name (outcome: Outcome) : string =
        match outcome with
        | Completed -> "completed"
        | Stopped -> "stopped"
        | Diverged _ -> "diverged"

[<RequireQualifiedAccess>]
module Training =
    /// Steps between looks at the loss's value, each of which waits for the device.
    let private watchEvery = 10

    /// The state before the first step.
    let start (plan: TrainingPlan) (p: Params) : TrainingState =
        { Step = 0; Params = p; Memory = plan.Stages.Head.Optimizer.Init p; Seconds = 0.0 }

    let totalSteps (plan: TrainingPlan) = plan.Stages |> List.sumBy _.Steps

    // The stage of a step and the step's number within it.
    let private locate (stages: Stage list) step =
        let rec find within stages =
            match stages with
            | stage :: rest when within >= stage.Steps && not (List.isEmpty rest) -> find (within - stage.Steps) rest
            | stage :: _ -> stage, within
            | [] -> invalidArg (nameof stages) "a plan needs a stage"

        find step stages

    let private tensors (state: TrainingState) = Seq.append (Params.tensors state.Params) (Params.tensors state.Memory)

    let private isFinite (state: TrainingState) =
        use _ = torch.NewDisposeScope()
        state.Params |> Map.forall (fun _ t -> (torch.isfinite t).all().item<bool>())

    /// One step: the new state and the loss before it. The old state's tensors are left alone.
    let private advance (plan: TrainingPlan) (state: TrainingState) : TrainingState * Tensor =
        let stage, within = locate plan.Stages state.Step

        fun () ->
            let memory = if within = 0 && state.Step > 0 then stage.Optimizer.Init state.Params else state.Memory

            let loss, p, memory = stage.Optimizer.Update within (stage.Gradient state.Step) state.Params memory

            { state with Step = state.Step + 1; Params = p; Memory = memory }, loss
        |> Tensor.scoped (fun (next, loss) -> Seq.append [ loss ] (tensors next))

    /// Runs a plan from a state to its end, an interruption or divergence. The listener sees every event in order.
    let run (plan: TrainingPlan) (listen: TrainingEvent -> unit) (start: TrainingState) : Outcome * TrainingState =
        let total = totalSteps plan
        let clock = Stopwatch()

        let rec loop (state: TrainingState) =
            if state.Step >= total then
                Completed, state
            elif plan.Interrupted() then
                if isFinite state then
                    listen (Saved state)
                    Stopped, state
                else
                    Diverged nan, state
            else
                clock.Restart()
                let next, loss = advance plan state

                let due every = next.Step % every = 0 || next.Step = total

                let evaluating, saving = due plan.EvaluateEvery, due plan.SaveEvery

                let value = if evaluating || saving || next.Step % watchEvery = 0 then Tensor.item loss else 0.0

                let next = { next with Seconds = state.Seconds + clock.Elapsed.TotalSeconds }

                if not (System.Double.IsFinite value) || (saving && not (isFinite next)) then
                    Diverged value, state
                else
                    listen (Stepped(next, lazy (Tensor.item loss)))

                    for old in [ state.Params; state.Memory ] do
                        Params.release [ next.Params; next.Memory ] old

                    if evaluating then
                        listen (Evaluated(next, value, plan.Evaluate next.Params))

                    if saving then
                        listen (Saved next)

                    loss.Dispose()
                    loop next

        loop start
