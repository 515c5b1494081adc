// The basis functions of a batch's inputs as one tensor; only the inputs are kept for the gradient.
namespace MetaKan

open TorchSharp

[<RequireQualifiedAccess>]
module internal Features =
    /// [N, in, M] from [N, M, in], the order in memory: each function of a row's inputs is one run of numbers there, so
    /// that maps over a row's functions and inputs, dense or convolutional, read it as it lies.
    let ofRuns (runs: Tensor) : Tensor = runs.transpose (1L, 2L)

    /// The functions of one basis at x [N, in]: [N, in, M], laid out as the basis has them; differentiable by x once.
    let ofBasis (make: Placement -> Basis) (x: Tensor) : Tensor =
        let rule =
            {
                Forward = fun t -> [| ((make (Placement.ofTensor t[0])).Derivatives [ 0 ] t[0]).Head |], [||]
                Backward =
                    fun t _ cotangents ->
                        if torch.is_grad_enabled () then
                            invalidOp "features in one piece have a first derivative only"

                        let slopes = ((make (Placement.ofTensor t[0])).Derivatives [ 1 ] t[0]).Head
                        [| Some((slopes.mul_ cotangents[0]).sum -1L) |]
            }

        (Rule.apply rule [ x ])[0]

    /// The functions of several bases side by side, each at inputs of its own [N, in]: [N, in, M₁+M₂+…], by `ofRuns`;
    /// differentiable by the inputs once. `Basis.features` keeps the derivatives instead and serves any order.
    let beside (parts: ((Placement -> Basis) * Tensor) list) : Tensor =
        let counts = parts |> List.map (fun (make, x) -> (make (Placement.ofTensor x)).Count) |> List.toArray
        let makers = parts |> List.map fst |> List.toArray
        let starts = Array.scan (+) 0 counts
        let part i (t: Tensor) = t.narrow (1L, int64 starts[i], int64 counts[i])
        let inputs (rows: Tensor[]) = rows[0].size(1)
        let functions = int64 (Array.sum counts)

        let rule =
            {
                Numbers = fun rows -> inputs rows * functions
                Shape = fun rows _ -> [| functions; inputs rows |]
                Value =
                    fun place ->
                        let bases = makers |> Array.map (fun make -> make place)

                        fun rows _ output ->
                            for i in 0 .. bases.Length - 1 do
                                (part i output).copy_((bases[i].Derivatives [ 0 ] rows[i]).Head.transpose(1L, 2L))
                                |> ignore
                Pullback =
                    fun place ->
                        let bases = makers |> Array.map (fun make -> make place)

                        fun rows _ cotangent wanted ->
                            for i in 0 .. bases.Length - 1 do
                                match wanted[i] with
                                | Some gradient ->
                                    let slopes = (bases[i].Derivatives [ 1 ] rows[i]).Head.transpose(1L, 2L)
                                    gradient.copy_ ((part i cotangent * slopes).sum 1L) |> ignore
                                | None -> ()

                            [||]
            }

        Rows.apply rule (parts |> List.map snd) [] |> ofRuns
