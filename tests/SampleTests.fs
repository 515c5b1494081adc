/// The samples in C# (samples/csharp), at small sizes.
module MetaKan.Tests.SampleTests

open System
open System.IO
open Expecto
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

/// The lines that a sample prints.
let private printed (arguments: string) : string list =
    withFolder (fun folder ->
        let ended =
            Path.Combine(AppContext.BaseDirectory, "MetaKan.Samples.dll") :: words arguments
            // Tests run side by side, one a core.
            |> runProgram [ "OMP_NUM_THREADS", "1" ] folder "dotnet"

        Expect.equal (ended.Code, ended.Err) (0, []) "exit code and standard error"
        ended.Out)

let private number (line: string) = float (line.Substring(line.LastIndexOf ' '))

let tests =
    testList
        "Samples"
        [
            testCase "a PDE of one's own is solved, with its progress told" (fun () ->
                let lines = printed "heat 40"
                Expect.equal (lines |> List.filter _.StartsWith("step ") |> List.length) 2 "lines of progress"
                Expect.contains lines "u(0.5, 1) = 0.368, exactly 0.368" "value"
                Check.inRange 0.0 1e-3 (number (List.last lines)) "error")

            testCase "a formula is found" (fun () ->
                let lines = printed "formula 15"
                Expect.equal lines[..1] [ "gain = rate^2 + sin(pi*phase)"; "gain(1, 0.5) = 2.000" ] "formula and value"
                Check.inRange 0.0 1e-6 (number (List.last lines)) "error")

            testCase "shapes are told apart" (fun () ->
                let lines = printed "shapes 6"
                Expect.equal (lines |> List.filter _.StartsWith("a ") |> List.length) 5 "predictions"
                Check.inRange 0.9 1.0 (number (List.last lines)) "accuracy")
        ]
