namespace MetaKan.Pdes

open System.Collections.Concurrent
open MetaKan
open TorchSharp

/// Diffusion with a reaction in the whole of space,  u_t + Δu + f(u) = 0  in any dimension, from 5/(10 + 2|x|²) at t = 0.3
/// backwards. Han, Jentzen, E, PNAS 115 (2018), arXiv 1707.02568, section 4.3; Shi et al., STDE (arXiv 2412.00088), appendix I.
[<RequireQualifiedAccess>]
module SemilinearDiffusion =
    let private span = 0.3

    // By dimension: what a reference is read off takes a second to compute.
    let private references (reaction: Tensor -> Tensor) : int -> Tensor -> Tensor =
        let found = ConcurrentDictionary<int, Tensor -> Tensor>()
        fun dimension -> found.GetOrAdd(dimension, System.Func<_, _>(fun d -> Radial.fields d span reaction))

    let private problem (name: string) (f: Term -> Term) (exact: int -> Tensor -> Tensor) (dimension: int) : Problem =
        let x, t, u = coordinates "x" dimension, coordinate "t", field "u"
        let names = [ for i in 1..dimension -> $"x{i}" ] @ [ "t" ]

        { Problem.create
              name
              // Where noise leads to from the origin, at which solutions are compared.
              (Domain.brownian dimension 0.0 1.0 0.0 span)
              names
              [ "u" ]
              [ name, d u [ t ] + laplacian u x + f u ] with
            Exact = Some(exact dimension)
            Constraint =
                fun point net ->
                    let t = Jet.part dimension point
                    let left = span - t
                    // |x|² at the end, on average. With |x|² itself the Laplacian at the origin would be d/5 at all times, which
                    // the network had to take away in a region that no other term knows.
                    let squares = Jet.normSquared point - t * t + 2.0 * float dimension * left
                    5.0 / (2.0 * squares + 10.0) + left * net
        }

    let private heats =
        references (fun u ->
            let squared = u * u
            (1.0 - squared) / (1.0 + squared))

    let private allenCahns = references (fun u -> u - u * u * u)
    let private sineGordons = references torch.sin

    /// f = (1 - u²)/(1 + u²), in so many dimensions.
    let heat: int -> Problem =
        problem "semilinear-heat" (fun u -> (1.0 - u ** 2.0) / (1.0 + u ** 2.0)) heats

    /// f = u - u³, in so many dimensions.
    let allenCahn: int -> Problem = problem "semilinear-allen-cahn" (fun u -> u - u ** 3.0) allenCahns

    /// f = sin u, in so many dimensions.
    let sineGordon: int -> Problem = problem "semilinear-sine-gordon" sin sineGordons
