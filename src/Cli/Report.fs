/// `metakan report`: the page of a run from what its folder holds.
module MetaKan.Cli.Report

open Argu
open MetaKan

type Options =
    | [<MainCommand; ExactlyOnce>] Folder of DIR: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Folder _ -> "folder of a run, finished or not; report.html is written into it."

let run (options: ParseResults<Options>) : int =
    let folder = options.GetResult Folder
    Report.write folder
    printfn $"{RunFolder.reportPath folder}"
    0
