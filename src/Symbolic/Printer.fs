namespace MetaKan.Symbolic

open System
open System.Globalization
open System.Security
open System.Text.RegularExpressions
open MetaKan

/// Writes a formula: as text that the parser reads back, as LaTeX, and as MathML. One walk decides where signs, fractions and
/// parentheses go; a notation says what each looks like.
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
            /// The signs before a negative first term, between terms, and between a term and a negative one.
            Signs: string * string * string
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

    /// Factors, with the numbers that have names spelled out.
    let rec private factors e =
        match e with
        | Product parts -> List.collect factors parts
        | Number v -> KnownNumber.spelled v |> Option.defaultValue [ e ]
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

        let sign, plus, minus = notation.Signs

        match List.map signed (terms e) with
        | [ false, text ] -> text
        | signed ->
            signed
            |> List.mapi (fun i (negative, text) ->
                let text = atLeast Binding.Factor notation.Group text

                match i, negative with
                | 0, false -> text
                | 0, true -> sign + text
                | _, false -> plus + text
                | _, true -> minus + text)
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
            Signs = "-", " + ", " - "
            Group = group
            Times = String.concat "*"
            Quotient = fun above below -> $"{atLeast Binding.Factor group above}/{atLeast Binding.Power group below}"
            Power = fun a b -> $"{a}^{atLeast Binding.Power group b}"
            Call = fun f (argument, _) -> $"{Function.name f}({argument})", Binding.Atom
        }

    let private greek =
        Seq.zip
            [
                yield! "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu".Split ' '
                yield! "nu xi pi rho sigma tau upsilon phi chi psi omega".Split ' '
            ]
            "αβγδεζηθικλμνξπρστυφχψω"
        |> Map

    /// A name and its index, if it has one: x1, x_1, u_xx.
    let private indexed (name: string) : string * string option =
        let parts = Regex.Match(name, @"^(?<name>\p{L}+)(?:_(?<index>.+)|(?<index>[0-9]+))$")
        if parts.Success then parts.Groups["name"].Value, Some parts.Groups["index"].Value else name, None

    let private latexName (name: string) =
        let word (text: string) =
            if greek.ContainsKey text then @"\" + text
            elif text.Length = 1 || Seq.forall Char.IsDigit text then text
            else sprintf @"\mathrm{%s}" (text.Replace("_", @"\_"))

        match indexed name with
        | name, Some index -> sprintf "%s_{%s}" (word name) (word index)
        | name, None -> word name

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
            Signs = "-", " + ", " - "
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

    let private mathName (name: string) =
        let word (text: string) =
            match greek.TryFind text with
            | Some letter -> $"<mi>{letter}</mi>"
            | None when Seq.forall Char.IsDigit text -> $"<mn>{text}</mn>"
            | None -> $"<mi>{SecurityElement.Escape text}</mi>"

        match indexed name with
        | name, Some index -> $"<msub>{word name}{word index}</msub>"
        | name, None -> word name

    let private math =
        let group text = $"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>"
        let power a b = $"<msup><mrow>{a}</mrow><mrow>{b}</mrow></msup>"
        let beginsWithNumber (text: string) = Regex.IsMatch(text, "^(<m(sup|row)>)*<mn>")

        {
            Number =
                fun v ->
                    match (digits v).Split 'e' with
                    | _ when Double.IsNaN v -> "<mi>nan</mi>", Binding.Atom
                    | _ when Double.IsInfinity v -> "<mi>∞</mi>", Binding.Atom
                    | [| mantissa; exponent |] ->
                        let exponent = (string (int exponent)).Replace("-", "−")
                        $"<mn>{mantissa}</mn><mo>·</mo><msup><mn>10</mn><mn>{exponent}</mn></msup>", Binding.Factor
                    | text -> $"<mn>{text[0]}</mn>", Binding.Atom
            Variable = mathName
            Signs = "<mo form=\"prefix\">−</mo>", "<mo>+</mo>", "<mo>−</mo>"
            Group = group
            Times =
                List.reduce (fun before next ->
                    if beginsWithNumber next then $"{before}<mo>·</mo>{next}" else $"{before}<mo>\u2062</mo>{next}")
            Quotient = fun (above, _) (below, _) -> $"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"
            Power = fun a (b, _) -> power a b
            Call =
                fun f argument ->
                    let called name = $"<mi>{name}</mi><mo>\u2061</mo>{group (fst argument)}", Binding.Atom

                    match f with
                    | Function.Exp -> power "<mi>e</mi>" (fst argument), Binding.Power
                    | Function.Gaussian ->
                        let square = power (atLeast Binding.Atom group argument) "<mn>2</mn>"
                        power "<mi>e</mi>" $"<mo form=\"prefix\">−</mo>{square}", Binding.Power
                    | Function.Sqrt -> $"<msqrt><mrow>{fst argument}</mrow></msqrt>", Binding.Atom
                    | Function.Abs -> $"<mrow><mo>|</mo>{fst argument}<mo>|</mo></mrow>", Binding.Atom
                    | Function.Asin
                    | Function.Acos
                    | Function.Atan -> called ("arc" + (Function.name f).Substring 1)
                    | Function.Atanh -> called "artanh"
                    | _ -> called (Function.name f)
        }

    /// The formula as text, which `Parser.expression` reads back to the same value, up to rounding. It has no
    /// parentheses that the order of operations makes superfluous, and writes multiples of π/2 with pi.
    let text (e: Expression) : string = fst (write plain (flat e))

    /// The formula in LaTeX's mathematical mode: fractions, roots, exponents, Greek names, and x1 and x_1 as x_{1}.
    let latex (e: Expression) : string = fst (write tex (flat e))

    /// The formula in MathML, what stands between <math> and </math>, as `latex` has it.
    let mathml (e: Expression) : string = $"<mrow>{fst (write math (flat e))}</mrow>"
