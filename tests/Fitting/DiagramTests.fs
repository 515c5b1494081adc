/// Diagrams of networks: what they show of the edges and nodes, and that it lies within the picture.
module MetaKan.Tests.DiagramTests

open System
open System.Globalization
open System.Xml.Linq
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Numeric
open TorchSharp

let private elements (name: string) (e: XElement) =
    e.Descendants() |> Seq.filter (fun e -> e.Name.LocalName = name) |> Seq.toList

let private attribute (name: string) (e: XElement) = e.Attribute(XName.Get name) |> Option.ofObj |> Option.map _.Value

let private number (text: string) = Double.Parse(text, CultureInfo.InvariantCulture)
let private at name (e: XElement) = attribute name e |> Option.map number |> Option.get

/// The places on a polyline.
let private places (e: XElement) =
    (attribute "points" e).Value.Split ' '
    |> Array.map (fun pair -> let xy = pair.Split ',' |> Array.map number in xy[0], xy[1])

/// The groups of the edges, the weakest first; each has a title of its own.
let private edgeGroups (root: XElement) = elements "g" root |> List.filter (fun g -> not (elements "title" g).IsEmpty)

let private titleOf (edge: XElement) = (elements "title" edge).Head.Value
let private boxOf (edge: XElement) = elements "rect" edge |> List.exactlyOne

let private fitted (seed: int) (nodes: Nodes list) : Fitted =
    let net = Network.create { Size = 3; Order = 2 } CoefficientSource.Stored nodes
    { Network = net; Params = Network.init 0.5 net (Key.ofSeed seed) Placement.cpu64 }

let private labels name (nodes: Nodes) = [ for i in 1 .. Nodes.count nodes -> $"{name}{i}" ]

let private drawn (fitted: Fitted) (points: int) (change: Scores -> Scores) =
    let net = fitted.Network

    let trace =
        Network.trace net (uniform 7 (-1.0, 1.0) [ points; Nodes.count net.Nodes.Head ]) fitted.Params

    let scores = change (Attribution.scores net trace)

    Diagram.svg (labels "<x&" net.Nodes.Head) (labels "\"y'" (List.last net.Nodes)) fitted trace scores
    |> XElement.Parse

let private line a c d = { A = a; B = 0.0; C = c; D = d; R2 = 1.0; Cancellation = 1.0 }

/// Networks with some edges removed and some symbolic, and a number of points.
let private networks =
    gen {
        let! seed = seeds
        let! inputs = Gen.choose (1, 4)
        let! depth = Gen.choose (1, 3)

        let layer =
            gen {
                let! products = Gen.choose (0, 2) |> Gen.bind (fun n -> Gen.listOfLength n (Gen.choose (1, 3)))
                let! sums = Gen.choose ((if products.IsEmpty then 1 else 0), 4)
                return { Sums = sums; Products = products }
            }

        let! layers = Gen.listOfLength depth layer
        let start = fitted seed (Nodes.sums inputs :: layers)
        let all = SymbolicEdges.edges start.Network
        let! fates = Gen.listOfLength all.Length (Gen.choose (0, 3))
        let! functions = Gen.listOfLength all.Length (Gen.elements SymbolicFunction.library)
        let! points = Gen.elements [ 1; 2; 30; 300 ]

        let net =
            (start, List.zip3 all fates functions)
            ||> List.fold (fun net (edge, fate, f) ->
                match fate with
                | 0 -> Pruning.removeEdge edge net
                | 1 -> SymbolicEdges.fix edge f (line 2.0 -1.0 0.5) net
                | _ -> net)

        return net, points
    }

let tests =
    testList
        "Fitting.Diagram"
        [
            property
                "every edge that carries something has a box, and all that is drawn lies within the picture"
                60
                networks
                (fun (fitted, points) ->
                    let root = drawn fitted points id
                    let edges = SymbolicEdges.edges fitted.Network
                    Expect.equal (edgeGroups root |> List.map boxOf).Length edges.Length "number of edges"
                    Expect.equal (elements "rect" root).Length (edges.Length + 1) "number of boxes"

                    let width, height = at "width" root, at "height" root
                    Expect.equal (attribute "viewBox" root) (Some $"0 0 {width} {height}") "view box"
                    let across (x: float) = Check.inRange 0.0 width x "place across"
                    let down (y: float) = Check.inRange 0.0 height y "place down"

                    for e in root.Descendants() do
                        for name in [ "x"; "x1"; "x2"; "cx" ] do
                            attribute name e |> Option.iter (number >> across)

                        for name in [ "y"; "y1"; "y2"; "cy" ] do
                            attribute name e |> Option.iter (number >> down)

                    for box in edgeGroups root |> List.map boxOf do
                        across (at "x" box + at "width" box)
                        down (at "y" box + at "height" box)

                    for x, y in elements "polyline" root |> Seq.collect places do
                        across x
                        down y)

            testCase "the boxes of a layer are evenly spaced and apart" (fun () ->
                for widths in [ [ 1; 1 ]; [ 2; 5; 1 ]; [ 4; 5; 5; 5; 1 ]; [ 12; 12; 1 ] ] do
                    let boxes = drawn (fitted 1 (List.map Nodes.sums widths)) 20 id |> edgeGroups |> List.map boxOf
                    let layers = boxes |> List.groupBy (at "y") |> List.map snd

                    Expect.equal
                        (layers |> List.map _.Length |> List.sort)
                        (List.pairwise widths |> List.map (fun (a, b) -> a * b) |> List.sort)
                        "layers"

                    for layer in layers do
                        let steps =
                            layer |> List.map (at "x") |> List.sort |> List.pairwise |> List.map (fun (a, b) -> b - a)

                        for step in steps do
                            Check.inRange (steps.Head - 0.21) (steps.Head + 0.21) step "step"
                            Expect.isTrue (step > at "width" layer.Head + 1.0) "layers are apart")

            testCase "edges of higher scores are less faint, and none is lost" (fun () ->
                let given = [ 0.02; 0.7; 0.4; nan; 0.0; 0.1; 0.3 ]

                let edges =
                    drawn (fitted 2 [ Nodes.sums 1; Nodes.sums given.Length ]) 20 (fun scores ->
                        { scores with Edges = [ Array2D.init 1 given.Length (fun _ j -> given[j]) ] })
                    |> edgeGroups

                let shown =
                    [
                        for j in 1 .. given.Length ->
                            edges |> List.find (fun e -> (titleOf e).StartsWith $"layer 1, 1 to {j}:") |> at "opacity"
                    ]

                let faintest = shown[4]
                Check.inRange 0.1 0.3 faintest "faintest"

                for score, opacity in List.zip given shown do
                    let expected = if score > 0.09 then tanh (3.0 * score) else faintest
                    Check.inRange (expected - 1e-3) (expected + 1e-3) opacity "opacity")

            testCase "a symbolic edge has its function's name, and a colour that splines have not" (fun () ->
                let start = fitted 3 [ Nodes.sums 2; Nodes.sums 2; Nodes.sums 1 ]
                let edge = { Layer = 0; From = 1; To = 0 }
                let symbolic = SymbolicEdges.fix edge (SymbolicFunction.find "1/x^2") (line 1.0 1.0 0.0) start
                let names fitted = drawn fitted 20 id |> elements "text" |> List.map _.Value
                Expect.isFalse (List.contains "1/x^2" (names start)) "names without the function"
                Expect.contains (names symbolic) "1/x^2" "names"

                let colours (g: XElement) =
                    attribute "class" g :: (elements "polyline" g |> List.map (attribute "class"))

                let symbols, splines =
                    drawn symbolic 20 id
                    |> edgeGroups
                    |> List.partition (fun g -> (titleOf g).Contains "2 to 1: 1/x^2")

                Expect.equal splines.Length 5 "number of splines"
                let symbolColours = symbols |> List.exactlyOne |> colours

                for g in splines do
                    Expect.isEmpty (Set.intersect (set (colours g)) (set symbolColours)) "shared colours"
                // The name stands above its box, and the line on to the next node begins above the name.
                let name, box = (elements "text" symbols.Head).Head, boxOf symbols.Head
                let line = (elements "line" symbols.Head)[1]

                Expect.isTrue
                    (at "y" name < at "y" box && at "y1" line < at "y" name - 6.0)
                    "the line ends at the box, the name above")

            testCase "the figure has the still diagram, and tells each edge's formula and score at its box" (fun () ->
                let net = fitted 3 [ Nodes.sums 2; Nodes.sums 1 ]
                let edge = { Layer = 0; From = 1; To = 0 }

                let net = SymbolicEdges.fix edge (SymbolicFunction.find "sin") { line 2.0 3.0 0.5 with B = 1.0 } net

                let trace = Network.trace net.Network (uniform 7 (-1.0, 1.0) [ 30; 2 ]) net.Params
                let scores = Attribution.scores net.Network trace
                let svg, figure = Diagram.draw [ "x"; "y" ] [ "f" ] net trace scores
                let source = string figure["layout"].["images"].[0].["source"]
                let embedded = Convert.FromBase64String(source.Substring(source.IndexOf ',' + 1))
                Expect.equal (Text.Encoding.UTF8.GetString embedded) svg "diagram"

                let boxes =
                    XElement.Parse svg
                    |> edgeGroups
                    |> List.map (fun group ->
                        let at name = float ((boxOf group).Attribute(XName.Get name)).Value
                        at "x" + at "width" / 2.0, at "y" + at "height" / 2.0)

                let spots = figure["data"].[0]

                for i, (x, y) in List.indexed boxes do
                    Check.near 0.2 (float (string spots["x"].[i])) x "x"
                    Check.near 0.2 (float (string spots["y"].[i])) y "y"

                let texts = [ for text in spots["text"].AsArray() -> string text ]
                Expect.equal texts.Length 2 "edges"

                let told (text: string) =
                    texts |> List.exists (fun (t: string) -> t.StartsWith text && t.Contains "<br>score ")

                Expect.isTrue (told "layer 1, 2 to 1<br>3*sin(2*x + 1) + 0.5<br>") $"{texts}"
                Expect.isTrue (told "layer 1, 1 to 1<br>spline<br>") $"{texts}")

            testCase "a curve shows the edge's function over its inputs, thinned" (fun () ->
                let edge = { Layer = 0; From = 1; To = 0 }

                let slopes c =
                    let net =
                        fitted 4 [ Nodes.sums 2; Nodes.sums 1 ]
                        |> SymbolicEdges.fix edge (SymbolicFunction.find "x") (line 3.0 c 1.0)

                    let group =
                        drawn net 5000 id |> edgeGroups |> List.find (fun g -> (titleOf g).Contains "2 to 1: x")

                    let points = elements "polyline" group |> List.exactlyOne |> places
                    let box = boxOf group
                    Check.inRange 40 61 points.Length "number of points"
                    Check.inRange (at "x" box) (at "x" box + 0.15 * at "width" box) (fst points[0]) "first point"

                    Check.inRange
                        (at "x" box + 0.85 * at "width" box)
                        (at "x" box + at "width" box)
                        (fst (Array.last points))
                        "last point"

                    for (x0, _), (x1, _) in Array.pairwise points do
                        Expect.isTrue (x1 >= x0) "places of inputs rise"

                    let x0, y0 = points[0]

                    points
                    |> Array.filter (fun (x, _) -> x > x0 + 10.0)
                    |> Array.map (fun (x, y) -> (y - y0) / (x - x0))

                // Upwards in a picture is towards smaller y.
                for slope in slopes 2.0 do
                    Check.inRange (-1.03) (-0.97) slope "slope"

                for slope in slopes -2.0 do
                    Check.inRange 0.97 1.03 slope "slope")

            testCase "a multiplication has a place for each factor, with a line from there to its cross" (fun () ->
                let root = drawn (fitted 5 [ Nodes.sums 1; { Sums = 1; Products = [ 2 ] }; Nodes.sums 1 ]) 20 id
                let endOf (line: XElement) = at "x2" line, at "y2" line

                let ends =
                    edgeGroups root
                    |> List.filter (fun g -> (titleOf g).StartsWith "layer 1")
                    |> List.sortBy titleOf
                    |> List.map (fun g -> endOf (elements "line" g |> List.item 1))

                let sum, factors = ends.Head, ends.Tail
                Expect.equal (List.distinct ends).Length 3 "number of ends"

                let circles =
                    elements "circle" root |> List.map (fun c -> at "r" c, (at "cx" c, at "cy" c)) |> List.distinct

                Expect.contains circles (4.0, sum) "circles"
                let cross = circles |> List.filter (fun (r, _) -> r = 8.0) |> List.exactlyOne |> snd
                Expect.equal (snd cross) (snd sum) "cross"

                for factor in factors do
                    let lines = elements "line" root |> List.filter (fun l -> (at "x1" l, at "y1" l) = factor)
                    Expect.equal (endOf (List.exactlyOne lines)) cross "end")

            testCase "nodes without edges are faint" (fun () ->
                let start = fitted 6 [ Nodes.sums 2; Nodes.sums 1 ]

                let opacities fitted =
                    drawn fitted 20 id
                    |> elements "circle"
                    |> List.map (fun c -> at "cx" c, at "opacity" c.Parent)
                    |> List.sort
                    |> List.map snd

                Expect.equal (opacities start) [ 1.0; 1.0; 1.0 ] "opacities"
                // In their order from left to right: first input, output, second input.
                Expect.equal
                    (opacities (Pruning.removeEdge { Layer = 0; From = 0; To = 0 } start))
                    [ 0.25; 1.0; 1.0 ]
                    "opacities")

            testCase
                "inputs and outputs are named, the network's shape is told, and names must be as many as they"
                (fun () ->
                    let net = fitted 7 [ Nodes.sums 2; { Sums = 3; Products = [ 2; 2 ] }; Nodes.sums 1 ]
                    let root = drawn net 20 id
                    let texts = elements "text" root |> List.map _.Value
                    Expect.equal texts [ "KAN [2, 3+2×, 1]"; "<x&1"; "<x&2"; "\"y'1" ] "texts"
                    let name text = elements "text" root |> List.find (fun e -> e.Value = text)
                    Expect.isTrue (at "y" (name "\"y'1") < at "y" (name "<x&1")) "outputs are above inputs"
                    Expect.equal (elements "title" root).Head.Value "KAN [2, 3+2×, 1]" "title"

                    Expect.stringContains
                        ((elements "desc" root).Head.Value)
                        "From <x&1, <x&2 at the bottom to \"y'1 at the top: 19 edges"
                        "desc"

                    let trace = Network.trace net.Network (uniform 1 (0.0, 1.0) [ 5; 2 ]) net.Params
                    let scores = Attribution.scores net.Network trace

                    for inputs, outputs in [ [ "x" ], [ "y" ]; [ "x1"; "x2" ], [] ] do
                        Expect.throwsT<ArgumentException>
                            (fun () -> Diagram.svg inputs outputs net trace scores |> ignore)
                            "names that do not fit")
        ]
