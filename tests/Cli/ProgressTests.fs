/// The progress display: what it says, and that it asks for little.
module MetaKan.Tests.ProgressTests

open System
open System.IO
open Expecto
open MetaKan.Cli

/// What a display of `total` steps writes when the steps from `first` on go by at once, and how many losses it read.
let private headed heading live total first =
    use out = new StringWriter()
    let mutable asked = 0
    use display = new Progress.Display(total, heading, out, live)

    for step in first..total do
        if step = 50 then
            display.Error 0.5

        display.Step(
            step,
            lazy
                (asked <- asked + 1
                 1.0)
        )

    display.Error 0.25
    (display :> IDisposable).Dispose()
    out.ToString(), asked

let private shown = headed ""
let private lines (text: string) = text.Split('\n', StringSplitOptions.RemoveEmptyEntries)

let tests =
    testList
        "Cli.Progress"
        [
            testCase "speed and time left count the steps since a resumption alone" (fun () ->
                let text = Progress.describe 1000 500 100 1.25e-5 (Some 0.0123) 10.0
                Expect.equal text "step 600/1000  loss 1.25e-05  error 0.0123  10 steps/s  0:40 left" "text")

            testCase "a run that is done says how long it took" (fun () ->
                let text = Progress.describe 1000 0 1000 2.0 None 5400.0
                Expect.equal text "step 1000/1000  loss 2  0.19 steps/s  in 1:30:00" "text")

            testCase "where no terminal is, a line is written about every twentieth of the steps" (fun () ->
                let text, asked = shown false 1000 1
                let lines = lines text
                Expect.equal lines.Length 21 "number of lines"
                Expect.equal asked lines.Length "losses read"
                Expect.stringStarts lines[0] "step 1/1000 " "lines"
                Expect.stringStarts lines[1] "step 51/1000 " "lines"
                Check.lacks lines[0] "error" "lines"
                Expect.stringContains lines[1] "error 0.5" "lines"
                Expect.stringStarts (Array.last lines) "step 1000/1000 " "lines"
                Expect.stringContains (Array.last lines) "error 0.25" "lines"
                Check.lacks text "\u001b" "text")

            testCase "a heading comes once, before the first step" (fun () ->
                let text, _ = headed "what it is" false 100 1
                let told = lines text
                Expect.equal told[0] "what it is" "first line"
                Expect.equal (Array.length told) ((fst (shown false 100 1) |> lines).Length + 1) "lines"

                let live, _ = headed "what it is" true 100 1
                Expect.stringContains live "what it is" "on a terminal")

            testCase "progress is live on a terminal alone" (fun () ->
                let live redirected variables =
                    Progress.isLive redirected (fun name -> Map.tryFind name (Map.ofList variables))

                Expect.isTrue (live false []) "a terminal"
                Expect.isTrue (live false [ "TERM", "xterm" ]) "a terminal with a name"
                Expect.isFalse (live true []) "a file or pipe"
                Expect.isFalse (live false [ "TERM", "dumb" ]) "a dumb terminal"
                Expect.isFalse (live false [ "CI", "" ]) "in CI")

            testCase "a resumed run shows its first step and its last" (fun () ->
                let text, _ = shown false 1000 990

                Expect.equal
                    (lines text |> Array.map _.Split("  ").[0])
                    [| "step 990/1000"; "step 1000/1000" |]
                    "lines")

            testCase "a terminal shows the last step and gets its cursor back" (fun () ->
                let text, _ = shown true 500 1
                Expect.stringContains text "step 500/500" "text"
                Expect.stringContains text "error 0.25" "text"

                Expect.isTrue
                    (text.LastIndexOf "\u001b[?25h" > text.LastIndexOf "\u001b[?25l")
                    "the cursor comes back last")

            testCase "a display of no steps ends" (fun () ->
                for live in [ false; true ] do
                    use display = new Progress.Display(0, "", new StringWriter(), live)
                    ())
        ]
