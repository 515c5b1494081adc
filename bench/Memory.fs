/// Peak memory of a piece of work, above what the process holds when it is idle.
module MetaKan.Bench.Memory

open System
open System.IO

let private status (field: string) =
    File.ReadLines "/proc/self/status"
    |> Seq.find _.StartsWith(field)
    |> fun line -> float (line.Split([| ' '; '\t' |], StringSplitOptions.RemoveEmptyEntries)[1]) / 1024.0

/// Resident memory now, MiB.
let resident () = status "VmRSS:"

/// The highest resident memory while `work` runs, MiB: the kernel's own mark, set back before.
let peak (work: unit -> unit) : float =
    GC.Collect()
    GC.WaitForPendingFinalizers()
    File.WriteAllText("/proc/self/clear_refs", "5")
    work ()
    status "VmHWM:"
