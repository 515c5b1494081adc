namespace MetaKan

open System
open System.IO
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes

/// A run is a folder that holds everything to understand it and to resume it:
///   config.json             the whole configuration, seed included
///   metrics.csv             losses and errors by step
///   steps.csv               the loss and the learning rates of every step
///   tensorboard/            the same for TensorBoard, where it is asked for
///   checkpoint/state.safetensors
///   pictures/*.svg, *.json  still pictures, and their figures for the report
///   result.json             once the run is done
///   report.html
[<RequireQualifiedAccess>]
module RunFolder =
    /// The path of config.json, the whole configuration.
    let configPath folder = Path.Combine(folder, "config.json")

    /// The path of metrics.csv, losses and errors by step.
    let metricsPath folder = Path.Combine(folder, "metrics.csv")

    /// The path of steps.csv, the loss and the learning rates of every step.
    let stepsPath folder = Path.Combine(folder, "steps.csv")

    /// The path of the training state last saved.
    let checkpointPath folder = Path.Combine(folder, "checkpoint", "state.safetensors")

    /// The path of the folder of still pictures and their figures.
    let picturesPath folder = Path.Combine(folder, "pictures")

    /// The path of the folder of TensorBoard's event files.
    let tensorBoardPath folder = Path.Combine(folder, "tensorboard")

    /// The path of result.json, which is there once the run is done.
    let resultPath folder = Path.Combine(folder, "result.json")

    /// The path of report.html, the page of the run.
    let reportPath folder = Path.Combine(folder, "report.html")

    // A name, name-2, name-3, …, each with an ending.
    let private numbered (name: string) (ending: string) : seq<string> =
        Seq.initInfinite (fun i -> if i = 0 then $"{name}{ending}" else $"{name}-{i + 1}{ending}")

    /// The first of a name, name-2, name-3, … at which nothing is, with an ending.
    let internal untaken (name: string) (ending: string) : string =
        numbered name ending |> Seq.find (Path.Exists >> not)

    /// Makes a folder for a run that should not ask where: `name` where nothing is there yet, else the first free of
    /// name-2, name-3, …. Of runs that ask at once each has its own; the processes of a job of MPI have one. Raises RunFailed
    /// where the system refuses.
    let free (name: string) : string =
        // Making a folder does not tell who made it; renaming one that is not empty does.
        let parent = Path.GetDirectoryName(Path.GetFullPath name)
        let made = Path.Combine(parent, $".{Guid.NewGuid():N}")

        let claims (folder: string) =
            not (Path.Exists folder)
            && (try
                    Directory.Move(made, folder)
                    true
                with :? IOException when Path.Exists folder ->
                    false)

        Ranks.ofFirst id id (fun () ->
            AtomicFile.guard name (fun () ->
                Directory.CreateDirectory(Path.GetDirectoryName(checkpointPath made)) |> ignore
                numbered name "" |> Seq.find claims))

    // What a run has that was killed before its configuration was in place.
    let private unbegun (folder: string) (file: string) : bool =
        [ Path.Combine("checkpoint", "lock"); "config.json.part" ]
        |> List.contains (Path.GetRelativePath(folder, file))

    /// Makes the folder of a new run, parents included. Raises BadInput where there is a file, a folder that holds files, or
    /// where the system makes no folder, and RunFailed where the disk is full. What a run left that was killed before its
    /// configuration was in place is as good as nothing.
    let create (folder: string) : unit =
        if File.Exists folder then
            raise (BadInput $"{folder} is a file: a run needs a folder that is new or empty")

        if Directory.Exists folder then
            if File.Exists(configPath folder) then
                raise (BadInput $"{folder} already holds a run: resume it, or choose a folder that is new or empty")

            if
                AtomicFile.guard folder (fun () ->
                    Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                    |> Seq.forall (unbegun folder)
                    |> not)
            then
                raise (BadInput $"{folder} is not empty: a run needs a folder that is new or empty")

        AtomicFile.placing folder (fun () ->
            Directory.CreateDirectory(Path.GetDirectoryName(checkpointPath folder)) |> ignore
            Directory.CreateDirectory(picturesPath folder) |> ignore)

    /// Holds a file that tells others that somebody is at work, until it is disposed or the process ends. Raises BadInput with
    /// what is said while another holds it.
    let internal hold (path: string) (inUse: string) : IDisposable =
        try
            new FileStream(
                path,
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None,
                1,
                FileOptions.DeleteOnClose
            )
        with :? IOException as fault when not (fault :? DirectoryNotFoundException) ->
            match fault.HResult with
            // Held: what Linux, macOS and Windows call it.
            | 11
            | 35
            | 0x80070020 -> raise (BadInput inUse)
            | _ -> raise (RunFailed $"cannot write {path}: {fault.Message}")

    /// Claims a run's folder until the claim is disposed or the process ends. Raises BadInput while another process, or
    /// another run of this one, works in it.
    let claim (folder: string) : IDisposable =
        try
            hold (Path.Combine(folder, "checkpoint", "lock")) $"{folder} is in use: another run works in it"
        with :? DirectoryNotFoundException ->
            raise (BadInput $"{folder} does not exist: the folder holds no run")

    /// A value as JSON.
    let node (value: 'a) : JsonNode = JsonValue.Create value

    /// A JSON object with copies of the values, which may be null.
    let fields (values: (string * JsonNode) seq) : JsonObject =
        let result = JsonObject()

        for name, value in values do
            result[name] <- (if isNull value then null else value.DeepClone())

        result

    // A file is no HTML: + and letters of all languages stay as they are.
    let private format =
        JsonSerializerOptions(WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    /// JSON has no NaN and no infinity; where a diverged run has one, the file says null.
    let rec internal finite (node: JsonNode) : JsonNode =
        match node with
        | null -> null
        | :? JsonObject as o ->
            JsonObject(o |> Seq.map (fun pair -> Collections.Generic.KeyValuePair(pair.Key, finite pair.Value)))
        | :? JsonArray as items -> JsonArray(items |> Seq.map finite |> Seq.toArray)
        | :? JsonValue as value ->
            match value.TryGetValue<float>() with
            | true, number when not (Double.IsFinite number) -> null
            | _ -> value.DeepClone()
        | other -> other.DeepClone()

    /// A JSON object of the first process's, in a job of MPI: for all.
    let internal ofFirst (work: unit -> JsonObject) : JsonObject =
        Ranks.ofFirst (fun it -> (finite it).ToJsonString()) (fun text -> JsonNode.Parse text :?> JsonObject) work

    let private writeJson (path: string) (content: JsonObject) =
        AtomicFile.writeText path ((finite content).ToJsonString format + "\n")

    /// Writes config.json in one go; numbers are written so that they read back exactly.
    let writeConfig (folder: string) (config: JsonObject) : unit = writeJson (configPath folder) config

    /// Writes result.json in one go, as `writeConfig` does.
    let writeResult (folder: string) (result: JsonObject) : unit = writeJson (resultPath folder) result

    /// Removes the result of a run that goes on.
    let removeResult (folder: string) : unit = AtomicFile.guard folder (fun () -> File.Delete(resultPath folder))

    // The first number that no float holds, as 1e400.
    let rec private tryUnheld (node: JsonNode) : JsonNode option =
        match node with
        | :? JsonObject as o -> o |> Seq.tryPick (fun pair -> tryUnheld pair.Value)
        | :? JsonArray as items -> items |> Seq.tryPick tryUnheld
        | :? JsonValue as value when value.GetValueKind() = JsonValueKind.Number ->
            if Double.IsFinite(value.GetValue<float>()) then None else Some node
        | _ -> None

    /// The JSON object in a file. Raises BadInput, naming the file, where it holds no such thing, or numbers that no float
    /// holds, or does not exist, with what that means.
    let internal readJson (absent: string) (path: string) : JsonObject =
        let refuse fault = raise (BadInput $"{path} {fault}")

        try
            // Of a field that is there twice, neither is right.
            let once = JsonDocumentOptions(AllowDuplicateProperties = false)

            match JsonNode.Parse(File.ReadAllText path, documentOptions = once) with
            | :? JsonObject as content ->
                match tryUnheld content with
                | Some value ->
                    let place = value.GetPath().TrimStart('$', '.')
                    refuse $"has a number that is too large, {value.ToJsonString()}, as its {place}"
                | None -> content
            | _ -> refuse "is not a JSON object"
        with
        | :? JsonException -> refuse "is not valid JSON"
        | :? FileNotFoundException
        | :? DirectoryNotFoundException -> refuse $"does not exist{absent}"
        | :? IOException
        | :? UnauthorizedAccessException as error ->
            let reason = error.Message.Split('\n')[0]
            refuse $"cannot be read: {reason}"

    /// The configuration of the run in a folder. Raises BadInput, naming the file, where it is missing or malformed.
    let readConfig (folder: string) : JsonObject = readJson ": the folder holds no run" (configPath folder)

    /// The result of the run in a folder; None while it is not done. Raises BadInput where the file is malformed.
    let tryReadResult (folder: string) : JsonObject option =
        let path = resultPath folder
        if File.Exists path then Some(readJson "" path) else None
