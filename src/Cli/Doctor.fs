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

/// How this program came to the machine.
type Installation =
    | Checkout
    | Bundle
    /// Of .NET, by `dotnet tool install`.
    | Tool

type System =
    | Linux
    | Windows
    | MacOS

/// What may be lacking.
type Need =
    | Sdk
    | Libtorch
    /// The variable that names a libtorch names none.
    | LibtorchNamed
    | Cuda
    | Images
    | Data of name: string
    | Writing of folder: string
    | Memory
    | Mpi

/// The command that mends what an installation lacks on a system.
let mend (installation: Installation) (system: System) (need: Need) : string =
    let set (variable: string) (value: string) =
        if system = Windows then $"set {variable}={value}" else $"export {variable}={value}"

    let anew =
        match installation, system with
        | Bundle, _ -> "python3 -m pip install torch"
        | Tool, _ -> "dotnet tool uninstall --global MetaKan.Cli && dotnet tool install --global MetaKan.Cli"
        | Checkout, Windows -> "rmdir /s /q artifacts && metakan info"
        | Checkout, MacOS -> "rm -r artifacts && dotnet run -c Release --project src/Cli -- info"
        | Checkout, Linux -> "rm -r artifacts && ./metakan info"

    match need with
    | Sdk when system = Windows -> "winget install Microsoft.DotNet.SDK.10"
    | Sdk -> "curl -fsSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0"
    | Libtorch -> anew
    | LibtorchNamed when system = Windows -> $"set {Libtorch.Variable}="
    | LibtorchNamed -> $"unset {Libtorch.Variable}"
    | Cuda when system = MacOS -> "none: there is no CUDA for macOS"
    | Cuda when installation = Checkout -> "dotnet build src/Cli -c Release -p:Torch=cuda"
    | Cuda -> $"""{set Libtorch.Variable "DIR"}, with the libraries of a PyTorch with CUDA in DIR"""
    | Images when installation = Bundle -> "make the bundle anew: ./metakan bundle DIR"
    | Images -> anew
    | Data name ->
        match ImageSets.debianPackage name with
        | Some package when system = Linux -> $"apt-get install {package}"
        | _ -> $"""{set "METAKAN_DATA" "DIR"}, with its files in DIR/{name}"""
    | Writing folder when system = Windows -> $"icacls \"{folder}\" /grant %%USERNAME%%:M"
    | Writing folder -> $"chmod u+w {folder}"
    | Memory -> "metakan pde NAME --memory 256"
    | Mpi when system = Linux -> "apt-get install mpich"
    | Mpi when system = MacOS -> "brew install mpich"
    | Mpi -> "none: several processes share a run on Linux and macOS"

/// The installation of a program by the folder of its assembly, which a bundle has not.
let installation (assembly: string) : Installation =
    let above =
        Seq.unfold
            (fun (folder: DirectoryInfo) -> if isNull folder then None else Some(folder, folder.Parent))
            (if assembly = "" then null else (FileInfo assembly).Directory)

    if assembly = "" then
        Bundle
    elif above |> Seq.exists (fun folder -> File.Exists(Path.Combine(folder.FullName, "MetaKanPinn.sln"))) then
        Checkout
    else
        Tool

let private own = installation typeof<Options>.Assembly.Location

let private mended: Need -> string =
    if OperatingSystem.IsWindows() then Windows
    elif OperatingSystem.IsMacOS() then MacOS
    else Linux
    |> mend own

// Where the launcher finds it; a process of .NET would also find the one that it runs on.
let private onPath (program: string) : string option =
    (string (Environment.GetEnvironmentVariable "PATH"))
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
    |> Array.map (fun folder -> Path.Combine(folder, program))
    |> Array.tryFind File.Exists

let private sdk () : Finding =
    let mend = mended Sdk

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
    let isNamed = not (String.IsNullOrEmpty(Environment.GetEnvironmentVariable Libtorch.Variable))
    let rebuild = mended (if isNamed then LibtorchNamed else Libtorch)

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
            Lacks("no device that this libtorch uses", mended Cuda)
    with _ ->
        Lacks("unknown without a libtorch", "see what mends libtorch")

let private mpi () : Finding =
    match MetaKan.Mpi.found () with
    | Some name -> Works name
    | None -> Lacks("no library of MPICH's or Open MPI's", mended Mpi)

let private images () : Finding =
    try
        let black = Bitmap.png 1 [| 0uy; 0uy; 0uy; 255uy |]
        let _, width = Bitmap.decode "a pixel" black id (fun _ _ -> ())
        Works $"SkiaSharp writes and reads PNG ({width} pixel)"
    with error ->
        Lacks(error.Message.Split('\n')[0], mended Images)

let private dataSet (name: string) : Finding =
    match ImageSets.tryFolder name with
    | Some folder -> Works folder
    | None -> Lacks("not found", mended (Data name))

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
    | :? UnauthorizedAccessException as error -> Lacks(error.Message.Split('\n')[0], mended (Writing folder))

let private memory () : Finding =
    let mib = Info.memory ()
    // .NET and libtorch take 200 MiB before a network has any.
    if mib >= 1024L then
        Works $"{mib} MiB"
    else
        Lacks($"{mib} MiB, of a GiB that a run wants", mended Memory)

/// All looks, in the order in which one rests on another.
let looks () : Look list =
    let look name use' needed found = { Name = name; For = use'; Needed = needed; Found = found }

    [
        look ".NET SDK" "builds, and runs scripts" (own = Checkout) (sdk ())
        look "libtorch" "computes" true (libtorch ())
        look "CUDA" "computes faster" false (cuda ())
        look "MPI" "several processes share a run" false (mpi ())
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
