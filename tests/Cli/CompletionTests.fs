/// What shells complete: every option of every command, and what options take, asked of real shells where they are installed.
module MetaKan.Tests.CompletionTests

open System
open System.ComponentModel
open System.Diagnostics
open System.IO
open Argu
open Expecto
open FSharp.Reflection
open MetaKan.Cli
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

/// Commands with the unions of their options, found in the types and not in what is to be tested.
let rec private unions (words: string list) (options: Type) : (string list * Type) list =
    [
        words, options

        for case in FSharpType.GetUnionCases options do
            match case.GetFields() with
            | [| field |] when field.PropertyType.Name.StartsWith "ParseResults" ->
                let word = case.Name.ToLowerInvariant()
                yield! unions (words @ [ word ]) (field.PropertyType.GetGenericArguments()[0])
            | _ -> ()
    ]

/// The options of a union, as a user types them.
let private options (union: Type) : string list =
    [
        for case in FSharpType.GetUnionCases union do
            let has attribute = case.GetCustomAttributes attribute |> Array.isEmpty |> not
            let isCommand = has typeof<CliPrefixAttribute>

            if not (isCommand || has typeof<MainCommandAttribute> || has typeof<HiddenAttribute>) then
                "--" + case.Name.ToLowerInvariant().Replace('_', '-')
    ]

let private script (shell: string) (folder: string) : string =
    let ended = inside folder [ "completion"; shell ]
    Expect.equal (ended.Code, ended.Err) (0, []) "end"
    let path = Path.Combine(folder, "metakan." + shell)
    File.WriteAllLines(path, ended.Out)
    path

/// What a shell's program says to a script on its standard input; None where it is not installed.
let private said (program: string) (arguments: string list) (folder: string) (text: string) : string list option =
    try
        let start =
            ProcessStartInfo(
                program,
                arguments,
                WorkingDirectory = folder,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true
            )

        use shell = Process.Start start
        shell.StandardInput.Write text
        shell.StandardInput.Close()
        let err = shell.StandardError.ReadToEndAsync()
        let out = shell.StandardOutput.ReadToEnd()
        shell.WaitForExit()
        Expect.equal err.Result "" "standard error"
        Some(linesOf out)
    with :? Win32Exception ->
        None

/// How a shell is asked to complete a line of words, the last one as far as it is typed: its program with arguments, and the
/// text that prints a proposal a line.
let private shells =
    let quoted (words: string list) = words |> List.map (fun word -> $"'{word}'") |> String.concat " "

    [
        "bash",
        [],
        fun path (words: string list) ->
            $"source {path}\nCOMP_WORDS=({quoted words})\nCOMP_CWORD={words.Length - 1}\n_metakan\n"
            + "printf '%s\\n' \"${COMPREPLY[@]}\"\n"
        "zsh",
        [ "-f" ],
        fun path words ->
            "compdef() { }\n_files() { }\n_describe() { local name=$argv[-1]; print -rl -- ${(P)name%%:*}; }\n"
            + $"source {path}\nwords=({quoted words})\nCURRENT=$#words\nPREFIX=$words[CURRENT]\n"
            + "_metakan | grep -- \"^$PREFIX\"\n"
        "fish",
        [ "-N" ],
        fun path words ->
            let line = String.Join(' ', words)
            $"source {path}\ncomplete -C '{line}' | string replace -r '\\t.*' ''\n"
    ]

let private asked =
    [
        "metakan sweep pd", [ "pde" ]
        "metakan pde burg", [ "burgers" ]
        "metakan pde --model ", [ "mlp"; "kan"; "metakan" ]
        "metakan pde burgers --model m", [ "mlp"; "metakan" ]
        "metakan pde --list", [ "--list" ]
        "metakan fit --optimizer ", [ "lbfgs"; "adam" ]
        "metakan bench floor --model ", [ "kan"; "metakan" ]
        "metakan bench memory --model m", [ "mlp"; "metakan" ]
        "metakan sweep fit --jo", [ "--jobs" ]
        "metakan sweep pde --over test", [ "test-points" ]
        "metakan completion z", [ "zsh" ]
        "metakan classify --dataset cifar", [ "cifar10"; "cifar100" ]
    ]

/// Alone: commands run in this process.
let tests =
    testSequenced
    <| testList
        "Cli.Completion"
        [
            for shell, _ in Completion.shells do
                testCase $"{shell} knows every option of every command" (fun () ->
                    withFolder (fun folder ->
                        let text = File.ReadAllLines(script shell folder)

                        for words, union in unions [] typeof<Program.Command> do
                            for option in options union do
                                let place = words |> List.map (fun word -> "/" + word) |> String.concat ""
                                let typed = if shell = "fish" then $" -l {option.Substring 2} " else option

                                let isOf (line: string) =
                                    line.Contains $"'{place}'" && $"{line} ".Contains typed
                                    || line.Contains $"__metakan_at \\'{place}\\'" && line.Contains typed

                                Expect.exists text isOf $"{place} {option}"))

            testCase "what options take is what their commands take" (fun () ->
                withFolder (fun folder ->
                    for command, option, values in
                        [
                            for start in
                                [
                                    words "pde poisson --dim 300"
                                    words "fit --expr x --vars x:0:1"
                                    words "classify --model wavkan"
                                ] do
                                let names =
                                    match start.Head with
                                    | "pde" -> Pde.names
                                    | "fit" -> Fit.names
                                    | _ -> Classify.names

                                for option, values in names do
                                    // Names without number are told otherwise.
                                    if not (List.contains option [ ""; "--feynman"; "--library" ]) then
                                        (if List.contains option start then [ start.Head ] else start), option, values
                        ] do
                        let ended = inside folder (command @ [ option; "nonesuch" ])
                        let wanted = String.Join(", ", values)
                        Expect.stringContains (List.exactlyOne ended.Err) $"{option} takes one of {wanted}," "refusal"))

            for shell, arguments, ask in shells do
                testCase $"{shell} itself completes commands, problems, options and values" (fun () ->
                    withFolder (fun folder ->
                        let path = script shell folder

                        for line, wanted in asked do
                            match said shell arguments folder (ask path (List.ofArray (line.Split ' '))) with
                            | Some found -> Expect.equal (List.sort found) (List.sort wanted) line
                            | None -> skiptest $"{shell} is not installed"))

            testCase "a shell without completion is refused" (fun () ->
                withFolder (fun folder ->
                    let ended = inside folder [ "completion"; "tcsh" ]
                    Expect.equal ended.Code 2 "exit code"
                    Expect.stringContains (List.exactlyOne ended.Err) "bash, zsh, fish, powershell" "standard error"))
        ]
