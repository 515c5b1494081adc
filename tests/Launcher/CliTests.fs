/// The built command line, run as a process of its own.
module MetaKan.Tests.Launcher.CliTests

open System.IO
open System.Text.RegularExpressions
open Expecto
open MetaKan.Cli
open MetaKan.Tests
open MetaKan.Tests.Launcher.Process

let private launched = [ for name, _, _ in Completion.launched -> name ]

/// The commands that a launcher itself knows, by the pattern of a line that has one or more, apart by |.
let private known (launcher: string) (pattern: string) =
    set
        [
            for line in Regex.Matches(File.ReadAllText(Path.Combine(root, launcher)), pattern) do
                yield! line.Groups[1].Value.Split " | "
        ]

let tests =
    testList
        "Launcher.Cli"
        [
            testCase "info names libtorch, the processor and the threads" (fun () ->
                let ended, left = metakan [ "info" ]
                Expect.equal ended.Code 0 "exit code"
                Expect.isEmpty left "files left behind"

                for name in [ "metakan"; "libtorch"; "cpu"; "cuda"; "threads" ] do
                    Expect.exists ended.Out (fun line -> line.StartsWith(name + " ")) "standard output")

            testCase "the version is one line" (fun () ->
                let ended, _ = metakan [ "--version" ]
                Expect.equal ended.Code 0 "exit code"
                Expect.equal (List.exactlyOne ended.Out) $"metakan {MetaKan.Build.version}" "standard output")

            Check.theory "help lists every command" [ ""; "--help" ] (fun arguments ->
                let ended, left = metakan (linesOf arguments)
                Expect.equal ended.Code 0 "exit code"
                Expect.isEmpty ended.Err "standard error"
                Expect.isEmpty left "files left behind"

                for command in words "pde sweep report bench info doctor completion" @ launched do
                    Expect.exists ended.Out (fun line -> line.TrimStart().StartsWith command) "standard output")

            Check.theory
                "a launcher knows the commands that help lists of a checkout, and no others"
                [ "metakan", @"(?m)^    (\w+(?: \| \w+)*)\)$"; "metakan.cmd", @"(?m)^if ""%~1""==""(\w+)"" goto " ]
                (fun (launcher, pattern) -> Expect.equal (known launcher pattern) (set launched) launcher)

            Check.theory
                "bad input ends with code 2 and one line that names it and the help"
                [
                    "nonesuch", "nonesuch", "metakan --help"
                    "--nonesuch", "--nonesuch", "metakan --help"
                    "info --nonesuch", "--nonesuch", "metakan info --help"
                ]
                (fun (arguments, named, help) ->
                    let ended, left = metakan (List.ofArray (arguments.Split ' '))
                    Expect.equal ended.Code 2 "exit code"
                    Expect.isEmpty ended.Out "standard output"
                    Expect.isEmpty left "files left behind"
                    let line = List.exactlyOne ended.Err
                    Expect.stringContains line $"'{named}'" "line"
                    Expect.stringContains line help "line")
        ]
