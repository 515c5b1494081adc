/// Fitted networks as files.
module MetaKan.Tests.FittedFileTests

open System.IO
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Fits
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open Xunit

[<Fact>]
let ``a network is read back as it was written`` () =
    withFolder (fun folder ->
        forAll 30 (fits (1, 3)) (fun case ->
            let fit = fitted case
            let path = Path.Combine(folder, "network.safetensors")
            FittedFile.save path fit
            let found = FittedFile.load path
            closeTrees "parameters" 0.0 fit.Params found.Params
            Assert.Equal<Nodes list>(fit.Network.Nodes, found.Network.Nodes)
            Assert.Equal<float[][] list>(fit.Network.Knots, found.Network.Knots)
            Assert.Equal<float[,] list>(fit.Network.Masks, found.Network.Masks)
            Assert.Equal<Map<Edge, string>>(fit.Network.Symbols, found.Network.Symbols)
            Assert.Equal((fit.Network.Order, fit.Network.Source), (found.Network.Order, found.Network.Source))))

[<Fact>]
let ``another file is refused in one line`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "other.safetensors")
        Safetensors.write path (Map [ "format", "another" ]) []
        Assert.Contains(path, messageOf<BadInput>(fun () -> FittedFile.load path |> ignore)))

[<Fact>]
let ``a file that lacks a part is refused in one line`` () =
    withFolder (fun folder ->
        forAll 20 (Gen.zip (fits (1, 3)) seeds) (fun (case, seed) ->
            let path = Path.Combine(folder, "network.safetensors")
            FittedFile.save path (fitted case)
            let texts, tensors = Safetensors.read path

            let parts =
                [
                    for name in texts.Keys do
                        if name <> "format" then
                            Map.remove name texts, tensors
                    for name in tensors.Keys do
                        if name.StartsWith "network." then
                            texts, Map.remove name tensors
                ]

            let texts, tensors = parts[seed % parts.Length]
            Safetensors.write path texts (Map.toSeq tensors)
            Assert.Contains(path, messageOf<BadInput>(fun () -> FittedFile.load path |> ignore))))
