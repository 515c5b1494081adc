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

                    // Blocks too small to be taken from the system one by one, each with one beside it that stays; of as many
                    // bytes as a growth is that counts, and half as many more.
                    let growth = before / 3L + 300_000_000L

                    let pairs =
                        [|
                            for _ in 1L .. growth / 100_000L ->
                                torch.ones (25000L, dtype = torch.float32), torch.ones 4L
                        |]

                    let full = Environment.WorkingSet
                    Expect.isGreaterThan (full - before) (growth * 3L / 4L) "in use"

                    for large, _ in pairs do
                        large.Dispose()

                    Heap.trim ()
                    Expect.isGreaterThan (full - Environment.WorkingSet) (growth * 3L / 4L) "given back")
        ]
