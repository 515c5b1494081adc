// Complex fields as two real ones, and arithmetic of them: Schrödinger's equation reads as it is written.
namespace MetaKan.Pdes

open MetaKan

/// A complex formula.
[<NoComparison>]
type Complex =
    {
        /// a of a + bi.
        Real: Term
        /// b of a + bi, itself real.
        Imaginary: Term
    }

    static member (+)(a: Complex, b: Complex) = { Real = a.Real + b.Real; Imaginary = a.Imaginary + b.Imaginary }
    static member (+)(a: Complex, b: Term) = { a with Real = a.Real + b }
    static member (+)(a: Term, b: Complex) = { b with Real = a + b.Real }
    static member (+)(a: Complex, b: float) = { a with Real = a.Real + b }
    static member (+)(a: float, b: Complex) = { b with Real = a + b.Real }
    static member (~-)(a: Complex) = { Real = -a.Real; Imaginary = -a.Imaginary }
    static member (-)(a: Complex, b: Complex) = { Real = a.Real - b.Real; Imaginary = a.Imaginary - b.Imaginary }
    static member (-)(a: Complex, b: Term) = { a with Real = a.Real - b }
    static member (-)(a: Term, b: Complex) = { Real = a - b.Real; Imaginary = -b.Imaginary }
    static member (-)(a: Complex, b: float) = { a with Real = a.Real - b }
    static member (-)(a: float, b: Complex) = { Real = a - b.Real; Imaginary = -b.Imaginary }

    static member (*)(a: Complex, b: Complex) =
        {
            Real = a.Real * b.Real - a.Imaginary * b.Imaginary
            Imaginary = a.Real * b.Imaginary + a.Imaginary * b.Real
        }

    static member (*)(a: Term, b: Complex) = { Real = a * b.Real; Imaginary = a * b.Imaginary }
    static member (*)(a: Complex, b: Term) = { Real = a.Real * b; Imaginary = a.Imaginary * b }
    static member (*)(a: float, b: Complex) = { Real = a * b.Real; Imaginary = a * b.Imaginary }
    static member (*)(a: Complex, b: float) = { Real = a.Real * b; Imaginary = a.Imaginary * b }
    static member (/)(a: Complex, b: Term) = { Real = a.Real / b; Imaginary = a.Imaginary / b }
    static member (/)(a: Complex, b: float) = { Real = a.Real / b; Imaginary = a.Imaginary / b }

    static member (/)(a: Complex, b: Complex) = a * Complex.conjugate b / (b.Real * b.Real + b.Imaginary * b.Imaginary)

    /// a - bi for a + bi.
    static member conjugate(a: Complex) : Complex = { a with Imaginary = -a.Imaginary }

/// Complex formulas of two real ones.
[<RequireQualifiedAccess>]
module Complex =
    /// real + i·imaginary.
    let create (real: Term) (imaginary: Term) : Complex = { Real = real; Imaginary = imaginary }

    /// The imaginary unit.
    let i: Complex = create (Term.Number 0.0) (Term.Number 1.0)

    /// |a|², a real formula.
    let squared (a: Complex) : Term = a.Real * a.Real + a.Imaginary * a.Imaginary

    /// e^a.
    let exp (a: Complex) : Complex = exp a.Real * create (cos a.Imaginary) (sin a.Imaginary)

    /// A word of the language on both parts: `Complex.map (fun u -> d u [ x; x ]) h` is h_xx.
    let map (word: Term -> Term) (a: Complex) : Complex = create (word a.Real) (word a.Imaginary)

    /// The two real formulas, named, of which equations and conditions are made.
    let parts (name: string) (a: Complex) : (string * Term) list =
        [ $"{name} real", a.Real; $"{name} imaginary", a.Imaginary ]
