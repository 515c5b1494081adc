// A run's measures as TensorBoard reads them: a file of events, messages of TensorFlow's event.proto and summary.proto in the
// framing of TFRecord. Each time that a run begins or goes on there is a new file.
namespace MetaKan

open System
open System.Buffers.Binary
open System.IO
open System.Numerics
open Google.Protobuf
open Tensorboard

[<RequireQualifiedAccess>]
module internal TfRecord =
    /// The checksum CRC-32C of bytes (RFC 3720, B.4).
    let crc32c (data: byte[]) : uint32 =
        let mutable crc = UInt32.MaxValue

        for byte in data do
            crc <- BitOperations.Crc32C(crc, byte)

        ~~~crc

    /// A checksum as records have it: rotated, so that checksums of data with checksums in them stay good
    /// (tensorflow/core/lib/hash/crc32c.h).
    let masked (crc: uint32) : uint32 = BitOperations.RotateRight(crc, 15) + 0xa282ead8u

    /// A record: the length of the data in 8 bytes, its checksum, the data, their checksum; numbers begin with their lowest
    /// byte (tensorflow/core/lib/io/record_writer.h).
    let encode (data: byte[]) : byte[] =
        let length, check = Array.zeroCreate<byte> 8, Array.zeroCreate<byte> 4
        BinaryPrimitives.WriteInt64LittleEndian(length, data.Length)

        let withCheck (bytes: byte[]) =
            BinaryPrimitives.WriteUInt32LittleEndian(check, masked (crc32c bytes))
            Array.append bytes check

        Array.append (withCheck length) (withCheck data)

/// A file of events, open for more; none at all where nobody asked for it.
type internal EventFile private (path: string, file: FileStream option) =
    let now () = float (DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()) / 1000.0

    let append (event: Event) =
        match file with
        | Some file ->
            event.WallTime <- now ()
            AtomicFile.guard path (fun () -> file.Write(ReadOnlySpan(TfRecord.encode (event.ToByteArray()))))
        | None -> ()

    /// Begins a run's file of events after `step`, where it is asked for. Raises RunFailed when the disk refuses.
    static member resume (asked: bool) (folder: string) (step: int) : EventFile =
        if asked then
            let folder = RunFolder.tensorBoardPath folder
            AtomicFile.guard folder (fun () -> Directory.CreateDirectory folder |> ignore)

            // TensorBoard reads the files by their names' order, which is that of these seconds.
            let before =
                [
                    for path in Directory.GetFiles(folder, "events.out.tfevents.*") do
                        match Int64.TryParse((Path.GetFileName path).Split('.')[3]) with
                        | true, seconds -> seconds
                        | _ -> ()
                ]

            let seconds = List.max (DateTimeOffset.UtcNow.ToUnixTimeSeconds() :: List.map ((+) 1L) before)
            let name = $"events.out.tfevents.{seconds:D10}.{Environment.MachineName}.{Environment.ProcessId}"
            let path = Path.Combine(folder, name)

            let file =
                AtomicFile.guard path (fun () ->
                    // Each record reaches the file at once.
                    new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, 0))

            let events = new EventFile(path, Some file)
            events.Start step
            events
        else
            new EventFile("", None)

    member private _.Start(step: int) =
        append (Event(FileVersion = "brain.Event:2"))

        // TensorBoard drops what it has of this step and later ones: the run makes them again.
        append (Event(Step = int64 step + 1L, SessionLog = SessionLog(Status = SessionLog.Types.SessionStatus.Start)))

    /// Appends measures that were taken at a step, by name; TensorBoard has numbers in single precision. Raises RunFailed when
    /// the disk refuses.
    member _.Append(step: int, measures: (string * float) list) : unit =
        if not measures.IsEmpty && file.IsSome then
            let summary = Summary()

            for name, value in measures do
                summary.Value.Add(Summary.Types.Value(Tag = name, SimpleValue = float32 value))

            append (Event(Step = int64 step, Summary = summary))

    interface IDisposable with
        member _.Dispose() = file |> Option.iter _.Dispose()
