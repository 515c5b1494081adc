/// Data to fit functions to: where points lie, what values they have, and what is refused.
module MetaKan.Tests.DatasetTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp

let private place = Placement.cpu64
let private key = Key.ofSeed
let private formula = Parser.expression "exp(sin(pi*x) + y^2)"
let private square = [ "x", (-1.0, 1.0); "y", (-1.0, 1.0) ]

let private numbers (data: Dataset) = Dataset.tensors data |> Seq.map Tensor.toArray |> List.ofSeq

let private refusal (action: unit -> 'a) = messageOf<BadInput>(action >> ignore)

/// Ranges of one to four variables, numbers of points and a seed.
let private draws =
    gen {
        let end' = Gen.choose (-40, 40) |> Gen.map (fun n -> float n / 4.0)
        let! ends = Gen.two end' |> Gen.filter (fun (a, b) -> a <> b) |> Gen.nonEmptyListOf
        let ranges = ends |> List.truncate 4 |> List.mapi (fun i (a, b) -> $"x{i}", (min a b, max a b))
        let! counts = Gen.two (Gen.choose (1, 50))
        let! seed = seeds
        return ranges, counts, seed
    }

let private withCsv (lines: string list) (test: string -> 'a) : 'a =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "data.csv")
        File.WriteAllLines(path, lines)
        test path)

let tests =
    testList
        "Tasks.Dataset"
        [
            testCase "ranges are read, their ends as expressions" (fun () ->
                let expected = [ "x", (-1.0, 1.0); "theta_1", (0.0, 2.0 * Math.PI); "é", (-0.5, exp 1.0) ]
                Expect.equal (Dataset.ranges "x:-1:1, theta_1 : 0 : 2*pi,é:-1/2:e") expected "ranges")

            Check.theory
                "ranges that are none are refused"
                [
                    "", "'' is not of that form"
                    "x", "'x' is not of that form"
                    "x:1", "'x:1' is not of that form"
                    "x:0:1,", "'' is not of that form"
                    "x:0:1:2", "'x:0:1:2' is not of that form"
                    ":0:1", "'' is no name of a variable"
                    "2x:0:1", "expression: an operator expected at position 2 of '2x'"
                    "(x):0:1", "'(x)' is no name of a variable"
                    "pi:0:1", "'pi' is no name of a variable"
                    "e:0:1", "'e' is no name of a variable"
                    "sin:0:1", "expression: '(' expected after position 3 of 'sin'"
                    "x:0:2*", "expression: a number, a name or '(' expected after position 2 of '2*'"
                    "x:0: y ", "'y' has the variable 'y'"
                    "x:0:1/0", "the range of 'x' is not finite"
                    "x:log(-1):1", "the range of 'x' is not finite"
                    "x:-1e308:1e308", "the range of 'x' is not finite"
                    "x:1:1", "the range of 'x' has its lowest value, 1, not below its highest, 1"
                    "x:0.5:-1", "the range of 'x' has its lowest value, 0.5, not below its highest, -1"
                    "x:0:1,y:0:1,x:2:3", "'x' has more than one range"
                    "x:0:1,\ny:0:1", "on one line"
                ]
                (fun (text, why) ->
                    let takes = "ranges are variables with their lowest and highest values, as x:-1:1,y:0:2*pi; "
                    Expect.equal (refusal (fun () -> Dataset.ranges text)) (takes + why) "refusal")

            property
                "points lie in the ranges and have the formula's values"
                50
                draws
                (fun (ranges, (train, test), seed) ->
                    let formula = Parser.expression "x0^2 + 1" + Variable(fst (List.last ranges))
                    let data = Dataset.ofFormula formula ranges train test 0.0 (key seed) place
                    Expect.equal data.Inputs (List.map fst ranges) "inputs"
                    Expect.equal data.Truth [ formula ] "truth"
                    Expect.equal data.Train.X.shape [| int64 train; int64 ranges.Length |] "shape"
                    Expect.equal data.Test.X.shape [| int64 test; int64 ranges.Length |] "shape"

                    for samples in [ data.Train; data.Test ] do
                        Expect.equal samples.Y.shape [| samples.X.shape[0]; 1L |] "shape"

                        for row, y in
                            Seq.zip
                                (Tensor.toArray samples.X |> Array.chunkBySize ranges.Length)
                                (Tensor.toArray samples.Y) do
                            Seq.iter2 (fun v (_, (low, high)) -> Check.inRange low high v "point") row ranges
                            Check.near 1e-9 y (row[0] * row[0] + 1.0 + Array.last row) "values")

            property
                "several formulas have the points of each by itself, in columns in their order"
                30
                draws
                (fun (ranges, (train, test), seed) ->
                    let texts = [ "x0^2 + 1"; "3*x0"; $"{fst (List.last ranges)} - x0" ]
                    let formulas = [ for i, text in List.indexed texts -> $"u{i}", Parser.expression text ]
                    let whole = Dataset.ofFormulas formulas ranges train test 0.0 (key seed) place
                    Expect.equal whole.Targets [ "u0"; "u1"; "u2" ] "targets"
                    Expect.equal whole.Truth (List.map snd formulas) "truth"

                    for i, (_, formula) in List.indexed formulas do
                        let one = Dataset.ofFormula formula ranges train test 0.0 (key seed) place
                        close "points" 0.0 one.Train.X whole.Train.X
                        close "values" 0.0 one.Train.Y (whole.Train.Y.narrow (1L, int64 i, 1L))
                        close "held out" 0.0 one.Test.Y (whole.Test.Y.narrow (1L, int64 i, 1L)))

            testCase "formulas have the names that are given, or numbers" (fun () ->
                let names inputs text = Dataset.formulas inputs text |> List.map (fun (n, e) -> n, Printer.text e)
                Expect.equal (names [ "x" ] "2*x") [ "f", "2*x" ] "one"
                Expect.equal (names [ "f"; "x" ] "2*x") [ "f1", "2*x" ] "one beside f"
                Expect.equal (names [ "x" ] "x; 2*x") [ "f1", "x"; "f2", "2*x" ] "two"
                Expect.equal (names [ "x" ] "u=x ; 2*x;w = 3*x") [ "u", "x"; "f2", "2*x"; "w", "3*x" ] "names"

                for text, why in
                    [
                        "u = x; u = 2*x", "'u' is there twice"
                        "x = 2*x", "'x' is there twice"
                        "= x", "takes a name before '='"
                        "x;", "expression: "
                        "u = v = x", "expression: "
                    ] do
                    Expect.stringContains (refusal (fun () -> Dataset.formulas [ "x" ] text)) why text)

            testCase "points fill the ranges" (fun () ->
                use _ = torch.NewDisposeScope()
                let data = Dataset.ofFormula formula [ "x", (-1.0, 3.0); "y", (0.0, 0.5) ] 5000 5000 0.0 (key 1) place

                for samples in [ data.Train; data.Test ] do
                    for index, (low, high) in [ 0L, (-1.0, 3.0); 1L, (0.0, 0.5) ] do
                        let column = samples.X.select (1L, index)
                        let width = high - low
                        Check.inRange low (low + 0.01 * width) (Tensor.item (column.min ())) "least"
                        Check.inRange (high - 0.01 * width) high (Tensor.item (column.max ())) "largest"
                        Check.inRange (low + 0.48 * width) (low + 0.52 * width) (Tensor.item (column.mean ())) "mean")

            property "the same key gives the same data, other keys others" 20 (Gen.two seeds) (fun (seed, other) ->
                let data seed = numbers (Dataset.ofFormula formula square 20 10 0.1 (key seed) place)
                Expect.equal (data seed) (data seed) "numbers"

                if seed <> other then
                    Seq.iter2 (fun (a: float[]) b -> Expect.notEqual b a "another key") (data seed) (data other))

            testCase "training and test points are independent" (fun () ->
                use _ = torch.NewDisposeScope()
                let data = Dataset.ofFormula formula square 20000 20000 0.0 (key 3) place
                let product = (data.Train.X * data.Test.X).mean([| 0L |])
                // The product of two independent uniform numbers on [-1, 1] has standard deviation 1/3.
                Check.inRange 0.0 (4.0 / 3.0 / sqrt 20000.0) (Tensor.item (product.abs().max())) "correlation")

            testCase "noise is on the training values alone, of the spread asked for" (fun () ->
                let cases = Gen.zip (Gen.elements [ 0.01; 0.5; 3.0 ]) seeds

                forAll 20 cases (fun (noise, seed) ->
                    let n = 4000
                    let data noise = Dataset.ofFormula formula square n 50 noise (key seed) place
                    let exact, noisy = data 0.0, data noise
                    Expect.equal (Tensor.toArray noisy.Train.X) (Tensor.toArray exact.Train.X) "points"
                    Expect.equal (Tensor.toArray noisy.Test.X) (Tensor.toArray exact.Test.X) "points"
                    Expect.equal (Tensor.toArray noisy.Test.Y) (Tensor.toArray exact.Test.Y) "values"
                    let errors = (noisy.Train.Y - exact.Train.Y) / noise
                    // Five standard errors of the mean, and of the mean square, whose own variance is 2.
                    Check.inRange
                        (-5.0 / sqrt (float n))
                        (5.0 / sqrt (float n))
                        (Tensor.item (errors.mean ()))
                        "mean of errors"

                    let width = 5.0 * sqrt (2.0 / float n)

                    Check.inRange
                        (1.0 - width)
                        (1.0 + width)
                        (Tensor.item ((errors * errors).mean()))
                        "mean square of errors"
                    // Nor does it follow the points.
                    let follows = Tensor.item ((errors * noisy.Train.X.select(1L, 0L).unsqueeze 1L).mean()) * sqrt 3.0
                    Check.inRange (-5.0 / sqrt (float n)) (5.0 / sqrt (float n)) follows "correlation"))

            testCase "inputs that a formula does not have are kept, and its output has a name of its own" (fun () ->
                use _ = torch.NewDisposeScope()
                let ranges = [ "z", (5.0, 6.0); "x", (0.0, 1.0); "f", (2.0, 3.0) ]
                let data = Dataset.ofFormula (Parser.expression "2*x") ranges 10 10 0.0 (key 1) Placement.cpu32
                Expect.equal data.Inputs [ "z"; "x"; "f" ] "inputs"
                Expect.equal data.Targets [ "f1" ] "target"
                Expect.equal ((Dataset.ofFormula (Number 2.0) square 1 1 0.0 (key 1) place).Targets) [ "f" ] "target"
                Expect.equal data.Train.X.dtype torch.float32 "precision"
                Expect.equal data.Train.Y.dtype torch.float32 "precision"
                close "2x" 1e-6 (2.0 * data.Test.X.narrow (1L, 1L, 1L)) data.Test.Y)

            testCase "data of the Feynman set are those of its formula on its ranges" (fun () ->
                use _ = torch.NewDisposeScope()
                let equation = Feynman.find "I.12.11"
                let data = Dataset.ofFeynman equation 30 20 0.1 (key 4) place

                let same =
                    Dataset.ofFormula (Parser.expression equation.Formula) equation.Variables 30 20 0.1 (key 4) place

                Expect.equal data.Inputs [ "q"; "E_f"; "B"; "v"; "theta" ] "inputs"
                Expect.equal (numbers data) (numbers same) "numbers")

            testCase "formulas and sizes that cannot be sampled are refused" (fun () ->
                use _ = torch.NewDisposeScope()

                let message formula ranges train test noise =
                    refusal (fun () ->
                        Dataset.ofFormula
                            (Parser.expression formula)
                            (Dataset.ranges ranges)
                            train
                            test
                            noise
                            (key 1)
                            place)

                Expect.equal
                    (message "x*y + z" "x:0:1" 5 5 0.0)
                    "the formula has variables without a range: y, z"
                    "message"

                Expect.equal (message "x" "x:0:1" 0 5 0.0) "train takes a whole number from 1 up, not 0" "message"
                Expect.equal (message "x" "x:0:1" 5 -3 0.0) "test takes a whole number from 1 up, not -3" "message"

                for noise in [ -0.1; nan; infinity ] do
                    Expect.equal
                        (message "x" "x:0:1" 5 5 noise)
                        $"noise takes the standard deviation of the noise, a number from 0 up, not {noise}"
                        "message"

                Expect.isMatch
                    (message "sqrt(x) + y" "x:-2:-1,y:0.5:1" 5 5 0.0)
                    @"^the formula has no finite value \(but NaN\) at x = -\S+, y = [01]\S*$"
                    "message"

                // The message gives a point where it is so.
                let point = message "1/(1 + sign(x - 0.9))" "x:0:1" 1000 1 0.0
                Expect.stringStarts point "the formula has no finite value (but Infinity) at x = 0." "message"
                Check.inRange 0.0 0.9 (float (point.Substring(point.LastIndexOf ' '))) "the point told")

            testCase "the rows of a file are split and shuffled, each in one place" (fun () ->
                let cases = Gen.zip3 (Gen.choose (2, 60)) (Gen.elements [ 0.001; 0.2; 0.5; 0.999 ]) seeds

                forAll 40 cases (fun (count, share, seed) ->
                    withCsv ("a,t,b" :: [ for i in 1..count -> $"{i},{10 * i},{-i}" ]) (fun path ->
                        let data = Dataset.ofCsv path [ "t" ] share (key seed) place
                        Expect.equal data.Inputs [ "a"; "b" ] "inputs"
                        Expect.equal data.Targets [ "t" ] "target"
                        Expect.equal data.Truth [] "truth"

                        let expected = max 1 (min (count - 1) (int (round (float count * share))))
                        Expect.equal data.Test.X.shape [| int64 expected; 2L |] "shape"
                        Expect.equal data.Train.Y.shape [| int64 (count - expected); 1L |] "shape"

                        let row (values: float[]) = values[0], values[1]
                        let rows (s: Samples) = Tensor.toArray s.X |> Array.chunkBySize 2 |> Array.map row
                        let all = Array.append (rows data.Test) (rows data.Train)
                        Expect.equal (Array.sort all) [| for i in 1..count -> float i, float -i |] "rows"

                        for s in [ data.Train; data.Test ] do
                            Expect.equal (Tensor.toArray s.Y) (rows s |> Array.map (fun (a, _) -> 10.0 * a)) "values"

                        let other seed = numbers (Dataset.ofCsv path [ "t" ] share (key seed) place)
                        Expect.equal (other seed) (numbers data) "numbers"

                        // Two orders of many rows are hardly ever the same.
                        if count > 12 then
                            Expect.notEqual (other (seed + 1)) (numbers data) "another key"
                            Expect.notEqual all (Array.sort all) "order of the rows")))

            testCase "several columns are targets, in the order that they are asked for" (fun () ->
                withCsv ("a,t,b,s" :: [ for i in 1..20 -> $"{i},{10 * i},{-i},{7 * i}" ]) (fun path ->
                    let data = Dataset.ofCsv path [ "s"; "a" ] 0.3 (key 2) place
                    Expect.equal (data.Inputs, data.Targets) ([ "t"; "b" ], [ "s"; "a" ]) "columns"

                    for samples in [ data.Train; data.Test ] do
                        let t = samples.X.narrow (1L, 0L, 1L)
                        close "targets" 1e-12 (torch.cat ([| t * 0.7; t / 10.0 |], 1L)) samples.Y))

            testCase "files that make no data set are refused" (fun () ->
                let messageOf lines targets share place =
                    withCsv lines (fun path ->
                        let message = refusal (fun () -> Dataset.ofCsv path targets share (key 1) place)
                        message.Replace(path, "FILE"))

                let message lines target = messageOf lines [ target ]

                for targets, why in
                    [
                        [ "y"; "x" ], "no column but the target 'y', 'x'; inputs are needed"
                        [ "y"; "y" ], "'y' is a target twice"
                        [ "y"; "z" ], "no column 'z' to be the target; there are x, y"
                    ] do
                    Expect.equal (messageOf [ "x,y"; "1,2"; "3,4" ] targets 0.2 place) $"FILE: {why}" "message"

                let lines = [ "x,y"; "1,2"; "3,4e38"; "5,6e40" ]

                for share in [ 0.0; 1.0; -0.2; nan ] do
                    Expect.equal
                        (message lines "y" share place)
                        $"testShare takes the share of the rows to test on, above 0 and below 1, not {share}"
                        "message"

                Expect.equal
                    (message lines "z" 0.2 place)
                    "FILE: no column 'z' to be the target; there are x, y"
                    "message"

                Expect.equal
                    (message [ "y"; "1"; "2" ] "y" 0.2 place)
                    "FILE: no column but the target 'y'; inputs are needed"
                    "message"

                Expect.equal
                    (message (List.take 2 lines) "y" 0.2 place)
                    "FILE: at least 2 rows of numbers below the header are needed, not 1"
                    "message"

                Expect.equal
                    (message lines "y" 0.2 Placement.cpu32)
                    "FILE, line 3: column 'y': '4e38' is not a finite number of at most 3.403e+38"
                    "message")
        ]
