/// Scripts as `dotnet fsi` runs them, with sizes so small that most of the time is the compiler's.
module MetaKan.Tests.Scripts.ScriptTests

open System
open System.Diagnostics
open System.IO
open Expecto
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Images
open MetaKan.Tests.Launcher.Process

/// The script's last line, run in a folder with nothing said on stderr.
let private lastLine (folder: string) (script: string) (sizes: string list) =
    let start =
        ProcessStartInfo(
            "dotnet",
            "fsi" :: "--quiet" :: Path.Combine(root, "scripts", script) :: sizes,
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    // Tests run side by side, one a core.
    start.Environment["OMP_NUM_THREADS"] <- "1"
    start.Environment["METAKAN_DATA"] <- Path.Combine(folder, "data")
    use program = Process.Start start
    let ended = ended program
    Expect.equal (ended.Code, ended.Err) (0, []) "exit code and standard error"
    List.last ended.Out

let private runs (script: string, size: string, last: string) =
    withFolder (fun folder -> Expect.stringStarts (lastLine folder script [ size ]) last "last line")

let tests =
    testList
        "Scripts.Script"
        [
            Check.theory "A script runs to its last line" [ "custom-pde.fsx", "2", "The report is " ] runs

            Check.slow (
                Check.theory
                    "Every script runs to its last line"
                    [
                        "feynman.fsx", "1", "II.6.15a "
                        "continual.fsx", "2", "The figures are in "
                        "hello-kan.fsx", "8", "f(x, y) = "
                        "pdes/kovasznay.fsx", "4", "The report is "
                    ]
                    runs
            )

            Check.slow (
                Check.theory
                    "A script that classifies runs to its last line, on images that the test writes"
                    [ "fashion.fsx", "metawavkan "; "conv.fsx", "metakagn " ]
                    (fun (script, last) ->
                        withFolder (fun folder ->
                            Fixtures.writeIdx (Path.Combine(folder, "data", "fmnist")) 8 4 |> ignore
                            Expect.stringStarts (lastLine folder script [ "1"; "8" ]) last "last line"))
            )
        ]
