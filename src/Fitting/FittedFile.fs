namespace MetaKan.Fitting

open System
open System.Collections.Generic
open System.Text.Json
open MetaKan
open TorchSharp

/// A fitted network in one safetensors file: its parameters as "model.*", knots and masks as "network.*", and what is not
/// made of numbers as texts beside them.
[<RequireQualifiedAccess>]
module FittedFile =
    let private format = "metakan-fitted-1"

    let private sharingText sharing =
        match sharing with
        | GeneratorSharing.PerLayer -> "layer"
        | GeneratorSharing.Shared -> "shared"
        | GeneratorSharing.Clusters assignment -> assignment |> List.map string |> String.concat ","

    let private sharingOf text =
        match text with
        | "layer" -> GeneratorSharing.PerLayer
        | "shared" -> GeneratorSharing.Shared
        | list -> list.Split ',' |> Array.map int |> Array.toList |> GeneratorSharing.Clusters

    /// A network as texts and numbers by name; the numbers' tensors are the network's own, or live in the caller's scope.
    let parts (fitted: Fitted) : Map<string, string> * (string * Tensor) list =
        let net = fitted.Network
        let matrix (rows: float[][]) = Tensor.ofArray Placement.cpu64 [ int64 rows.Length; -1L ] (Array.concat rows)

        let numbers =
            [
                for l in 0 .. Network.depth net - 1 do
                    let mask = net.Masks[l]
                    $"network.{l}.knots", matrix net.Knots[l]

                    $"network.{l}.mask", matrix [| for i in 0 .. Array2D.length1 mask - 1 -> mask[i, *] |]

                for KeyValue(name, value) in fitted.Params do
                    $"model.{name}", value
            ]

        let nodes = [ for n in net.Nodes -> n.Sums :: n.Products ]
        let symbols = [ for KeyValue(e, name) in net.Symbols -> $"{e.Layer} {e.From} {e.To} {name}" ]

        let source =
            match net.Source with
            | CoefficientSource.Stored -> [ "stored" ]
            | CoefficientSource.Generated meta ->
                let chunk = meta.Chunk |> Option.map string |> Option.defaultValue ""
                [ "generated"; string meta.EmbeddingDim; string meta.HiddenDim; sharingText meta.Sharing; chunk ]

        Map
            [
                "format", format
                "order", string net.Order
                "nodes", JsonSerializer.Serialize nodes
                "symbols", JsonSerializer.Serialize symbols
                "source", JsonSerializer.Serialize source
            ],
        numbers

    /// Writes a network, replacing what was there in one go. Raises RunFailed when the disk refuses.
    let save (path: string) (fitted: Fitted) : unit =
        use _ = torch.NewDisposeScope()
        parts fitted ||> Checkpoint.seal path

    /// The network in a file's texts and tensors. Raises BadInput, naming the file, where they lack a part of one.
    let ofParts (path: string) (texts: Map<string, string>) (tensors: Map<string, Tensor>) : Fitted =
        if Map.tryFind "format" texts <> Some format then
            raise (BadInput $"{path} holds no fitted network")

        try
            let rows (t: Tensor) = Tensor.toArray t |> Array.chunkBySize (int (t.size 1))
            let nodes = JsonSerializer.Deserialize<int list list> texts["nodes"]
            let each kind = [ for l in 0 .. nodes.Length - 2 -> rows tensors[$"network.{l}.{kind}"] ]

            {
                Network =
                    {
                        Order = int texts["order"]
                        Nodes = nodes |> List.map (fun n -> { Sums = n.Head; Products = n.Tail })
                        Knots = each "knots"
                        Masks = each "mask" |> List.map array2D
                        Symbols =
                            JsonSerializer.Deserialize<string list> texts["symbols"]
                            |> List.map (fun text ->
                                let parts = text.Split(' ', 4)
                                { Layer = int parts[0]; From = int parts[1]; To = int parts[2] }, parts[3])
                            |> Map.ofList
                        Source =
                            match JsonSerializer.Deserialize<string list> texts["source"] with
                            | [ _; embedding; hidden; sharing; chunk ] ->
                                CoefficientSource.Generated
                                    {
                                        EmbeddingDim = int embedding
                                        HiddenDim = int hidden
                                        Sharing = sharingOf sharing
                                        Chunk = if chunk = "" then None else Some(int chunk)
                                    }
                            | _ -> CoefficientSource.Stored
                    }
                Params = Params.under "model" tensors
            }
        with
        | :? KeyNotFoundException
        | :? JsonException
        | :? FormatException
        | :? IndexOutOfRangeException as fault ->
            raise (BadInput $"{path} holds a fitted network that lacks a part ({fault.Message})")

    /// Reads a network that `save` wrote, or the one in a run's checkpoint. Raises BadInput, naming the file, where it is
    /// truncated, was changed, or is something else.
    let load (path: string) : Fitted = Checkpoint.unseal path ||> ofParts path
