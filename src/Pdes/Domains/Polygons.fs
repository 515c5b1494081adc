// Polygons with holes, several together too. Points come from a constrained Delaunay triangulation, whose triangles they fill
// in proportion to area; functions that vanish on edges from Sukumar, Srivastava (arXiv 2104.08426), section 4.2.
namespace MetaKan.Pdes

open System
open MetaKan
open NetTopologySuite.Geometries
open NetTopologySuite.Operation.Valid
open NetTopologySuite.Triangulate.Polygon
open TorchSharp

[<RequireQualifiedAccess>]
module internal Polygons =
    // Straight pieces of a boundary with the region on the left: where from and where to.
    type private Edge = (struct (float * float)) * (struct (float * float))

    let private isClosed (ring: (float * float) list) = List.head ring = List.last ring

    /// A ring of vertices, closed if it is not.
    let ring (vertices: (float * float) list) : LinearRing =
        let distinct =
            vertices
            |> List.fold (fun kept v -> if List.tryHead kept = Some v then kept else v :: kept) []
            |> List.rev

        let closed =
            if distinct.Length > 1 && isClosed distinct then distinct else distinct @ List.truncate 1 distinct

        if closed.Length < 4 then
            invalidArg (nameof vertices) $"a ring takes three vertices or more, and has {max 0 (closed.Length - 1)}"

        for x, y in closed do
            if not (Double.IsFinite x && Double.IsFinite y) then
                invalidArg (nameof vertices) $"the vertices of a ring are finite numbers, not ({x}, {y})"

        LinearRing [| for x, y in closed -> Coordinate(x, y) |]

    // A ring's edges, the inside of the ring on the left.
    let private edgesOf (ring: LineString) (insideLeft: bool) : Edge list =
        let points = [ for c in ring.Coordinates -> struct (c.X, c.Y) ]
        let isLeft = NetTopologySuite.Algorithm.Orientation.IsCCW ring.Coordinates

        (if isLeft = insideLeft then points else List.rev points)
        |> List.pairwise
        |> List.filter (fun (a, b) -> a <> b)

    let private length ((struct (x, y), struct (z, w)): Edge) = sqrt ((z - x) ** 2.0 + (w - y) ** 2.0)

    // For every edge, with its unit normal that points inwards and its unit tangent: the distance from its line, and how
    // far along from its middle.
    let private frames (edges: Edge[]) =
        edges
        |> Array.map (fun ((struct (x, y), struct (z, w)) as edge) ->
            let l = length edge
            let tx, ty = (z - x) / l, (w - y) / l
            let mx, my = (x + z) / 2.0, (y + w) / 2.0

            {|
                Normal = -ty, tx
                Tangent = tx, ty
                Across = ty * mx - tx * my
                Along = -tx * mx - ty * my
                Length = l
            |})

    let private affine (place: Placement) (vectors: (float * float)[]) (offsets: float[]) =
        let weight = Array.append (Array.map fst vectors) (Array.map snd vectors)

        Tensor.ofArray place [ 2L; int64 vectors.Length ] weight, Tensor.ofArray place [ int64 offsets.Length ] offsets

    // Zero on the edges alone, positive elsewhere.
    let private toEdges (size: float) (edges: Edge[]) : Jet -> Jet =
        let frames = frames edges

        fun x ->
            let place = Placement.ofTensor x.Value
            let lines (vectors, offsets) = Jet.affine vectors offsets x
            let across = lines (affine place (frames |> Array.map _.Normal) (frames |> Array.map _.Across))
            let along = lines (affine place (frames |> Array.map _.Tangent) (frames |> Array.map _.Along))

            let row (f: float -> float) =
                Tensor.ofArray place [ 1L; int64 edges.Length ] [| for e in frames -> f e.Length |]

            // Positive in the disk over the edge.
            let over =
                Jet.rescale (row (fun l -> -1.0 / l)) (row (fun l -> l / 4.0)) (along * along + across * across)

            RFunctions.combine RFunctions.join (RFunctions.trimmed size across over)

    // Which points are inside by the even-odd rule, or on an edge.
    let private contains (largest: float) (edges: Edge[]) : Tensor -> Tensor =
        let frames = frames edges

        fun (points: Tensor) ->
            let slack = 4.0 * Boxes.precision (Placement.ofTensor points) * largest
            let points = points.``to`` torch.float64
            let place = Placement.ofTensor points
            let row (f: Edge -> float) = Tensor.ofArray place [ 1L; int64 edges.Length ] (Array.map f edges)
            let x, y = points.narrow (1L, 0L, 1L), points.narrow (1L, 1L, 1L)
            let x1, y1 = row (fun (struct (x, _), _) -> x), row (fun (struct (_, y), _) -> y)
            let x2, y2 = row (fun (_, struct (x, _)) -> x), row (fun (_, struct (_, y)) -> y)

            let crosses = (y1.gt y).logical_xor(y2.gt y).logical_and(x.lt (x1 + (y - y1) * (x2 - x1) / (y2 - y1)))

            let near (vectors, offsets: Tensor) = (Tensor.product points vectors + offsets).abs()
            let across = near (affine place (frames |> Array.map _.Normal) (frames |> Array.map _.Across))
            let along = near (affine place (frames |> Array.map _.Tangent) (frames |> Array.map _.Along))

            let ends =
                Tensor.ofArray place [ 1L; int64 edges.Length ] [| for e in frames -> e.Length / 2.0 + slack |]

            let isOn = (across.le (slack.ToScalar())).logical_and(along.le ends)
            let inside = (crosses.sum 1L).remainder((2).ToScalar()).eq(1.0.ToScalar())
            inside.logical_or (isOn.any 1L)

    // Which of pieces of the given sizes each number falls into, all pieces in a row, and how far into it, from 0 to 1.
    let private pick (sizes: float[]) (u: Tensor) : Tensor * Tensor =
        let place = Placement.ofTensor u
        let total = Array.sum sizes
        let starts = Array.scan (+) 0.0 sizes |> Array.map (fun sum -> sum / total)
        let vector (numbers: float[]) = Tensor.ofArray place [ int64 numbers.Length ] numbers
        let piece = torch.bucketize (u.contiguous (), vector starts[1 .. sizes.Length - 1], right = true)
        let start = (vector starts).index_select(0L, piece)
        piece, ((u - start) * total / (vector sizes).index_select(0L, piece)).clamp(0.0.ToScalar(), 1.0.ToScalar())

    // Pieces and places in them are worked out in double precision: a number in single precision has few digits to share.
    let private exactly (place: Placement) = { place with DType = torch.float64 }

    let private pairs place (points: struct (float * float)[]) =
        Tensor.ofArray
            place
            [ int64 points.Length; 2L ]
            [|
                for struct (x, y) in points do
                    x
                    y
            |]

    let private onEdges (edges: Edge[]) (numbers: Numbers) : Sampler =
        let frames = frames edges

        fun key place n ->
            let exact = exactly place
            let edge, share = pick (frames |> Array.map _.Length) ((numbers key exact n 1).squeeze 1L)
            let ofEdge (points: Tensor) = points.index_select (0L, edge)
            let from, into = ofEdge (pairs exact (Array.map fst edges)), ofEdge (pairs exact (Array.map snd edges))
            let normals = frames |> Array.map (fun e -> struct (-(fst e.Normal), -(snd e.Normal)))

            torch.cat ([| from + share.unsqueeze 1L * (into - from); ofEdge (pairs exact normals) |], 1L)
            |> Placement.put place

    let private within (triangles: Polygon[]) (numbers: Numbers) : Sampler =
        let areas = triangles |> Array.map _.Area
        let corner i = triangles |> Array.map (fun t -> struct (t.Coordinates[i].X, t.Coordinates[i].Y))

        fun key place n ->
            let exact = exactly place
            let u = numbers key exact n 2
            let triangle, inside = pick areas (u.select (1L, 0L))
            let weights = Simplices.weights (torch.stack ([| inside; u.select (1L, 1L) |], 1L))

            [ 0..2 ]
            |> List.map (fun i ->
                (pairs exact (corner i)).index_select(0L, triangle) * weights.narrow (1L, int64 i, 1L))
            |> List.reduce (fun a b -> a + b)
            |> Placement.put place

    let private checkValid (shape: Geometry) =
        match (IsValidOp shape).ValidationError with
        | null -> ()
        | wrong ->
            let what = wrong.Message.Substring(0, 1).ToLowerInvariant() + wrong.Message.Substring 1
            invalidArg "ring" $"no polygon: {what} at ({wrong.Coordinate.X}, {wrong.Coordinate.Y})"

    /// The domain of polygons that do not overlap. Raises ArgumentException for what is no polygon, with the place.
    let create (polygons: Polygon list) : Domain =
        let shape: Geometry =
            match polygons with
            | [ one ] -> one
            | several -> MultiPolygon(List.toArray several)

        checkValid shape

        let outer = polygons |> List.collect (fun p -> edgesOf p.ExteriorRing true)

        let holes =
            polygons
            |> List.collect (fun p -> List.ofArray p.InteriorRings)
            |> List.map (fun r -> edgesOf r false)

        let edges = Array.ofList (outer @ List.concat holes)
        let box = shape.EnvelopeInternal
        let size = max box.Width box.Height
        let largest = [ box.MinX; box.MaxX; box.MinY; box.MaxY ] |> List.map abs |> List.max

        let triangles =
            [| for t in (ConstrainedDelaunayTriangulator shape).GetTriangles() -> t.ToPolygon shape.Factory |]

        let contains = contains largest edges
        let toEdges = toEdges size

        let part name (edges: Edge list) =
            let edges = Array.ofList edges

            {
                Name = name
                Measure = Array.sumBy length edges
                Draw = onEdges edges
                Distance = Some(toEdges edges)
            }

        // Near an edge the sign is the function's own.
        let signed (x: Jet) =
            let f = toEdges edges x

            let inside =
                (contains x.Value).unsqueeze(1L).logical_or(f.Value.lt ((RFunctions.band * size).ToScalar()))

            RFunctions.negateWhere (inside.logical_not ()) f

        {
            Bounds = [ box.MinX, box.MaxX; box.MinY, box.MaxY ]
            Contains = contains
            Draw = within triangles
            Parts = part "outer" outer :: [ for i, hole in List.indexed holes -> part $"hole {i + 1}" hole ]
            Distance = Some signed
        }

    let ofRings (outer: (float * float) list) (holes: (float * float) list list) : Domain =
        create [ Polygon(ring outer, [| for hole in holes -> ring hole |]) ]
