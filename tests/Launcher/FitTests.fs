/// `metakan fit` as a user meets it.
module MetaKan.Tests.Launcher.FitTests

open System
open System.IO
open System.Text.Json.Nodes
open Xunit
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

[<Theory>]
[<InlineData("fit", "--expr")>]
[<InlineData("fit --expr x", "--vars")>]
[<InlineData("fit --expr sin(x --vars x:0:1", "position")>]
[<InlineData("fit --expr x+y --vars x:0:1", "y")>]
[<InlineData("fit --expr x --vars x:1:0", "--vars")>]
[<InlineData("fit --expr log(x) --vars x:-1:1", "finite")>]
[<InlineData("fit --feynman I.6.20c", "I.6.20")>]
[<InlineData("fit --csv nowhere.csv --target y", "nowhere.csv")>]
[<InlineData("fit --csv nowhere.csv", "--target")>]
[<InlineData("fit --expr x --vars x:0:1 --feynman I.6.20", "one of")>]
[<InlineData("fit --expr x --vars x:0:1 --width 2 5 1", "--width")>]
[<InlineData("fit --expr x --vars x:0:1 --width 1 a 1", "--width")>]
[<InlineData("fit --expr x --vars x:0:1 --model mlp --prune", "--model mlp")>]
[<InlineData("fit --expr x --vars x:0:1 --extend 10 8", "--extend")>]
[<InlineData("fit --expr x --vars x:0:1 --symbolic --library sinus", "sinus")>]
[<InlineData("fit --expr x --vars x:0:1 --lamb -1", "--lamb")>]
[<InlineData("fit --expr x --vars x:0:1 --history 0", "--history takes a whole number from 1 up")>]
[<InlineData("fit --expr x --vars x:0:1 --history 5 --optimizer adam", "--history is for --optimizer lbfgs")>]
[<InlineData("fit --expr x --vars x:0:1 --lr 0.1", "--lr is for --optimizer adam")>]
[<InlineData("fit --expr x --vars x:0:1 --hidden-dim 8", "--hidden-dim is for --model metakan")>]
[<InlineData("fit --expr x --vars x:0:1 --grid 5 --model mlp", "--grid is for --model kan and metakan")>]
[<InlineData("fit --expr x --vars x:0:1 --edge-threshold 0.1", "--edge-threshold is for --prune")>]
[<InlineData("fit --expr x --vars x:0:1 --library sin", "--library is for --symbolic")>]
[<InlineData("fit --expr x --vars x:0:1 --steps 5 5", "--steps")>]
let ``bad input ends with code 2 and one line, and nothing is written`` (arguments: string) (said: string) =
    refused arguments said

[<Fact>]
let ``a table is fitted, and the result told`` () =
    withFolder (fun folder ->
        let rows = [ for i in 0..99 -> $"{i},{float (i % 7)},{2.0 * float i + 1.0}" ]
        File.WriteAllLines(Path.Combine(folder, "data.csv"), "a,b,c" :: rows)

        let ended =
            run
                folder
                (words
                    "fit --csv data.csv --target c --width 2 1 --steps 10 --normalize --symbolic --library x --out run")

        Assert.Equal(0, ended.Code)
        Assert.Contains("c = 2*a + 1", ended.Out)
        let result = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "run", "result.json"))).AsObject()

        for field in
            words "task model parameters steps train_rmse test_rmse seconds formula formula_latex outcome seed" do
            Assert.True(result.ContainsKey field, field)

        Assert.True(File.Exists(Path.Combine(folder, "run", "report.html"))))

[<Fact>]
let ``nodes that multiply are asked for by a plus`` () =
    withFolder (fun folder ->
        let ended =
            run
                folder
                (words
                    "fit --expr x*y --vars x:-1:1,y:-1:1 --width 2 0+1 1 --steps 20 --train 200 --test 100 --out run")

        Assert.Equal(0, ended.Code)
        let result = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "run", "result.json"))).AsObject()
        Assert.InRange(result["test_rmse"].GetValue<float>(), 0.0, 1e-2))
