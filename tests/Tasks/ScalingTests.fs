/// Normalization: what it makes of data, and that formulas survive it.
module MetaKan.Tests.ScalingTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open MetaKan.Tests.Numeric
open TorchSharp

let private place = Placement.cpu64
let private inputs = [ "x"; "y" ]

/// Columns far from zero and of different spreads, a constant target now and then.
let private cases =
    gen {
        let! low = Gen.choose (-1000, 1000)
        let! width = Gen.elements [ 1e-3; 1.0; 500.0 ]
        let! formula = Gen.elements [ "x - y"; "x*y + 3"; "0.1"; "sin(x) + y^2" ]
        let! seed = seeds
        let ranges = [ "x", (float low, float low + width); "y", (0.0, 2.0) ]
        return Dataset.ofFormula (Parser.expression formula) ranges 40 30 0.0 (Key.ofSeed seed) place
    }

let private moments (t: Tensor) =
    [
        for column in t.split (1L, 1) do
            let mean = column.mean ()
            Tensor.item mean, Tensor.item (((column - mean) * (column - mean)).mean().sqrt())
    ]

/// The values of a formula at points x [N, n] of the inputs.
let private values (x: Tensor) (e: Expression) : Tensor =
    let column name = x.narrow (1L, int64 (List.findIndex ((=) name) inputs), 1L)
    Expression.evaluate (column "x") column e

let tests =
    testList
        "Tasks.Scaling"
        [
            property "training columns get mean zero and spread one, constant ones zeros" 300 cases (fun data ->
                let normal, input, output = Scaling.normalised data
                let constant = data.Truth = [ Number 0.1 ]

                // Means of up to 1000 are rounded to 1e-13, spreads are at least 1e-4.
                for index, (mean, spread) in List.indexed (moments normal.Train.X @ moments normal.Train.Y) do
                    Check.inRange (-1e-8) 1e-8 mean "mean"

                    if index = 2 && constant then
                        Expect.equal spread 0.0 "spread"
                    else
                        Check.inRange (1.0 - 1e-8) (1.0 + 1e-8) spread "spread"

                if constant then
                    Expect.equal output.Means [| 0.1 |] "means"
                    Expect.equal output.Spreads [| 1.0 |] "spreads"

                // Test columns are shifted and scaled as the training columns are.
                let undone (s: Scaling) (t: Tensor) =
                    t * tensor [ 1; -1 ] (List.ofArray s.Spreads) + tensor [ 1; -1 ] (List.ofArray s.Means)

                for before, after in [ data.Train, normal.Train; data.Test, normal.Test ] do
                    close "inputs" 1e-12 before.X (undone input after.X)
                    close "outputs" 1e-12 before.Y (undone output after.Y)

                Expect.equal normal.Inputs inputs "inputs")

            property "the truth is one of the normalised inputs" 300 cases (fun data ->
                let normal, _, _ = Scaling.normalised data

                for samples in [ normal.Train; normal.Test ] do
                    let apart = Tensor.item ((values samples.X normal.Truth.Head - samples.Y).abs().max())
                    Check.inRange 0.0 1e-7 apart "apart")

            property
                "a formula of normalised data, rewritten, has the same values on the data as they were"
                300
                cases
                (fun data ->
                    let normal, input, output = Scaling.normalised data
                    let formulas, ofOutputs = Scaling.denormalise inputs input output
                    let found = Parser.expression "exp(-x^2) + 2*y - x*y"

                    let rewritten =
                        found |> Expression.substitute (Map(List.zip inputs formulas)).TryFind |> ofOutputs.Head

                    for before, after in [ data.Train, normal.Train; data.Test, normal.Test ] do
                        let expected = values after.X found * output.Spreads[0] + output.Means[0]
                        close "values" 1e-9 expected (values before.X rewritten)

                    // Back at the truth itself.
                    let truth =
                        normal.Truth.Head
                        |> Expression.substitute (Map(List.zip inputs formulas)).TryFind
                        |> ofOutputs.Head

                    close "truth" 1e-9 data.Test.Y (values data.Test.X truth))

            testCase "each of several outputs has its own mean and spread back" (fun () ->
                let ranges = [ "x", (0.0, 1.0); "y", (2.0, 3.0) ]
                let formulas = Dataset.formulas inputs "u = 5*x + 100; v = 0.01*y"
                let data = Dataset.ofFormulas formulas ranges 30 10 0.0 (Key.ofSeed 2) Placement.cpu64
                let normal, input, outputs = Scaling.normalised data
                let back, ofOutputs = Scaling.denormalise inputs input outputs
                Expect.hasLength ofOutputs 2 "outputs"

                for i, (truth, ofOutput) in List.indexed (List.zip normal.Truth ofOutputs) do
                    let column (t: Tensor) = t.narrow (1L, int64 i, 1L)
                    close "normalised" 1e-9 (column normal.Test.Y) (values normal.Test.X truth)
                    let whole = truth |> Expression.substitute (Map(List.zip inputs back)).TryFind |> ofOutput
                    close "back" 1e-9 (column data.Test.Y) (values data.Test.X whole))

            testCase "single samples and spreads beyond squaring are normalised too" (fun () ->
                let data x y =
                    let samples = { X = tensor [ -1; 1 ] x; Y = tensor [ -1; 1 ] y }

                    { Inputs = [ "x" ]; Targets = [ "f" ]; Train = samples; Test = samples; Truth = [] }

                use _ = torch.NewDisposeScope()
                let normal, input, output = Scaling.normalised (data [ 5.0 ] [ -2.0 ])
                Expect.equal input { Means = [| 5.0 |]; Spreads = [| 1.0 |] } "input"
                Expect.equal output { Means = [| -2.0 |]; Spreads = [| 1.0 |] } "output"
                Expect.equal (Tensor.item normal.Train.X) 0.0 "normalized point"

                let normal, _, _ = Scaling.normalised (data [ -1e-200; 1e-200 ] [ -1e200; 1e200 ])
                close "tiny" 1e-12 (tensor [ 2; 1 ] [ -1.0; 1.0 ]) normal.Train.X
                close "huge" 1e-12 (tensor [ 2; 1 ] [ -1.0; 1.0 ]) normal.Train.Y)

            testCase "data in single precision are normalised without losing what double precision keeps" (fun () ->
                use _ = torch.NewDisposeScope()
                // Single precision holds these numbers but not their mean.
                let column = [ for i in 0..7 -> 1e7 + float i ]
                let x = tensor [ 8; 1 ] column |> Placement.put Placement.cpu32
                let samples = { X = x; Y = x }

                let data = { Inputs = [ "x" ]; Targets = [ "f" ]; Train = samples; Test = samples; Truth = [] }

                let normal, input, _ = Scaling.normalised data
                Expect.equal normal.Train.X.dtype torch.float32 "precision"
                Expect.equal input.Means [| 1e7 + 3.5 |] "means"
                let expected = [ for v in column -> (v - 1e7 - 3.5) / sqrt 5.25 ]
                close "values" 1e-7 (tensor [ 8; 1 ] expected) (normal.Train.X.``to`` torch.float64))
        ]
