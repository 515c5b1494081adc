// A problem is a record of functions: where points come from, what the solution satisfies there, and how it is bound.
namespace MetaKan

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
        Sample: Key -> Placement -> int -> Tensor
        /// The derivatives that the mismatch reads.
        Operator: Operator
        /// What should vanish [N, 1].
        Mismatch: Derivatives -> Tensor
    }

/// A partial differential equation with its domain and data: all that a solver needs to know.
type Problem =
    {
        Name: string
        /// d, the number of coordinates (time included).
        Dimension: int
        /// The second-order terms and first derivatives that the residual reads.
        Operator: Operator
        /// Points inside the domain [N, d].
        Sample: Key -> Placement -> int -> Tensor
        /// u from the point and the network's value; builds boundary values in ("hard constraint"). `fun _ net -> net`
        /// where there is nothing to build in.
        Constraint: Jet -> Jet -> Jet
        /// What vanishes where u solves the equation [N, 1].
        Residual: Derivatives -> Tensor
        /// Boundary and initial data that the constraint does not build in.
        Penalties: Penalty list
        /// The exact solution [N, 1] at points [N, d], if it is known.
        Exact: (Tensor -> Tensor) option
    }

[<RequireQualifiedAccess>]
module Penalty =
    /// u = `data` on the points that `sample` draws (a Dirichlet or initial condition).
    let dirichlet
        (name: string)
        (weight: float)
        (points: int)
        (sample: Key -> Placement -> int -> Tensor)
        (data: Tensor -> Tensor)
        : Penalty =
        { Name = name
          Weight = weight
          Points = points
          Sample = sample
          Operator = { Second = [||]; First = [] }
          Mismatch = fun u -> u.U - data u.X }

[<RequireQualifiedAccess>]
module Problem =
    /// The candidate solution u = constraint(x, net(x)) of a model.
    let solution (problem: Problem) (model: Model) (p: Params) (x: Tensor) : Tensor =
        let still (t: Tensor) =
            { Value = t
              Tangents = Dense(torch.zeros (t.shape[0], 0L, t.shape[1], dtype = t.dtype, device = t.device))
              Second = torch.zeros_like t
              Weights = torch.zeros (0L, dtype = t.dtype, device = t.device) }

        (problem.Constraint (still x) (still (model.Apply p x))).Value

    /// u with the derivatives of an operator at the points x, along given directions.
    let derivatives
        (problem: Problem)
        (model: Model)
        (directions: Directions)
        (p: Params)
        (x: Tensor)
        : Derivatives =
        if directions.Weights.numel () = 0L then
            let u = solution problem model p x

            { X = x
              U = u
              Laplacian = torch.zeros_like u
              Partial = fun i -> invalidArg (nameof i) $"the operator lists no first derivative by x_{i}" }
        else
            let point = Directions.seed directions x
            let u = problem.Constraint point (model.Jet p point)

            { X = x
              U = u.Value
              Laplacian = u.Second
              Partial = fun i -> Directions.partial directions i u }

    /// Points uniform in direction and in radius, in the ball of the given radius around the origin (not uniform in
    /// volume: in high dimension that would leave the inside empty). Hu et al., SDGD (arXiv 2307.12306), section 5.
    let ball (d: int) (radius: float) (key: Key) (place: Placement) (n: int) : Tensor =
        let direction = Key.normal (Key.fold 0 key) place [ int64 n; int64 d ]
        let r = Key.uniform (Key.fold 1 key) place [ int64 n; 1L ]
        direction / torch.sqrt ((direction * direction).sum (1L, keepdim = true)) * r * radius

    /// Points uniform in the box whose sides are the given intervals; an interval of no length is a face.
    let box (sides: (float * float) list) (key: Key) (place: Placement) (n: int) : Tensor =
        let row f =
            sides |> List.map f |> List.toArray |> Tensor.ofArray place [ 1L; int64 sides.Length ]

        row fst
        + Key.uniform key place [ int64 n; int64 sides.Length ] * row (fun (low, high) -> high - low)

    /// Points uniform on the boundary of a box in the listed coordinates (all faces equally likely).
    let boxFaces (sides: (float * float) list) (coordinates: int list) (key: Key) (place: Placement) (n: int) : Tensor =
        let inside = box sides (Key.fold 0 key) place n
        let d = int64 sides.Length
        let faces = [ for i in coordinates do yield! [ i, fst sides[i]; i, snd sides[i] ] ]

        let face =
            torch.floor (Key.uniform (Key.fold 1 key) place [ int64 n ] * float faces.Length)
            |> _.``to``(torch.int64)

        let column f =
            faces |> List.map f |> List.toArray |> Tensor.ofArray place [ int64 faces.Length; 1L ]

        let coordinate = (column (fst >> float)).index_select(0L, face).``to`` torch.int64
        let value = (column snd).index_select (0L, face)
        let held = torch.nn.functional.one_hot(coordinate.squeeze -1L, d).``to`` place.DType
        inside * (1.0 - held) + value * held
