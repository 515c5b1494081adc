/// The `metakan` command: its subcommands, and how the program ends.
///
/// Exit codes: 0 done; 1 the run failed; 2 bad input, told in one line on stderr, nothing written.
module MetaKan.Cli.Program

open Argu
open MetaKan.Cli.Options

type Command =
    | Version
    | [<CliPrefix(CliPrefix.None)>] Pde of ParseResults<Pde.Options>
    | [<CliPrefix(CliPrefix.None)>] Evaluate of ParseResults<Evaluate.Options>
    | [<CliPrefix(CliPrefix.None)>] Fit of ParseResults<Fit.Options>
    | [<CliPrefix(CliPrefix.None)>] Edges of ParseResults<Edges.Options>
    | [<CliPrefix(CliPrefix.None)>] Classify of ParseResults<Classify.Options>
    | [<CliPrefix(CliPrefix.None)>] Predict of ParseResults<Predict.Options>
    | [<CliPrefix(CliPrefix.None)>] Sweep of ParseResults<Sweep.Options>
    | [<CliPrefix(CliPrefix.None)>] Report of ParseResults<Report.Options>
    | [<CliPrefix(CliPrefix.None)>] Bench of ParseResults<Bench.Options>
    | [<CliPrefix(CliPrefix.None)>] Info of ParseResults<Info.Options>
    | [<CliPrefix(CliPrefix.None)>] Doctor of ParseResults<Doctor.Options>
    | [<CliPrefix(CliPrefix.None)>] Completion of ParseResults<Completion.Options>

    interface IArgParserTemplate with
        member command.Usage =
            match command with
            | Version -> "print the version."
            | Pde _ -> "solve a partial differential equation."
            | Evaluate _ -> "write the solution of a pde run, and its derivatives, at points of your choice."
            | Fit _ -> "fit a function to data, and read a formula off the fit."
            | Edges _ -> "list a fit's edges, and fix them to functions or free them by hand."
            | Classify _ -> "train a network to classify images."
            | Predict _ -> "label images with a trained network."
            | Sweep _ -> "make a run for each combination of options' values, and a table of them."
            | Report _ -> "write the report of a run."
            | Bench _ -> "measure speed and memory."
            | Info _ -> "tell the libtorch, the devices and the threads in use."
            | Doctor _ -> "look what is missing on this machine, and what mends it."
            | Completion _ -> "write a shell's completion of these commands, as completion bash."

let private parser = ArgumentParser.Create<Command>(programName = "metakan")

/// The names that options of a command take, and its argument without a name.
let private names (command: string list) =
    match command with
    | [ "pde" ]
    | [ "sweep"; "pde" ] -> Pde.names
    | [ "fit" ]
    | [ "sweep"; "fit" ] -> Fit.names
    | [ "classify" ]
    | [ "sweep"; "classify" ] -> Classify.names
    | [ "bench"; benchmark ] -> Bench.names benchmark
    | [ "completion" ] -> [ "", List.map fst Completion.shells ]
    | _ -> []

/// All commands, as shells complete them.
let commands: Lazy<Completion.Command list> = lazy Completion.commands names [] [] parser

// Refuses what Argu takes without a word.
let private soundly (words: string array) (options: ParseResults<'option>) : ParseResults<'option> =
    plainNumbers<'option> words
    sound [] options

// What one process does.
let private alone (words: string array) (command: Command option) =
    match command with
    | Some(Evaluate options) -> Evaluate.run (soundly words options)
    | Some(Edges options) ->
        plainNumbers<Edges.Options> words
        Edges.run options
    | Some(Predict options) -> Predict.run (soundly words options)
    | Some(Report options) -> Report.run (soundly words options)
    | Some(Bench options) -> Bench.run options
    | Some(Info options) -> Info.run options
    | Some(Doctor options) -> Doctor.run options
    | Some(Completion options) -> Completion.run commands.Value options
    | _ ->
        printfn $"metakan {MetaKan.Build.version}"
        0

// What the processes of a job share, where there are several; all else is the first one's.
let private run (words: string array) (command: ParseResults<Command>) =
    match command.TryGetSubCommand() with
    | Some(Pde options) -> Pde.run (soundly words options)
    | Some(Fit options) -> Fit.run (soundly words options)
    | Some(Classify options) -> Classify.run (soundly words options)
    | Some(Sweep options) ->
        plainNumbers<Sweep.Options> words
        Sweep.run options
    | Some(Bench options) when Bench.isShared options -> Bench.run options
    | other -> MetaKan.Ranks.whole (fun () -> alone words other)

/// The subcommand that these arguments name, if any.
let private topic (arguments: string array) =
    parser.GetSubCommandParsers()
    |> List.choose (fun command -> command.ParentInfo |> Option.map _.Name.Value)
    |> List.tryFind (fun name -> Array.tryHead arguments = Some name)

/// What `--help` prints: Argu's usage text and, for the whole program, what the launcher adds to it.
let private help arguments (usage: string) =
    match topic arguments with
    | Some _ -> usage.Trim()
    | None ->
        let launched =
            [
                for name, takes, help in Completion.launched do
                    let command = $"{name} {takes}"
                    $"    {command, -21} {help}"
            ]

        $"""MetaKan: solves PDEs, fits functions and classifies images with MLP, KAN and MetaKAN models.

{usage.Trim()}

OF A CHECKOUT:

{String.concat "\n" launched}"""

/// Argu's message without the usage text that follows it, and where that text is to be had instead.
let private fault arguments (message: string) =
    let first = message.Split('\n')[0]
    let about = topic arguments |> Option.map (fun name -> name + " ") |> Option.defaultValue ""
    $"""{first.Replace("ERROR: ", "").Trim().TrimEnd('.')} (see metakan {about}--help)"""

[<EntryPoint>]
let main arguments =
    Terminal.guard ()

    let fail code (message: string) =
        let message = Terminal.plain message
        eprintfn $"metakan: {message}"
        MetaKan.Ranks.finish code (Some message)
        code

    try
        MetaKan.Ranks.start ()
        let command = parser.ParseCommandLine(if Array.isEmpty arguments then [| "--help" |] else arguments)

        // What looks after a machine works without, and a shell that starts does not wait for it.
        match topic arguments with
        | None
        | Some "doctor"
        | Some "completion" -> ()
        | Some _ -> MetaKan.Libtorch.load ()

        let code = run arguments command
        MetaKan.Ranks.finish code None
        code
    with
    | :? ArguParseException as stop when stop.ErrorCode = ErrorCode.HelpText ->
        printfn $"{help arguments stop.Message}"
        0
    | :? ArguParseException as stop -> fail 2 (fault arguments stop.Message)
    | MetaKan.BadInput message -> fail 2 message
    // libtorch's messages go on with its own stack.
    | error -> fail 1 (error.Message.Split('\n')[0])
