// Training is a fold over steps that yields events; whoever shows, stores or plots the run listens.
namespace MetaKan

open System.Diagnostics
open TorchSharp

/// Where a run stands: all that the next step depends on.
type TrainingState =
    {
        /// The stage of the last step, from 0, and the steps done in it.
        Stage: int
        Within: int
        /// Steps done, over all stages.
        Step: int
        Params: Params
        /// The optimizer's memory in this stage.
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
        {
            Stage = 0
            Within = 0
            Step = 0
            Params = p
            Memory = plan.Stages.Head.Optimizer.Init p
            Seconds = 0.0
        }

    let totalSteps (plan: TrainingPlan) = plan.Stages |> List.sumBy _.Steps

    let private tensors (state: TrainingState) = Seq.append (Params.tensors state.Params) (Params.tensors state.Memory)

    let private isFinite (state: TrainingState) =
        use _ = torch.NewDisposeScope()
        state.Params |> Map.forall (fun _ t -> (torch.isfinite t).all().item<bool>())

    // The stage of the next step and the steps done in it: those of the last, or the next stage's start.
    let rec private next (plan: TrainingPlan) (stage: int, within: int) =
        if stage >= plan.Stages.Length then None
        elif within < plan.Stages[stage].Steps then Some(stage, within)
        else next plan (stage + 1, 0)

    /// Whether a state is the plan's last.
    let ended (plan: TrainingPlan) (state: TrainingState) : bool = (next plan (state.Stage, state.Within)).IsNone

    /// One step: the new state and the loss before it. The tensors of the state before are left alone.
    let private advance (plan: TrainingPlan) (index: int, within: int) (state: TrainingState) : TrainingState * Tensor =
        fun () ->
            let stage = plan.Stages[index]
            let memory = if index = state.Stage then state.Memory else stage.Optimizer.Init state.Params
            let loss, p, memory = stage.Optimizer.Update within (stage.Gradient state.Step) state.Params memory

            { state with
                Stage = index
                Within = within + 1
                Step = state.Step + 1
                Params = p
                Memory = memory
            },
            loss
        |> Tensor.scoped (fun (next, loss) -> Seq.append [ loss ] (tensors next))

    /// Runs a plan from a state to its end, an interruption or divergence. The listener sees every event in order.
    let run (plan: TrainingPlan) (listen: TrainingEvent -> unit) (start: TrainingState) : Outcome * TrainingState =
        let clock = Stopwatch()

        let rec loop (state: TrainingState) =
            match next plan (state.Stage, state.Within) with
            | None -> Completed, state
            | Some _ when plan.Interrupted() ->
                if isFinite state then
                    listen (Saved state)
                    Stopped, state
                else
                    Diverged nan, state
            | Some place ->
                clock.Restart()
                let state', loss = advance plan place state
                let ends = ended plan state'
                let due every = state'.Step % every = 0 || ends

                let evaluating, saving = due plan.EvaluateEvery, due plan.SaveEvery

                let value = if evaluating || saving || state'.Step % watchEvery = 0 then Tensor.item loss else 0.0

                let state' = { state' with Seconds = state.Seconds + clock.Elapsed.TotalSeconds }

                if not (System.Double.IsFinite value) || (saving && not (isFinite state')) then
                    Diverged value, state
                else
                    listen (Stepped(state', lazy (Tensor.item loss)))

                    for old in [ state.Params; state.Memory ] do
                        Params.release [ state'.Params; state'.Memory ] old

                    if evaluating then
                        listen (Evaluated(state', value, plan.Evaluate state'.Params))

                    if saving then
                        listen (Saved state')

                    loss.Dispose()
                    loop state'

        loop start
