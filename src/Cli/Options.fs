/// What a command says of an option that it cannot use: one line with the option's name and what it takes.
module MetaKan.Cli.Options

open System
open System.Text.Json.Nodes
open Microsoft.FSharp.Reflection
open MetaKan

/// The value that a name stands for.
let oneOf (option: string) (choices: (string * 'a) list) (given: string) : 'a =
    match choices |> List.tryFind (fun (name, _) -> name = given) with
    | Some(_, value) -> value
    | None ->
        let names = choices |> List.map fst |> String.concat ", "
        raise (BadInput $"{option} takes one of {names}, not '{given}'")

/// One of several names.
let nameOf (option: string) (names: string list) (given: string) : string =
    oneOf option [ for name in names -> name, name ] given

/// The most that a whole number may be, where nothing smaller bounds it: what is made of it is still counted in 32 bits.
let private most = 1_000_000_000

/// A whole number from `least` up.
let atLeast (option: string) (least: int) (given: int) : int =
    if given < least then
        raise (BadInput $"{option} takes a whole number from {least} up, not {given}")

    if given > most then
        raise (BadInput $"{option} takes a whole number up to {most}, not {given}")

    given

/// A whole number from `least` to `most`.
let within (option: string) (least: int) (most: int) (given: int) : int =
    if given < least || given > most then
        raise (BadInput $"{option} takes a whole number from {least} to {most}, not {given}")

    given

/// A number of threads.
let threadCount (given: int) : int = within "--threads" 1 1024 given

/// Refuses what takes more memory than there is: `what` of `option` takes so many bytes at least.
let fits (option: string) (what: string) (bytes: float) : unit =
    let there = float (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)

    if bytes > there then
        let mebibytes (x: float) = Math.Ceiling(x / 1048576.0).ToString("0", Globalization.CultureInfo.InvariantCulture)
        raise (BadInput $"{option}: {what} would take {mebibytes bytes} MiB or more, and there are {mebibytes there}")

/// The same of a network: training takes at least its numbers and what Adam remembers before and after a step, and their
/// gradient, in single precision or, of what it remembers, bytes. Edges by the layers' widths, numbers an edge, and those of
/// each layer's generator.
let fitsNetwork
    (options: string)
    (widths: int list)
    (perEdge: int64)
    (generator: int64)
    (moments: MomentStorage)
    : unit =
    let edges = widths |> List.pairwise |> List.sumBy (fun (a, b) -> float a * float b)
    let numbers = edges * float perEdge + float (widths.Length - 1) * float generator

    fits
        options
        $"a network of {edges:``0``} edges"
        ((3.0 * 4.0 + 4.0 * (if moments = MomentStorage.Full then 4.0 else 1.0)) * numbers)

/// What the library makes of an option; what it refuses is told after the option's name.
let named (option: string) (make: unit -> 'a) : 'a =
    try
        make ()
    with BadInput reason ->
        raise (BadInput $"{option}: {reason}")

/// A file to write, as far as that can be told beforehand: in a folder that is there, and in the place of nothing or of a file.
let fileToWrite (option: string) (path: string) : string =
    let folder = IO.Path.GetDirectoryName(IO.Path.GetFullPath path)

    if not (IO.Directory.Exists folder) || IO.Path.Exists path && not (AtomicFile.isFile path) then
        raise (BadInput $"{option} takes a file in a folder that is there, not {path}")

    named option (fun () -> AtomicFile.probe path)
    path

/// Whole numbers from `least` up, with commas between them.
let wholeNumbers (option: string) (least: int) (given: string) : int list =
    [
        for part in given.Split ',' ->
            match Int32.TryParse part with
            | true, number when number >= least -> number
            | _ -> raise (BadInput $"{option} takes a whole number from {least} up, not {part}")
    ]

/// A finite number above zero.
let positive (option: string) (given: float) : float =
    if not (given > 0.0 && Double.IsFinite given) then
        raise (BadInput $"{option} takes a positive number, not {given}")

    given

/// A finite number from zero up.
let fromZero (option: string) (given: float) : float =
    if not (given >= 0.0 && Double.IsFinite given) then
        raise (BadInput $"{option} takes a number from 0 up, not {given}")

    given

/// Refuses options, of which it says whether they were given, that mean nothing without another.
let onlyWith (other: string) (there: bool) (options: (string * bool) list) : unit =
    match options |> List.tryFind snd with
    | Some(option, _) when not there -> raise (BadInput $"{option} is for {other}")
    | _ -> ()

/// The name of an option of a command, as `--lr-e`.
let nameOfCase (case: UnionCaseInfo) : string = "--" + case.Name.ToLowerInvariant().Replace('_', '-')

let private isMainCommand (case: UnionCaseInfo) : bool =
    not (Array.isEmpty (case.GetCustomAttributes typeof<Argu.ArguAttributes.MainCommandAttribute>))

/// The name of an option that was given; of a command's own argument, as "the problem".
let nameOfOption (option: 'option) : string =
    match FSharpValue.GetUnionFields(option, typeof<'option>) |> fst with
    | case when isMainCommand case -> $"the {case.Name.ToLowerInvariant()}"
    | case -> nameOfCase case

/// Refuses options that are given twice, but for some, and texts without a letter.
let sound (mayRepeat: string list) (options: Argu.ParseResults<'option>) : Argu.ParseResults<'option> =
    let given = options.GetAllResults()

    for name, count in given |> List.countBy nameOfOption do
        if count > 1 && name.StartsWith "--" && not (List.contains name mayRepeat) then
            raise (BadInput $"{name} is given {count} times")

    for option in given do
        for value in FSharpValue.GetUnionFields(option, typeof<'option>) |> snd do
            match value with
            | :? string as text when text.Trim() = "" ->
                raise (BadInput $"{nameOfOption option} takes something, not '{text}'")
            | :? (string list) as texts when texts |> List.exists (fun text -> text.Trim() = "") ->
                raise (BadInput $"{nameOfOption option} takes something, not ''")
            | _ -> ()

    options

// The types of numbers that options take.
let private numbers =
    [
        typeof<int>
        typeof<int64>
        typeof<float>
        typeof<int list>
        typeof<int64 list>
        typeof<float list>
    ]

/// Refuses commas in the numbers among a command's words, which .NET passes over wherever they stand.
let plainNumbers<'option> (words: string seq) : unit =
    let names =
        [
            for case in FSharpType.GetUnionCases typeof<'option> do
                if case.GetFields() |> Array.exists (fun field -> List.contains field.PropertyType numbers) then
                    nameOfCase case
        ]

    let rec look (words: string list) =
        match words with
        | name :: rest when List.contains name names ->
            let values = rest |> List.takeWhile (fun word -> not (word.StartsWith "--"))

            match values |> List.tryFind (fun word -> word.Contains ',') with
            | Some value -> raise (BadInput $"{name} takes a number without commas, as 1000 or 0.5, not '{value}'")
            | None -> look rest
        | _ :: rest -> look rest
        | [] -> ()

    look (List.ofSeq words)

/// Refuses what cannot change when a run goes on: of the options given, only `--resume`, those named, and how the run is told.
let resumesWith (changeable: string list) (given: 'option list) : unit =
    for name in List.map nameOfOption given do
        if
            not (
                List.contains
                    name
                    ([ "--resume"; "--quiet"; "--json"; "--live"; "--live-port"; "--tensorboard" ] @ changeable)
            )
        then
            let changeable = String.Join(", ", changeable)
            raise (BadInput $"{name} is fixed once a run has begun: what --resume takes beside it is {changeable}")

/// What a run of a task with these sections starts from: the configuration of the folder that it goes on with, the file that
/// `--config` names, or one that says nothing.
let internal startFile
    (task: string)
    (sections: string list)
    (resumed: string option)
    (path: string option)
    : StartFile =
    match resumed, path with
    | Some folder, _ ->
        RunFolder.readConfig folder |> ignore
        Configuration.startFile task sections (RunFolder.configPath folder)
    | None, Some path -> Configuration.startFile task sections path
    | None, None -> { Path = ""; Content = JsonObject() }

/// Names the start's file in what is said of an option that was not given: the value is the file's. Of a run that goes on,
/// all values are.
let internal ofFile (file: StartFile) (given: 'option list) (make: unit -> 'a) : 'a =
    try
        make ()
    with BadInput reason when file.Path <> "" ->
        let option = reason.Split([| ' '; ':' |], 2)[0]
        let isGiven (name: string) = given |> List.exists (fun it -> nameOfOption it = name)

        if isGiven option || reason.Contains file.Path || not (option.StartsWith "--" || isGiven "--resume") then
            reraise ()
        else
            raise (BadInput $"{file.Path}: {reason}")

/// What `--device` takes.
let devices = [ "auto"; "cpu"; "cuda" ]

/// What `--dtype` takes.
let dtypes = [ "float32"; "float64" ]

/// The threads of a run that is asked for none: all cores, 8 at most; of ranks, the cores for each.
let allThreads () : int = min 8 (Ranks.cores ())

/// The threads of a run that goes on with those that it had: in a job, those for each rank.
let threadsOf (before: int) : int = if Ranks.count () > 1 then allThreads () else before

/// Device and element type, by the names that `--device` and `--dtype` take.
let placement (device: string) (dtype: string) : Placement =
    Placement.named (nameOf "--device" devices device) (nameOf "--dtype" dtypes dtype)

/// A start's placement with what `--device` and `--dtype` change of it.
let placementOver (start: Placement) (device: string option) (dtype: string option) : Placement =
    let orElse (value: obj) = Option.defaultWith (fun () -> (string value).ToLowerInvariant())
    placement (orElse start.Device.``type`` device) (orElse start.DType dtype)

/// Which layers share a generator, by what `--generators` takes.
let sharing (layers: int) (given: string) =
    let refuse () =
        raise (BadInput $"--generators takes layer, shared or {layers} numbers from 0 without gaps, not '{given}'")

    match given with
    | "layer" -> GeneratorSharing.PerLayer
    | "shared" -> GeneratorSharing.Shared
    | list ->
        let numbers = list.Split ',' |> Array.map Int32.TryParse

        if numbers.Length <> layers || not (Array.forall fst numbers) then
            refuse ()

        let assignment = numbers |> Array.map snd |> Array.toList
        let used = List.distinct assignment |> List.sort

        if used <> [ 0 .. used.Length - 1 ] then
            refuse ()

        GeneratorSharing.Clusters assignment

/// The splines of a model's edges: a start's, with what `--grid` and `--order` change of them; an MLP has none.
let splinesOver (model: string) (grid: int option) (order: int option) (start: Grid option) : Grid option =
    match start with
    | _ when model = "mlp" -> None
    | None -> raise (BadInput $"--grid: {model} has splines, and none are given")
    | Some start ->
        Some
            {
                Size = defaultArg grid start.Size |> atLeast "--grid" 1
                Order = defaultArg order start.Order |> within "--order" 1 32
            }

/// What generates a MetaKAN's coefficients: a start's, with what `--embedding-dim`, `--hidden-dim` and `--generators` change of
/// it; other models have none.
let metaLearnerOver
    (model: string)
    (layers: int)
    (embedding: int option)
    (hidden: int option)
    (generators: string option)
    (start: MetaLearner option)
    : MetaLearner option =
    match start with
    | _ when model <> "metakan" -> None
    | None -> raise (BadInput "--hidden-dim: metakan has generators, and none are given")
    | Some start ->
        let started =
            match start.Sharing with
            | GeneratorSharing.PerLayer -> "layer"
            | GeneratorSharing.Shared -> "shared"
            | GeneratorSharing.Clusters numbers -> String.Join(',', numbers)

        Some
            {
                EmbeddingDim = defaultArg embedding start.EmbeddingDim |> atLeast "--embedding-dim" 1
                HiddenDim = defaultArg hidden start.HiddenDim |> atLeast "--hidden-dim" 1
                Sharing = sharing layers (defaultArg generators started)
                Chunk = start.Chunk
            }
