/// Golden files: numbers that reference code computed, beside the tests.
module MetaKan.Tests.Golden

open System
open System.IO
open System.Text.Json
open MetaKan

/// The content of a golden file.
let read (name: string) : JsonElement =
    let path = Path.Combine(AppContext.BaseDirectory, "golden", name)
    JsonDocument.Parse(File.ReadAllText path).RootElement

/// A number or a nested list of numbers as a tensor.
let tensor (element: JsonElement) : Tensor =
    let rec parts (e: JsonElement) : int64 list * float list =
        if e.ValueKind = JsonValueKind.Array then
            let parts = [ for x in e.EnumerateArray() -> parts x ]
            int64 parts.Length :: fst parts.Head, List.collect snd parts
        else
            [], [ e.GetDouble() ]

    let shape, values = parts element
    Tensor.ofArray Placement.cpu64 shape (List.toArray values)

/// An object of tensors by name.
let tree (element: JsonElement) : Params =
    Map.ofList [ for field in element.EnumerateObject() -> field.Name, tensor field.Value ]
