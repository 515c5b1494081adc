/// Files of events for TensorBoard, read back by what is written down of their format, with a checksum of its own.
module MetaKan.Tests.EventFileTests

open System
open System.IO
open System.Text
open Expecto
open FsCheck
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests
open MetaKan.Tests.Folder
open Tensorboard

/// CRC-32C bit by bit: the polynomial 0x1EDC6F41, its bits in reverse.
let private slowCrc (data: byte[]) : uint32 =
    let mutable crc = 0xffffffffu

    for byte in data do
        crc <- crc ^^^ uint32 byte

        for _ in 1..8 do
            crc <- if crc &&& 1u = 1u then (crc >>> 1) ^^^ 0x82f63b78u else crc >>> 1

    crc ^^^ 0xffffffffu

let private slowMasked data =
    let crc = slowCrc data
    ((crc >>> 15) ||| (crc <<< 17)) + 0xa282ead8u

/// The data of the whole records of a file, whose checksums have to hold.
let private records (bytes: byte[]) : byte[] list =
    let rec go at =
        [
            if at + 12 <= bytes.Length then
                let length = int (BitConverter.ToUInt64(bytes, at))
                Expect.equal (BitConverter.ToUInt32(bytes, at + 8)) (slowMasked bytes[at .. at + 7]) "length's checksum"

                if at + 16 + length <= bytes.Length then
                    let data = bytes[at + 12 .. at + 11 + length]
                    Expect.equal (BitConverter.ToUInt32(bytes, at + 12 + length)) (slowMasked data) "data's checksum"
                    data
                    yield! go (at + 16 + length)
        ]

    go 0

let private events (path: string) = records (File.ReadAllBytes path) |> List.map Event.Parser.ParseFrom

let private files (folder: string) = Directory.GetFiles(RunFolder.tensorBoardPath folder) |> Array.sort |> List.ofArray

let private scalars (events: Event list) =
    [
        for event in events do
            if not (isNull event.Summary) then
                for value in event.Summary.Value -> (int event.Step, value.Tag), value.SimpleValue
    ]

/// What TensorBoard has of files one after another: a session that begins drops its step and later ones.
let private shown (files: string list) =
    ([], List.collect events files)
    ||> List.fold (fun known event ->
        if isNull event.SessionLog then
            known @ scalars [ event ]
        else
            known |> List.filter (fun ((step, _), _) -> int64 step < event.Step))

/// The measures of a run's tables, by step and column, without the seconds.
let private measured (folder: string) =
    [
        for path in [ RunFolder.metricsPath folder; RunFolder.stepsPath folder ] do
            let table = Metrics.readFile path

            for step, row in table.Rows do
                for name, value in List.zip table.Columns (List.ofArray row) do
                    match value with
                    | Some value when name <> "seconds" -> (step, name), float32 value
                    | _ -> ()
    ]
    |> List.distinct
    |> List.sort

let private solve (listen: TrainingEvent -> unit) (place: RunPlace) =
    let settings =
        { SolveSettings.defaults with
            Epochs = 12
            EvaluateEvery = 3
            SaveEvery = 4
            TestPoints = 20
            Placement = Placement.cpu64
        }

    let problem = (Shelf.all |> List.find (fun entry -> entry.Name = "poisson")).Problem 2 0

    Solve.run { place with TensorBoard = true } settings problem (Mlp.create [ 2; 4; 1 ]) listen
    |> ignore

let tests =
    testList
        "Training.EventFile"
        [
            testCase "checksums of RFC 3720, and of the value that all tables have" (fun () ->
                let known =
                    [
                        Encoding.ASCII.GetBytes "123456789", 0xE3069283u
                        Array.zeroCreate 32, 0x8A9136AAu
                        Array.create 32 255uy, 0x62A8AB43u
                        [| 0uy .. 31uy |], 0x46DD794Eu
                    ]

                for data, crc in known do
                    Expect.equal (TfRecord.crc32c data, slowCrc data) (crc, crc) "checksum")

            testProperty "records read back, their checksums by bits" (fun (data: byte[] list) ->
                let bytes = data |> List.map TfRecord.encode |> Array.concat
                records bytes = data)

            testProperty "a file that is cut off has its whole records" (fun (data: byte[] list) (NonNegativeInt cut) ->
                let bytes = data |> List.map TfRecord.encode |> Array.concat
                let rest = Array.truncate (cut % (bytes.Length + 1)) bytes
                let whole = records rest

                whole = List.truncate whole.Length data
                && (rest.Length < bytes.Length || whole.Length = data.Length))

            testCase "a run's events are its tables', also when it was cut short, went back and went on" (fun () ->
                withFolder (fun folder ->
                    let path name = Path.Combine(folder, name)
                    solve ignore (Runs.freshIn (path "whole"))
                    let file = List.exactlyOne (files (path "whole"))
                    Expect.equal (events file).Head.FileVersion "brain.Event:2" "version"
                    let whole = shown [ file ]
                    Expect.equal (List.sort whole) (measured (path "whole")) "events"
                    let seconds = DateTimeOffset.UtcNow.ToUnixTimeSeconds()
                    Check.inRange (float seconds - 600.0) (float seconds + 1.0) (events file).Head.WallTime "time"

                    // Killed at step 10, two after the checkpoint.
                    let again = path "again"

                    let killed (event: TrainingEvent) =
                        match event with
                        | Stepped(state, _) when state.Step = 10 -> failwith "killed"
                        | _ -> ()

                    Expect.throws (fun () -> solve killed (Runs.freshIn again)) "a run that is killed"
                    solve ignore (Runs.resumedIn again)
                    Expect.equal (files again).Length 2 "files"
                    Expect.equal (shown (files again)) whole "events"
                    let steps = (files again).[1] |> events |> scalars |> List.map (fst >> fst)
                    Expect.equal (List.min steps) 9 "first step of the second file"))

            testCase "without being asked for, there is none" (fun () ->
                withFolder (fun folder ->
                    use file = EventFile.resume false folder 0
                    file.Append(1, [ "loss", 1.0 ])
                    Expect.isEmpty (Directory.GetFileSystemEntries folder) "files"))
        ]
