// Where Brownian motion goes: the region of points and times that an equation of diffusion in the whole space is solved in.
namespace MetaKan.Pdes

open System
open MathNet.Numerics
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Brownian =
    // Deviations at which the tails are cut off: beyond lie 6 in 100,000.
    let private tail = 4.0

    let private normal (u: Tensor) : Tensor =
        ((2.0 * u - 1.0) * SpecialFunctions.Erf(tail / sqrt 2.0)).erfinv() * sqrt 2.0

    let create (d: int) (deviation: float) (diffusivity: float) (first: float, last: float) : Domain =
        let isLength (v: float) = v >= 0.0 && Double.IsFinite v

        if d < 1 || not (isLength deviation && isLength diffusivity && deviation + diffusivity > 0.0) then
            invalidArg
                (nameof deviation)
                $"Brownian motion takes a dimension from 1 up, and a deviation and a diffusivity that are not negative nor \
                  both 0, not {d}, {deviation} and {diffusivity}"

        let time = Boxes.create [ first, last ]

        if not (first < last) then
            invalidArg (nameof last) $"time goes from a start to a later end, not from {first} to {last}"

        let spread (t: Tensor) =
            (deviation * deviation + 2.0 * diffusivity * (t - first)).clamp(min = 0.0.ToScalar()).sqrt()

        let at (t: Tensor) (u: Tensor) = torch.cat ([| spread t * normal u; t |], 1L)
        let reach = tail * sqrt (deviation * deviation + 2.0 * diffusivity * (last - first))

        let moment (name: string) (part: BoundaryPart) =
            {
                Name = name
                Measure = 1.0
                Draw =
                    fun numbers key place n ->
                        let face = part.Draw numbers key place n
                        let t, direction = face.narrow (1L, 0L, 1L), face.narrow (1L, 1L, 1L)
                        let x = at t (numbers key place n d)
                        torch.cat ([| x; torch.zeros_like (x.narrow (1L, 0L, int64 d)); direction |], 1L)
                Distance = part.Distance |> Option.map (fun f -> Jet.part d >> f)
            }

        {
            Bounds = List.replicate d (-reach, reach) @ [ first, last ]
            Contains =
                fun x ->
                    let points, t = x.narrow (1L, 0L, int64 d), x.narrow (1L, int64 d, 1L)
                    let most = tail * spread t + 16.0 * reach * Boxes.precision (Placement.ofTensor x)
                    (points.abs().le most).all(1L).logical_and(time.Contains t)
            Draw =
                fun numbers key place n ->
                    let u = numbers key place n (d + 1)
                    let t = first + (last - first) * u.narrow (1L, 0L, 1L)
                    at (t.clamp (first.ToScalar(), last.ToScalar())) (u.narrow (1L, 1L, int64 d))
            Parts = List.map2 moment [ "start"; "end" ] time.Parts
            // Where the tails are cut off is no boundary.
            Distance = None
        }
