/// Run folders and their tables of metrics.
module MetaKan.Tests.RunFolderTests

open System
open System.IO
open System.Text.Json.Nodes
open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder

let private columns = [ "loss"; "relative_l2" ]

let private refusal = messageOf<BadInput>

/// What a run writes at a step: the loss, and an error at every third.
let private row step =
    step,
    ("loss", 1.0 / float (step + 1))
    :: [
        if step % 3 = 0 then
            "relative_l2", Math.Exp(-float step)
    ]

let private appendAll (writer: MetricsWriter) steps = steps |> Seq.iter (row >> writer.Append)

let tests =
    testList
        "Training.RunFolder"
        [
            testCase "a run's folder is made with its parents" (fun () ->
                withFolder (fun folder ->
                    let run = Path.Combine(folder, "a", "b")
                    RunFolder.create run
                    Expect.isTrue (Directory.Exists run) "the folder is there"

                    Expect.isTrue
                        (Directory.Exists(Path.GetDirectoryName(RunFolder.checkpointPath run)))
                        "the folder of the checkpoint is there"))

            testCase "an empty folder takes a run, any other place refuses it in one line" (fun () ->
                withFolder (fun folder ->
                    RunFolder.create folder
                    RunFolder.writeConfig folder (JsonObject())

                    Expect.stringContains
                        (refusal (fun () -> RunFolder.create folder))
                        "already holds a run"
                        "refusal"

                    let other = Directory.CreateDirectory(Path.Combine(folder, "other")).FullName
                    let file = Path.Combine(other, "notes.txt")
                    File.WriteAllText(file, "")
                    Expect.stringStarts (refusal (fun () -> RunFolder.create other)) other "refusal"
                    Expect.stringStarts (refusal (fun () -> RunFolder.create file)) file "refusal"))

            testCase "a folder that the system refuses is refused; a file there fails the run" (fun () ->
                withFolder (fun folder ->
                    let file = Path.Combine(folder, "file")
                    File.WriteAllText(file, "")
                    let inside = Path.Combine(file, "run")
                    let message = messageOf<BadInput>(fun () -> RunFolder.create inside)
                    Expect.stringStarts message $"cannot write {inside}: " "message"
                    messageOf<RunFailed>(fun () -> RunFolder.writeResult inside (JsonObject())) |> ignore))

            testProperty "numbers of a configuration read back exactly"
            <| fun (NormalFloat lr) (seed: int) (NonNull(name: string)) ->
                withFolder (fun folder ->
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
                    && found["model"].["name"].GetValue<string>() = name)

            testCase "numbers that JSON does not know are written as null" (fun () ->
                withFolder (fun folder ->
                    let result = JsonObject()
                    result["loss"] <- nan
                    result["errors"] <- JsonArray(JsonValue.Create infinity, JsonValue.Create 0.5)
                    RunFolder.writeResult folder result
                    let found = (RunFolder.tryReadResult folder).Value
                    Expect.isNull found["loss"] "loss"
                    Expect.isNull found["errors"].[0] "an error"
                    Expect.equal (found["errors"].[1].GetValue<float>()) 0.5 "an error"))

            testCase "a missing or malformed configuration is refused by name" (fun () ->
                withFolder (fun folder ->
                    let path = RunFolder.configPath folder
                    Expect.stringStarts (refusal (fun () -> RunFolder.readConfig folder |> ignore)) path "refusal"

                    for text in [ ""; "{"; "[1]"; "null"; "{\"a\":1}}" ] do
                        File.WriteAllText(path, text)
                        Expect.stringStarts (refusal (fun () -> RunFolder.readConfig folder |> ignore)) path "refusal"

                    Expect.isTrue (RunFolder.tryReadResult folder).IsNone "no result"))

            testProperty
                "a resumed run's metrics are those of a run that was never interrupted"
                (Prop.forAll (Arb.fromGen (Gen.three (Gen.choose (0, 20)))) (fun (saved, more, rest) ->
                    withFolder (fun folder ->
                        let path = RunFolder.metricsPath folder
                        let last = saved + more + rest
                        using (Metrics.create folder columns) (fun w -> appendAll w [ 1..last ])
                        let whole = File.ReadAllText path
                        using (Metrics.create folder columns) (fun w -> appendAll w [ 1 .. saved + more ])
                        // Killed in the middle of a row, after a checkpoint at step `saved`.
                        File.AppendAllText(path, "99,0.0")
                        using (Metrics.resume folder columns saved) (fun w -> appendAll w [ saved + 1 .. last ])
                        File.ReadAllText path = whole)))

            testCase "metrics read back exactly, with gaps, while the run goes on" (fun () ->
                withFolder (fun folder ->
                    use writer = Metrics.create folder columns
                    appendAll writer [ 0..4 ]
                    writer.Append(5, [ "loss", nan ])
                    let table = Metrics.read folder
                    Expect.equal table.Columns columns "columns"
                    Expect.equal table.Rows.Length 6 "number of rows"

                    for step, values in table.Rows[..4] do
                        let expected = Map(snd (row step))
                        Expect.equal values [| for c in columns -> Map.tryFind c expected |] "values"

                    Expect.isTrue (Double.IsNaN (snd table.Rows[5]).[0].Value) "a gap for what is no number"))

            testCase "a table without rows or without its file can be resumed" (fun () ->
                withFolder (fun folder ->
                    using (Metrics.resume folder columns 0) ignore
                    using (Metrics.resume folder columns 0) ignore
                    Expect.equal (File.ReadAllText(RunFolder.metricsPath folder)) "step,loss,relative_l2\n" "content"))

            testCase "tables of other columns, and files that are no table, are refused by name" (fun () ->
                withFolder (fun folder ->
                    let path = RunFolder.metricsPath folder

                    let refusedToResume () =
                        refusal (fun () -> (Metrics.resume folder columns 3 :> IDisposable).Dispose())

                    let refusedToRead () = refusal (fun () -> Metrics.read folder |> ignore)
                    Expect.stringContains (refusedToRead ()) path "refusal"
                    using (Metrics.create folder [ "loss" ]) ignore
                    Expect.stringContains (refusedToResume ()) path "refusal"

                    for text in
                        [ ""; "\n"; "hello\n"; "step,loss,relative_l2\n1,x,\n"; "step,loss,relative_l2\n1,2\n" ] do
                        File.WriteAllText(path, text)
                        Expect.stringContains (refusedToRead ()) path "refusal"
                        Expect.stringContains (refusedToResume ()) path "refusal"
                        Expect.equal (File.ReadAllText path) text "content"))

            testCase "a measure without a column is a mistake of the caller" (fun () ->
                withFolder (fun folder ->
                    use writer = Metrics.create folder columns
                    messageOf<ArgumentException>(fun () -> writer.Append(1, [ "rmse", 1.0 ])) |> ignore))

            testCase "a free folder is the first that does not exist" (fun () ->
                withFolder (fun parent ->
                    let name = Path.Combine(parent, "run")
                    Expect.equal (RunFolder.free name) name "name"
                    RunFolder.create name
                    Expect.equal (RunFolder.free name) (name + "-2") "name"
                    File.WriteAllText(name + "-3", "")
                    Expect.equal (RunFolder.free name) (name + "-4") "name"))

            testCase "runs that ask for a free folder at once get one each" (fun () ->
                withFolder (fun parent ->
                    let name = Path.Combine(parent, "runs", "run")
                    let count = 24
                    use all = new Threading.Barrier(count)
                    let found = Array.zeroCreate<string> count

                    let ask i =
                        all.SignalAndWait()
                        found[i] <- RunFolder.free name

                    let threads = [ for i in 0 .. count - 1 -> Threading.Thread(fun () -> ask i) ]
                    threads |> List.iter _.Start()
                    threads |> List.iter _.Join()
                    Expect.equal (Array.distinct found).Length count "folders"
                    Array.iter RunFolder.create found

                    Expect.equal
                        (Directory.GetFileSystemEntries(Path.GetDirectoryName name) |> set)
                        (set (name :: [ for i in 2..count -> $"{name}-{i}" ]))
                        "what is there"))

            testCase "a folder belongs to one run at a time" (fun () ->
                withFolder (fun parent ->
                    let folder = Path.Combine(parent, "run")
                    RunFolder.create folder
                    let first = RunFolder.claim folder
                    Expect.stringContains (refusal (fun () -> RunFolder.claim folder |> ignore)) "in use" "refusal"
                    first.Dispose()
                    use _ = RunFolder.claim folder
                    let absent = Path.Combine(parent, "absent")

                    Expect.stringContains
                        (refusal (fun () -> RunFolder.claim absent |> ignore))
                        "holds no run"
                        "refusal"))

            testCase "what is said of a run that was asked to end is how it ended" (fun () ->
                withFolder (fun folder ->
                    Expect.stringStarts (Run.farewell folder) "stopped; " "no result"

                    for outcome, said in
                        [
                            Stopped, "stopped; "
                            Completed, $"{folder} had completed"
                            Diverged nan, $"{folder} had diverged"
                        ] do
                        RunFolder.writeResult
                            folder
                            (RunFolder.fields [ "outcome", RunFolder.node (Outcome.name outcome) ])

                        Expect.stringStarts (Run.farewell folder) said "what is said"))

            testCase "a name that is taken gets a number" (fun () ->
                withFolder (fun folder ->
                    let name = System.IO.Path.Combine(folder, "comparison")

                    for wanted in [ "comparison.html"; "comparison-2.html"; "comparison-3.html" ] do
                        let path = RunFolder.untaken name ".html"
                        Expect.equal (System.IO.Path.GetFileName path) wanted "name"
                        System.IO.File.WriteAllText(path, "")))
        ]
