/// Formulas of data: constants fitted, and formulas sought.
module MetaKan.Tests.FormulaSearchTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open MetaKan.Tests.Numeric
open TorchSharp

let private sampled (seed: int) (points: int) (formula: string) (ranges: string) (noise: float) =
    Dataset.ofFormula
        (Parser.expression formula)
        (Dataset.ranges ranges)
        points
        200
        noise
        (Key.ofSeed seed)
        Placement.cpu64

let private data = sampled 7 300

let private search (data: Dataset) =
    FormulaSearch.run (fun () -> false) SymbolicEdges.defaults 0 data.Inputs data.Train.X data.Train.Y []

/// By networks alone.
let private searchOfEdges (interrupted: unit -> bool) (given: Expression list) (data: Dataset) =
    let choice = { SymbolicEdges.defaults with Library = [ "x"; "x^2"; "sin" ] }
    FormulaSearch.run interrupted choice 0 data.Inputs data.Train.X data.Train.Y given

/// Error of the best answer at held-out points, by the values' spread.
let private relative (data: Dataset) (front: FoundFormula list) =
    let best = FormulaSearch.best data.Train.Y front

    sqrt (FormulaFit.error data.Inputs data.Test.X data.Test.Y best.Formula)
    / Tensor.item (data.Test.Y.std ()),
    best

let tests =
    testList
        "Fitting.FormulaSearch"
        [
            property
                "constants are fitted to where the values are"
                12
                (Gen.zip3 (Gen.choose (50, 300)) (Gen.choose (5, 25)) (Gen.choose (-90, 90)))
                (fun (a, b, c) ->
                    use _ = torch.NewDisposeScope()
                    let a, b, c = float a / 97.0, float b / 9.7, float c / 97.0

                    let formula a b c =
                        Number a * Call(Function.Sin, Number b * Variable "x") + Number c * Variable "y"

                    let data = data $"{a}*sin({b}*x) + {c}*y" "x:0:1,y:-1:1" 0.0

                    let found =
                        formula (a * 1.1 + 0.01) (b * 1.05 + 0.001) 0.123
                        |> FormulaFit.polish data.Inputs data.Train.X data.Train.Y

                    let error = FormulaFit.error data.Inputs data.Test.X data.Test.Y found
                    Expect.isTrue (error < 1e-16) $"{error} by {Printer.text found}")

            testCase "whole numbers and multiples of pi/2 stay where they are" (fun () ->
                use _ = torch.NewDisposeScope()
                let data = data "2.1*x^2 + 3.3" "x:-1:1" 0.0
                let start = Parser.expression "2*x^2 + pi"
                let found = FormulaFit.polish data.Inputs data.Train.X data.Train.Y start
                Expect.equal found start "formula")

            testCase "formulas of one to four variables are found" (fun () ->
                for formula, ranges in
                    [
                        "1e-6*x^2", "x:-1:1"
                        "3*x + 1", "x:100:101"
                        "4.25", "x:0:1"
                        "(u + v)/(1 + u*v)", "u:0.1:0.9,v:0.1:0.9"
                        "a*b/(4*pi*r^2)", "a:1:3,b:1:3,r:1:3"
                        "m*(u^2 + v^2 + w^2)/2", "m:1:2,u:-1:1,v:-1:1,w:-1:1"
                    ] do
                    use _ = torch.NewDisposeScope()
                    let data = data formula ranges 0.0
                    let error, best = search data |> relative data

                    if formula = "4.25" then
                        Expect.equal best.Formula (Number 4.25) "a constant"
                    else
                        Check.inRange 0.0 1e-9 error $"{formula} as {Printer.text best.Formula}"
                        Expect.isTrue (best.Complexity <= 21) $"{formula} as {Printer.text best.Formula}")

            testCase
                "a power law times an exponential, and roots that have both signs, are sought by the first kinds"
                (fun () ->
                    let kind index (data: Dataset) =
                        let searches = ProductSearch.kinds (fun () -> false) data.Inputs data.Train.X data.Train.Y
                        (snd searches[index]) ()

                    for index, formula, ranges in
                        [
                            0, "exp(-(x - m)^2/(2*s^2))/s", "x:-2:2,m:-1:1,s:0.5:1.5"
                            1, "m*v/sqrt(1 - v^2/c^2)", "m:-1:1,v:-0.9:0.9,c:1.1:2"
                            1, "(u*t - x)/sqrt(1 - u^2/c^2)", "x:-1:1,u:-0.9:0.9,t:-1:1,c:1.1:2"
                        ] do
                        use _ = torch.NewDisposeScope()
                        let data = data formula ranges 0.0

                        let error, best =
                            kind index data
                            |> List.map (FormulaSearch.judged data.Inputs data.Train.X data.Train.Y)
                            |> FormulaSearch.front
                            |> relative data

                        Check.inRange 0.0 1e-8 error $"{formula} as {Printer.text best.Formula}"

                    use _ = torch.NewDisposeScope()
                    Expect.isEmpty (kind 1 (data "x^2 + 1" "x:-1:1" 0.0)) "of one sign"
                    Expect.isEmpty (kind 1 (data "sin(9*x*y) + cos(7*x)" "x:-1:1,y:-1:1" 0.0)) "of no simple sign")

            testCase "what the right formula leaves looks like noise, and what a wrong one does not" (fun () ->
                forAll 20 (Gen.choose (0, 10_000)) (fun seed ->
                    use _ = torch.NewDisposeScope()

                    let isNoise deviation formula =
                        let data = sampled seed 600 "sin(3*x) + y^2" "x:-1:1,y:-1:1" deviation
                        FormulaSearch.isNoise data.Inputs data.Train.X data.Train.Y (Parser.expression formula)

                    for formula in [ "sin(3*x)"; "sin(3.1*x) + y^2"; "3*x - 3*x^3 + y^2" ] do
                        Expect.isFalse (isNoise 0.001 formula) formula

                    Expect.isFalse (isNoise 0.02 "sin(3*x) + abs(y)") "of another shape")

                let right =
                    [
                        for seed in 0..39 do
                            use _ = torch.NewDisposeScope()

                            let data = sampled seed 600 "x*y" "x:-1:1,y:-1:1" 0.1
                            FormulaSearch.isNoise data.Inputs data.Train.X data.Train.Y (Parser.expression "x*y")
                    ]

                Expect.isTrue ((right |> List.filter id).Length >= 33) $"{right}")

            testCase "noise does not lengthen a formula" (fun () ->
                use _ = torch.NewDisposeScope()
                let data = data "a/(4*pi*r^2)" "a:1:3,r:1:3" 0.002
                let error, best = search data |> relative data
                Check.inRange 0.0 0.01 error (Printer.text best.Formula)
                Expect.equal (Expression.variables best.Formula |> List.sort) [ "a"; "r" ] "variables"
                Expect.isTrue (best.Complexity <= 9) (Printer.text best.Formula))

            testCase
                "a front has shorter formulas first and closer ones after them, and the same seed the same"
                (fun () ->
                    use _ = torch.NewDisposeScope()
                    let data = data "x^2 + sin(3*x)" "x:-1:1" 0.01

                    let search () = searchOfEdges (fun () -> false) [] data
                    let front = search ()
                    Expect.isGreaterThan front.Length 1 "formulas"

                    for before, next in List.pairwise front do
                        Expect.isTrue (before.Complexity < next.Complexity && before.Rmse > next.Rmse) "order"

                    Expect.equal (search ()) front "again")

            testCase "a small term that counts stays, and what rounding left goes" (fun () ->
                use _ = torch.NewDisposeScope()
                let data = data "1e-8*x + y" "x:-1:1,y:-1:1" 0.0
                let _, best = search data |> relative data
                Expect.isMatch (Printer.text best.Formula) @"^[\d.e-]+\*x \+ y$" "formula")

            testCase "what interrupts a search leaves the formulas that were found before" (fun () ->
                use _ = torch.NewDisposeScope()
                let data = data "x^2 + sin(3*x)" "x:-1:1" 0.01

                let front = searchOfEdges (fun () -> true) [ Parser.expression "2*x" ] data
                Expect.equal [ for it in front -> Expression.variables it.Formula ] [ [ "x" ] ] "formulas"
                Expect.isTrue (front.Head.Complexity <= 5) (Printer.text front.Head.Formula))

            property
                "nothing that was found is both simpler and closer than a formula of the front"
                200
                (Gen.listOf (Gen.zip (Gen.choose (1, 9)) (Gen.choose (1, 9))))
                (fun found ->
                    let found =
                        [
                            for complexity, rmse in found ->
                                { Formula = Number 0.0; Complexity = complexity; Rmse = float rmse }
                        ]

                    let front = FormulaSearch.front found

                    for f in found do
                        Expect.isTrue
                            (front |> List.exists (fun g -> g.Complexity <= f.Complexity && g.Rmse <= f.Rmse))
                            $"{f}"

                    Expect.isTrue (front |> List.forall (fun g -> List.contains g found)) "from what was found")
        ]
