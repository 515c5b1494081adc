// The language of equations for C#: `using static MetaKan.CSharp.Words`.
namespace MetaKan.CSharp

open System
open MetaKan
open MetaKan.CSharp.Conversions
open MetaKan.Pdes

/// The words in which equations and conditions are written, as `D(u, t) - 0.1 * Laplacian(u, x, y)`; + - * / go between terms,
/// and between terms and numbers. What each means stands at the word of `MetaKan.Pdes.Language`.
[<AbstractClass; Sealed>]
type Words private () =
    /// A coordinate, by its name.
    static member Coordinate(name: string) : Term = coordinate name

    /// The coordinates name1, name2, … name`count`.
    static member Coordinates(name: string, count: int) : Term[] = Array.ofList (coordinates name count)

    /// An unknown field, by its name.
    static member Field(name: string) : Term = field name

    /// A number that is found with the solution, by its name.
    static member Parameter(name: string) : Term = parameter name

    /// A constant, where a term is wanted.
    static member Number(value: float) : Term = number value

    /// The variable of an integral, by its name.
    static member Variable(name: string) : Term = variable name

    /// A function of the point by tensors: values [N, 1] at points [N, d], each row by its own point alone.
    static member Given(name: string, value: Func<Tensor, Tensor>) : Term = given name value.Invoke

    /// The derivative by each of the coordinates in turn: `D(u, x, x, t)` is ∂³u/∂x²∂t.
    static member D(term: Term, [<ParamArray>] by: Term[]) : Term = d term (List.ofArray by)

    /// Σ ∂²/∂x_i² over the coordinates.
    static member Laplacian(term: Term, [<ParamArray>] by: Term[]) : Term = laplacian term (List.ofArray by)

    /// The derivatives by each of the coordinates.
    static member Grad(term: Term, [<ParamArray>] by: Term[]) : Term[] = Array.ofList (grad term (List.ofArray by))

    /// Σ ∂v_i/∂x_i of a vector v.
    static member Div(vector: seq<Term>, [<ParamArray>] by: Term[]) : Term = div (List.ofSeq vector) (List.ofArray by)

    /// The matrix of second derivatives by the coordinates.
    static member Hessian(term: Term, [<ParamArray>] by: Term[]) : Term[,] = array2D (hessian term (List.ofArray by))

    /// The mean over the points of a condition's sample.
    static member Mean(term: Term) : Term = mean term

    /// The term where coordinates have other values: `At(u, (x, Number(-1)))` is u at x = -1, all else the same.
    static member At(term: Term, [<ParamArray>] moved: struct (Term * Term)[]) : Term = at (pairs moved) term

    /// ∫ f dv over a variable or a coordinate v from low to high.
    static member Integral(v: Term, low: Term, high: Term, term: Term) : Term = integral v (low, high) term

    /// A component of the outward unit normal, by its coordinate's; in conditions on a part of the boundary.
    static member Normal(by: Term) : Term = normal by

    /// The derivative along the outward normal; in conditions on a part of the boundary.
    static member NormalDerivative(term: Term, [<ParamArray>] by: Term[]) : Term =
        normalDerivative term (List.ofArray by)

    /// The absolute value.
    static member Abs(a: Term) : Term = abs a

    /// The cosine of radians.
    static member Cos(a: Term) : Term = cos a

    /// The hyperbolic cosine.
    static member Cosh(a: Term) : Term = cosh a

    /// The exponential function.
    static member Exp(a: Term) : Term = exp a

    /// The natural logarithm.
    static member Log(a: Term) : Term = log a

    /// A term to the power of a constant.
    static member Pow(a: Term, exponent: float) : Term = a ** exponent

    /// The sine of radians.
    static member Sin(a: Term) : Term = sin a

    /// The hyperbolic sine.
    static member Sinh(a: Term) : Term = sinh a

    /// The square root.
    static member Sqrt(a: Term) : Term = sqrt a

    /// The tangent of radians.
    static member Tan(a: Term) : Term = tan a

    /// The hyperbolic tangent.
    static member Tanh(a: Term) : Term = tanh a
