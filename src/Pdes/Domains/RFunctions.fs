// Functions that vanish on a boundary, composed as the regions are: R-functions (Rvachev 1982; Shapiro, Acta Numerica 16,
// 2007), normalized so that they are distances to first order near the boundary. Sukumar, Srivastava, "Exact imposition of
// boundary conditions with distance functions" (arXiv 2104.08426), section 4.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal RFunctions =
    /// What counts as on a boundary, of the size of a region: there functions keep their sign, since rounding decides it.
    let band = 1e-5

    // Corners are singular: this keeps derivatives there finite, in single precision too.
    let private root (x: Jet) = x |> Jet.shift 1e-24 |> Jet.sqrt
    let private divide (a: Jet) (b: Jet) = a / Jet.shift 1e-12 b

    // Rows of one jet or of another.
    let private choose (mask: Tensor) (a: Jet) (b: Jet) : Jet =
        let along = mask.unsqueeze 1

        { a with
            Value = torch.where (mask, a.Value, b.Value)
            Tangents = Dense(torch.where (along, Jet.tangents a, Jet.tangents b))
            Second = torch.where (mask, a.Second, b.Second)
            Higher = List.map2 (fun s t -> torch.where (along, s, t)) a.Higher b.Higher
        }

    /// The function, or its negative where `mask` [N, m] holds.
    let negateWhere (mask: Tensor) (f: Jet) : Jet = choose mask (-f) f

    /// Positive where both are.
    let conjunction (a: Jet) (b: Jet) : Jet = a + b - root (a * a + b * b)

    /// Positive where either is.
    let disjunction (a: Jet) (b: Jet) : Jet = a + b + root (a * a + b * b)

    /// Zero where either is, for functions that are nowhere negative.
    let join (a: Jet) (b: Jet) : Jet = divide (a * b) (a + b)

    /// All components in one, pairs at a time.
    let rec combine (pair: Jet -> Jet -> Jet) (x: Jet) : Jet =
        match int (x.Value.size 1) with
        | 1 -> x
        | m ->
            let pairs = pair (Jet.slice 0 (m / 2) x) (Jet.slice (m / 2) (m / 2) x)
            combine pair (if m % 2 = 0 then pairs else Jet.concat [ pairs; Jet.part (m - 1) x ])

    /// |f|, but f itself on the boundary of a region of that size, where it goes through zero smoothly.
    let positive (size: float) (f: Jet) : Jet = negateWhere (f.Value.lt ((-band * size).ToScalar())) f

    /// A function that is positive inside a region, as one that is positive outside, on the boundary too.
    let turned (size: float) (f: Jet) : Jet = negateWhere (f.Value.lt ((band * size).ToScalar())) f

    /// Zero where f is zero and t is not negative, positive elsewhere:
    ///   √(f² + ((√(t² + f⁴) - t)/2)²), lengths taken relative to the region's size.
    let trimmed (size: float) (f: Jet) (t: Jet) : Jet =
        let f, t = positive 1.0 (f / size), t / size
        let beyond = t.Value.lt (0.0.ToScalar())
        let square = f * f
        let sum = root (t * t + square * square) + negateWhere beyond t

        // √(t² + f⁴) - t is f⁴ / (√(t² + f⁴) + t): on the part itself f can be taken out of the root, and has derivatives.
        let ratio = divide square (2.0 * sum)
        let along = f * Jet.sqrt (1.0 + square * ratio * ratio)
        size * choose beyond (root (square + 0.25 * sum * sum)) along
