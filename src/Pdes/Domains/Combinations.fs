// Regions made of regions: constructive solid geometry (Requicha, Computing Surveys 12, 1980), time as one more coordinate,
// and boundaries divided otherwise. Points come by rejection, functions that vanish on boundaries by R-functions.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Combinations =
    let dimension (domain: Domain) = domain.Bounds.Length

    // How many points tell what share of a region or boundary is kept; fewer than one in as many goes unnoticed.
    let private probes = 8192
    let private probe (draw: Numbers -> Sampler) = draw Numbers.even (Key.ofSeed 0) Placement.cpu64 probes

    let private rows (mask: Tensor) (x: Tensor) = x.index_select (0L, mask.nonzero().squeeze -1L)

    let private shareOf (keep: Tensor -> Tensor) (draw: Numbers -> Sampler) : float =
        use _ = Tensor.firstScope ()
        let x = probe draw
        float ((rows (keep x) x).size 0) / float probes

    // The first n of a sampler's points that are kept. More are drawn of the same key until there are as many, so that a
    // sequence is followed from its beginning.
    let private rejected
        (what: string)
        (share: float)
        (keep: Tensor -> Tensor)
        (draw: Numbers -> Sampler)
        : Numbers -> Sampler =
        fun numbers key place n ->
            let most = 64.0 * (float n + 64.0) / share

            let rec take (drawn: float) =
                let kept =
                    Tensor.scoped Seq.singleton (fun () ->
                        let x = draw numbers key place (int drawn)
                        rows (keep x) x)

                if kept.size 0 >= int64 n then
                    kept.narrow (0L, 0L, int64 n)
                elif drawn > most then
                    invalidArg "domain" $"{what}: of {int drawn} points only {kept.size 0} are in it; it seems empty"
                else
                    take (2.0 * drawn)

            take (1.1 * float n / share + 64.0)

    // A region by rejection; refused at once where no point is kept.
    let private within (what: string) (keep: Tensor -> Tensor) (draw: Numbers -> Sampler) : Numbers -> Sampler =
        match shareOf keep draw with
        | 0.0 -> invalidArg "domain" $"{what}: none of {probes} points is in it; it seems empty"
        | share -> rejected what share keep draw

    let private size (bounds: (float * float) list) = bounds |> List.map (fun (low, high) -> high - low) |> List.max

    // Points and normals apart, and where one comes by a small step along the normal.
    let private apart (x: Tensor) : (Tensor * Tensor) =
        let d = x.size 1 / 2L
        x.narrow (1L, 0L, d), x.narrow (1L, d, d)

    let private stepped (length: float) (direction: float) (x: Tensor) : Tensor =
        let step = if x.dtype = torch.float64 then 1e-7 else 3e-5
        let point, normal = apart x
        point + direction * step * length * normal

    // The pieces of a part that are kept, if there are any.
    let private cut what (keep: Tensor -> Tensor) (distance: bool -> (Jet -> Jet) option) (part: BoundaryPart) =
        match shareOf keep part.Draw with
        | 0.0 -> []
        | share ->
            [
                { part with
                    Measure = share * part.Measure
                    Draw = rejected $"{what}, boundary {part.Name}" share keep part.Draw
                    Distance = distance (share = 1.0)
                }
            ]

    let private all (functions: (Jet -> Jet) option list) : (Jet -> Jet) list option =
        if List.forall Option.isSome functions then Some(List.choose id functions) else None

    // A part's function where more than its own region is seen: it ends with the part, which the functions `ends` tell, each
    // positive where the part is.
    let private ended length (change: Jet -> Jet) (ends: (Jet -> Jet) list) (f: Jet -> Jet) : Jet -> Jet =
        if ends.IsEmpty then
            f >> change >> RFunctions.positive length
        else
            fun x ->
                let ends = ends |> List.map (fun g -> g x) |> Jet.concat |> RFunctions.combine RFunctions.conjunction
                RFunctions.trimmed length (change (f x)) ends

    // The boundary of one region in a region made of two. `keep` tells its points, `other` is positive where they are;
    // `outside`: whether the new region is seen from outside the part's own, or beyond it, so that the part ends where the
    // other parts of its own region do.
    let private boundaryOf what length (own: Domain) keep (change: Jet -> Jet) outside (other: (Jet -> Jet) option) =
        own.Parts
        |> List.indexed
        |> List.collect (fun (i, part) ->
            let siblings = if outside then [ for part in List.removeAt i own.Parts -> part.Distance ] else []

            let distance isWhole =
                let ends = all (siblings @ (if isWhole then [] else [ other ]))

                match part.Distance, ends with
                | Some f, Some [] when not outside -> Some f
                | Some f, Some ends -> Some(ended length change ends f)
                | _ -> None

            cut what keep distance part)

    let private turn (part: BoundaryPart) : BoundaryPart =
        { part with
            Draw =
                fun numbers key place n ->
                    let x, normal = part.Draw numbers key place n |> apart
                    torch.cat ([| x; -normal |], 1L)
        }

    let private check what (a: Domain) (b: Domain) =
        if dimension a <> dimension b then
            invalidArg "domain" $"{what}: both regions take as many coordinates, not {dimension a} and {dimension b}"

    let private both f (a: (Jet -> Jet) option) (b: (Jet -> Jet) option) : (Jet -> Jet) option =
        Option.map2 (fun a b x -> f (a x) (b x)) a b

    let private negative (f: (Jet -> Jet) option) = f |> Option.map (fun f -> f >> Jet.scale -1.0)
    let private isNot (mask: Tensor) = mask.logical_not ()

    // Where the boundaries of a and b run along one another, the piece is a's.
    let union (a: Domain) (b: Domain) : Domain =
        let what = "union"
        check what a b
        let bounds = List.map2 (fun (l, h) (low, high) -> min l low, max h high) a.Bounds b.Bounds
        let length = size bounds
        let contains (x: Tensor) = (a.Contains x).logical_or(b.Contains x)
        let beyond = stepped length 1.0
        let within' = stepped length -1.0
        let ofA x = isNot (b.Contains(beyond x))
        let ofB x = isNot ((a.Contains(beyond x)).logical_or(a.Contains(within' x)))

        {
            Bounds = bounds
            Contains = contains
            Draw = within what contains (Boxes.draw bounds)
            Parts =
                boundaryOf what length a ofA id true (negative b.Distance)
                @ boundaryOf what length b ofB id true (negative a.Distance)
            Distance = both RFunctions.disjunction a.Distance b.Distance
        }

    let intersection (a: Domain) (b: Domain) : Domain =
        let what = "intersection"
        check what a b
        let bounds = List.map2 (fun (l, h) (low, high) -> max l low, min h high) a.Bounds b.Bounds

        if bounds |> List.exists (fun (low, high) -> low > high) then
            invalidArg "domain" $"{what}: the regions lie apart, so that it is empty"

        let length = size a.Bounds
        let beyond = stepped length 1.0
        let within' = stepped length -1.0
        let ofA x = b.Contains(within' x)
        let ofB x = (a.Contains(beyond x)).logical_and(a.Contains(within' x))

        {
            Bounds = bounds
            Contains = fun x -> (a.Contains x).logical_and(b.Contains x)
            Draw = within what b.Contains a.Draw
            Parts = boundaryOf what length a ofA id false b.Distance @ boundaryOf what length b ofB id false a.Distance
            Distance = both RFunctions.conjunction a.Distance b.Distance
        }

    let difference (a: Domain) (b: Domain) : Domain =
        let what = "difference"
        check what a b
        let length = size a.Bounds
        let beyond = stepped length 1.0
        let within' = stepped length -1.0
        let outside (x: Tensor) = isNot (b.Contains x)
        let ofA x = outside (within' x)
        let ofB x = (a.Contains(beyond x)).logical_and(a.Contains(within' x))

        {
            Bounds = a.Bounds
            Contains = fun x -> (a.Contains x).logical_and(outside x)
            Draw = within what outside a.Draw
            Parts =
                boundaryOf what length a ofA id false (negative b.Distance)
                @ (boundaryOf what length b ofB (RFunctions.turned length) true a.Distance |> List.map turn)
            Distance = both RFunctions.conjunction a.Distance (negative b.Distance)
        }

    // The numbers after the first column, which is time's.
    let private afterFirst (numbers: Numbers) : Numbers =
        fun key place n k -> (numbers key place n (k + 1)).narrow(1L, 1L, int64 k)

    let during (first: float) (last: float) (space: Domain) : Domain =
        if not (first < last && System.Double.IsFinite first && System.Double.IsFinite last) then
            invalidArg (nameof last) $"time goes from a start to a later end, not from {first} to {last}"

        let d = dimension space
        let time = Boxes.create [ first, last ]
        let ofSpace (x: Jet) = Jet.slice 0 d x
        let spaceOf (x: Tensor) = x.narrow (1L, 0L, int64 d)

        let timed (draw: Numbers -> Sampler) (numbers: Numbers) : Sampler =
            fun key place n ->
                let x = draw (afterFirst numbers) (Key.fold 0 key) place n
                let t = time.Draw numbers (Key.fold 1 key) place n
                // Normals, where there are any, do not point in time.
                let still = torch.zeros_like t
                let normal = x.narrow (1L, int64 d, x.size 1 - int64 d)
                torch.cat ((if normal.size 1 = 0L then [| x; t |] else [| spaceOf x; t; normal; still |]), 1L)

        let wall (part: BoundaryPart) =
            { part with
                Measure = part.Measure * (last - first)
                Draw = timed part.Draw
                Distance = part.Distance |> Option.map (fun f -> ofSpace >> f)
            }

        let inside = shareOf space.Contains (Boxes.draw space.Bounds)
        let volume = max inside (1.0 / float probes) * Boxes.volume space.Bounds

        let moment (name: string) (at: BoundaryPart) =
            {
                Name = name
                Measure = volume
                Draw =
                    fun numbers key place n ->
                        let x = space.Draw numbers key place n
                        let t, direction = at.Draw numbers key place n |> apart
                        torch.cat ([| x; t; torch.zeros_like x; direction |], 1L)
                Distance = at.Distance |> Option.map (fun f -> Jet.part d >> f)
            }

        {
            Bounds = space.Bounds @ time.Bounds
            Contains = fun x -> (space.Contains(spaceOf x)).logical_and(time.Contains(x.narrow (1L, int64 d, 1L)))
            Draw = timed space.Draw
            Parts = List.map wall space.Parts @ List.map2 moment [ "start"; "end" ] time.Parts
            Distance =
                both
                    RFunctions.conjunction
                    (space.Distance |> Option.map (fun f -> ofSpace >> f))
                    (time.Distance |> Option.map (fun f -> Jet.part d >> f))
        }

    let named (name: string) (domain: Domain) : Domain =
        { domain with Parts = domain.Parts |> List.map (fun part -> { part with Name = name }) }

    let part (name: string) (predicate: Tensor -> Tensor) (domain: Domain) : Domain =
        let holds (x: Tensor) =
            let point, _ = apart x
            let mask = predicate point

            if mask.dtype <> torch.bool || Tensor.shape mask <> [| x.size 0 |] then
                let given = $"{mask.dtype} {List.ofArray (Tensor.shape mask)}"

                invalidArg
                    (nameof predicate)
                    $"part {name}: its predicate gives a bool for each of {x.size 0} points, not {given}"

            mask

        let pieces keep =
            [
                for part in domain.Parts do
                    yield! cut $"part {name}" keep (fun isWhole -> if isWhole then part.Distance else None) part
            ]

        match pieces holds with
        | [] -> invalidArg (nameof predicate) $"part {name}: its predicate holds at no point of the boundary"
        | own -> { domain with Parts = [ for piece in own -> { piece with Name = name } ] @ pieces (holds >> isNot) }
