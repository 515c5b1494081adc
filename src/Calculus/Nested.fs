namespace MetaKan

open TorchSharp

/// Derivatives by nested automatic differentiation: for functions without rules for jets, and the reference in tests.
[<RequireQualifiedAccess>]
module Nested =
    let private grad (output: Tensor) (x: Tensor) : Tensor =
        if not output.requires_grad then
            torch.zeros_like x
        else
            Autograd.gradients true [| output.sum () |] null [| x |] |> Array.head

    // x as what derivatives are taken by: a view of it where it is recorded itself, so that these derivatives have
    // derivatives by it in turn. Where nothing is to be recorded, that holds for the result alone.
    let private by (x: Tensor) (derivative: Tensor -> Tensor) : Tensor =
        let recorded = torch.is_grad_enabled ()
        use _ = torch.enable_grad ()

        if recorded && x.requires_grad then
            derivative (x.view (Tensor.shape x))
        else
            let result = derivative (x.detach().requires_grad_ true)
            if recorded then result else result.detach ()

    /// The Jacobian [N, n, d] of a function that maps each row of x [N, d] to a row [n] by itself; differentiable
    /// by x and the parameters of f.
    let jacobian (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        by x (fun x ->
            let y = f x
            torch.stack ([| for j in 0L .. y.size 1 - 1L -> grad (y.select (1L, j)) x |], 1L))

    /// Σ_i a_i ∂²f_j/∂x_i² [N, n], one backward pass per term; differentiable by x and the parameters
    /// of f.
    let second (coefficients: float[]) (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        by x (fun x ->
            let y = f x

            torch.stack (
                [|
                    for j in 0L .. y.size 1 - 1L do
                        let gradient = grad (y.select (1L, j)) x

                        coefficients
                        |> Seq.indexed
                        |> Seq.filter (fun (_, a) -> a <> 0.0)
                        |> Seq.map (fun (i, a) ->
                            let i = int64 i
                            a * (grad (gradient.select (1L, i)) x).select(1L, i))
                        |> Seq.fold (fun (total: Tensor) term -> total + term) (torch.zeros_like (x.select (1L, 0L)))
                |],
                1L
            ))

    /// The Laplacian [N, n].
    let laplacian (f: Tensor -> Tensor) (x: Tensor) : Tensor = second (Array.create (int (x.size 1)) 1.0) f x
