/// Run folders and their tables of metrics.
module MetaKan.Tests.RunFolderTests

open System
open System.IO
open System.Text.Json.Nodes
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open Xunit

let private columns = [ "loss"; "relative_l2" ]

let private refusal = messageOf<BadInput>

[<Fact>]
let ``a run's folder is made with its parents`` () =
    withFolder (fun folder ->
        let run = Path.Combine(folder, "a", "b")
        RunFolder.create run
        Assert.True(Directory.Exists run)
        Assert.True(Directory.Exists(Path.GetDirectoryName(RunFolder.checkpointPath run))))

[<Fact>]
let ``an empty folder takes a run, any other place refuses it in one line`` () =
    withFolder (fun folder ->
        RunFolder.create folder
        RunFolder.writeConfig folder (JsonObject())
        Assert.Contains("already holds a run", refusal (fun () -> RunFolder.create folder))
        let other = Directory.CreateDirectory(Path.Combine(folder, "other")).FullName
        let file = Path.Combine(other, "notes.txt")
        File.WriteAllText(file, "")
        Assert.StartsWith(other, refusal (fun () -> RunFolder.create other))
        Assert.StartsWith(file, refusal (fun () -> RunFolder.create file)))

[<Fact>]
let ``a folder that the system refuses fails the run`` () =
    withFolder (fun folder ->
        let file = Path.Combine(folder, "file")
        File.WriteAllText(file, "")
        let inside = Path.Combine(file, "run")
        let message = messageOf<RunFailed>(fun () -> RunFolder.create inside)
        Assert.StartsWith($"cannot write {inside}: ", message)
        messageOf<RunFailed>(fun () -> RunFolder.writeResult inside (JsonObject())) |> ignore)

[<Fact>]
let ``numbers of a configuration read back exactly`` () =
    withFolder (fun folder ->
        Check.One(
            Config.QuickThrowOnFailure,
            fun (NormalFloat lr) (seed: int) (NonNull(name: string)) ->
                let name = String(name |> Seq.filter (Char.IsSurrogate >> not) |> Seq.toArray)
                let config = JsonObject()
                config["lr"] <- lr
                config["seed"] <- seed

                config["model"] <-
                    JsonObject([ Collections.Generic.KeyValuePair("name", JsonValue.Create name :> JsonNode) ])

                RunFolder.writeConfig folder config
                let found = RunFolder.readConfig folder

                found["lr"].GetValue<float>() = lr
                && found["seed"].GetValue<int>() = seed
                && found["model"].["name"].GetValue<string>() = name
        ))

[<Fact>]
let ``numbers that JSON does not know are written as null`` () =
    withFolder (fun folder ->
        let result = JsonObject()
        result["loss"] <- nan
        result["errors"] <- JsonArray(JsonValue.Create infinity, JsonValue.Create 0.5)
        RunFolder.writeResult folder result
        let found = (RunFolder.tryReadResult folder).Value
        Assert.Null found["loss"]
        Assert.Null found["errors"].[0]
        Assert.Equal(0.5, found["errors"].[1].GetValue<float>()))

[<Fact>]
let ``a missing or malformed configuration is refused by name`` () =
    withFolder (fun folder ->
        let path = RunFolder.configPath folder
        Assert.StartsWith(path, refusal (fun () -> RunFolder.readConfig folder |> ignore))

        for text in [ ""; "{"; "[1]"; "null"; "{\"a\":1}}" ] do
            File.WriteAllText(path, text)
            Assert.StartsWith(path, refusal (fun () -> RunFolder.readConfig folder |> ignore))

        Assert.True((RunFolder.tryReadResult folder).IsNone))

/// What a run writes at a step: the loss, and an error at every third.
let private row step =
    step,
    ("loss", 1.0 / float (step + 1))
    :: [
        if step % 3 = 0 then
            "relative_l2", Math.Exp(-float step)
    ]

let private appendAll (writer: MetricsWriter) steps = steps |> Seq.iter (row >> writer.Append)

[<Fact>]
let ``a resumed run's metrics are those of a run that was never interrupted`` () =
    withFolder (fun folder ->
        let path = RunFolder.metricsPath folder

        Check.One(
            Config.QuickThrowOnFailure,
            Prop.forAll (Arb.fromGen (Gen.three (Gen.choose (0, 20)))) (fun (saved, more, rest) ->
                let last = saved + more + rest
                using (Metrics.create folder columns) (fun w -> appendAll w [ 1..last ])
                let whole = File.ReadAllText path
                using (Metrics.create folder columns) (fun w -> appendAll w [ 1 .. saved + more ])
                // Killed in the middle of a row, after a checkpoint at step `saved`.
                File.AppendAllText(path, "99,0.0")
                using (Metrics.resume folder columns saved) (fun w -> appendAll w [ saved + 1 .. last ])
                File.ReadAllText path = whole)
        ))

[<Fact>]
let ``metrics read back exactly, with gaps, while the run goes on`` () =
    withFolder (fun folder ->
        use writer = Metrics.create folder columns
        appendAll writer [ 0..4 ]
        writer.Append(5, [ "loss", nan ])
        let table = Metrics.read folder
        Assert.Equal<string list>(columns, table.Columns)
        Assert.Equal(6, table.Rows.Length)

        for step, values in table.Rows[..4] do
            let expected = Map(snd (row step))
            Assert.Equal<float option>([| for c in columns -> Map.tryFind c expected |], values)

        Assert.True(Double.IsNaN (snd table.Rows[5]).[0].Value))

[<Fact>]
let ``a table without rows or without its file can be resumed`` () =
    withFolder (fun folder ->
        using (Metrics.resume folder columns 0) ignore
        using (Metrics.resume folder columns 0) ignore
        Assert.Equal("step,loss,relative_l2\n", File.ReadAllText(RunFolder.metricsPath folder)))

[<Fact>]
let ``tables of other columns, and files that are no table, are refused by name`` () =
    withFolder (fun folder ->
        let path = RunFolder.metricsPath folder
        let refusedToResume () = refusal (fun () -> (Metrics.resume folder columns 3 :> IDisposable).Dispose())
        let refusedToRead () = refusal (fun () -> Metrics.read folder |> ignore)
        Assert.Contains(path, refusedToRead ())
        using (Metrics.create folder [ "loss" ]) ignore
        Assert.Contains(path, refusedToResume ())

        for text in [ ""; "\n"; "hello\n"; "step,loss,relative_l2\n1,x,\n"; "step,loss,relative_l2\n1,2\n" ] do
            File.WriteAllText(path, text)
            Assert.Contains(path, refusedToRead ())
            Assert.Contains(path, refusedToResume ())
            Assert.Equal(text, File.ReadAllText path))

[<Fact>]
let ``a measure without a column is a mistake of the caller`` () =
    withFolder (fun folder ->
        use writer = Metrics.create folder columns
        messageOf<ArgumentException>(fun () -> writer.Append(1, [ "rmse", 1.0 ])) |> ignore)

[<Fact>]
let ``a free folder is the first that does not exist`` () =
    withFolder (fun parent ->
        let name = Path.Combine(parent, "run")
        Assert.Equal(name, RunFolder.free name)
        RunFolder.create name
        Assert.Equal(name + "-2", RunFolder.free name)
        File.WriteAllText(name + "-2", "")
        Assert.Equal(name + "-3", RunFolder.free name))

[<Fact>]
let ``a folder belongs to one run at a time`` () =
    withFolder (fun parent ->
        let folder = Path.Combine(parent, "run")
        RunFolder.create folder
        let first = RunFolder.claim folder
        Assert.Contains("in use", refusal (fun () -> RunFolder.claim folder |> ignore))
        first.Dispose()
        use _ = RunFolder.claim folder
        let absent = Path.Combine(parent, "absent")
        Assert.Contains("holds no run", refusal (fun () -> RunFolder.claim absent |> ignore)))
