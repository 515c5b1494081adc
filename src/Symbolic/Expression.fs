// Formulas, both those given to fit and those read off networks: the type and its evaluation. Parser.fs reads them,
// Simplify.fs shortens them, Printer.fs writes them.
namespace MetaKan.Symbolic

open System
open MetaKan
open TorchSharp

/// A function of one variable that a formula may call. Gaussian is exp(-x²).
[<RequireQualifiedAccess>]
type Function =
    /// e^x.
    | Exp
    /// The natural logarithm.
    | Log
    /// The square root.
    | Sqrt
    /// The sine, of radians.
    | Sin
    /// The cosine, of radians.
    | Cos
    /// The tangent, of radians.
    | Tan
    /// The hyperbolic tangent.
    | Tanh
    /// The hyperbolic sine.
    | Sinh
    /// The hyperbolic cosine.
    | Cosh
    /// The angle in [-π/2, π/2] with this sine.
    | Asin
    /// The angle in [0, π] with this cosine.
    | Acos
    /// The angle in (-π/2, π/2) with this tangent.
    | Atan
    /// The inverse of tanh, on (-1, 1).
    | Atanh
    /// The absolute value.
    | Abs
    /// -1, 0 or 1.
    | Sign
    /// exp(-x²).
    | Gaussian

/// The functions' names, values and notation.
[<RequireQualifiedAccess>]
module Function =
    /// All functions, in the order in which they are listed.
    let all =
        [
            Function.Exp
            Function.Log
            Function.Sqrt
            Function.Sin
            Function.Cos
            Function.Tan
            Function.Tanh
            Function.Sinh
            Function.Cosh
            Function.Asin
            Function.Acos
            Function.Atan
            Function.Atanh
            Function.Abs
            Function.Sign
            Function.Gaussian
        ]

    // Math.Sign raises on NaN.
    let private sign x =
        if x > 0.0 then 1.0
        elif x < 0.0 then -1.0
        else x

    // Its name as printed, other names for it, its LaTeX with # for the argument, and how to compute it.
    let private row (f: Function) : string * string list * string * (float -> float) * (Tensor -> Tensor) =
        match f with
        | Function.Exp -> "exp", [], @"e^{#}", exp, torch.exp
        | Function.Log -> "log", [ "ln" ], @"\log\left(#\right)", log, torch.log
        | Function.Sqrt -> "sqrt", [], @"\sqrt{#}", sqrt, torch.sqrt
        | Function.Sin -> "sin", [], @"\sin\left(#\right)", sin, torch.sin
        | Function.Cos -> "cos", [], @"\cos\left(#\right)", cos, torch.cos
        | Function.Tan -> "tan", [], @"\tan\left(#\right)", tan, torch.tan
        | Function.Tanh -> "tanh", [], @"\tanh\left(#\right)", tanh, torch.tanh
        | Function.Sinh -> "sinh", [], @"\sinh\left(#\right)", sinh, torch.sinh
        | Function.Cosh -> "cosh", [], @"\cosh\left(#\right)", cosh, torch.cosh
        | Function.Asin -> "asin", [ "arcsin" ], @"\arcsin\left(#\right)", asin, torch.asin
        | Function.Acos -> "acos", [ "arccos" ], @"\arccos\left(#\right)", acos, torch.acos
        | Function.Atan -> "atan", [ "arctan" ], @"\arctan\left(#\right)", atan, torch.atan
        | Function.Atanh -> "atanh", [ "arctanh" ], @"\operatorname{artanh}\left(#\right)", Math.Atanh, torch.atanh
        | Function.Abs -> "abs", [], @"\left|#\right|", abs, torch.abs
        | Function.Sign -> "sign", [ "sgn" ], @"\operatorname{sign}\left(#\right)", sign, torch.sign
        | Function.Gaussian ->
            "gaussian", [], @"e^{-#^{2}}", (fun x -> exp (-x * x)), (fun x -> torch.exp (torch.neg (torch.square x)))

    /// The name as printed.
    let name (f: Function) : string =
        let name, _, _, _, _ = row f
        name

    /// The function with this name or alias.
    let named (word: string) : Function option =
        all
        |> List.tryFind (fun f ->
            let name, others, _, _, _ = row f
            List.contains word (name :: others))

    /// Its LaTeX, with the argument put in.
    let latex (f: Function) (argument: string) : string =
        let _, _, template, _, _ = row f
        template.Replace("#", argument)

    /// Its value at a number; NaN where it has none.
    let value (f: Function) : float -> float =
        let _, _, _, value, _ = row f
        value

    /// Its values at the elements of a tensor, differentiable. The sign of NaN is 0 here.
    let tensor (f: Function) : Tensor -> Tensor =
        let _, _, _, _, tensor = row f
        tensor

/// A formula. A difference is a sum with a factor -1, a quotient a product with a power -1; the empty sum is 0 and the
/// empty product 1. The operators + - * / ** build formulas from formulas and change nothing else.
type Expression =
    /// A constant.
    | Number of float
    /// A variable, by its name.
    | Variable of string
    /// The sum of any number of formulas.
    | Sum of Expression list
    /// The product of any number of formulas.
    | Product of Expression list
    /// The first to the power of the second.
    | Power of Expression * Expression
    /// A function's value at a formula.
    | Call of Function * Expression

    static member (~-)(e: Expression) =
        match e with
        | Number v -> Number -v
        | Product(Number c :: rest) -> Product(Number -c :: rest)
        | Product factors -> Product(Number -1.0 :: factors)
        | other -> Product [ Number -1.0; other ]

    static member (+)(a: Expression, b: Expression) = Sum [ a; b ]
    static member (-)(a: Expression, b: Expression) = Sum [ a; -b ]
    static member (*)(a: Expression, b: Expression) = Product [ a; b ]
    static member (/)(a: Expression, b: Expression) = Product [ a; Power(b, Number -1.0) ]
    static member Pow(a: Expression, b: Expression) = Power(a, b)

/// Values of formulas, their variables, and formulas put into others.
[<RequireQualifiedAccess>]
module Expression =
    /// Puts another expression in the place of every number and every variable.
    let rec mapLeaves (change: Expression -> Expression) (e: Expression) : Expression =
        match e with
        | Number _
        | Variable _ -> change e
        | Sum terms -> Sum(List.map (mapLeaves change) terms)
        | Product factors -> Product(List.map (mapLeaves change) factors)
        | Power(a, b) -> Power(mapLeaves change a, mapLeaves change b)
        | Call(f, a) -> Call(f, mapLeaves change a)

    /// Puts expressions in the place of the variables for which there is one, all at once.
    let substitute (replacement: string -> Expression option) : Expression -> Expression =
        mapLeaves (function
            | Variable name as variable -> replacement name |> Option.defaultValue variable
            | other -> other)

    /// The names of the variables, in the order in which they first appear.
    let variables (e: Expression) : string list =
        let rec names e =
            seq {
                match e with
                | Number _ -> ()
                | Variable name -> name
                | Sum parts
                | Product parts -> yield! Seq.collect names parts
                | Power(a, b) ->
                    yield! names a
                    yield! names b
                | Call(_, a) -> yield! names a
            }

        names e |> Seq.distinct |> List.ofSeq

    /// The value, given those of the variables; NaN where there is none.
    let rec value (variable: string -> float) (e: Expression) : float =
        match e with
        | Number v -> v
        | Variable name -> variable name
        | Sum terms -> terms |> List.sumBy (value variable)
        | Product factors -> (1.0, factors) ||> List.fold (fun product f -> product * value variable f)
        | Power(a, b) -> value variable a ** value variable b
        | Call(f, a) -> Function.value f (value variable a)

    /// The values elementwise, differentiable, given tensors for the variables, which broadcast. Numbers take the
    /// element type and device of `like`, and a formula without variables its shape too.
    let evaluate (like: Tensor) (variable: string -> Tensor) (e: Expression) : Tensor =
        let rec tensor e : Tensor =
            match e with
            | Number v -> torch.tensor (v, dtype = like.dtype, device = like.device)
            | Variable name -> variable name
            | Sum [] -> tensor (Number 0.0)
            | Sum terms -> terms |> List.map tensor |> List.reduce (fun a b -> a + b)
            | Product [] -> tensor (Number 1.0)
            | Product factors -> factors |> List.map tensor |> List.reduce (fun a b -> a * b)
            | Power(a, Number n) -> (tensor a).pow(n.ToScalar())
            | Power(a, b) -> torch.pow (tensor a, tensor b)
            | Call(f, a) -> Function.tensor f (tensor a)

        if List.isEmpty (variables e) then torch.full_like (like, value (fun _ -> nan) e) else tensor e
