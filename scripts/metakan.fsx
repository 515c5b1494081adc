/// What scripts share: the one place that names the built assemblies. A script beside this file starts with
/// #load "metakan.fsx"
module Script

#r "../artifacts/bin/MetaKan.Core/release/TorchSharp.dll"
#r "../artifacts/bin/MetaKan.Core/release/MetaKan.Core.dll"

open MetaKan
open MetaKan.Pdes

Libtorch.load ()

/// The script's n-th argument, a whole number from 1 up; `missing` where it is not given.
let argument (n: int) (name: string) (missing: int) : int =
    match Array.tryItem n fsi.CommandLineArgs with
    | None -> missing
    | Some text ->
        match System.Int32.TryParse text with
        | true, value when value >= 1 -> value
        | _ ->
            eprintfn $"{name} takes a whole number from 1 up, not '{text}'"
            exit 2

/// Solves a problem with its progress printed, in a new folder below runs/ of the problem's name; then prints the last
/// loss, the errors as far as they are known, the parameters that were sought, and where the report is.
let solve (problem: Problem) (model: Model) (settings: SolveSettings) : Solution =
    let folder = RunFolder.free $"runs/{problem.Name}"
    let solution = Solve.run (RunPlace.fresh folder) settings problem model Solve.print
    Report.write folder

    for pair in solution.Result do
        if pair.Key = "loss" || pair.Key.StartsWith "relative_" || pair.Key.StartsWith "parameter_" then
            printfn $"{pair.Key} {pair.Value}"

    printfn $"The report is {RunFolder.reportPath folder}"
    solution
