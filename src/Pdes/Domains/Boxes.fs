// Boxes: intervals side by side.
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Boxes =
    let row (place: Placement) (numbers: float list) : Tensor =
        Tensor.ofArray place [ 1L; int64 numbers.Length ] (List.toArray numbers)

    /// The distance from 1 to the next number.
    let precision (place: Placement) = if place.DType = torch.float64 then 2.0 ** -52.0 else 2.0 ** -23.0

    /// Points with the same normal at each: [n, 2d].
    let withNormal (normal: float list) (x: Tensor) : Tensor =
        torch.cat ([| x; (row (Placement.ofTensor x) normal).expand_as x |], 1L)

    // In single precision rounded inwards, so that no point is beyond an end.
    let private rounded (place: Placement) (low: float, high: float) =
        if place.DType = torch.float64 then
            low, high
        else
            let near, far = float32 low, float32 high
            let up = if float near < low then MathF.BitIncrement near else near
            let down = if float far > high then MathF.BitDecrement far else far
            if up <= down then float up, float down else float near, float far

    let private ends place sides =
        let rounded = sides |> List.map (rounded place)
        row place (List.map fst rounded), row place (List.map snd rounded)

    /// Which points lie between the ends of every side.
    let contains (sides: (float * float) list) (x: Tensor) : Tensor =
        let low, high = ends (Placement.ofTensor x) sides
        (x.ge low).logical_and(x.le high).all 1L

    /// Points uniform in the box.
    let draw (sides: (float * float) list) (numbers: Numbers) : Sampler =
        fun key place n ->
            let low, high = ends place sides
            torch.minimum (low + numbers key place n sides.Length * (high - low), high)

    let private isProper (low: float, high: float) = low < high

    /// The product of the lengths of all sides that have one.
    let volume (sides: (float * float) list) : float =
        sides |> List.filter isProper |> List.fold (fun product (low, high) -> product * (high - low)) 1.0

    // (x - low)(high - x)/(high - low) for each side that has a length, and where all of these are positive.
    let private distance (sides: (float * float) list) : (Jet -> Jet) option =
        let proper = sides |> List.indexed |> List.filter (snd >> isProper) |> List.toArray
        let ofSides f = proper |> Array.map (snd >> f)

        if proper.Length = 0 then
            None
        else
            Some(fun x ->
                let place = Placement.ofTensor x.Value
                let vector (numbers: float[]) = Tensor.ofArray place [ int64 numbers.Length ] numbers

                // x in units of the side's length at one factor, to save a product.
                let columns (factors: float[]) =
                    Array.init (sides.Length * proper.Length) (fun n ->
                        let column = n % proper.Length
                        if fst proper[column] = n / proper.Length then factors[column] else 0.0)
                    |> Tensor.ofArray place [ int64 sides.Length; int64 proper.Length ]

                let toLow =
                    Jet.affine
                        (columns (ofSides (fun (low, high) -> 1.0 / (high - low))))
                        (vector (ofSides (fun (low, high) -> -low / (high - low))))
                        x

                let toHigh = Jet.affine (columns (ofSides (fun _ -> -1.0))) (vector (ofSides snd)) x
                RFunctions.combine RFunctions.conjunction (toLow * toHigh))

    let private names (i: int) =
        match i with
        | 0 -> "left", "right"
        | 1 -> "bottom", "top"
        | 2 -> "front", "back"
        | i -> $"low {i + 1}", $"high {i + 1}"

    let create (sides: (float * float) list) : Domain =
        if sides.IsEmpty then
            invalidArg (nameof sides) "a box takes a side for each coordinate, and has none"

        for i, (low, high) in List.indexed sides do
            if not (Double.IsFinite low && Double.IsFinite high && low <= high) then
                invalidArg (nameof sides) $"side {i} of a box goes from low to high, not from {low} to {high}"

        let face i name at direction distance =
            let sides = sides |> List.updateAt i (at, at)
            let normal = List.init sides.Length (fun j -> if j = i then direction else 0.0)

            {
                Name = name
                Measure = volume sides
                Draw = fun numbers key place n -> draw sides numbers key place n |> withNormal normal
                Distance = Some distance
            }

        {
            Bounds = sides
            Contains = contains sides
            Draw = draw sides
            Parts =
                [
                    for i, (low, high) in List.indexed sides do
                        if isProper (low, high) then
                            let atLow, atHigh = names i
                            face i atLow low -1.0 (fun x -> Jet.part i x - low)
                            face i atHigh high 1.0 (fun x -> high - Jet.part i x)
                ]
            Distance = distance sides
        }
