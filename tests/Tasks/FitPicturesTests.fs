/// Pictures of fits: which there are, what they compare, and that they are files of a run.
module MetaKan.Tests.FitPicturesTests

open System.IO
open System.Xml.Linq
open Expecto
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Folder

let private each (f: float[] -> float) (points: float[][]) = Array.map f points

/// Points on the middles of a grid's cells in the unit square.
let private grid n =
    [|
        for i in 0 .. n - 1 do
            for j in 0 .. n - 1 -> [| (float i + 0.5) / float n; (float j + 0.5) / float n |]
    |]

let private comparison (inputs: string list) (points: float[][]) (f: float[] -> float) =
    {
        Inputs = inputs
        Output = "f<"
        Points = points
        True = each f points
        Target = Some(each f)
        Fitted = each f
    }

let private elements (name: string) (svg: string) =
    (XElement.Parse svg).Descendants() |> Seq.filter (fun e -> e.Name.LocalName = name) |> Seq.toList

let private attribute (name: string) (e: XElement) = e.Attribute(XName.Get name).Value
let private texts svg = elements "text" svg |> List.map _.Value
let private draw c = FitPictures.draw c |> Map |> Map.map (fun _ -> Plot.svg)

/// One in a part of the unit square that has no symmetry, none elsewhere.
let private corner (x: float[]) = if x[0] > 0.5 && x[1] > 0.25 then 1.0 else 0.0

let tests =
    testList
        "Tasks.FitPictures"
        [
            testCase "one input is drawn as curves, two as maps, and any number as points" (fun () ->
                let names inputs points = comparison inputs points Array.sum |> FitPictures.draw |> List.map fst

                Expect.equal (names [ "x" ] [| [| 0.0 |]; [| 1.0 |] |]) [ "fit"; "fit-4-points" ] "names"

                Expect.equal
                    (names [ "x"; "y" ] (grid 3))
                    [ "fit-1-true"; "fit-2-fitted"; "fit-3-error"; "fit-4-points" ]
                    "names"

                Expect.equal (names [ "x"; "y"; "z" ] [| [| 1.0; 2.0; 3.0 |] |]) [ "fit-4-points" ] "names")

            testCase
                "pictures are well-formed whatever is drawn: names, a single point, values that are no numbers"
                (fun () ->
                    for inputs in [ [ "a<b" ]; [ "a<b"; "\"c\"" ]; [ "a<b"; "&"; "d" ] ] do
                        for value in [ 1.0; nan; infinity ] do
                            let c = comparison inputs [| Array.replicate inputs.Length 2.0 |] (fun _ -> value)

                            for target in [ c.Target; None ] do
                                for svg in (draw { c with Target = target }).Values do
                                    XElement.Parse svg |> ignore
                                    Check.lacks svg "NaN" "picture"
                                    Check.lacks svg "∞" "picture"
                                    Expect.stringContains (elements "desc" svg).Head.Value "f<" "desc")

            testCase "curves show the true function where it is known, and the held-out points where not" (fun () ->
                let points = [| for i in 0..49 -> [| float i / 49.0 |] |]
                let c = { comparison [ "x" ] points (fun x -> x[0]) with Fitted = each (fun x -> 1.0 - x[0]) }
                let known, unknown = (draw c)["fit"], (draw { c with Target = None })["fit"]
                // The legend has a dot, too.
                Expect.equal
                    ([ "polyline"; "circle" ] |> List.map (fun e -> (elements e known).Length))
                    [ 2; 0 ]
                    "lines and dots"

                Expect.equal
                    ([ "polyline"; "circle" ] |> List.map (fun e -> (elements e unknown).Length))
                    [ 1; 51 ]
                    "lines and dots"

                Expect.contains (texts known) "true" "texts"
                Expect.contains (texts unknown) "true, held-out points" "texts"

                let heights =
                    elements "polyline" known
                    |> List.map (fun e ->
                        let ends =
                            (attribute "points" e).Split ' '
                            |> Array.map (fun pair -> pair.Split ',' |> Array.last |> float)

                        sign (Array.last ends - ends[0]))

                // The true function rises, towards smaller y, and the fitted one falls.
                Expect.equal heights [ -1; 1 ] "heights")

            testCase "maps made of points are those of the function where the points tell it" (fun () ->
                let c = { comparison [ "x"; "y" ] (grid 32) corner with Fitted = each (fun x -> corner x - 3.0) }
                let known, unknown = draw c, draw { c with Target = None }

                for name in [ "fit-1-true"; "fit-2-fitted"; "fit-3-error" ] do
                    Expect.equal unknown[name] known[name] "picture"

                let turned = { comparison [ "x"; "y" ] (grid 32) (Array.rev >> corner) with Fitted = c.Fitted }

                Expect.notEqual ((draw turned)["fit-1-true"]) known["fit-1-true"] "another formula has another picture"

                Expect.notEqual known["fit-2-fitted"] known["fit-1-true"] "two functions have two pictures"

                let colours name =
                    elements "text" known[name] |> List.filter (fun e -> attribute "x" e = "444") |> List.map _.Value

                // Values from -3 to 1 in both maps, and an error of 3 everywhere.
                Expect.contains (colours "fit-1-true") "-3" "colours"
                Expect.equal (colours "fit-2-fitted") (colours "fit-1-true") "colours"
                Expect.contains (colours "fit-3-error") "3" "colours")

            testCase "a function is asked a few points at a time, and not beyond the held-out points" (fun () ->
                let asked = ResizeArray<float[]>()

                let f (points: float[][]) =
                    Check.inRange 1 500 points.Length "number of points"
                    asked.AddRange points
                    each Array.sum points

                let c =
                    comparison [ "x"; "y" ] (grid 30 |> Array.map (fun x -> [| 10.0 * x[0]; x[1] - 5.0 |])) Array.sum

                draw { c with Fitted = f } |> ignore
                let extremes i = asked |> Seq.map (Array.item i) |> Seq.min, asked |> Seq.map (Array.item i) |> Seq.max

                let within (low, high) (least: float, most: float) =
                    Check.inRange (low - 1e-9) (low + 0.2) least "least"
                    Check.inRange (high - 0.2) (high + 1e-9) most "most"

                within (10.0 / 60.0, 10.0 - 10.0 / 60.0) (extremes 0)
                within (-5.0 + 1.0 / 60.0, -4.0 - 1.0 / 60.0) (extremes 1))

            testCase "a good fit's points lie on the line, and there are never too many" (fun () ->
                let points = [| for i in 0..2499 -> [| float i; 0.0; 1.0 |] |]
                let svg = (draw (comparison [ "x"; "y"; "z" ] points (fun x -> x[0])))["fit-4-points"]
                let dots = elements "circle" svg |> List.tail
                Check.inRange 500 1000 dots.Length "number of dots"

                let ends =
                    (attribute "points" (elements "polyline" svg).Head).Split ' '
                    |> Array.map (fun p -> p.Split ',' |> Array.map float)

                let slope = (ends[1][1] - ends[0][1]) / (ends[1][0] - ends[0][0])

                for dot in dots do
                    let y = ends[0][1] + slope * (float (attribute "cx" dot) - ends[0][0])
                    Check.inRange (y - 0.2) (y + 0.2) (float (attribute "cy" dot)) "cy")

            testCase "a run's folder has the pictures, with a diagram for each stage" (fun () ->
                withFolder (fun parent ->
                    let folder = Path.Combine(parent, "run")
                    Directory.CreateDirectory(RunFolder.picturesPath folder) |> ignore
                    FitPictures.write folder "" (comparison [ "x"; "y" ] (grid 4) corner)

                    let net =
                        Network.create { Size = 3; Order = 3 } CoefficientSource.Stored [ Nodes.sums 2; Nodes.sums 1 ]

                    let fitted = { Network = net; Params = Network.init 0.1 net (Key.ofSeed 1) Placement.cpu64 }
                    let points = Array.concat (grid 4) |> Tensor.ofArray Placement.cpu64 [ 16L; 2L ]
                    let trace = Network.trace net points fitted.Params
                    let scores = Attribution.scores net trace

                    for stage in [ "1-trained"; "2-pruned" ] do
                        FitPictures.diagram folder stage [ "x"; "y" ] [ "f" ] fitted trace scores

                    let read name = File.ReadAllText(Path.Combine(RunFolder.picturesPath folder, name))

                    Expect.equal
                        (read "diagram-2-pruned.svg")
                        (Diagram.svg [ "x"; "y" ] [ "f" ] fitted trace scores)
                        "diagram-2-pruned.svg"

                    Expect.equal
                        (read "fit-3-error.svg")
                        ((draw (comparison [ "x"; "y" ] (grid 4) corner))["fit-3-error"])
                        "fit-3-error.svg"

                    Expect.equal
                        (Directory.GetFiles(RunFolder.picturesPath folder) |> Array.map Path.GetFileName |> Array.sort)
                        [|
                            for name in
                                [ "diagram-1-trained"; "diagram-2-pruned"; "edges-1-trained"; "edges-2-pruned" ] do
                                $"{name}.json"
                                $"{name}.svg"
                            for name in [ "fit-1-true"; "fit-2-fitted"; "fit-3-error"; "fit-4-points" ] do
                                $"{name}.json"
                                $"{name}.svg"
                        |]
                        "get files"))
        ]
