/// What a command says of an option that it cannot use: one line with the option's name and what it takes.
module MetaKan.Cli.Options

open System
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

/// Refuses what cannot change when a run goes on: of the options given, only `--resume` and those named.
let resumesWith (changeable: string list) (given: 'option list) : unit =
    for option in given do
        let case, _ = FSharpValue.GetUnionFields(option, typeof<'option>)
        let name = "--" + case.Name.ToLowerInvariant().Replace('_', '-')

        if not (List.contains name ("--resume" :: changeable)) then
            let changeable = String.Join(", ", changeable)
            raise (BadInput $"{name} is fixed once a run has begun: what --resume takes beside it is {changeable}")

/// Device and element type, by the names that `--device` and `--dtype` take.
let placement (device: string) (dtype: string) : Placement =
    Placement.named
        (nameOf "--device" [ "auto"; "cpu"; "cuda" ] device)
        (nameOf "--dtype" [ "float32"; "float64" ] dtype)

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

/// The splines of a model's edges, by what `--grid` and `--order` take; an MLP has none.
let splines (model: string) (grid: int) (order: int) : Grid option =
    if model = "mlp" then
        None
    else
        Some { Size = grid |> atLeast "--grid" 1; Order = order |> atLeast "--order" 1 }

/// What generates a MetaKAN's coefficients, by what `--embedding-dim` and `--hidden-dim` take; other models have none.
let metaLearner (model: string) (embedding: int) (hidden: int) (sharing: GeneratorSharing Lazy) : MetaLearner option =
    if model = "metakan" then
        Some
            {
                EmbeddingDim = embedding |> atLeast "--embedding-dim" 1
                HiddenDim = hidden |> atLeast "--hidden-dim" 1
                Sharing = sharing.Value
                Chunk = None
            }
    else
        None
