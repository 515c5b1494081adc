namespace MetaKan

open System
open System.IO
open System.Reflection
open System.Runtime.InteropServices
open MetaKan.Kernels
open TorchSharp

/// Which libtorch computes, where it is, and what a system needs before TorchSharp can use it.
[<RequireQualifiedAccess>]
module Libtorch =
    module private Native =
        [<DllImport("libc", SetLastError = true)>]
        extern int memfd_create(string name, uint32 flags)

        [<DllImport("libc")>]
        extern int mallopt(int option, int value)

        [<DllImport("libc")>]
        extern int setenv(string name, string value, int overwrite)

    // libtorch's C function of that name: the version as bytes, the major one first.
    type private AbiVersion = delegate of unit -> uint64

    /// The environment variable that names a folder with the libraries of another libtorch, such as PyTorch's `torch/lib`.
    [<Literal>]
    let Variable = "METAKAN_LIBTORCH"

    let private system =
        if OperatingSystem.IsWindows() then "win"
        elif OperatingSystem.IsMacOS() then "osx"
        else "linux"

    let private architecture = (string RuntimeInformation.ProcessArchitecture).ToLowerInvariant()

    let private fileName (library: string) =
        match system with
        | "win" -> $"{library}.dll"
        | "osx" -> $"lib{library}.dylib"
        | _ -> $"lib{library}.so"

    // This assembly's folder: F# Interactive tells a script no more. In a bundle assemblies have none, but the program has.
    let private here =
        match Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location) with
        | null
        | "" -> AppContext.BaseDirectory
        | folder -> folder

    /// Where .NET looks for native libraries, and TorchSharp for libtorch. F# Interactive looks in the packages that a script
    /// refers to, and names their folders in PATH.
    let internal native () =
        let folders (list: string) = list.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        let inPackage = Path.Combine("runtimes", $"{system}-{architecture}", "native")
        let isPackage (folder: string) = (Path.TrimEndingDirectorySeparator folder).EndsWith inPackage

        [
            yield! folders (string (AppContext.GetData "NATIVE_DLL_SEARCH_DIRECTORIES"))
            here
            Path.Combine(here, inPackage)
            yield! folders (string (Environment.GetEnvironmentVariable "PATH")) |> Array.filter isPackage
        ]

    let private libtorch, private bridge = fileName "torch_cpu", fileName "LibTorchSharp"

    let private find (folders: string list) (name: string) =
        folders |> List.map (fun folder -> Path.Combine(folder, name)) |> List.tryFind File.Exists

    // The folder of the libtorch to load. TorchSharp always loads one that lies beside its library, and a process
    // cannot hold two.
    let private folder () : string option =
        let beside = find (native ()) libtorch

        match Environment.GetEnvironmentVariable Variable, beside with
        | (null | ""), _ ->
            beside
            |> Option.orElse (find [ Path.Combine(here, "libtorch") ] libtorch)
            |> Option.map Path.GetDirectoryName
        | _, Some other ->
            raise (BadInput $"{Variable} is for programs without a libtorch beside TorchSharp; this one has {other}")
        | folder, None when File.Exists(Path.Combine(folder, libtorch)) -> Some folder
        | folder, None ->
            raise (
                BadInput
                    $"{Variable} takes the folder that holds {libtorch}, such as PyTorch's torch/lib, not '{folder}'"
            )

    // A training step frees what the next one asks for: given back to the system in between, each page would be zeroed
    // and mapped again at every step. What the user set stays.
    let private keepFreedMemory () =
        if system = "linux" && isNull (Environment.GetEnvironmentVariable "MALLOC_TRIM_THRESHOLD_") then
            let trimThreshold, mmapThreshold = -1, -3
            Native.mallopt (mmapThreshold, 32 <<< 20) |> ignore
            Native.mallopt (trimThreshold, 512 <<< 20) |> ignore

    // Where an operator's threads wait for one another they look again and again, for milliseconds, and hold cores that
    // another program, or another of this one's threads, could use: two trainings of convolutions at once then took each 7 times
    // as long, and 1.8 times by waiting asleep almost at once, which alone costs nothing. Read by libgomp when it is loaded, and not
    // from .NET's copy of the environment. What the user set stays.
    let private waitAsleep () =
        if system = "linux" && isNull (Environment.GetEnvironmentVariable "OMP_WAIT_POLICY") then
            Native.setenv ("GOMP_SPINCOUNT", "1000", 0) |> ignore

    // Loads a library from memory; None where the system does not allow that.
    let private loadCopy (library: byte[]) : nativeint option =
        match Native.memfd_create ("LibTorchSharp", 0u) with
        | -1 -> None
        | descriptor ->
            use copy = new Microsoft.Win32.SafeHandles.SafeFileHandle(nativeint descriptor, true)
            RandomAccess.Write(copy, ReadOnlySpan library, 0L)

            match NativeLibrary.TryLoad $"/proc/self/fd/{descriptor}" with
            | true, handle -> Some handle
            | _ -> None

    // TorchSharp's library with two changes, which need a copy in memory. It asks for the C++ runtime of GCC 13 on behalf of
    // one symbol that nothing in it refers to, and the system's may be older (Debian 12): the copy asks weakly. And it frees
    // numbers that operators still read: other functions make and free them.
    let private loadBridge (file: string) : nativeint =
        let mended () =
            let library = File.ReadAllBytes file
            let weak = Elf.weaken "GLIBCXX_3.4.32" library |> Option.defaultValue library
            let functions = [ for entry in Scalars.Functions -> entry.Key, entry.Value ]

            Elf.redirect functions weak
            |> Option.bind loadCopy
            |> Option.map (fun handle ->
                let known = "THSTorch_scalar_type"
                let offsets = Elf.offsets library
                let start = int64 (NativeLibrary.GetExport(handle, known)) - offsets[known]
                Scalars.Over(fun name -> nativeint (start + offsets[name]))
                handle)

        let copy = if system = "linux" then mended () else None
        copy |> Option.defaultWith (fun () -> NativeLibrary.Load file)

    // In the order in which they need one another. Those that are absent are of other builds of libtorch.
    let private libraries = [ "c10"; "torch_cpu"; "c10_cuda"; "torch_cuda"; "torch" ]

    let private loaded =
        lazy
            keepFreedMemory ()
            waitAsleep ()

            match folder (), find (native ()) bridge with
            | None, _ ->
                raise (
                    BadInput
                        $"{Variable} takes the folder that holds {libtorch}: this program comes without a libtorch, \
                          as the package libtorch-cpu-{system}-{architecture} is one"
                )
            | Some _, None -> raise (RunFailed $"TorchSharp's {bridge} is not beside the program")
            | Some folder, Some bridge ->
                // The dynamic linker's message ends with the reason.
                let fitting (load: unit -> 'a) =
                    try
                        load ()
                    with :? DllNotFoundException as error ->
                        let reason = error.Message.Split('\n') |> Array.filter ((<>) "") |> Array.last
                        raise (BadInput $"TorchSharp does not fit the libtorch in {folder}: {reason.Trim()}")

                let handles =
                    [
                        for library in libraries do
                            let file = Path.Combine(folder, fileName library)

                            if File.Exists file then
                                library, fitting (fun () -> NativeLibrary.Load file)
                    ]

                let handle = fitting (fun () -> loadBridge bridge)

                NativeLibrary.SetDllImportResolver(
                    typeof<torch>.Assembly,
                    fun name _ _ -> if name = "LibTorchSharp" then handle else 0n
                )

                Path.Combine(folder, libtorch), (handles |> List.find (fst >> (=) "torch_cpu") |> snd)

    /// Loads libtorch, from the folder in METAKAN_LIBTORCH where that is set, once a process. MetaKan does so by itself; a
    /// program that calls TorchSharp before it calls MetaKan calls this first. Raises BadInput where the variable names no
    /// such folder.
    let load () : unit = loaded.Force() |> ignore

    /// The file and the version of the libtorch in use, as in "2.10.0".
    let used () : string * string =
        let file, library = loaded.Force()
        let entry = NativeLibrary.GetExport(library, "aoti_torch_abi_version")
        let packed = Marshal.GetDelegateForFunctionPointer<AbiVersion>(entry).Invoke()
        file, String.Join('.', [ 56; 48; 40 ] |> List.map (fun shift -> (packed >>> shift) &&& 0xffUL))
