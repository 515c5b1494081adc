// Domains: where a problem is posed, in space or in space and time, with random points of it.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// Random points [n, d] of a region or of a boundary; the same key gives the same points.
type Sampler = Key -> Placement -> int -> Tensor

/// A region of d coordinates.
type Domain =
    {
        /// The smallest box around the region: the lowest and the highest value of each coordinate.
        Bounds: (float * float) list
        /// Which of the points [N, d] lie in the region: bool [N].
        Contains: Tensor -> Tensor
        Sample: Sampler
    }

[<RequireQualifiedAccess>]
module Domain =
    /// The ball of the given radius around the origin. Points are uniform in direction and in radius (not in volume:
    /// in high dimension that would leave the inside empty). Hu et al., SDGD (arXiv 2307.12306), section 5.
    let ball (d: int) (radius: float) : Domain =
        if d < 1 || not (radius > 0.0) then
            invalidArg (nameof radius) $"a ball takes a dimension from 1 up and a positive radius, not {d} and {radius}"

        let sample key place n =
            let direction = Key.normal (Key.fold 0 key) place [ int64 n; int64 d ]
            let r = Key.uniform (Key.fold 1 key) place [ int64 n; 1L ]
            direction / torch.sqrt ((direction * direction).sum(1L, keepdim = true)) * r * radius

        {
            Bounds = List.replicate d (-radius, radius)
            Contains = fun x -> (x * x).sum(1L).le((radius * radius).ToScalar())
            Sample = sample
        }

    let private row (place: Placement) (numbers: float list) =
        Tensor.ofArray place [ 1L; int64 numbers.Length ] (List.toArray numbers)

    /// The box whose sides are the given intervals, with uniform points; an interval of no length makes it a face.
    let box (sides: (float * float) list) : Domain =
        if sides.IsEmpty then
            invalidArg (nameof sides) "a box takes a side for each coordinate, and has none"

        for i, (low, high) in List.indexed sides do
            if not (low <= high) then
                invalidArg (nameof sides) $"side {i} of a box goes from low to high, not from {low} to {high}"

        let ends place = row place (List.map fst sides), row place (List.map snd sides)

        {
            Bounds = sides
            Contains =
                fun x ->
                    let low, high = ends (Placement.ofTensor x)
                    (x.ge low).logical_and(x.le high).all 1L
            Sample =
                fun key place n ->
                    let low, high = ends place
                    low + Key.uniform key place [ int64 n; int64 sides.Length ] * (high - low)
        }

    /// Points uniform on the boundary of a box in the listed coordinates (all faces equally likely).
    let faces (sides: (float * float) list) (coordinates: int list) : Sampler =
        let box = box sides

        if coordinates.IsEmpty || coordinates |> List.exists (fun i -> i < 0 || i >= sides.Length) then
            invalidArg
                (nameof coordinates)
                $"a box of {sides.Length} sides has no faces in the coordinates {coordinates}"

        fun key place n ->
            let inside = box.Sample (Key.fold 0 key) place n
            let d = int64 sides.Length

            let faces =
                [
                    for i in coordinates do
                        yield! [ i, fst sides[i]; i, snd sides[i] ]
                ]

            let face =
                torch.floor (Key.uniform (Key.fold 1 key) place [ int64 n ] * float faces.Length)
                |> _.``to``(torch.int64)

            let column f = (row place (List.map f faces)).reshape(-1L, 1L)

            let coordinate = (column (fst >> float)).index_select(0L, face).``to`` torch.int64
            let value = (column snd).index_select(0L, face)
            let held = torch.nn.functional.one_hot(coordinate.squeeze -1L, d).``to`` place.DType
            inside * (1.0 - held) + value * held
