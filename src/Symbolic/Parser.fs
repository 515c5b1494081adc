namespace MetaKan.Symbolic

open System
open System.Globalization
open System.Text.RegularExpressions
open MetaKan

/// Reads a formula in its usual notation: + - * / ^ (or **), parentheses, calls, decimal numbers, names.
///
///     sum     = product { ("+" | "-") product }
///     product = signed { ("*" | "/") signed }
///     signed  = ("-" | "+") signed | power                 so that -x^2 is -(x^2)
///     power   = atom [ ("^" | "**") signed ]               so that a^b^c is a^(b^c)
///     atom    = number | constant | variable | function "(" sum ")" | "(" sum ")"
[<RequireQualifiedAccess>]
module Parser =
    /// The names that stand for numbers.
    let constants = Map [ "pi", Math.PI; "e", Math.E; "inf", infinity; "nan", nan ]

    type private Token =
        | Literal of float
        | Name of string
        | Symbol of string
        | End

    let private lexeme =
        Regex(
            @"\G\s*(?:(?<literal>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)"
            + @"|(?<name>[\p{L}_][\p{L}0-9_]*)|(?<symbol>\*\*|[-+*/^()])|(?<end>\z))",
            RegexOptions.CultureInvariant
        )

    // Bounds the recursion here and in everything that walks over the result.
    let private deepest = 200

    let private fail (text: string) (position: int) message =
        let place =
            if position < text.Length then $"at position {position + 1}" else $"after position {text.Length}"

        raise (BadInput $"expression: {message} {place} of '{text}'")

    /// The tokens of a text, each with its position, which counts from 0. The last one is End.
    let private tokens (text: string) : (Token * int)[] =
        let next position =
            let found = lexeme.Match(text, position)

            if not found.Success then
                let rest = text.Substring(position).TrimStart()
                fail text (text.Length - rest.Length) $"'{rest[0]}' is not understood"

            let part = found.Groups |> Seq.tail |> Seq.find _.Success

            let token =
                match part.Name with
                | "literal" ->
                    let v = Double.Parse(part.Value, CultureInfo.InvariantCulture)
                    if Double.IsFinite v then Literal v else fail text part.Index $"number {part.Value} is too large"
                | "name" -> Name part.Value
                | "symbol" -> Symbol part.Value
                | _ -> End

            (token, part.Index), found.Index + found.Length

        Some 0
        |> Array.unfold (
            Option.map (fun position ->
                let (token, start), after = next position
                (token, start), (if token = End then None else Some after))
        )

    /// The formula that a text spells. Raises BadInput with one line that says what was expected where.
    let expression (text: string) : Expression =
        // One line whatever the text holds, and positions as they are in it.
        let text = (text |> String.map (fun c -> if Char.IsControl c then ' ' else c)).TrimEnd()

        if text = "" then
            raise (BadInput "expression: the text is empty; it takes a formula such as sin(pi*x) + y^2")

        let tokens = tokens text
        let token at = fst tokens[at]
        let expected what at = fail text (snd tokens[at]) $"{what} expected"

        // Each reads from a token on and returns what it read and the token after it.
        let rec sum depth at =
            let rec more terms at =
                match token at with
                | Symbol("+" | "-" as sign) ->
                    let term, after = product depth (at + 1)
                    more ((if sign = "-" then -term else term) :: terms) after
                | _ ->
                    (match terms with
                     | [ term ] -> term
                     | several -> Sum(List.rev several)),
                    at

            let first, after = product depth at
            more [ first ] after

        and product depth at =
            let rec more factors at =
                match token at with
                | Symbol("*" | "/" as sign) ->
                    let factor, after = signed depth (at + 1)
                    more ((if sign = "/" then Power(factor, Number -1.0) else factor) :: factors) after
                | _ ->
                    (match factors with
                     | [ factor ] -> factor
                     | several -> Product(List.rev several)),
                    at

            let first, after = signed depth at
            more [ first ] after

        and signed depth at =
            if depth > deepest then
                fail text (snd tokens[at]) $"more than {deepest} levels deep"

            match token at with
            | Symbol "-" ->
                let operand, after = signed (depth + 1) (at + 1)
                -operand, after
            | Symbol "+" -> signed (depth + 1) (at + 1)
            | _ -> power depth at

        and power depth at =
            let operand, after = atom depth at

            match token after with
            | Symbol("^" | "**") ->
                let exponent, after = signed (depth + 1) (after + 1)
                Power(operand, exponent), after
            | _ -> operand, after

        and atom depth at =
            match token at, (if token at = End then End else token (at + 1)) with
            | Literal v, _ -> Number v, at + 1
            | Name name, Symbol "(" ->
                match Function.named name with
                | Some f ->
                    let argument, after = parenthesised depth (at + 1)
                    Call(f, argument), after
                | None ->
                    let names = Function.all |> List.map Function.name |> String.concat ", "
                    fail text (snd tokens[at]) $"no function '{name}' (there are {names})"
            | Name name, _ when constants.ContainsKey name -> Number constants[name], at + 1
            | Name name, _ when (Function.named name).IsSome -> expected "'('" (at + 1)
            | Name name, _ -> Variable name, at + 1
            | Symbol "(", _ -> parenthesised depth at
            | _ -> expected "a number, a name or '('" at

        and parenthesised depth at =
            let inner, after = sum (depth + 1) (at + 1)
            if token after = Symbol ")" then inner, after + 1 else expected "')'" after

        let whole, after = sum 0 0
        if token after = End then whole else expected "an operator" after

    /// Names that variables of a formula can have, one for each of the given names, which may be any texts: other characters than
    /// letters, digits and _ become _, and what is a function's or a constant's name, or no name's beginning, or taken, gets one
    /// more.
    let variables (names: string list) : string list =
        let clean (name: string) =
            let name = name |> String.map (fun c -> if Char.IsLetter c || Char.IsAsciiDigit c then c else '_')
            if name = "" || Char.IsAsciiDigit name[0] then "_" + name else name

        let rec free taken (name: string) =
            if Set.contains name taken || constants.ContainsKey name || (Function.named name).IsSome then
                free taken (name + "_")
            else
                name

        (([], Set.empty), names)
        ||> List.fold (fun (found, taken) name ->
            let name = free taken (clean name)
            name :: found, Set.add name taken)
        |> fst
        |> List.rev
