namespace MetaKan

open System
open System.Buffers.Binary
open System.IO
open System.Text.Json
open TorchSharp

/// Named tensors in a file: the safetensors format (https://github.com/huggingface/safetensors), read and written.
///
/// A file is the header's length (8 bytes, little endian), the header (JSON: name → dtype, shape, data_offsets, and
/// text under __metadata__), and the elements of all tensors, row-major and without gaps.
[<RequireQualifiedAccess>]
module Safetensors =
    /// The element types that can be stored: the format's name, TorchSharp's, and the bytes of an element.
    let private dtypes =
        [
            "F64", torch.float64, 8L
            "I64", torch.int64, 8L
            "F32", torch.float32, 4L
            "BOOL", torch.bool, 1L
            "U8", torch.uint8, 1L
        ]

    /// The longest header that readers of the format accept.
    let private longestHeader = 100_000_000L

    let private metadataKey = "__metadata__"

    /// A tensor's place in a file; its offsets count from the end of the header.
    type private Entry = { Name: string; DType: torch.ScalarType; Shape: int64[]; Begin: int64; End: int64 }

    /// The header of tensors laid end to end, padded with spaces so that the elements are aligned.
    let private header (metadata: Map<string, string>) (tensors: (string * (string * Tensor * int64)) list) =
        use buffer = new MemoryStream()
        use json = new Utf8JsonWriter(buffer)
        json.WriteStartObject()

        if not metadata.IsEmpty then
            json.WriteStartObject metadataKey
            metadata |> Map.iter (fun key text -> json.WriteString(key, text))
            json.WriteEndObject()

        let numbers (key: string) (values: int64 seq) =
            json.WriteStartArray key
            values |> Seq.iter json.WriteNumberValue
            json.WriteEndArray()

        (0L, tensors)
        ||> List.fold (fun start (name, (dtype, t, size)) ->
            json.WriteStartObject name
            json.WriteString("dtype", dtype)
            numbers "shape" (Tensor.shape t)
            numbers "data_offsets" [ start; start + size ]
            json.WriteEndObject()
            start + size)
        |> ignore

        json.WriteEndObject()
        json.Flush()
        buffer.Write(ReadOnlySpan(Array.create (int (-buffer.Length &&& 7L)) (byte ' ')))
        buffer.ToArray()

    /// Writes tensors of float64, float32, int64, bool or uint8 elements, from any device, with texts about them. The file
    /// is replaced in one go. Raises RunFailed when the disk refuses, ArgumentException for other element types and
    /// for names used twice.
    let write (path: string) (metadata: Map<string, string>) (tensors: (string * Tensor) seq) : unit =
        let described =
            [
                for name, t in tensors do
                    match dtypes |> List.tryFind (fun (_, dtype, _) -> dtype = t.dtype) with
                    | Some(dtype, _, width) -> name, (dtype, t, t.numel () * width)
                    | None -> invalidArg (nameof tensors) $"'{name}' has elements of {t.dtype}, which cannot be stored"
            ]
            |> List.sortBy (fun (name, (dtype, _, _)) -> List.findIndex (fun (d, _, _) -> d = dtype) dtypes, name)

        let names = metadataKey :: List.map fst described

        if (List.distinct names).Length < names.Length then
            invalidArg (nameof tensors) $"two tensors of one name, or one named {metadataKey}"

        AtomicFile.write path (fun stream ->
            let header = header metadata described
            let length = Array.zeroCreate 8
            BinaryPrimitives.WriteInt64LittleEndian(Span length, header.LongLength)
            stream.Write(ReadOnlySpan length)
            stream.Write(ReadOnlySpan header)

            for _, (_, t, size) in described do
                if size > 0L then
                    use _ = torch.NewDisposeScope()
                    stream.Write(Span.op_Implicit (t.detach().cpu().contiguous().bytes)))

    /// Parses the header into the metadata and the tensors' places, which fill `room` bytes exactly. `refuse` makes
    /// the exception to raise; JSON's own exceptions tell of text that is no JSON.
    let private parse (refuse: string -> exn) (room: int64) (header: byte[]) : Map<string, string> * Entry list =
        use document =
            JsonDocument.Parse(ReadOnlyMemory header, JsonDocumentOptions(AllowDuplicateProperties = false))

        let properties what (element: JsonElement) =
            if element.ValueKind <> JsonValueKind.Object then
                raise (refuse $"{what} is not a JSON object")

            [ for property in element.EnumerateObject() -> property.Name, property.Value ]

        let entry (name: string, value: JsonElement) =
            let fields = Map(properties $"the entry '{name}'" value)

            let field key expected (read: JsonElement -> 'a option) =
                match Map.tryFind key fields |> Option.bind read with
                | Some found -> found
                | None -> raise (refuse $"the {key} of '{name}' is not {expected}")

            let numbers (e: JsonElement) =
                if e.ValueKind <> JsonValueKind.Array then
                    None
                else
                    let read =
                        [|
                            for item in e.EnumerateArray() ->
                                match item.ValueKind = JsonValueKind.Number && item.TryGetInt64() |> fst with
                                | true when item.GetInt64() >= 0L -> Some(item.GetInt64())
                                | _ -> None
                        |]

                    if Array.forall Option.isSome read then Some(Array.map Option.get read) else None

            let dtype, width =
                field "dtype" "F64, F32, I64, BOOL or U8" (fun e ->
                    dtypes
                    |> List.tryFind (fun (known, _, _) -> e.ValueKind = JsonValueKind.String && e.GetString() = known)
                    |> Option.map (fun (_, dtype, width) -> dtype, width))

            let shape = field "shape" "a list of whole numbers" numbers
            let offsets = field "data_offsets" "two whole numbers" numbers

            if offsets.Length <> 2 || offsets[0] > offsets[1] || offsets[1] > room then
                raise (refuse $"the data_offsets of '{name}' are not two places within its {room} bytes of elements")

            let size dims = Array.fold (fun n (d: int64) -> n * bigint d) (bigint (width: int64)) dims

            // An empty tensor's other dimensions still have to be countable.
            if
                size shape <> bigint (offsets[1] - offsets[0])
                || size (Array.map (max 1L) shape) > bigint Int64.MaxValue
            then
                raise (refuse $"the shape and dtype of '{name}' do not make the {offsets[1] - offsets[0]} bytes it has")

            { Name = name; DType = dtype; Shape = shape; Begin = offsets[0]; End = offsets[1] }

        let metadata, tensors =
            properties "its header" document.RootElement |> List.partition (fun (name, _) -> name = metadataKey)

        let metadata =
            [
                for key, value in metadata |> List.collect (snd >> properties metadataKey) do
                    if value.ValueKind <> JsonValueKind.String then
                        raise (refuse $"the {metadataKey} '{key}' is not text")

                    key, value.GetString()
            ]

        let entries = tensors |> List.map entry |> List.sortBy (fun e -> e.Begin, e.End)

        let filled =
            (0L, entries)
            ||> List.fold (fun at e ->
                if e.Begin <> at then
                    raise (refuse $"the elements of '{e.Name}' begin at byte {e.Begin}, not at {at}")

                e.End)

        if filled <> room then
            raise (refuse $"its tensors have {filled} bytes, not the {room} that follow the header")

        Map metadata, entries

    /// The metadata and the tensors of a file, on the CPU. Raises BadInput, in one line that names the file, where it
    /// is missing, cut off, or no safetensors file of F64, F32, I64, BOOL or U8
    /// elements.
    let read (path: string) : Map<string, string> * Map<string, Tensor> =
        let refuse fault = BadInput $"{path} is not a usable safetensors file: {fault}"

        let load () =
            use stream = File.OpenRead path
            let room = stream.Length - 8L
            let start = Array.zeroCreate<byte> 8

            if room < 2L then
                raise (refuse "it is too short for a header")

            stream.ReadExactly(start, 0, 8)
            let length = BinaryPrimitives.ReadInt64LittleEndian(ReadOnlySpan start)

            if length < 2L || length > min longestHeader room then
                raise (refuse $"it cannot have a header of %d{uint64 length} bytes")

            let header = Array.zeroCreate<byte>(int length)
            stream.ReadExactly(header, 0, header.Length)

            let metadata, entries =
                try
                    parse refuse (room - length) header
                with
                | :? JsonException
                | :? InvalidOperationException -> raise (refuse "its header is not JSON text, or names something twice")

            let tensors =
                [
                    for e in entries do
                        let t = torch.empty (e.Shape, dtype = e.DType, device = torch.CPU)

                        if e.End > e.Begin then
                            stream.ReadExactly t.bytes

                            if e.DType = torch.bool && t.bytes.IndexOfAnyExceptInRange(0uy, 1uy) >= 0 then
                                raise (refuse $"the elements of '{e.Name}' are not all 0 or 1")

                        e.Name, t
                ]

            metadata, Map tensors

        try
            load ()
        with
        | :? IOException
        | :? UnauthorizedAccessException as error ->
            let reason = error.Message.Split('\n')[0]
            raise (BadInput $"cannot read {path}: {reason}")
