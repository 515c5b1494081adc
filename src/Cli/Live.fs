/// The page of a run while it trains, served to browsers of this machine. Its files are all that is looked at: training waits
/// for nobody who watches. ASP.NET is loaded when a page is asked for, so that a .NET without it does all else.
module MetaKan.Cli.Live

open System
open System.Diagnostics
open System.IO
open System.Net
open System.Net.Sockets
open System.Runtime.CompilerServices
open System.Runtime.Loader
open System.Threading
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Hosting
open Microsoft.AspNetCore.Http
open Microsoft.Extensions.DependencyInjection
open Microsoft.Extensions.Hosting
open MetaKan

/// What a page shows at a time, with a number that grows.
type private Shown = { Number: int; Content: PageContent; Ended: bool }

/// A run as those see it who watch.
type private Watched() =
    let clock = Stopwatch()
    let begun, ended = TaskCompletionSource(), TaskCompletionSource()
    let gate = Lock()
    let mutable folder, total, before, step = "", 0, 0, 0
    let mutable due = TimeSpan.Zero
    let mutable shown: Shown option = None

    let show isEnd content =
        match shown with
        | Some last when last.Content = content && last.Ended = isEnd -> ()
        | last ->
            let number = 1 + (last |> Option.map _.Number |> Option.defaultValue 0)
            shown <- Some { Number = number; Content = content; Ended = isEnd }

    let look () =
        let from, step, isFirst = clock.Elapsed, Volatile.Read &step, shown.IsNone
        let rate = float (step - before) / max 1e-3 from.TotalSeconds

        show
            false
            (Report.ofTraining
                folder
                step
                total
                [ "speed", Progress.speed rate; "time left", Progress.clock (float (total - step) / rate) ])

        // Looking takes at most a tenth of a processor, but for the first look, in which most is compiled.
        let took = if isFirst then TimeSpan.Zero else clock.Elapsed - from
        due <- clock.Elapsed + max (TimeSpan.FromSeconds 0.25) (10.0 * took)

    member _.Show(itsFolder: string, steps: int) : unit =
        folder <- itsFolder
        total <- steps

    member _.Step(number: int) : unit =
        Volatile.Write(&step, number)

        if not clock.IsRunning then
            before <- number - 1
            clock.Start()
            begun.SetResult()

    member _.End() : unit =
        lock gate (fun () ->
            if begun.Task.IsCompleted && not ended.Task.IsCompleted then
                try
                    show true (Report.ofRun folder)
                with
                | BadInput _
                | :? IOException -> shown <- shown |> Option.map (fun last -> { last with Ended = true })

            ended.TrySetResult() |> ignore)

    /// Ends with the run.
    member _.Ended: Task = ended.Task

    /// What is to be seen once the first step is done; None of a run that had none.
    member _.Now(gone: CancellationToken) : Task<Shown option> =
        task {
            let! _ = Task.WhenAny(begun.Task, ended.Task).WaitAsync gone

            return
                lock gate (fun () ->
                    if not ended.Task.IsCompleted && clock.Elapsed >= due then
                        look ()

                    shown)
        }

let private page (watched: Watched) (context: HttpContext) : Task =
    task {
        match! watched.Now context.RequestAborted with
        | Some shown ->
            context.Response.ContentType <- "text/html; charset=utf-8"
            context.Response.Headers.CacheControl <- "no-store"
            do! context.Response.WriteAsync(Page.html (Some "/events") shown.Content)
        | None -> context.Response.StatusCode <- StatusCodes.Status503ServiceUnavailable
    }

// Everything at first, whenever a browser comes or comes back; then what changes.
let private events (watched: Watched) (context: HttpContext) : Task =
    task {
        let response, gone = context.Response, context.RequestAborted
        response.ContentType <- "text/event-stream"
        response.Headers.CacheControl <- "no-store"
        do! response.WriteAsync("retry: 1000\n\n", gone)
        let mutable last: Shown option = None
        let mutable ends = false

        while not ends do
            let! shown = watched.Now gone

            match shown with
            | Some shown when last |> Option.forall (fun last -> last.Number < shown.Number) ->
                let change = Page.change (last |> Option.map _.Content) shown.Content
                do! response.WriteAsync($"id: {shown.Number}\nevent: report\ndata: {change.ToJsonString()}\n\n", gone)
            | _ -> ()

            last <- shown

            if watched.Ended.IsCompleted then
                do! response.WriteAsync("event: end\ndata: {}\n\n", gone)
                ends <- true
            else
                let! _ = Task.WhenAny(watched.Ended, Task.Delay(250, gone))
                ()
    }

// Signals are the run's to hear.
let private deaf () =
    { new IHostLifetime with
        member _.WaitForStartAsync _ = Task.CompletedTask
        member _.StopAsync _ = Task.CompletedTask
    }

/// Serves a run on this machine's own address: where, and what ends it.
[<MethodImpl(MethodImplOptions.NoInlining)>]
let private serve (watched: Watched) (port: int) : string * (unit -> unit) =
    let builder = WebApplication.CreateEmptyBuilder(WebApplicationOptions())

    builder.WebHost.UseKestrelCore().ConfigureKestrel(fun options -> options.Listen(IPAddress.Loopback, port))
    |> ignore

    builder.Services
        .AddSingleton(deaf ())
        .AddRoutingCore()
        .AddHostFiltering(fun options ->
            // A page from elsewhere whose name is made to lead here is none of these.
            options.AllowedHosts <- [| "127.0.0.1"; "localhost" |]
            options.AllowEmptyHosts <- false)
    |> ignore

    let app = builder.Build()
    app.UseHostFiltering() |> ignore
    app.MapGet("/", RequestDelegate(page watched)) |> ignore
    app.MapGet("/events", RequestDelegate(events watched)) |> ignore

    let refuse reason = raise (BadInput $"--live-port {port}: {reason}; without the option a free port is taken")

    try
        app.StartAsync().Wait()
    with :? AggregateException as faults ->
        match faults.InnerException with
        | :? IOException -> refuse "the port is in use"
        | :? SocketException as fault -> refuse fault.Message
        | _ -> reraise ()

    let stop () =
        using (new CancellationTokenSource(TimeSpan.FromSeconds 2.0)) (fun patience ->
            app.StopAsync(patience.Token).Wait())

        (app :> IDisposable).Dispose()

    Seq.head app.Urls, stop

// Beside .NET's own library, where the program does not bring it along.
let private find () : unit =
    let own = string (Path.GetDirectoryName typeof<obj>.Assembly.Location)

    let folder =
        lazy
            (let all = Path.Combine(own, "..", "..", "Microsoft.AspNetCore.App")

             [
                 for folder in (if Directory.Exists all then Directory.GetDirectories all else [||]) do
                     match Version.TryParse(Path.GetFileName folder) with
                     | true, version when version.Major = Environment.Version.Major -> version, Path.GetFullPath folder
                     | _ -> ()
             ]
             |> List.sort
             |> List.tryLast)

    AssemblyLoadContext.Default.add_Resolving (fun context name ->
        match folder.Value with
        | Some(_, folder) when File.Exists(Path.Combine(folder, name.Name + ".dll")) ->
            context.LoadFromAssemblyPath(Path.Combine(folder, name.Name + ".dll"))
        | _ -> null)

let private found = lazy find ()

/// A run's page and its server, if there is one, which ends with it.
type Server private (watched: Watched, address: string option, stop: unit -> unit) =
    /// Serves a page on this port, or on a free one. Raises BadInput where the port is not to be had, or .NET has no ASP.NET.
    static member Start(port: int option) : Server =
        let port =
            port |> Option.map (fun port -> Options.within "--live-port" 1 65535 port) |> Option.defaultValue 0

        found.Value
        let watched = Watched()

        try
            let address, stop = serve watched port
            new Server(watched, Some address, stop)
        with :? FileNotFoundException ->
            raise (BadInput "--live takes a .NET with ASP.NET: install the runtime aspnetcore of .NET 10")

    /// No page.
    static member None: Server = new Server(Watched(), None, ignore)

    /// Where the page is.
    member _.Address: string option = address

    /// What is to be watched: the folder of a run of so many steps.
    member _.Show(folder: string, steps: int) : unit = watched.Show(folder, steps)

    /// `step` steps of the run are done, and in its files.
    member _.Step(step: int) : unit = watched.Step step

    interface IDisposable with
        /// Tells those who watch how the run ended.
        member _.Dispose() =
            watched.End()
            stop ()

/// The server of a run's page where `--live` is given, on the port of `--live-port`.
let start (asked: bool) (port: int option) : Server =
    [ "--live-port", port.IsSome ] |> Options.onlyWith "--live" asked

    Ranks.first (fun () -> if asked then Server.Start port else Server.None)
    |> Option.defaultWith (fun () -> Server.None)
