// Random keys: all randomness is a pure function of a key, so that the numbers of a step depend on the seed and
// the step's index alone, and a resumed run draws what an uninterrupted one would have drawn.
namespace MetaKan

open TorchSharp

/// A random key. The same key gives the same numbers on any device.
[<Struct>]
type Key = private { State: uint64 }

/// Random numbers, each a function of a key and nothing else.
[<RequireQualifiedAccess>]
module Key =
    /// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection of 64 bits that scatters nearby inputs.
    let private mix (z: uint64) =
        let z = (z ^^^ (z >>> 30)) * 0xBF58476D1CE4E5B9UL
        let z = (z ^^^ (z >>> 27)) * 0x94D049BB133111EBUL
        z ^^^ (z >>> 31)

    /// The key of a seed.
    let ofSeed (seed: int) = { State = mix (uint64 seed + 0x9E3779B97F4A7C15UL) }

    /// The `index`-th key derived from `key`; different indices give independent streams.
    let fold (index: int) (key: Key) = { State = mix (key.State + 0x9E3779B97F4A7C15UL * (uint64 index + 1UL)) }

    // A large draw is made of pieces of so many numbers, each by a generator of its own: threads share them.
    let private numbersPerPiece = 1L <<< 24

    let private draw (fill: torch.Generator -> Tensor -> Tensor) (key: Key) (place: Placement) (shape: int64 list) =
        Libtorch.load ()
        let numbers = torch.empty (List.toArray shape, dtype = place.DType, device = torch.CPU)
        let flat = numbers.view -1L

        [ for start in 0L .. numbersPerPiece .. flat.numel () - 1L -> start ]
        |> Workers.map torch.CPU (fun () -> Seq.empty) (fun start ->
            let piece = int (start / numbersPerPiece)
            let key = if piece = 0 then key else fold piece key
            use generator = new torch.Generator(key.State >>> 1)

            flat.narrow (0L, start, min numbersPerPiece (flat.numel () - start)) |> fill generator |> ignore)
        |> ignore

        numbers.``to`` place.Device

    /// Independent samples of the uniform distribution on [0, 1).
    let uniform (key: Key) (place: Placement) (shape: int64 list) : Tensor =
        draw (fun generator t -> t.uniform_ (0.0, 1.0, generator)) key place shape

    /// Independent samples of the standard normal distribution.
    let normal (key: Key) (place: Placement) (shape: int64 list) : Tensor =
        draw (fun generator t -> t.normal_ (0.0, 1.0, generator)) key place shape

    /// Independent random signs, +1 or -1 with equal probability.
    let signs (key: Key) (place: Placement) (shape: int64 list) : Tensor =
        torch.sign (uniform key place shape - 0.5) |> fun s -> s + (1.0 - s * s)

    /// The 64-bit numbers of SplitMix64 that begin at a key.
    let private stream (key: Key) =
        let state = ref key.State

        fun () ->
            state.Value <- state.Value + 0x9E3779B97F4A7C15UL
            mix state.Value

    /// n independent samples of the uniform distribution on [0, 1), without a tensor: for work on other threads.
    let uniforms (key: Key) (n: int) : float[] =
        let next = stream key
        Array.init n (fun _ -> float (next () >>> 11) * 2.0 ** -53.0)

    /// A uniformly random order of 0 … n-1.
    let permutation (key: Key) (n: int) : int[] =
        let next = stream key
        let order = Array.init n id

        for i in n - 1 .. -1 .. 1 do
            let j = int (next () % uint64 (i + 1))
            let kept = order[i]
            order[i] <- order[j]
            order[j] <- kept

        order
