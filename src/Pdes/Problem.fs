// A problem is a record of functions: where points come from, what the solution satisfies there, and how it is bound.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// What a residual may read at N points of a candidate solution u.
type Derivatives =
    {
        /// The points [N, d].
        X: Tensor
        /// u at the points [N, 1].
        U: Tensor
        /// Σ_i a_i ∂²u/∂x_i² [N, 1] with the coefficients of the operator: the Laplacian where they are ones.
        Laplacian: Tensor
        /// ∂u/∂x_i [N, 1], for the coordinates that the operator lists under `First`.
        Partial: int -> Tensor
    }

/// Data that the solution must match softly, on a boundary or at the start of time: its mean square is added to the loss.
type Penalty =
    {
        Name: string
        /// The factor of the penalty in the loss.
        Weight: float
        /// Points a step.
        Points: int
        Sample: Sampler
        /// The derivatives that the mismatch reads.
        Operator: Operator
        /// What should vanish: [N, 1], or one number. It sees all points of the step together.
        Mismatch: Derivatives -> Tensor
    }

/// A partial differential equation with its domain and data: all that a solver needs to know.
type Problem =
    {
        Name: string
        /// d, the number of coordinates (time included).
        Dimension: int
        Domain: Domain
        /// The second-order terms and first derivatives that the residual reads.
        Operator: Operator
        /// u from the point and the network's value; builds boundary values in ("hard constraint"). `fun _ net -> net`
        /// where there is nothing to build in.
        Constraint: Jet -> Jet -> Jet
        /// What vanishes where u solves the equation [N, 1]; each row of its own point alone, since points are split over
        /// threads and chunks.
        Residual: Derivatives -> Tensor
        /// Boundary and initial data that the constraint does not build in.
        Penalties: Penalty list
        /// The exact solution [N, 1] at points [N, d], if it is known.
        Exact: (Tensor -> Tensor) option
    }

[<RequireQualifiedAccess>]
module Penalty =
    /// u = `data` on the points that `sample` draws (a Dirichlet or initial condition).
    let dirichlet (name: string) (weight: float) (points: int) (sample: Sampler) (data: Tensor -> Tensor) : Penalty =
        {
            Name = name
            Weight = weight
            Points = points
            Sample = sample
            Operator = { Second = [||]; First = [] }
            Mismatch = fun u -> u.U - data u.X
        }

[<RequireQualifiedAccess>]
module Problem =
    /// An equation on a domain, with nothing built in, no boundary data and no known solution: those are added by
    /// `{ Problem.create … with Penalties = … }`.
    let create (name: string) (domain: Domain) (operator: Operator) (residual: Derivatives -> Tensor) : Problem =
        {
            Name = name
            Dimension = domain.Bounds.Length
            Domain = domain
            Operator = operator
            Constraint = fun _ net -> net
            Residual = residual
            Penalties = []
            Exact = None
        }

    /// What a residual may read of u, the jet of a candidate solution along the directions at x.
    let private read (directions: Directions) (x: Tensor) (u: Jet) : Derivatives =
        { X = x; U = u.Value; Laplacian = u.Second; Partial = fun i -> Directions.partial directions i u }

    /// The problem N(u) = N(u*) for a solution u* of one's choice, written with jets: the source N(u*) comes from its
    /// exact derivatives. The method of manufactured solutions; Roache, J. Fluids Eng. 124 (2002).
    let manufactured
        (name: string)
        (domain: Domain)
        (operator: Operator)
        (solution: Jet -> Jet)
        (equation: Derivatives -> Tensor)
        : Problem =
        let source (x: Tensor) =
            use _ = torch.no_grad ()

            let directions =
                Operator.directions LaplacianMethod.Exact (Key.ofSeed 0) (Placement.ofTensor x) operator

            Directions.seed directions x |> solution |> read directions x |> equation

        { create name domain operator (fun u -> equation u - source u.X) with
            Exact = Some(Jet.valueOf solution)
        }

    /// The candidate solution u = constraint(x, net(x)) of a model.
    let solution (problem: Problem) (model: Model) (p: Params) (x: Tensor) : Tensor =
        (problem.Constraint (Jet.still x) (Jet.still (model.Apply p x))).Value

    /// u with the derivatives of an operator at the points x, along given directions.
    let derivatives (problem: Problem) (model: Model) (directions: Directions) (p: Params) (x: Tensor) : Derivatives =
        if directions.Weights.numel () = 0L then
            let u = solution problem model p x

            {
                X = x
                U = u
                Laplacian = torch.zeros_like u
                Partial = fun i -> Directions.partial directions i (Jet.still u)
            }
        else
            let point = Directions.seed directions x
            read directions x (problem.Constraint point (model.Jet p point))
