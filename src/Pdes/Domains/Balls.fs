// Balls and spheres: Muller, Commun. ACM 2 (1959), for points on a sphere; in up to three dimensions by angle and height.
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Balls =
    let private check (centre: float list) (radius: float) =
        if centre.IsEmpty || not (radius > 0.0 && Double.IsFinite radius) then
            invalidArg
                (nameof radius)
                $"a ball takes a dimension from 1 up and a positive radius, not {centre.Length} and {radius}"

    // How many numbers a direction takes.
    let private columns d =
        if d <= 2 then 1
        elif d = 3 then 2
        else d

    // Unit vectors [n, d] from numbers [n, columns d].
    let private directions d (numbers: Tensor) : Tensor =
        let column i = numbers.narrow (1L, i, 1L)
        let circle (u: Tensor) = torch.cat ([| torch.cos (2.0 * Math.PI * u); torch.sin (2.0 * Math.PI * u) |], 1L)

        match d with
        | 1 -> torch.sign (column 0L - 0.5) |> fun s -> s + (1.0 - s * s)
        | 2 -> circle (column 0L)
        | 3 ->
            let height = 2.0 * column 0L - 1.0
            torch.cat ([| (1.0 - height * height).sqrt() * circle (column 1L); height |], 1L)
        | _ ->
            let most = 1.0 - Boxes.precision (Placement.ofTensor numbers)
            let normal = (2.0 * numbers - 1.0).clamp((-most).ToScalar(), most.ToScalar()).erfinv()
            normal / (normal * normal).sum(1L, keepdim = true).sqrt()

    // The area of the unit sphere in d dimensions: 2, 2π, 4π, …
    let private area d =
        let rec times factor d =
            if d = 1 then 2.0 * factor
            elif d = 2 then 2.0 * Math.PI * factor
            else times (factor * 2.0 * Math.PI / float (d - 2)) (d - 2)

        times 1.0 d

    let private from (centre: float list) (x: Tensor) = x - Boxes.row (Placement.ofTensor x) centre
    let private squared (x: Tensor) = (x * x).sum 1L
    let private bounds centre radius = centre |> List.map (fun c -> c - radius, c + radius)

    // Rounding at a point of the sphere, relative to the radius.
    let private rounding (place: Placement) (centre: float list) (radius: float) =
        16.0 * Boxes.precision place * (1.0 + (centre |> List.map abs |> List.max) / radius)

    let private onSphere
        (centre: float list)
        (radius: float)
        (numbers: Numbers)
        : Key -> Placement -> int -> Tensor * Tensor =
        fun key place n ->
            let normal = numbers key place n (columns centre.Length) |> directions centre.Length
            Boxes.row place centre + radius * normal, normal

    // (r² - |x - c|²)/2r
    let private distance (centre: float list) (radius: float) (x: Jet) : Jet =
        let place = Placement.ofTensor x.Value

        let moved =
            if List.forall ((=) 0.0) centre then x else { x with Value = x.Value - Boxes.row place centre }

        (radius * radius - Jet.normSquared moved) / (2.0 * radius)

    let private surface (centre: float list) (radius: float) : BoundaryPart =
        {
            Name = "sphere"
            Measure = area centre.Length * radius ** float (centre.Length - 1)
            Draw =
                fun numbers key place n ->
                    let x, normal = onSphere centre radius numbers key place n
                    torch.cat ([| x; normal |], 1L)
            Distance = Some(distance centre radius)
        }

    let ball (centre: float list) (radius: float) : Domain =
        check centre radius
        let d = centre.Length

        {
            Bounds = bounds centre radius
            Contains = fun x -> (squared (from centre x)).le((radius * radius).ToScalar())
            Draw =
                fun numbers key place n ->
                    let u = numbers key place n (1 + columns d)
                    let direction = directions d (u.narrow (1L, 1L, int64 (columns d)))
                    let r = (u.narrow (1L, 0L, 1L)).pow((1.0 / float d).ToScalar())
                    // A little short of the sphere, so that rounding leaves no point beyond it.
                    Boxes.row place centre + radius * (1.0 - rounding place centre radius) * r * direction
            Parts = [ surface centre radius ]
            Distance = Some(distance centre radius)
        }

    let centred (d: int) (radius: float) : Domain =
        let centre = List.replicate d 0.0
        check centre radius

        let draw (numbers: Numbers) key (place: Placement) n =
            let direction = Key.normal (Key.fold 0 key) place [ int64 n; int64 d ]
            let r = numbers (Key.fold 1 key) place n 1
            let length = torch.sqrt ((direction * direction).sum(1L, keepdim = true))
            direction.div_(length).mul_(r * radius)

        { ball centre radius with Draw = draw }

    let sphere (centre: float list) (radius: float) : Domain =
        check centre radius

        {
            Bounds = bounds centre radius
            Contains =
                fun x ->
                    let slack = rounding (Placement.ofTensor x) centre radius * radius
                    ((squared (from centre x)).sqrt() - radius).abs().le(slack.ToScalar())
            Draw = fun numbers key place n -> fst (onSphere centre radius numbers key place n)
            Parts = []
            Distance = None
        }
