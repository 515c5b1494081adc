// Normal numbers as NumPy's legacy generator makes them from a seed, so that a seed names the same problem here and in
// the reference code. Matsumoto & Nishimura, MT19937 (1998); Marsaglia's polar method.
namespace MetaKan.Pdes

open MetaKan

[<RequireQualifiedAccess>]
module internal ReferenceSeed =
    let private size, private period = 624, 397

    /// 32-bit words of the Mersenne Twister, seeded with one number.
    let private words (seed: uint32) : seq<uint32> =
        let state = Array.zeroCreate<uint32> size
        state[0] <- seed

        for i in 1 .. size - 1 do
            state[i] <- 1812433253u * (state[i - 1] ^^^ (state[i - 1] >>> 30)) + uint32 i

        seq {
            while true do
                for i in 0 .. size - 1 do
                    let y = (state[i] &&& 0x80000000u) ||| (state[(i + 1) % size] &&& 0x7fffffffu)

                    state[i] <- state[(i + period) % size] ^^^ (y >>> 1) ^^^ (if y % 2u = 0u then 0u else 0x9908b0dfu)

                for word in state do
                    let y = word ^^^ (word >>> 11)
                    let y = y ^^^ ((y <<< 7) &&& 0x9d2c5680u)
                    let y = y ^^^ ((y <<< 15) &&& 0xefc60000u)
                    y ^^^ (y >>> 18)
        }

    /// `count` independent standard normal numbers.
    let normal (seed: int) (count: int) : float[] =
        use words = (words (uint32 seed)).GetEnumerator()

        let next () =
            words.MoveNext() |> ignore
            words.Current

        // 53 bits from two words, on [-1, 1).
        let symmetric () =
            let high, low = next () >>> 5, next () >>> 6
            2.0 * ((float high * 67108864.0 + float low) / 9007199254740992.0) - 1.0

        let rec pair () =
            let x1 = symmetric ()
            let x2 = symmetric ()
            let r2 = x1 * x1 + x2 * x2

            if r2 >= 1.0 || r2 = 0.0 then
                pair ()
            else
                let f = sqrt (-2.0 * log r2 / r2)
                [| f * x2; f * x1 |]

        Array.init ((count + 1) / 2) (fun _ -> pair ()) |> Array.concat |> Array.truncate count
