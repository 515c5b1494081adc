/// Reports: whatever a run's folder holds, the page tells it and needs no other file.
module MetaKan.Tests.ReportTests

open System.IO
open System.Text.Json.Nodes
open System.Text.RegularExpressions
open Expecto
open MetaKan
open MetaKan.Tests.Folder

let private json (text: string) = JsonNode.Parse text :?> JsonObject

let private config =
    """{"problem":{"name":"allen-cahn","dim":10},"network":{"model":"metakan"},"settings":{"epochs":5000,"lr_e":0.001},"measures":{"loss":"loss","relative_l2":"error","test_accuracy":"accuracy"},"note":"<b>&"}"""

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

let tests =
    testList
        "Training.Report"
        [
            testCase "a run that has not begun is reported by its configuration" (fun () ->
                let page = report ignore
                Expect.equal (headings page) [ "Configuration" ] "headings"
                Expect.stringContains page "<title>allen-cahn · metakan · 10 dimensions</title>" "page"
                Expect.stringContains page "Not finished: no step yet of 5000." "page"
                Expect.stringContains page "<th scope=\"row\">settings.lr_e</th><td>0.001</td>" "page"
                Expect.stringContains page "<td>&lt;b&gt;&amp;</td>" "page")

            testCase "a run in its midst shows its curves and how far it is" (fun () ->
                let page =
                    report (
                        withMetrics
                            [ "loss"; "relative_l2"; "learning_rate" ]
                            [ 1, [ "loss", 2.0 ]; 1234, [ "loss", 0.5; "relative_l2", 0.1 ] ]
                    )

                Expect.equal (headings page) [ "Training"; "Configuration" ] "headings"
                Expect.equal (charts page) [ "Loss"; "Error" ] "charts"
                Expect.stringContains page "Not finished: step 1234 of 5000." "page"
                Check.lacks page "learning rate" "page")

            testCase "a finished run shows its result and its pictures in the order of their names" (fun () ->
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

                Expect.equal (headings page) [ "Result"; "Training"; "Pictures"; "Configuration" ] "headings"
                Expect.equal (charts page) [ "Loss"; "Accuracy and error"; "first"; "second" ] "charts"
                Expect.stringContains page "Finished." "page"
                Expect.stringContains page "<dt>relative l2</dt><dd>0.00812346</dd>" "page"
                Expect.stringContains page "<dt>parameters</dt><dd>37\u202F028</dd>" "page"
                Expect.stringContains page "<dt>peak cuda mib</dt><dd>–</dd>" "page"
                Check.lacks page "<dt>dim</dt>" "page"
                Expect.stringContains page "3.svg is not a readable picture." "page")

            testCase "a report needs no script and no other file" (fun () ->
                let page = report (withMetrics [ "loss" ] [ 1, [ "loss", 1.0 ] ])

                Check.lacks page "<script" "page"

                let addresses =
                    [ for found in Regex.Matches(page, "(?:src|href|url)[=(]\"?([^\" )]*)") -> found.Groups[1].Value ]

                for address in addresses do
                    Expect.stringStarts address "data:" "address"

                let withoutNamespace = page.Replace("xmlns=\"http://www.w3.org/2000/svg\"", "")
                Check.lacks withoutNamespace "http" "without namespace")

            testCase "a folder without a run, and a run with a broken file, are refused by name" (fun () ->
                withFolder (fun folder ->
                    let refusal () = messageOf<BadInput>(fun () -> Report.write folder)
                    Expect.stringContains (refusal ()) "config.json" "refusal"
                    RunFolder.writeConfig folder (json config)
                    File.WriteAllText(RunFolder.metricsPath folder, "nonsense\n")
                    Expect.stringContains (refusal ()) "metrics.csv" "refusal"
                    Expect.isFalse (File.Exists(RunFolder.reportPath folder)) "no report"))

            Check.theory
                "a report tells how the run ended"
                [
                    "completed", "Finished."
                    "stopped", "Stopped, to be resumed: step 20 of 5000."
                    "diverged", "Diverged: step 20 of 5000."
                ]
                (fun (outcome, told) ->
                    let page =
                        report (fun folder ->
                            withMetrics [ "loss" ] [ 20, [ "loss", 1.0 ] ] folder
                            RunFolder.writeResult folder (json $"{{\"outcome\":\"{outcome}\"}}"))

                    Expect.stringContains page told "page")

            testCase "the report command writes the page of the folder it is given" (fun () ->
                withFolder (fun folder ->
                    let report () =
                        Argu.ArgumentParser.Create<Cli.Report.Options>().Parse [| folder |] |> Cli.Report.run

                    messageOf<BadInput>(report >> ignore) |> ignore
                    RunFolder.writeConfig folder (json config)
                    Expect.equal (report ()) 0 "exit code"
                    Expect.isTrue (File.Exists(RunFolder.reportPath folder)) "the report is there"))
        ]
