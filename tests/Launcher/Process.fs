/// Runs the command line, as a process of its own or in this one.
module MetaKan.Tests.Launcher.Process

open System
open System.Diagnostics
open System.IO
open System.Threading
open Expecto
open MetaKan
open MetaKan.Tests
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

/// Starts a program in a folder, with variables added to its environment.
let launch (environment: (string * string) list) (folder: string) (program: string) (arguments: string list) : Process =
    let start =
        ProcessStartInfo(
            program,
            arguments,
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    for name, value in environment do
        start.Environment[name] <- value

    Process.Start start

/// Starts `metakan` in a folder, with variables added to its environment.
let startWith (environment: (string * string) list) (folder: string) (arguments: string list) : Process =
    launch environment folder "dotnet" (Path.Combine(AppContext.BaseDirectory, "metakan.dll") :: arguments)

/// Starts `metakan` in a folder.
let start: string -> string list -> Process = startWith []

/// Waits for a process to end.
let ended (program: Process) : Ended =
    let err = program.StandardError.ReadToEndAsync()
    let out = program.StandardOutput.ReadToEnd()
    program.WaitForExit()

    { Code = program.ExitCode; Out = linesOf out; Err = linesOf err.Result }

/// Runs a program in a folder, with variables added to its environment.
let runProgram
    (environment: (string * string) list)
    (folder: string)
    (program: string)
    (arguments: string list)
    : Ended =
    use program = launch environment folder program arguments
    ended program

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

/// Runs `metakan` in a folder, in this process, which takes milliseconds. For sequenced tests: the current folder, the
/// console and the number of threads are the process's.
let inside (folder: string) (arguments: string list) : Ended =
    let place, console, errors = Environment.CurrentDirectory, Console.Out, Console.Error
    let threads = TorchSharp.torch.get_num_threads ()
    use out = new StringWriter()
    use err = new StringWriter()

    try
        Environment.CurrentDirectory <- folder
        Console.SetOut out
        Console.SetError err
        let code = MetaKan.Cli.Program.main (List.toArray arguments)

        { Code = code; Out = linesOf (string out); Err = linesOf (string err) }
    finally
        Environment.CurrentDirectory <- place
        Console.SetOut console
        Console.SetError errors
        TorchSharp.torch.set_num_threads threads

/// The test that bad input, with what is said of it, ends with code 2 and one line, and nothing is written.
let refused (rows: (string * string) list) : Test =
    testSequenced
    <| Check.theory "bad input ends with code 2 and one line, and nothing is written" rows (fun (arguments, said) ->
        withFolder (fun folder ->
            let ended = inside folder (words arguments)
            Expect.equal ended.Code 2 "exit code"
            Expect.isEmpty ended.Out "standard output"
            Expect.isEmpty (Directory.GetFileSystemEntries folder) "files left behind"
            Expect.stringContains (List.exactlyOne ended.Err) said "standard error"))
