/// `metakan report`: the page of a run from what its folder holds, or one of several runs side by side.
module MetaKan.Cli.Report

open System.IO
open Argu
open MetaKan

type Options =
    | [<MainCommand; ExactlyOnce>] Folders of DIR: string list
    | Out of FILE: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Folders _ ->
                "folder of a run, finished or not: report.html is written into it. Of several folders, the runs are compared."
            | Out _ ->
                "the page's file. Default: report.html in the folder; for several comparison.html, or comparison-2.html … where it is taken."

let run (options: ParseResults<Options>) : int =
    let folders = options.GetResult Folders

    let out =
        match options.TryGetResult Out, folders with
        | Some file, _ ->
            let folder = Path.GetDirectoryName(Path.GetFullPath file)

            if Directory.Exists file || not (Directory.Exists folder) then
                raise (BadInput $"--out takes a file in a folder that is there, not {file}")

            file
        | None, [ folder ] -> RunFolder.reportPath folder
        | None, _ -> RunFolder.untaken "comparison" ".html"

    let page =
        match folders with
        | [ folder ] -> Report.page folder
        | _ -> Comparison.page folders

    AtomicFile.writeText out page
    printfn $"{out}"
    0
