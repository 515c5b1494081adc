// The library of functions that an edge may be fixed to, each with the complexity by which simpler ones are preferred.
// Names and complexities as in pykan (Liu et al., arXiv 2404.19756, section 2.5).
namespace MetaKan.Fitting

open MetaKan
open MetaKan.Symbolic
open TorchSharp

/// A function of one variable, as a formula and on tensors.
type SymbolicFunction =
    {
        /// What pykan calls it, such as "x^2" or "arcsin".
        Name: string
        /// Its part in a formula's complexity: 1 for x, more for what is harder to read.
        Complexity: int
        /// Its formula, from that of its argument.
        Formula: Expression -> Expression
        /// Its values, elementwise and differentiable.
        Value: Tensor -> Tensor
    }

/// The library of functions that an edge may be fixed to.
[<RequireQualifiedAccess>]
module SymbolicFunction =
    let private make name complexity (formula: Expression -> Expression) =
        let f = formula (Variable "x")

        {
            Name = name
            Complexity = complexity
            Formula = formula
            Value = fun x -> Expression.evaluate x (fun _ -> x) f
        }

    let private power (p: float) x = Power(x, Number p)
    let private call f x = Call(f, x)

    /// All of them, the simple ones first.
    let library: SymbolicFunction list =
        [
            make "0" 0 (fun _ -> Number 0.0)
            make "x" 1 id
            make "x^2" 2 (power 2.0)
            make "1/x" 2 (power -1.0)
            make "1/x^2" 2 (power -2.0)
            make "sqrt" 2 (call Function.Sqrt)
            make "1/sqrt" 2 (power -0.5)
            make "exp" 2 (call Function.Exp)
            make "log" 2 (call Function.Log)
            make "sin" 2 (call Function.Sin)
            make "cos" 2 (call Function.Cos)
            make "1/x^3" 2 (power -3.0)
            make "1/x^4" 2 (power -4.0)
            make "1/x^5" 2 (power -5.0)
            make "x^3" 3 (power 3.0)
            make "x^4" 3 (power 4.0)
            make "x^5" 3 (power 5.0)
            make "abs" 3 (call Function.Abs)
            make "tan" 3 (call Function.Tan)
            make "tanh" 3 (call Function.Tanh)
            make "sgn" 3 (call Function.Sign)
            make "gaussian" 3 (call Function.Gaussian)
            make "x^1.5" 4 (power 1.5)
            make "arcsin" 4 (call Function.Asin)
            make "arccos" 4 (call Function.Acos)
            make "arctan" 4 (call Function.Atan)
            make "arctanh" 4 (call Function.Atanh)
        ]

    let rec private size e =
        match e with
        | Number _
        | Variable _ -> 1
        | Sum parts
        | Product parts -> List.sumBy size parts
        | Power(a, b) -> size a + size b
        | Call(_, a) -> 1 + size a

    /// The function of this name, or else of a formula in x, as "x*exp(-x)", which is its own name, with its numbers, names and
    /// calls for its complexity; BadInput, with the names that there are, for anything else.
    let find (name: string) : SymbolicFunction =
        let refuse () =
            let names = library |> List.map _.Name |> String.concat ", "

            raise (
                BadInput $"no symbolic function is called '{name}': there are {names}, and formulas in x, as x*exp(-x)"
            )

        match library |> List.tryFind (fun f -> f.Name = name) with
        | Some f -> f
        | None ->
            let formula =
                try
                    Parser.expression name
                with BadInput _ ->
                    refuse ()

            if Expression.variables formula <> [ "x" ] then
                refuse ()

            make name (size formula) (fun x -> formula |> Expression.substitute (fun _ -> Some x))
