// config.json: what determines a run's numbers. Its sections are typed settings, and a run goes on only under the same ones.
namespace MetaKan

open System
open System.Reflection
open System.Text.Json
open System.Text.Json.Nodes
open System.Text.Json.Serialization
open FSharp.Reflection
open TorchSharp

/// A placement as {"device": "cpu", "dtype": "float32"}.
type private PlacementConverter() =
    inherit JsonConverter<Placement>()

    override _.Write(writer, place, _) =
        writer.WriteStartObject()
        writer.WriteString("device", (string place.Device).ToLowerInvariant())
        writer.WriteString("dtype", (string place.DType).ToLowerInvariant())
        writer.WriteEndObject()

    override _.Read(reader, _, _) =
        let names = JsonNode.Parse(&reader).AsObject()

        let name (field: string) =
            match names[field] with
            | null -> raise (JsonException $"Missing field: {field}")
            | value -> value.GetValue<string>()

        Placement.named (name "device") (name "dtype")

/// A file of the form of config.json that a new run starts from, which may have any part of one.
type internal StartFile = { Path: string; Content: JsonObject }

/// config.json: a run's settings, written, read back and compared.
[<RequireQualifiedAccess>]
module Configuration =
    // Names in small letters, cases without numbers as texts, others as {"sdgd": 4}.
    let private format =
        let unions =
            JsonUnionEncoding.ExternalTag
            ||| JsonUnionEncoding.NamedFields
            ||| JsonUnionEncoding.UnwrapFieldlessTags
            ||| JsonUnionEncoding.UnwrapOption
            ||| JsonUnionEncoding.UnwrapSingleFieldCases

        let small = JsonNamingPolicy.SnakeCaseLower
        let options = JsonSerializerOptions(PropertyNamingPolicy = small)
        options.Converters.Add(PlacementConverter())
        options.Converters.Add(JsonFSharpConverter(unions, unionTagNamingPolicy = small))
        options

    /// Settings, a record of numbers, texts, unions and further records, as JSON.
    let node (settings: 'settings) : JsonNode = JsonSerializer.SerializeToNode(settings, format)

    /// A case without numbers as config.json has it: "cosine".
    let text (case: 'union) : string = (node case).GetValue<string>()

    /// The configuration of a task's run from its sections and the kinds of its measures; the number of threads is the
    /// present one.
    let create
        (task: string)
        (sections: (string * JsonNode) list)
        (measures: (string * MeasureKind) list)
        : JsonObject =
        RunFolder.fields
            [
                "task", RunFolder.node task
                yield! sections
                "measures", RunFolder.fields [ for name, kind in measures -> name, node kind ]
                "threads", RunFolder.node (torch.get_num_threads ())
            ]

    /// A section of the configuration of a task's run in a folder. Raises BadInput, naming the file, where it is missing,
    /// malformed, or another task's.
    let read<'settings> (folder: string) (task: string) (section: string) : 'settings =
        let config = RunFolder.readConfig folder
        let refuse what = raise (BadInput $"{RunFolder.configPath folder} {what}")

        if not (JsonNode.DeepEquals(config["task"], RunFolder.node task)) then
            refuse $"is not the configuration of a {task} run"

        match config[section] with
        | null -> refuse $"lacks '{section}'"
        | found ->
            try
                found.Deserialize<'settings> format
            with
            | :? JsonException as error ->
                let reason = error.Message.Split('\n')[0]
                refuse $"has no {section} of a {task} run: {reason}"
            | :? InvalidOperationException -> refuse $"has no {section} of a {task} run"

    /// A file that a new run of a task with these sections starts from. Raises BadInput, naming the file and the field, for
    /// another task's and for what no such run has.
    let internal startFile (task: string) (sections: string list) (path: string) : StartFile =
        let content = RunFolder.readJson "" path

        match content["task"] with
        | null -> ()
        | found when JsonNode.DeepEquals(found, RunFolder.node task) -> ()
        | found -> raise (BadInput $"{path}: its task is {found.ToJsonString()}, not \"{task}\"")

        // Measures follow from the rest.
        let known = "task" :: "measures" :: "threads" :: sections

        for pair in content do
            if not (List.contains pair.Key known) then
                let known = String.Join(", ", known)
                raise (BadInput $"{path}: a {task} run knows no '{pair.Key}', only {known}")

        { Path = path; Content = content }

    // What a file has under a name, as "settings.network"; null where it has nothing.
    let private under (name: string) (file: StartFile) : JsonNode =
        (file.Content :> JsonNode, name.Split '.')
        ||> Array.fold (fun node part ->
            match node with
            | :? JsonObject as o -> o[part]
            | _ -> null)

    /// Whether a file has something under a name.
    let internal has (file: StartFile) (name: string) : bool = not (isNull (under name file))

    let private unfit (file: StartFile) (name: string) (example: JsonNode) (found: JsonNode) =
        let text (node: JsonNode) = if isNull node then "null" else node.ToJsonString()
        let example = if isNull example then "" else $" as {text example}"
        raise (BadInput $"{file.Path}: {name} takes a value{example}, not {text found}")

    /// A value that a file has under a name, as "problem.name". Raises BadInput, naming both, where it is of another kind than
    /// the example.
    let internal tryValue (file: StartFile) (name: string) (example: 'value) : 'value option =
        match under name file with
        | null -> None
        | found ->
            try
                Some(found.Deserialize<'value> format)
            with
            | :? JsonException
            | :? InvalidOperationException -> unfit file name (node example) found

    // The values that settings of a type are made of: those of the records in them one by one, as far as there is a record.
    let rec private values (settings: Type) (start: JsonNode) (path: string list) (given: JsonNode) =
        let all = BindingFlags.Public ||| BindingFlags.NonPublic

        let inner =
            if settings.IsGenericType && settings.GetGenericTypeDefinition() = typedefof<option<_>> then
                settings.GetGenericArguments()[0]
            else
                settings

        match start, given with
        | (:? JsonObject as start), (:? JsonObject as given) when FSharpType.IsRecord(inner, all) ->
            let types =
                Map
                    [
                        for field in FSharpType.GetRecordFields(inner, all) ->
                            JsonNamingPolicy.SnakeCaseLower.ConvertName field.Name, field.PropertyType
                    ]

            [
                for pair in given do
                    let found = Map.tryFind pair.Key types |> Option.defaultValue typeof<obj>
                    yield! values found start[pair.Key] (path @ [ pair.Key ]) pair.Value
            ]
        | _ -> [ path, given ]

    // The first name in what was given that what came of it does not have.
    let rec private unknown (name: string) (given: JsonNode) (made: JsonNode) : string option =
        match given, made with
        | (:? JsonObject as given), (:? JsonObject as made) ->
            given
            |> Seq.tryPick (fun pair ->
                let name = $"{name}.{pair.Key}"
                if made.ContainsKey pair.Key then unknown name pair.Value made[pair.Key] else Some name)
        | (:? JsonArray as given), (:? JsonArray as made) ->
            Seq.zip given made
            |> Seq.indexed
            |> Seq.tryPick (fun (i, (given, made)) -> unknown $"{name}[{i}]" given made)
        | _ -> None

    /// Settings with the values that a file has for them under a name, but for some. A record may have any of its fields;
    /// all else is whole. Raises BadInput, naming the file and the field, for a field that the settings do not have and for a
    /// value of another kind.
    let internal over (file: StartFile) (name: string) (except: string list) (start: 'settings) : 'settings =
        let with' (path: string list) (value: JsonNode) (whole: JsonNode) =
            let copy = whole.DeepClone()

            let above =
                path |> List.truncate (path.Length - 1) |> List.fold (fun (n: JsonNode) part -> n[part]) copy

            above[List.last path] <- (if isNull value then null else value.DeepClone())
            copy

        let decoded (path: string list) (start: JsonNode) (value: JsonNode) (whole: JsonNode) =
            let field = String.Join('.', name :: path)

            try
                whole.Deserialize<'settings> format
            with
            | BadInput reason -> raise (BadInput $"{file.Path}: {field}: {reason}")
            | :? JsonException
            | :? InvalidOperationException ->
                let example = path |> List.fold (fun (n: JsonNode) part -> if isNull n then null else n[part]) start
                unfit file field example value

        match under name file with
        | null -> start
        | :? JsonObject as given ->
            let given =
                RunFolder.fields
                    [
                        for pair in given do
                            if not (List.contains pair.Key except) then
                                pair.Key, pair.Value
                    ]

            let plain = node start

            let whole =
                (plain, values typeof<'settings> plain [] given)
                ||> List.fold (fun whole (path, value) ->
                    let next = with' path value whole
                    decoded path plain value next |> ignore
                    next)

            let made = whole.Deserialize<'settings> format

            match unknown name given (node made) with
            | Some field -> raise (BadInput $"{file.Path}: there is no {field} in a run of this kind")
            | None -> made
        | found -> unfit file name (JsonObject()) found

    /// The values of a configuration by their names, as "settings.epochs".
    let rec leaves (name: string) (node: JsonNode) : (string * JsonNode) list =
        match node with
        | :? JsonObject as o ->
            [
                for pair in o do
                    yield! leaves (if name = "" then pair.Key else $"{name}.{pair.Key}") pair.Value
            ]
        | _ -> [ name, node ]

    /// The first value that two configurations do not share, but for those that may differ: its name, and it in each.
    let internal tryDifference (mayDiffer: string list) (one: JsonObject) (other: JsonObject) =
        let text (node: JsonNode) = if isNull node then "null" else node.ToJsonString()
        let values config = leaves "" config |> List.map (fun (name, value) -> name, text value) |> Map
        let one, other = values one, values other

        List.distinct (List.ofSeq one.Keys @ List.ofSeq other.Keys)
        |> List.except mayDiffer
        |> List.tryPick (fun name ->
            let value config = Map.tryFind name config |> Option.defaultValue "nothing"
            if value one <> value other then Some(name, value one, value other) else None)

    /// What tells a run from those of other configurations, but for values that may differ.
    let internal identity (mayDiffer: string list) (config: JsonObject) : string =
        leaves "" config
        |> List.filter (fun (name, _) -> not (List.contains name mayDiffer))
        |> List.map (fun (name, value) -> $"""{name} {if isNull value then "null" else value.ToJsonString()}""")
        |> List.sort
        |> String.concat "\n"
        |> Text.Encoding.UTF8.GetBytes
        |> Security.Cryptography.SHA256.HashData
        |> Convert.ToHexStringLower

    /// Claims the folder of work that is made of runs, for a configuration that a file in it keeps, until the claim is disposed
    /// or the process ends. Raises BadInput for a folder of something else, for one in which other such work goes on, and for
    /// that of another configuration, with the difference; `what` is the work, as "sweep".
    let internal claim (folder: string) (file: string) (what: string) (wanted: JsonObject) : IDisposable =
        let path = IO.Path.Combine(folder, file)

        let hold () = RunFolder.hold (IO.Path.Combine(folder, "lock")) $"{folder} is in use: another {what} works in it"

        if IO.File.Exists path then
            let held = hold ()

            try
                match tryDifference [] (RunFolder.readJson "" path) wanted with
                | Some(name, there, here) ->
                    raise (BadInput $"{path} is of another {what}: its {name} is {there}, not {here}")
                | None -> held
            with _ ->
                held.Dispose()
                reraise ()
        elif
            IO.File.Exists folder
            || IO.Directory.Exists folder
               // A lock may be left of work that was killed before it was configured.
               && IO.Directory.EnumerateFileSystemEntries folder
                  |> Seq.exists (fun it -> IO.Path.GetFileName it <> "lock")
        then
            raise (BadInput $"{folder} is not empty: a {what} needs a folder that is new or empty, or its own")
        else
            AtomicFile.placing folder (fun () -> IO.Directory.CreateDirectory folder |> ignore)
            let held = hold ()
            AtomicFile.writeText path (wanted.ToJsonString(JsonSerializerOptions(WriteIndented = true)) + "\n")
            held

    /// Refuses, by BadInput, to go on with the run in a folder under another configuration: only the values that `mayChange`
    /// names may differ.
    let check (folder: string) (mayChange: string list) (wanted: JsonObject) : unit =
        match tryDifference mayChange (RunFolder.readConfig folder) wanted with
        | Some(name, there, here) ->
            raise (BadInput $"{RunFolder.configPath folder} is of another run: its {name} is {there}, not {here}")
        | None -> ()
