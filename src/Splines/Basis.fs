// A basis: a family of one-dimensional functions, known with all its derivatives. KAN edges are weighted sums of one.
namespace MetaKan

open TorchSharp

/// M functions of one variable, applied to each input by itself.
type Basis =
    {
        /// M, the number of functions.
        Count: int
        /// The derivatives of the given orders at x [N, in], each [N, in, M], without gradients.
        Derivatives: int list -> Tensor -> Tensor list
    }

/// The functions of bases at points, and bases side by side.
[<RequireQualifiedAccess>]
module Basis =
    /// Derivatives first … last of all features at x [N, in], each [N, in, M]; differentiable by x to any order,
    /// since the derivative of each is the next.
    let rec features (basis: Basis) (first: int) (last: int) (x: Tensor) : Tensor[] =
        let differentiated = torch.is_grad_enabled () && x.requires_grad
        let highest = if differentiated then last + 1 else last
        let values = basis.Derivatives [ first..highest ] (x.detach ()) |> List.toArray

        let rule =
            {
                Forward = fun _ -> values[.. last - first], values[1..] |> Array.map _.detach()
                Backward =
                    fun inputs kept cotangents ->
                        let higher =
                            if torch.is_grad_enabled () then features basis (first + 1) (last + 1) inputs[0] else kept

                        Array.map2 (fun (c: Tensor) d -> c * d) cotangents higher
                        |> Array.reduce (fun a b -> a + b)
                        |> fun total -> [| Some(total.sum -1L) |]
            }

        if differentiated then Rule.apply rule [ x ] else values

    /// The functions of two families side by side.
    let append (a: Basis) (b: Basis) : Basis =
        {
            Count = a.Count + b.Count
            Derivatives =
                fun orders x ->
                    List.map2
                        (fun (f: Tensor) (g: Tensor) -> torch.cat ([| f; g |], -1L))
                        (a.Derivatives orders x)
                        (b.Derivatives orders x)
        }
