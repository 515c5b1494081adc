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

/// A whole number from `least` up.
let atLeast (option: string) (least: int) (given: int) : int =
    if given < least then
        raise (BadInput $"{option} takes a whole number from {least} up, not {given}")

    given

/// A whole number from `least` to `most`.
let within (option: string) (least: int) (most: int) (given: int) : int =
    if given < least || given > most then
        raise (BadInput $"{option} takes a whole number from {least} to {most}, not {given}")

    given

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

/// What the library makes of an option; what it refuses is told after the option's name.
let named (option: string) (make: unit -> 'a) : 'a =
    try
        make ()
    with BadInput reason ->
        raise (BadInput $"{option}: {reason}")

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

/// What a run of a task with these sections starts from: the file that `--config` names, or one that says nothing.
let internal startFile (task: string) (sections: string list) (path: string option) : StartFile =
    match path with
    | Some path -> Configuration.startFile task sections path
    | None -> { Path = ""; Content = JsonObject() }

/// Names the start's file in what is said of an option that was not given: the value is the file's.
let internal ofFile (file: StartFile) (given: 'option list) (make: unit -> 'a) : 'a =
    try
        make ()
    with BadInput reason when file.Path <> "" && reason.StartsWith "--" ->
        let option = reason.Split([| ' '; ':' |], 2)[0]

        if given |> List.exists (fun it -> nameOfOption it = option) then
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
                Order = defaultArg order start.Order |> atLeast "--order" 1
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
