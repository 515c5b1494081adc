/// Runs of several processes that MPI starts. They take seconds and need mpiexec.
module MetaKan.Tests.Launcher.MpiTests

open System
open System.Diagnostics
open System.IO
open Expecto
open MetaKan
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

let private mpiexec: Lazy<string> =
    lazy
        ((string (Environment.GetEnvironmentVariable "PATH")).Split Path.PathSeparator
         |> Seq.map (fun folder -> Path.Combine(folder, "mpiexec"))
         |> Seq.tryFind File.Exists
         |> Option.defaultWith (fun () ->
             skiptest "there is no mpiexec on the PATH: Debian has it in the package mpich"))

let private metakan = Path.Combine(AppContext.BaseDirectory, "metakan.dll")

// What Open MPI wants in containers; MPICH asks for nothing.
let private rootsOpenMpi =
    [
        "OMPI_ALLOW_RUN_AS_ROOT", "1"
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"
        "OMPI_MCA_rmaps_base_oversubscribe", "1"
    ]

/// Starts `metakan` by so many ranks, which have no cores of their own.
let private startRanks (count: int) (folder: string) (arguments: string list) : Process =
    launch rootsOpenMpi folder mpiexec.Value ([ "-n"; string count; "dotnet"; metakan ] @ arguments)

let private ranks count folder arguments : Ended =
    use job = startRanks count folder arguments
    ended job

/// What `metakan` says on standard error, without what `mpiexec` says of an exit code.
let private told (job: Ended) : string list = job.Err |> List.filter _.StartsWith("metakan:")

let private tiny model =
    words $"pde burgers --model {model} --width 4 --depth 2 --optimizer adam --points 30 --test-points 600 --quiet"
    @ words "--schedule constant --eval-every 5 --save-every 5"

let private measured (folder: string) =
    (Metrics.read folder).Rows
    |> Array.map (fun (step, row) -> step, Array.truncate (row.Length - 1) row)

let private same (expected: string) (found: string) =
    for (step, row), (other, numbers) in Array.zip (measured expected) (measured found) do
        Expect.equal other step "step"

        for x, y in Array.zip row numbers do
            Check.near (1e-9 * abs x.Value) y.Value x.Value $"step {step}"

/// The processes of a job that work in a folder.
let private workers (folder: string) : Process list =
    [
        for program in Process.GetProcessesByName "dotnet" do
            let line = Path.Combine("/proc", string program.Id, "cmdline")

            if File.Exists line && (File.ReadAllText line).Contains folder then
                program
    ]

let tests =
    testSequenced
    <| testList
        "Launcher.Mpi"
        [
            Check.slow (
                Check.theory
                    "ranks have the losses of one process, and another number of them goes on"
                    [ "kan", 2, 3; "metakan", 3, 2 ]
                    (fun (model, count, other) ->
                        withFolder (fun folder ->
                            let at name = Path.Combine(folder, name)
                            let solve epochs name = tiny model @ [ "--epochs"; string epochs; "--out"; at name ]
                            Expect.equal (inside folder (solve 20 "alone")).Code 0 "exit code of one process"
                            let job = ranks count folder (solve 20 "job")
                            Expect.equal (job.Code, job.Err, job.Out.Length) (0, [], 1) "end, and lines that are told"
                            same (at "alone") (at "job")
                            Expect.equal (ranks other folder (solve 10 "cut")).Code 0 "end of another number"
                            let on = inside folder [ "pde"; "--resume"; at "cut"; "--epochs"; "20"; "--quiet" ]
                            Expect.equal (on.Code, on.Err) (0, []) "end of the process that goes on"
                            same (at "alone") (at "cut")))
            )

            Check.slow (
                testCase "a rank that is killed ends all, and what was saved goes on" (fun () ->
                    withFolder (fun folder ->
                        let out = Path.Combine(folder, "run")
                        use job = startRanks 2 folder (tiny "kan" @ words $"--epochs 100000 --out {out}")

                        while not (File.Exists(RunFolder.checkpointPath out)) && not job.HasExited do
                            Threading.Thread.Sleep 5

                        (List.last (workers out)).Kill()
                        Expect.notEqual (ended job).Code 0 "exit code"
                        Expect.isEmpty (workers out) "processes that are left"
                        Expect.isFalse (File.Exists(RunFolder.resultPath out)) "ended too early to tell"
                        let step = (Metrics.read out).Rows |> Array.last |> fst
                        let on = inside folder (words $"pde --resume {out} --epochs {step + 5} --quiet")
                        Expect.equal on.Code 0 "exit code of the process that goes on"))
            )

            Check.slow (
                testCase "a job that is told to end saves first" (fun () ->
                    withFolder (fun folder ->
                        let out = Path.Combine(folder, "run")
                        use job = startRanks 2 folder (tiny "kan" @ words $"--epochs 100000 --out {out}")

                        while not (File.Exists(RunFolder.checkpointPath out)) && not job.HasExited do
                            Threading.Thread.Sleep 5

                        signal "-TERM" job
                        // The code is mpiexec's own, which was told to end as well: 0 or 1 of MPICH's.
                        let job = ended job

                        Expect.exists
                            job.Err
                            _.Contains($"stopped; go on with metakan pde --resume {out}")
                            "what is told"

                        Expect.equal (string (RunFolder.tryReadResult out).Value["outcome"]) "stopped" "outcome"))
            )

            Check.slow (
                testCase "a rank that fails by itself says so and ends all" (fun () ->
                    withFolder (fun folder ->
                        let one (before: string list) =
                            [ "-n"; "1" ]
                            @ before
                            @ [ "dotnet"; metakan ]
                            @ tiny "kan"
                            @ words "--epochs 100000 --out run"

                        let arguments = one [] @ [ ":" ] @ one [ "env"; $"{Libtorch.Variable}=nowhere" ]
                        use job = launch rootsOpenMpi folder mpiexec.Value arguments
                        let job = ended job
                        Expect.equal job.Code 2 "exit code"

                        Expect.stringStarts
                            (List.exactlyOne (told job))
                            "metakan: rank 1: METAKAN_LIBTORCH"
                            "what is told"))
            )

            Check.slow (
                testCase "what all ranks refuse is told once" (fun () ->
                    withFolder (fun folder ->
                        let job = ranks 3 folder (words "pde burgers --grid 0 --model kan")
                        Expect.equal job.Code 2 "exit code"
                        Expect.equal (told job).Length 1 "lines"
                        Expect.isEmpty (Directory.GetFileSystemEntries folder) "files left behind"))
            )

            Check.slow (
                testCase "classify shares its batches" (fun () ->
                    withFolder (fun folder ->
                        Images.Fixtures.writeIdx (Path.Combine(folder, "data")) 64 30 |> ignore

                        let classify out =
                            words
                                $"classify --data data --width 4 --batch-size 16 --device cpu --epochs 2 --dtype float64 --quiet --out {out}"

                        Expect.equal (inside folder (classify "alone")).Code 0 "exit code of one process"
                        let job = ranks 2 folder (classify "by2")
                        Expect.equal (job.Code, job.Err, job.Out.Length) (0, [], 1) "end"
                        same (Path.Combine(folder, "alone")) (Path.Combine(folder, "by2"))))
            )

            Check.slow (
                testCase "a sweep's runs are handed out, and one table is made; a fit by itself is refused" (fun () ->
                    withFolder (fun folder ->
                        let text =
                            "pde heat --width 4 --depth 2 --optimizer adam --epochs 3 --points 8 --test-points 9"

                        let job = ranks 2 folder (words $"sweep {text} --over seed 4 5 --out s")
                        Expect.equal job.Code 0 $"exit code: {job.Err}"
                        let rows = File.ReadAllLines(Path.Combine(folder, "s", "runs.csv"))

                        Expect.equal
                            [ for row in rows[1..] -> row.Split(',')[1..2] ]
                            [ [| "4"; "completed" |]; [| "5"; "completed" |] ]
                            "rows"

                        Expect.stringContains (List.last job.Out) "2 of 2" "what is printed"
                        let fit = ranks 2 folder (words "fit --expr x --vars x:0:1")
                        Expect.equal fit.Code 2 "exit code of a fit"

                        Expect.stringContains
                            (List.exactlyOne (told fit))
                            "a fit is one process's, and this job has 2"
                            "said"

                        Expect.equal (Directory.GetFileSystemEntries folder).Length 1 "what is left"))
            )

            testCase "a launcher's only process is no job" (fun () ->
                withFolder (fun folder ->
                    let environment = [ "PMI_RANK", "0"; "PMI_SIZE", "1"; Mpi.Variable, "none.so" ]
                    use program = startWith environment folder [ "pde"; "--list" ]
                    Expect.equal (ended program).Code 0 "exit code"))

            testCase "without a library of MPI that is said, by the first rank alone" (fun () ->
                withFolder (fun folder ->
                    for rank, lines in [ 0, 1; 1, 0 ] do
                        let environment = [ "PMI_RANK", string rank; Mpi.Variable, "none.so" ]
                        use program = startWith environment folder [ "pde"; "--list" ]
                        let ended = ended program
                        Expect.equal ended.Code 2 "exit code"
                        Expect.equal ended.Err.Length lines "lines"

                        for line in ended.Err do
                            Expect.stringContains
                                line
                                $"(none.so): install MPICH or Open MPI, or name its library in {Mpi.Variable}"
                                "said"))
        ]
