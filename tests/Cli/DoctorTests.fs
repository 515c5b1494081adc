/// `metakan doctor`: what it finds on this machine, and on one that it is told of.
module MetaKan.Tests.DoctorTests

open System
open System.IO
open Expecto
open MetaKan
open MetaKan.Cli
open MetaKan.Images
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Images
open MetaKan.Tests.Launcher.Process

let private doctor (folder: string) (environment: (string * string) list) =
    use program = startWith environment folder [ "doctor" ]
    ended program

/// The line of a look, and the one below it.
let private look (name: string) (ended: Ended) : string * string =
    let i =
        ended.Out
        |> List.findIndex (fun line -> line.Length > 9 && line.Substring(9).StartsWith(name + " "))

    ended.Out[i], List.tryItem (i + 1) ended.Out |> Option.defaultValue ""

let private isMended (line: string, below: string) =
    Expect.isFalse (line.StartsWith "ok") "state"
    Expect.stringContains below " mend: " "what mends it"

let tests =
    testList
        "Cli.Doctor"
        [
            testCase "where all is there, each look says so, and info knows the same" (fun () ->
                withFolder (fun folder ->
                    Fixtures.writeIdx (Path.Combine(folder, "data", "fmnist")) 8 4 |> ignore
                    let ended = doctor folder [ "METAKAN_DATA", Path.Combine(folder, "data") ]
                    Expect.equal (ended.Code, ended.Err) (0, []) "end"

                    for name in [ ".NET SDK"; "libtorch"; "images"; "write access"; "memory"; "data fmnist" ] do
                        Expect.stringStarts (fst (look name ended)) "ok " name

                    let info = run folder [ "info" ]

                    for fact in [ "libtorch"; "memory" ] do
                        let told = info.Out |> List.find _.StartsWith(fact + " ")

                        Expect.stringContains
                            (fst (look fact ended))
                            (told.Substring(10).Split(',')[0])
                            "the same fact"

                    Expect.equal
                        [ for path in Directory.GetFileSystemEntries folder -> Path.GetFileName path ]
                        [ "data" ]
                        "files"))

            testCase "a libtorch that is none is missing, which is told and ends with code 1" (fun () ->
                withFolder (fun folder ->
                    let ended = doctor folder [ Libtorch.Variable, folder ]
                    Expect.equal ended.Code 1 "exit code"
                    let line, below = look "libtorch" ended
                    Expect.stringStarts line "missing " "state"
                    Expect.stringContains line Libtorch.Variable "why"
                    Expect.stringContains below $"mend: unset {Libtorch.Variable}" "what mends it"
                    isMended (look "CUDA" ended)))

            testCase "without a library of MPI, one process is all there is" (fun () ->
                withFolder (fun folder ->
                    let ended = doctor folder [ Mpi.Variable, "none.so" ]
                    Expect.equal ended.Code 0 "exit code"
                    isMended (look "MPI" ended)))

            testCase "without dotnet on the PATH, the SDK is missing" (fun () ->
                withFolder (fun folder ->
                    let metakan = Path.Combine(AppContext.BaseDirectory, "metakan.dll")
                    let ended = runProgram [ "PATH", folder ] folder Environment.ProcessPath [ metakan; "doctor" ]
                    Expect.equal ended.Code 1 "exit code"
                    Expect.stringStarts (fst (look ".NET SDK" ended)) "missing " "state"
                    isMended (look ".NET SDK" ended)))

            testCase "data sets that are not there are no fault, and each has what brings it" (fun () ->
                withFolder (fun folder ->
                    let ended = doctor folder [ "METAKAN_DATA", folder; "XDG_CACHE_HOME", folder ]

                    for name in ImageSets.names do
                        let line, below = look $"data {name}" ended

                        if not (line.StartsWith "ok") then
                            Expect.stringStarts line "without " "state"
                            isMended (line, below)))

            testCase "checkout, bundle and tool are told apart" (fun () ->
                withFolder (fun folder ->
                    let assembly = Path.Combine(folder, "artifacts", "bin", "metakan.dll")
                    Directory.CreateDirectory(Path.GetDirectoryName assembly) |> ignore
                    let tool = Path.Combine(folder, ".store", "metakan.cli", "tools", "net10.0", "any", "metakan.dll")
                    Expect.equal (Doctor.installation "") Doctor.Bundle "no file of its own"
                    Expect.equal (Doctor.installation tool) Doctor.Tool "of .NET"
                    File.WriteAllText(Path.Combine(folder, "MetaKanPinn.sln"), "")
                    Expect.equal (Doctor.installation assembly) Doctor.Checkout "below a solution"))

            testCase "what mends is of the system and of the installation" (fun () ->
                let needs =
                    [
                        Doctor.Sdk
                        Doctor.Libtorch
                        Doctor.LibtorchNamed
                        Doctor.Cuda
                        Doctor.Images
                        Doctor.Data "fmnist"
                        Doctor.Writing "runs"
                        Doctor.Memory
                        Doctor.Mpi
                    ]

                for need in needs do
                    for installation in [ Doctor.Checkout; Doctor.Tool ] do
                        let on system = Doctor.mend installation system need

                        for word in [ "apt-get"; "chmod"; "rm -r"; "./metakan"; "unset"; "export"; "curl" ] do
                            Check.lacks (on Doctor.Windows) word "on Windows"

                        for word in [ "apt-get"; "./metakan" ] do
                            Check.lacks (on Doctor.MacOS) word "on macOS"

                    // What is installed has no sources.
                    for system in [ Doctor.Linux; Doctor.Windows; Doctor.MacOS ] do
                        for word in [ "artifacts"; "src/Cli" ] do
                            Check.lacks (Doctor.mend Doctor.Tool system need) word "of a tool")
        ]
