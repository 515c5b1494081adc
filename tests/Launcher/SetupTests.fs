/// What the launchers set up, by their functions in build/, with programs in the place of dotnet and apt-get.
module MetaKan.Tests.Launcher.SetupTests

open System.IO
open Expecto
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

/// Runs a line of bash after build/'s, with a folder as the checkout, in which bin/ has programs of these names and texts.
let private bash (programs: (string * string) list) (folder: string) (line: string) : Ended =
    let bin = Path.Combine(folder, "bin")
    Directory.CreateDirectory bin |> ignore

    for name, text in programs do
        let path = Path.Combine(bin, name)
        File.WriteAllText(path, $"#!/bin/sh\n{text}\n")
        File.SetUnixFileMode(path, UnixFileMode.UserRead ||| UnixFileMode.UserExecute)

    runProgram
        []
        folder
        "bash"
        [
            "-c"
            $"set -uo pipefail; root=$PWD; unset METAKAN_DATA; export HOME=$PWD/home XDG_CACHE_HOME=$PWD/cache; PATH=$PWD/bin:$PATH; "
            + $". '{root}/build/setup.sh'; . '{root}/build/data.sh'; . '{root}/build/browser.sh'; . '{root}/build/mpi.sh'; "
            + $". '{root}/build/jupyter.sh'; packaged=$PWD/packaged chromium=$PWD/packaged mpiexec=$PWD/packaged; {line}"
        ]

let private asRoot = "id", "echo 0"

/// Notes what it is called with; an installation makes the folder.
let private apt = "apt-get", "echo \"$@\" >>calls; case \"$*\" in *install*) mkdir packaged;; esac"

/// How often apt-get was called.
let private calls folder =
    let path = Path.Combine(folder, "calls")
    if File.Exists path then (File.ReadAllLines path).Length else 0

let tests =
    testList
        "Launcher.Setup"
        [
            testCase "Fashion-MNIST is installed once, said in one line" (fun () ->
                withFolder (fun folder ->
                    let ended = bash [ asRoot; apt ] folder "data_for classify --epochs 1"
                    Expect.equal ended.Code 0 "exit code"
                    Expect.isEmpty ended.Out "standard output"

                    Expect.equal ended.Err [ "metakan: installing dataset-fashion-mnist ..." ] "standard error"

                    let again = bash [ asRoot; apt ] folder "data_for classify --epochs 1"
                    Expect.equal (again.Code, again.Err, calls folder) (0, [], 1) "second time"))

            Check.theory
                "nothing is installed where the command takes other data, or finds these"
                [
                    "", "data_for classify --data somewhere"
                    "", "data_for classify --dataset mnist"
                    "", "data_for classify --resume run"
                    "", "data_for classify --help"
                    "", "data_for predict run a.png"
                    "", "data_for"
                    "data/fmnist", "data_for classify"
                    "cache/metakan/FashionMNIST/raw", "data_for classify --dataset fmnist"
                    "there/fmnist", "METAKAN_DATA=there; data_for classify"
                ]
                (fun (place, line) ->
                    withFolder (fun folder ->
                        Directory.CreateDirectory(Path.Combine(folder, place)) |> ignore
                        let ended = bash [ asRoot; apt ] folder line
                        Expect.equal (ended.Code, ended.Err, calls folder) (0, [], 0) "installed"))

            Check.theory
                "the program asks for large pages, where the user has not tuned glibc"
                [ "", "glibc.malloc.hugetlb=1"; "GLIBC_TUNABLES=glibc.malloc.check=0", "glibc.malloc.check=0" ]
                (fun (given, expected) ->
                    withFolder (fun folder ->
                        let told =
                            "case \"$*\" in --list-sdks) echo 10.0.100;; *metakan.dll*) echo \"$GLIBC_TUNABLES\";; esac"

                        let copied = $"unset GLIBC_TUNABLES; cp -r '{root}/metakan' '{root}/build' . &&"
                        let ended = bash [ "dotnet", told ] folder $"{copied} {given} ./metakan info"
                        Expect.equal (ended.Code, ended.Out) (0, [ expected ]) $"{ended.Err}"))

            testCase "without root's rights the program is left to say what is missing" (fun () ->
                withFolder (fun folder ->
                    let ended = bash [ "id", "echo 1000"; apt ] folder "data_for classify"
                    Expect.equal (ended.Code, ended.Err, calls folder) (0, [], 0) "installed"))

            testCase "an installation that fails is told with its reason" (fun () ->
                withFolder (fun folder ->
                    let fails = "apt-get", "echo 'E: no such package' >&2; exit 100"
                    let ended = bash [ asRoot; fails ] folder "data_for classify"
                    Expect.equal ended.Code 1 "exit code"
                    Expect.stringContains (List.last ended.Err) "(E: no such package); or name" "standard error"))

            testCase "a browser is installed once, where all tests are run" (fun () ->
                withFolder (fun folder ->
                    let ended = bash [ asRoot; apt ] folder "browser_for Training; browser_for"
                    Expect.equal (ended.Code, ended.Err, calls folder) (0, [], 0) "not asked for"
                    let ended = bash [ asRoot; apt ] folder "browser_for --all; browser_for --all"
                    Expect.equal (ended.Code, ended.Out) (0, []) "exit code and standard output"
                    Expect.equal ended.Err [ "metakan: installing chromium ..." ] "standard error"
                    Expect.equal (calls folder) 1 "calls"))

            testCase
                "MPI is installed where all tests are run, and where it cannot be, that is said and no failure"
                (fun () ->
                    withFolder (fun folder ->
                        let ended = bash [ asRoot; apt ] folder "mpi_for Training; mpi_for"
                        Expect.equal (ended.Code, ended.Err, calls folder) (0, [], 0) "not asked for"
                        let ended = bash [ asRoot; apt ] folder "mpi_for --all"
                        Expect.equal (ended.Code, ended.Err) (0, [ "metakan: installing mpich ..." ]) "installed"
                        Expect.equal (calls folder) 1 "calls"
                        let fails = "apt-get", "echo 'E: no such package' >&2; exit 100"
                        let ended = bash [ asRoot; fails ] folder "mpi_for --all"
                        Expect.equal ended.Code 0 "exit code"
                        Expect.stringContains (List.last ended.Err) "tests of jobs by MPI are skipped" "said"))

            testCase "a set-up takes a lock that is none of the descriptors it was started with" (fun () ->
                withFolder (fun folder ->
                    let line =
                        "artifacts=$PWD stamps=$PWD/s log=$PWD/s/log; undone() { false; }; work() { step working sleep 0; }; "
                        + "exec 9>kept; once undone work; echo here >&9; cat kept"

                    let ended = bash [] folder line
                    Expect.equal (ended.Code, ended.Out) (0, [ "here" ]) "what the descriptor still writes to"))

            testCase "where no browser can be installed, that is said and no failure" (fun () ->
                withFolder (fun folder ->
                    let ended = bash [ "id", "echo 1000"; apt ] folder "browser_for --all"
                    Expect.equal (ended.Code, ended.Err, calls folder) (0, [], 0) "without rights"
                    let fails = "apt-get", "echo 'E: no such package' >&2; exit 100"
                    let ended = bash [ asRoot; fails ] folder "browser_for --all"
                    Expect.equal ended.Code 0 "exit code"

                    Expect.stringContains
                        (List.last ended.Err)
                        "(E: no such package): tests in a browser are skipped"
                        "said"))

            Check.theory
                "Jupyter is asked for by the package of a command that Debian has, and for nothing else"
                [
                    "notebook", 0, [ "metakan: installing jupyter-notebook ..." ]
                    "nbconvert --to html x.ipynb", 0, [ "metakan: installing jupyter-nbconvert ..." ]
                    "nosuch",
                    2,
                    [
                        "metakan: jupyter takes notebook, nbconvert, or another command of a Jupyter that is there, not 'nosuch'"
                    ]
                    "--nosuch",
                    1,
                    [ "metakan: jupyter takes Jupyter: pip install notebook, or apt-get install jupyter-notebook" ]
                ]
                (fun (arguments, code, said) ->
                    withFolder (fun folder ->
                        // Of the programs that are looked for there is apt-get alone.
                        let line = $"command() {{ [ \"$2\" = apt-get ]; }}; jupyter_for {arguments}"
                        let ended = bash [ asRoot; apt ] folder line
                        Expect.equal (ended.Code, ended.Err) (code, said) "how it ended"
                        Expect.equal (calls folder) (if code = 0 then 1 else 0) "calls"))

            testCase "Jupyter's own options and commands that are there install nothing" (fun () ->
                withFolder (fun folder ->
                    let jupyter name = name, "echo \"$@\""
                    let programs = [ asRoot; apt; jupyter "jupyter"; jupyter "jupyter-lab"; "dotnet", "exit 1" ]
                    let ended = bash programs folder "jupyter --version"
                    Expect.equal (ended.Code, ended.Out, ended.Err) (0, [ "--version" ], []) "an option"
                    let ended = bash programs folder "jupyter_for lab"
                    Expect.equal (ended.Code, ended.Err, calls folder) (0, [], 0) "a command"))

            testCase "who cannot write to a checkout runs what is built, or is told what to do" (fun () ->
                withFolder (fun folder ->
                    // Not even root can make a folder there.
                    let line = "artifacts=/proc/none stamps=/proc/none/stamps log=/proc/none/log/setup.log"
                    let work = "once setup_done setup_work"
                    let ended = bash [] folder $"{line}; assembly=$PWD/built sources=x name=n; {work}"
                    Expect.equal ended.Code 1 "exit code"

                    Expect.stringContains
                        (List.exactlyOne ended.Err)
                        "let its owner run ./metakan info, or copy the checkout"
                        "without a build"

                    File.WriteAllText(Path.Combine(folder, "built"), "")
                    let ended = bash [] folder $"{line}; assembly=$PWD/built sources=x name=n; {work}"
                    Expect.equal ended.Code 0 "exit code"
                    Expect.stringContains (List.exactlyOne ended.Err) "running what was built there" "with a build"))

            testCase "packages that cannot be restored, and a home that cannot be, are told with the reason" (fun () ->
                withFolder (fun folder ->
                    let dotnet = "dotnet", "echo 'The disk is full.'; exit 1"
                    let line = "mkdir -p ${log%/*}; packages"
                    let ended = bash [ dotnet ] folder line
                    Expect.equal ended.Code 1 "exit code"

                    Expect.stringContains
                        (List.last ended.Err)
                        "packages (The disk is full.): the log"
                        "standard error"

                    let ended = bash [] folder "HOME=/proc/none; dotnet_sdk"
                    Expect.equal ended.Code 1 "exit code"
                    Expect.stringContains (List.exactlyOne ended.Err) "HOME is '/proc/none'" "standard error"))
        ]
