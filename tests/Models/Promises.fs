/// What every model promises, held against what it computes, written out in tensors.
module MetaKan.Tests.Promises

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Lines
open MetaKan.Tests.Numeric
open TorchSharp

/// Lines through points of d coordinates, followed to an order, and a seed.
let followed (d: int) = Gen.zip3 (lines d) orders seeds

let private meanSquares (parts: Tensor list) : Tensor =
    parts |> Seq.map (fun t -> (t * t).mean()) |> Seq.reduce (fun a b -> a + b)

/// That a model is f: its value, derivatives of it by nested differentiation, its jet along lines, and the gradient of a
/// loss of the jet, with weights made once for all losses.
let computes (f: Params -> Tensor -> Tensor) (model: Model) (p: Params) (x: Tensor) (lines, order, seed) =
    let directions, vectors = directions seed lines order x
    let point = Directions.seed directions x
    let network, weights = Model.generate model p

    for model, p' in [ model, p; network, weights ] do
        close "value" 1e-10 (f p x) (model.Apply p' x)
        close "by x" 1e-9 (1.0 + Nested.jacobian (f p) x) (1.0 + Nested.jacobian (model.Apply p') x)
        let jet = model.Jet p' point
        let found = derivatives (max 2 order) (f p) x vectors
        let tangents = (Jet.tangents jet).expand(x.size 0, -1L, -1L)
        close "jet's value" 1e-10 (f p x) jet.Value
        close "tangents" 1e-9 (1.0 + found[0]) (1.0 + tangents)
        close "second" 1e-8 (1.0 + weighted directions.Weights found[1]) (1.0 + jet.Second)
        Expect.equal jet.Higher.Length (order - 1) "orders from 2"

        for m, t in List.indexed jet.Higher do
            close $"order {m + 2}" 1e-8 (1.0 + found[m + 1]) (1.0 + t)

    let tracked = Params.tracked p
    let nested = meanSquares (f tracked x :: derivatives order (f tracked) x vectors)

    let loss (network: Model) (p: Params) =
        let jet = network.Jet p point
        meanSquares (jet.Value :: (Jet.tangents jet).expand(x.size 0, -1L, -1L) :: jet.Higher)

    let found, gradient = Model.gradient model p [ loss; loss ]
    // Squares of derivatives that agree to 1e-8, and derivatives of those.
    close "loss" 1e-7 (1.0 + 2.0 * nested) (1.0 + found)
    let expected = Params.gradient nested tracked |> Map.map (fun _ t -> 2.0 * t)
    let size = expected.Values |> Seq.map (fun t -> Tensor.item (t.abs().max())) |> Seq.max
    Expect.equal (List.ofSeq gradient.Keys) (List.ofSeq expected.Keys) "names of gradients"

    for KeyValue(name, t) in expected do
        // Moved by more than the largest, so that none is moved to nothing.
        close $"gradient by {name}" 1e-7 (10.0 * size + t) (10.0 * size + gradient[name])

/// The model without parameters that hands its inputs on: what stands before it can be seen.
let identity: Model =
    {
        Name = "identity"
        Description = "identity"
        Init = fun _ _ -> Map.empty
        Apply = fun _ x -> x
        Jet = fun _ x -> x
        Traced = fun _ -> Traced.ofJet
        Group = fun _ -> ParameterGroup.Weights
        NumbersPerPoint = fun _ _ -> 0L
        Derived = None
        Edges = []
    }

/// The message of an ArgumentException without what .NET says of the parameter.
let refusal (action: unit -> 'a) : string =
    let message = Folder.messageOf<System.ArgumentException>(action >> ignore)
    message.Substring(0, message.IndexOf " (Parameter")
