// The stages of a fit as values: what is done to the network, and the steps that follow.
namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// What a listener hears.
type FitEvent =
    /// A stage begins: what it is.
    | Entered of string
    /// A step was done: its number over all stages, and the errors after it.
    | FitStep of step: int * trainRmse: float * testRmse: float
    /// An edge got its function.
    | Chosen of Edge * Suggestion

/// A part of a fit.
type internal FitStage =
    {
        /// What it is: "training", "pruning".
        Title: string
        /// Done to a KAN before the steps.
        Change: Fitted -> Fitted
        Steps: int
        Optimizer: Optimizer
        Sparsity: Sparsity
        /// Samples of a step, drawn anew for each; all where None.
        Batch: int option
        /// Only the affine parameters of symbolic functions learn.
        AffineOnly: bool
        /// The name of the network's diagram after the steps, if there is one.
        Diagram: string option
    }

[<RequireQualifiedAccess>]
module internal FitStages =
    let private optimizer choice =
        match choice with
        | FitOptimizer.Lbfgs history -> Lbfgs.create history 20
        | FitOptimizer.Adam rate ->
            Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant rate; WeightDecay = 0.0 })

    /// The trace of a fitted network at points, with the scores there; freed with the caller's scope.
    let scored (x: Tensor) (fitted: Fitted) : Trace * Scores =
        use _ = torch.no_grad ()
        let trace = Network.trace fitted.Network x fitted.Params
        trace, Attribution.scores fitted.Network trace

    let private prune (thresholds: Thresholds) (x: Tensor) (fitted: Fitted) : Fitted =
        let scores fitted =
            use _ = torch.NewDisposeScope()
            snd (scored x fitted)

        let fitted = Pruning.nodes thresholds.Node (scores fitted) fitted
        Pruning.edges thresholds.Edge (scores fitted) fitted

    // Training, in pieces between updates of the knots.
    let private training (settings: FitSettings) (x: Tensor) (stage: FitStage) : FitStage list =
        let pieces =
            match settings.GridUpdates with
            | None -> [ stage ]
            | Some updates ->
                let until = min updates.Until stage.Steps

                [
                    for from in 0 .. updates.Every .. until - 1 do
                        { stage with
                            Title = "grid update"
                            Change = Regrid.update settings.Evenness x
                            Steps = min updates.Every (until - from)
                        }

                    if until < stage.Steps then
                        { stage with Steps = stage.Steps - until }
                ]

        pieces
        |> List.mapi (fun i piece -> if i = pieces.Length - 1 then { piece with Diagram = Some "1-trained" } else piece)

    /// The stages of a fit to samples at points x; `listen` hears which functions edges get. Models other than KANs have the
    /// training only.
    let create (settings: FitSettings) (x: Tensor) (listen: FitEvent -> unit) (learner: Learner) : FitStage list =
        // Steps of a stage: training is 0.
        let budget stage = settings.Steps |> List.tryItem stage |> Option.defaultValue (List.last settings.Steps)

        let stage title change steps =
            {
                Title = title
                Change = change
                Steps = steps
                Optimizer = optimizer settings.Optimizer
                Sparsity = Sparsity.none
                Batch = settings.Batch
                AffineOnly = false
                Diagram = None
            }

        let first = stage "training" id (budget 0)

        match learner with
        | Learner.Model _ -> [ first ]
        | Learner.Network _ ->
            let before = if settings.Prune.IsSome then 2 else 1

            [
                yield! training settings x { first with Sparsity = settings.Sparsity }

                match settings.Prune with
                | Some thresholds -> { stage "pruning" (prune thresholds x) (budget 1) with Diagram = Some "2-pruned" }
                | None -> ()

                for index, size in List.indexed settings.Extend do
                    stage $"extension to G = {size}" (Regrid.extend size) (budget (before + index))

                match settings.Symbolic with
                | Some choice ->
                    let change = SymbolicEdges.auto choice x (fun edge found -> listen (Chosen(edge, found)))

                    { stage "symbolic functions" change settings.RefitSteps with
                        Optimizer = optimizer FitSettings.defaults.Optimizer
                        Batch = None
                        AffineOnly = true
                        Diagram = Some "3-symbolic"
                    }
                | None -> ()
            ]
