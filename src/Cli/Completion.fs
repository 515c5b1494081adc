/// `metakan completion`: scripts by which shells complete its commands, options and their values, made from the option types.
module MetaKan.Cli.Completion

open System
open Argu
open MetaKan
open MetaKan.Cli.Options

/// What an option takes.
[<RequireQualifiedAccess>]
type Takes =
    | Nothing
    /// One of these.
    | Names of string list
    | Path
    /// What cannot be told before.
    | Text

/// An option by its name, as `--lr-e`.
type Choice = { Option: string; Takes: Takes; Help: string }

/// A command by its words, as [ "bench"; "pde" ]; the whole program has none.
type Command =
    {
        Words: string list
        /// The commands below it, with their help.
        Below: (string * string) list
        Options: Choice list
        /// Values that it takes without an option.
        Values: string list
    }

/// What the launcher adds to the program: a command, what follows it, and its help.
let launched =
    [
        "script", "FILE.fsx [ARGS]", "run an F# script with the set-up done."
        "bundle", "DIR", "make a folder that runs without .NET and offline."
        "pack", "DIR [SYSTEM...]", "make NuGet packages of the library and of this program."
        "jupyter", "[ARGS]", "run Jupyter with an F# kernel; the notebooks if nothing is named."
        "docs", "[DIR]", "make the site of the documentation."
    ]

/// A command with all below it. `names` has the values of options that take one of several names, by the command's words, with
/// those of the argument without a name under "".
let rec commands
    (names: string list -> (string * string list) list)
    (words: string list)
    (inherited: Choice list)
    (parser: ArgumentParser)
    : Command list =
    let names' = names words

    let cases =
        parser.GetArgumentCases()
        |> List.filter (fun case -> not case.IsHidden.Value && case.ArgumentType <> ArgumentType.SubCommand)

    let choice (case: ArgumentCaseInfo) =
        let option = List.last case.CommandLineNames.Value
        let labels = case.UnionCaseInfo.GetFields() |> Array.map _.Name

        {
            Option = option
            Help = case.Description.Value
            Takes =
                match List.tryFind (fst >> (=) option) names' with
                | Some(_, values) -> Takes.Names values
                | None when Array.isEmpty labels -> Takes.Nothing
                | None when labels |> Array.exists (fun label -> label = "FILE" || label = "DIR") -> Takes.Path
                | None -> Takes.Text
        }

    let own, options = cases |> List.partition _.IsMainCommand
    let options = List.map choice options

    let handedDown =
        [
            for case in cases do
                if not (Array.isEmpty (case.UnionCaseInfo.GetCustomAttributes typeof<InheritAttribute>)) then
                    choice case
        ]

    let below =
        [ for parser in parser.GetSubCommandParsers() -> parser.ParentInfo.Value.Name.Value, parser ]

    // The options of a command are what a sweep goes over.
    let over = Takes.Names [ for choice in options -> choice.Option.TrimStart '-' ]

    [
        {
            Words = words
            Below =
                [
                    for name, parser in below do
                        name, parser.ParentInfo.Value.Description.Value
                    if words.IsEmpty then
                        for name, _, help in launched do
                            name, help
                ]
            Options =
                [
                    yield! options
                    for choice in inherited do
                        if choice.Option = "--over" then { choice with Takes = over } else choice
                    { Option = "--help"; Takes = Takes.Nothing; Help = "tell the options." }
                ]
            Values = if own.IsEmpty then [] else names' |> List.filter (fst >> (=) "") |> List.collect snd
        }

        for name, parser in below do
            yield! commands names (words @ [ name ]) handedDown parser
    ]

/// "/bench/pde": where the words typed so far have come to.
let private place (words: string list) = words |> List.map (fun word -> "/" + word) |> String.concat ""

/// The places below the program.
let private places (all: Command list) =
    [
        for command in all do
            if not command.Words.IsEmpty then
                place command.Words
    ]

/// Text in single quotes, in which a quote is written so.
let private quoted (quote: string) (text: string) = "'" + text.Replace("'", quote) + "'"

let private bash (all: Command list) : string list =
    let quoted = quoted "'\\''"

    [
        "_metakan() {"
        "    local word place='' list=''"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}"
        "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do"
        $"""        case $place/$word in {String.Join(" | ", places all)}) place=$place/$word ;; esac"""
        "    done"
        "    case \"$place $previous\" in"
        for command in all do
            for choice in command.Options do
                let at = quoted $"{place command.Words} {choice.Option}"

                match choice.Takes with
                | Takes.Names values -> $"""        {at}) list={quoted (String.Join(' ', values))} ;;"""
                | Takes.Path
                | Takes.Text -> $"        {at}) return ;;"
                | Takes.Nothing -> ()
        "        *)"
        "            case $place in"
        for command in all do
            let words =
                List.map fst command.Below @ command.Values @ [ for choice in command.Options -> choice.Option ]

            $"""                {quoted (place command.Words)}) list={quoted (String.Join(' ', words))} ;;"""
        "            esac"
        "            ;;"
        "    esac"
        "    mapfile -t COMPREPLY < <(compgen -W \"$list\" -- \"$current\")"
        "}"
        "complete -o default -F _metakan metakan"
    ]

let private zsh (all: Command list) : string list =
    let quoted = quoted "'\\''"
    let item (name: string, help: string) = quoted ($"""{name.Replace(":", "\\:")}:{help}""")
    let items list = list |> List.map item |> String.concat " "

    [
        "#compdef metakan"
        "_metakan() {"
        "    local word place=''"
        "    local -a options names"
        "    for word in ${words[2,CURRENT-1]}; do"
        $"""        case $place/$word in ({String.Join("|", places all)}) place=$place/$word ;; esac"""
        "    done"
        "    case \"$place ${words[CURRENT-1]}\" in"
        for command in all do
            for choice in command.Options do
                let at = quoted $"{place command.Words} {choice.Option}"

                match choice.Takes with
                | Takes.Names values ->
                    $"""        ({at}) names=({values |> List.map quoted |> String.concat " "}) ;;"""
                | Takes.Path -> $"        ({at}) _files; return ;;"
                | Takes.Text -> $"        ({at}) return ;;"
                | Takes.Nothing -> ()
        "        (*)"
        "            case $place in"
        for command in all do
            let options = items [ for choice in command.Options -> choice.Option, choice.Help ]
            let names = items (command.Below @ [ for value in command.Values -> value, "" ])
            $"                ({quoted (place command.Words)}) options=({options}) names=({names}) ;;"
        "            esac"
        "            ;;"
        "    esac"
        "    [[ $PREFIX == -* ]] && _describe -o option options || _describe name names"
        "}"
        "compdef _metakan metakan"
    ]

let private fish (all: Command list) : string list =
    let quoted = quoted "\\'"

    [
        "function __metakan_at"
        "    set -l words (commandline -opc)"
        "    set -l place ''"
        "    for word in $words[2..-1]"
        "        switch $place/$word"
        $"""            case {String.Join(' ', places all)}"""
        "                set place $place/$word"
        "        end"
        "    end"
        "    test \"$place\" = \"$argv[1]\""
        "end"
        for command in all do
            let at = "complete -c metakan -n " + quoted $"__metakan_at '{place command.Words}'"

            for name, help in command.Below do
                $"{at} -f -a {quoted name} -d {quoted help}"

            for value in command.Values do
                $"{at} -f -a {quoted value}"

            for choice in command.Options do
                let takes =
                    match choice.Takes with
                    | Takes.Names values -> $""" -x -a {quoted (String.Join(' ', values))}"""
                    | Takes.Path -> " -r -F"
                    | Takes.Text -> " -x"
                    | Takes.Nothing -> ""

                $"{at} -l {choice.Option.Substring 2}{takes} -d {quoted choice.Help}"
    ]

let private powershell (all: Command list) : string list =
    let quoted = quoted "''"
    let list items = "@(" + (items |> List.map quoted |> String.concat ", ") + ")"

    [
        "Register-ArgumentCompleter -Native -CommandName metakan -ScriptBlock {"
        "    param($current, $line, $position)"
        "    $place = ''"
        "    $previous = ''"
        "    foreach ($element in $line.CommandElements | Select-Object -Skip 1) {"
        "        if ($element.Extent.EndOffset -ge $position) { break }"
        "        $previous = $element.ToString()"
        $"        if ({list (places all)} -contains \"$place/$previous\") {{ $place = \"$place/$previous\" }}"
        "    }"
        "    $list = switch (\"$place $previous\") {"
        for command in all do
            for choice in command.Options do
                let at = quoted $"{place command.Words} {choice.Option}"

                match choice.Takes with
                | Takes.Names values -> $"        {at} {{ {list values} }}"
                | Takes.Path
                | Takes.Text -> $"        {at} {{ return }}"
                | Takes.Nothing -> ()
        "        default {"
        "            switch ($place) {"
        for command in all do
            let words =
                List.map fst command.Below @ command.Values @ [ for choice in command.Options -> choice.Option ]

            $"                {quoted (place command.Words)} {{ {list words} }}"
        "            }"
        "        }"
        "    }"
        "    $list | Where-Object { $_ -like \"$current*\" } | ForEach-Object {"
        "        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)"
        "    }"
        "}"
    ]

/// The shells by their names, each with the script of its completion.
let shells: (string * (Command list -> string list)) list =
    [ "bash", bash; "zsh", zsh; "fish", fish; "powershell", powershell ]

type Options =
    | [<MainCommand; ExactlyOnce>] Shell of string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Shell _ -> "bash, zsh, fish or powershell: its script goes to stdout."

let run (all: Command list) (options: ParseResults<Options>) : int =
    let script = options.GetResult Shell |> oneOf "completion" shells
    script all |> List.iter (printfn "%s")
    0
