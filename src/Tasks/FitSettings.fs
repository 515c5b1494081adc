// The settings of a fit, and what learns the function.
namespace MetaKan.Fitting

open MetaKan

/// What learns the function.
[<RequireQualifiedAccess>]
type Learner =
    /// A KAN that can be pruned and made a formula, with stored or generated coefficients.
    | Network of Network
    /// A network that is trained and no more, such as an MLP.
    | Model of Model

/// What is common to the networks and models that can be fitted.
[<RequireQualifiedAccess>]
module Learner =
    /// Its family and its sizes, as result.json has them.
    let describe (learner: Learner) : string * string =
        match learner with
        | Learner.Model model -> model.Name, model.Description
        | Learner.Network net ->
            let widths =
                net.Nodes
                |> List.map (fun n -> if n.Products.IsEmpty then string n.Sums else $"{n.Sums}+{n.Products.Length}x")
                |> String.concat "-"

            let grid = $"G = {Network.gridSize net}, k = {net.Order}"

            match net.Source with
            | CoefficientSource.Stored -> "kan", $"KAN {widths}, {grid}"
            | CoefficientSource.Generated meta ->
                "metakan", $"MetaKAN {widths}, {grid}, p = {meta.EmbeddingDim}, h = {meta.HiddenDim}"

    /// The values at given points, by parameters.
    let predictor (learner: Learner) (x: Tensor) : Params -> Tensor =
        match learner with
        | Learner.Network net -> Network.values net x
        | Learner.Model model -> fun p -> model.Apply p x

    /// Parameters that take part: of a symbolic edge, only its affine ones.
    let trainable (learner: Learner) (p: Params) : int64 =
        match learner with
        | Learner.Network net when (SymbolicEdges.splines net).IsEmpty ->
            p |> Map.filter (fun name _ -> SymbolicEdges.isAffine name) |> Params.count
        | _ -> Params.count p

/// Which optimizer takes a step.
[<RequireQualifiedAccess>]
type FitOptimizer =
    /// L-BFGS that remembers so many pairs; one step is up to 20 iterations, as in pykan.
    | Lbfgs of history: int
    /// Adam with a constant rate; one step is one update.
    | Adam of rate: float

/// Scores at or below which nodes and edges are pruned.
type Thresholds =
    {
        /// Of hidden nodes, which are pruned first.
        Node: float
        /// Of the edges that are left.
        Edge: float
    }

/// Knots are fitted to the samples every so many steps in the first ones.
type GridUpdates =
    {
        /// Steps from one update to the next, the first before all steps.
        Every: int
        /// No update comes after so many steps.
        Until: int
    }

/// All that determines a fit's numbers beside the data and the learner.
type FitSettings =
    {
        /// Steps of each stage in order: training, after pruning, after each extension; the last also of those left.
        Steps: int list
        /// What takes the steps of all stages but the refit of symbolic functions, which is L-BFGS's.
        Optimizer: FitOptimizer
        /// Samples of each step of these stages, drawn anew each time; all where None. For Adam: L-BFGS takes all of them.
        Batch: int option
        /// What is made small; errors are told as roots of mean squares all the same, which formulas are sought by, too.
        Loss: FitLoss
        /// In force until something is pruned, or the first extension.
        Sparsity: Sparsity
        /// When knots follow the samples, in training; never where None.
        GridUpdates: GridUpdates option
        /// Between knots at the samples' quantiles (0) and even ones (1).
        Evenness: float
        /// The grid sizes to go on to.
        Extend: int list
        /// What is pruned after training; nothing where None.
        Prune: Thresholds option
        /// How edges are given functions, the last stage; they keep splines where None.
        Symbolic: SymbolicChoice option
        /// Whether formulas are sought by `FormulaSearch`, too, beside the one of the network. Only where `Symbolic` is.
        Search: bool
        /// Steps of L-BFGS on the affine parameters of the symbolic functions.
        RefitSteps: int
        /// Numbers in the formula this near an integer or a small multiple of π/2 become it, where the error stays.
        Tolerance: float
        /// Height of the noise that stored splines start from.
        Noise: float
        /// What the first parameters are drawn from.
        Seed: int
        /// Device and element type of the parameters: those of the data.
        Placement: Placement
        /// Steps between checkpoints; a stage's end also makes one.
        SaveEvery: int
    }

/// Settings of fits.
[<RequireQualifiedAccess>]
module FitSettings =
    /// 70 steps of L-BFGS, nothing pruned, nothing symbolic. It remembers 50 pairs: networks of a few hundred parameters
    /// come to half the error that they reach with the usual 10, for 5 % more time.
    let defaults: FitSettings =
        {
            Steps = [ 70 ]
            Optimizer = FitOptimizer.Lbfgs 50
            Batch = None
            Loss = FitLoss.Square
            Sparsity = Sparsity.none
            GridUpdates = None
            Evenness = 0.02
            Extend = []
            Prune = None
            Symbolic = None
            Search = false
            RefitSteps = 50
            Tolerance = 1e-3
            Noise = 0.3
            Seed = 0
            Placement = Placement.cpu64
            SaveEvery = 10
        }
