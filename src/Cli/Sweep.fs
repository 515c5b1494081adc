/// `metakan sweep`: a run for each combination of values that options take, and a table of what came of them.
module MetaKan.Cli.Sweep

open System
open System.Diagnostics
open System.Globalization
open System.IO
open System.Runtime.InteropServices
open System.Text.Json.Nodes
open System.Collections.Concurrent
open System.Threading.Tasks
open Argu
open MathNet.Numerics.Statistics
open MetaKan
open MetaKan.Cli.Options

type Options =
    | [<Inherit>] Over of NAME_VALUES: string list
    | [<Inherit>] Jobs of int
    | [<CliPrefix(CliPrefix.None)>] Pde of ParseResults<Pde.Options>
    | [<CliPrefix(CliPrefix.None)>] Fit of ParseResults<Fit.Options>
    | [<CliPrefix(CliPrefix.None)>] Classify of ParseResults<Classify.Options>

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Over _ ->
                "an option and its values, as --over model mlp kan; given again, all combinations are run. Medians are over --over seed."
            | Jobs _ -> "runs at a time, each a process (1)."
            | Pde _ -> "runs of pde, with these options; --out is the folder of all runs."
            | Fit _ -> "runs of fit."
            | Classify _ -> "runs of classify."

/// The command whose runs are swept over, by its words.
type private Swept =
    {
        Name: string
        /// The folder of all runs.
        Folder: string
        /// What all runs have in common.
        Words: string list
        /// The words that give an option a value; None where there is no such option.
        Given: string -> string -> string list option
        /// Refuses the words of a run that cannot be.
        Check: string list -> unit
        /// What the table shows of a result, where it has it.
        Measures: string list
    }

/// A run: the values of its options, its folder, its words.
type private Combination = { Values: (string * string) list; Place: string; Words: string list }

/// What came of a run.
type private Ending =
    | Done of JsonObject
    | Failed of string
    | Undone

let private swept<'options when 'options :> IArgParserTemplate and 'options: equality>
    (name: string)
    (measures: string list)
    (check: ParseResults<'options> -> unit)
    (options: ParseResults<'options>)
    : Swept =
    let parser = ArgumentParser.Create<'options>(programName = name)
    let cases = parser.GetArgumentCases()
    let optionName (case: ArgumentCaseInfo) = nameOfCase case.UnionCaseInfo
    let given = (sound [] options).GetAllResults()
    let own = [ "--resume"; "--quiet"; "--json"; "--list"; "--live"; "--live-port" ]

    [
        for option in own do
            option, given |> List.exists (fun it -> nameOfOption it = option)
    ]
    |> onlyWith "a run by itself, not for a sweep" false

    let words (options: 'options list) = parser.PrintCommandLineArguments options |> List.ofArray

    let folder =
        match given |> List.filter (fun it -> nameOfOption it = "--out") |> words with
        | [ _; folder ] -> folder
        | _ -> raise (BadInput "sweep takes the folder of its runs by --out")

    {
        Name = name
        Folder = folder
        Words = given |> List.filter (fun it -> nameOfOption it <> "--out") |> words
        Given =
            fun option value ->
                cases
                |> List.tryFind (fun case ->
                    optionName case = $"--{option}" && not (List.contains (optionName case) ("--out" :: own)))
                |> Option.map (fun case ->
                    match value with
                    | _ when case.IsMainCommand -> [ value ]
                    | _ when case.ArgumentType = ArgumentType.List -> optionName case :: List.ofArray (value.Split ' ')
                    | _ when case.UnionCaseInfo.GetFields().Length > 0 -> [ optionName case; value ]
                    // A flag is there or not.
                    | "yes" -> [ optionName case ]
                    | "no" -> []
                    | _ -> raise (BadInput $"--over {option} takes yes and no, not '{value}'"))
        Check =
            fun words ->
                plainNumbers<'options> words

                try
                    parser.ParseCommandLine(List.toArray words) |> sound [] |> check
                with :? ArguParseException as fault ->
                    let message = fault.Message.Split('\n')[0]
                    raise (BadInput(message.Replace("ERROR: ", "")))
        Measures = measures
    }

/// "model=kan seed=0": what sets a combination apart.
let private label (values: (string * string) list) : string =
    values |> List.map (fun (name, value) -> $"{name}={value}") |> String.concat " "

/// The values of each `--over`, by the option's name.
let private axes (swept: Swept) (given: string list list) : (string * string list) list =
    [
        for names in given do
            match names with
            | name :: (_ :: _ as values) ->
                let name = name.TrimStart '-'

                if (swept.Given name "yes" |> Option.isNone) then
                    raise (
                        BadInput
                            $"--over takes an option of {swept.Name} and its values, as --over seed 0 1 2, not '{name}'"
                    )

                if List.distinct values <> values then
                    raise (BadInput $"--over {name} has a value twice")

                name, values
            | _ -> raise (BadInput "--over takes an option and its values, as --over seed 0 1 2")
    ]

/// All combinations, the last option's values changing first.
let private combinations (swept: Swept) (axes: (string * string list) list) : Combination list =
    let all =
        (axes, [ [] ])
        ||> List.foldBack (fun (name, values) rest ->
            [
                for value in values do
                    for others in rest -> (name, value) :: others
            ])

    // The number makes the folder its own, the rest is for people.
    let safe (text: string) =
        text |> String.map (fun c -> if Char.IsLetterOrDigit c || "=-+.,_".Contains c then c else '_')

    [
        for i, values in List.indexed all do
            let text = safe (label values)

            {
                Values = values
                Place = Path.Combine(swept.Folder, $"%03d{i + 1}-{text.Substring(0, min 80 text.Length)}")
                Words = swept.Words @ List.collect (fun (name, value) -> (swept.Given name value).Value) values
            }
    ]

/// What the file has that a run starts from by `--config`, by its path.
let private startOf (words: string list) : StartFile option =
    words
    |> List.pairwise
    |> List.tryFindBack (fst >> (=) "--config")
    |> Option.map (fun (_, path) -> { Path = path; Content = RunFolder.readJson "" path })

/// Keeps what a sweep is in its folder, which is the sweep's alone until the claim is disposed. Raises BadInput for a folder of
/// something else, for one in which another sweep works, and for that of another sweep, with the difference.
let private keep (swept: Swept) (axes: (string * string list) list) (runs: Combination list) : IDisposable =
    let list (items: string list) = JsonArray [| for item in items -> RunFolder.node item |]

    let starts =
        [
            for file in runs |> List.choose (_.Words >> startOf) |> List.distinctBy _.Path ->
                file.Path, file.Content :> JsonNode
        ]

    let wanted =
        RunFolder.fields
            [
                "command", RunFolder.node swept.Name
                "options", list swept.Words
                "order", list (List.map fst axes)
                "over", RunFolder.fields [ for name, values in axes -> name, list values :> JsonNode ]
                if not starts.IsEmpty then
                    "config", RunFolder.fields starts
            ]

    Configuration.claim swept.Folder "sweep.json" "sweep" wanted

/// What a folder holds of a run: None of one to begin or to go on with.
let private ended (folder: string) : Ending option =
    match RunFolder.tryReadResult folder with
    | Some result when string result["outcome"] = Outcome.name Completed -> Some(Done result)
    | Some result when string result["outcome"] <> Outcome.name Stopped ->
        Some(Failed $"the run diverged; {folder} keeps the last good state")
    | _ -> None

/// This program as a command, by the file of its process: that is the program itself, in a bundle or as a tool, or .NET's,
/// which runs an assembly.
let command (ownProcess: string) (assembly: string) (words: string list) : string * string list =
    let isDotnet = Path.GetFileNameWithoutExtension ownProcess = "dotnet"
    ownProcess, (if isDotnet then assembly :: words else words)

/// The start of this program as another process, whose output is read.
let program (words: string list) : ProcessStartInfo =
    let file, words = command Environment.ProcessPath typeof<Options>.Assembly.Location words
    let start = ProcessStartInfo(file, words, RedirectStandardOutput = true, RedirectStandardError = true)
    // A run is a process by itself, also where a rank of a job makes it.
    Mpi.ofLaunchers () |> List.iter (start.Environment.Remove >> ignore)
    start

/// Why a process of this program failed, by what it wrote to standard error.
let reason (ended: Process) (err: string) : string =
    match err.Split('\n', StringSplitOptions.RemoveEmptyEntries) |> Array.tryLast with
    | Some said -> said.Replace("metakan: ", "")
    | None -> $"ended with code {ended.ExitCode}"

[<DllImport("libc", EntryPoint = "kill")>]
extern int private sendSignal(int pid, int signal)

/// Makes a run by a process, which is asked to end, and saves, when this one is.
let private make (swept: Swept) (threads: string list) (interrupted: unit -> bool) (run: Combination) : Ending =
    let begun = File.Exists(RunFolder.configPath run.Place)
    let words = if begun then [ "--resume"; run.Place ] else run.Words @ threads @ [ "--out"; run.Place ]
    use child = Process.Start(program (swept.Name :: "--quiet" :: words))
    let out, err = child.StandardOutput.ReadToEndAsync(), child.StandardError.ReadToEndAsync()

    let mutable asked = false

    while not (child.WaitForExit 100) do
        if interrupted () && not asked && not (OperatingSystem.IsWindows()) then
            asked <- true
            let terminate = 15
            sendSignal (child.Id, terminate) |> ignore

    child.WaitForExit()
    out.Wait()

    match ended run.Place with
    | Some ending when child.ExitCode = 0 || ending.IsFailed -> ending
    | _ when interrupted () -> Undone
    | _ -> Failed(reason child err.Result)

// How ranks tell one another what came of a run.
let private text (ending: Ending) : string =
    match ending with
    | Done result -> $"+{(RunFolder.finite result).ToJsonString()}"
    | Failed said -> $"-{said}"
    | Undone -> ""

let private ofText (text: string) : Ending =
    match Seq.tryHead text with
    | Some '+' -> Done(JsonNode.Parse(text.Substring 1) :?> JsonObject)
    | Some _ -> Failed(text.Substring 1)
    | None -> Undone

let private short (x: float) = x.ToString("G4", CultureInfo.InvariantCulture).Replace("E", "e")

let private tryNumber (name: string) (result: JsonObject) : float option =
    match result[name] with
    | :? JsonValue as value ->
        match value.TryGetValue<float>() with
        | true, number -> Some number
        | _ -> None
    | _ -> None

/// What came of the runs that are done.
let private results (endings: (Combination * Ending) list) : JsonObject list =
    [
        for _, ending in endings do
            match ending with
            | Done result -> result
            | _ -> ()
    ]

/// The medians over seeds of what was measured, for each combination of the other options: a head and a row each.
let private medians (swept: Swept) (endings: (Combination * Ending) list) : string list list =
    let measures =
        swept.Measures
        |> List.filter (fun name -> results endings |> List.exists (tryNumber name >> Option.isSome))

    let apart (run: Combination) = run.Values |> List.filter (fst >> (<>) "seed")

    [
        let names = endings |> List.map fst |> List.head |> apart |> List.map fst
        names @ [ "runs" ] @ measures

        for values, group in List.groupBy (fst >> apart) endings do
            let done' = results group

            [
                yield! List.map snd values
                $"{done'.Length} of {group.Length}"

                for measure in measures do
                    match List.choose (tryNumber measure) done' with
                    | [] -> "-"
                    | numbers -> short (Statistics.Median numbers)
            ]
    ]

/// A row for each run, with all that its result has of numbers.
let private rows (endings: (Combination * Ending) list) : string list list =
    let results = results endings

    let numbers =
        [
            for result in results do
                for pair in result do
                    if (tryNumber pair.Key result).IsSome then
                        pair.Key
        ]
        |> List.distinct

    let options = endings |> List.map fst |> List.head |> _.Values |> List.map fst
    let numbers = numbers |> List.filter (fun name -> not (List.contains name options))

    [
        "run" :: options @ [ "outcome" ] @ numbers

        for run, ending in endings do
            [
                Path.GetFileName run.Place
                yield! List.map snd run.Values

                match ending with
                | Done _ -> "completed"
                | Failed said -> $"failed: {said}"
                | Undone -> "not done"

                for name in numbers do
                    match ending with
                    | Done result ->
                        result
                        |> tryNumber name
                        |> Option.map (fun x -> x.ToString("R", CultureInfo.InvariantCulture))
                        |> Option.defaultValue ""
                    | _ -> ""
            ]
    ]

let private sweep (swept: Swept) (over: string list list) (jobs: int) : int =
    let axes = axes swept over

    for name, count in axes |> List.countBy fst do
        if count > 1 || List.contains $"--{name}" swept.Words then
            raise (BadInput $"--over {name} is given its values twice")

    let runs = combinations swept axes

    for run in runs do
        try
            swept.Check run.Words
        with BadInput reason ->
            raise (BadInput(if run.Values.IsEmpty then reason else $"{label run.Values}: {reason}"))

    let claim = Ranks.first (fun () -> keep swept axes runs)
    use _ = Option.toObj claim

    // Shared out where a run would take all cores; a fit takes one thread.
    let threads (run: Combination) =
        if
            swept.Name = "fit"
            || List.contains "--threads" run.Words
            || startOf run.Words |> Option.exists (fun file -> Configuration.has file "threads")
        then
            []
        else
            [ "--threads"; string (max 1 (allThreads () / jobs)) ]

    use interrupt = new Interrupt.Watch()
    let endings = Array.create runs.Length Undone
    let own = Ranks.share [ 0 .. runs.Length - 1 ]
    let told = ref 0

    let one (i: int) =
        let run = runs[i]

        let ending, how =
            match ended run.Place with
            | Some ending -> ending, ", from before"
            | None when interrupt.Asked -> Undone, ""
            | None -> make swept (threads run) (fun () -> interrupt.Asked) run, ""

        endings[i] <- ending

        let said =
            match ending with
            | Done result ->
                let measure =
                    swept.Measures
                    |> List.tryPick (fun name -> tryNumber name result |> Option.map (fun x -> $"{name} {short x}"))

                Some(Option.defaultValue "done" measure + how)
            | Failed said -> Some $"failed: {said}"
            | Undone -> None

        lock endings (fun () ->
            match said with
            | Some said ->
                told.Value <- told.Value + 1
                eprintfn $"{told.Value}/{own.Length}  {Terminal.plain (label run.Values)}  {Terminal.plain said}"
            | None -> ())

    // One after another, as soon as a place is free.
    let order = Partitioner.Create(own, EnumerablePartitionerOptions.NoBuffering)

    try
        Parallel.ForEach(order, ParallelOptions(MaxDegreeOfParallelism = jobs), one) |> ignore
    with :? AggregateException as faults ->
        raise faults.InnerExceptions[0]

    let endings =
        [ for i in own -> i, text endings[i] ]
        |> Ranks.texts runs.Length
        |> Array.map ofText
        |> List.ofArray
        |> List.zip runs

    let path name = Path.Combine(swept.Folder, name)

    Ranks.first (fun () ->
        let table = medians swept endings
        AtomicFile.writeText (path "runs.csv") (Table.csv (rows endings))
        AtomicFile.writeText (path "medians.csv") (Table.csv table)
        AtomicFile.writeText (path "table.md") (String.concat "\n" (Table.markdown table) + "\n")
        Table.aligned table |> List.iter (Terminal.plain >> printfn "%s"))
    |> ignore

    let count which = endings |> List.filter (snd >> which) |> List.length

    if count _.IsUndone > 0 then
        raise (RunFailed $"stopped; the same command goes on with {swept.Folder}")
    elif count _.IsFailed > 0 then
        raise (RunFailed $"""{count _.IsFailed} of {runs.Length} runs failed: {path "runs.csv"} says why""")

    0

let run (options: ParseResults<Options>) : int =
    let swept =
        match options.GetSubCommand() with
        | Pde options -> swept "pde" [ "relative_l2"; "loss"; "parameters"; "train_seconds" ] Pde.check options
        | Fit options -> swept "fit" [ "test_rmse"; "train_rmse"; "parameters"; "seconds" ] Fit.check options
        | Classify options ->
            swept
                "classify"
                [ "test_accuracy"; "test_accuracy_last"; "parameters"; "train_seconds" ]
                Classify.check
                options
        | _ -> raise (BadInput "sweep takes a command: pde, fit or classify")

    sweep swept ((sound [ "--over" ] options).GetResults Over) (options.GetResult(Jobs, 1) |> atLeast "--jobs" 1)
