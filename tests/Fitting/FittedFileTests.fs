/// Fitted networks as files.
module MetaKan.Tests.FittedFileTests

open System.IO
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Fits
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric

let tests =
    testList
        "Fitting.FittedFile"
        [
            testCase "a network is read back as it was written" (fun () ->
                withFolder (fun folder ->
                    forAll 30 (fits (1, 3)) (fun case ->
                        let fit = fitted case
                        let path = Path.Combine(folder, "network.safetensors")
                        FittedFile.save path fit
                        let found = FittedFile.load path
                        closeTrees "parameters" 0.0 fit.Params found.Params
                        Expect.equal found.Network.Nodes fit.Network.Nodes "nodes"
                        Expect.equal found.Network.Knots fit.Network.Knots "knots"
                        Expect.equal found.Network.Masks fit.Network.Masks "masks"
                        Expect.equal found.Network.Symbols fit.Network.Symbols "symbols"

                        Expect.equal
                            (found.Network.Order, found.Network.Source)
                            (fit.Network.Order, fit.Network.Source)
                            "order and source")))

            testCase "an edge's own formula stays usable, in files too" (fun () ->
                withFolder (fun folder ->
                    let net =
                        Network.create { Size = 3; Order = 3 } CoefficientSource.Stored [ Nodes.sums 1; Nodes.sums 1 ]

                    let x = uniform 3 (-1.0, 1.0) [ 50; 1 ]
                    let choice = { SymbolicEdges.defaults with Library = [ "x"; "x*exp(-x)" ] }

                    let fitted =
                        { Network = net; Params = Network.init 0.3 net (Key.ofSeed 1) Placement.cpu64 }
                        |> withSpline { Layer = 0; From = 0; To = 0 } (fun x -> x * (-x).exp())
                        |> SymbolicEdges.auto choice x (fun _ _ -> ())

                    Expect.equal (List.ofSeq fitted.Network.Symbols.Values) [ "x*exp(-x)" ] "its function"
                    let path = Path.Combine(folder, "network.safetensors")
                    FittedFile.save path fitted
                    close "values" 0.0 (values fitted x) (values (FittedFile.load path) x)
                    let expected = x * (-x).exp()
                    close "the function's" 0.05 expected (values fitted x)

                    for name in [ "nonesuch"; "y^2"; "x*y"; "2"; "x +" ] do
                        let message = messageOf<BadInput>(fun () -> SymbolicFunction.find name |> ignore)
                        Expect.stringContains message $"'{name}'" "message"))

            testCase "another file is refused in one line" (fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "other.safetensors")
                    Safetensors.write path (Map [ "format", "another" ]) []

                    Expect.stringContains
                        (messageOf<BadInput>(fun () -> FittedFile.load path |> ignore))
                        path
                        "message"))

            testCase "a file that lacks a part is refused in one line" (fun () ->
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

                        Expect.stringContains
                            (messageOf<BadInput>(fun () -> FittedFile.load path |> ignore))
                            path
                            "message")))
        ]
