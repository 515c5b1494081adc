/// Scripts as `dotnet fsi` runs them, with sizes so small that most of the time is the compiler's.
module MetaKan.Tests.Scripts.ScriptTests

open System
open System.Diagnostics
open System.IO
open Expecto
open MetaKan
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Images
open MetaKan.Tests.Launcher.Process

/// The lines that a script prints, run in a folder with nothing said on stderr.
let private printed (folder: string) (script: string) (sizes: string list) =
    let ended =
        // Scripts that one session loads are modules by their files' names, hyphens included.
        "fsi" :: "--quiet" :: "--nowarn:221" :: Path.Combine(root, "scripts", script) :: sizes
        // Tests run side by side, one a core.
        |> runProgram [ "OMP_NUM_THREADS", "1"; "METAKAN_DATA", Path.Combine(folder, "data") ] folder "dotnet"

    Expect.equal (ended.Code, ended.Err) (0, []) "exit code and standard error"
    ended.Out

let private runs (script: string, size: string, last: string) =
    withFolder (fun folder -> Expect.stringStarts (printed folder script [ size ] |> List.last) last "last line")

let private pdes =
    Directory.GetFiles(Path.Combine(root, "scripts", "pdes"), "*.fsx") |> Array.sort |> List.ofArray

/// F# Interactive, as the launcher starts it.
let private interactive =
    lazy
        (let start = ProcessStartInfo("dotnet", "--list-sdks", RedirectStandardOutput = true)
         use tool = Process.Start start
         let line = linesOf (tool.StandardOutput.ReadToEnd()) |> List.last
         let version, folder = line.Split(" [").[0], line.Split(" [").[1].TrimEnd ']'
         Path.Combine(folder, version, "FSharp", "fsi.dll"))

/// A script that makes a run in the folder `run`, as long as anyone waits.
let private endless (work: string) =
    String.Join(
        '\n',
        [
            $"#load @\"{root}/scripts/metakan.fsx\""
            "open MetaKan"
            "open MetaKan.Pdes"
            "open MetaKan.Fitting"
            "let place = RunPlace.fresh \"run\""
            work
            "printfn \"went on\""
        ]
    )

let private solving =
    "Solve.run place { SolveSettings.defaults with Epochs = 1000000; SaveEvery = 20; TestPoints = 20 } "
    + "(Poisson.problem (TwoBody.ofSeed 0 2)) (Mlp.create [ 2; 4; 1 ]) ignore |> ignore"

let private fitting =
    "let data = Dataset.ofFormula (Symbolic.Parser.expression \"x\") [ (\"x\", (0.0, 1.0)) ] 20 20 0.0 (Key.ofSeed 0) Placement.cpu64\n"
    + "Fit.run place { FitSettings.defaults with Steps = [ 1000000 ]; Optimizer = FitOptimizer.Adam 0.01 } { Data = data; Scaling = None } "
    + "(Learner.Model(Mlp.create [ 1; 4; 1 ])) ignore |> ignore"

/// What a signal makes of a script: saved, then ended as on the command line.
let private isEndedBy (name: string) (work: string) =
    withFolder (fun folder ->
        let script, run = Path.Combine(folder, "endless.fsx"), Path.Combine(folder, "run")
        File.WriteAllText(script, endless work)

        use program = launch [] folder "dotnet" [ interactive.Value; "--quiet"; script ]

        while not (File.Exists(RunFolder.checkpointPath run)) && not program.HasExited do
            Threading.Thread.Sleep 20

        signal name program
        let ended = ended program
        Expect.equal (ended.Code, ended.Out) (1, []) $"exit code and standard output: {ended.Err}"
        Expect.equal ended.Err [ "metakan: stopped; RunPlace.resumed \"run\" goes on" ] "standard error"
        let outcome = (RunFolder.tryReadResult run).Value["outcome"]
        Expect.equal (outcome.GetValue<string>()) (Outcome.name Stopped) "outcome"
        Expect.isTrue (File.Exists(RunFolder.reportPath run)) "report")

let private nameOf (script: string) = Path.GetFileNameWithoutExtension script

let tests =
    testList
        "Scripts.Script"
        [
            Check.theory
                "A script runs to its last line"
                [ "custom-pde.fsx", "2", "The report is "; "pdes/volterra.fsx", "2", "The report is " ]
                runs

            Check.theory
                "A signal ends a script once its run is saved, with code 1"
                [ "-TERM", solving ]
                (fun (name, work) -> isEndedBy name work)

            Check.slow (
                Check.theory
                    "Other signals do, too"
                    [ "-INT", solving; "-HUP", solving; "-INT", fitting ]
                    (fun (name, work) -> isEndedBy name work)
            )

            testCase "A script of a PDE is short, says how it is run, and is listed" (fun () ->
                let list = File.ReadAllText(Path.Combine(root, "docs", "problems.md"))
                Expect.isGreaterThanOrEqual pdes.Length 20 "scripts"

                for script in pdes do
                    let lines = File.ReadAllLines script
                    Check.inRange 1 39 lines.Length $"lines of {script}"
                    Expect.contains lines $"//   ./metakan script scripts/pdes/{nameOf script}.fsx [STEPS]" script
                    Expect.stringContains list $"| `{nameOf script}` |" "docs/problems.md")

            Check.slow (
                Check.theory
                    "Every script of a PDE leaves a report of the script's name, several in a session"
                    (pdes |> List.map nameOf |> List.chunkBySize 10)
                    (fun names ->
                        withFolder (fun folder ->
                            let session = Path.Combine(folder, "all.fsx")

                            let load name =
                                let script = Path.Combine(root, "scripts", "pdes", name)
                                $"#load @\"{script}.fsx\""

                            File.WriteAllLines(session, List.map load names)
                            printed folder session [ "2" ] |> ignore

                            for name in names do
                                let report = Path.Combine(folder, "runs", name, "report.html")
                                Expect.isTrue (File.Exists report) report))
            )

            Check.slow (
                Check.theory
                    "Every script runs to its last line"
                    [
                        "feynman.fsx", "1", "II.6.15a "
                        "continual.fsx", "2", "The figures are in "
                        "hello-kan.fsx", "8", "f(x, y) = "
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
                            Expect.stringStarts (printed folder script [ "1"; "8" ] |> List.last) last "last line"))
            )
        ]
