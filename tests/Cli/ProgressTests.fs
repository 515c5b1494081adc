/// The progress display: what it says, and that it asks for little.
module MetaKan.Tests.ProgressTests

open System
open System.IO
open MetaKan.Cli
open Xunit

[<Fact>]
let ``speed and time left count the steps since a resumption alone`` () =
    let text = Progress.describe 1000 500 100 1.25e-5 (Some 0.0123) 10.0
    Assert.Equal("step 600/1000  loss 1.25e-05  error 0.0123  10 steps/s  0:40 left", text)

[<Fact>]
let ``a run that is done says how long it took`` () =
    let text = Progress.describe 1000 0 1000 2.0 None 5400.0
    Assert.Equal("step 1000/1000  loss 2  0.19 steps/s  in 1:30:00", text)

/// What a display of `total` steps writes when the steps from `first` on go by at once, and how many losses it read.
let private shown live total first =
    use out = new StringWriter()
    let mutable asked = 0
    use display = new Progress.Display(total, out, live)

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

let private lines (text: string) = text.Split('\n', StringSplitOptions.RemoveEmptyEntries)

[<Fact>]
let ``where no terminal is, a line is written about every twentieth of the steps`` () =
    let text, asked = shown false 1000 1
    let lines = lines text
    Assert.Equal(21, lines.Length)
    Assert.Equal(lines.Length, asked)
    Assert.StartsWith("step 1/1000 ", lines[0])
    Assert.StartsWith("step 51/1000 ", lines[1])
    Assert.DoesNotContain("error", lines[0])
    Assert.Contains("error 0.5", lines[1])
    Assert.StartsWith("step 1000/1000 ", Array.last lines)
    Assert.Contains("error 0.25", Array.last lines)
    Assert.DoesNotContain("\u001b", text)

[<Fact>]
let ``a resumed run shows its first step and its last`` () =
    let text, _ = shown false 1000 990
    Assert.Equal<string>([| "step 990/1000"; "step 1000/1000" |], lines text |> Array.map _.Split("  ").[0])

[<Fact>]
let ``a terminal shows the last step and gets its cursor back`` () =
    let text, _ = shown true 500 1
    Assert.Contains("step 500/500", text)
    Assert.Contains("error 0.25", text)
    Assert.True(text.LastIndexOf "\u001b[?25h" > text.LastIndexOf "\u001b[?25l")

[<Fact>]
let ``a display of no steps ends`` () =
    for live in [ false; true ] do
        use display = new Progress.Display(0, new StringWriter(), live)
        ()
