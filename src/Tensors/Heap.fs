// The C library's memory between steps. glibc places aligned blocks, as tensors have them, among smaller ones that may outlive
// them; what is then free between two of these is a little too small for the next step's block of the same size, which takes new
// pages: thousands of steps of freed tensors would still fill the memory.
namespace MetaKan

open System
open System.Runtime.InteropServices

[<RequireQualifiedAccess>]
module internal Heap =
    module private Native =
        [<DllImport("libc")>]
        extern int malloc_trim(unativeint pad)

    // glibc alone fragments so, and has the function: others lack its name or the library.
    let mutable private isKnown = RuntimeInformation.IsOSPlatform OSPlatform.Linux

    // Bytes in use when last looked at, the least since pages were given back.
    let mutable private least = 0L

    /// Growth from which on pages are given back: a share of what is in use, and bytes.
    let private share, private bytes = 0.25, 128L <<< 20

    /// Gives the pages of what is free back to the system, where the process has grown much since it was last asked to.
    let trim () : unit =
        if isKnown then
            let used = Environment.WorkingSet

            if least = 0L || used < least then
                least <- used
            elif used > least + int64 (share * float least) + bytes then
                try
                    Native.malloc_trim 0un |> ignore
                with :? TypeLoadException ->
                    isKnown <- false

                least <- Environment.WorkingSet
