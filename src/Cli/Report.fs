/// `metakan report`: the page of a run from what its folder holds, or one of several runs side by side.
module MetaKan.Cli.Report

open System.IO
open Argu
open MetaKan
open MetaKan.Cli.Options

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
        | Some file, _ -> fileToWrite "--out" file
        | None, [ folder ] -> RunFolder.reportPath folder
        | None, _ -> RunFolder.untaken "comparison" ".html"

    let page =
        match folders with
        | [ folder ] -> Report.page folder
        | _ -> Comparison.page folders

    AtomicFile.writeText out page
    printfn $"{Terminal.plain out}"
    0
