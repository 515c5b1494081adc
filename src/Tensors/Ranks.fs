// Data parallelism over processes: the ranks of a job of MPI share the work of one run. All draw the same numbers and take the
// same steps; pieces of a loss are dealt out, and their sums come back to all with the same bits, so that what follows from
// them is the same everywhere. A process by itself is a job of one rank, in which nothing is shared and MPI is not loaded.
namespace MetaKan

open System
open System.Globalization
open System.IO
open System.Text
open System.Threading
open TorchSharp

/// The processes that share a run, as one of them sees them.
type internal Job =
    {
        Rank: int
        Count: int
        /// Sums over all ranks the numbers of a tensor in the machine's memory, in their place.
        Sum: Tensor -> unit
        /// The first rank's bytes, for all.
        Spread: byte[] -> unit
        /// Waits, asleep, until all ranks are here.
        Meet: unit -> unit
    }

[<RequireQualifiedAccess>]
module internal Ranks =
    // Numbers in a message: their count has 32 bits.
    let private most = 1L <<< 28

    let private only: Job = { Rank = 0; Count = 1; Sum = ignore; Spread = ignore; Meet = ignore }

    let private errors = Console.Error

    // Of the ranks but the first nothing is heard, but for the end of one that fails by itself.
    let private mute () =
        Console.SetOut TextWriter.Null
        Console.SetError TextWriter.Null

    // A fault that all ranks have is the first's to tell; one that waits longer has a fault of its own.
    let private patience = TimeSpan.FromSeconds 5.0

    let private ending = Lock()
    let mutable private hasLeft = false

    let private leave (job: Mpi.Job) (code: int) (fault: string option) : unit =
        lock ending (fun () ->
            if not hasLeft then
                hasLeft <- true

                if not (job.Leave(if code = 0 then TimeSpan.MaxValue else patience)) then
                    if job.Rank > 0 then
                        fault |> Option.iter (fun message -> errors.WriteLine $"metakan: rank {job.Rank}: {message}")

                    job.Abort code)

    let private joined: Lazy<Mpi.Job option> =
        lazy
            match Mpi.launched () with
            | None -> None
            | Some rank ->
                if rank > 0 then
                    mute ()

                let job = Mpi.join ()
                AppDomain.CurrentDomain.ProcessExit.Add(fun _ -> leave job Environment.ExitCode None)
                Some job

    let private ofProcess: Lazy<Job> =
        lazy
            match joined.Value with
            | None -> only
            | Some job ->
                {
                    Rank = job.Rank
                    Count = job.Count
                    Sum =
                        fun t ->
                            for part in t.view(-1L).split most do
                                job.Sum (Host.address part) (int (part.numel ())) (part.dtype = torch.float64)
                    Spread = job.Spread
                    Meet = job.Meet
                }

    // Another job than the process's, on this thread.
    let private other = new ThreadLocal<Job option>(fun () -> None)

    let private job () : Job = other.Value |> Option.defaultWith ofProcess.Force

    /// Works in a job on this thread.
    let within (job: Job) (work: unit -> 'a) : 'a =
        let before = other.Value
        other.Value <- Some job

        try
            work ()
        finally
            other.Value <- before

    /// Works with nobody to share with: what one rank does, and others do not.
    let alone (work: unit -> 'a) : 'a = within only work

    /// How many ranks share the work.
    let count () : int = (job ()).Count

    /// Whether this rank is the first, which alone writes and prints.
    let isFirst () : bool = (job ()).Rank = 0

    /// The cores of the machine for each rank on it.
    let cores () : int =
        match joined.Value with
        | Some job -> job.Cores
        | None -> Environment.ProcessorCount

    /// The items that fall to this rank: every one has one rank.
    let share (items: 'a list) : 'a list =
        let job = job ()

        items |> List.indexed |> List.filter (fun (i, _) -> i % job.Count = job.Rank) |> List.map snd

    /// The sums of numbers over all ranks.
    let numbers (own: float[]) : float[] =
        let job = job ()

        if job.Count = 1 then
            own
        else
            use _ = torch.NewDisposeScope()
            let t = Tensor.ofArray Placement.cpu64 [ own.Length ] own
            job.Sum t
            Tensor.toArray t

    /// Whether it is so for any rank.
    let any (flag: bool) : bool = if count () = 1 then flag else (numbers [| (if flag then 1.0 else 0.0) |])[0] > 0.0

    // The sum of a vector over all ranks, in its place where it lies in the machine's memory.
    let private sum (vector: Tensor) : Tensor =
        let here = vector.cpu().contiguous()
        (job ()).Sum here
        here.``to`` vector.device

    /// The loss that work makes of items and its gradient, a tree like p: of this rank's share of them, then of all, the sums
    /// in one message.
    let gradient (p: Params) (work: 'a list -> Tensor * Params) (items: 'a list) : Tensor * Params =
        if count () = 1 then
            work items
        else
            let loss, g =
                match share items with
                | [] ->
                    let none = p |> Map.map (fun _ t -> torch.zeros_like t)
                    (Seq.head none.Values).sum(), none
                | own -> work own

            let found = torch.cat [| loss.reshape -1L; Params.flat g |] |> sum
            found.select (0L, 0L), Params.ofFlat g (found.narrow (0L, 1L, found.numel () - 1L))

    /// The rows that work makes of items [n, …], one item's after another's: each rank works on its share, several items at a
    /// time where threads are hired, and has all rows in the end. Items are one or more.
    let rows (place: Placement) (work: 'a -> Tensor list) (items: 'a list) : Tensor =
        let joined (found: Tensor list list) = found |> List.concat |> List.toArray |> torch.cat

        if count () = 1 then
            items |> Workers.map place.Device Seq.ofList work |> joined
        else
            let own =
                items
                |> List.indexed
                |> share
                |> Workers.map place.Device (snd >> Seq.singleton) (fun (i, item) ->
                    i, alone (fun () -> joined [ work item ]))

            // The shapes, of which each rank knows its own: rows of each item, and the columns, of which vectors have none.
            let known = Array.zeroCreate<float>(items.Length + 1)

            for i, t in own do
                known[i] <- float (t.size 0)

                if i = 0 then
                    known[items.Length] <- if t.ndim = 1L then 0.0 else float (t.size 1)

            let known = numbers known |> Array.map int64
            let starts = known |> Array.scan (+) 0L
            let all, columns = starts[items.Length], known[items.Length]

            let whole =
                torch.zeros (
                    (if columns = 0L then [| all |] else [| all; columns |]),
                    dtype = place.DType,
                    device = place.Device
                )

            for i, t in own do
                whole.narrow(0L, starts[i], known[i]).copy_ t |> ignore

            sum whole

    // What a rank's work came to, as all hear of it.
    let private told, private bad, private failed = 0uy, 1uy, 2uy

    // The first rank's outcome and words, for all.
    let private spread (outcome: byte) (words: string) : byte * string =
        let job = job ()
        let body = Encoding.UTF8.GetBytes words
        let head = Array.append [| outcome |] (BitConverter.GetBytes body.Length)
        job.Spread head
        let body = if job.Rank = 0 then body else Array.zeroCreate (BitConverter.ToInt32(head, 1))
        job.Spread body
        head[0], Encoding.UTF8.GetString body

    /// What the first rank's work comes to, for all ranks, in words on its way. Its failure is everyone's.
    let ofFirst (words: 'a -> string) (read: string -> 'a) (work: unit -> 'a) : 'a =
        if count () = 1 then
            work ()
        elif isFirst () then
            match
                (try
                    Ok(alone work)
                 with fault ->
                     Error fault)
            with
            | Ok value ->
                spread told (words value) |> ignore
                value
            | Error fault ->
                spread (if fault :? BadInput then bad else failed) fault.Message |> ignore
                Runtime.ExceptionServices.ExceptionDispatchInfo.Throw fault
                Unchecked.defaultof<'a>
        else
            match spread told "" with
            | outcome, words when outcome = told -> read words
            | outcome, message when outcome = bad -> raise (BadInput message)
            | _, message -> raise (RunFailed message)

    /// Work of the first rank alone, for which the others wait; its failure is everyone's. None for the others.
    let first (work: unit -> 'a) : 'a option = ofFirst (fun _ -> "") (fun _ -> None) (work >> Some)

    /// Texts of so many items, each known to one rank by the item's number: all of them, for all. Ranks that come early sleep.
    let texts (items: int) (own: (int * string) list) : string[] =
        (job ()).Meet()
        let own = [ for i, text in own -> i, Encoding.UTF8.GetBytes text ]
        let lengths = Array.zeroCreate<float> items
        own |> List.iter (fun (i, text) -> lengths[i] <- float text.Length)
        let starts = numbers lengths |> Array.map int |> Array.scan (+) 0
        let all = Array.zeroCreate<float> starts[items]

        own
        |> List.iter (fun (i, text) -> text |> Array.iteri (fun n letter -> all[starts[i] + n] <- float letter))

        let all = numbers all |> Array.map byte
        Array.init items (fun i -> Encoding.UTF8.GetString(all, starts[i], starts[i + 1] - starts[i]))

    /// Whether something is so for the first rank.
    let isSo (work: unit -> bool) : bool = ofFirst string Boolean.Parse work

    /// A whole number of the first rank's.
    let whole (work: unit -> int) : int =
        ofFirst string (fun text -> Int32.Parse(text, CultureInfo.InvariantCulture)) work

    /// Ends this process's part in its job with an exit code, once for all: together with the others where they end as well,
    /// else, where this rank failed, the others with it. What it failed by is told here for a rank that is not the first.
    let finish (code: int) (fault: string option) : unit =
        if joined.IsValueCreated then
            joined.Value |> Option.iter (fun job -> leave job code fault)

    /// Joins the job that this process was started in, if any. Raises BadInput where MPI is not found.
    let start () : unit = joined.Force() |> ignore
