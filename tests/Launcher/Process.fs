/// Runs the built command line as a process.
module MetaKan.Tests.Launcher.Process

open System
open System.Diagnostics
open System.IO
open System.Threading
open Expecto
open MetaKan
open MetaKan.Tests.Folder

/// The folder of the solution, above the tests' own.
let root =
    Seq.unfold
        (fun (folder: DirectoryInfo) -> if isNull folder then None else Some(folder, folder.Parent))
        (DirectoryInfo AppContext.BaseDirectory)
    |> Seq.find (fun folder -> File.Exists(Path.Combine(folder.FullName, "MetaKanPinn.sln")))
    |> _.FullName

/// How a process ended: its exit code and the lines that it wrote.
type Ended = { Code: int; Out: string list; Err: string list }

/// The lines of a text that hold something.
let linesOf (text: string) = text.Split '\n' |> Seq.map _.TrimEnd() |> Seq.filter ((<>) "") |> List.ofSeq

/// Starts `metakan` in a folder, with variables added to its environment.
let startWith (environment: (string * string) list) (folder: string) (arguments: string list) : Process =
    let start =
        ProcessStartInfo(
            "dotnet",
            Path.Combine(AppContext.BaseDirectory, "metakan.dll") :: arguments,
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    for name, value in environment do
        start.Environment[name] <- value

    Process.Start start

/// Starts `metakan` in a folder.
let start: string -> string list -> Process = startWith []

/// Waits for a process to end.
let ended (program: Process) : Ended =
    let err = program.StandardError.ReadToEndAsync()
    let out = program.StandardOutput.ReadToEnd()
    program.WaitForExit()

    { Code = program.ExitCode; Out = linesOf out; Err = linesOf err.Result }

/// Starts `metakan` in a folder, does something to it once the run folder `out` has a checkpoint, and waits for its end.
let interrupted (act: Process -> unit) (folder: string) (out: string) (arguments: string list) : Ended =
    use program = start folder arguments

    while not (File.Exists(RunFolder.checkpointPath out)) && not program.HasExited do
        Thread.Sleep 5

    act program
    ended program

/// Sends a process a signal, as -TERM.
let signal (name: string) (program: Process) : unit =
    use kill = Process.Start("kill", [ name; string program.Id ])
    kill.WaitForExit()

/// Runs `metakan` in a folder to its end.
let run (folder: string) (arguments: string list) : Ended =
    use program = start folder arguments
    ended program

/// The words of a line.
let words (text: string) = text.Split(' ', StringSplitOptions.RemoveEmptyEntries) |> List.ofArray

/// Runs `metakan` in an empty folder; what it left there is the second result.
let metakan (arguments: string list) : Ended * string list =
    withFolder (fun folder ->
        let ended = run folder arguments
        ended, DirectoryInfo(folder).GetFileSystemInfos() |> Array.map _.Name |> List.ofArray)

/// Bad input ends with code 2 and one line that says this, and nothing is written.
let refused (arguments: string) (said: string) =
    let ended, left = metakan (words arguments)
    Expect.equal ended.Code 2 "exit code"
    Expect.isEmpty ended.Out "standard output"
    Expect.isEmpty left "files left behind"
    Expect.stringContains (List.exactlyOne ended.Err) said "standard error"
