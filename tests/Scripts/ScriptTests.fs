/// Scripts as `dotnet fsi` runs them, with sizes so small that most of the time is the compiler's.
module MetaKan.Tests.Scripts.ScriptTests

open System
open System.Diagnostics
open System.IO
open Xunit
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

/// The folder of the solution, above the tests' own.
let private root =
    Seq.unfold
        (fun (folder: DirectoryInfo) -> if isNull folder then None else Some(folder, folder.Parent))
        (DirectoryInfo AppContext.BaseDirectory)
    |> Seq.find (fun folder -> File.Exists(Path.Combine(folder.FullName, "MetaKanPinn.sln")))
    |> _.FullName

[<Theory>]
[<InlineData("hello-kan.fsx", "8", "f(x, y) = ")>]
[<InlineData("feynman.fsx", "1", "II.6.15a ")>]
[<InlineData("continual.fsx", "2", "The figures are in ")>]
let ``A script runs to its last line`` (script: string, size: string, last: string) =
    withFolder (fun folder ->
        use program =
            ProcessStartInfo(
                "dotnet",
                [ "fsi"; "--quiet"; Path.Combine(root, "scripts", script); size ],
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
                RedirectStandardError = true
            )
            |> Process.Start

        let ended = ended program
        Assert.Equal((0, []), (ended.Code, ended.Err))
        Assert.StartsWith(last, List.last ended.Out))
