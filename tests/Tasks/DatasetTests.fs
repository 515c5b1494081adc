/// Data to fit functions to: where points lie, what values they have, and what is refused.
module MetaKan.Tests.DatasetTests

open System
open System.IO
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

let private place = Placement.cpu64
let private key = Key.ofSeed
let private formula = Parser.expression "exp(sin(pi*x) + y^2)"
let private square = [ "x", (-1.0, 1.0); "y", (-1.0, 1.0) ]

let private numbers (data: Dataset) = Dataset.tensors data |> Seq.map Tensor.toArray |> List.ofSeq

let private refusal (action: unit -> 'a) = messageOf<BadInput>(action >> ignore)

[<Fact>]
let ``ranges are read, their ends as expressions`` () =
    let expected = [ "x", (-1.0, 1.0); "theta_1", (0.0, 2.0 * Math.PI); "é", (-0.5, exp 1.0) ]
    Assert.Equal<(string * (float * float)) list>(expected, Dataset.ranges "x:-1:1, theta_1 : 0 : 2*pi,é:-1/2:e")

[<Theory>]
[<InlineData("", "'' is not of that form")>]
[<InlineData("x", "'x' is not of that form")>]
[<InlineData("x:1", "'x:1' is not of that form")>]
[<InlineData("x:0:1,", "'' is not of that form")>]
[<InlineData("x:0:1:2", "'x:0:1:2' is not of that form")>]
[<InlineData(":0:1", "'' is no name of a variable")>]
[<InlineData("2x:0:1", "expression: an operator expected at position 2 of '2x'")>]
[<InlineData("(x):0:1", "'(x)' is no name of a variable")>]
[<InlineData("pi:0:1", "'pi' is no name of a variable")>]
[<InlineData("e:0:1", "'e' is no name of a variable")>]
[<InlineData("sin:0:1", "expression: '(' expected after position 3 of 'sin'")>]
[<InlineData("x:0:2*", "expression: a number, a name or '(' expected after position 2 of '2*'")>]
[<InlineData("x:0: y ", "'y' has the variable 'y'")>]
[<InlineData("x:0:1/0", "the range of 'x' is not finite")>]
[<InlineData("x:log(-1):1", "the range of 'x' is not finite")>]
[<InlineData("x:-1e308:1e308", "the range of 'x' is not finite")>]
[<InlineData("x:1:1", "the range of 'x' has its lowest value, 1, not below its highest, 1")>]
[<InlineData("x:0.5:-1", "the range of 'x' has its lowest value, 0.5, not below its highest, -1")>]
[<InlineData("x:0:1,y:0:1,x:2:3", "'x' has more than one range")>]
[<InlineData("x:0:1,\ny:0:1", "on one line")>]
let ``ranges that are none are refused`` (text: string, why: string) =
    let takes = "--vars takes variables with their lowest and highest values, as x:-1:1,y:0:2*pi; "
    Assert.Equal(takes + why, refusal (fun () -> Dataset.ranges text))

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

[<Fact>]
let ``points lie in the ranges and have the formula's values`` () =
    forAll 50 draws (fun (ranges, (train, test), seed) ->
        let formula = Parser.expression "x0^2 + 1" + Variable(fst (List.last ranges))
        let data = Dataset.ofFormula formula ranges train test 0.0 (key seed) place
        Assert.Equal<string list>(List.map fst ranges, data.Inputs)
        Assert.Equal(Some formula, data.Truth)
        Assert.Equal<int64>([| int64 train; int64 ranges.Length |], data.Train.X.shape)
        Assert.Equal<int64>([| int64 test; int64 ranges.Length |], data.Test.X.shape)

        for samples in [ data.Train; data.Test ] do
            Assert.Equal<int64>([| samples.X.shape[0]; 1L |], samples.Y.shape)

            for row, y in
                Seq.zip (Tensor.toArray samples.X |> Array.chunkBySize ranges.Length) (Tensor.toArray samples.Y) do
                Seq.iter2 (fun v (_, (low, high)) -> Assert.InRange(v, low, high)) row ranges
                Assert.Equal(row[0] * row[0] + 1.0 + Array.last row, y, 1e-9))

[<Fact>]
let ``points fill the ranges`` () =
    use _ = torch.NewDisposeScope()
    let data = Dataset.ofFormula formula [ "x", (-1.0, 3.0); "y", (0.0, 0.5) ] 5000 5000 0.0 (key 1) place

    for samples in [ data.Train; data.Test ] do
        for index, (low, high) in [ 0L, (-1.0, 3.0); 1L, (0.0, 0.5) ] do
            let column = samples.X.select (1L, index)
            let width = high - low
            Assert.InRange(Tensor.item (column.min ()), low, low + 0.01 * width)
            Assert.InRange(Tensor.item (column.max ()), high - 0.01 * width, high)
            Assert.InRange(Tensor.item (column.mean ()), low + 0.48 * width, low + 0.52 * width)

[<Fact>]
let ``the same key gives the same data, other keys others`` () =
    forAll 20 (Gen.two seeds) (fun (seed, other) ->
        let data seed = numbers (Dataset.ofFormula formula square 20 10 0.1 (key seed) place)
        Assert.Equal<float[] list>(data seed, data seed)

        if seed <> other then
            Seq.iter2 (fun (a: float[]) b -> Assert.NotEqual<float[]>(a, b)) (data seed) (data other))

[<Fact>]
let ``training and test points are independent`` () =
    use _ = torch.NewDisposeScope()
    let data = Dataset.ofFormula formula square 20000 20000 0.0 (key 3) place
    let product = (data.Train.X * data.Test.X).mean([| 0L |])
    // The product of two independent uniform numbers on [-1, 1] has standard deviation 1/3.
    Assert.InRange(Tensor.item (product.abs().max()), 0.0, 4.0 / 3.0 / sqrt 20000.0)

[<Fact>]
let ``noise is on the training values alone, of the spread asked for`` () =
    let cases = Gen.zip (Gen.elements [ 0.01; 0.5; 3.0 ]) seeds

    forAll 20 cases (fun (noise, seed) ->
        let n = 4000
        let data noise = Dataset.ofFormula formula square n 50 noise (key seed) place
        let exact, noisy = data 0.0, data noise
        Assert.Equal<float>(Tensor.toArray exact.Train.X, Tensor.toArray noisy.Train.X)
        Assert.Equal<float>(Tensor.toArray exact.Test.X, Tensor.toArray noisy.Test.X)
        Assert.Equal<float>(Tensor.toArray exact.Test.Y, Tensor.toArray noisy.Test.Y)
        let errors = (noisy.Train.Y - exact.Train.Y) / noise
        // Five standard errors of the mean, and of the mean square, whose own variance is 2.
        Assert.InRange(Tensor.item (errors.mean ()), -5.0 / sqrt (float n), 5.0 / sqrt (float n))
        let width = 5.0 * sqrt (2.0 / float n)
        Assert.InRange(Tensor.item ((errors * errors).mean()), 1.0 - width, 1.0 + width)
        // Nor does it follow the points.
        let follows = Tensor.item ((errors * noisy.Train.X.select(1L, 0L).unsqueeze 1L).mean()) * sqrt 3.0
        Assert.InRange(follows, -5.0 / sqrt (float n), 5.0 / sqrt (float n)))

[<Fact>]
let ``inputs that a formula does not have are kept, and its output has a name of its own`` () =
    use _ = torch.NewDisposeScope()
    let ranges = [ "z", (5.0, 6.0); "x", (0.0, 1.0); "f", (2.0, 3.0) ]
    let data = Dataset.ofFormula (Parser.expression "2*x") ranges 10 10 0.0 (key 1) Placement.cpu32
    Assert.Equal<string list>([ "z"; "x"; "f" ], data.Inputs)
    Assert.Equal("f1", data.Target)
    Assert.Equal("f", (Dataset.ofFormula (Number 2.0) square 1 1 0.0 (key 1) place).Target)
    Assert.Equal(torch.float32, data.Train.X.dtype)
    Assert.Equal(torch.float32, data.Train.Y.dtype)
    close "2x" 1e-6 (2.0 * data.Test.X.narrow (1L, 1L, 1L)) data.Test.Y

[<Fact>]
let ``data of the Feynman set are those of its formula on its ranges`` () =
    use _ = torch.NewDisposeScope()
    let equation = Feynman.find "I.12.11"
    let data = Dataset.ofFeynman equation 30 20 0.1 (key 4) place

    let same =
        Dataset.ofFormula (Parser.expression equation.Formula) equation.Variables 30 20 0.1 (key 4) place

    Assert.Equal<string list>([ "q"; "E_f"; "B"; "v"; "theta" ], data.Inputs)
    Assert.Equal<float[] list>(numbers same, numbers data)

[<Fact>]
let ``formulas and sizes that cannot be sampled are refused`` () =
    use _ = torch.NewDisposeScope()

    let message formula ranges train test noise =
        refusal (fun () ->
            Dataset.ofFormula (Parser.expression formula) (Dataset.ranges ranges) train test noise (key 1) place)

    Assert.Equal(
        "the formula has variables without a range: y, z; --vars takes a range for each",
        message "x*y + z" "x:0:1" 5 5 0.0
    )

    Assert.Equal("--train takes a whole number from 1 up, not 0", message "x" "x:0:1" 0 5 0.0)
    Assert.Equal("--test takes a whole number from 1 up, not -3", message "x" "x:0:1" 5 -3 0.0)

    for noise in [ -0.1; nan; infinity ] do
        Assert.Equal(
            $"--noise takes the standard deviation of the noise, a number from 0 up, not {noise}",
            message "x" "x:0:1" 5 5 noise
        )

    Assert.Matches(
        @"^the formula has no finite value \(but NaN\) at x = -\S+, y = [01]\S*$",
        message "sqrt(x) + y" "x:-2:-1,y:0.5:1" 5 5 0.0
    )

    // The message gives a point where it is so.
    let point = message "1/(1 + sign(x - 0.9))" "x:0:1" 1000 1 0.0
    Assert.StartsWith("the formula has no finite value (but Infinity) at x = 0.", point)
    Assert.InRange(float (point.Substring(point.LastIndexOf ' ')), 0.0, 0.9)

let private withCsv (lines: string list) (test: string -> 'a) : 'a =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "data.csv")
        File.WriteAllLines(path, lines)
        test path)

[<Fact>]
let ``the rows of a file are split and shuffled, each in one place`` () =
    let cases = Gen.zip3 (Gen.choose (2, 60)) (Gen.elements [ 0.001; 0.2; 0.5; 0.999 ]) seeds

    forAll 40 cases (fun (count, share, seed) ->
        withCsv ("a,t,b" :: [ for i in 1..count -> $"{i},{10 * i},{-i}" ]) (fun path ->
            let data = Dataset.ofCsv path "t" share (key seed) place
            Assert.Equal<string list>([ "a"; "b" ], data.Inputs)
            Assert.Equal("t", data.Target)
            Assert.Equal(None, data.Truth)

            let expected = max 1 (min (count - 1) (int (round (float count * share))))
            Assert.Equal<int64>([| int64 expected; 2L |], data.Test.X.shape)
            Assert.Equal<int64>([| int64 (count - expected); 1L |], data.Train.Y.shape)

            let row (values: float[]) = values[0], values[1]
            let rows (s: Samples) = Tensor.toArray s.X |> Array.chunkBySize 2 |> Array.map row
            let all = Array.append (rows data.Test) (rows data.Train)
            Assert.Equal<float * float>([| for i in 1..count -> float i, float -i |], Array.sort all)

            for s in [ data.Train; data.Test ] do
                Assert.Equal<float>(rows s |> Array.map (fun (a, _) -> 10.0 * a), Tensor.toArray s.Y)

            let other seed = numbers (Dataset.ofCsv path "t" share (key seed) place)
            Assert.Equal<float[] list>(numbers data, other seed)

            // Two orders of many rows are hardly ever the same.
            if count > 12 then
                Assert.NotEqual<float[] list>(numbers data, other (seed + 1))
                Assert.NotEqual<float * float>(Array.sort all, all)))

[<Fact>]
let ``files that make no data set are refused`` () =
    let message lines target share place =
        withCsv lines (fun path ->
            let message = refusal (fun () -> Dataset.ofCsv path target share (key 1) place)
            message.Replace(path, "FILE"))

    let lines = [ "x,y"; "1,2"; "3,4e38"; "5,6e40" ]

    for share in [ 0.0; 1.0; -0.2; nan ] do
        Assert.Equal(
            $"--test-share takes the share of the rows to test on, above 0 and below 1, not {share}",
            message lines "y" share place
        )

    Assert.Equal("FILE: no column 'z' to be the target; there are x, y", message lines "z" 0.2 place)

    Assert.Equal("FILE: no column but the target 'y'; inputs are needed", message [ "y"; "1"; "2" ] "y" 0.2 place)

    Assert.Equal(
        "FILE: at least 2 rows of numbers below the header are needed, not 1",
        message (List.take 2 lines) "y" 0.2 place
    )

    Assert.Equal(
        "FILE, line 3: column 'y': '4e38' is not a finite number of at most 3.403e+38",
        message lines "y" 0.2 Placement.cpu32
    )
