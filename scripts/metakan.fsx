/// What scripts share: the one place that names the built assemblies. A script beside this file starts with
/// #load "metakan.fsx"
module Script

#r "../artifacts/bin/MetaKan.Core/release/TorchSharp.dll"
#r "../artifacts/bin/MetaKan.Core/release/MetaKan.Core.dll"

MetaKan.Libtorch.load ()

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
