/// The progress display: what it says, and that it asks for little.
module MetaKan.Tests.ProgressTests

open System
open System.IO
open System.Text.Json.Nodes
open Expecto
open MetaKan.Cli

/// What a display of `total` steps writes when the steps from `first` on go by at once, and how many losses it read.
let private viewed heading view total first =
    use out = new StringWriter()
    let mutable asked = 0
    let heading: Progress.Heading = { Task = "pde"; Folder = "runs/a"; Text = heading; Live = None }
    use display = new Progress.Display(total, heading, out, view)

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

let private headed heading live = viewed heading (if live then Progress.View.Live else Progress.View.Lines)

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
                for view in [ Progress.View.Lines; Progress.View.Live; Progress.View.Json; Progress.View.Silent ] do
                    Expect.equal (snd (viewed "" view 0 1)) 0 "losses read")

            testCase "nothing is said of a silent run, and no loss is asked for but the last" (fun () ->
                let text, asked = viewed "what it is" Progress.View.Silent 1000 1
                Expect.equal text "" "text"
                Expect.equal asked 1 "losses read")

            testCase "as JSON, a run starts, goes on as often as in lines, and has numbers or null" (fun () ->
                let text, asked = viewed "what it is" Progress.View.Json 1000 1
                let events = [ for line in lines text -> JsonNode.Parse(line).AsObject() ]
                Expect.equal (List.length events) (1 + (lines (fst (shown false 1000 1))).Length) "lines"
                Expect.equal asked (events.Length - 1) "losses read"
                let names (event: JsonObject) = [ for pair in event -> pair.Key ]

                Expect.equal
                    (events.Head.ToJsonString())
                    """{"event":"start","task":"pde","folder":"runs/a","text":"what it is","step":0,"steps":1000}"""
                    "start"

                for event in events.Tail do
                    Expect.equal
                        (names event)
                        [ "event"; "step"; "steps"; "loss"; "error"; "seconds"; "seconds_left" ]
                        "names"

                    let said, loss = event["event"], event["loss"]
                    Expect.equal (said.GetValue<string>(), loss.GetValue<float>()) ("progress", 1.0) "event and loss"

                Expect.isNull events[1].["error"] "no error before the first is measured"
                let error, left = (List.last events)["error"], (List.last events)["seconds_left"]

                Expect.equal
                    (error.GetValue<float>(), left.GetValue<float>())
                    (0.25, 0.0)
                    "the last error, and time left"

                let nan = Progress.event "progress" [ "loss", JsonValue.Create nan ]
                Expect.equal nan """{"event":"progress","loss":null}""" "what is no number")
        ]
