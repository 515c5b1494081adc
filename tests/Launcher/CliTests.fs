/// The built command line, run as a process of its own.
module MetaKan.Tests.Launcher.CliTests

open System
open System.Diagnostics
open System.IO
open Xunit

type private Ended = { Code: int; Out: string list; Err: string list }

let private lines (text: string) = text.Split '\n' |> Seq.map _.TrimEnd() |> Seq.filter ((<>) "") |> List.ofSeq

/// Runs `metakan` in an empty folder; what it left there is the second result.
let private metakan arguments =
    let folder = Directory.CreateTempSubdirectory "metakan-cli-"

    try
        let assembly = Path.Combine(AppContext.BaseDirectory, "metakan.dll")

        let start =
            ProcessStartInfo(
                "dotnet",
                assembly :: arguments,
                WorkingDirectory = folder.FullName,
                RedirectStandardOutput = true,
                RedirectStandardError = true
            )

        use program = Process.Start start
        let err = program.StandardError.ReadToEndAsync()
        let out = program.StandardOutput.ReadToEnd()
        program.WaitForExit()

        { Code = program.ExitCode; Out = lines out; Err = lines err.Result },
        folder.GetFileSystemInfos() |> Array.map _.Name |> List.ofArray
    finally
        folder.Delete true

[<Fact>]
let ``info names the provider, the processor and the threads`` () =
    let ended, left = metakan [ "info" ]
    Assert.Equal(0, ended.Code)
    Assert.Empty left

    for name in [ "metakan"; "provider"; "cpu"; "cuda"; "threads" ] do
        Assert.Contains(ended.Out, fun line -> line.StartsWith(name + " "))

[<Fact>]
let ``the version is one line`` () =
    let ended, _ = metakan [ "--version" ]
    Assert.Equal(0, ended.Code)
    Assert.Equal($"metakan {MetaKan.Build.version}", List.exactlyOne ended.Out)

[<Theory>]
[<InlineData("")>]
[<InlineData("--help")>]
let ``help lists every command`` arguments =
    let ended, left = metakan (lines arguments)
    Assert.Equal(0, ended.Code)
    Assert.Empty ended.Err
    Assert.Empty left

    for command in [ "pde"; "report"; "bench"; "info"; "script"; "bundle" ] do
        Assert.Contains(ended.Out, fun line -> line.TrimStart().StartsWith command)

[<Theory>]
[<InlineData("nonesuch", "nonesuch", "metakan --help")>]
[<InlineData("--nonesuch", "--nonesuch", "metakan --help")>]
[<InlineData("info --nonesuch", "--nonesuch", "metakan info --help")>]
let ``bad input ends with code 2 and one line that names it and the help`` (arguments: string) named help =
    let ended, left = metakan (List.ofArray (arguments.Split ' '))
    Assert.Equal(2, ended.Code)
    Assert.Empty ended.Out
    Assert.Empty left
    let line = List.exactlyOne ended.Err
    Assert.Contains($"'{named}'", line)
    Assert.Contains(help, line)
