/// Fitting a function, from data to the formula, in a run folder.
[<Xunit.Collection "alone">]
module MetaKan.Tests.FitTests

open System
open System.IO
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open MetaKan.Tests.Runs
open TorchSharp
open Xunit

let private formula = Parser.expression "exp(sin(pi*x) + y^2)"
let private ranges = Dataset.ranges "x:-1:1,y:-1:1"

let private data seed = Dataset.ofFormula formula ranges 400 300 0.0 (Key.fold 1 (Key.ofSeed seed)) Placement.cpu64

let private network source widths = Kan(Network.create { Size = 3; Order = 3 } source (List.map Nodes.sums widths))

let private meta = Generated { EmbeddingDim = 1; HiddenDim = 16; Sharing = Shared; Chunk = None }

let private settings folder = { Fit.defaults with Folder = Path.Combine(folder, "run") }
let private fit settings data scaling learner = Fit.run settings data scaling learner never ignore

let private number (run: FitRun) (name: string) = run.Result[name].GetValue<float>()

[<Fact>]
let ``the formula is found from its values`` () =
    withFolder (fun folder ->
        use _ = torch.NewDisposeScope()

        let settings =
            { settings folder with
                Steps = [ 50 ]
                Sparsity = { Weight = 0.01; EntropyWeight = 2.0 }
                Prune = Some { Node = 0.01; Edge = 0.03 }
                Extend = [ 6 ]
                Symbolic = Some Symbolic.defaults
            }

        let run = fit settings (data 0) None (network Stored [ 2; 5; 1 ])
        Assert.Equal("exp(sin(pi*x) + y^2)", Printer.text run.Formula.Value)
        Assert.InRange(number run "test_rmse", 0.0, 1e-4)
        Assert.InRange(number run "formula_test_rmse", 0.0, 1e-4)
        Assert.Equal("exp(sin(pi*x) + y^2)", run.Result["formula"].GetValue<string>())

        for picture in [ "diagram-1-trained"; "diagram-2-pruned"; "diagram-3-symbolic"; "fit-1-true"; "fit-4-points" ] do
            Assert.True(File.Exists(Path.Combine(RunFolder.picturesPath settings.Folder, picture + ".svg")), picture))

[<Fact>]
let ``each learner fits, and the folder tells how`` () =
    for learner, most in
        [
            network Stored [ 2; 3; 1 ], 0.1
            network meta [ 2; 3; 1 ], 0.5
            OfModel(Mlp.create [ 2; 8; 1 ]), 0.5
        ] do
        withFolder (fun folder ->
            use _ = torch.NewDisposeScope()
            let settings = { settings folder with Steps = [ 15 ] }
            let run = fit settings (data 1) None learner
            Assert.InRange(number run "test_rmse_relative", 0.0, most)
            Assert.Equal(Completed, run.Outcome)
            let table = Metrics.read settings.Folder
            Assert.Equal(15, table.Rows.Length)
            let last = Map.ofSeq (Seq.zip table.Columns (snd (Array.last table.Rows)))
            Assert.Equal(Some(number run "test_rmse"), last["test_rmse"])
            Assert.True(File.Exists(RunFolder.configPath settings.Folder))
            Report.write settings.Folder)

[<Fact>]
let ``the same seed gives the same fit, another another`` () =
    withFolder (fun folder ->
        use _ = torch.NewDisposeScope()

        let at name seed =
            let settings = { settings folder with Steps = [ 3 ]; Seed = seed; Folder = Path.Combine(folder, name) }
            (fit settings (data 2) None (network Stored [ 2; 2; 1 ])).Params

        let start (p: Params) = Tensor.toArray p["layers.0.coef"]
        let first = at "a" 1
        closeTrees "again" 0.0 first (at "b" 1)
        Assert.NotEqual<float>(start first, start (at "c" 2)))

[<Fact>]
let ``errors of normalised data are told in the data's units`` () =
    withFolder (fun folder ->
        use _ = torch.NewDisposeScope()

        let plain =
            Dataset.ofFormula
                (Parser.expression "1000*x + 5000")
                (Dataset.ranges "x:3:7")
                50
                40
                0.0
                (Key.ofSeed 3)
                Placement.cpu64

        let scaled, inputs, output = Scaling.normalised plain

        let settings =
            { settings folder with
                Steps = [ 10 ]
                Symbolic = Some { Symbolic.defaults with Library = [ SymbolicFunction.find "x" ] }
            }

        let run = fit settings scaled (Some(inputs, output)) (network Stored [ 1; 1 ])
        Assert.Equal("1000*x + 5000", run.Result["formula"].GetValue<string>())
        let spread = Tensor.item (plain.Test.Y.std ())
        Assert.Equal(number run "test_rmse" / spread, number run "test_rmse_relative", 12))

[<Fact>]
let ``the network's error is its formula's, also of normalised data`` () =
    withFolder (fun folder ->
        use _ = torch.NewDisposeScope()
        let formula = Parser.expression "1000*x^2 + 5000"

        let plain =
            Dataset.ofFormula formula (Dataset.ranges "x:3:7") 200 100 0.0 (Key.ofSeed 3) Placement.cpu64

        let scaled, inputs, output = Scaling.normalised plain

        // A line leaves much of a parabola unexplained, and the same of both.
        let settings =
            { settings folder with
                Steps = [ 10 ]
                Symbolic = Some { Symbolic.defaults with Library = [ SymbolicFunction.find "x" ] }
            }

        let run = fit settings scaled (Some(inputs, output)) (network Stored [ 1; 1 ])
        Assert.InRange(number run "test_rmse_relative", 0.01, 0.3)
        Assert.Equal(1.0, number run "formula_test_rmse" / number run "test_rmse", 2))

[<Fact>]
let ``a fit that is interrupted keeps what it has`` () =
    withFolder (fun folder ->
        use _ = torch.NewDisposeScope()
        let asked = ref 0

        let interrupted () =
            asked.Value <- asked.Value + 1
            asked.Value > 4

        let settings = { settings folder with Steps = [ 20 ]; Prune = Some { Node = 0.01; Edge = 0.03 } }
        let run = Fit.run settings (data 4) None (network Stored [ 2; 2; 1 ]) interrupted ignore
        Assert.Equal(Stopped, run.Outcome)
        Assert.Equal("stopped", run.Result["outcome"].GetValue<string>())
        let kept = FittedFile.load (RunFolder.checkpointPath settings.Folder)
        closeTrees "kept" 0.0 run.Params kept.Params)

[<Fact>]
let ``extension lowers the error of a smooth function`` () =
    withFolder (fun folder ->
        use _ = torch.NewDisposeScope()

        let data =
            Dataset.ofFormula
                (Parser.expression "sin(5*x) + tanh(4*x)")
                (Dataset.ranges "x:-1:1")
                500
                300
                0.0
                (Key.ofSeed 5)
                Placement.cpu64

        let settings = { settings folder with Steps = [ 10 ]; Extend = [ 6; 12 ] }
        fit settings data None (network Stored [ 1; 1 ]) |> ignore
        let table = Metrics.read settings.Folder
        let column name = List.findIndex ((=) name) table.Columns

        let best =
            [
                for grid in [ 3.0; 6.0; 12.0 ] ->
                    table.Rows
                    |> Array.filter (fun (_, row) -> row[column "grid"] = Some grid)
                    |> Array.last
                    |> fun (_, row) -> row[column "test_rmse"].Value
            ]

        Assert.True(List.pairwise best |> List.forall (fun (coarse, fine) -> fine < coarse), $"{best}")
        Assert.True(List.last best < 0.1 * best.Head, $"{best}"))

[<Fact>]
let ``the set's table goes on where it was cut off`` () =
    withFolder (fun folder ->
        use _ = torch.NewDisposeScope()
        let equations = List.truncate 3 Feynman.equations
        let made = ResizeArray<string>()

        let fit (equation: FeynmanEquation) place =
            if made.Count = 2 then
                raise (RunFailed "cut off")

            made.Add equation.Name
            let data = Dataset.ofFeynman equation 60 40 0.0 (Key.ofSeed 6) Placement.cpu64
            let settings = { settings folder with Steps = [ 2 ]; Folder = place }
            (fit settings data None (network Stored [ data.Inputs.Length; 2; 1 ])).Result

        Assert.Throws<RunFailed>(fun () -> FeynmanSuite.run folder equations fit ignore |> ignore) |> ignore
        made.RemoveAt 1
        let rows = FeynmanSuite.run folder equations fit ignore
        Assert.Equal<string list>([ for e in equations -> e.Name ], [ for row in rows -> row.Equation.Name ])
        Assert.Equal<string>([ equations[0].Name; equations[2].Name ], made)
        FeynmanSuite.write folder "the command" rows
        Assert.Equal(4, File.ReadAllLines(Path.Combine(folder, "feynman.csv")).Length)
        Assert.Contains("the command", File.ReadAllText(Path.Combine(folder, "feynman.md"))))
