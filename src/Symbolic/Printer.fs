// Writes a formula: as text that the parser reads back, and as LaTeX. One walk decides where signs, fractions and
// parentheses go; a notation says what each looks like.
namespace MetaKan.Symbolic

open System
open System.Globalization
open System.Text.RegularExpressions
open MetaKan

[<RequireQualifiedAccess>]
module Printer =
    /// How tightly the outermost operator of a text binds: a sum or a sign, a product or quotient, a power, none.
    type private Binding =
        | Loose = 0
        | Factor = 1
        | Power = 2
        | Atom = 3

    type private Notation =
        {
            /// A number that is not negative.
            Number: float -> string * Binding
            Variable: string -> string
            Group: string -> string
            /// Two factors or more.
            Times: string list -> string
            Quotient: string * Binding -> string * Binding -> string
            /// Of a base that needs no more parentheses.
            Power: string -> string * Binding -> string
            Call: Function -> string * Binding -> string * Binding
        }

    /// The text, in parentheses if it binds less tightly than is needed.
    let private atLeast (needed: Binding) (group: string -> string) (text: string, binding: Binding) =
        if binding < needed then group text else text

    /// The formula without sums of sums, products of products, sums and products of one part, and factors 1.
    let rec private flat e =
        match e with
        | Number _
        | Variable _ -> e
        | Sum parts ->
            match List.map flat parts |> List.collect terms with
            | [] -> Number 0.0
            | [ term ] -> term
            | several -> Sum several
        | Product parts ->
            let inner =
                function
                | Product factors -> factors
                | Number 1.0 -> []
                | factor -> [ factor ]

            match List.map flat parts |> List.collect inner with
            | [] -> Number 1.0
            | [ factor ] -> factor
            | several -> Product several
        | Power(a, b) -> Power(flat a, flat b)
        | Call(f, a) -> Call(f, flat a)

    and private terms e =
        match e with
        | Sum terms -> terms
        | other -> [ other ]

    /// Factors, with the multiples of π/2 spelled out by the name pi, which no variable has.
    let rec private factors e =
        match e with
        | Product parts -> List.collect factors parts
        | Number v ->
            match HalfPi.multiple v with
            | Some k when k % 2 = 0 -> [ Number(float (k / 2)); Variable "pi" ]
            | Some k -> [ Number(float k); Variable "pi"; Power(Number 2.0, Number -1.0) ]
            | None -> [ e ]
        | other -> [ other ]

    /// Whether a product is negative, and what stands above and below the line of its fraction.
    let private fraction e =
        let signs, sizes =
            factors e
            |> List.map (function
                | Number v when Double.IsNegative v && not (Double.IsNaN v) -> -1, Number -v
                | factor -> 1, factor)
            |> List.unzip

        let below =
            sizes
            |> List.choose (function
                | Power(a, Number -1.0) -> Some a
                | Power(a, Number n) when n < 0.0 -> Some(Power(a, Number -n))
                | _ -> None)

        let above =
            sizes
            |> List.filter (function
                | Power(_, Number n) -> not (n < 0.0)
                | factor -> factor <> Number 1.0)

        List.reduce (*) (1 :: signs) < 0, (if above.IsEmpty then [ Number 1.0 ] else above), below

    let rec private write (notation: Notation) (e: Expression) : string * Binding =
        let signed e =
            let negative, above, below = fraction e

            let times parts =
                match List.map (piece notation) parts with
                | [ part ] -> part
                | parts -> notation.Times(parts |> List.map (atLeast Binding.Factor notation.Group)), Binding.Factor

            negative,
            if below.IsEmpty then times above else notation.Quotient (times above) (times below), Binding.Factor

        match List.map signed (terms e) with
        | [ false, text ] -> text
        | signed ->
            signed
            |> List.mapi (fun i (negative, text) ->
                let text = atLeast Binding.Factor notation.Group text

                match i, negative with
                | 0, false -> text
                | 0, true -> "-" + text
                | _, false -> " + " + text
                | _, true -> " - " + text)
            |> String.concat "",
            Binding.Loose

    /// What is no negative number, product or power with a negative exponent by itself.
    and private piece notation e =
        match e with
        | Number v -> notation.Number v
        | Variable name -> notation.Variable name, Binding.Atom
        | Power(a, Number 0.5) -> piece notation (Call(Function.Sqrt, a))
        | Power(a, b) ->
            notation.Power (write notation a |> atLeast Binding.Atom notation.Group) (write notation b), Binding.Power
        | Call(f, a) -> notation.Call f (write notation a)
        | Sum _
        | Product _ -> write notation e

    let private digits (v: float) =
        match v with
        | v when Double.IsNaN v -> "nan"
        | v when Double.IsInfinity v -> "inf"
        | v -> v.ToString("R", CultureInfo.InvariantCulture).Replace('E', 'e')

    let private plain =
        let group text = $"({text})"

        {
            Number = fun v -> digits v, Binding.Atom
            Variable = id
            Group = group
            Times = String.concat "*"
            Quotient = fun above below -> $"{atLeast Binding.Factor group above}/{atLeast Binding.Power group below}"
            Power = fun a b -> $"{a}^{atLeast Binding.Power group b}"
            Call = fun f (argument, _) -> $"{Function.name f}({argument})", Binding.Atom
        }

    let private greek =
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi"
            .Split
            ' '
        |> set
        |> Set.add "omega"

    let private latexName (name: string) =
        let word (text: string) =
            if greek.Contains text then @"\" + text
            elif text.Length = 1 || Seq.forall Char.IsDigit text then text
            else sprintf @"\mathrm{%s}" (text.Replace("_", @"\_"))

        let parts = Regex.Match(name, @"^(?<name>\p{L}+)(?:_(?<index>.+)|(?<index>[0-9]+))$")

        if parts.Success then
            sprintf "%s_{%s}" (word parts.Groups["name"].Value) (word parts.Groups["index"].Value)
        else
            word name

    let private tex =
        let group text = $@"\left({text}\right)"

        {
            Number =
                fun v ->
                    match (digits v).Split 'e' with
                    | _ when Double.IsNaN v -> @"\mathrm{nan}", Binding.Atom
                    | _ when Double.IsInfinity v -> @"\infty", Binding.Atom
                    | [| mantissa; exponent |] -> $@"{mantissa} \cdot 10^{{{int exponent}}}", Binding.Factor
                    | text -> text[0], Binding.Atom
            Variable = latexName
            Group = group
            Times =
                List.reduce (fun before next ->
                    if Char.IsDigit next[0] then $@"{before} \cdot {next}" else $"{before} {next}")
            Quotient = fun (above, _) (below, _) -> $@"\frac{{{above}}}{{{below}}}"
            Power = fun a (b, _) -> $"{a}^{{{b}}}"
            Call =
                fun f argument ->
                    match f with
                    | Function.Exp -> Function.latex f (fst argument), Binding.Power
                    | Function.Gaussian -> Function.latex f (atLeast Binding.Atom group argument), Binding.Power
                    | _ -> Function.latex f (fst argument), Binding.Atom
        }

    /// The formula as text, which `Parser.expression` reads back to the same value, up to rounding. It has no
    /// parentheses that the order of operations makes superfluous, and writes multiples of π/2 with pi.
    let text (e: Expression) : string = fst (write plain (flat e))

    /// The formula in LaTeX's mathematical mode: fractions, roots, exponents, Greek names, and x1 and x_1 as x_{1}.
    let latex (e: Expression) : string = fst (write tex (flat e))
