// PNG images from pixels (W3C Portable Network Graphics, third edition): 8 bits a channel, with transparency.
namespace MetaKan

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open System.Text

[<RequireQualifiedAccess>]
module Png =
    /// The CRC-32 of every byte, by the polynomial of ISO 3309 (PNG's Annex D).
    let private crcs =
        Array.init 256 (fun byte ->
            (uint32 byte, seq { 1..8 })
            ||> Seq.fold (fun c _ -> if c &&& 1u = 1u then 0xEDB88320u ^^^ (c >>> 1) else c >>> 1))

    /// The check sum of a chunk (Annex D).
    let internal crc (bytes: byte[]) =
        (0xFFFFFFFFu, bytes)
        ||> Array.fold (fun c b -> crcs[int ((c ^^^ uint32 b) &&& 0xFFu)] ^^^ (c >>> 8))
        |> (~~~)

    let private bigEndian (value: uint32) =
        let bytes = Array.zeroCreate 4
        BinaryPrimitives.WriteUInt32BigEndian(Span bytes, value)
        bytes

    let private chunk (kind: string) (data: byte[]) =
        let body = Array.append (Encoding.ASCII.GetBytes kind) data
        Array.concat [ bigEndian (uint32 data.Length); body; bigEndian (crc body) ]

    /// An image of the given width, from rows of pixels of four bytes (red, green, blue, opacity), the top row first.
    let encode (width: int) (pixels: byte[]) : byte[] =
        let stride = 4 * width
        use compressed = new MemoryStream()

        using (new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen = true)) (fun zlib ->
            for row in Array.chunkBySize stride pixels do
                // Each row is stored as it is: filter 0.
                zlib.WriteByte 0uy
                zlib.Write(ReadOnlySpan row))

        let rgba8 = [| 8uy; 6uy; 0uy; 0uy; 0uy |]

        Array.concat
            [
                [| 0x89uy; 0x50uy; 0x4Euy; 0x47uy; 0x0Duy; 0x0Auy; 0x1Auy; 0x0Auy |]
                chunk
                    "IHDR"
                    (Array.concat [ bigEndian (uint32 width); bigEndian (uint32 (pixels.Length / stride)); rgba8 ])
                chunk "IDAT" (compressed.ToArray())
                chunk "IEND" [||]
            ]
