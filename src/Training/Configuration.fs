// config.json: what determines a run's numbers. Its sections are typed settings, and a run goes on only under the same ones.
namespace MetaKan

open System.Text.Json
open System.Text.Json.Nodes
open System.Text.Json.Serialization
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
            | :? System.InvalidOperationException -> refuse $"has no {section} of a {task} run"

    /// The values of a configuration by their names, as "settings.epochs".
    let rec leaves (name: string) (node: JsonNode) : (string * JsonNode) list =
        match node with
        | :? JsonObject as o ->
            [
                for pair in o do
                    yield! leaves (if name = "" then pair.Key else $"{name}.{pair.Key}") pair.Value
            ]
        | _ -> [ name, node ]

    /// Refuses, by BadInput, to go on with the run in a folder under another configuration: only the values that `mayChange`
    /// names may differ.
    let check (folder: string) (mayChange: string list) (wanted: JsonObject) : unit =
        let text (node: JsonNode) = if isNull node then "null" else node.ToJsonString()
        let values config = leaves "" config |> List.map (fun (name, value) -> name, text value) |> Map
        let there, here = values (RunFolder.readConfig folder), values wanted

        for name in List.distinct (List.ofSeq there.Keys @ List.ofSeq here.Keys) do
            let value config = Map.tryFind name config |> Option.defaultValue "nothing"

            if value there <> value here && not (List.contains name mayChange) then
                raise (
                    BadInput
                        $"{RunFolder.configPath folder} is of another run: its {name} is {value there}, not {value here}"
                )
