/// Formulas as TeX writes them, made MathML, which browsers draw by themselves. What formulas of the documentation use is known;
/// anything else is an error that names it.
module MathMl

open System.Text.RegularExpressions

let private letters =
    [
        "alpha", "α"
        "beta", "β"
        "gamma", "γ"
        "delta", "δ"
        "varepsilon", "ε"
        "theta", "θ"
        "lambda", "λ"
        "mu", "μ"
        "nu", "ν"
        "xi", "ξ"
        "pi", "π"
        "rho", "ρ"
        "sigma", "σ"
        "tau", "τ"
        "varphi", "φ"
        "omega", "ω"
        "Delta", "Δ"
        "Omega", "Ω"
        "partial", "∂"
        "infty", "∞"
        "ell", "ℓ"
        "dots", "…"
    ]
    |> dict

let private operators =
    [
        "sum", "∑"
        "int", "∫"
        "nabla", "∇"
        "cdot", "·"
        "circ", "∘"
        "odot", "⊙"
        "times", "×"
        "le", "≤"
        "ge", "≥"
        "ne", "≠"
        "approx", "≈"
        "to", "→"
        "in", "∈"
        "pm", "±"
        "Vert", "‖"
        "langle", "⟨"
        "rangle", "⟩"
        "{", "{"
        "}", "}"
    ]
    |> dict

let private accents = dict [ "hat", "^"; "bar", "¯"; "tilde", "~" ]
let private escape (text: string) = text.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;")

/// What braces group.
let rec private group tokens =
    match tokens with
    | "{" :: rest ->
        let inner, rest = row "}" rest
        $"<mrow>{inner}</mrow>", rest
    | _ -> atom tokens

and private atom (tokens: string list) : string * string list =
    match tokens with
    | "{" :: _ -> group tokens
    | @"\frac" :: rest ->
        let top, rest = group rest
        let bottom, rest = group rest
        $"<mfrac>{top}{bottom}</mfrac>", rest
    | @"\sqrt" :: rest ->
        let inner, rest = group rest
        $"<msqrt>{inner}</msqrt>", rest
    | @"\mathrm" :: "{" :: rest ->
        let name = rest |> List.takeWhile ((<>) "}")
        $"""<mi mathvariant="normal">{String.concat "" name}</mi>""", List.skip (name.Length + 1) rest
    | (@"\left" | @"\right") :: fence :: rest ->
        let name = fence.TrimStart '\\'
        $"<mo>{if operators.ContainsKey name then operators[name] else escape name}</mo>", rest
    | @"\quad" :: rest -> """<mspace width="1em"></mspace>""", rest
    | @"\," :: rest -> """<mspace width="0.17em"></mspace>""", rest
    | token :: rest when token.StartsWith '\\' ->
        let name = token.Substring 1

        if letters.ContainsKey name then
            $"<mi>{letters[name]}</mi>", rest
        elif operators.ContainsKey name then
            $"<mo>{operators[name]}</mo>", rest
        elif accents.ContainsKey name then
            let inner, rest = group rest
            $"""<mover accent="true">{inner}<mo>{accents[name]}</mo></mover>""", rest
        else
            failwith $"no formula of the documentation has {token} yet: build/mathml.fsx"
    | token :: rest when Regex.IsMatch(token, @"^\d") -> $"<mn>{token}</mn>", rest
    | token :: rest when Regex.IsMatch(token, @"^\w") -> $"<mi>{token}</mi>", rest
    | token :: rest -> $"""<mo stretchy="false">{if token = "-" then "−" else escape token}</mo>""", rest
    | [] -> failwith "a formula ends too early"

/// An atom with its indices; those of a sum stand below and above it.
and private indexed tokens =
    let isSum = List.head tokens = @"\sum"
    let nucleus, rest = atom tokens

    match rest with
    | "_" :: rest ->
        let below, rest = group rest

        match rest with
        | "^" :: rest ->
            let above, rest = group rest
            let kind = if isSum then "munderover" else "msubsup"
            $"<{kind}>{nucleus}{below}{above}</{kind}>", rest
        | _ ->
            let kind = if isSum then "munder" else "msub"
            $"<{kind}>{nucleus}{below}</{kind}>", rest
    | "^" :: rest ->
        let above, rest = group rest
        $"<msup>{nucleus}{above}</msup>", rest
    | _ -> nucleus, rest

and private row last tokens =
    match tokens with
    | token :: rest when token = last -> "", rest
    | [] when last = "" -> "", []
    | _ ->
        let first, rest = indexed tokens
        let others, rest = row last rest
        first + others, rest

/// A formula in a line of text, or on lines of its own.
let ofTex (display: bool) (tex: string) : string =
    let tokens = [
        for token in Regex.Matches(tex, @"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S") -> token.Value
    ]

    let style = if display then " display=\"block\"" else ""
    let inner = fst (row "" tokens)
    $"<math{style}><mrow>{inner}</mrow></math>"
