/// Pictures of a solution: which there are, where the solution is asked, and that they are files of a run.
module MetaKan.Tests.PicturesTests

open System.IO
open System.Xml.Linq
open Expecto
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Folder
open TorchSharp

let private key = Key.ofSeed 3

let private problem domain exact =
    let d = domain.Bounds.Length
    let names = [ for i in 1..d -> $"x{i}" ]

    { Problem.create "test" domain names [ "u" ] [ "laplace", laplacian (field "u") (coordinates "x" d) ] with
        Exact = exact
    }

let private first (x: Tensor) : Tensor = x.narrow (1L, 0L, 1L)

/// What is drawn of a solution whose residual is half its first coordinate.
let private drawn problem u = Pictures.draw problem u (fun x -> 0.5 * first x) [] key Placement.cpu64

/// The still pictures of the solution itself.
let private draw problem u =
    [
        for name, drawing in drawn problem u do
            if not (name.StartsWith "7-residual" || name.EndsWith "8-spectrum") then
                name, Plot.svg drawing
    ]

let private chart (name: string) (drawn: (string * Drawing) list) : Chart =
    match Map.find name (Map drawn) with
    | Drawing.Chart chart -> chart
    | Drawing.Map _ -> failtest $"{name} is a map"

let tests =
    testList
        "Tasks.Pictures"
        [
            testCase
                "a solution alone is drawn by itself, one beside the exact solution with that, the error and the points"
                (fun () ->
                    for domain in [ Domain.centredBall 3 1.0; Domain.box [ 0.0, 1.0; 2.0, 3.0 ] ] do
                        let names exact = draw (problem domain exact) first |> List.map fst
                        Expect.equal (names None) [ "1-solution" ] "names"
                        Expect.equal (names (Some first)) [ "1-solution"; "2-exact"; "3-error"; "4-points" ] "names"

                    let line = Domain.box [ (0.0, 1.0) ]
                    let names exact = draw (problem line exact) first |> List.map fst
                    Expect.equal (names None) [ "1-solution" ] "names"
                    Expect.equal (names (Some first)) [ "1-solution"; "3-error"; "4-points" ] "names")

            testCase "a solution in time is drawn at several times, beside the exact one" (fun () ->
                let inTime exact =
                    { problem (Domain.box [ 0.0, 1.0; 0.0, 2.0 ]) exact with Coordinates = [ "x"; "t" ] }

                let names exact = draw (inTime exact) first |> List.map fst
                Expect.equal (names None) [ "1-solution"; "5-moments" ] "names"
                let svg = draw (inTime (Some first)) first |> Map.ofList |> Map.find "5-moments"

                for text in [ "t = 0"; "t = 0.5"; "t = 1"; "t = 1.5"; "t = 2"; "exact" ] do
                    Expect.stringContains svg text "legend")

            testCase "each field has its own pictures" (fun () ->
                for domain in [ Domain.box [ (0.0, 1.0) ]; Domain.box [ 0.0, 1.0; 2.0, 3.0 ] ] do
                    let problem = problem domain None
                    let both (x: Tensor) = torch.cat ([| first x; 3.0 - first x |], 1L)
                    let two = draw { problem with Fields = [ "p"; "u" ] } both |> Map.ofList
                    Expect.equal (List.ofSeq two.Keys) [ "p-1-solution"; "u-1-solution" ] "names"

                    Expect.equal
                        two["u-1-solution"]
                        (draw problem (fun x -> 3.0 - first x) |> List.exactlyOne |> snd)
                        "the second field's picture")

            testCase "fields u and v in space are drawn as a flow, and in time they are none" (fun () ->
                let problem = problem (Domain.ball [ 0.0; 0.0 ] 1.0) None
                // Round the middle; the pressure comes first.
                let turning (x: Tensor) = torch.cat ([| first x; -x.narrow(1L, 1L, 1L); first x |], 1L)

                let drawn fields coordinates =
                    draw { problem with Fields = fields; Coordinates = coordinates } turning |> Map.ofList

                let names = drawn [ "p"; "u"; "v" ] [ "x"; "y" ]

                Expect.equal
                    (List.ofSeq names.Keys)
                    [ "6-flow"; "p-1-solution"; "u-1-solution"; "v-1-solution" ]
                    "names"

                let svg = names["6-flow"]
                Expect.stringContains svg "Speed and direction" "title"
                Check.lacks svg "NaN" "numbers"
                // 14 by 14 places, of which those in the disk; each is a shaft and two strokes, rim and core.
                let at k = (float k + 0.5) / 7.0 - 1.0
                let places = List.allPairs [ 0..13 ] [ 0..13 ]
                let inside = places |> List.filter (fun (i, j) -> at i ** 2.0 + at j ** 2.0 < 1.0)

                let strokes =
                    (XElement.Parse svg).Descendants()
                    |> Seq.choose (fun element -> Option.ofObj (element.Attribute(XName.Get "d")))
                    |> Seq.map (fun path -> path.Value.Split('M').Length - 1)

                Expect.contains strokes (3 * inside.Length) "arrows"
                Expect.isFalse ((drawn [ "p"; "u"; "v" ] [ "x"; "t" ]).ContainsKey "6-flow") "in time"
                Expect.isFalse ((drawn [ "p"; "a"; "v" ] [ "x"; "y" ]).ContainsKey "6-flow") "other fields")

            testCase "the pictures are well-formed and say where the slice lies" (fun () ->
                let titles domain =
                    draw (problem domain (Some first)) first
                    |> List.map (fun (_, svg) -> (XElement.Parse svg).Attribute(XName.Get "aria-label").Value)
                    |> List.head

                Expect.equal (titles (Domain.box [ 0.0, 1.0; 0.0, 1.0 ])) "Computed solution" "title"

                Expect.equal
                    (titles (Domain.box [ 0.0, 1.0; 0.0, 1.0; 0.0, 1.0 ]))
                    "Computed solution at x₃ = 0.5"
                    "title"

                Expect.equal (titles (Domain.centredBall 12 1.0)) "Computed solution at x₃ … x₁₂ = 0" "title"

                Expect.equal
                    (titles (Domain.box [ 0.0, 1.0; 0.0, 1.0; -1.0, 1.0; 2.0, 3.0 ]))
                    "Computed solution at x₃ = 0, x₄ = 2.5"
                    "title")

            testCase
                "the solution is asked within the domain only, over all of the slice, few points at a time"
                (fun () ->
                    let asked = ResizeArray<float[]>()

                    let u (x: Tensor) =
                        Check.inRange 1L 1000L x.shape[0] "points asked at once"
                        asked.AddRange(Tensor.toArray x |> Array.chunkBySize 3)
                        first x

                    draw (problem (Domain.centredBall 3 2.0) None) u |> ignore

                    for x in asked do
                        Check.inRange 0.0 4.0 (x[0] * x[0] + x[1] * x[1]) "distance"
                        Expect.equal x[2] 0.0 "the third coordinate"

                    Check.inRange 1.9 2.0 (asked |> Seq.map (fun x -> x[0]) |> Seq.max) "rightmost point"
                    Check.inRange (-2.0) (-1.9) (asked |> Seq.map (fun x -> x[1]) |> Seq.min) "lowest point")

            testCase "the computed and the exact map share their colours" (fun () ->
                let exact (x: Tensor) = first x * -10.0
                let pictures = draw (problem (Domain.box [ 0.0, 1.0; 0.0, 1.0 ]) (Some exact)) first |> Map

                let colours name =
                    (XElement.Parse pictures[name]).Descendants(XName.Get("text", "http://www.w3.org/2000/svg"))
                    |> Seq.filter (fun text -> text.Attribute(XName.Get "x").Value = "444")
                    |> Seq.map _.Value
                    |> List.ofSeq

                Expect.contains (colours "2-exact") "-8" "colours"
                Expect.equal (colours "1-solution") (colours "2-exact") "colours"
                Expect.isFalse (List.contains "-8" (colours "3-error")) "colours of the error")

            // Alone: a run sets the number of threads, which is the process's.
            testSequenced
            <| testCase "a finished run has its pictures" (fun () ->
                withFolder (fun parent ->
                    let folder = Path.Combine(parent, "run")

                    let settings = { SolveSettings.defaults with Epochs = 2; TestPoints = 100 }

                    let solution =
                        Solve.run
                            (RunPlace.fresh folder)
                            settings
                            (Poisson.problem (TwoBody.ofSeed 0 2))
                            (Kan.create { Size = 3; Order = 3 } [ 2; 4; 1 ])
                            ignore

                    let files =
                        Directory.GetFiles(RunFolder.picturesPath folder) |> Array.map Path.GetFileName |> Array.sort

                    Expect.equal solution.Outcome Completed "outcome"

                    Expect.equal
                        files
                        [|
                            for name in [ "1-solution"; "2-exact"; "3-error"; "4-points"; "7-residual"; "9-edges" ] do
                                $"{name}.json"
                                $"{name}.svg"
                        |]
                        "files"))

            testCase
                "the residual of each equation is drawn over the plane or along the line, and not in four dimensions"
                (fun () ->
                    let names d = drawn (problem (Domain.box [ for _ in 1..d -> 0.0, 1.0 ]) None) first |> List.map fst

                    Expect.equal
                        [ for d in 1..4 -> List.contains "7-residual" (names d) ]
                        [ true; true; true; false ]
                        "drawn"

                    let line = drawn (problem (Domain.box [ (0.0, 2.0) ]) None) first |> chart "7-residual"

                    for x, size in line.Series.Head.Points do
                        Check.near 1e-12 size (0.5 * x) "residual"

                    match (drawn (problem (Domain.box [ 0.0, 2.0; 0.0, 1.0 ]) None) first |> Map).["7-residual"] with
                    | Drawing.Map map ->
                        Check.near 1e-12 map.Values[5, 31] (log10 (0.5 * 2.0 * 31.5 / 64.0)) "residual"
                    | Drawing.Chart _ -> failtest "a map is expected")

            testCase "the edges that vary most are drawn, by layer and ends" (fun () ->
                // φ_ij(t) = a_ij t.
                let layer (rows: float list list) (t: Tensor) =
                    t.view (-1L, 1L, 1L) * torch.tensor (array2D rows, dtype = torch.float64)

                let layers = [ layer [ List.replicate 7 0.1; List.replicate 6 0.2 @ [ 3.0 ] ]; layer [ [ -5.0 ] ] ]
                let square = problem (Domain.box [ 0.0, 1.0; 0.0, 1.0 ]) None

                let drawn = Pictures.draw square first first layers key Placement.cpu64 |> chart "9-edges" |> _.Series

                Expect.hasLength drawn 12 "edges"
                Expect.equal [ for s in drawn[..1] -> s.Name ] [ "layer 2, 1 to 1"; "layer 1, 2 to 7" ] "the first"
                Expect.all drawn[0].Points (fun (x, y) -> abs (y + 5.0 * x) < 1e-12) "its points"
                Expect.equal (Seq.head drawn[1].Points, Seq.last drawn[1].Points) ((-1.0, -3.0), (1.0, 3.0)) "its ends")

            testCase "a spectrum has its peak at the frequency of the wave, with its power" (fun () ->
                // Three waves a unit, on the interval [0, 2].
                let wave (x: Tensor) = 0.5 * (2.0 * System.Math.PI * 3.0 * first x).sin()

                for periodic in [ None; Some([ "x1" ], 4) ] do
                    for domain in [ Domain.box [ (0.0, 2.0) ]; Domain.box [ 0.0, 2.0; 0.0, 1.0 ] ] do
                        let problem = { problem domain (Some(fun x -> 2.0 * wave x)) with Periodic = periodic }
                        let series = (drawn problem wave |> chart "8-spectrum").Series
                        Expect.equal (series |> List.map _.Name) [ "computed"; "exact"; "error" ] "series"

                        for s, amplitude in List.zip series [ 0.5; 1.0; 0.5 ] do
                            let frequency, power = s.Points |> Array.maxBy snd
                            Check.near 1e-9 frequency 3.0 "frequency"
                            Check.near 1e-6 power (amplitude ** 2.0) "power"

                            if periodic.IsSome then
                                let rest = s.Points |> Array.filter (fst >> (<>) frequency) |> Array.sumBy snd
                                Check.inRange 0.0 1e-12 rest "power elsewhere")
        ]
