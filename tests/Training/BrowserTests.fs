/// Reports in a browser: what a person sees of them, and does with them. They take seconds and need Chromium.
module MetaKan.Tests.BrowserTests

open System
open System.IO
open System.Text.Json.Nodes
open System.Threading.Tasks
open Expecto
open Microsoft.Playwright
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Folder

let private wait (task: Task<'a>) : 'a = task.GetAwaiter().GetResult()
let private finish (task: Task) : unit = task.GetAwaiter().GetResult()

let private chromium =
    [
        for folder in (Environment.GetEnvironmentVariable "PATH").Split Path.PathSeparator do
            for name in [ "chromium"; "chromium-browser"; "google-chrome" ] -> Path.Combine(folder, name)
    ]
    |> List.tryFind File.Exists

let private browser =
    lazy
        (match chromium with
         | None -> skiptest "there is no chromium on the PATH: Debian has it in the package chromium"
         | Some path ->
             let playwright = Playwright.CreateAsync() |> wait
             playwright.Chromium.LaunchAsync(BrowserTypeLaunchOptions(ExecutablePath = path)) |> wait)

let private hostile = "</script><script>window.harm = 1</script><img src=x onerror='window.harm = 2'>"

let private points count f = [| for i in 1..count -> float i, f (float i) |]

/// A run with a chart of each kind, and with files that mean harm.
let private fill (folder: string) =
    RunFolder.create folder

    RunFolder.writeConfig
        folder
        (JsonNode.Parse
            """{"data":{"name":"run","targets":["f"]},"measures":{"loss":"loss","relative_l2":"error"},"settings":{"epochs":4000}}"""
        :?> JsonObject)

    using (Metrics.resumeSteps folder [ "loss"; "rate_weights" ] 0) (fun steps ->
        for i in 1..4000 do
            steps.Append(i, [ "loss", 100.0 / float i; "rate_weights", 1e-3 * (1.0 - float i / 4001.0) ]))

    using (Metrics.create folder [ "loss"; "relative_l2"; "seconds" ]) (fun metrics ->
        for i in 100..100..4000 do
            metrics.Append(i, [ "loss", 100.0 / float i; "relative_l2", 1.0 / float i; "seconds", float i / 50.0 ]))

    RunFolder.writeResult
        folder
        (JsonNode.Parse
            $"""{{"relative_l2":0.25,"formula":"exp(x^2)/(1 + sqrt(y))","note":{(RunFolder.node hostile).ToJsonString()}}}"""
        :?> JsonObject)

    let map =
        {
            Title = "Map"
            Description = "a map"
            X = "x", 0.0, 1.0
            Y = "t", 0.0, 2.0
            Values = Array2D.init 8 8 (fun i j -> if i = j then nan else float (10 * i + j))
            Range = None
            Arrows = [| (0.5, 0.5), (1.0, 0.0) |]
        }

    Figures.save folder "1-map" (Plot.heatMap map) (Figures.heatMap map)

    let net = Network.create { Size = 3; Order = 3 } CoefficientSource.Stored [ Nodes.sums 2; Nodes.sums 1 ]
    let fitted = { Network = net; Params = Network.init 0.3 net (Key.ofSeed 1) Placement.cpu64 }
    let x = Tensor.ofArray Placement.cpu64 [ 20L; 2L ] [| for i in 0..39 -> sin (float i) |]
    let trace = Network.trace net x fitted.Params
    FitPictures.diagram folder "2-trained" [ "x"; "y" ] [ "f" ] fitted trace (Attribution.scores net trace)

    File.WriteAllText(
        Path.Combine(RunFolder.picturesPath folder, "foreign.svg"),
        "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40' onload='top.harm = 3'><script>top.harm = 4</script>"
        + "<image href='http://127.0.0.1:9/picture.png' width='9' height='9'/></svg>"
    )

/// Opens a page at an address that `write` tells of a folder, from where alone it may ask for anything; what went wrong in it, and what it asked of elsewhere, is collected.
let private opened (options: BrowserNewPageOptions) (write: string -> string) (test: IPage -> unit) =
    let browser = browser.Value

    withFolder (fun folder ->
        let address: string = write folder
        let faults = Collections.Concurrent.ConcurrentQueue<string>()
        let page = browser.NewPageAsync options |> wait

        try
            page.SetDefaultTimeout 120000f
            page.Console.Add(fun message -> faults.Enqueue $"{message.Type}: {message.Text}")
            page.PageError.Add faults.Enqueue

            page.Request.Add(fun request ->
                if
                    not (
                        request.Url.StartsWith address
                        || request.Url.StartsWith "data:"
                        || request.Url.StartsWith "blob:"
                    )
                then
                    faults.Enqueue request.Url)

            page.GotoAsync address |> wait |> ignore
            page.WaitForSelectorAsync ".drawing.drawn" |> wait |> ignore
            test page
            Expect.isEmpty faults "errors, messages and requests"
        finally
            finish (page.CloseAsync()))

let private report folder =
    let folder = Path.Combine(folder, "run")
    fill folder
    Report.write folder
    $"file://{RunFolder.reportPath folder}"

let private wide () = BrowserNewPageOptions(ViewportSize = ViewportSize(Width = 1200, Height = 900))

/// The value of an expression of JavaScript in the page.
let private js<'a> (page: IPage) (expression: string) : 'a = page.EvaluateAsync<'a> expression |> wait

/// Waits until an expression is true: by asking, since the page's policy allows no script that would tell.
let private until (page: IPage) (expression: string) =
    let clock = Diagnostics.Stopwatch.StartNew()

    while not (js<bool> page expression) do
        if clock.Elapsed.TotalMinutes > 2.0 then
            failtest $"never: {expression}"

        Threading.Thread.Sleep 20

/// Brings a chart into view and waits until it is drawn.
let private chart (page: IPage) (title: string) : ILocator =
    let figure = page.Locator("figure").Filter(LocatorFilterOptions(HasText = title)).First
    finish (figure.ScrollIntoViewIfNeededAsync())
    finish (figure.Locator(".drawing.drawn").WaitForAsync())
    figure

/// The chart's range along y.
let private range (figure: ILocator) =
    let ends =
        figure.Locator(".drawing").EvaluateAsync<float[]>("plot => plot._fullLayout.yaxis.range") |> wait

    ends[1] - ends[0]

/// A place of a chart's plane, in shares of it, on the screen.
let private place (figure: ILocator) (x: float, y: float) : float * float =
    let box = figure.Locator(".nsewdrag").First.BoundingBoxAsync() |> wait
    float box.X + x * float box.Width, float box.Y + y * float box.Height

/// Moves the mouse to a place on the screen.
let private point (page: IPage) (x: float, y: float) = finish (page.Mouse.MoveAsync(float32 x, float32 y))

/// What a chart tells of a place on the screen, over which the mouse is moved about, as a hand does, until it tells something.
let private told (page: IPage) (figure: ILocator) (x: float, y: float) : string =
    let rec go n =
        point page (x + float (n % 3), y)
        Threading.Thread.Sleep 100

        match figure.Locator(".hoverlayer").First.TextContentAsync() |> wait with
        | "" when n < 600 -> go (n + 1)
        | text -> text

    go 0

let private inBrowser name test = testCase name (fun () -> test ())

let tests =
    Check.slow (
        testSequenced
        <| testList
            "Training.Browser"
            [
                inBrowser "every chart is drawn when it comes into view, with something in it" (fun () ->
                    opened (wide ()) report (fun page ->
                        let count = js<int> page "document.querySelectorAll('.drawing').length"
                        Expect.equal count 6 "charts"

                        Expect.isLessThan
                            (js<int> page "document.querySelectorAll('.drawing.drawn').length")
                            count
                            "at once"

                        for title in [ "Loss"; "Error"; "Learning rates"; "Map"; "KAN"; "Functions along the edges" ] do
                            let figure = chart page title
                            let box = figure.Locator(".nsewdrag").First.BoundingBoxAsync() |> wait
                            Check.inRange 100.0f 1200.0f box.Width title
                            let marks = figure.Locator(".js-line, .heatmaplayer image, .layer-below image, .point")
                            Check.inRange 1 10000 (marks.CountAsync() |> wait) title

                        let png = page.Locator(".drawing").First.ScreenshotAsync() |> wait
                        use picture = SkiaSharp.SKBitmap.Decode png
                        let colours = picture.Pixels |> Array.countBy id
                        Check.inRange 10 Int32.MaxValue colours.Length "colours"))

                inBrowser "pointing at a line, a map and a diagram's edge tells what is there" (fun () ->
                    opened (wide ()) report (fun page ->
                        let loss = chart page "Loss"
                        Expect.stringContains (told page loss (place loss (0.5, 0.5))) "0.05" "Loss"
                        let map = chart page "Map"
                        Expect.stringContains (told page map (place map (0.05, 0.53))) "t = " "Map"
                        let diagram = chart page "KAN"

                        let edge =
                            diagram
                                .Locator(".drawing")
                                .EvaluateAsync<float[]>(
                                    "plot => { const box = plot.querySelector('.nsewdrag').getBoundingClientRect(); "
                                    + "return [box.x + plot._fullLayout.xaxis.l2p(plot.data[0].x[0]), "
                                    + "box.y + plot._fullLayout.yaxis.l2p(plot.data[0].y[0])] }"
                                )
                            |> wait

                        Expect.stringContains (told page diagram (edge[0], edge[1])) "score" "KAN"))

                inBrowser "dragging zooms, a double click goes back, and an axis may be logarithmic or not" (fun () ->
                    opened (wide ()) report (fun page ->
                        let figure = chart page "Error"
                        let whole = range figure
                        point page (place figure (0.3, 0.3))
                        finish (page.Mouse.DownAsync())
                        point page (place figure (0.6, 0.7))
                        finish (page.Mouse.UpAsync())
                        until page "document.querySelectorAll('.drawing')[1]._fullLayout.yaxis.autorange !== true"
                        Check.inRange (0.3 * whole) (0.5 * whole) (range figure) "zoomed"
                        let box = figure.Locator(".nsewdrag").First.BoundingBoxAsync() |> wait
                        let isBack = "document.querySelectorAll('.drawing')[1]._fullLayout.yaxis.autorange === true"

                        // On a busy machine a double click may come as two.
                        let rec back tries =
                            finish (page.Mouse.DblClickAsync(box.X + box.Width / 2.0f, box.Y + box.Height / 2.0f))
                            Threading.Thread.Sleep 500

                            if tries > 1 && not (js<bool> page isBack) then
                                back (tries - 1)

                        back 10
                        until page isBack
                        Check.near 1e-6 (range figure) whole "back"
                        let log = figure.GetByRole(AriaRole.Button, LocatorGetByRoleOptions(Name = "log y"))
                        Expect.equal (log.GetAttributeAsync "aria-pressed" |> wait) "true" "pressed"
                        finish (log.PressAsync "Enter")
                        until page "document.querySelectorAll('.drawing')[1]._fullLayout.yaxis.type === 'linear'"

                        until
                            page
                            "document.querySelectorAll('figcaption')[1].querySelectorAll('button')[1].ariaPressed === 'false'"))

                inBrowser "the keyboard reaches charts and their buttons, tells points and zooms" (fun () ->
                    opened (wide ()) report (fun page ->
                        let figure = chart page "Loss"
                        let plot = figure.Locator ".drawing"
                        let press (key: string) = finish (page.Keyboard.PressAsync key)

                        // From the top of the page.
                        while not (js<bool> page "document.activeElement.classList.contains('drawing')") do
                            press "Tab"

                        Expect.stringStarts (plot.GetAttributeAsync "aria-label" |> wait) "Loss. loss by step" "label"
                        press "ArrowRight"
                        until page "document.querySelector('.told').textContent.endsWith('1: 100')"
                        press "ArrowRight"
                        until page "!document.querySelector('.told').textContent.endsWith('1: 100')"
                        let whole = range figure
                        press "+"
                        until page "document.querySelector('.drawing')._fullLayout.yaxis.autorange !== true"
                        Check.near 1e-6 (range figure) (whole / 1.5) "zoomed"
                        press "0"
                        until page "document.querySelector('.drawing')._fullLayout.yaxis.autorange === true"
                        press "Tab"

                        Expect.isTrue
                            (js<bool> page "document.activeElement.matches('.modebar-btn[aria-label]')")
                            "buttons"

                        // An edge's formula and scores, which the chart has in lines of its own.
                        let diagram = chart page "KAN"
                        finish (diagram.Locator(".drawing").FocusAsync())
                        press "ArrowRight"
                        until page "document.querySelector('.told').textContent.includes('score')"
                        let said = js<string> page "document.querySelector('.told').textContent"
                        Check.lacks said "<" "what a screen reader says"
                        Expect.stringContains said "; " "its parts"))

                inBrowser "a narrow screen has no horizontal overflow" (fun () ->
                    let narrow = BrowserNewPageOptions(ViewportSize = ViewportSize(Width = 340, Height = 700))

                    opened narrow report (fun page ->
                        for title in [ "Loss"; "Map"; "KAN" ] do
                            chart page title |> ignore

                        Check.inRange 0 340 (js<int> page "document.documentElement.scrollWidth") "width"))

                inBrowser "charts follow the light and the dark, also when it changes" (fun () ->
                    let dark = wide ()
                    dark.ColorScheme <- ColorScheme.Dark

                    opened dark report (fun page ->
                        let shade (selector: string) (property: string) =
                            js<string> page $"getComputedStyle(document.querySelector('{selector}')).{property}"

                        let pale = "rgb(214, 218, 225)"
                        Expect.equal (shade "body" "backgroundColor") "rgb(14, 16, 20)" "page"
                        Expect.equal (shade ".xtick text" "fill") pale "ticks"

                        // Sky blue of the palette in the dark, its blue in the light.
                        chart page "Loss" |> ignore
                        let line = ".scatterlayer .js-line"
                        Expect.equal (shade line "stroke") "rgb(86, 180, 233)" "first series"
                        finish (page.EmulateMediaAsync(PageEmulateMediaOptions(ColorScheme = ColorScheme.Light)))
                        until page $"getComputedStyle(document.querySelector('.xtick text')).fill !== '{pale}'"
                        Expect.equal (shade "body" "backgroundColor") "rgb(244, 245, 247)" "page"
                        until page $"getComputedStyle(document.querySelector('{line}')).stroke === 'rgb(0, 114, 178)'"))

                inBrowser "nothing of a file runs or is fetched, and a formula is typeset" (fun () ->
                    opened (wide ()) report (fun page ->
                        finish (page.Locator("img").ScrollIntoViewIfNeededAsync())
                        until page "document.querySelector('img').complete"
                        Expect.isFalse (js<bool> page "'harm' in window") "scripts of files"
                        Expect.isTrue (page.GetByText(hostile).First.IsVisibleAsync() |> wait) "shown as text"
                        let box = page.Locator("mfrac").First.BoundingBoxAsync() |> wait
                        Check.inRange 20.0f 200.0f box.Height "height of the fraction"))

                inBrowser "a comparison has the runs' curves in one chart, with a legend" (fun () ->
                    let compared folder =
                        let folders = [ for name in [ "one"; "two" ] -> Path.Combine(folder, name) ]
                        List.iter fill folders
                        let path = Path.Combine(folder, "both.html")
                        Comparison.write folders path
                        $"file://{path}"

                    opened (wide ()) compared (fun page ->
                        let figure = chart page "loss by step"

                        Expect.equal
                            (figure.Locator(".legendtext").AllTextContentsAsync() |> wait |> List.ofSeq)
                            [ "one"; "two" ]
                            "legend"))

                inBrowser
                    "a live page's charts grow while a run trains, stay zoomed, and stay when it has ended"
                    (fun () ->
                        use live = Cli.Live.Server.Start None
                        let mutable folder = ""

                        let steps from until =
                            using (Metrics.resumeSteps folder [ "loss"; "rate_weights" ] from) (fun table ->
                                for i in from + 1 .. until do
                                    table.Append(i, [ "loss", 1.0 / float i; "rate_weights", 1e-3 ]))

                            live.Step until

                        let begun (place: string) =
                            folder <- place

                            RunFolder.writeConfig
                                folder
                                (JsonNode.Parse """{"measures":{"loss":"loss","relative_l2":"error"}}""" :?> JsonObject)

                            live.Show(folder, 60)
                            steps 0 10
                            live.Address.Value

                        opened (wide ()) begun (fun page ->
                            let points = "document.querySelector('.drawing').data[0].x.length"
                            chart page "Loss" |> ignore
                            until page $"{points} === 10"
                            until page "document.querySelector('#connection').textContent === 'Live.'"
                            let log = page.GetByRole(AriaRole.Button, PageGetByRoleOptions(Name = "log y")).First
                            finish (log.ClickAsync())
                            steps 10 40
                            until page $"{points} === 40"

                            until
                                page
                                "document.querySelector('#status').textContent.startsWith('Training: step 40 of 60')"

                            Expect.equal
                                (js<string> page "document.querySelector('.drawing').layout.yaxis.type")
                                "linear"
                                "axis"

                            // A chart that was not there is put in its place.
                            using
                                (Metrics.create folder [ "loss"; "relative_l2"; "seconds" ])
                                _.Append(40, [ "relative_l2", 0.5 ])

                            steps 40 60
                            chart page "Error" |> ignore

                            let titles = page.Locator("figcaption span").AllTextContentsAsync() |> wait |> List.ofSeq

                            Expect.equal titles [ "Loss"; "Error"; "Learning rates" ] "charts"

                            RunFolder.writeResult
                                folder
                                (JsonNode.Parse """{"outcome":"completed","relative_l2":0.5}""" :?> JsonObject)

                            (live :> IDisposable).Dispose()

                            until
                                page
                                "document.querySelector('#connection').textContent.startsWith('The run has ended')"

                            until page "document.querySelector('#status').textContent === 'Finished.'"
                            until page $"{points} === 60"))
            ]
    )
