// The problems that are ready to be solved by name: what each is for, and the network and budget that reach its error.
namespace MetaKan.Pdes

open MetaKan

/// A problem by name.
type ShelfEntry =
    {
        /// What `metakan pde` calls it.
        Name: string
        /// The equation, in a line.
        Formula: string
        /// What it is there for.
        Purpose: string
        /// Who posed it, or the solution that its error is measured from.
        Source: string
        /// The dimension if none is asked for; None where the problem has its own.
        Dimension: int option
        /// The lowest dimension that can be asked for.
        LeastDimension: int
        /// Whether a seed draws it.
        Seeded: bool
        /// The problem of a dimension and a seed.
        Problem: int -> int -> Problem
        /// The family of networks if none is asked for: "mlp", "kan" or "metakan".
        Model: string
        /// Width of the hidden layers and number of layers of a network of a family.
        Size: string -> int * int
        /// The scale of random Fourier features before a network; none where None.
        Fourier: float option
        /// Whether an MLP's weights are factorised.
        Factorised: bool
        /// The splines of a family, KAN or MetaKAN.
        Splines: string -> Grid
        /// The hidden width of MetaKAN's generators.
        HiddenDim: int
        /// The momentum of natural gradients by a family.
        Momentum: string -> float
        /// The steps and points that reach its error.
        Settings: SolveSettings
    }

/// The problems that are ready to be solved by name.
[<RequireQualifiedAccess>]
module Shelf =
    let private twoBody (problem: BallSolution -> Problem) dim seed = problem (TwoBody.ofSeed seed dim)
    let private threeBody (problem: BallSolution -> Problem) dim seed = problem (ThreeBody.ofSeed seed dim)

    // Networks of some thousands of numbers, natural gradients and double precision: in few dimensions.
    let private low name formula purpose source (problem: Lazy<Problem>) : ShelfEntry =
        {
            Name = name
            Formula = formula
            Purpose = purpose
            Source = source
            Dimension = None
            LeastDimension = 1
            Seeded = false
            Problem = fun _ _ -> problem.Value
            Model = "mlp"
            Size =
                function
                | "mlp" -> 24, 4
                | "kan" -> 8, 3
                | _ -> 10, 3
            Fourier = None
            Factorised = false
            Splines = fun _ -> { Size = 6; Order = 4 }
            HiddenDim = 16
            Momentum = fun _ -> 0.0
            Settings = SolveSettings.natural
        }

    // MetaKAN by Adam on exact derivatives: in many dimensions.
    let private high name formula purpose source dimension seeded problem : ShelfEntry =
        {
            Name = name
            Formula = formula
            Purpose = purpose
            Source = source
            Dimension = Some dimension
            LeastDimension = 2
            Seeded = seeded
            Problem = problem
            Model = "metakan"
            Size = fun _ -> 128, 4
            Fourier = None
            Factorised = false
            Splines = fun _ -> { Size = 5; Order = 3 }
            HiddenDim = 32
            Momentum = fun _ -> 0.0
            Settings = SolveSettings.defaults
        }

    let private epochs (steps: int) (entry: ShelfEntry) =
        { entry with Settings = { entry.Settings with Epochs = steps } }

    let private points (n: int) (entry: ShelfEntry) =
        { entry with
            Settings = { entry.Settings with Collocation = { entry.Settings.Collocation with Points = n } }
        }

    // Points drawn anew every few steps where residuals are large. With fewer of them than parameters a step fits them all,
    // and what they happen to be is the error that is left: KdV by 1,500 points came to 3e-2, by 2,500 to 2e-3.
    let private adapted (entry: ShelfEntry) =
        let emphasis = { Emphasis.none with Points = PointChoice.Rad; Every = 5 }
        { entry with Settings = { entry.Settings with Emphasis = emphasis } }

    // Time from its start on, over such a part of the steps.
    let private growing (fraction: float) (entry: ShelfEntry) =
        { entry with
            Settings = { entry.Settings with Emphasis = { Emphasis.none with Curriculum = Some fraction } }
        }

    // Splines with as many continuous derivatives as the equation reads, and one more.
    let private order (k: int) (entry: ShelfEntry) =
        { entry with Splines = fun model -> { entry.Splines model with Order = k } }

    /// All of them.
    let all: ShelfEntry list =
        [
            high
                "poisson"
                "Δu = f"
                "many dimensions: the unit ball, exact Laplacian"
                "two-body solution, Hu et al. 2023"
                10
                true
                (twoBody Poisson.problem)
            high
                "allen-cahn"
                "Δu + u - u³ = f"
                "many dimensions, nonlinear"
                "two-body solution, Hu et al. 2023"
                10
                true
                (twoBody AllenCahn.problem)
            high
                "sine-gordon"
                "Δu + sin u = f"
                "a hundred dimensions"
                "two-body solution, Hu et al. 2023"
                100
                true
                (twoBody SineGordon.problem)
            |> fun entry -> { entry with Model = "mlp" }
            high
                "hjb"
                "u_t + Δu = |∇u|²"
                "optimal control in a hundred dimensions"
                "Han, Jentzen, E 2018; Cole–Hopf and a quadrature"
                100
                false
                (fun dim _ -> HamiltonJacobiBellman.problem dim)
            for name, formula, problem in
                [
                    "semilinear-heat", "u_t + Δu + (1 - u²)/(1 + u²) = 0", SemilinearDiffusion.heat
                    "semilinear-allen-cahn", "u_t + Δu + u - u³ = 0", SemilinearDiffusion.allenCahn
                    "semilinear-sine-gordon", "u_t + Δu + sin u = 0", SemilinearDiffusion.sineGordon
                ] do
                high
                    name
                    formula
                    "many dimensions and time, the whole of space"
                    "Shi et al. 2024; Chebyshev's points in |x|"
                    100
                    false
                    (fun dim _ -> problem dim)
            for name, formula, problem in
                [
                    "poisson-three-body", "Δu = f", Poisson.problem
                    "allen-cahn-three-body", "Δu + u - u³ = f", AllenCahn.problem
                    "sine-gordon-three-body", "Δu + sin u = f", SineGordon.problem
                ] do
                high
                    name
                    formula
                    "many dimensions, three of which meet"
                    "three-body solution, Hu et al. 2023"
                    10
                    true
                    (threeBody problem)
                |> fun entry -> { entry with LeastDimension = 3 }
            low "helmholtz" "Δu + k²u = f" "waves at rest" "closed form" (lazy Helmholtz.problem)
            low "heat" "u_t = a u_xx" "diffusion" "closed form" (lazy Heat.problem)
            low
                "wave"
                "u_tt = c² u_xx"
                "waves in motion, two modes"
                "Wang, Yu, Perdikaris 2022; closed form"
                (lazy Wave.problem)
            |> points 1000
            |> epochs 400
            |> adapted
            |> fun entry -> { entry with Fourier = Some 3.0; Factorised = true }
            low
                "advection"
                "u_t + β u_x = 0"
                "transport round a circle"
                "Krishnapriyan et al. 2021; closed form"
                (lazy Advection.problem)
            |> epochs 800
            |> growing 0.9
            low
                "reaction-diffusion"
                "u_t = u_xx + f"
                "several scales at once"
                "Lu et al. 2021; closed form"
                (lazy ReactionDiffusion.problem)
            low
                "klein-gordon"
                "u_tt - u_xx + u² = f"
                "a nonlinear wave, a long time"
                "Lu et al. 2021; closed form"
                (lazy KleinGordon.problem)
            |> epochs 400
            |> growing 0.6
            low
                "burgers"
                "u_t + u u_x = ν u_xx"
                "a front that steepens"
                "Raissi et al. 2019; Cole–Hopf"
                (lazy Burgers.problem)
            |> points 2000
            |> epochs 300
            |> adapted
            low
                "allen-cahn-1d"
                "u_t = ν u_xx + 5u - 5u³"
                "layers in time"
                "Raissi et al. 2019; Fourier modes"
                (lazy AllenCahn1D.problem)
            |> epochs 500
            low
                "kdv"
                "u_t + u u_x + δ² u_xxx = 0"
                "third derivatives: solitons"
                "Zabusky, Kruskal 1965; Fourier modes"
                (lazy KortewegDeVries.problem)
            |> order 5
            |> points 2500
            |> epochs 250
            |> adapted
            low
                "kuramoto-sivashinsky"
                "u_t + α u u_x + β u_xx + γ u_xxxx = 0"
                "fourth derivatives in time"
                "Wang et al. 2024; Fourier modes"
                (lazy KuramotoSivashinsky.problem)
            |> order 6
            low
                "schrodinger"
                "i h_t + h_xx/2 + |h|²h = 0"
                "a complex field"
                "Raissi et al. 2019; Fourier modes"
                (lazy Schrodinger.problem)
            low "biharmonic" "Δ²u = f" "fourth derivatives in the plane" "closed form" (lazy Biharmonic.problem)
            |> order 6
            low
                "poisson-l"
                "Δu = -1"
                "a corner that is singular"
                "Lu et al. 2021; rational functions"
                (lazy PoissonL.problem)
            |> epochs 500
            |> adapted
            low "poisson-disk" "Δu = 0" "a disk with a hole, flux given" "closed form" (lazy PoissonDisk.problem)
            low
                "kovasznay"
                "(w·∇)w + ∇p = Δw/40, ∇·w = 0"
                "a system: steady flow"
                "Kovasznay 1948; closed form"
                (lazy Kovasznay.problem)
            low
                "cavity"
                "ψ_y Δψ_x - ψ_x Δψ_y = Δ²ψ/100"
                "flow by its stream function"
                "Ghia et al. 1982; our own fit"
                (lazy LidDrivenCavity.problem)
            |> order 6
            low
                "lorenz"
                "x' = σ(y-x), y' = x(ρ-z)-y, z' = xy-βz"
                "ordinary equations"
                "Lorenz 1963; Dormand–Prince"
                (lazy Lorenz.problem)
            |> points 200
            |> epochs 1200
            |> growing 0.9
            low
                "black-scholes"
                "V_t + ½σ²S²V_SS + rSV_S = rV"
                "backwards in time from a kink"
                "Black, Scholes 1973; closed form"
                (lazy BlackScholesCall.problem)
            low
                "heat-diffusivity"
                "u_t = k u_xx, k unknown"
                "an unknown number from data"
                "closed form"
                (lazy HeatDiffusivity.problem)
            low
                "lorenz-parameters"
                "Lorenz' system, σ, ρ, β unknown"
                "three unknown numbers from data"
                "Lorenz 1963; Dormand–Prince"
                (lazy LorenzParameters.problem)
            |> points 200
            |> epochs 500
            low
                "navier-stokes"
                "ω_t + (w·∇)ω = νΔω, ν unknown"
                "viscosity from noisy velocities"
                "Taylor 1923; closed form"
                (lazy NavierStokes.problem)
        ]

    // Natural gradients of so many steps in double precision, for networks of two or three layers.
    let private natural steps (entry: ShelfEntry) size splines =
        { entry with Size = size; Splines = splines; Settings = SolveSettings.natural }
        |> points 1000
        |> epochs steps

    /// The entry with the network and the budget of a dimension, where it has any: up to 200, a small network and natural
    /// gradients, whose Jacobian has a number for each point and parameter.
    let inDimension (dim: int) (entry: ShelfEntry) : ShelfEntry =
        if entry.Dimension.IsNone then
            entry
        elif dim > 200 then
            // So many held-out points as can be kept.
            let points = min entry.Settings.TestPoints (max 100 ((1 <<< 27) / dim))
            { entry with Settings = { entry.Settings with TestPoints = points } }
        elif dim <= 20 then
            natural 200 entry (fun model -> (if model = "kan" then 16 else 32), 3) (fun model ->
                // Of MetaKANs with G = 3 and k = 4 one in three stayed where its first steps had taken it.
                if model = "kan" then { Size = 3; Order = 4 } else { Size = 5; Order = 3 })
            // MLPs are better off without.
            |> fun entry -> { entry with Momentum = fun model -> if model = "mlp" then 0.0 else 0.8 }
        else
            // A hidden layer more brings nothing here, and 1,000 points are fewer than its parameters.
            natural 100 entry (fun model -> (if model = "mlp" then 64 else 32), 2) (fun model ->
                { Size = (if model = "kan" then 3 else 5); Order = 3 })

    /// The problem of a name, if there is one.
    let tryFind (name: string) : ShelfEntry option = all |> List.tryFind (fun entry -> entry.Name = name)
