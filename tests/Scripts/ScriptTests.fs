/// Scripts as `dotnet fsi` runs them, with sizes so small that most of the time is the compiler's.
module MetaKan.Tests.Scripts.ScriptTests

open System
open System.Diagnostics
open System.IO
open Xunit
open MetaKan.Tests.Folder
open MetaKan.Tests.Images
open MetaKan.Tests.Launcher.Process

/// The folder of the solution, above the tests' own.
let private root =
    Seq.unfold
        (fun (folder: DirectoryInfo) -> if isNull folder then None else Some(folder, folder.Parent))
        (DirectoryInfo AppContext.BaseDirectory)
    |> Seq.find (fun folder -> File.Exists(Path.Combine(folder.FullName, "MetaKanPinn.sln")))
    |> _.FullName

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

    start.Environment["METAKAN_DATA"] <- Path.Combine(folder, "data")
    use program = Process.Start start
    let ended = ended program
    Assert.Equal((0, []), (ended.Code, ended.Err))
    List.last ended.Out

[<Theory>]
[<InlineData("hello-kan.fsx", "8", "f(x, y) = ")>]
[<InlineData("feynman.fsx", "1", "II.6.15a ")>]
[<InlineData("continual.fsx", "2", "The figures are in ")>]
[<InlineData("custom-pde.fsx", "2", "The report is ")>]
let ``A script runs to its last line`` (script: string, size: string, last: string) =
    withFolder (fun folder -> Assert.StartsWith(last, lastLine folder script [ size ]))

[<Theory>]
[<InlineData("fashion.fsx", "metawavkan ")>]
[<InlineData("conv.fsx", "metakagn ")>]
let ``A script that classifies runs to its last line, on images that the test writes`` (script: string, last: string) =
    withFolder (fun folder ->
        Fixtures.writeIdx (Path.Combine(folder, "data", "fmnist")) 8 4 |> ignore
        Assert.StartsWith(last, lastLine folder script [ "1"; "8" ]))
