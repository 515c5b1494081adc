/// `metakan predict`: labels images with a trained network.
module MetaKan.Cli.Predict

open Argu
open MetaKan
open MetaKan.Images
open TorchSharp

type Options =
    | [<MainCommand; ExactlyOnce>] Paths of RUN_FILE: string list

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Paths _ ->
                "folder of a classify run, then PNG, JPEG or IDX files: a line an image with its most likely classes."

let run (options: ParseResults<Options>) : int =
    let folder, files =
        match options.GetResult Paths with
        | folder :: (_ :: _ as files) -> folder, files
        | _ -> raise (BadInput "predict takes a run's folder and one or more PNG, JPEG or IDX files")

    MetaKan.Cli.Classify.checkStored folder
    let settings, classifier, p = MetaKan.Images.Classify.load folder
    let kind = MetaKan.Images.Classify.kind folder
    let classes = List.toArray kind.Classes
    // All are read first: a bad file is told of before anything is printed.
    let read =
        files |> List.map (fun file -> file, ImageFiles.read file (kind.Channels, kind.Height, kind.Width))

    for file, images in read do
        use _ = torch.NewDisposeScope()
        let likely = MetaKan.Images.Classify.probabilities settings classifier p images

        for i, shares in Array.indexed likely do
            let best = shares |> Array.indexed |> Array.sortByDescending snd |> Array.truncate 3
            let name = if likely.Length = 1 then file else $"{file}[{i}]"

            let shown =
                [ for label, share in best -> $"{classes[label]} {100.0 * share:F1} %%" ] |> String.concat "  "

            printfn $"{Terminal.plain name}  {shown}"

    0
