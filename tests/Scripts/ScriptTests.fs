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

/// The lines that a script prints, run in a folder with nothing said on stderr.
let private printed (folder: string) (script: string) (sizes: string list) =
    let start =
        ProcessStartInfo(
            "dotnet",
            // Scripts that one session loads are modules by their files' names, hyphens included.
            "fsi" :: "--quiet" :: "--nowarn:221" :: Path.Combine(root, "scripts", script) :: sizes,
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
    ended.Out

let private runs (script: string, size: string, last: string) =
    withFolder (fun folder -> Expect.stringStarts (printed folder script [ size ] |> List.last) last "last line")

let private pdes =
    Directory.GetFiles(Path.Combine(root, "scripts", "pdes"), "*.fsx") |> Array.sort |> List.ofArray

let private nameOf (script: string) = Path.GetFileNameWithoutExtension script

let tests =
    testList
        "Scripts.Script"
        [
            Check.theory
                "A script runs to its last line"
                [ "custom-pde.fsx", "2", "The report is "; "pdes/volterra.fsx", "2", "The report is " ]
                runs

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
