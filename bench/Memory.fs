/// Peak memory of a piece of work, above what the process holds when it is idle.
module MetaKan.Bench.Memory

open System
open System.IO
open System.Runtime.InteropServices

let private status (field: string) =
    File.ReadLines "/proc/self/status"
    |> Seq.find _.StartsWith(field)
    |> fun line -> float (line.Split([| ' '; '\t' |], StringSplitOptions.RemoveEmptyEntries)[1]) / 1024.0

/// Resident memory now, MiB.
let resident () = if OperatingSystem.IsLinux() then status "VmRSS:" else float Environment.WorkingSet / 1048576.0

/// Gives the free memory of the C heap back to the system, so that one measurement does not carry into the next.
[<DllImport("libc")>]
extern int private malloc_trim(unativeint pad)

/// The highest resident memory while `work` runs, MiB: the kernel's own mark, set back before; outside Linux, where it
/// cannot be set back, the highest so far.
let peak (work: unit -> unit) : float =
    GC.Collect()
    GC.WaitForPendingFinalizers()

    if OperatingSystem.IsLinux() then
        malloc_trim 0un |> ignore
        File.WriteAllText("/proc/self/clear_refs", "5")
        work ()
        status "VmHWM:"
    else
        work ()
        float (Diagnostics.Process.GetCurrentProcess().PeakWorkingSet64) / 1048576.0
