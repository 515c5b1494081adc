// Batches of labelled images. A step's batch is a pure function of the step, so that a resumed run sees the same batches
// as an uninterrupted one. Each epoch goes through all images once.
namespace MetaKan.Images

open System
open System.Buffers
open System.Runtime.InteropServices
open System.Threading.Tasks
open MetaKan
open TorchSharp

/// Images with their classes.
type Batch =
    {
        /// [B, C, H, W], normalised, on the placement's device and of its element type.
        Pixels: Tensor
        /// [B], int64, on the same device.
        Labels: Tensor
    }

/// How batches are made.
type Batching =
    {
        /// Images per batch; the last batch of an epoch may be smaller.
        Size: int
        /// The random changes of `at` and `ahead`; `whole` makes none.
        Augmentation: Augmentation
        /// Of the pixels, once they are changed.
        Normalization: Normalization
        /// Decides the order of the images and how each is changed.
        Key: Key
        /// Of the pixels; labels take the device of it.
        Placement: Placement
    }

/// Batches of labelled images, each a pure function of the step.
[<RequireQualifiedAccess>]
module Batches =
    /// A batch before it is copied to tensors: B, the pixels [B, C, H, W] at the start of a pooled array, and the labels.
    type private Assembled = { Count: int; Values: float32[]; Classes: int64[] }

    /// The number of batches in an epoch of `count` images.
    let perEpoch (batching: Batching) (count: int) : int = (count + batching.Size - 1) / batching.Size

    let private assemble (batching: Batching) augmentation (images: Images) (chosen: ArraySegment<int>) key =
        let size = Images.size images
        let values = ArrayPool.Shared.Rent(chosen.Count * size)

        for i in 0 .. chosen.Count - 1 do
            Augmentation.apply augmentation (Key.fold chosen[i] key) images chosen[i] values (i * size)
            Normalization.apply batching.Normalization images.Channels (Span(values, i * size, size))

        {
            Count = chosen.Count
            Values = values
            Classes =
                if images.Labels.Length = 0 then
                    [||]
                else
                    Array.init chosen.Count (fun i -> int64 images.Labels[chosen[i]])
        }

    let private tensor (dtype: torch.ScalarType) (shape: int list) (values: ReadOnlySpan<'n>) : Tensor =
        let t = torch.empty (shape |> List.map int64 |> List.toArray, dtype = dtype, device = torch.CPU)
        MemoryMarshal.AsBytes(values).CopyTo t.bytes
        t

    /// The assembled batch as tensors; its array is returned to the pool.
    let private batch (batching: Batching) (images: Images) (assembled: Assembled) : Batch =
        let shape = [ assembled.Count; images.Channels; images.Height; images.Width ]
        let values = ReadOnlySpan(assembled.Values, 0, List.reduce (*) shape)
        use _ = torch.NewDisposeScope()

        let made =
            {
                Pixels = tensor torch.float32 shape values |> Placement.put batching.Placement
                Labels =
                    (tensor torch.int64 [ assembled.Classes.Length ] (ReadOnlySpan assembled.Classes)).``to``
                        batching.Placement.Device
            }

        ArrayPool.Shared.Return assembled.Values
        { Pixels = made.Pixels.MoveToOuterDisposeScope(); Labels = made.Labels.MoveToOuterDisposeScope() }

    /// The order of an epoch's images.
    let private order (batching: Batching) (images: Images) (epoch: int) =
        Key.permutation (Key.fold 0 (Key.fold epoch batching.Key)) (Images.count images)

    /// The batch of a step; `order` gives the order of an epoch's images.
    let private assembled (batching: Batching) (images: Images) (order: int -> int[]) (step: int) =
        let batches = perEpoch batching (Images.count images)
        let epoch, first = step / batches, step % batches * batching.Size
        let all = order epoch
        let chosen = ArraySegment(all, first, min batching.Size (all.Length - first))
        assemble batching batching.Augmentation images chosen (Key.fold 1 (Key.fold epoch batching.Key))

    /// Raises BadInput for settings that do not fit the images.
    let check (batching: Batching) (images: Images) : unit =
        if batching.Size < 1 then
            raise (BadInput $"the batch size takes a whole number from 1 up, not {batching.Size}")

        if Images.count images = 0 then
            raise (BadInput "there are no images")

        Augmentation.check batching.Augmentation
        Normalization.check images.Channels batching.Normalization

    /// The batch of a step, counted from 0: a random one, each image once an epoch, augmented. Raises BadInput where
    /// `check` does.
    let at (batching: Batching) (images: Images) (step: int) : Batch =
        check batching images
        assembled batching images (order batching images) step |> batch batching images

    /// All images in order, as they are; the last batch has the remaining ones. Labels are empty where there are none.
    let whole (batching: Batching) (images: Images) : Batch seq =
        check batching images

        seq {
            for chosen in [| 0 .. Images.count images - 1 |] |> Array.chunkBySize batching.Size do
                assemble batching Augmentation.none images (ArraySegment chosen) batching.Key
                |> batch batching images
        }

    /// Gives the same batches as `at`, and prepares the next ones on other threads. Not thread-safe.
    [<Sealed>]
    type Reader internal (batching: Batching, images: Images) =
        /// The number of batches prepared ahead.
        let ahead = 2

        let order =
            let last = ref None

            // Two threads may compute the same order; the result is the same.
            fun epoch ->
                match last.Value with
                | Some(known, found) when known = epoch -> found
                | _ ->
                    let found = order batching images epoch
                    last.Value <- Some(epoch, found)
                    found

        let mutable pending: Map<int, Task<Assembled>> = Map.empty

        /// The batch of any step. Rethrows exceptions from preparing it.
        member _.Get(step: int) : Batch =
            pending <-
                Map
                    [
                        for s in step .. step + ahead ->
                            s,
                            match Map.tryFind s pending with
                            | Some task -> task
                            | None -> Task.Run(fun () -> assembled batching images order s)
                    ]

            let found = pending[step].GetAwaiter().GetResult()
            pending <- Map.remove step pending
            batch batching images found

        interface IDisposable with
            /// Waits for the batches in preparation.
            member _.Dispose() =
                for task in pending.Values do
                    (task :> Task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult()

                pending <- Map.empty

    /// A reader that prepares batches ahead. Raises BadInput where `check` does.
    let ahead (batching: Batching) (images: Images) : Reader =
        check batching images
        new Reader(batching, images)
