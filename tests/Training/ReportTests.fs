/// Reports: whatever a run's folder holds, the page tells it and needs no other file.
module MetaKan.Tests.ReportTests

open System.IO
open System.Text.Json.Nodes
open System.Text.RegularExpressions
open MetaKan
open MetaKan.Tests.Folder
open Xunit

let private json (text: string) = JsonNode.Parse text :?> JsonObject

let private config =
    """{"problem":"allen-cahn","model":"metakan","dim":10,"epochs":5000,"rates":{"lr_e":0.001},"note":"<b>&"}"""

/// The report of a run's folder, once `fill` has put things there.
let private report fill =
    withFolder (fun folder ->
        RunFolder.create folder
        RunFolder.writeConfig folder (json config)
        fill folder
        Report.write folder
        File.ReadAllText(RunFolder.reportPath folder))

let private withMetrics columns rows folder =
    use metrics = Metrics.create folder columns
    rows |> List.iter metrics.Append

let private headings page = [ for found in Regex.Matches(page, "<h2>(.*?)</h2>") -> found.Groups[1].Value ]

let private charts page = [ for found in Regex.Matches(page, "aria-label=\"(.*?)\"") -> found.Groups[1].Value ]

[<Fact>]
let ``a run that has not begun is reported by its configuration`` () =
    let page = report ignore
    Assert.Equal<string list>([ "Configuration" ], headings page)
    Assert.Contains("<title>allen-cahn · metakan · 10 dimensions</title>", page)
    Assert.Contains("Not finished: no step yet of 5000.", page)
    Assert.Contains("<th scope=\"row\">rates.lr_e</th><td>0.001</td>", page)
    Assert.Contains("<td>&lt;b&gt;&amp;</td>", page)

[<Fact>]
let ``a run in its midst shows its curves and how far it is`` () =
    let page =
        report (
            withMetrics
                [ "loss"; "relative_l2"; "learning_rate" ]
                [ 1, [ "loss", 2.0 ]; 1234, [ "loss", 0.5; "relative_l2", 0.1 ] ]
        )

    Assert.Equal<string list>([ "Training"; "Configuration" ], headings page)
    Assert.Equal<string list>([ "Loss"; "Error" ], charts page)
    Assert.Contains("Not finished: step 1234 of 5000.", page)
    Assert.DoesNotContain("learning rate", page)

[<Fact>]
let ``a finished run shows its result and its pictures in the order of their names`` () =
    let page =
        report (fun folder ->
            withMetrics [ "loss"; "test_accuracy" ] [ 1, [ "loss", nan; "test_accuracy", 0.5 ] ] folder

            RunFolder.writeResult
                folder
                (json """{"relative_l2":0.00812345678,"parameters":37028,"dim":10,"peak_cuda_mib":null}""")

            let save name = Plot.save (Path.Combine(RunFolder.picturesPath folder, name + ".svg"))

            let chart title =
                Plot.chart
                    {
                        Title = title
                        Description = ""
                        X = { Label = ""; Scale = Scale.Linear }
                        Y = { Label = ""; Scale = Scale.Linear }
                        Series = []
                    }

            save "2" (chart "second")
            save "1" (chart "first")
            save "3" "<svg><g>")

    Assert.Equal<string list>([ "Result"; "Training"; "Pictures"; "Configuration" ], headings page)
    Assert.Equal<string list>([ "Loss"; "Accuracy and error"; "first"; "second" ], charts page)
    Assert.Contains("Finished.", page)
    Assert.Contains("<dt>relative l2</dt><dd>0.00812346</dd>", page)
    Assert.Contains("<dt>parameters</dt><dd>37\u202F028</dd>", page)
    Assert.Contains("<dt>peak cuda mib</dt><dd>–</dd>", page)
    Assert.DoesNotContain("<dt>dim</dt>", page)
    Assert.Contains("3.svg is not a readable picture.", page)

[<Fact>]
let ``a report needs no script and no other file`` () =
    let page = report (withMetrics [ "loss" ] [ 1, [ "loss", 1.0 ] ])

    Assert.DoesNotContain("<script", page)

    let addresses =
        [ for found in Regex.Matches(page, "(?:src|href|url)[=(]\"?([^\" )]*)") -> found.Groups[1].Value ]

    Assert.All(addresses, fun address -> Assert.StartsWith("data:", address))
    let withoutNamespace = page.Replace("xmlns=\"http://www.w3.org/2000/svg\"", "")
    Assert.DoesNotContain("http", withoutNamespace)

[<Fact>]
let ``a folder without a run, and a run with a broken file, are refused by name`` () =
    withFolder (fun folder ->
        let refusal () = messageOf<BadInput>(fun () -> Report.write folder)
        Assert.Contains("config.json", refusal ())
        RunFolder.writeConfig folder (json config)
        File.WriteAllText(RunFolder.metricsPath folder, "nonsense\n")
        Assert.Contains("metrics.csv", refusal ())
        Assert.False(File.Exists(RunFolder.reportPath folder)))

[<Theory>]
[<InlineData("completed", "Finished.")>]
[<InlineData("stopped", "Stopped, to be resumed: step 20 of 5000.")>]
[<InlineData("diverged", "Diverged: step 20 of 5000.")>]
let ``a report tells how the run ended`` (outcome: string, told: string) =
    let page =
        report (fun folder ->
            withMetrics [ "loss" ] [ 20, [ "loss", 1.0 ] ] folder
            RunFolder.writeResult folder (json $"{{\"outcome\":\"{outcome}\"}}"))

    Assert.Contains(told, page)

[<Fact>]
let ``the report command writes the page of the folder it is given`` () =
    withFolder (fun folder ->
        let report () = Argu.ArgumentParser.Create<Cli.Report.Options>().Parse [| folder |] |> Cli.Report.run

        messageOf<BadInput>(report >> ignore) |> ignore
        RunFolder.writeConfig folder (json config)
        Assert.Equal(0, report ())
        Assert.True(File.Exists(RunFolder.reportPath folder)))
