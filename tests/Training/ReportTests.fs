/// Reports: whatever a run's folder holds, the page tells it and needs no other file.
module MetaKan.Tests.ReportTests

open System
open System.IO
open System.Net
open System.Text.Json.Nodes
open System.Text.RegularExpressions
open Expecto
open MetaKan
open MetaKan.Tests.Folder

let private json (text: string) = JsonNode.Parse text :?> JsonObject

let private config =
    """{"problem":{"name":"allen-cahn","dim":10},"network":{"model":"metakan"},"settings":{"epochs":5000,"lr_e":0.001},"measures":{"loss":"loss","loss_walls":"loss","relative_l2":"error","test_accuracy":"accuracy"},"note":"<b>&"}"""

let private begin' (folder: string) =
    RunFolder.create folder
    RunFolder.writeConfig folder (json config)

/// The report of a run's folder, once `fill` has put things there.
let private report fill =
    withFolder (fun folder ->
        begin' folder
        fill folder
        Report.write folder
        File.ReadAllText(RunFolder.reportPath folder))

let private withMetrics columns rows folder =
    use metrics = Metrics.create folder columns
    rows |> List.iter metrics.Append

let private withSteps columns rows folder =
    use steps = Metrics.resumeSteps folder columns 0
    rows |> List.iter steps.Append

let private headings page = [ for found in Regex.Matches(page, "<h2>(.*?)</h2>") -> found.Groups[1].Value ]

let private charts page =
    [
        for found in Regex.Matches(page, "<figcaption><span>(.*?)</span>") ->
            WebUtility.HtmlDecode found.Groups[1].Value
    ]

/// The figures of a page.
let private figures (page: string) =
    [
        for found in Regex.Matches(page, "<script type=\"application/json\">(.*?)</script>") ->
            json found.Groups[1].Value
    ]

let private names (figure: JsonObject) = [ for trace in figure["data"].AsArray() -> string trace["name"] ]

let private chart title =
    {
        Title = title
        Description = ""
        X = { Label = ""; Scale = Scale.Linear }
        Y = { Label = ""; Scale = Scale.Linear }
        Series = []
    }

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
                Expect.stringContains page "<td>&lt;b&gt;&amp;</td>" "page"
                // Nothing to draw: no library, and no script is allowed.
                Check.lacks page "<script" "page"
                Expect.stringContains page "script-src 'none'" "policy")

            testCase "a run in its midst shows its curves and how far it is" (fun () ->
                let page =
                    report (
                        withMetrics
                            [ "loss"; "loss_walls"; "relative_l2"; "of_no_kind" ]
                            [ 1, [ "loss", 2.0 ]; 1234, [ "loss", 0.5; "loss_walls", 0.25; "relative_l2", 0.1 ] ]
                    )

                Expect.equal (headings page) [ "Training"; "Configuration" ] "headings"
                Expect.equal (charts page) [ "Loss"; "Error"; "Terms of the loss" ] "charts"
                Expect.stringContains page "Not finished: step 1234 of 5000." "page"
                Check.lacks page "of no kind" "page")

            testCase "the loss is that of every step where it was kept, and the learning rates are beside it" (fun () ->
                let page =
                    report (fun folder ->
                        withMetrics [ "loss" ] [ 3, [ "loss", 0.5 ] ] folder

                        withSteps
                            [ "loss"; "rate_weights" ]
                            [ for i in 1..3 -> i, [ "loss", 2.0 / float i; "rate_weights", 0.1 * float i ] ]
                            folder)

                Expect.equal (charts page) [ "Loss"; "Learning rates" ] "charts"
                let figure = List.head (figures page)
                Expect.equal (figure["data"].[0].["y"].ToJsonString()) "[2.0,1.0,0.6666667]" "losses"
                Expect.equal (string figure["layout"].["yaxis"].["type"]) "log" "axis")

            testCase "a finished run shows its result and its pictures in the order of their names" (fun () ->
                let page =
                    report (fun folder ->
                        withMetrics [ "loss"; "test_accuracy" ] [ 1, [ "loss", nan; "test_accuracy", 0.5 ] ] folder

                        RunFolder.writeResult
                            folder
                            (json """{"relative_l2":0.00812345678,"parameters":37028,"dim":10,"peak_cuda_mib":null}""")

                        let path name = Path.Combine(RunFolder.picturesPath folder, name)

                        let save name title =
                            Figures.save folder name (Plot.chart (chart title)) (Figures.chart (chart title))

                        save "2" "second"
                        save "1" "first"
                        File.WriteAllText(path "3.svg", "<svg><g>")
                        File.WriteAllText(path "4.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
                        File.WriteAllText(path "5.json", "[1]")
                        File.WriteAllText(path "6.txt", "text"))

                Expect.equal (headings page) [ "Result"; "Training"; "Pictures"; "Configuration" ] "headings"
                Expect.equal (charts page) [ "Loss"; "Accuracy and error"; "first"; "second" ] "charts"
                Expect.stringContains page "Finished." "page"
                Expect.stringContains page "<dt>relative l2</dt><dd>0.00812346</dd>" "page"
                Expect.stringContains page "<dt>parameters</dt><dd>37\u202F028</dd>" "page"
                Expect.stringContains page "<dt>peak cuda mib</dt><dd>–</dd>" "page"
                Check.lacks page "<dt>dim</dt>" "page"
                Expect.stringContains page "3.svg is not a readable picture." "page"
                Expect.stringContains page "alt=\"4\"" "page"
                Expect.stringContains page "5.json is not a readable picture." "page"
                Check.lacks page "6.txt" "page")

            testCase "a formula is typeset, and there as text and LaTeX to copy" (fun () ->
                let formula text =
                    report (fun folder ->
                        RunFolder.writeConfig folder (json """{"data":{"targets":["y_1"]}}""")
                        RunFolder.writeResult folder (json $"""{{"formula":"{text}","formula_latex":"x^{{2}}"}}"""))

                let page = formula "x^2"

                Expect.stringContains
                    page
                    ("<math display=\"block\"><mrow><msub><mi>y</mi><mn>1</mn></msub></mrow><mo>=</mo>"
                     + "<mrow><msup><mrow><mi>x</mi></mrow><mrow><mn>2</mn></mrow></msup></mrow></math>")
                    "page"

                Expect.stringContains page "<th scope=\"row\">as text</th><td>x^2</td>" "page"
                Expect.stringContains page "<th scope=\"row\">in LaTeX</th><td>x^{2}</td>" "page"
                let unreadable = formula "<script>x"
                Check.lacks unreadable "<math" "page"
                Expect.stringContains unreadable "<td>&lt;script&gt;x</td>" "page")

            testCase "a report needs no other file and no network" (fun () ->
                let page = report (withMetrics [ "loss" ] [ 1, [ "loss", 1.0 ] ])

                let addresses =
                    [ for found in Regex.Matches(page, "(?:src|href|url)[=(]\"([^\" )]*)") -> found.Groups[1].Value ]

                for address in addresses do
                    Expect.stringStarts address "data:" "address"

                Check.lacks page "http://" "page"
                Check.lacks page "https://" "page"
                Expect.stringContains page "default-src 'none'" "policy")

            testCase "what files hold is text in the page, whatever it is" (fun () ->
                let hostile = "</script><script>alert(1)</script>\u0000\u001B<img src=x onerror=alert(2)>"

                let page =
                    report (fun folder ->
                        let config = json config
                        config["note"] <- RunFolder.node hostile
                        config["measures"].[hostile] <- RunFolder.node "loss"
                        RunFolder.writeConfig folder config
                        withMetrics [ hostile ] [ 1, [ hostile, 1.0 ]; 2, [ hostile, 2.0 ] ] folder
                        let picture = { chart hostile with Description = hostile }
                        Figures.save folder hostile[2..7] (Plot.chart picture) (Figures.chart picture)

                        File.WriteAllText(
                            Path.Combine(RunFolder.picturesPath folder, "foreign.svg"),
                            "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(3)'><script>alert(4)</script></svg>"
                        ))

                for part in [ "alert(1)</script>"; "<img src=x"; "\u0000"; "\u001B"; "onload" ] do
                    Check.lacks page part "page"

                Expect.equal
                    (Regex.Matches(page, "<script").Count)
                    4
                    "scripts: two figures, the library and the page's"

                Expect.contains (charts page) (hostile.Replace('\u0000', '\uFFFD').Replace('\u001B', '\uFFFD')) "title"
                // plotly.js reads tags of its own in names.
                Expect.isTrue
                    ((figures page) |> List.forall (names >> List.forall (fun n -> not (n.Contains '<'))))
                    "names")

            testCase "pictures that are deep, large or no files are named, not read" (fun () ->
                let page =
                    report (fun folder ->
                        let path name = Path.Combine(RunFolder.picturesPath folder, name)
                        Directory.CreateDirectory(RunFolder.picturesPath folder) |> ignore
                        let deep = String.replicate 300_000 "<g>" + String.replicate 300_000 "</g>"
                        File.WriteAllText(path "deep.svg", $"<svg xmlns='http://www.w3.org/2000/svg'>{deep}</svg>")
                        File.WriteAllText(path "large.svg", String(' ', 20_000_000) + "<svg/>")

                        if not (OperatingSystem.IsWindows()) then
                            for name in [ "pipe.svg"; "pipe.json" ] do
                                use made = Diagnostics.Process.Start("mkfifo", path name)
                                made.WaitForExit())

                Expect.stringContains page "deep.svg is not a readable picture" "a deep one"
                Check.lacks page "pipe" "pipes"
                Check.lacks page "large" "a large one")

            testCase "a folder without a run, and a run with a broken file, are refused by name" (fun () ->
                withFolder (fun folder ->
                    let refusal () = messageOf<BadInput>(fun () -> Report.write folder)
                    Expect.stringContains (refusal ()) "config.json" "refusal"
                    RunFolder.writeConfig folder (json config)
                    File.WriteAllText(RunFolder.stepsPath folder, "nonsense\n")
                    Expect.stringContains (refusal ()) "steps.csv" "refusal"
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

            testCase "runs are compared: where they differ, what came out, and their curves in one chart" (fun () ->
                withFolder (fun parent ->
                    let run name lr loss seconds =
                        let folder = Path.Combine(parent, name)
                        begin' folder
                        let config = json config
                        config["settings"].["lr_e"] <- RunFolder.node (lr: float)
                        RunFolder.writeConfig folder config

                        withMetrics
                            [ "loss"; "seconds" ]
                            [ for i in 1..2 -> i, [ "loss", loss / float i; "seconds", seconds * float i ] ]
                            folder

                        RunFolder.writeResult folder (json $"""{{"relative_l2":{loss}}}""")
                        folder

                    let folders = [ run "one" 0.1 1.0 2.0; run "two" 0.2 3.0 5.0 ]
                    let path = Path.Combine(parent, "both.html")
                    Comparison.write folders path
                    let page = File.ReadAllText path

                    Expect.equal
                        (headings page)
                        [ "Differences in configuration"; "Results"; "By step"; "By time" ]
                        "headings"

                    Expect.stringContains page "<th scope=\"col\">one</th><th scope=\"col\">two</th>" "names"

                    Expect.stringContains
                        page
                        "<th scope=\"row\">settings.lr_e</th><td>0.1</td><td>0.2</td>"
                        "difference"

                    Check.lacks page "settings.epochs" "what is the same"
                    Expect.stringContains page "<th scope=\"row\">relative l2</th><td>1</td><td>3</td>" "results"
                    Expect.equal (charts page) [ "loss by step"; "loss by seconds" ] "charts"

                    for figure in figures page do
                        Expect.equal (names figure) [ "one"; "two" ] "series"

                    let bySeconds = List.item 1 (figures page)
                    Expect.equal (bySeconds["data"].[1].["x"].ToJsonString()) "[5.0,10.0]" "seconds"))

            testCase "runs of one name are told apart by their folders' folders" (fun () ->
                withFolder (fun parent ->
                    let folders = [ for name in [ "a"; "b" ] -> Path.Combine(parent, name, "run") ]
                    List.iter begin' folders
                    Expect.stringContains (Comparison.page folders) ">a/run, b/run</p>" "names"))

            testCase "the report command writes the page of a folder, or of several, where it is told" (fun () ->
                withFolder (fun parent ->
                    let folder, other = Path.Combine(parent, "one"), Path.Combine(parent, "two")
                    let out = Path.Combine(parent, "page.html")

                    let report (arguments: string list) =
                        Argu.ArgumentParser.Create<Cli.Report.Options>().Parse(Array.ofList arguments)
                        |> Cli.Report.run

                    let refused arguments = messageOf<BadInput>(fun () -> report arguments |> ignore)
                    Expect.stringContains (refused [ folder ]) "config.json" "refusal"
                    begin' folder
                    Expect.equal (report [ folder ]) 0 "exit code"
                    Expect.isTrue (File.Exists(RunFolder.reportPath folder)) "the report is there"
                    Expect.stringContains (refused [ folder; other; "--out"; out ]) "config.json" "refusal"
                    Expect.isFalse (File.Exists out) "nothing written"
                    begin' other
                    Expect.equal (report [ folder; other; "--out"; out ]) 0 "exit code"
                    Expect.stringContains (File.ReadAllText out) "<title>2 runs compared</title>" "title"
                    Expect.equal (report [ folder; "--out"; out ]) 0 "exit code"
                    Expect.stringContains (File.ReadAllText out) "<title>allen-cahn" "title"
                    let missing = Path.Combine(parent, "no", "page.html")
                    Expect.stringStarts (refused [ folder; "--out"; missing ]) "--out takes" "refusal"
                    Expect.stringStarts (refused [ folder; "--out"; parent ]) "--out takes" "refusal"))
        ]
