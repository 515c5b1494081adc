/// `metakan doctor`: what of MetaKan works on this machine, and what mends the rest.
module MetaKan.Cli.Doctor

open System
open System.Diagnostics
open System.IO
open Argu
open MetaKan
open MetaKan.Images
open TorchSharp

/// `doctor` takes no options of its own.
type Options =
    | [<Hidden>] Nothing

    interface IArgParserTemplate with
        member _.Usage = ""

/// What a look found.
type Finding =
    | Works of string
    /// What is wrong, and the command that mends it.
    | Lacks of string * mend: string

/// A look at the machine: what for, whether nothing works without, and what was found.
type Look = { Name: string; For: string; Needed: bool; Found: Finding }

let private isBundle = typeof<Options>.Assembly.Location = ""

// Where the launcher finds it; a process of .NET would also find the one that it runs on.
let private onPath (program: string) : string option =
    (string (Environment.GetEnvironmentVariable "PATH"))
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
    |> Array.map (fun folder -> Path.Combine(folder, program))
    |> Array.tryFind File.Exists

let private sdk () : Finding =
    let mend = "curl -fsSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0"

    match onPath (if OperatingSystem.IsWindows() then "dotnet.exe" else "dotnet") with
    | None -> Lacks("no dotnet on the PATH", mend)
    | Some dotnet ->
        try
            use tool = Process.Start(ProcessStartInfo(dotnet, "--list-sdks", RedirectStandardOutput = true))

            let versions =
                tool.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
                |> Array.map _.Split(' ').[0]

            let isNew (version: string) =
                match Int32.TryParse(version.Split('.')[0]) with
                | true, major -> major >= 10
                | _ -> false

            match versions |> Array.filter isNew |> Array.tryLast with
            | Some version -> Works version
            | None when versions.Length > 0 -> Lacks($"{Array.last versions} is older than 10", mend)
            | None -> Lacks("a runtime alone, without an SDK", mend)
        with :? ComponentModel.Win32Exception as fault ->
            Lacks($"{dotnet} does not start: {fault.Message}", mend)

let private libtorch () : Finding =
    let rebuild =
        if not (String.IsNullOrEmpty(Environment.GetEnvironmentVariable Libtorch.Variable)) then
            $"unset {Libtorch.Variable}"
        elif isBundle then
            "python3 -m pip install torch"
        else
            "rm -r artifacts && ./metakan info"

    try
        Libtorch.load ()
        use product = Tensor.product (torch.ones (2L, 2L)) (torch.ones (2L, 2L))

        if Tensor.item (product.sum ()) = 8.0 then
            Works $"{Info.libtorch ()}, {fst (Libtorch.used ())}"
        else
            Lacks("a product of matrices is wrong", rebuild)
    with error ->
        Lacks(error.Message.Split('\n')[0], rebuild)

let private cuda () : Finding =
    try
        Libtorch.load ()

        if torch.cuda.is_available () then
            Works(String.concat "; " (Info.cudaDevices ()))
        else
            Lacks("no device that this libtorch uses", "dotnet build src/Cli -c Release -p:Torch=cuda")
    with _ ->
        Lacks("unknown without a libtorch", "see what mends libtorch")

let private images () : Finding =
    try
        let black = Bitmap.png 1 [| 0uy; 0uy; 0uy; 255uy |]
        let read = Bitmap.decode "a pixel" black
        Works $"SkiaSharp writes and reads PNG ({read.Width} pixel)"
    with error ->
        Lacks(error.Message.Split('\n')[0], "rm -r artifacts && ./metakan info")

let private dataSet (name: string) : Finding =
    match ImageSets.tryFolder name with
    | Some folder -> Works folder
    | None ->
        let mend =
            match ImageSets.debianPackage name with
            | Some package -> $"apt-get install {package}"
            | None -> $"export METAKAN_DATA=DIR, with its files in DIR/{name}"

        Lacks("not found", mend)

let private writing () : Finding =
    let runs = Path.GetFullPath "runs"
    let folder = if Directory.Exists runs then runs else Environment.CurrentDirectory
    let file = Path.Combine(folder, $".{Guid.NewGuid():N}")

    try
        File.WriteAllText(file, "")
        File.Delete file
        Works folder
    with
    | :? IOException
    | :? UnauthorizedAccessException as error -> Lacks(error.Message.Split('\n')[0], $"chmod u+w {folder}")

let private memory () : Finding =
    let mib = Info.memory ()
    // .NET and libtorch take 200 MiB before a network has any.
    if mib >= 1024L then
        Works $"{mib} MiB"
    else
        Lacks($"{mib} MiB, of a GiB that a run wants", "metakan pde NAME --memory 256")

/// All looks, in the order in which one rests on another.
let looks () : Look list =
    let look name use' needed found = { Name = name; For = use'; Needed = needed; Found = found }

    [
        look ".NET SDK" "builds, and runs scripts" (not isBundle) (sdk ())
        look "libtorch" "computes" true (libtorch ())
        look "CUDA" "computes faster" false (cuda ())
        look "images" "pictures, and predict" true (images ())
        look "write access" "runs' folders" true (writing ())
        look "memory" "runs" true (memory ())

        for name in ImageSets.names do
            look $"data {name}" $"classify --dataset {name}" false (dataSet name)
    ]

let run (_: ParseResults<Options>) : int =
    let looks = looks ()

    for look in looks do
        let state, text, mend =
            match look.Found with
            | Works text -> "ok", text, None
            | Lacks(text, mend) -> (if look.Needed then "missing" else "without"), text, Some mend

        printfn $"{state, -8} {look.Name, -13} {text} ({look.For})"
        mend |> Option.iter (fun mend -> printfn $"""{"", -22} mend: {mend}""")

    if looks |> List.exists (fun look -> look.Needed && look.Found.IsLacks) then 1 else 0
