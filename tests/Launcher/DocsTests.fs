/// What `docs` refuses. The site itself is LinkTests'.
module MetaKan.Tests.Launcher.DocsTests

open System.IO
open Expecto
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

let private everything (folder: string) =
    Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories) |> Array.sort

let tests =
    testList
        "Launcher.Docs"
        [
            Check.theory
                "bad input ends with code 2 and one line, and nothing is written"
                [
                    [ "a"; "b" ], "docs takes one folder to make: metakan docs [DIR]"
                    [ "" ], "docs takes one folder to make: metakan docs [DIR]"
                    [ "file" ], "docs takes a new or an empty folder, or a site made before, not '"
                    [ "full" ], "docs takes a new or an empty folder, or a site made before, not '"
                    [ "file/site" ], "docs takes a folder that can be written to, not '"
                    [ "/proc/none" ], "docs takes a folder that can be written to, not '/proc/none'"
                ]
                (fun (arguments, said) ->
                    withFolder (fun folder ->
                        File.WriteAllText(Path.Combine(folder, "file"), "mine")
                        // As docs/site, which is no site.
                        let full = Directory.CreateDirectory(Path.Combine(folder, "full")).FullName
                        File.WriteAllText(Path.Combine(full, "site.css"), "mine")
                        let before = everything folder

                        let ended =
                            "fsi" :: "--quiet" :: Path.Combine(root, "build", "docs.fsx") :: arguments
                            |> runProgram [] folder "dotnet"

                        Expect.equal ended.Code 2 "exit code"
                        Expect.isEmpty ended.Out "standard output"
                        Expect.stringContains (List.exactlyOne ended.Err) $"metakan: {said}" "standard error"
                        Expect.equal (everything folder) before "files"))
        ]
