/// `--live`: what those see who watch a run, and that the run is none the wiser.
module MetaKan.Tests.LiveTests

open System
open System.IO
open System.Net
open System.Net.Http
open System.Net.Sockets
open System.Text.Json.Nodes
open Expecto
open MetaKan
open MetaKan.Cli
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

let private config (folder: string) =
    RunFolder.create folder

    RunFolder.writeConfig
        folder
        (JsonNode.Parse """{"measures":{"loss":"loss","relative_l2":"error"}}""" :?> JsonObject)

/// Steps of a run in a folder, told to the server.
let private steps (live: Live.Server) (folder: string) from until =
    using (Metrics.resumeSteps folder [ "loss"; "rate_weights" ] from) (fun table ->
        for i in from + 1 .. until do
            table.Append(i, [ "loss", 1.0 / float i; "rate_weights", 1e-3 ]))

    live.Step until

let private ask (client: HttpClient) (host: string) (address: string) =
    let request = new HttpRequestMessage(HttpMethod.Get, address)
    request.Headers.Host <- host
    client.Send(request, HttpCompletionOption.ResponseHeadersRead)

/// The events of a stream, one after another, each with its name and data.
let private events (client: HttpClient) (address: string) : (string * JsonNode) seq =
    seq {
        use stream = (client.GetStreamAsync(address + "/events")).Result
        use reader = new StreamReader(stream)
        let mutable name = ""

        while not reader.EndOfStream do
            match reader.ReadLine().Split(": ", 2) with
            | [| "event"; value |] -> name <- value
            | [| "data"; value |] -> name, JsonNode.Parse value
            | _ -> ()
    }

let private status (name: string, data: JsonNode) = if name = "report" then string data["status"] else name

let private headings (_: string, data: JsonNode) =
    [
        for section in data["sections"].AsArray() -> string section["heading"], not (isNull section["html"])
    ]

let private small =
    "pde poisson --dim 2 --width 3 --depth 2 --points 6 --test-points 8 --optimizer adam --threads 1 --epochs 30"

/// A port that somebody else has.
let private taken (test: int -> unit) =
    use other = new TcpListener(IPAddress.Loopback, 0)
    other.Start()
    test (other.LocalEndpoint :?> IPEndPoint).Port

let tests =
    testSequenced
    <| testList
        "Cli.Live"
        [
            testCase "events come in order, who comes late sees all, and the end is told to all" (fun () ->
                withFolder (fun folder ->
                    config folder
                    use live = Live.Server.Start None
                    use client = new HttpClient()
                    let address = live.Address.Value
                    live.Show(folder, 30)
                    steps live folder 0 10
                    use early = (events client address).GetEnumerator()

                    let next (it: Collections.Generic.IEnumerator<_>) =
                        Expect.isTrue (it.MoveNext()) "an event"
                        it.Current

                    let first = next early
                    Expect.equal (status first) "Training: step 10 of 30." "status"
                    let all = [ "Now", true; "Training", true ]
                    Expect.equal (headings first |> List.truncate 2) all "sections"
                    steps live folder 10 20
                    let second = next early
                    Expect.equal (status second) "Training: step 20 of 30." "status"
                    // What is as before is not sent again.
                    Expect.equal
                        (headings second)
                        (all @ [ for name, _ in (headings first).[2..] -> name, false ])
                        "sections"

                    use late = (events client address).GetEnumerator()
                    Expect.equal (status (next late)) "Training: step 20 of 30." "status of who comes late"
                    Expect.equal (headings late.Current) (headings first) "sections"
                    let page = client.GetStringAsync(address).Result

                    for part in
                        [ "Training: step 20 of 30."; "\"Loss. loss by step"; "time left"; "data-live=\"/events\"" ] do
                        Expect.stringContains page part "page"

                    steps live folder 20 30

                    RunFolder.writeResult
                        folder
                        (JsonNode.Parse """{"outcome":"completed","relative_l2":0.5}""" :?> JsonObject)

                    let ending = Threading.Tasks.Task.Run(fun () -> (live :> IDisposable).Dispose())

                    for watcher in [ early; late ] do
                        let rest =
                            [
                                while watcher.MoveNext() do
                                    status watcher.Current
                            ]

                        Expect.equal (rest |> List.skip (rest.Length - 2)) [ "Finished."; "end" ] "the end"

                    ending.Wait()
                    Expect.throws (fun () -> client.GetStringAsync(address).Wait()) "nothing is served any more"))

            testCase "another host's name is refused, and this machine's is not" (fun () ->
                withFolder (fun folder ->
                    config folder
                    use live = Live.Server.Start None
                    use client = new HttpClient()
                    live.Show(folder, 30)
                    steps live folder 0 1
                    let address = live.Address.Value
                    Expect.stringStarts address "http://127.0.0.1:" "address"
                    let port = Uri(address).Port

                    for path in [ "/"; "/events" ] do
                        for host in [ "evil.example"; $"evil.example:{port}"; "127.0.0.1.evil.example" ] do
                            use answer = ask client host (address + path)
                            Expect.equal answer.StatusCode HttpStatusCode.BadRequest host

                        for host in [ $"localhost:{port}"; $"127.0.0.1:{port}" ] do
                            use answer = ask client host (address + path)
                            Expect.equal answer.StatusCode HttpStatusCode.OK host))

            testCase "a port that is in use is refused in one line, and nothing is written" (fun () ->
                taken (fun port ->
                    withFolder (fun folder ->
                        let ended = inside folder (words $"{small} --live --live-port {port}")
                        Expect.equal ended.Code 2 "exit code"

                        Expect.stringContains
                            (List.exactlyOne ended.Err)
                            $"--live-port {port}: the port is in use"
                            "line"

                        Expect.isEmpty (Directory.GetFileSystemEntries folder) "files")))

            testCase "a run that is watched comes to the same numbers, and ends when it is told to" (fun () ->
                withFolder (fun folder ->
                    let plain = inside folder (words $"{small} --out plain --quiet")
                    Expect.equal plain.Code 0 "exit code"
                    use program = start folder (words $"{small} --out live --quiet --live")
                    let line = program.StandardError.ReadLine()
                    Expect.stringStarts line "live at http://127.0.0.1:" "address"
                    use client = new HttpClient()

                    let seen = [ for event in events client (line.Substring 8) -> status event ]
                    Expect.equal (seen |> List.skip (seen.Length - 2)) [ "Finished."; "end" ] "the end"
                    Expect.equal (ended program).Code 0 "exit code"
                    let at name = Runs.metrics (Path.Combine(folder, name))
                    Expect.equal (at "live") (at "plain") "numbers"

                    let long = small.Replace("--epochs 30", "--epochs 1000000")
                    use program = start folder (words $"{long} --out long --quiet --live")
                    let address = program.StandardError.ReadLine().Substring 8
                    use watching = (events client address).GetEnumerator()
                    Expect.isTrue (watching.MoveNext()) "an event"
                    signal "-INT" program

                    let rest =
                        [
                            while watching.MoveNext() do
                                status watching.Current
                        ]

                    Expect.stringStarts
                        (rest |> List.item (rest.Length - 2))
                        "Stopped, to be resumed: step "
                        "the end"

                    Expect.equal (ended program).Code 1 "exit code"))

            testCase "a .NET without ASP.NET does all else, and says so of --live" (fun () ->
                if OperatingSystem.IsWindows() then
                    skiptest "by links, which Windows has not for all"

                withFolder (fun folder ->
                    let core = Path.GetDirectoryName typeof<obj>.Assembly.Location
                    let root = Path.GetFullPath(Path.Combine(core, "..", "..", ".."))
                    let shared = Path.Combine(folder, "dotnet", "shared", "Microsoft.NETCore.App")
                    Directory.CreateDirectory shared |> ignore
                    File.Copy(Path.Combine(root, "dotnet"), Path.Combine(folder, "dotnet", "dotnet"))

                    Directory.CreateSymbolicLink(Path.Combine(folder, "dotnet", "host"), Path.Combine(root, "host"))
                    |> ignore

                    let copy = Path.Combine(shared, Path.GetFileName core)
                    Directory.CreateDirectory copy |> ignore

                    // .NET takes its place from this one, through links.
                    let isPlace (file: string) =
                        [ "System.Private.CoreLib.dll"; "libcoreclr.so"; "libcoreclr.dylib" ]
                        |> List.contains (Path.GetFileName file)

                    for file in Directory.GetFiles core do
                        let target = Path.Combine(copy, Path.GetFileName file)

                        if isPlace file then
                            File.Copy(file, target)
                        else
                            File.CreateSymbolicLink(target, file) |> ignore

                    let run (text: string) =
                        Path.Combine(AppContext.BaseDirectory, "metakan.dll") :: words text
                        |> runProgram [] folder (Path.Combine(folder, "dotnet", "dotnet"))

                    Expect.equal (run $"{small} --out a --quiet").Code 0 "without --live"
                    let refused = run $"{small} --out b --live"
                    Expect.equal refused.Code 2 "exit code"
                    Expect.stringContains (List.exactlyOne refused.Err) "--live takes a .NET with ASP.NET" "line"
                    Expect.isFalse (Directory.Exists(Path.Combine(folder, "b"))) "files"))
        ]
