// Training is a fold over steps that yields events; progress, storage and plots listen to them.
namespace MetaKan

open System.Diagnostics
open TorchSharp

/// The state of a run: everything the next step depends on.
type TrainingState =
    {
        /// The stage of the last step, from 0.
        Stage: int
        /// Steps done in that stage.
        Within: int
        /// Steps done, over all stages.
        Step: int
        /// What is trained.
        Params: Params
        /// The stage's memory: the optimizer's, and numbers that the loss has of its own.
        Memory: Params
        /// Time spent in steps, without evaluation.
        Seconds: float
    }

/// A number of steps by one optimizer on one loss: `Stage.create` and `Stage.adaptive` make them.
type Stage =
    {
        /// How many steps it has.
        Steps: int
        /// The memory at the stage's start, from the parameters there.
        Init: Params -> Params
        /// Steps done in the stage, steps done in all, parameters, memory → loss before the step, new parameters, new memory.
        Update: int -> int -> Params -> Params -> Tensor * Params * Params
    }

/// A loss with numbers of its own that change as training goes on, such as weights of its terms.
type Adaptation =
    {
        /// The numbers at a stage's start, from the parameters there.
        Init: Params -> Params
        /// Steps done in the stage, steps done in all, parameters, numbers → the numbers of the step.
        Update: int -> int -> Params -> Params -> Params
        /// The loss and gradient of a step, counted over all stages, for its numbers.
        Gradient: int -> Params -> Gradient
    }

/// Stages made of an optimizer and a gradient.
[<RequireQualifiedAccess>]
module Stage =
    /// Steps on a loss whose gradient depends on the number of the step, counted over all stages.
    let create (steps: int) (optimizer: Optimizer) (gradient: int -> Gradient) : Stage =
        {
            Steps = steps
            Init = optimizer.Init
            Update = fun within step -> optimizer.Update within (gradient step)
        }

    let private adapting = "loss"

    /// Steps beside numbers of the loss, which `renew` makes anew before each step. The stage's memory has the numbers below
    /// "loss", and what `step` remembers below `name`: steps done in the stage, steps done in all, numbers, parameters, memory
    /// → loss before the step, new parameters, new memory.
    let internal besideNumbers
        (steps: int)
        (startNumbers: Params -> Params, renew: int -> int -> Params -> Params -> Params)
        (name: string)
        (start: Params -> Params)
        (step: int -> int -> Params -> Params -> Params -> Tensor * Params * Params)
        : Stage =
        let joined (memory: Params) (numbers: Params) =
            Params.union [ Params.prefixed name memory; Params.prefixed adapting numbers ]

        {
            Steps = steps
            Init =
                fun p ->
                    fun () -> joined (start p) (startNumbers p)
                    |> Tensor.scoped (Params.tensors >> Seq.ofArray)
            Update =
                fun within n p memory ->
                    let numbers = renew within n p (Params.under adapting memory)
                    let loss, p, memory = step within n numbers p (Params.under name memory)
                    loss, p, joined memory numbers
        }

    /// Steps on a loss with numbers of its own, which come before each step. The stage's memory has them below "loss", and
    /// the optimizer's below "optimizer".
    let adaptive (steps: int) (optimizer: Optimizer) (adaptation: Adaptation) : Stage =
        besideNumbers steps (adaptation.Init, adaptation.Update) "optimizer" optimizer.Init (fun within n numbers ->
            optimizer.Update within (adaptation.Gradient n numbers))

    /// The numbers of the loss among the memory of such a stage; none in that of another.
    let internal numbers (memory: Params) : Params = Params.under adapting memory

/// The stages of a training, one after another, and how often it is evaluated, saved and watched.
type TrainingPlan =
    {
        /// What is done, in this order.
        Stages: Stage list
        /// Measures of a state, such as of its parameters on held-out data, by name, e.g. "relative_l2".
        Evaluate: TrainingState -> (string * float) list
        /// Steps between `Evaluated` events; the last step also has one.
        EvaluateEvery: int
        /// Steps between `Saved` events; the end and an interruption also save.
        SaveEvery: int
        /// Steps between looks at the loss's value, each of which waits for the device; evaluating and saving also look.
        WatchEvery: int
        /// Asked before each step; true ends the run after saving.
        Interrupted: unit -> bool
    }

/// What a training tells its listener as it goes.
type TrainingEvent =
    /// A step was done; the loss is the one before its update, read only when asked for.
    | Stepped of TrainingState * loss: Lazy<float>
    /// Measures after `Step` steps, with the loss of the last.
    | Evaluated of TrainingState * loss: float * measures: (string * float) list
    /// A state to save.
    | Saved of TrainingState

/// How a run ended.
type Outcome =
    /// All steps were taken.
    | Completed
    /// It was interrupted, and its state saved: it can go on.
    | Stopped
    /// The loss, or what a step made of the parameters, was not finite; the last saved state is good.
    | Diverged of loss: float

/// Outcomes as files and messages name them.
[<RequireQualifiedAccess>]
module Outcome =
    /// Its name in result.json.
    let name (outcome: Outcome) : string =
        match outcome with
        | Completed -> "completed"
        | Stopped -> "stopped"
        | Diverged _ -> "diverged"

/// Training as a fold over steps that yields events.
[<RequireQualifiedAccess>]
module Training =
    /// Steps between looks at the memory in use.
    let private memoryEvery = 100

    /// The state before the first step.
    let start (plan: TrainingPlan) (p: Params) : TrainingState =
        { Stage = 0; Within = 0; Step = 0; Params = p; Memory = plan.Stages.Head.Init p; Seconds = 0.0 }

    /// Raises ArgumentException for a plan that evaluates or saves every so many steps that are none.
    let internal check (plan: TrainingPlan) : unit =
        for name, steps in [ nameof plan.EvaluateEvery, plan.EvaluateEvery; nameof plan.SaveEvery, plan.SaveEvery ] do
            if steps < 1 then
                invalidArg (nameof plan) $"{name} takes a number of steps from 1 up, not {steps}"

    /// The steps of all stages.
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

    // Whether a state is the plan's last.
    let private ended (plan: TrainingPlan) (state: TrainingState) : bool =
        (next plan (state.Stage, state.Within)).IsNone

    /// Frees what of a state another has no use for.
    let release (kept: TrainingState) (state: TrainingState) : unit =
        for tree in [ state.Params; state.Memory ] do
            Params.release [ kept.Params; kept.Memory ] tree

    // The state at the place of the next step: at a stage's start with fresh memory.
    let private enter (plan: TrainingPlan) (stage: int, within: int) (state: TrainingState) : TrainingState =
        if stage = state.Stage then
            state
        else
            { state with Stage = stage; Within = within; Memory = plan.Stages[stage].Init state.Params }

    /// A step of the stage that a state is in: the new state and the loss before it. The tensors of the state before are left
    /// alone.
    let step (stage: Stage) (state: TrainingState) : TrainingState * Tensor =
        fun () ->
            let loss, p, memory = stage.Update state.Within state.Step state.Params state.Memory
            { state with Within = state.Within + 1; Step = state.Step + 1; Params = p; Memory = memory }, loss
        |> Tensor.scoped (fun (next, loss) -> Seq.append [ loss ] (tensors next))

    /// Runs a plan from a state to its end, an interruption or divergence, of which the state before the step is the result.
    /// The listener sees every event in order. A state's tensors, those of the first included, are freed after the next step.
    let run (plan: TrainingPlan) (listen: TrainingEvent -> unit) (start: TrainingState) : Outcome * TrainingState =
        check plan
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
                let entered = enter plan place state
                let next, loss = step plan.Stages[entered.Stage] entered
                let ends = ended plan next
                let due every = next.Step % every = 0 || ends
                let evaluating, saving = due plan.EvaluateEvery, due plan.SaveEvery

                let watching = evaluating || saving || next.Step % plan.WatchEvery = 0
                let value = lazy (Tensor.item loss)
                let diverged = (watching && not (System.Double.IsFinite value.Value)) || (saving && not (isFinite next))
                let next = { next with Seconds = state.Seconds + clock.Elapsed.TotalSeconds }

                if diverged then
                    let value = value.Value
                    release state next
                    release state entered
                    loss.Dispose()
                    Diverged value, state
                else
                    release next entered
                    release next state
                    listen (Stepped(next, value))

                    if evaluating then
                        listen (Evaluated(next, value.Value, plan.Evaluate next))

                    if saving then
                        listen (Saved next)

                    loss.Dispose()

                    if next.Step % memoryEvery = 0 then
                        Heap.trim ()

                    loop next

        loop start
