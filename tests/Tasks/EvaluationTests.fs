/// Solutions at points: values and derivatives, files of every format read back, and what is refused.
module MetaKan.Tests.EvaluationTests

open System
open System.IO
open System.IO.Compression
open System.Runtime.InteropServices
open System.Text
open System.Text.RegularExpressions
open System.Xml.Linq
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Pdes
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp

let private x, y, t = coordinate "x", coordinate "y", coordinate "t"
let private u, v = field "u", field "v"

/// Two fields in space and time, one number found with them, a solution that is known.
let private problem =
    { Problem.manufactured
          "test"
          (Domain.box [ 0.0, 2.0; -1.0, 1.0; 0.0, 1.0 ])
          [ "x"; "y"; "t" ]
          [ "u", sin x * y + t; "v", x * t - y ]
          [ "u", d u [ t ] - v; "v", d v [ x ] + u ] with
        Parameters = [ "k", 3.0 ]
        Constraint = fun x net -> net * (1.0 + Jet.normSquared x)
    }

let private model = Mlp.create [ 3; 6; 2 ]
let private fresh problem model seed = (Problem.modelFor problem model).Init (Key.ofSeed seed) Placement.cpu64
let private parameters () = fresh problem model 4

/// The problem with fields that a network has no part in.
let private still = { problem with Constraint = fun _ net -> 0.0 * net + 1.0 }

let private rotation = d v [ x ] - d u [ y ]

/// Columns of each kind: derivatives, formulas, a number, the exact solution.
let private further =
    [
        "u_x", d u [ x ]
        "v_xxyt", d v [ x; x; y; t ]
        "rotation", rotation * parameter "k" + x
        "one", Term.Number 1.0
        yield! Evaluation.exact problem
    ]

let private names = [ "u"; "v" ] @ List.map fst further

/// The columns of points by their names: coordinates, fields, further ones.
let private expected (points: float[][]) : Map<string, float[]> =
    let at = tensor [ points.Length; 3 ] (points |> Seq.concat |> List.ofSeq)
    let values = Evaluation.columns problem model (parameters ()) ([ u; v ] @ List.map snd further) at
    let column (t: Tensor) i = Tensor.toArray (t.narrow (1L, int64 i, 1L))

    Map
        [
            for i, name in List.indexed problem.Coordinates -> name, column at i
            for i, name in List.indexed names -> name, column values i
        ]

let private counts = [ 3; 4 ]
let private held = [ "t", 0.25 ]

/// The points of a grid of 3 by 4 at t = 1/4, y running fastest, and x running fastest.
let private places =
    [|
        for i in 0..2 do
            for j in 0..3 -> [| float i; -1.0 + 2.0 * float j / 3.0; 0.25 |]
    |]

let private placesOfVtk =
    [|
        for j in 0..3 do
            for i in 0..2 -> places[4 * i + j]
    |]

/// Not interrupted.
let private never () = false

let private floats (bytes: byte[]) = MemoryMarshal.Cast<byte, float>(ReadOnlySpan bytes).ToArray()
let private integers (bytes: byte[]) = MemoryMarshal.Cast<byte, int64>(ReadOnlySpan bytes).ToArray()

/// The shape and the numbers of an array as NumPy's format has it.
let private readNpy (bytes: byte[]) : int64 list * float[] =
    Expect.sequenceEqual bytes[..7] (Array.append [| 0x93uy |] "NUMPY\001\000"B) "magic and version"
    let length = int bytes[8] + 256 * int bytes[9]
    Expect.equal ((10 + length) % 64) 0 "alignment"
    let header = Encoding.ASCII.GetString(bytes, 10, length)

    let found =
        Regex.Match(header, @"^\{'descr': '<f8', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n$")

    Expect.isTrue found.Success header
    // Python takes (3) for a number: one size has a comma after it.
    Expect.isTrue (found.Groups[1].Value = "" || found.Groups[1].Value.Contains ',') header
    let sizes = found.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries)

    [
        for size in sizes do
            if size <> "" then
                int64 size
    ],
    floats bytes[10 + length ..]

/// The XML of a VTK file and the bytes of its arrays by name.
let private readVtk (path: string) : XElement * Map<string, byte[]> =
    let bytes = File.ReadAllBytes path
    let text = Encoding.Latin1.GetString bytes
    let opening = "<AppendedData encoding=\"raw\">"
    let start = text.IndexOf('_', text.IndexOf opening + opening.Length) + 1
    let finish = text.LastIndexOf "\n  </AppendedData>"

    let root =
        XElement.Parse(text.Remove(start, finish - start).Replace("<?xml version=\"1.0\" encoding=\"utf-8\"?>", ""))

    Expect.equal (root.Attribute(XName.Get "header_type").Value) "UInt64" "header type"
    Expect.equal (root.Attribute(XName.Get "byte_order").Value) "LittleEndian" "byte order"

    let arrays =
        [
            for array in root.Descendants(XName.Get "DataArray") do
                let attribute name = array.Attribute(XName.Get name).Value
                let at = start + int (attribute "offset")
                let size = int (BitConverter.ToInt64(bytes, at))
                Check.inRange 1 (finish - at - 8) size "size"
                attribute "Name", bytes[at + 8 .. at + 7 + size]
        ]

    Expect.equal (arrays |> List.sumBy (fun (_, array) -> 8 + array.Length)) (finish - start) "all of the data"
    root, Map arrays

let private same (what: string) (expected: float[]) (found: float[]) =
    Expect.equal found.Length expected.Length $"{what}: length"

    for a, b in Array.zip expected found do
        if not (Double.IsNaN a && Double.IsNaN b) then
            Check.near 1e-12 b a what

let private write (folder: string) (name: string) (points: EvaluationPoints) =
    let path = Path.Combine(folder, name)
    let written = Evaluation.toFileUnless never 5 path problem model (parameters ()) points further
    Expect.equal written { Points = 12L; Outside = 0L } "points written"
    Expect.equal (Directory.GetFiles(folder, name + "*")) [| path |] "files beside"
    path

/// A table of the same points, its columns in another order, one of them no numbers.
let private table (folder: string) : EvaluationPoints =
    let path = Path.Combine(folder, "points of mine.csv")

    File.WriteAllLines(
        path,
        "y;name;x"
        :: [ for i, place in List.indexed (List.ofArray places) -> $"{place[1]:R};\"no {i}\";{place[0]:R}" ]
    )

    EvaluationPoints.Table(path, held)

/// ∂f/∂x_i∂x_j… by nested autograd.
let private nested (f: Tensor -> Tensor) (by: int list) (at: Tensor) =
    let at = at.detach().requires_grad_ true
    (f at, by) ||> List.fold (fun y i -> (gradient y at).narrow(1L, int64 i, 1L)) |> _.detach()

let tests =
    testList
        "Tasks.Evaluation"
        [
            property "fields, derivatives and formulas are those of nested autograd" 8 seeds (fun seed ->
                let at = uniform seed (0.1, 0.9) [ 7; 3 ]

                for model in [ model; Kan.create { Size = 4; Order = 5 } [ 3; 4; 2 ] ] do
                    let p = fresh problem model seed
                    let fields = Problem.solution problem (Problem.modelFor problem model) p
                    let column i (x: Tensor) = (fields x).narrow(1L, int64 i, 1L)

                    let expected =
                        [
                            u, column 0 at
                            d u [ x ], nested (column 0) [ 0 ] at
                            d v [ x; y ], nested (column 1) [ 0; 1 ] at
                            d u [ t; x; x ], nested (column 0) [ 0; 0; 2 ] at
                            d v [ x; x; y; t ], nested (column 1) [ 0; 0; 1; 2 ] at
                            d u [ y; y ], nested (column 0) [ 1; 1 ] at
                            laplacian v [ x; y ], nested (column 1) [ 0; 0 ] at + nested (column 1) [ 1; 1 ] at
                            rotation * parameter "k" + x,
                            3.0 * (nested (column 1) [ 0 ] at - nested (column 0) [ 1 ] at) + at.narrow (1L, 0L, 1L)
                            parameter "k", torch.full ([| 7L; 1L |], (3.0).ToScalar(), dtype = torch.float64)
                            Term.Number 2.0, torch.full ([| 7L; 1L |], (2.0).ToScalar(), dtype = torch.float64)
                        ]

                    let values = Evaluation.columns problem model p (List.map fst expected) at

                    for i, (term, value) in List.indexed expected do
                        close $"{term}" 1e-8 value (values.narrow (1L, int64 i, 1L)))

            testCase "a file has every column of every format, for a grid in blocks" (fun () ->
                withFolder (fun folder ->
                    let grid = EvaluationPoints.Grid(counts, held)
                    let expected, expectedOfVtk = expected places, expected placesOfVtk

                    let csv = Csv.read Double.MaxValue (write folder "a.csv" grid)
                    Expect.equal csv.Columns (problem.Coordinates @ names) "columns"

                    for i, name in List.indexed csv.Columns do
                        same name expected[name] (csv.Rows |> Array.map (Array.item i))

                    let shape, numbers = readNpy (File.ReadAllBytes(write folder "a.npy" grid))
                    let columns = problem.Coordinates @ names
                    Expect.equal shape [ 3L; 4L; int64 columns.Length ] "shape"

                    for i, name in List.indexed columns do
                        same name expected[name] [| for row in Array.chunkBySize columns.Length numbers -> row[i] |]

                    use npz = ZipFile.OpenRead(write folder "a.npz" grid)

                    Expect.equal
                        [ for entry in npz.Entries -> entry.FullName ]
                        [ for name in columns -> name + ".npy" ]
                        "names"

                    for name in columns do
                        use memory = new MemoryStream()
                        use entry = npz.GetEntry(name + ".npy").Open()
                        entry.CopyTo memory
                        let shape, numbers = readNpy (memory.ToArray())
                        Expect.equal shape [ 3L; 4L ] "shape"
                        same name expected[name] numbers

                    let root, arrays = readVtk (write folder "a.vti" grid)
                    let image = root.Element(XName.Get "ImageData")
                    let attribute name = image.Attribute(XName.Get name).Value
                    Expect.equal (attribute "WholeExtent") "0 2 0 3 0 0" "extent"
                    Expect.equal (attribute "Origin") "0 -1 0" "origin"
                    Expect.equal (attribute "Spacing") $"1 {2.0 / 3.0:R} 1" "spacing"

                    Expect.equal
                        (image.Element(XName.Get "Piece").Attribute(XName.Get "Extent").Value)
                        "0 2 0 3 0 0"
                        "extent"

                    Expect.equal (Set arrays.Keys) (Set names) "arrays"

                    for name in names do
                        same name expectedOfVtk[name] (floats arrays[name])))

            testCase "the points of a table have the same values, in every format that has points" (fun () ->
                withFolder (fun folder ->
                    let points, expected = table folder, expected places

                    let csv = Csv.read Double.MaxValue (write folder "a.csv" points)

                    for i, name in List.indexed csv.Columns do
                        same name expected[name] (csv.Rows |> Array.map (Array.item i))

                    let shape, _ = readNpy (File.ReadAllBytes(write folder "a.npy" points))
                    Expect.equal shape [ 12L; int64 csv.Columns.Length ] "shape"

                    use npz = ZipFile.OpenRead(write folder "a.npz" points)
                    use memory = new MemoryStream()
                    use entry = npz.GetEntry("rotation.npy").Open()
                    entry.CopyTo memory
                    let shape, numbers = readNpy (memory.ToArray())
                    Expect.equal shape [ 12L ] "shape"
                    same "rotation" expected["rotation"] numbers

                    let root, arrays = readVtk (write folder "a.vtu" points)
                    let piece = root.Element(XName.Get "UnstructuredGrid").Element(XName.Get "Piece")

                    for name in [ "NumberOfPoints"; "NumberOfCells" ] do
                        Expect.equal (piece.Attribute(XName.Get name).Value) "12" name

                    same
                        "Points"
                        [|
                            for place in places do
                                yield! [ place[0]; place[1]; 0.0 ]
                        |]
                        (floats arrays["Points"])

                    Expect.equal (integers arrays["connectivity"]) [| 0L .. 11L |] "connectivity"
                    Expect.equal (integers arrays["offsets"]) [| 1L .. 12L |] "offsets"
                    Expect.equal arrays["types"] (Array.replicate 12 1uy) "types"

                    for name in names do
                        same name expected[name] (floats arrays[name])))

            testCase "a grid in blocks of any size is the grid at once, to the byte" (fun () ->
                withFolder (fun folder ->
                    for ending in [ "csv"; "npy"; "npz"; "vti"; "vtu" ] do
                        let bytes most =
                            let path = Path.Combine(folder, $"{most}.{ending}")
                            let grid = EvaluationPoints.Grid([ 3; 5; 2 ], [])

                            // Formulas of the point alone: the products of a network are rounded by how many rows there are.
                            Evaluation.toFileUnless
                                never
                                most
                                path
                                still
                                model
                                (parameters ())
                                grid
                                [ "xy", x * y + t ]
                            |> ignore

                            File.ReadAllBytes path

                        let whole = bytes 4096

                        for most in [ 1; 7; 29; 30; 31 ] do
                            Expect.sequenceEqual (bytes most) whole $"{ending}, {most} at a time"))

            testCase "no more points than a block's are taken at a time" (fun () ->
                withFolder (fun folder ->
                    let asked = ResizeArray<int64>()

                    let watched (x: Tensor) =
                        asked.Add(x.size 0)
                        x.narrow (1L, 0L, 1L)

                    let grid = EvaluationPoints.Grid([ 100; 100 ], held)
                    let columns = [ "watched", given "watched" watched ]
                    let path = Path.Combine(folder, "a.npz")
                    Evaluation.toFile path problem model (parameters ()) grid columns |> ignore
                    Expect.equal (Seq.sum asked) 10000L "points"
                    Check.inRange 1L 4096L (Seq.max asked) "points at a time"))

            testCase "points of a grid outside the domain are no numbers, those of a table are counted" (fun () ->
                withFolder (fun folder ->
                    let problem = Poisson.problem (TwoBody.ofSeed 0 2)
                    let model = Mlp.create [ 2; 4; 1 ]
                    let p = model.Init (Key.ofSeed 1) Placement.cpu32
                    let path = Path.Combine(folder, "a.csv")
                    let inside (row: float[]) = row[0] * row[0] + row[1] * row[1] <= 1.0

                    // In blocks of three there are some inside, some outside, and mixed ones.
                    let grid = EvaluationPoints.Grid([ 9; 9 ], [])
                    let written = Evaluation.toFileUnless never 3 path problem model p grid (Evaluation.exact problem)

                    let rows =
                        File.ReadAllLines path
                        |> Array.tail
                        |> Array.map (fun line -> line.Split ',' |> Array.map float)

                    Expect.equal rows.Length 81 "rows"

                    Expect.equal
                        written.Outside
                        (rows |> Array.filter (inside >> not) |> Array.length |> int64)
                        "outside"

                    for row in rows do
                        for value in row[2..] do
                            Expect.equal
                                (Double.IsFinite value)
                                (inside row)
                                $"whether there is a number at {row[0]}, {row[1]}"

                    let at = tensor [ 1; 2 ] [ 0.5; -0.25 ]
                    let row = rows |> Array.find (fun row -> row[0] = 0.5 && row[1] = -0.25)
                    Check.near 1e-6 row[3] (Tensor.item (problem.Exact.Value at)) "exact"
                    let value = Problem.solution problem model p (Placement.put Placement.cpu32 at)
                    Check.near 1e-6 row[2] (Tensor.item value) "u"

                    let points = Path.Combine(folder, "points.csv")
                    File.WriteAllLines(points, [ "x2,x1"; "0,0"; "0.9,0.9"; "0,7"; "-0.1,1" ])
                    let written = Evaluation.toFile path problem model p (EvaluationPoints.Table(points, [])) []
                    Expect.equal written { Points = 4L; Outside = 3L } "points written"
                    Check.lacks (File.ReadAllText path) "NaN" "values of a table"))

            testCase "a coordinate that is held takes the place of a table's column" (fun () ->
                withFolder (fun folder ->
                    let points, path = Path.Combine(folder, "points.csv"), Path.Combine(folder, "a.csv")
                    File.WriteAllLines(points, [ "x,y,t"; "1,0.5,0.75" ])
                    let table = EvaluationPoints.Table(points, held)
                    Evaluation.toFile path problem model (parameters ()) table further |> ignore
                    let row = (Csv.read Double.MaxValue path).Rows |> Array.exactlyOne
                    let expected = expected [| [| 1.0; 0.5; 0.25 |] |]
                    same "row" [| for name in problem.Coordinates @ names -> expected[name][0] |] row))

            testCase "names of derivatives are fields and coordinates" (fun () ->
                let several = { problem with Coordinates = [ "x1"; "xx"; "x" ] }

                for problem, name, expected in
                    [
                        problem, "u_x", Some(d u [ x ])
                        problem, "v_xxyt", Some(d v [ x; x; y; t ])
                        problem, "u_x_y", Some(d u [ x; y ])
                        several, "u_x1_xx", Some(d u [ coordinate "x1"; coordinate "xx" ])
                        several, "u_x1_xxx", Some(d u [ coordinate "x1"; x; x; x ])
                        problem, "u", None
                        problem, "u_", None
                        problem, "u_x_", None
                        problem, "w_x", None
                        problem, "u_z", None
                        problem, "ux", None
                        problem, "u_xxxxx", None
                        several, "u_x1x", None
                    ] do
                    Expect.equal (Evaluation.tryDerivative problem name) expected name)

            testCase "a file that cannot be completed leaves what was there" (fun () ->
                withFolder (fun folder ->
                    let failing (x: Tensor) =
                        if Tensor.item (x.max ()) > 1.5 then failwith "enough" else x.narrow (1L, 0L, 1L)

                    for ending in [ "csv"; "npy"; "npz"; "vti"; "vtu" ] do
                        let path = Path.Combine(folder, $"a.{ending}")
                        File.WriteAllText(path, "before")

                        Expect.throws
                            (fun () ->
                                Evaluation.toFileUnless
                                    never
                                    2
                                    path
                                    problem
                                    model
                                    (parameters ())
                                    (EvaluationPoints.Grid(counts, held))
                                    [ "failing", given "failing" failing ]
                                |> ignore)
                            ending

                        Expect.equal (File.ReadAllText path) "before" ending

                    Expect.equal (Directory.GetFiles folder).Length 5 "files"))

            testCase "what is interrupted writes nothing" (fun () ->
                withFolder (fun folder ->
                    for ending in [ "csv"; "npz"; "vtu" ] do
                        let path = Path.Combine(folder, $"a.{ending}")

                        let message =
                            messageOf<RunFailed>(fun () ->
                                Evaluation.toFileUnless
                                    (Runs.after 2)
                                    5
                                    path
                                    problem
                                    model
                                    (parameters ())
                                    (EvaluationPoints.Grid(counts, held))
                                    []
                                |> ignore)

                        Expect.equal message $"stopped; {path} was not written" "message"

                    Expect.isEmpty (Directory.GetFiles folder) "files"))

            testCase "what does not fit is refused in one line, and nothing is written" (fun () ->
                withFolder (fun folder ->
                    for name, points, columns, said in
                        [
                            "a.txt",
                            EvaluationPoints.Grid(counts, held),
                            [],
                            "out takes a file that ends in .csv, .npy"
                            "a", EvaluationPoints.Grid(counts, held), [], "out takes a file that ends in .csv, .npy"
                            "a.csv",
                            EvaluationPoints.Grid([ 3 ], held),
                            [],
                            "grid takes a count for each coordinate that is not held, x, y: 2, not 1"
                            "a.csv", EvaluationPoints.Grid([ 3; 1 ], held), [], "grid takes counts from 2 up, not 1"
                            "a.csv", EvaluationPoints.Grid([ 10000000; 10000000 ], held), [], "grid takes at most"
                            "a.csv",
                            EvaluationPoints.Grid(counts, [ "z", 0.0 ]),
                            [],
                            "at holds coordinates, which are x, y, t, not 'z'"
                            "a.csv",
                            EvaluationPoints.Grid([ 3 ], [ "t", 0.0; "t", 0.1; "x", 0.0 ]),
                            [],
                            "at holds 't' twice"
                            "a.csv",
                            EvaluationPoints.Grid(counts, [ "t", nan ]),
                            [],
                            "at holds a coordinate at a finite number"
                            "a.csv",
                            EvaluationPoints.Grid(counts, [ "t", 1.5 ]),
                            [],
                            "at holds t within the domain, 0 to 1,"
                            "a.vti", EvaluationPoints.Table("none.csv", held), [], "a .vti is of a grid"
                            "a.vtu",
                            EvaluationPoints.Table("none.csv", [ "t", 0.0; "x", 0.0; "y", 0.0 ]),
                            [],
                            "a .vtu has 1 to 3 coordinates"
                            "a.csv", EvaluationPoints.Grid(counts, held), [ "u", u ], "two are named 'u'"
                            "a.csv",
                            EvaluationPoints.Grid(counts, held),
                            [ "a/b", u ],
                            "a name takes letters, digits and underscores, not 'a/b'"
                            "a.csv",
                            EvaluationPoints.Grid(counts, held),
                            [ "a", field "w" ],
                            "a: it reads the field 'w'"
                            "a.csv",
                            EvaluationPoints.Grid(counts, held),
                            [ "a", coordinate "z" ],
                            "a: it reads the coordinate 'z'"
                            "a.csv", EvaluationPoints.Grid(counts, held), [ "a", mean u ], "a: it has a mean"
                            "a.csv",
                            EvaluationPoints.Grid(counts, held),
                            [ "a", d u [ x; x; x; x; x ] ],
                            "the highest is 4"
                        ] do
                        let path = Path.Combine(folder, name)

                        let message =
                            messageOf<ArgumentException>(fun () ->
                                Evaluation.toFile path problem model (parameters ()) points columns |> ignore)

                        Expect.stringContains message said "message"
                        Expect.isFalse (message.Contains '\n') "one line"
                        Expect.isEmpty (Directory.GetFiles folder) "files"))

            testCase "four coordinates are no picture in space" (fun () ->
                withFolder (fun folder ->
                    let names = [ "a"; "b"; "c"; "e" ]
                    let domain = Domain.box (List.replicate 4 (0.0, 1.0))
                    let problem = Problem.create "four" domain names [ "u" ] [ "one", u - 1.0 ]
                    let model = Mlp.create [ 4; 2; 1 ]

                    for ending in [ "vti"; "vtu" ] do
                        let message =
                            messageOf<ArgumentException>(fun () ->
                                Evaluation.toFile
                                    (Path.Combine(folder, $"a.{ending}"))
                                    problem
                                    model
                                    (model.Init (Key.ofSeed 0) Placement.cpu64)
                                    (EvaluationPoints.Grid([ 2; 2; 2; 2 ], []))
                                    []
                                |> ignore)

                        Expect.stringContains message $"a .{ending} has 1 to 3 coordinates, not a, b, c, e" "message"))

            Check.theory
                "a table that cannot be used is named, and nothing is written"
                [
                    "x,t\n1,2\n", ": there is no column 'y': it takes one for each coordinate that is not held, x, y"
                    "x,y\n", ": there are no points: no rows follow the header"
                    "x,y\n1,2\n1,two\n", ", line 3: column 'y': 'two' is not a number such as -0.5 or 1e-3"
                    "", ": the file is empty; it takes a line with the names of the columns, then rows of numbers"
                ]
                (fun (text, said) ->
                    withFolder (fun folder ->
                        let points = Path.Combine(folder, "points.csv")
                        File.WriteAllText(points, text)

                        let message =
                            messageOf<BadInput>(fun () ->
                                Evaluation.toFile
                                    (Path.Combine(folder, "a.npy"))
                                    problem
                                    model
                                    (parameters ())
                                    (EvaluationPoints.Table(points, held))
                                    []
                                |> ignore)

                        Expect.equal message (points + said) "message"
                        Expect.equal (Directory.GetFiles folder) [| points |] "files"))

            testCase
                "columns refuse points of another shape, no terms, and an exact solution that is not known"
                (fun () ->
                    let message terms at =
                        messageOf<ArgumentException>(fun () ->
                            Evaluation.columns problem model (parameters ()) terms at |> ignore)

                    Expect.stringContains
                        (message [ u ] (normal 1 [ 5; 2 ]))
                        "points are [N, 3], of x, y, t, not [5; 2]"
                        "shape"

                    Expect.stringContains (message [] (normal 1 [ 5; 3 ])) "a term or more" "terms"
                    Expect.stringContains (message [ u; field "w" ] (normal 1 [ 5; 3 ])) "the field 'w'" "field"

                    let unknown = { problem with Exact = None }
                    let message = messageOf<ArgumentException>(fun () -> Evaluation.exact unknown |> ignore)
                    Expect.stringContains message "the exact solution of problem test is not known" "exact")
        ]
