namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

/// Domains as they are written: shapes, shapes made of shapes, and what is asked of their boundaries by the parts' names.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Domain =
    /// The interval from a to b, with the parts "left" and "right".
    let interval (a: float) (b: float) : Domain =
        if not (a < b) then
            invalidArg (nameof b) $"an interval goes from a number to a greater one, not from {a} to {b}"

        Boxes.create [ a, b ]

    /// The box whose sides are the given intervals. Its parts are "left" and "right" (the ends of the first side), "bottom"
    /// and "top" (the second's), "front" and "back" (the third's), "low 4", "high 4" and so on. A side of no length makes
    /// the box a face, and has no parts.
    let box (sides: (float * float) list) : Domain = Boxes.create sides

    /// The ball of that centre and radius, with the part "sphere". Points are uniform in volume.
    let ball (centre: float list) (radius: float) : Domain = Balls.ball centre radius

    /// The ball of d dimensions around the origin, with points uniform in direction and in radius (not in volume: in high
    /// dimension that would leave the inside empty). Hu et al., SDGD (arXiv 2307.12306), section 5. Directions are random
    /// whatever the numbers, which make the radius alone.
    let centredBall (d: int) (radius: float) : Domain = Balls.centred d radius

    /// The surface of a ball as a region of its own, which has no boundary.
    let sphere (centre: float list) (radius: float) : Domain = Balls.sphere centre radius

    /// The simplex of d + 1 vertices in d dimensions: a triangle, a tetrahedron and so on. The part "face i" is opposite to
    /// vertex i, counted from 1. Raises ArgumentException for vertices that lie in one plane.
    let simplex (vertices: float list list) : Domain = Simplices.create vertices

    /// The polygon of a ring of vertices, either way round, less the polygons of other rings. Its parts are "outer", "hole
    /// 1", "hole 2" and so on. Raises ArgumentException, with the place, for rings that cross themselves or one another.
    let polygon (ring: (float * float) list) (holes: (float * float) list list) : Domain = Polygons.ofRings ring holes

    /// The polygons of a well-known text, POLYGON or MULTIPOLYGON. Raises BadInput for another text, and for what is no
    /// polygon.
    let ofWkt (text: string) : Domain = PolygonFiles.ofWkt text

    /// The polygons of a GeoJSON text: Polygon, MultiPolygon, features and their collections. Raises BadInput for another
    /// text, and for what is no polygon.
    let ofGeoJson (text: string) : Domain = PolygonFiles.ofGeoJson text

    /// The polygons of a file .wkt, .geojson or .json. Raises BadInput with the file's name.
    let ofFile (path: string) : Domain = PolygonFiles.ofFile path

    /// Given points, a row each. What is drawn are rows, all equally likely, none twice while there are others; they do not
    /// depend on which numbers they are drawn by. A point lies in the domain if it is one of them. There are no parts.
    let points (rows: float[][]) : Domain = Clouds.create rows

    /// What lies in either region. Points are uniform if the regions' are; those of a's boundary and of b's are its parts,
    /// as far as they are its boundary, and their measures are estimated. Raises ArgumentException for regions of other
    /// coordinates.
    let union (a: Domain) (b: Domain) : Domain = Combinations.union a b

    /// What lies in both regions; see `union`. Raises ArgumentException if that seems to be nothing.
    let intersection (a: Domain) (b: Domain) : Domain = Combinations.intersection a b

    /// What lies in the first region and not in the second, whose normals are turned round; see `union`. Raises
    /// ArgumentException if that seems to be nothing.
    let difference (a: Domain) (b: Domain) : Domain = Combinations.difference a b

    /// The region over the time from t0 to t1, which is one more, the last coordinate. Its parts are those of the region,
    /// "start" and "end"; the measure of these two is the region's volume, as estimated by points of its bounds.
    let during (t0: float) (t1: float) (domain: Domain) : Domain = Combinations.during t0 t1 domain

    /// Where Brownian motion takes points of d dimensions in the time from t0 to t1, the last coordinate: at t each coordinate
    /// is normal with the variance deviation² + 2 · diffusivity · (t - t0), its tails cut off at four deviations. Its parts are
    /// "start" and "end". What u_t + a Δu + … = 0 says of such points, with this a as the diffusivity, depends on their
    /// values at the end alone, in the whole space; of a ball without values on its sphere, it says too little. Raises
    /// ArgumentException for numbers that are negative, and where both are 0.
    let brownian (d: int) (deviation: float) (diffusivity: float) (t0: float) (t1: float) : Domain =
        Brownian.create d deviation diffusivity (t0, t1)

    /// The same region with one name for all its parts.
    let named (name: string) (domain: Domain) : Domain = Combinations.named name domain

    /// The same region with a part of this name where the predicate, from points [N, d] to bool [N], holds; the rest of
    /// each part keeps its name. Measures are estimated, and there is no `Distance` of parts that were divided. Raises
    /// ArgumentException for a predicate that holds nowhere on the boundary.
    let part (name: string) (predicate: Tensor -> Tensor) (domain: Domain) : Domain =
        Combinations.part name predicate domain

    let private listed (names: string list) (domain: Domain) : BoundaryPart list =
        let there = domain.Parts |> List.map _.Name |> List.distinct
        let all = if there.IsEmpty then "none" else String.concat ", " there

        match names |> List.tryFind (fun name -> not (List.contains name there)) with
        | Some name -> invalidArg (nameof names) $"the domain has no boundary '{name}'; its parts are: {all}"
        | None ->
            let isListed (part: BoundaryPart) =
                if names.IsEmpty then part.Name <> "start" && part.Name <> "end" else List.contains part.Name names

            match domain.Parts |> List.filter isListed with
            | [] -> invalidArg (nameof names) $"the domain has no walls; its parts are: {all}"
            | parts -> parts

    /// Points of the listed parts of the boundary, each with its outward unit normal: [n, 2d]. An empty list stands for all
    /// parts but "start" and "end". Every part has a share of the points in proportion to its measure, up to one point, and
    /// they come part by part; parts of one name are one. Raises ArgumentException, with the names that there are, for
    /// another.
    let boundary (names: string list) (domain: Domain) : Numbers -> Sampler =
        let parts = listed names domain
        let total = parts |> List.sumBy _.Measure

        // Where each part ends, of all that is to be shared out.
        let ends =
            parts
            |> List.map (fun part -> if total > 0.0 then part.Measure / total else 1.0 / float parts.Length)
            |> List.scan (+) 0.0
            |> List.tail
            |> List.updateAt (parts.Length - 1) 1.0

        fun numbers key place n ->
            let offset = Array.head (Key.uniforms (Key.fold 0 key) 1)

            let counts =
                ends
                |> List.map (fun share -> int (floor (share * float n + offset)))
                |> fun upTo -> List.map2 (-) upTo (0 :: List.take (upTo.Length - 1) upTo)

            [|
                for i, (part, count) in List.indexed (List.zip parts counts) do
                    if count > 0 || n = 0 then
                        part.Draw numbers (Key.fold (i + 1) key) place count
            |]
            |> fun drawn -> torch.cat (drawn, 0L)

    /// Random points of the listed parts of the boundary, [n, d], as `boundary` shares them out.
    let walls (names: string list) (domain: Domain) : Sampler =
        let boundary = boundary names domain
        let d = int64 domain.Bounds.Length
        fun key place n -> (boundary Numbers.random key place n).narrow(1L, 0L, d)

    /// A function of the point's jet, [N, 1]: zero on the listed parts of the boundary alone, positive inside; the product
    /// of the parts' own. An empty list stands for all parts but "start" and "end". Raises ArgumentException for a name that
    /// there is not, and for a part that has no such function.
    let distance (names: string list) (domain: Domain) : Jet -> Jet =
        let functions =
            listed names domain
            |> List.map (fun part ->
                match part.Distance with
                | Some f -> f
                | None ->
                    invalidArg (nameof names) $"the boundary '{part.Name}' has no function that vanishes on it alone")

        fun x -> functions |> List.map (fun f -> f x) |> List.reduce (fun a b -> a * b)
