// MPI's C library, which is loaded where mpiexec, srun or their like started the process, and else never. Of its two binary
// interfaces MPICH's is also Intel MPI's, MVAPICH's and Cray's; Open MPI has its own. Handles are numbers of 32 bits in the
// one and addresses in the other: here all are as wide as addresses, of which MPICH reads the lower half.
[<RequireQualifiedAccess>]
module internal MetaKan.Mpi

open System
open System.Diagnostics
open System.IO
open System.Reflection
open System.Runtime.InteropServices
open System.Threading

module private Native =
    [<DllImport("mpi")>]
    extern int MPI_Init_thread(nativeint argc, nativeint argv, int required, int& provided)

    [<DllImport("mpi")>]
    extern int MPI_Comm_rank(nativeint comm, int& rank)

    [<DllImport("mpi")>]
    extern int MPI_Comm_size(nativeint comm, int& size)

    [<DllImport("mpi")>]
    extern int MPI_Comm_dup(nativeint comm, nativeint& copy)

    [<DllImport("mpi")>]
    extern int MPI_Comm_split_type(nativeint comm, int kind, int key, nativeint info, nativeint& part)

    [<DllImport("mpi")>]
    extern int MPI_Allreduce(nativeint send, nativeint receive, int count, nativeint kind, nativeint op, nativeint comm)

    [<DllImport("mpi")>]
    extern int MPI_Ibcast(nativeint buffer, int count, nativeint kind, int root, nativeint comm, nativeint& request)

    [<DllImport("mpi")>]
    extern int MPI_Ibarrier(nativeint comm, nativeint& request)

    [<DllImport("mpi")>]
    extern int MPI_Test(nativeint& request, int& isDone, nativeint status)

    [<DllImport("mpi")>]
    extern int MPI_Abort(nativeint comm, int code)

    [<DllImport("mpi")>]
    extern int MPI_Finalize()

/// The environment variable that names the MPI library to load.
[<Literal>]
let Variable = "METAKAN_MPI"

let private variable (name: string) : string option =
    Environment.GetEnvironmentVariable name |> Option.ofObj |> Option.filter ((<>) "")

// The first of variables that has a number.
let private number (names: string list) : int option =
    names
    |> List.tryPick (fun name ->
        match variable name |> Option.map Int32.TryParse with
        | Some(true, number) -> Some number
        | _ -> None)

/// The rank of this process where one of MPI's launchers started it as one of several: Hydra and Slurm, Open MPI, or one that
/// speaks PMIx. A shell that a launcher started alone is no job.
let launched () : int option =
    match number [ "PMI_SIZE"; "OMPI_COMM_WORLD_SIZE"; "SLURM_NTASKS" ] with
    | Some 1 -> None
    | _ -> number [ "PMI_RANK"; "OMPI_COMM_WORLD_RANK"; "PMIX_RANK" ]

/// Its number among the ranks of this machine, from 0; 0 where no launcher tells it.
let neighbour () : int =
    number [ "MPI_LOCALRANKID"; "OMPI_COMM_WORLD_LOCAL_RANK"; "SLURM_LOCALID"; "PALS_LOCAL_RANKID" ]
    |> Option.filter (fun _ -> (launched ()).IsSome)
    |> Option.defaultValue 0

/// What a child of this process is not to hear of, or it would take itself for its parent's rank.
let ofLaunchers () : string list =
    [
        for name in Environment.GetEnvironmentVariables().Keys |> Seq.cast<string> do
            if
                [ "PMI"; "OMPI_"; "MPI_" ]
                |> List.exists (fun start -> name.StartsWith(start, StringComparison.Ordinal))
            then
                name
    ]

// By the names that their packages have; of Open MPI's job its own first.
let private names () : string list =
    let mpich = [ "libmpich.so.12"; "libmpi.so.12"; "libmpi_cray.so.12"; "libmpich.so"; "libmpi.12.dylib" ]
    let openMpi = [ "libmpi.so.40"; "libmpi.40.dylib"; "libmpi.so" ]

    match variable Variable with
    | Some path -> [ path ]
    | None when (variable "OMPI_COMM_WORLD_RANK").IsSome -> openMpi @ mpich
    | None -> mpich @ openMpi

let private library: Lazy<nativeint option> =
    lazy
        names ()
        |> List.tryPick (fun name ->
            match NativeLibrary.TryLoad name with
            | true, handle ->
                NativeLibrary.SetDllImportResolver(
                    Assembly.GetExecutingAssembly(),
                    fun name _ _ -> if name = "mpi" then handle else 0n
                )

                Some handle
            | _ -> None)

let private isOpen (library: nativeint) : bool = NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world") |> fst

/// Which MPI a job would have; None without any.
let found () : string option =
    library.Value |> Option.map (fun it -> if isOpen it then "Open MPI" else "MPICH or one like it")

/// What a library calls the things that are named here.
type private Handles =
    {
        World: nativeint
        NoInfo: nativeint
        Sum: nativeint
        Float: nativeint
        Double: nativeint
        Byte: nativeint
        InPlace: nativeint
        NoStatus: nativeint
        OfMachine: int
    }

let private handles (library: nativeint) : Handles =
    if isOpen library then
        let address (name: string) = NativeLibrary.GetExport(library, name)

        {
            World = address "ompi_mpi_comm_world"
            NoInfo = address "ompi_mpi_info_null"
            Sum = address "ompi_mpi_op_sum"
            Float = address "ompi_mpi_float"
            Double = address "ompi_mpi_double"
            Byte = address "ompi_mpi_byte"
            InPlace = 1n
            NoStatus = 0n
            OfMachine = 0
        }
    else
        {
            World = 0x44000000n
            NoInfo = 0x1c000000n
            Sum = 0x58000003n
            Float = 0x4c00040an
            Double = 0x4c00080bn
            Byte = 0x4c00010dn
            InPlace = -1n
            NoStatus = 1n
            OfMachine = 1
        }

/// A job of several processes, as one of them has it. Its calls are made by one thread at a time.
type Job =
    {
        Rank: int
        Count: int
        /// The cores of this machine for each of the job's processes on it.
        Cores: int
        /// The sums over all ranks of so many numbers in memory, double or single ones, in their place; the same bits for all.
        Sum: nativeint -> int -> bool -> unit
        /// Gives the first rank's bytes to all, in their place.
        Spread: byte[] -> unit
        /// Waits until all ranks are here.
        Meet: unit -> unit
        /// Ends the job's part here once all ranks came to their ends, for which it waits so long: whether they did.
        Leave: TimeSpan -> bool
        /// Ends all ranks.
        Abort: int -> unit
    }

let private joined (library: nativeint) : Job =
    let it = handles library
    let mutable provided = 0
    // Calls of one thread at a time.
    let serialized = 2
    Native.MPI_Init_thread(0n, 0n, serialized, &provided) |> ignore

    let rankAndSize comm =
        let mutable rank, size = 0, 0
        Native.MPI_Comm_rank(comm, &rank) |> ignore
        Native.MPI_Comm_size(comm, &size) |> ignore
        rank, size

    let sum comm (address: nativeint) (count: int) (isDouble: bool) =
        let kind = if isDouble then it.Double else it.Float
        Native.MPI_Allreduce(it.InPlace, address, count, kind, it.Sum, comm) |> ignore

    // Whether a request comes to its end in time; who waits sleeps.
    let comes (patience: TimeSpan) (begun: nativeint) : bool =
        let clock = Stopwatch.StartNew()
        let mutable request, isDone = begun, 0
        Native.MPI_Test(&request, &isDone, it.NoStatus) |> ignore

        while isDone = 0 && clock.Elapsed < patience do
            Thread.Sleep 1
            Native.MPI_Test(&request, &isDone, it.NoStatus) |> ignore

        isDone <> 0

    let rank, count = rankAndSize it.World
    let mutable machine, ending = 0n, 0n

    Native.MPI_Comm_split_type(it.World, it.OfMachine, rank, it.NoInfo, &machine) |> ignore

    // Ends are told apart from all else, since a rank that fails comes to its end while others wait for its numbers.
    Native.MPI_Comm_dup(it.World, &ending) |> ignore
    let _, neighbours = rankAndSize machine
    let ending = ending

    // Launchers may give each process cores of its own; where all have the same ones, they share these.
    let cores =
        let mask =
            if OperatingSystem.IsLinux() then
                File.ReadLines "/proc/self/status"
                |> Seq.tryFind _.StartsWith("Cpus_allowed_list")
                |> Option.defaultValue ""
            else
                ""

        let mark = mask |> Seq.fold (fun sum c -> (sum * 31 + int c) % 1_000_003) 7 |> float
        let marks = [| mark |]
        let pin = GCHandle.Alloc(marks, GCHandleType.Pinned)
        sum machine (pin.AddrOfPinnedObject()) 1 true
        pin.Free()
        let share = if marks[0] = mark * float neighbours then neighbours else 1
        max 1 (Environment.ProcessorCount / share)

    {
        Rank = rank
        Count = count
        Cores = cores
        Sum = sum it.World
        Spread =
            fun bytes ->
                let pin = GCHandle.Alloc(bytes, GCHandleType.Pinned)
                let mutable request = 0n

                Native.MPI_Ibcast(pin.AddrOfPinnedObject(), bytes.Length, it.Byte, 0, it.World, &request) |> ignore

                comes TimeSpan.MaxValue request |> ignore
                pin.Free()
        Meet =
            fun () ->
                let mutable request = 0n
                Native.MPI_Ibarrier(it.World, &request) |> ignore
                comes TimeSpan.MaxValue request |> ignore
        Leave =
            fun patience ->
                let mutable request = 0n
                Native.MPI_Ibarrier(ending, &request) |> ignore
                let left = comes patience request

                if left then
                    Native.MPI_Finalize() |> ignore

                left
        Abort = fun code -> Native.MPI_Abort(it.World, code) |> ignore
    }

/// Joins the job that this process was started in, once. Raises BadInput where no MPI library is found.
let join () : Job =
    match library.Value with
    | Some library -> joined library
    | None ->
        let tried = String.Join(", ", names ())

        raise (
            BadInput
                $"started by MPI, and none of its libraries is found ({tried}): install MPICH or Open MPI, or name its library in {Variable}"
        )
