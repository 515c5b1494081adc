// Jets: a value with its first derivatives along V directions and the weighted sum of its second derivatives.
// Li et al., "Forward Laplacian" (arXiv 2307.08214); collapsed as in Shi et al., STDE (arXiv 2412.00088), section 3.
//
// For a batch of N points, directions v_1 … v_V with weights w, and a function with n components:
//   Value [N, n];  Tangents: Dv f [N, V, n];  Second [N, n] = Σ_v w_v D²v f.
// Elementwise f:  f(x);  f'(x)·T;  f'(x)·S + f''(x)·Σ_v w_v T_v².   Products follow Leibniz, linear maps act on each part.
namespace MetaKan

open TorchSharp

/// First derivatives along V directions.
type Tangents =
    /// Unit vectors: direction v moves component `indices[v]` alone at rate one. An int64 tensor [V].
    | Coordinates of indices: Tensor
    /// Any directions: [N, V, n], or [1, V, n] where all points share them.
    | Dense of Tensor

/// A batch of function values with their derivatives along the directions of a `Directions` value.
type Jet = { Value: Tensor; Tangents: Tangents; Second: Tensor; Weights: Tensor }

[<RequireQualifiedAccess>]
module Jet =
    /// Tangents as a tensor [N or 1, V, n].
    let tangents (jet: Jet) : Tensor =
        match jet.Tangents with
        | Dense t -> t
        | Coordinates indices ->
            torch.nn.functional.one_hot(indices, jet.Value.size 1).``to``(jet.Value.dtype).unsqueeze(0)

    let private bilinear (weights: Tensor) (a: Tensor) (b: Tensor) = (a * b * weights.view (1L, -1L, 1L)).sum(1L)

    // One pass over the tangents in each direction, where autograd's own product rule takes three.
    let private weightedSquares: Rule =
        {
            Forward = fun inputs -> [| (inputs[0] * inputs[0]).mul_(inputs[1].view(1L, -1L, 1L)).sum(1L) |], [||]
            Backward =
                fun inputs _ cotangents ->
                    let scale = cotangents[0].unsqueeze(1) * (2.0 * inputs[1]).view(1L, -1L, 1L)
                    [| Some(if torch.is_grad_enabled () then scale * inputs[0] else scale.mul_ inputs[0]); None |]
        }

    /// q = Σ_v w_v T_v², elementwise: [N or 1, n].
    let squares (jet: Jet) : Tensor =
        match jet.Tangents with
        | Dense t -> (Rule.apply weightedSquares [ t; jet.Weights ])[0]
        | Coordinates indices ->
            torch
                .zeros(jet.Value.size 1, dtype = jet.Weights.dtype, device = jet.Weights.device)
                .index_add(0L, indices, jet.Weights, 1.0)
                .unsqueeze(0)

    /// An elementwise function given its value and first two derivatives at the jet's value.
    let elementwise (f: Tensor) (f': Tensor) (f'': Tensor) (x: Jet) : Jet =
        { x with
            Value = f
            Tangents = Dense(f'.unsqueeze (1) * tangents x)
            Second = f' * x.Second + f'' * squares x
        }

    /// A value that moves along no direction: functions of jets then give values alone.
    let still (value: Tensor) : Jet =
        {
            Value = value
            Tangents = Dense(torch.zeros (value.size 0, 0L, value.size 1, dtype = value.dtype, device = value.device))
            Second = torch.zeros_like value
            Weights = torch.zeros (0L, dtype = value.dtype, device = value.device)
        }

    /// The value [N, m] of a function of jets at points [N, n].
    let valueOf (f: Jet -> Jet) (x: Tensor) : Tensor = (f (still x)).Value

    /// A value that does not depend on the point, shared or one per point: [N or 1, n].
    let constant (value: Tensor) (like: Jet) : Jet =
        { like with
            Value = value
            Tangents = Dense(torch.zeros_like(value).unsqueeze(1).expand(-1L, like.Weights.size 0, -1L))
            Second = torch.zeros_like value
        }

    /// The same linear map (plus a constant) on each part: `map` must be linear over the last axis.
    let private linearly (map: Tensor -> Tensor) (x: Jet) : Jet =
        { x with Value = map x.Value; Tangents = Dense(map (tangents x)); Second = map x.Second }

    /// x W + b, with W [n, m] and b [m].
    let affine (weight: Tensor) (bias: Tensor) (x: Jet) : Jet =
        let tangents =
            match x.Tangents with
            | Coordinates indices -> weight.index_select(0L, indices).unsqueeze(0).expand(x.Value.size 0, -1L, -1L)
            | Dense t -> Tensor.product t weight

        { x with
            Value = Tensor.product x.Value weight + bias
            Tangents = Dense tangents
            Second = Tensor.product x.Second weight
        }

    let add (a: Jet) (b: Jet) : Jet =
        { a with
            Value = a.Value + b.Value
            Tangents = Dense(tangents a + tangents b)
            Second = a.Second + b.Second
        }

    /// The elementwise product; a single component multiplies each component of the other.
    let multiply (a: Jet) (b: Jet) : Jet =
        let ta, tb = tangents a, tangents b

        { a with
            Value = a.Value * b.Value
            Tangents = Dense(a.Value.unsqueeze (1) * tb + b.Value.unsqueeze (1) * ta)
            Second = a.Value * b.Second + b.Value * a.Second + 2.0 * bilinear a.Weights ta tb
        }

    let scale (factor: float) (x: Jet) : Jet = linearly (fun t -> t * factor) x
    let shift (offset: float) (x: Jet) : Jet = { x with Value = x.Value + offset }

    let sin (x: Jet) =
        let s, c = torch.sin x.Value, torch.cos x.Value
        elementwise s c (-s) x

    let cos (x: Jet) =
        let s, c = torch.sin x.Value, torch.cos x.Value
        elementwise c (-s) (-c) x

    let exp (x: Jet) =
        let e = torch.exp x.Value
        elementwise e e e x

    let log (x: Jet) =
        let r = x.Value.reciprocal ()
        elementwise (torch.log x.Value) r (-r * r) x

    let tanh (x: Jet) =
        let t = torch.tanh x.Value
        let d = 1.0 - t * t
        elementwise t d (-2.0 * t * d) x

    /// x^p for a constant exponent p.
    let pow (p: float) (x: Jet) =
        // Coefficients that are zero leave the power out: 0·x^(p-2) is not a number at x = 0.
        let term coefficient exponent =
            if coefficient = 0.0 then
                torch.zeros_like x.Value
            else
                coefficient * x.Value.pow ((exponent: float).ToScalar())

        elementwise (term 1.0 p) (term p (p - 1.0)) (term (p * (p - 1.0)) (p - 2.0)) x

    let sqrt (x: Jet) = pow 0.5 x
    let reciprocal (x: Jet) = pow -1.0 x

    /// Components `start` … `start + count - 1`.
    let slice (start: int) (count: int) (x: Jet) : Jet = linearly (fun t -> t.narrow (-1L, int64 start, int64 count)) x

    /// Component i, as a jet of one component.
    let part (i: int) (x: Jet) : Jet = slice i 1 x

    /// The sum over components: a jet of one component.
    let sum (x: Jet) : Jet = linearly (fun t -> t.sum (-1L, keepdim = true)) x

    /// The components of several jets side by side.
    let concat (jets: Jet list) : Jet =
        let rows = jets |> List.map (fun j -> j.Value.size 0) |> List.max

        let joined (part: Jet -> Tensor) =
            torch.cat (
                jets
                |> List.map (fun j ->
                    let t = part j
                    let shape = Tensor.shape t
                    shape[0] <- rows
                    t.expand shape)
                |> List.toArray,
                -1L
            )

        { jets.Head with
            Value = joined _.Value
            Tangents = Dense(joined tangents)
            Second = joined _.Second
        }

    /// |x|², one component. Unit directions need no dense tangents: D_v |x|² = 2 x_v.
    let normSquared (x: Jet) : Jet =
        let along =
            match x.Tangents with
            | Coordinates indices -> x.Value.index_select(1L, indices).unsqueeze(-1L)
            | Dense t -> Tensor.product t (x.Value.unsqueeze (-1L))

        { x with
            Value = (x.Value * x.Value).sum(1L, keepdim = true)
            Tangents = Dense(2.0 * along)
            Second = 2.0 * ((x.Value * x.Second) + squares x).sum(1L, keepdim = true)
        }

    /// |x|, one component; not differentiable at the origin.
    let norm (x: Jet) : Jet = sqrt (normSquared x)

/// Arithmetic on jets, so that residuals can be written as formulas.
type Jet with

    /// Component i, as a jet of one component.
    member jet.Item
        with get (i: int) = Jet.part i jet

    static member (+)(a: Jet, b: Jet) = Jet.add a b
    static member (+)(a: Jet, b: float) = Jet.shift b a
    static member (+)(a: float, b: Jet) = Jet.shift a b
    static member (-)(a: Jet, b: Jet) = Jet.add a (Jet.scale -1.0 b)
    static member (-)(a: Jet, b: float) = Jet.shift -b a
    static member (-)(a: float, b: Jet) = Jet.shift a (Jet.scale -1.0 b)
    static member (*)(a: Jet, b: Jet) = Jet.multiply a b
    static member (*)(a: Jet, b: float) = Jet.scale b a
    static member (*)(a: float, b: Jet) = Jet.scale a b
    static member (/)(a: Jet, b: Jet) = Jet.multiply a (Jet.reciprocal b)
    static member (/)(a: Jet, b: float) = Jet.scale (1.0 / b) a
    static member (/)(a: float, b: Jet) = Jet.scale a (Jet.reciprocal b)
    static member (~-)(a: Jet) = Jet.scale -1.0 a
    static member Pow(a: Jet, p: float) = Jet.pow p a
    static member Sin(a: Jet) = Jet.sin a
    static member Cos(a: Jet) = Jet.cos a
    static member Exp(a: Jet) = Jet.exp a
    static member Log(a: Jet) = Jet.log a
    static member Tanh(a: Jet) = Jet.tanh a
    static member Sqrt(a: Jet) = Jet.sqrt a
