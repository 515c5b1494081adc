namespace MetaKan.Images

open MetaKan
open TorchSharp

/// Edges that are wavelets of their own: y_o = Σ_i w_oi ψ((x_i - t_oi)/s_oi).
/// Bozorgasl, Chen, "Wav-KAN: Wavelet Kolmogorov-Arnold Networks" (arXiv 2405.12832).
///
/// No two edges share a function, so there are N·in·out wavelets to evaluate. They are evaluated output by output for a
/// block of rows, whose few temporaries [rows, in] stay in the cache, and again for the gradient.
///
/// The three numbers of an edge are log s, t and w. A scale that a network generates starts around zero, where the
/// wavelet is not defined. A logarithm around zero is a scale around 1, and the scale stays positive, which is no
/// restriction, since each ψ is even or odd.
[<RequireQualifiedAccess>]
module WavKan =
    // 1/s and -t/s [out, in] for coefficients [3, out, in]: u = x·(1/s) - t/s.
    let private affine (c: Tensor) =
        let inverse = c[0L].neg().exp_()
        inverse, (c[1L] * inverse).neg_()

    let private arguments (x: Tensor) (inverse: Tensor) (shift: Tensor) (o: int64) =
        shift[o].addcmul(x, inverse[o], (1.0).ToScalar())

    let private column (t: Tensor) (o: int64) = t.select (1L, o)

    // Inputs x [N, in]; shared: c [3, out, in].
    let private rule (wavelet: Wavelet) : RowRule =
        let value _ (rows: Tensor[]) (shared: Tensor[]) (output: Tensor) =
            let x, c = rows[0], shared[0]
            let inverse, shift = affine c

            for o in 0L .. c.size 1 - 1L do
                use _ = torch.NewDisposeScope()
                let waves = wavelet.Value(arguments x inverse shift o)
                (column output o).copy_(waves.mv c[2L, o]) |> ignore

        let pullback _ (rows: Tensor[]) (shared: Tensor[]) (cotangent: Tensor) (wanted: Tensor option[]) =
            let x, c = rows[0], shared[0]
            let inverse, shift = affine c
            let found = torch.empty_like c
            wanted[0] |> Option.iter (fun gradient -> gradient.zero_ () |> ignore)

            for o in 0L .. c.size 1 - 1L do
                use _ = torch.NewDisposeScope()
                let u = arguments x inverse shift o
                let waves, slopes = wavelet.WithSlope u
                let cotangents = (column cotangent o).contiguous()
                let weight = c[2L, o]
                let total (t: Tensor) = t.t().mv cotangents
                let set (number: int64) (t: Tensor) = found[number, o].copy_ t |> ignore

                set 2L (total waves)
                set 1L ((total slopes).mul_(inverse[o]).mul_(weight).neg_())
                set 0L ((total (u.mul_ slopes)).mul_(weight).neg_())

                match wanted[0] with
                | Some gradient ->
                    let byInput = slopes.mul_ (inverse[o] * weight)
                    gradient.addcmul_ (byInput, cotangents.unsqueeze -1L, (1.0).ToScalar()) |> ignore
                | None -> ()

            [| found |]

        {
            Numbers = fun rows -> rows[0].size(1)
            Shape = fun _ shared -> [| shared[0].size(1) |]
            Value = value
            Pullback = pullback
        }

    /// The sum over edges [N, out] at x [N, in] for coefficients [3, out, in]: log s, t and w. Differentiable by both
    /// once; keeps x and the coefficients alone.
    let apply (wavelet: Wavelet) (coefficients: Tensor) (x: Tensor) : Tensor =
        Rows.apply (rule wavelet) [ x ] [ coefficients ]

    /// A layer of wavelets. Plain parameters "log_scale" and "translation" start at 0, "weight" uniform on ±1/√in.
    let layer (wavelet: Wavelet) (inputs: int) (outputs: int) : EdgeLayer =
        let edges = [ int64 outputs; int64 inputs ]

        let stored key (place: Placement) : Params =
            let zeros () = torch.zeros (List.toArray edges, dtype = place.DType, device = place.Device)

            Map.ofList
                [
                    "log_scale", zeros ()
                    "translation", zeros ()
                    "weight", (Key.uniform key place edges * 2.0 - 1.0) / sqrt (float inputs)
                ]

        {
            Edges = [ outputs; inputs ]
            Numbers = 3
            Init = fun _ _ -> Map.empty
            Stored = stored
            Coefficients = fun p -> torch.stack [ p["log_scale"]; p["translation"]; p["weight"] ]
            Apply = fun _ coefficients x -> apply wavelet coefficients x
        }
