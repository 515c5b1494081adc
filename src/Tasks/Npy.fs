// Arrays of float64 as NumPy reads them: one in a .npy file, several by name in an .npz archive, which is a ZIP file of
// .npy files. NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays", version 1.0.
namespace MetaKan

open System
open System.IO
open System.IO.Compression
open System.Runtime.InteropServices

[<RequireQualifiedAccess>]
module internal Npy =
    /// Numbers as they lie in memory: little endian, as every system that libtorch runs on has them.
    let bytes (numbers: 'number[]) : ReadOnlySpan<byte> = MemoryMarshal.AsBytes(ReadOnlySpan numbers)

    // The header is padded by spaces so that the numbers begin at a multiple of 64 bytes.
    let private header (shape: int64 list) : byte[] =
        let sizes = shape |> List.map (fun size -> $"{size}, ") |> String.concat ""
        let text = $"{{'descr': '<f8', 'fortran_order': False, 'shape': ({sizes.TrimEnd ' '}), }}"
        let length = (10 + text.Length + 1 + 63) / 64 * 64 - 10
        let ascii = Text.Encoding.ASCII.GetBytes(text.PadRight(length - 1) + "\n")
        Array.concat [ [| 0x93uy |]; "NUMPY"B; [| 1uy; 0uy; byte length; byte (length >>> 8) |]; ascii ]

    /// Writes blocks of rows, each given by its columns, as one array [shape…, columns].
    let write (shape: int64 list) (columns: int) (blocks: float[][] seq) (stream: Stream) : unit =
        stream.Write(ReadOnlySpan(header (shape @ [ int64 columns ])))

        for block in blocks do
            let rows = Array.init (block[0].Length * columns) (fun n -> block[n % columns][n / columns])
            stream.Write(bytes rows)

    /// Writes blocks of rows as an array [shape…] for each column, by the columns' names. Rows come one after another, and
    /// arrays lie one after another: a file at `spool` keeps them meanwhile.
    let archive
        (spool: string)
        (names: string list)
        (shape: int64 list)
        (blocks: float[][] seq)
        (stream: Stream)
        : unit =
        let size = 8L * List.fold (*) 1L shape

        use columns =
            new FileStream(
                spool,
                FileMode.Create,
                FileAccess.ReadWrite,
                FileShare.None,
                1 <<< 16,
                FileOptions.DeleteOnClose
            )

        (0L, blocks)
        ||> Seq.fold (fun row block ->
            for i, column in Array.indexed block do
                columns.Position <- int64 i * size + 8L * row
                columns.Write(bytes column)

            row + int64 block[0].Length)
        |> ignore

        columns.Position <- 0L
        use archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen = true)
        let buffer = Array.zeroCreate<byte>(1 <<< 16)

        for name in names do
            let entry = archive.CreateEntry(name + ".npy", CompressionLevel.NoCompression)
            // The same numbers make the same file.
            entry.LastWriteTime <- DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero)
            use entry = entry.Open()
            entry.Write(ReadOnlySpan(header shape))

            for start in 0L .. int64 buffer.Length .. size - 1L do
                let part = int (min (int64 buffer.Length) (size - start))
                columns.ReadExactly(buffer, 0, part)
                entry.Write(buffer, 0, part)
