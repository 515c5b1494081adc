/// Small faults in source text: where one can be put in, and the text with it. A token scanner that knows what comments,
/// strings, attributes and directives look like in F# and C#; what it proposes need not compile.
module MetaKan.Tests.Mutation

open System
open System.Text.RegularExpressions

/// A fault: the text from `Start` on, `Length` characters long, is replaced.
type Fault =
    {
        /// What faults like it have in common, such as "comparison".
        Kind: string
        Line: int
        Start: int
        Length: int
        Replacement: string
    }

// In the order in which they are tried at a place: what is not code, then what code can be changed.
let private patterns =
    [
        "skip", @"//[^\n]*"
        "skip", @"\(\*(?!\)).*?\*\)"
        "skip", @"/\*.*?\*/"
        "skip", "\\$*\"\"\".*?\"\"\""
        "skip", "\\$?@\\$?\"(?:[^\"]|\"\")*\""
        "skip", "\\$?\"(?:\\\\.|[^\"\\\\])*\""
        "skip", @"'(?:\\[^\n']+|[^\\\n'])'"
        "skip", @"\[<.*?>\]"
        "skip", @"(?m)^[ \t]*(?:#|\[[A-Z]|open |using |module |namespace )[^\n]*"
        "sign", @"(?<=[ (\[])-(?=[\w(])"
        "operator", @"(?<= )[-+*/](?= )"
        "comparison", @"(?<= )(?:<=|>=|<|>)(?= )"
        "logic", @"(?<= )(?:&&|\|\|)(?= )"
        "not", @"\bnot (?=[\w(])"
        "order", @"\b(?:List|Array|Seq)\.rev\b"
        "function", @"\b(?:min|max|sin|cos|Min|Max|Sin|Cos)\b"
        "constant", @"(?<![\w.])\d+(?:\.\d+)?(?:[eE]-?\d+)?[A-Za-z]*"
        "skip", @"[A-Za-z_][\w']*"
    ]
    |> List.map (fun (kind, pattern) -> kind, Regex(@"\G(?:" + pattern + ")", RegexOptions.Singleline))

let private swaps =
    Map
        [
            for a, b in
                [
                    "+", "-"
                    "*", "/"
                    "<", "<="
                    ">", ">="
                    "&&", "||"
                    "min", "max"
                    "sin", "cos"
                    "Min", "Max"
                    "Sin", "Cos"
                ] do
                a, b
                b, a
            "not ", ""
            "List.rev", "id"
            "Array.rev", "id"
            "Seq.rev", "id"
        ]

// One more, or twice as much of what is no whole number; None for what is no plain number.
let private changed (number: string) =
    let parts = Regex.Match(number, @"^(\d+)(\.\d+)?([eE]-?\d+)?([A-Za-z]*)$")
    let mantissa = parts.Groups[1].Value + parts.Groups[2].Value
    let rest = parts.Groups[3].Value + parts.Groups[4].Value

    if not parts.Success || mantissa.StartsWith "0" && parts.Groups[4].Value.StartsWith "x" then
        None
    elif parts.Groups[2].Success && Double.Parse mantissa <> 0.0 then
        Some(string (2m * Decimal.Parse mantissa) + rest)
    elif parts.Groups[2].Success then
        Some("1.0" + rest)
    else
        Some(string (bigint.Parse mantissa + 1I) + rest)

/// All the faults that can be put into a text of F# or C#.
let faults (text: string) : Fault list =
    let rec from at line found =
        if at >= text.Length then
            List.rev found
        else
            let token (kind: string, pattern: Regex) =
                let found = pattern.Match(text, at)
                if found.Success then Some(kind, found.Value) else None

            match List.tryPick token patterns with
            | None -> from (at + 1) (if text[at] = '\n' then line + 1 else line) found
            | Some(kind, token) ->
                let replacement =
                    match kind with
                    | "skip" -> None
                    | "sign" -> Some ""
                    | "constant" -> changed token
                    | _ -> Some swaps[token]

                let fault =
                    replacement
                    |> Option.map (fun replacement ->
                        { Kind = kind; Line = line; Start = at; Length = token.Length; Replacement = replacement })

                let lines = token |> Seq.filter ((=) '\n') |> Seq.length
                from (at + token.Length) (line + lines) (Option.toList fault @ found)

    from 0 1 []

/// The text with a fault in it.
let apply (text: string) (fault: Fault) : string =
    text.Remove(fault.Start, fault.Length).Insert(fault.Start, fault.Replacement)

/// The line of a fault, as it was and as it becomes.
let describe (text: string) (fault: Fault) : string =
    let lineOf (text: string) = (text.Split '\n')[fault.Line - 1] |> _.Trim()
    $"{lineOf text}  ->  {lineOf (apply text fault)}"

/// Faults in an order that a seed decides, of any kind as likely as of any other.
let shuffled (seed: int) (kindOf: 'a -> string) (faults: 'a list) : 'a list =
    let random = Random seed

    let rec draw (groups: 'a list list) =
        match groups with
        | [] -> []
        | _ ->
            let chosen = random.Next groups.Length
            let group = groups[chosen]
            let rest = List.updateAt chosen group.Tail groups |> List.filter (List.isEmpty >> not)
            group.Head :: draw rest

    faults
    |> List.groupBy kindOf
    |> List.sortBy fst
    |> List.map (snd >> List.sortBy (fun _ -> random.Next()))
    |> draw
