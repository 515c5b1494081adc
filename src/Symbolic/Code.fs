namespace MetaKan.Symbolic

open System
open System.Globalization

/// A language that formulas are written in for programs.
[<RequireQualifiedAccess>]
type Language =
    /// An expression of Python's SymPy, as `sympify` reads it.
    | SymPy
    /// Python over NumPy's arrays, with `import numpy as np`.
    | NumPy
    /// F#, over floats.
    | FSharp
    /// C#, over doubles, with `using System`.
    | CSharp

/// Writes a formula as an expression of a programming language; variables have the formula's names.
[<RequireQualifiedAccess>]
module Code =
    /// All languages, with their names as files have them.
    let languages =
        [
            "sympy", Language.SymPy
            "numpy", Language.NumPy
            "fsharp", Language.FSharp
            "csharp", Language.CSharp
        ]

    let private number (language: Language) (v: float) =
        let digits = v.ToString("R", CultureInfo.InvariantCulture)
        let whole = Seq.forall (fun c -> Char.IsDigit c || c = '-') digits

        let text =
            match language with
            | Language.FSharp
            | Language.CSharp when Double.IsNaN v -> if language = Language.FSharp then "nan" else "double.NaN"
            | Language.FSharp
            | Language.CSharp when Double.IsInfinity v ->
                let infinity = if language = Language.FSharp then "infinity" else "double.PositiveInfinity"
                if v > 0.0 then infinity else $"-{infinity}"
            | Language.SymPy when Double.IsNaN v -> "nan"
            | Language.SymPy when Double.IsInfinity v -> if v > 0.0 then "oo" else "-oo"
            | Language.NumPy when Double.IsNaN v -> "np.nan"
            | Language.NumPy when Double.IsInfinity v -> if v > 0.0 then "np.inf" else "-np.inf"
            | Language.SymPy -> digits
            | _ when whole -> digits + ".0"
            | _ -> digits

        if text[0] = '-' then $"({text})" else text

    // The names that numbers are spelled out by.
    let private constant (language: Language) (name: string) =
        match language, name with
        | Language.SymPy, "e" -> "E"
        | Language.SymPy, _ -> name
        | Language.NumPy, _ -> $"np.{name}"
        | Language.FSharp, _ -> $"System.Math.{name.ToUpperInvariant()}"
        | Language.CSharp, _ -> $"Math.{name.ToUpperInvariant()}"

    let private call (language: Language) (f: Function) (argument: string) =
        let name = Function.name f

        match language, f with
        | Language.SymPy, Function.Gaussian -> $"exp(-({argument})**2)"
        | Language.SymPy, Function.Abs -> $"Abs({argument})"
        | Language.SymPy, _ -> $"{name}({argument})"
        | Language.NumPy, Function.Gaussian -> $"np.exp(-({argument})**2)"
        | Language.NumPy, (Function.Asin | Function.Acos | Function.Atan | Function.Atanh) ->
            $"np.arc{name.Substring 1}({argument})"
        | Language.NumPy, _ -> $"np.{name}({argument})"
        | Language.FSharp, Function.Gaussian -> $"exp(-(({argument}) ** 2.0))"
        | Language.FSharp, Function.Atanh -> $"System.Math.Atanh({argument})"
        | Language.FSharp, Function.Sign -> $"float (sign ({argument}))"
        | Language.FSharp, _ -> $"{name}({argument})"
        | Language.CSharp, Function.Gaussian -> $"Math.Exp(-Math.Pow({argument}, 2.0))"
        | Language.CSharp, _ -> $"Math.{Char.ToUpperInvariant name[0]}{name.Substring 1}({argument})"

    /// The formula as an expression of a language. Every part that is not a name, a number or a call is in parentheses.
    let text (language: Language) (formula: Expression) : string =
        let rec write e =
            match e with
            | Number v ->
                match KnownNumber.spelled v with
                | Some [ factor ] -> write factor
                | Some factors -> write (Product factors)
                | None -> number language v
            | Variable("pi" | "e" as name) -> constant language name
            | Variable name -> name
            | Sum [] -> number language 0.0
            | Sum terms -> "(" + (terms |> List.map write |> String.concat " + ") + ")"
            | Product [] -> number language 1.0
            | Product factors -> "(" + (factors |> List.map write |> String.concat "*") + ")"
            | Power(a, Number -1.0) -> $"({number language 1.0}/{write a})"
            | Power(a, Number 0.5) -> call language Function.Sqrt (write a)
            | Power(a, b) ->
                match language with
                | Language.CSharp -> $"Math.Pow({write a}, {write b})"
                | Language.FSharp -> $"({write a} ** {write b})"
                | Language.SymPy
                | Language.NumPy -> $"({write a}**{write b})"
            | Call(f, a) -> call language f (write a)

        let whole = write formula
        // The outermost parentheses of a sum or product go around all of it.
        match formula with
        | Sum(_ :: _)
        | Product(_ :: _) -> whole.Substring(1, whole.Length - 2)
        | _ -> whole
