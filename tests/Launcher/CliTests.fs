/// The built command line, run as a process of its own.
module MetaKan.Tests.Launcher.CliTests

open Xunit
open MetaKan.Tests.Launcher.Process

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
    let ended, left = metakan (linesOf arguments)
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
