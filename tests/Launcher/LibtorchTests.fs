/// Which libtorch a program loads.
module MetaKan.Tests.Launcher.LibtorchTests

open System
open System.IO
open Expecto
open MetaKan
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

let private run (folder: string) (libtorch: string) (arguments: string list) =
    use program = startWith [ Libtorch.Variable, libtorch ] folder arguments
    ended program

/// A folder with links to the libraries of the libtorch beside the tests.
let private elsewhere (folder: string) : string =
    let other = Directory.CreateDirectory(Path.Combine(folder, "other libtorch")).FullName

    for library in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "libtorch")) do
        File.CreateSymbolicLink(Path.Combine(other, Path.GetFileName library), library) |> ignore

    other

let tests =
    testList
        "Launcher.Libtorch"
        [
            testCase "the variable's libtorch is the one that is loaded, and computes" (fun () ->
                withFolder (fun folder ->
                    let other = elsewhere folder
                    let info = run folder other [ "info" ]
                    Expect.equal info.Code 0 "exit code"
                    Expect.exists info.Out _.Contains(Path.Combine(other, "libtorch_cpu")) "the file"
                    let out = Path.Combine(folder, "run")
                    let fit = run folder other (words $"fit --expr x*x --vars x:-1:1 --steps 2 --out" @ [ out ])
                    Expect.equal fit.Code 0 "a computation"))

            testCase "the current folder is no place where libtorch is looked for" (fun () ->
                withFolder (fun folder ->
                    let other = elsewhere folder
                    let info = run other other [ "info" ]
                    Expect.equal info.Code 0 "in the libtorch's own folder"
                    let info = run other "" [ "info" ]
                    Expect.equal info.Code 0 "without the variable"
                    Expect.isFalse (info.Out |> List.exists _.Contains(other)) "the program's own"))

            testCase "a folder without libtorch is refused in one line" (fun () ->
                withFolder (fun folder ->
                    let refused = run folder folder [ "info" ]
                    Expect.equal refused.Code 2 "exit code"
                    Expect.isEmpty refused.Out "standard output"

                    Expect.stringContains
                        (List.exactlyOne refused.Err)
                        $"{Libtorch.Variable} takes the folder"
                        "what is said"))

            testCase "a libtorch that does not fit is refused in one line" (fun () ->
                withFolder (fun folder ->
                    let broken = Directory.CreateDirectory(Path.Combine(folder, "broken")).FullName

                    for library in
                        Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "libtorch"), "*torch_cpu*") do
                        File.WriteAllText(Path.Combine(broken, Path.GetFileName library), "no library")

                    let refused = run folder broken [ "info" ]
                    Expect.equal refused.Code 2 "exit code"
                    Expect.stringContains (List.exactlyOne refused.Err) broken "what is said"))

            Check.theory
                "threads that wait for one another soon sleep, unless the user says otherwise"
                [ null, null, "1000"; "7", null, "7"; null, "active", "30000000000" ]
                (fun (count, policy, looks) ->
                    withFolder (fun folder ->
                        // What is null is not set, whatever it is here.
                        let set = [ "OMP_DISPLAY_ENV", "verbose"; "GOMP_SPINCOUNT", count; "OMP_WAIT_POLICY", policy ]
                        use program = startWith set folder [ "info" ]
                        let told = ended program
                        Expect.equal told.Code 0 "exit code"
                        Expect.exists told.Err _.Contains($"GOMP_SPINCOUNT = '{looks}'") "libgomp's own word"))
        ]
