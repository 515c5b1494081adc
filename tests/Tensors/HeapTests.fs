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

                    // Blocks too small to be taken from the system one by one, each with one beside it that stays, until the process
                    // has grown by what counts as growth and more: the first ones only fill what other tests have freed.
                    let growth = before / 3L + 300_000_000L
                    let pairs = ResizeArray()
                    let mutable full = before

                    while full - before < growth do
                        for _ in 1..1000 do
                            pairs.Add(struct (torch.ones (25000L, dtype = torch.float32), torch.ones 4L))

                        full <- Environment.WorkingSet

                    for struct (large, _) in pairs do
                        large.Dispose()

                    Heap.trim ()
                    Expect.isGreaterThan (full - Environment.WorkingSet) (growth * 3L / 4L) "given back")
        ]
