/// Every option of the commands that train: a value of it is in config.json and changes the run, or is refused.
module MetaKan.Tests.OptionTests

open System
open System.Collections.Generic
open System.IO
open System.Text.Json.Nodes
open Argu
open Expecto
open MetaKan
open MetaKan.Cli
open MetaKan.Tests.Folder
open MetaKan.Tests.Images
open MetaKan.Tests.Launcher.Process
open MetaKan.Tests.Runs

type private Effect =
    /// The value is in config.json, and the run measures other numbers.
    | Changes
    /// The value is in config.json, and by its nature changes no number.
    | Told
    /// Other values are in config.json, which the machine's speed has a part in.
    | Timed
    /// The run measures other numbers, and config.json has this text.
    | Brings of string
    /// The same run, whose standard output and error are as this says.
    | Says of (Ended -> bool)
    /// The run ends with code 2 and one line that says this.
    | Refused of string

/// A command with options that make a run small, and rows: an option with its value first, what else the run takes, with
/// and without the option, and what comes of it. An option given again takes the place of the one before, - takes it away.
type private Command =
    {
        Name: string
        Options: ArgumentCaseInfo list
        /// The names that options take.
        Names: (string * string list) list
        Small: string
        Rows: (string * string * Effect) list
        /// Options with the values that they have where not given, of those that have several: by what else the run takes.
        Defaults: (string * string) list
    }

let private cases<'options when 'options :> IArgParserTemplate> () =
    ArgumentParser.Create<'options>().GetArgumentCases()

let private needsCuda =
    if TorchSharp.torch.cuda.is_available () then Changes else Refused "no CUDA device"

let private taken = "--out ."

let private told =
    [
        "--config start.json", "", Brings "\"seed\": 5"
        "--quiet", "", Says(fun ended -> ended.Err.IsEmpty && ended.Out.Length = 1)
        "--json",
        "",
        Says(fun ended ->
            let event (line: string) = JsonNode.Parse(line).["event"].GetValue<string>()
            let events = List.map event ended.Out

            ended.Err.IsEmpty
            && events =
                [
                    "start"
                    for _ in 3 .. events.Length do
                        "progress"
                    "result"
                ])
        "--live", "", Says(fun ended -> ended.Err |> List.exists _.StartsWith("live at http://127.0.0.1:"))
        "--live-port 1", "", Refused "--live-port is for --live"
        "--tensorboard", "", Says(fun _ -> true)
    ]

let private pde =
    {
        Name = "pde"
        Options = cases<Pde.Options>()
        Names = Pde.names
        Small =
            "poisson --dim 2 --width 3 --depth 2 --grid 2 --order 2 --hidden-dim 3 --points 6 --test-points 8 --epochs 3 \
             --eval-every 2 --polish 1 --polish-points 4 --threads 1 --optimizer adam --dtype float32"
        Rows =
            // A problem in few dimensions, whose own network is another.
            let low name = $"{name} --dim - --model metakan"

            [
                "allen-cahn", "", Changes
                "--list", "", Refused "--list goes alone"
                "--dim 3", "", Changes
                "--model kan", "--hidden-dim -", Changes
                "--width 4", "", Changes
                "--depth 3", "", Changes
                "--grid 3", "", Changes
                "--order 3", "", Changes
                "--embedding-dim 2", "", Changes
                "--hidden-dim 5", "", Changes
                "--generators shared", "", Changes
                "--fourier 2", "", Changes
                "--blocks 1", "", Changes
                "--factorised", "--model mlp --grid - --order - --hidden-dim -", Changes
                "--optimizer natural", "--polish - --polish-points -", Changes
                "--moments bytes", "--model mlp --width 70 --depth 3 --grid - --order - --hidden-dim -", Changes
                "--momentum 0.5", "--optimizer natural", Changes
                "--epochs 4", "", Changes
                "--seconds 0.5", "--epochs -", Timed
                "--points 7", "", Changes
                "--sampling sobol", "", Changes
                "--laplacian hutchinson", "", Changes
                "--directions 1", "--laplacian sdgd", Changes
                "--unbiased", "--laplacian sdgd --directions 1 --polish - --polish-points -", Changes
                "--balance gradients", low "klein-gordon" + " --optimizer adam", Changes
                "--attention", "", Changes
                "--adapt-points rad", "", Changes
                "--causal 1", low "burgers", Changes
                "--slices 4", low "burgers" + " --causal 1", Changes
                "--curriculum 0.5", low "burgers", Changes
                "--adapt-every 2", "--adapt-points rad", Changes
                "--lr 0.5", "--model kan --hidden-dim -", Changes
                "--lr-e 0.5", "", Changes
                "--lr-h 0.5", "", Changes
                "--schedule cosine", "", Changes
                "--warmup 2", "", Changes
                "--polish 2", "--polish-points -", Changes
                "--polish-points 5", "", Changes
                "--test-points 9", "", Changes
                "--problem-seed 1", "", Changes
                "--seed 1", "", Changes
                "--device cuda", "", needsCuda
                "--dtype float64", "", Changes
                "--threads 2", "", Told
                "--memory 77", "", Told
                "--eval-every 1", "", Changes
                "--save-every 7", "", Told
                taken, "", Refused "is not empty"
                "--resume nowhere", "", Refused "is fixed once a run has begun"
                yield! told
            ]
        Defaults = []
    }

let private fit =
    {
        Name = "fit"
        Options = cases<Fit.Options>()
        Names = Fit.names
        Small = "--expr x*y --vars x:-1:1,y:-1:1 --width 2 2 1 --grid 2 --order 2 --train 20 --test 10 --steps 2"
        Rows =
            let table = "--csv table.csv --target z --expr - --vars - --train - --test -"

            [
                "--expr x-y", "", Changes
                "--vars x:-1:1,y:0:1", "", Changes
                "--feynman I.6.20 --expr - --vars -", "", Changes
                table, "", Changes
                "--target y z --width 1 2 2", table, Changes
                "--test-share 0.4", table, Changes
                "--train 25", "", Changes
                "--test 12", "", Changes
                "--noise 0.1", "", Changes
                "--normalize", "", Changes
                "--model metakan", "", Changes
                "--width 2 3 1", "", Changes
                "--sparse-init", "--width 2 3 1", Changes
                "--from-formula x+y", "--width -", Changes
                "--grid 3", "", Changes
                "--order 3", "", Changes
                "--embedding-dim 2", "--model metakan", Changes
                "--hidden-dim 5", "--model metakan", Changes
                "--generators layer", "--model metakan", Changes
                "--optimizer adam", "", Changes
                "--history 1", "", Changes
                "--lr 0.5", "--optimizer adam", Changes
                "--batch 7", "--optimizer adam", Changes
                "--loss absolute", "", Changes
                "--delta 0.1", "--loss huber", Changes
                "--steps 3", "", Changes
                "--lamb 0.1", "", Changes
                "--lamb-entropy 5", "--lamb 0.1", Changes
                "--grid-update", "--steps 6", Changes
                "--extend 4", "", Changes
                "--prune", "", Changes
                "--node-threshold 0.9", "--prune", Changes
                "--edge-threshold 0.9", "--prune", Changes
                "--symbolic", "", Changes
                "--library x", "--symbolic --own-formula --width 2 1 1", Changes
                "--own-formula", "--symbolic", Changes
                "--tolerance 900000", "--symbolic --own-formula --noise 0.1 --width 2 1 1", Changes
                "--seed 1", "", Changes
                "--device cuda", "", needsCuda
                "--dtype float32", "", Changes
                "--threads 2", "", Told
                taken, "", Refused "is not empty"
                "--resume nowhere", "", Refused "is fixed once a run has begun"
                yield! told
            ]
        Defaults = []
    }

let private classify =
    {
        Name = "classify"
        Options = cases<Classify.Options>()
        Names = Classify.names
        Small = "--data data --epochs 2 --batch-size 4 --threads 1"
        Rows =
            [
                "--dataset mnist", "", Changes
                "--data other", "", Changes
                "--side 30", "--dataset folder --data own", Changes
                "--gray", "--dataset folder --data own --side 3", Changes
                "--train-images 6", "", Changes
                "--net conv4", "--train-images 2 --batch-size 2 --epochs 1", Changes
                "--width 5", "", Changes
                "--model fastkan", "", Changes
                "--meta", "", Changes
                "--generators 2", "--meta", Changes
                "--wavelet dog", "--model wavkan", Changes
                "--grid-size 4", "", Changes
                "--spline-order 2", "", Changes
                "--degree 2", "--model kaln", Changes
                "--embedding-dim 2", "--meta", Changes
                "--hidden-dim 5", "--meta", Changes
                "--recompute", "", Told
                "--norm batch", "", Changes
                "--dropout 0.5", "--width 6 6", Changes
                "--head-dropout 0.5", "", Changes
                "--epochs 3", "", Changes
                "--batch-size 3", "", Changes
                "--lr 0.5", "", Changes
                "--lr-e 0.5", "--meta", Changes
                "--lr-h 0.5", "--meta", Changes
                "--weight-decay 0.5", "", Changes
                "--weight-decay-e 0.5", "--meta", Changes
                "--weight-decay-h 0.5", "--meta", Changes
                "--moments bytes", "--width 40", Changes
                "--schedule linear", "", Changes
                "--warmup 3", "", Changes
                "--loss mse", "", Changes
                "--flip", "", Changes
                "--crop 2", "", Changes
                "--rotate 20", "", Changes
                "--translate 0.3", "", Changes
                "--scale 0.3", "", Changes
                "--jitter 0.3", "", Changes
                "--seed 7", "", Changes
                "--device cuda", "", needsCuda
                "--dtype float64", "", Changes
                "--threads 2", "", Told
                taken, "", Refused "is not empty"
                "--resume nowhere", "", Refused "is fixed once a run has begun"
                yield! told
            ]
        Defaults =
            let convolutions = "--net conv4 --train-images 2 --batch-size 2 --epochs 1"

            [
                "--norm none", ""
                "--norm batch", "--model wavkan"
                "--norm batch", convolutions
                "--dropout 0", "--width 6 6"
                "--dropout 0", $"{convolutions} --meta"
                "--dropout 0.25", convolutions
                "--head-dropout 0", ""
                "--head-dropout 0.5", convolutions
                "--batch-size 1024", ""
                "--batch-size 64", convolutions
                "--lr 1e-2", ""
                "--lr 1e-3", convolutions
                "--warmup 0", ""
                "--warmup 100", "--meta"
                "--warmup 50", $"{convolutions} --meta"
            ]
    }

/// Options with their values; the command's own argument has no name.
let private parsed (text: string) : (string * string) list =
    [
        for i, part in text.Split "--" |> Array.indexed do
            let part = part.Trim()
            let cut = if i = 0 then 0 else part.IndexOf ' '

            if part <> "" then
                if cut < 0 then part, "" else part[.. cut - 1], part[cut..].Trim()
    ]

/// Options before others, and before those of another own argument, which takes the place of the first's.
let private before (text: string) (more: string) : string =
    if more = "" || more.StartsWith "--" then
        $"{text} {more}"
    else
        let first = text.IndexOf " --"
        let options = more.IndexOf " --"
        let own, rest = if options < 0 then more, "" else more[.. options - 1], more[options..]
        own + text[first..] + rest

let private arguments (text: string) : string list =
    let given = parsed text
    let isLast i (name: string) = given |> List.skip (i + 1) |> List.forall (fst >> (<>) name)

    [
        for i, (name, value) in List.indexed given do
            if isLast i name && value <> "-" then
                if name <> "" then
                    "--" + name

                yield! words value
    ]

/// An option as a row names it; a command's own argument has no name.
let private nameOf (case: ArgumentCaseInfo) =
    if case.IsMainCommand then "" else (Options.nameOfCase case.UnionCaseInfo)[2..]

/// The option that a row is about, with its value.
let private first (given: string) : string * string = List.head (parsed given)

/// A run's config.json, what it measured (all metrics but the seconds, and what of the result does not repeat a setting), and
/// how it ended.
let private outcome (command: Command) (folder: string) (text: string) : string * string * Ended =
    let out = $"run{Directory.GetDirectories(folder).Length}"
    let ended = inside folder (command.Name :: arguments $"{text} --out {out}")

    if ended.Code <> 0 then
        failtest $"{text}: {ended.Err}"

    let run = Path.Combine(folder, out)
    let result = (RunFolder.tryReadResult run).Value

    let told =
        [
            for name in [ "parameters"; "formula"; "accuracy_by_class" ] do
                if result.ContainsKey name && not (isNull result[name]) then
                    result[name].ToJsonString()
        ]

    File.ReadAllText(RunFolder.configPath run), String.Join('\n', [ yield! metrics run; yield! told ]), ended

/// What is wrong with a row.
let private fault
    (outcome: string -> string * string * Ended)
    (command: Command)
    folder
    (given: string, beside, effect)
    =
    let without = before command.Small beside
    let text = before without given
    let _, value = first given

    match effect with
    | Refused said ->
        let ended = inside folder (command.Name :: arguments text)

        match ended.Code, ended.Err with
        | 2, [ line ] when line.Contains said -> None
        | ended -> Some $"{given} is to be refused with '{said}', not {ended}"
    | Says said ->
        let (config, numbers, ended), (plainConfig, plainNumbers, _) = outcome text, outcome without

        if (config, numbers) <> (plainConfig, plainNumbers) then Some $"{given} is another run"
        elif said ended then None
        else Some $"{given} says {ended}"
    | Brings wanted ->
        let (config, numbers, _), (_, plainNumbers, _) = outcome text, outcome without

        if not (config.Contains wanted) then Some $"{given} is not in config.json"
        elif numbers = plainNumbers then Some $"{given} changes no number"
        else None
    | Changes
    | Told
    | Timed ->
        let (config, numbers, _), (plainConfig, plainNumbers, _) = outcome text, outcome without
        let wanted = if effect.IsTimed then [] else words value
        let isThere (word: string) = config.Contains(word, StringComparison.OrdinalIgnoreCase)

        if config = plainConfig || not (List.forall isThere wanted) then
            Some $"{given} is not in config.json"
        elif effect.IsChanges && numbers = plainNumbers then
            Some $"{given} changes no number"
        elif effect.IsTold && numbers.Split('\n').Length <> plainNumbers.Split('\n').Length then
            Some $"{given} changes what is measured"
        else
            None

/// What the help of a command says in the brackets at the end, by the options' names.
let private brackets (command: Command) : (string * string) list =
    [
        for case in command.Options do
            let help = case.Description.Value
            let opening = help.LastIndexOf '('

            if opening >= 0 && help.EndsWith ")." then
                nameOf case, help[opening + 1 .. help.Length - 3]
    ]

/// Options with the values that help says they have, and what else the run takes to have them: those of one value, beside
/// what makes it count, and those of several.
let private defaults (command: Command) : (string * string) list =
    let taken = dict command.Names

    let isValue (name: string) (value: string) =
        fst (Double.TryParse(value, Globalization.CultureInfo.InvariantCulture))
        || taken.ContainsKey $"--{name}" && List.contains value taken[$"--{name}"]

    [
        for name, value in brackets command do
            if isValue name value then
                for given, beside, _ in command.Rows do
                    if fst (first given) = name then
                        $"--{name} {value}", beside

        yield! command.Defaults
    ]

/// What a command's runs come to in a folder with data of all kinds, each made once.
let private withRuns (command: Command) (test: string -> (string -> string * string * Ended) -> unit) : unit =
    withFolder (fun folder ->
        Fixtures.writeIdx (Path.Combine(folder, "data")) 8 4 |> ignore
        Fixtures.writeIdx (Path.Combine(folder, "other")) 12 5 |> ignore

        for n in 0..7 do
            let path = Path.Combine(folder, "own", $"{n % 2}", $"{n}.png")
            Directory.CreateDirectory(Path.GetDirectoryName path) |> ignore
            let shade i = if i % 4 = 3 then 255uy else byte (31 * n + 17 * i % 97)
            File.WriteAllBytes(path, Bitmap.png 4 (Array.init 48 shade))

        let rows = [ for i in 0..19 -> $"{i % 5},{i % 7},{i * i % 11}" ]
        File.WriteAllLines(Path.Combine(folder, "table.csv"), "x,y,z" :: rows)
        File.WriteAllText(Path.Combine(folder, "start.json"), """{ "settings": { "seed": 5 } }""")
        let known = Dictionary<string list, string * string * Ended>()

        test folder (fun text ->
            let given = arguments text

            match known.TryGetValue given with
            | true, found -> found
            | _ ->
                let found = outcome command folder text
                known[given] <- found
                found))

/// Alone: commands run in this process.
let tests =
    testSequenced
    <| testList
        "Cli.Option"
        [
            for command in [ pde; fit; classify ] do
                testCase $"every option of {command.Name} has a row" (fun () ->
                    let rows = command.Rows |> List.map (fun (given, _, _) -> fst (first given))
                    Expect.equal (List.sort rows) (command.Options |> List.map nameOf |> List.sort) "options")

                testCase $"every option of {command.Name} is told and changes the run, or is refused" (fun () ->
                    withRuns command (fun folder outcome ->
                        let faults = command.Rows |> List.choose (fault outcome command folder)
                        Expect.equal faults [] "options that are not as they are to be"))

                testCase $"options of {command.Name} that are not given have the values that help says" (fun () ->
                    withRuns command (fun _ outcome ->
                        let defaults = defaults command
                        Expect.isGreaterThan defaults.Length 10 "options whose help says a value"

                        let config text = let config, _, _ = outcome text in config

                        let others (rows: (string * string) list) =
                            let beside = before command.Small (snd rows.Head)
                            let given = rows |> List.map fst |> String.concat " "
                            let free = [ for given, _ in rows -> $"--{fst (first given)} -" ]

                            if config $"{beside} {given}" = config $"""{beside} {String.concat " " free}""" then
                                []
                            else
                                rows

                        // Those that go together at once, and one by one where one is another.
                        let others =
                            defaults
                            |> List.groupBy snd
                            |> List.collect (snd >> others)
                            |> List.collect (List.singleton >> others)

                        Expect.equal others [] "options with other values than help says"))

            testCase "help says all the values of options that have several" (fun () ->
                let said = dict (brackets classify)

                for name, rows in classify.Defaults |> List.groupBy (fst >> first >> fst) do
                    let values = rows |> List.map (fst >> first >> snd) |> List.distinct
                    let words = said[name].Split([| ' '; ','; ';' |]) |> List.ofArray
                    let numbers = words |> List.filter (fun word -> word <> "" && Char.IsDigit word[0])
                    Expect.containsAll words values $"help of --{name}"
                    Expect.containsAll values numbers $"numbers in the help of --{name}")
        ]
