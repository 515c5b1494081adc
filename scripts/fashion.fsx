// Fashion-MNIST by fully connected networks 784-32-10: an MLP, KANs of three families of functions, and the same KANs
// with generated coefficients (MetaKAN).
//   ./metakan script scripts/fashion.fsx [EPOCHS]
#load "metakan.fsx"

open MetaKan
open MetaKan.Images
open TorchSharp

let epochs = Script.argument 1 "EPOCHS" 10
let dataset = "fmnist"

let images = ImageSets.load dataset None

let train (model, meta) =
    let published = Architecture.published "fc" model
    let network = if meta then Architecture.generated published else published
    let settings = { ClassifySettings.defaults dataset network with Epochs = epochs }
    let name = if meta then $"meta{model}" else model

    let place = RunPlace.fresh (RunFolder.free $"runs/fashion-{name}")

    let result = (Classify.run place settings images ignore).Result
    Report.write place.Folder
    let number (field: string) = float result[field]
    let accuracy, seconds = 100.0 * number "test_accuracy", number "train_seconds"
    printfn $"""{name, -12} {result["parameters"], 10} {accuracy, 11:F2} %% {seconds, 8:F1}   {place.Folder}"""

printfn $"model        parameters   best of {epochs, 2}  seconds   run"

for model in [ "mlp"; "kan"; "fastkan"; "wavkan" ] do
    for meta in [ false; true ] do
        if model <> "mlp" || not meta then
            train (model, meta)
