// Data files as streams, decompressed if they are gzip; errors are one line that names the file.
namespace MetaKan.Images

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open MetaKan

[<RequireQualifiedAccess>]
module internal DataFile =
    /// The largest ratio of decompressed to compressed size (RFC 1951: a match of 258 bytes takes at least two bits).
    let mostUnpacked = 1032L

    /// The most bytes that are read of a file whose length nothing else bounds.
    let mostBytes = 1L <<< 30

    /// Reads from a stream that may be compressed; truncated compressed data end it without an error.
    let private guarded (path: string) (action: unit -> 'a) : 'a =
        try
            action ()
        with :? InvalidDataException ->
            raise (BadInput $"{path}: its compressed data are damaged")

    /// Reads until the buffer is full or the stream ends; the number of bytes read.
    let private fill (path: string) (stream: Stream) (buffer: byte[]) : int =
        guarded path (fun () -> stream.ReadAtLeast(Span buffer, buffer.Length, throwOnEndOfStream = false))

    /// The next `length` bytes; BadInput where the stream ends before, saying that `what` has so many bytes in all.
    /// `before` bytes were read already.
    let next (path: string) (what: string) (before: int64) (length: int64) (stream: Stream) : byte[] =
        let most = mostUnpacked * FileInfo(path).Length

        if length > int64 Array.MaxLength then
            raise (BadInput $"{path}: {what} would have {before + length} bytes, more than can be held")

        let buffer = GC.AllocateUninitializedArray<byte>(int (min length most))
        let got = fill path stream buffer

        if int64 got < length then
            raise (BadInput $"{path}: ends after {before + int64 got} bytes; {what} has {before + length}")

        buffer

    // Raises BadInput where a stream that gave `length` bytes to its end is a gzip file's that was cut.
    let private uncut (path: string) (length: int64) (stream: Stream) : unit =
        match stream with
        | :? GZipStream as packed ->
            // The last four bytes of a gzip file hold the uncompressed length; .NET does not notice when they are cut.
            let file = packed.BaseStream
            let last = Array.zeroCreate 4
            file.Seek(-4L, SeekOrigin.End) |> ignore
            file.ReadExactly(last, 0, 4)

            if BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan last) <> uint32 length then
                raise (BadInput $"{path}: its compressed data are cut off in their last bytes")
        | _ -> ()

    /// Raises BadInput unless the stream, of which `length` bytes were read, ends here.
    let finish (path: string) (what: string) (length: int64) (stream: Stream) : unit =
        if guarded path stream.ReadByte >= 0 then
            raise (BadInput $"{path}: goes on after {length} bytes, where {what} ends")

        uncut path length stream

    /// Reads a file, unpacked if it begins as gzip does (RFC 1952). Raises BadInput where the system refuses.
    let read (path: string) (parse: Stream -> 'a) : 'a =
        try
            use file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 <<< 16)
            let magic = file.ReadByte(), file.ReadByte()
            file.Position <- 0L

            if magic = (0x1F, 0x8B) then
                use unpacked = new GZipStream(file, CompressionMode.Decompress)
                parse unpacked
            else
                parse file
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException -> raise (BadInput $"{path}: there is no such file")
        | :? IOException
        | :? UnauthorizedAccessException as error ->
            let reason = error.Message.Split('\n')[0]
            raise (BadInput $"{path}: cannot be read ({reason})")

    /// The first `length` bytes of a file, fewer if it is shorter.
    let start (path: string) (length: int) : byte[] =
        read path (fun stream ->
            let buffer = Array.zeroCreate length
            Array.truncate (fill path stream buffer) buffer)

    /// All bytes of a file. Raises BadInput where it has more than `mostBytes`.
    let all (path: string) : byte[] =
        read path (fun stream ->
            use bytes = new MemoryStream()
            let part = Array.zeroCreate (1 <<< 16)
            let mutable got = fill path stream part

            while got > 0 do
                bytes.Write(part, 0, got)

                if bytes.Length > mostBytes then
                    raise (BadInput $"{path}: it has more than {mostBytes} bytes; up to so many are read")

                got <- fill path stream part

            uncut path bytes.Length stream
            bytes.ToArray())

    /// The labels, all in 0 … classes-1. Raises BadInput.
    let labels (path: string) (classes: int) (labels: int[]) : int[] =
        match labels |> Array.tryFindIndex (fun label -> label < 0 || label >= classes) with
        | Some i ->
            raise (BadInput $"{path}: label {i} is {labels[i]}; the classes of this data set are 0 to {classes - 1}")
        | None -> labels
