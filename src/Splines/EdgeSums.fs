// The edges of a KAN in pykan's parametrization, and their sums at the nodes.
// Liu et al., "KAN" (arXiv 2404.19756), equation 2.10.
#nowarn "9" // pointers
namespace MetaKan

open MetaKan.Kernels
open Microsoft.FSharp.NativeInterop
open TorchSharp

/// Edges base·silu(x) + scale·Σ c_m B_m(x) from every input to every output.
type internal EdgeWeights =
    {
        /// c [in, G+k, out].
        Splines: Tensor
        /// scale [in, out]; None is 1.
        Scale: Tensor option
        /// base [in, out].
        Base: Tensor
    }

[<RequireQualifiedAccess>]
module internal EdgeWeights =
    /// The coefficients [in, G+k+1, out] of the functions of `EdgeBasis`.
    let coefficients (weights: EdgeWeights) : Tensor =
        let splines =
            match weights.Scale with
            | Some scale -> weights.Splines * scale.unsqueeze 1L
            | None -> weights.Splines

        torch.cat ([| splines; weights.Base.unsqueeze 1L |], 1L)

    /// The same edges times numbers [in, out].
    let times (factors: Tensor) (weights: EdgeWeights) : EdgeWeights =
        { weights with
            Scale = Some(weights.Scale |> Option.map (fun scale -> scale * factors) |> Option.defaultValue factors)
            Base = weights.Base * factors
        }

[<RequireQualifiedAccess>]
module internal EdgeSums =
    // A rule's backward pass from inputs of which the first is x: `once`, or made of differentiable operations where
    // gradients of its gradients are asked for.
    let private backward (basis: unit -> Basis) (coefficients: Tensor[] -> Tensor) once (t: Tensor[]) kept cotangents =
        if torch.is_grad_enabled () then
            let basis = basis ()

            let sums (t: Tensor[]) =
                let functions = Array.head (Basis.features basis 0 0 t[0])
                [| Tensor.product (functions.flatten (1L, 2L)) ((coefficients t).flatten(0L, 1L)) |]

            Rule.derived sums t kept cotangents
        else
            once t kept cotangents

    let private byOperators (place: Placement) (order: int) (knots: float[][]) : Tensor -> EdgeWeights -> Tensor =
        let basis = EdgeBasis.create place order knots

        // The gradient by x goes through the slopes of the edges and not through the functions, which are many times as
        // many.
        let rule =
            {
                Forward = fun t -> [| Tensor.product (t[2].flatten(1L, 2L)) (t[1].flatten(0L, 1L)) |], [||]
                Backward =
                    backward (fun () -> basis) (fun t -> t[1]) (fun t _ cotangents ->
                        let byPoint (slopes: Tensor) =
                            (torch.bmm (slopes.transpose (0L, 1L), t[1]) * cotangents[0]).sum(-1L).t()

                        [|
                            t[3..] |> Array.tryHead |> Option.map byPoint
                            Some((Tensor.product (t[2].flatten(1L, 2L).t()) cotangents[0]).view(Tensor.shape t[1]))
                            yield! t[2..] |> Array.map (fun _ -> None)
                        |])
            }

        fun x ->
            let functions = basis.Derivatives (if x.requires_grad then [ 0; 1 ] else [ 0 ]) (x.detach ())
            fun weights -> (Rule.apply rule [ x; EdgeWeights.coefficients weights; yield! functions ])[0]

    let private inMemory (convert: float -> 'T) (place: Placement) (order: int) (knots: float[][]) =
        let functions = BSpline.count order knots
        let kernel = EdgeSums(Kernel.splines convert order knots, functions)
        let nothing: nativeptr<'T> = NativePtr.ofNativeInt 0n

        // A rule's tensors: x, the located points; coefficients, base and, where there is one, scale.
        let located (points: Tensor) = Located<'T>(Kernel.address points, points.size 1, int (points.size 2))

        let weights (t: Tensor[]) =
            Weights<'T>(
                Kernel.address t[0],
                (if t.Length > 2 then Kernel.address t[2] else nothing),
                Kernel.address t[1],
                int (t[1].size 1)
            )

        let stored (t: Tensor[]) = EdgeWeights.coefficients { Splines = t[2]; Base = t[3]; Scale = Array.tryItem 4 t }

        let rule (byPoints: bool) =
            {
                Forward =
                    fun t ->
                        let edges = t[2..] |> Array.map Kernel.dense

                        let sums =
                            torch.empty ([| t[1].size 1; edges[1].size 1 |], dtype = place.DType, device = place.Device)

                        kernel.Sum(located t[1], weights edges, Kernel.address sums, torch.get_num_threads ())
                        Kernel.keep [| yield! t; yield! edges |]
                        [| sums |], [||]
                Backward =
                    backward (fun () -> EdgeBasis.create place order knots) stored (fun t _ cotangents ->
                        let edges = t[2..] |> Array.map Kernel.dense
                        let cotangents = Kernel.dense cotangents[0]
                        let gradients = edges |> Array.map torch.empty_like

                        let x =
                            if byPoints then
                                Some(torch.empty (Tensor.shape t[0], dtype = place.DType, device = place.Device))
                            else
                                None

                        kernel.Gradients(
                            located t[1],
                            weights edges,
                            Kernel.address cotangents,
                            x |> Option.map Kernel.address |> Option.defaultValue nothing,
                            weights gradients,
                            torch.get_num_threads ()
                        )

                        Kernel.keep [| yield! t; yield! edges; cotangents |]
                        [| x; None; yield! Array.map Some gradients |])
            }

        fun (x: Tensor) ->
            let numbers = Kernel.points place (x.detach ())

            let points =
                torch.empty (Array.append [| 4L |] (Tensor.shape numbers), dtype = place.DType, device = place.Device)

            kernel.Locate(Kernel.address numbers, located points, torch.get_num_threads ())
            Kernel.keep [| numbers |]
            let rule = rule x.requires_grad

            fun (edges: EdgeWeights) ->
                (Rule.apply rule [ x; points; edges.Splines; edges.Base; yield! Option.toList edges.Scale ])[0]

    /// The sums at a layer's nodes [N, out] from points [N, in], on one sequence of knots for every input or on one
    /// per input; differentiable by points and weights, any number of times. Given the points alone it works out what depends on them,
    /// for any number of weights. In the machine's own memory a kernel computes it for splines up to cubic ones, and
    /// tensor operators otherwise.
    let create (place: Placement) (order: int) (knots: float[][]) : Tensor -> EdgeWeights -> Tensor =
        if order > 3 then
            byOperators place order knots
        else
            Kernel.choose
                place
                (fun () -> inMemory id place order knots)
                (fun () -> inMemory float32 place order knots)
                (fun () -> byOperators place order knots)
