// Where a device's tensors lie in the machine's own memory: there kernels read them, and threads share the work on them.
#nowarn "9" // pointers
namespace MetaKan

open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Threading
open Microsoft.FSharp.NativeInterop
open TorchSharp

[<RequireQualifiedAccess>]
module internal Host =
    // Of each thread. Backward passes on a CPU run on the thread that asks for them, and `elsewhere` hires no other.
    let private away = new ThreadLocal<bool>()

    /// Whether this machine's kernels and threads work on the tensors of a device; tensor operators do elsewhere.
    let holds (device: torch.Device) : bool = device.``type`` = DeviceType.CPU && not away.Value

    /// Runs a computation on the CPU as it runs on any other device, so that tests see the way that it takes there.
    let elsewhere (computation: unit -> 'a) : 'a =
        let before = away.Value
        away.Value <- true

        try
            computation ()
        finally
            away.Value <- before

    /// Runs a computation that sees no tensor as it is for those of a device.
    let on (device: torch.Device) (computation: unit -> 'a) : 'a =
        if holds device then computation () else elsewhere computation

    /// Where the numbers of a tensor without gaps start; `bytes` shows no more than 2 GiB.
    let address (t: Tensor) : nativeint =
        let head = if t.numel () < (1L <<< 27) then t else t.view(-1L).narrow(0L, 0L, 1L)

        Unsafe.AsPointer(&MemoryMarshal.GetReference head.bytes)
        |> NativePtr.ofVoidPtr<byte>
        |> NativePtr.toNativeInt
