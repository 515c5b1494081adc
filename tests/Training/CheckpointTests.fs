/// Checkpoints read back as written, and others are refused by name.
module MetaKan.Tests.CheckpointTests

open System.IO
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open TorchSharp

let private stateOf (p: Params) =
    {
        Stage = 1
        Within = 234
        Step = 1234
        Params = p
        Memory =
            (Adam.create MomentStorage.Full (fun _ -> { Rate = (fun _ -> 1.0); WeightDecay = 0.0 })).Init p
            |> Map.map (fun _ t -> t + 0.1)
        Seconds = 12.3456789012345678
    }

let private kan widths = (Kan.create { Size = 3; Order = 3 } widths).Init(Key.ofSeed 1)

let private refusal path like =
    let message = messageOf<BadInput>(fun () -> Checkpoint.load path like |> ignore)
    Expect.stringStarts message path "message"
    Check.lacks message "\n" "message"
    message

let tests =
    testList
        "Training.Checkpoint"
        [
            property "a state reads back as it was written, to the bit" 15 networks (fun network ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "state.safetensors")
                    let state = stateOf (parameters network)
                    Checkpoint.save path state
                    let found = Checkpoint.load path ((model network).Init (Key.ofSeed 0) Placement.cpu64)
                    Expect.equal (found.Stage, found.Within, found.Step) (1, 234, 1234) "where it stands"
                    Expect.equal found.Seconds state.Seconds "seconds"
                    closeTrees "parameters" 0.0 state.Params found.Params
                    closeTrees "memory" 0.0 state.Memory found.Memory))

            testCase "another model's checkpoint is refused" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()
                    let path = Path.Combine(folder, "state.safetensors")
                    Checkpoint.save path (stateOf (kan [ 2; 3; 1 ] Placement.cpu64))

                    for other in
                        [
                            kan [ 2; 4; 1 ] Placement.cpu64
                            kan [ 2; 3; 1; 1 ] Placement.cpu64
                            kan [ 2; 1 ] Placement.cpu64
                            kan [ 2; 3; 1 ] Placement.cpu32
                            (Mlp.create [ 2; 3; 1 ]).Init (Key.ofSeed 1) Placement.cpu64
                        ] do
                        Expect.stringContains (refusal path other) "not those of this run's model" "refusal"))

            testCase "files that are no checkpoint are refused" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()
                    let like = kan [ 2; 1 ] Placement.cpu64
                    let path = Path.Combine(folder, "state.safetensors")
                    let model = like |> Map.toSeq |> Seq.map (fun (name, t) -> $"model.{name}", t)

                    // Sealed as checkpoints are, without a part of what they say.
                    for metadata, missing in
                        [
                            [], "step"
                            [ "step", "3" ], "seconds"
                            [ "seconds", "1.5" ], "step"
                            [ "step", "three"; "seconds", "1.5" ], "step"
                            [ "step", "-3"; "seconds", "1.5" ], "step"
                        ] do
                        Checkpoint.write
                            path
                            "metakan-training-3"
                            ""
                            (Map([ "stage", "0"; "within", "3" ] @ metadata))
                            model

                        Expect.stringContains (refusal path like) $"'{missing}'" "refusal"

                    Checkpoint.seal path Map.empty model
                    Expect.stringContains (refusal path like) "has the format metakan-training-3, not ''" "no format"

                    Checkpoint.save path (stateOf like)
                    let whole = File.ReadAllBytes path

                    for length in [ 0; 7; 40; whole.Length / 2; whole.Length - 1 ] do
                        File.WriteAllBytes(path, whole[.. length - 1])
                        refusal path like |> ignore

                    File.WriteAllText(path, "step,loss\n1,2\n")
                    refusal path like |> ignore))

            property
                "a checkpoint in which anything is changed is refused"
                40
                (Gen.zip networks (Gen.choose (0, 999)))
                (fun (network, choice) ->
                    withFolder (fun folder ->
                        use _ = torch.NewDisposeScope()
                        let path = Path.Combine(folder, "state.safetensors")
                        Checkpoint.save path (stateOf (parameters network))
                        let texts, tensors = Safetensors.read path
                        let name = Seq.item (choice % tensors.Count) tensors.Keys
                        let text = Seq.item (choice % texts.Count) texts.Keys

                        for texts, tensors in
                            [
                                texts, Map.remove name tensors
                                texts, Map.add (name + "x") tensors[name] tensors
                                texts, Map.add name (tensors[name] + 1e-9) tensors
                                texts, Map.add name (tensors[name].unsqueeze 0L) tensors
                                Map.remove text texts, tensors
                                Map.add text (texts[text] + "0") texts, tensors
                            ] do
                            Safetensors.write path texts (Map.toSeq tensors)
                            refusal path ((model network).Init (Key.ofSeed 0) Placement.cpu64) |> ignore))

            testCase "another run's checkpoint is refused" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()
                    let path = Path.Combine(folder, "state.safetensors")
                    let p = kan [ 2; 3; 1 ] Placement.cpu64
                    Checkpoint.saveOf "one" path (stateOf p)
                    Checkpoint.loadOf (Some "one") path p |> ignore

                    Expect.stringContains
                        (messageOf<BadInput>(fun () -> Checkpoint.loadOf (Some "other") path p |> ignore))
                        "another run's"
                        "refusal"))
        ]
