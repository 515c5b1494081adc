/// What freed tensors leave is given back to the system.
module MetaKan.Tests.HeapTests

open System
open System.Runtime.InteropServices
open Expecto
open MetaKan
open TorchSharp

let tests =
    testSequenced
    <| testList
        "Tensors.Heap"
        [
            testCase "pages between tensors that stay are given back" (fun () ->
                if RuntimeInformation.IsOSPlatform OSPlatform.Linux then
                    use _ = torch.NewDisposeScope()
                    Heap.trim ()
                    let before = Environment.WorkingSet

                    // Blocks too small to be taken from the system one by one, each with one beside it that stays.
                    let pairs = [| for _ in 1..6000 -> torch.ones (25000L, dtype = torch.float32), torch.ones 4L |]
                    let full = Environment.WorkingSet
                    Expect.isGreaterThan (full - before) 400_000_000L "in use by 6000 tensors of 100,000 bytes"

                    for large, _ in pairs do
                        large.Dispose()

                    Heap.trim ()
                    Expect.isGreaterThan (full - Environment.WorkingSet) 400_000_000L "given back")
        ]
