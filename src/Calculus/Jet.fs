// Jets: a value with its first derivatives along V directions and the weighted sum of its second derivatives; where they
// are asked for, also the derivatives of each order up to 4 along every direction by itself.
// Li et al., "Forward Laplacian" (arXiv 2307.08214); any weighted sum: Dangel et al., "Collapsing Taylor Mode Automatic
// Differentiation" (arXiv 2505.13644).
//
// For a batch of N points, directions v_1 … v_V with weights w, and a function with n components:
//   Value [N, n];  Tangents: Dv f [N, V, n];  Second [N, n] = Σ_v w_v D²v f;  Higher: D²v f, D³v f, … [N, V, n] each.
// Elementwise f:  f(x);  f'(x)·T;  f'(x)·S + f''(x)·Σ_v w_v T_v²;  higher orders follow Faà di Bruno.
// Products follow Leibniz, linear maps act on each part.
namespace MetaKan

open TorchSharp

/// First derivatives along V directions.
type Tangents =
    /// Unit vectors: direction v moves component `indices[v]` alone at rate one. An int64 tensor [V].
    | Coordinates of indices: Tensor
    /// Any directions: [N, V, n], or [1, V, n] where all points share them.
    | Dense of Tensor

/// A batch of function values with their derivatives along the directions of a `Directions` value.
type Jet =
    {
        /// [N, n].
        Value: Tensor
        /// D_v for every direction v.
        Tangents: Tangents
        /// Σ_v w_v D_v² [N, n].
        Second: Tensor
        /// The weights w [V].
        Weights: Tensor
        /// D_v^m for m = 2 … k, each [N, V, n] (or [1, V, n] where all points share them); empty where only Second is
        /// wanted.
        Higher: Tensor list
    }

/// Functions of jets by the chain rule, to the order that the jets have.
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

    /// Derivatives of orders 2 … k along lines of a function of functions h, from the outer function's derivatives of
    /// orders 1 … k and the inner one's; Faà di Bruno's formula. Their shapes broadcast.
    let internal chain (outer: Tensor list) (inner: Tensor list) : Tensor list =
        let outer, inner = List.toArray outer, List.toArray inner
        let f order = outer[order - 1]
        let h order = inner[order - 1]

        // What the inner derivatives make is put in brackets: it is smaller than f where f has features.
        [
            for order in 2 .. inner.Length ->
                match order with
                | 2 -> f 2 * (h 1 * h 1) + f 1 * h 2
                | 3 -> f 3 * (h 1 * h 1 * h 1) + f 2 * (3.0 * h 1 * h 2) + f 1 * h 3
                | 4 ->
                    let squared = h 1 * h 1

                    f 4 * (squared * squared)
                    + f 3 * (6.0 * squared * h 2)
                    + f 2 * (3.0 * h 2 * h 2 + 4.0 * h 1 * h 3)
                    + f 1 * h 4
                | _ -> invalidArg (nameof inner) $"jets have derivatives up to order 4, not {order}"
        ]

    /// An elementwise function, given its derivative of any order at the jet's value: order 0 is the function itself.
    /// Asked for what the jet needs alone, each once.
    let elementwise (derivative: int -> Tensor) (x: Jet) : Jet =
        let f, f', f'' = derivative 0, derivative 1, derivative 2
        let along = tangents x

        let higher =
            if x.Higher.IsEmpty then
                []
            else
                let outer = f' :: f'' :: [ for order in 3 .. 1 + x.Higher.Length -> derivative order ]
                chain (outer |> List.map (fun d -> d.unsqueeze 1)) (along :: x.Higher)

        { x with
            Value = f
            Tangents = Dense(f'.unsqueeze (1) * along)
            Second = f' * x.Second + f'' * squares x
            Higher = higher
        }

    /// A value that moves along no direction: functions of jets then give values alone.
    let still (value: Tensor) : Jet =
        {
            Value = value
            Tangents = Dense(torch.zeros (value.size 0, 0L, value.size 1, dtype = value.dtype, device = value.device))
            Second = torch.zeros_like value
            Weights = torch.zeros (0L, dtype = value.dtype, device = value.device)
            Higher = []
        }

    /// The value [N, m] of a function of jets at points [N, n].
    let valueOf (f: Jet -> Jet) (x: Tensor) : Tensor = (f (still x)).Value

    /// A value that does not depend on the point, shared or one per point: [N or 1, n].
    let constant (value: Tensor) (like: Jet) : Jet =
        let none = torch.zeros_like(value).unsqueeze(1).expand(-1L, like.Weights.size 0, -1L)

        { like with
            Value = value
            Tangents = Dense none
            Second = torch.zeros_like value
            Higher = like.Higher |> List.map (fun _ -> none)
        }

    /// The same linear map (plus a constant) on each part: `map` must be linear over the last axis.
    let private linearly (map: Tensor -> Tensor) (x: Jet) : Jet =
        { x with
            Value = map x.Value
            Tangents = Dense(map (tangents x))
            Second = map x.Second
            Higher = List.map map x.Higher
        }

    /// x W + b, with W [n, m] and b [m].
    let affine (weight: Tensor) (bias: Tensor) (x: Jet) : Jet =
        let tangents =
            match x.Tangents with
            | Coordinates indices -> weight.index_select(0L, indices).unsqueeze(0).expand(x.Value.size 0, -1L, -1L)
            | Dense t -> (Tensor.product t weight).expand(x.Value.size 0, -1L, -1L)

        { x with
            Value = Tensor.product x.Value weight + bias
            Tangents = Dense tangents
            Second = Tensor.product x.Second weight
            Higher = x.Higher |> List.map (fun t -> (Tensor.product t weight).expand(x.Value.size 0, -1L, -1L))
        }

    // The shorter of two jets would take derivatives from the other unnoticed.
    let private agree (jets: Jet list) : unit =
        let orders = jets |> List.map (fun jet -> 1 + jet.Higher.Length) |> List.distinct

        if orders.Length > 1 then
            invalidArg (nameof jets) $"jets of one order go together, not of orders {orders}"

    /// a + b, componentwise. Raises ArgumentException where their orders differ.
    let add (a: Jet) (b: Jet) : Jet =
        agree [ a; b ]

        { a with
            Value = a.Value + b.Value
            Tangents = Dense(tangents a + tangents b)
            Second = a.Second + b.Second
            Higher = List.map2 (fun (s: Tensor) (t: Tensor) -> s + t) a.Higher b.Higher
        }

    /// Derivatives of orders 2 … k of a product, by Leibniz, from each factor's of orders 0 … k.
    let private leibniz (a: Tensor list) (b: Tensor list) : Tensor list =
        let a, b = List.toArray a, List.toArray b

        [
            for order, binomials in [ 2, [ 1.0; 2.0; 1.0 ]; 3, [ 1.0; 3.0; 3.0; 1.0 ]; 4, [ 1.0; 4.0; 6.0; 4.0; 1.0 ] ] do
                if order < a.Length then
                    binomials
                    |> List.mapi (fun j c -> if c = 1.0 then a[j] * b[order - j] else c * a[j] * b[order - j])
                    |> List.reduce (fun s t -> s + t)
        ]

    /// The elementwise product; a single component multiplies each component of the other.
    let multiply (a: Jet) (b: Jet) : Jet =
        agree [ a; b ]
        let ta, tb = tangents a, tangents b

        let higher =
            if a.Higher.IsEmpty then
                []
            else
                leibniz (a.Value.unsqueeze 1 :: ta :: a.Higher) (b.Value.unsqueeze 1 :: tb :: b.Higher)

        { a with
            Value = a.Value * b.Value
            Tangents = Dense(a.Value.unsqueeze (1) * tb + b.Value.unsqueeze (1) * ta)
            Second = a.Value * b.Second + b.Value * a.Second + 2.0 * bilinear a.Weights ta tb
            Higher = higher
        }

    /// All components by one factor.
    let scale (factor: float) (x: Jet) : Jet = linearly (fun t -> t * factor) x

    /// One number added to all components.
    let shift (offset: float) (x: Jet) : Jet = { x with Value = x.Value + offset }

    // The derivatives of sine and cosine go round in fours; `start` is where.
    let private circular (start: int) (x: Jet) =
        let s, c = torch.sin x.Value, torch.cos x.Value

        elementwise
            (fun order ->
                match (start + order) % 4 with
                | 0 -> s
                | 1 -> c
                | 2 -> -s
                | _ -> -c)
            x

    /// sin x, componentwise.
    let sin (x: Jet) = circular 0 x

    /// cos x, componentwise.
    let cos (x: Jet) = circular 1 x

    /// eˣ, componentwise.
    let exp (x: Jet) =
        let e = torch.exp x.Value
        elementwise (fun _ -> e) x

    /// The natural logarithm, componentwise.
    let log (x: Jet) =
        let r = x.Value.reciprocal ()

        elementwise
            (function
            | 0 -> torch.log x.Value
            | 1 -> r
            | 2 -> -r * r
            | 3 -> 2.0 * r * r * r
            | _ -> -6.0 * (r * r).square())
            x

    /// tanh x, componentwise.
    let tanh (x: Jet) =
        let t = torch.tanh x.Value
        let d = 1.0 - t * t

        elementwise
            (function
            | 0 -> t
            | 1 -> d
            | 2 -> -2.0 * t * d
            | 3 -> d * (6.0 * t * t - 2.0)
            | _ -> t * d * (16.0 - 24.0 * t * t))
            x

    /// x^p for a constant exponent p.
    let pow (p: float) (x: Jet) =
        elementwise
            (fun order ->
                let coefficient = Seq.fold (fun c n -> c * (p - float n)) 1.0 [ 0 .. order - 1 ]

                // Coefficients that are zero leave the power out: 0·x^(p-2) is not a number at x = 0.
                if coefficient = 0.0 then
                    torch.zeros_like x.Value
                else
                    coefficient * x.Value.pow ((p - float order).ToScalar()))
            x

    /// √x, componentwise.
    let sqrt (x: Jet) = pow 0.5 x

    /// 1/x, componentwise.
    let reciprocal (x: Jet) = pow -1.0 x

    /// Each component by a factor and an offset of its own, [1, n] each.
    let rescale (factors: Tensor) (offsets: Tensor) (x: Jet) : Jet =
        let scaled = linearly (fun t -> t * factors) x
        { scaled with Value = scaled.Value + offsets }

    /// Components `start` … `start + count - 1`. Of unit directions only these become dense.
    let slice (start: int) (count: int) (x: Jet) : Jet =
        let narrow (t: Tensor) = t.narrow (-1L, int64 start, int64 count)

        match x.Tangents with
        | Dense _ -> linearly narrow x
        | Coordinates indices ->
            let place = indices - int64 start
            let inside = place.clamp ((0L).ToScalar(), (int64 (count - 1)).ToScalar())
            let isInside = place.eq(inside).``to``(x.Value.dtype).unsqueeze 1L
            let along = torch.nn.functional.one_hot(inside, count).``to``(x.Value.dtype) * isInside

            { x with
                Value = narrow x.Value
                Tangents = Dense(along.unsqueeze 0L)
                Second = narrow x.Second
                Higher = List.map narrow x.Higher
            }

    /// Component i, as a jet of one component.
    let part (i: int) (x: Jet) : Jet = slice i 1 x

    /// The components listed, in that order.
    let internal select (components: int list) (x: Jet) : Jet = linearly (Tensor.select components) x

    /// The sum over components: a jet of one component.
    let sum (x: Jet) : Jet = linearly (fun t -> t.sum (-1L, keepdim = true)) x

    /// The components of several jets side by side.
    let concat (jets: Jet list) : Jet =
        agree jets
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
            Higher = [ for m in 0 .. jets.Head.Higher.Length - 1 -> joined (fun j -> j.Higher[m]) ]
        }

    /// |x|², one component. Unit directions need no dense tangents: D_v |x|² = 2 x_v.
    let normSquared (x: Jet) : Jet =
        let along =
            match x.Tangents with
            | Coordinates indices -> x.Value.index_select(1L, indices).unsqueeze(-1L)
            // Lines that all points share are not repeated for each.
            | Dense t when t.size 0 = 1L -> (Tensor.product x.Value (t.squeeze(0L).t())).unsqueeze(-1L)
            | Dense t -> Tensor.product t (x.Value.unsqueeze (-1L))

        let higher =
            if x.Higher.IsEmpty then
                []
            else
                let parts = x.Value.unsqueeze 1 :: tangents x :: x.Higher
                leibniz parts parts |> List.map (fun t -> t.sum (-1L, keepdim = true))

        { x with
            Value = (x.Value * x.Value).sum(1L, keepdim = true)
            Tangents = Dense(2.0 * along)
            Second = 2.0 * ((x.Value * x.Second) + squares x).sum(1L, keepdim = true)
            Higher = higher
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
