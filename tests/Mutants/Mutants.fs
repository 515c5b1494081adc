/// `./test --mutants N [SEED]`: puts N faults into the source, one at a time, and says which of them the tests notice. All
/// happens in a copy of the tree, in a folder of its own that is gone afterwards.
module MetaKan.Tests.Mutants

open System
open System.Diagnostics
open System.IO
open MetaKan
open MetaKan.Tests.Mutation

type private Verdict =
    | Caught of by: string
    | Survived
    | DidNotCompile

/// Starts a command in a folder, with both outputs in one reader's hands.
let private start (folder: string) (command: string) (arguments: string list) =
    let start =
        ProcessStartInfo(
            command,
            arguments,
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    let started = Process.Start start
    started.ErrorDataReceived.Add ignore
    started.BeginErrorReadLine()
    started

/// The exit code and the output of a command.
let private run (folder: string) (command: string) (arguments: string list) : int * string =
    use program = start folder command arguments
    let out = program.StandardOutput.ReadToEnd()
    program.WaitForExit()
    program.ExitCode, out

let private projects = "src/Cli/MetaKan.Cli.fsproj", "tests/MetaKan.Tests.fsproj"

// The tests are built once, and get the libraries with a fault beside them: so nothing of a library may be in them.
let private build (copy: string) (project: string) : bool =
    let flags = "-p:OtherFlags=--crossoptimize- --nowarn:1178"

    fst (
        run
            copy
            "dotnet"
            [
                "build"
                project
                "-c"
                "Release"
                "-v"
                "q"
                "-nodeReuse:false"
                "-p:UseSharedCompilation=false"
                flags
            ]
    )
        =
        0

let private binaries (copy: string) (project: string) = Path.Combine(copy, "artifacts", "bin", project, "release")

/// Runs the tests to the first that fails, for a time at most.
let private test (copy: string) (limit: TimeSpan) : Verdict =
    use program = start copy "dotnet" [ Path.Combine(binaries copy "MetaKan.Tests", "MetaKan.Tests.dll") ]

    use timer =
        new Threading.Timer((fun _ -> program.Kill true), null, limit, Threading.Timeout.InfiniteTimeSpan)

    let failed =
        Seq.initInfinite (fun _ -> program.StandardOutput.ReadLine())
        |> Seq.takeWhile (isNull >> not)
        |> Seq.tryFind _.StartsWith("failed: ")

    match failed with
    | Some line ->
        program.Kill true
        Caught(line.Substring("failed: ".Length).Trim())
    | None ->
        program.WaitForExit()

        match program.ExitCode with
        | 0 -> Survived
        | 137 -> Caught $"the time limit of {limit.TotalSeconds:F0} s"
        | code -> Caught $"exit code {code}"

/// The source files of a tree that faults are put into.
let private sources (copy: string) =
    Directory.GetFiles(Path.Combine(copy, "src"), "*", SearchOption.AllDirectories)
    |> Array.filter (fun path -> path.EndsWith ".fs" || path.EndsWith ".cs")
    |> Array.map (fun path -> Path.GetRelativePath(copy, path))
    |> Array.sort
    |> List.ofArray

let private copyTree (root: string) (copy: string) =
    let code, files = run root "git" [ "ls-files"; "-co"; "--exclude-standard" ]

    if code <> 0 then
        raise (BadInput $"--mutants takes a checkout of git, which {root} is not")

    for file in files.Split('\n', StringSplitOptions.RemoveEmptyEntries) do
        if File.Exists(Path.Combine(root, file)) then
            let target = Path.Combine(copy, file)
            Directory.CreateDirectory(Path.GetDirectoryName target) |> ignore
            File.Copy(Path.Combine(root, file), target)

/// Puts a fault in, has the tests run, and takes it out again.
let private verdict (copy: string) (limit: TimeSpan) (file: string, fault: Fault) : Verdict =
    let path = Path.Combine(copy, file)
    let text = File.ReadAllText path
    File.WriteAllText(path, apply text fault)

    try
        if not (build copy (fst projects)) then
            DidNotCompile
        else
            for library in [ "MetaKan.Kernels.dll"; "MetaKan.Core.dll"; "metakan.dll" ] do
                let target = Path.Combine(binaries copy "MetaKan.Tests", library)
                // Not written over: it may be a hard link to what the build made before.
                File.Delete target
                File.Copy(Path.Combine(binaries copy "MetaKan.Cli", library), target)

            test copy limit
    finally
        File.WriteAllText(path, text)

let private report (copy: string) (count: int) (seed: int) : int =
    let say (line: string) = Console.WriteLine line

    if not (build copy (fst projects) && build copy (snd projects)) then
        raise (RunFailed "mutants: the tree does not build")

    let clock = Stopwatch.StartNew()

    match test copy (TimeSpan.FromHours 1.0) with
    | Caught by -> raise (RunFailed $"mutants: the tests fail without a fault: {by}")
    | _ -> ()

    let limit = 3.0 * clock.Elapsed + TimeSpan.FromMinutes 1.0

    let candidates =
        sources copy
        |> List.collect (fun file ->
            faults (File.ReadAllText(Path.Combine(copy, file))) |> List.map (fun fault -> file, fault))
        |> shuffled seed (fun (_, fault) -> fault.Kind)

    say $"seed {seed}: {count} of {candidates.Length} faults; the tests take {clock.Elapsed.TotalSeconds:F0} s"

    let told =
        candidates
        |> Seq.map (fun (file, fault) ->
            let change = describe (File.ReadAllText(Path.Combine(copy, file))) fault
            let line = $"{file}:{fault.Line}: {change}"
            let verdict = verdict copy limit (file, fault)

            match verdict with
            | Caught by -> say $"caught: {line}\n  by {by}"
            | Survived -> say $"survived: {line}"
            | DidNotCompile -> say $"did not compile: {line}"

            line, verdict)
        |> Seq.filter (fun (_, verdict) -> verdict <> DidNotCompile)
        |> Seq.truncate count
        |> List.ofSeq

    let survivors = told |> List.filter (snd >> (=) Survived) |> List.map fst

    if not survivors.IsEmpty then
        say "survivors:"
        survivors |> List.iter (fun line -> say $"  {line}")

    say $"{told.Length - survivors.Length} of {told.Length} caught"
    0

/// The run over the tree in a folder, of the numbers N and SEED (0).
let against (root: string) (numbers: string list) : int =
    let number (given: string) =
        match Int32.TryParse given with
        | true, n when n >= 0 -> n
        | _ -> raise (BadInput $"--mutants takes a number of faults and a seed, whole and from 0 up, not '{given}'")

    try
        let count, seed =
            match List.map number numbers with
            | [ count ] -> count, 0
            | [ count; seed ] -> count, seed
            | _ -> raise (BadInput "--mutants takes a number of faults, and a seed if wanted: --mutants 20 1")

        let copy = Directory.CreateTempSubdirectory("metakan-mutants-").FullName

        try
            copyTree root copy
            report copy count seed
        finally
            Directory.Delete(copy, recursive = true)
    with
    | BadInput message ->
        Console.Error.WriteLine $"metakan: {message}"
        2
    | RunFailed message ->
        Console.Error.WriteLine $"metakan: {message}"
        1
