// Weights of the loss's terms, equations and conditions, so that none is learned at the others' cost.
// By the norms of gradients: Wang, Teng, Perdikaris, SIAM J. Sci. Comput. 43 (2021) (arXiv 2001.04536), in the form of
// Wang, Sankaran, Wang, Perdikaris (arXiv 2308.08468), section 5.2. By the neural tangent kernel: Wang, Yu, Perdikaris,
// J. Comput. Phys. 449 (2022) (arXiv 2007.14527), section 6.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// How the terms of the loss are weighed, beside the weights that a problem gives them.
[<RequireQualifiedAccess>]
type Balance =
    /// All alike.
    | Fixed
    /// So that the gradients of all terms have the same norm.
    | Gradients
    /// So that the neural tangent kernels of all terms have the same trace: all are learned at about the same rate.
    | Ntk

[<RequireQualifiedAccess>]
module internal Balancing =
    /// λ_i = Σ_j size_j / size_i [terms], for sizes [terms]. A term that is a millionth of them all or less, which may have
    /// no gradient at all, gets a million.
    let weights (sizes: Tensor) : Tensor =
        let total = sizes.sum ()

        // Without any size there is nothing to weigh.
        let floor = torch.where (total.eq (0.0.ToScalar()), torch.ones_like total, total * 1e-6)
        torch.where (total.eq (0.0.ToScalar()), torch.ones_like sizes, total / torch.maximum (sizes, floor))

    /// The moving average of weights: nine tenths of the old, one of the new.
    let average (old: Tensor) (fresh: Tensor) : Tensor = 0.9 * old + 0.1 * fresh

    /// How many random combinations estimate a kernel's trace.
    let private probes = 4

    /// Weights from the squares of gradients' norms [terms], which `squares` has for the terms themselves, or for random
    /// combinations s·v of the numbers v whose squares make a term, with independent signs s. The mean of |∇(s·v)|² is the
    /// trace of the kernel ∇v ∇vᵀ: the estimate is without bias (Hutchinson 1990), where gradients of every number would
    /// be too dear. None where terms are not balanced.
    let fromSquares (balance: Balance) (key: Key) (squares: Key option -> Tensor) : Tensor option =
        match balance with
        | Balance.Fixed -> None
        | Balance.Gradients -> Some(weights ((squares None).sqrt()))
        | Balance.Ntk ->
            [| for n in 0 .. probes - 1 -> squares (Some(Key.fold n key)) |]
            |> torch.stack
            |> _.mean([| 0L |])
            |> weights
            |> Some
