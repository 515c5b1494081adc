namespace MetaKan.Images

open MetaKan
open TorchSharp

/// The function families of KANs that classify images, as values of `Family`. Coefficients start as in MetaKAN's
/// reference code (arXiv 2506.07549).
[<RequireQualifiedAccess>]
module Families =
    let private silu (x: Tensor) = (fun (_: Placement) -> Silu.basis), x

    let private shape (edges: int list) = List.map int64 edges

    /// Inputs of an output, times taps.
    let private fanIn (edges: int list) = float (List.fold (*) 1 edges.Tail)

    let private symmetric key place edges (bound: float) = (Key.uniform key place edges * 2.0 - 1.0) * bound

    // Uniform with variance 1/n for n terms in a sum, so that the sum's is that of a term: He's initialisation, gain 1.
    let private he key place edges (terms: float) = symmetric key place edges (sqrt (3.0 / terms))

    // What "weight" [M-1, out, in, taps…] and "base_weight" [out, in, taps…] stand for.
    let private stacked (p: Params) = torch.cat ([| p["weight"]; p["base_weight"].unsqueeze 0L |], 0L)

    let private heStored (functions: int) (edges: int list) key place : Params =
        Map.ofList
            [
                "weight", he (Key.fold 0 key) place (int64 functions :: shape edges) (fanIn edges * float functions)
                "base_weight", he (Key.fold 1 key) place (shape edges) (fanIn edges)
            ]

    let private nothing _ _ _ : Params = Map.empty

    /// B-splines and silu, in the efficient form of `Kan.create`: "base_weight", "spline_weight", "spline_scaler".
    let kan (grid: Grid) : Family =
        let basis = Edges.basis grid

        {
            Name = "kan"
            Count = Grid.coefficients grid + 1
            Init = nothing
            Features = fun _ x -> Features.ofBasis basis x
            Stored = fun edges key place -> SplineEdges.init grid edges (fun n -> Key.fold n key) place
            Coefficients = fun p -> (SplineEdges.coefficients p).movedim([| -1L |], [| 0L |])
            Activation = Some Activation.prelu
        }

    /// Eight Gaussians over [-2, 2], after a layer norm over the inputs where `normalise` is set (in convolutions what
    /// goes in is normalised by other layers), and silu of the input as it is. The reference code draws the Gaussians'
    /// weights of dense layers from N(0, 0.1²), those of convolutions by fan-in.
    let fastKan (normalise: bool) : Family =
        let functions = 8

        let stored (edges: int list) key place : Params =
            match edges with
            | [ _; inputs ] ->
                Map.ofList
                    [
                        "weight", Key.normal (Key.fold 0 key) place (int64 functions :: shape edges) * 0.1
                        "base_weight", symmetric (Key.fold 1 key) place (shape edges) (1.0 / sqrt (float inputs))
                    ]
            | _ -> heStored functions edges key place

        {
            Name = "fastkan"
            Count = functions + 1
            Init = if normalise then (fun inputs -> (Norm.layer inputs).Init) else nothing
            Features =
                fun p x ->
                    let inside =
                        if normalise then (Norm.layer (int (x.size 1))).Apply Predicting p Map.empty x |> fst else x

                    Features.beside [ (fun _ -> Rbf.basis functions (-2.0, 2.0)), inside; silu x ]
            Stored = stored
            Coefficients = stacked
            Activation = None
        }

    /// Legendre's polynomials of tanh x, and silu. The reference code scales inputs by the least and the greatest of the
    /// batch instead, which makes a prediction depend on what else is predicted with it.
    let kaln (degree: int) : Family =
        {
            Name = "kaln"
            Count = degree + 2
            Init = nothing
            Features = fun _ x -> Features.beside [ (fun _ -> Legendre.basis degree), torch.tanh x; silu x ]
            Stored = heStored (degree + 1)
            Coefficients = stacked
            Activation = Some Activation.silu
        }

    /// Chebyshev's polynomials of tanh x, and no base function.
    let kacn (degree: int) : Family =
        {
            Name = "kacn"
            Count = degree + 1
            Init = nothing
            Features = fun _ x -> Features.beside [ (fun _ -> Chebyshev.basis degree), torch.tanh x ]
            Stored =
                fun edges key place ->
                    let spread = 1.0 / (fanIn edges * float (degree + 1))
                    Map.ofList [ "weight", Key.normal key place (int64 (degree + 1) :: shape edges) * spread ]
            Coefficients = fun p -> p["weight"]
            Activation = None
        }

    /// silu of Gram's polynomials of tanh x, whose recurrence is learned ("beta" [degree + 1]), and silu of x.
    let kagn (degree: int) : Family =
        {
            Name = "kagn"
            Count = degree + 2
            Init =
                fun inputs key place ->
                    let spread = 1.0 / float (inputs * (degree + 1))
                    Map.ofList [ "beta", Key.normal key place [ int64 (degree + 1) ] * spread ]
            Features = fun p x -> Gram.features degree p["beta"] (torch.tanh x) x
            Stored = heStored (degree + 1)
            Coefficients = stacked
            Activation = Some Activation.silu
        }
