// Every family of convolutions on the first images of Fashion-MNIST: the network of four layers, its coefficients stored
// and generated (MetaKAN).
//   ./metakan script scripts/conv.fsx [EPOCHS] [IMAGES]
#load "metakan.fsx"

open MetaKan
open MetaKan.Images
open TorchSharp

let epochs = Script.argument 1 "EPOCHS" 2
let count = Script.argument 2 "IMAGES" 5000
let dataset = "fmnist"

let images = ImageSets.load dataset None

let train (model, meta) =
    let published = Architecture.published "conv4" model
    let network = if meta then Architecture.generated published else published

    let settings =
        { ClassifySettings.defaults dataset network with Epochs = epochs; TrainImages = Some count }

    let name = if meta then $"meta{model}" else model

    let place = RunPlace.fresh (RunFolder.free $"runs/conv-{name}")

    let losses = ResizeArray<float>()

    let keep event =
        match event with
        | Stepped(_, loss) -> losses.Add loss.Value
        | Evaluated _
        | Saved _ -> ()

    let result = (Classify.run place settings images keep).Result
    Report.write place.Folder
    let number (field: string) = float result[field]
    let few = min 10 losses.Count
    let first, last = Seq.average (Seq.take few losses), Seq.average (Seq.skip (losses.Count - few) losses)
    let accuracy, seconds = 100.0 * number "test_accuracy", number "train_seconds"

    printfn
        $"""{name, -12} {result["parameters"], 10} {first, 10:F3} {last, 8:F3} {accuracy, 11:F2} %% {seconds, 8:F1}   {place.Folder}"""

printfn "losses are means over the first and the last ten steps"
printfn "model        parameters first loss     last   test accuracy  seconds   run"

for model in [ "mlp"; "kan"; "fastkan"; "kaln"; "kacn"; "kagn" ] do
    for meta in [ false; true ] do
        if model <> "mlp" || not meta then
            train (model, meta)
