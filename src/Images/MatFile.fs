// Arrays in MATLAB's MAT-files of level 5 (MathWorks, "MAT-File Format", R2006b and later; not the HDF5 of version 7.3):
// a header of 128 bytes, then elements, each a tag (type, bytes) and its data; an element may be compressed by zlib.
namespace MetaKan.Images

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open System.Text
open MetaKan

/// An array of numbers, the first dimension running fastest; `Type` is the format's number for that of its elements.
type internal MatArray = { Dimensions: int[]; Type: int; Data: byte[] }

[<RequireQualifiedAccess>]
module internal MatFile =
    // The format's numbers for the types of elements.
    [<Literal>]
    let private Int8 = 1

    [<Literal>]
    let private UInt8 = 2

    [<Literal>]
    let private Int16 = 3

    [<Literal>]
    let private UInt16 = 4

    [<Literal>]
    let private Int32 = 5

    [<Literal>]
    let private UInt32 = 6

    [<Literal>]
    let private Double = 9

    [<Literal>]
    let private Matrix = 14

    [<Literal>]
    let private Compressed = 15

    let private refuse (path: string) fault = raise (BadInput $"{path}: {fault}")

    /// The type and length of an element's data from its tag; data of up to 4 bytes are stored in the tag (`true`).
    let private tag (bytes: byte[]) =
        let first = BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan(bytes, 0, 4))

        if first >>> 16 <> 0u then
            int (first &&& 0xFFFFu), int64 (first >>> 16), true
        else
            int first, int64 (BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan(bytes, 4, 4))), false

    /// The next element of an array: its type and data. `most` bounds what can be left.
    let private element (most: int64) (stream: Stream) : int * byte[] =
        let bytes = Array.zeroCreate 8
        stream.ReadExactly(bytes, 0, 8)

        match tag bytes with
        | kind, length, true when length <= 4L -> kind, bytes[4 .. 3 + int length]
        | _, length, small when small || length > min most (int64 Array.MaxLength) -> raise (InvalidDataException())
        | kind, length, _ ->
            let data = GC.AllocateUninitializedArray<byte>(int length)
            stream.ReadExactly(data, 0, data.Length)
            // The last element of an array may come without the bytes that fill it up to a multiple of 8.
            let rest = Array.zeroCreate (int (-length &&& 7L))
            stream.ReadAtLeast(Span rest, rest.Length, throwOnEndOfStream = false) |> ignore
            kind, data

    /// The name and the array in an element's data, if it is an array of numbers.
    let private array (most: int64) (stream: Stream) : (string * MatArray) option =
        let part expected =
            match element most stream with
            | kind, data when kind = expected -> data
            | _ -> raise (InvalidDataException())

        // The class of an array is in the first of its flags; those of numbers are 6 to 15.
        match Array.tryHead (part UInt32) with
        | Some kind when kind >= 6uy && kind <= 15uy ->
            let sizes = part Int32

            let dimensions =
                Array.init (sizes.Length / 4) (fun i ->
                    BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(sizes, 4 * i, 4)))

            let name = Encoding.ASCII.GetString(part Int8)
            let kind, data = element most stream
            Some(name, { Dimensions = dimensions; Type = kind; Data = data })
        | _ -> None

    /// The arrays of numbers in a file, by name. Raises BadInput, in one line that names the file.
    let read (path: string) : Map<string, MatArray> =
        let what = "a MATLAB file of level 5"

        /// The array, if it is one, in the element at a place, and where the next element is.
        let next (stream: Stream) (at: int64) =
            match stream.ReadByte() with
            | -1 -> None
            | first ->
                let what = $"a MATLAB file with the whole of its element at byte {at}"
                let rest = DataFile.next path what (at + 1L) 7L stream
                let kind, length, _ = tag (Array.append [| byte first |] rest)
                let data = DataFile.next path what (at + 8L) length stream

                let found =
                    if kind = Compressed then
                        use unpacked = new ZLibStream(new MemoryStream(data), CompressionMode.Decompress)
                        unpacked.ReadExactly(Array.zeroCreate 8, 0, 8)
                        array (DataFile.mostUnpacked * length) unpacked
                    elif kind = Matrix then
                        array length (new MemoryStream(data))
                    else
                        None

                Some(found, at + 8L + length)

        DataFile.read path (fun stream ->
            let header = DataFile.next path what 0L 128L stream

            if header[124..] <> [| 0uy; 1uy; byte 'I'; byte 'M' |] then
                let found = Convert.ToHexString header[124..]
                refuse path $"has the version and byte order {found}; {what} has 0001494D (little endian)"

            try
                128L |> List.unfold (next stream) |> List.choose id |> Map
            with
            | :? EndOfStreamException
            | :? InvalidDataException -> refuse path $"is damaged; it begins as {what}")

    /// The array of that name. Raises BadInput; `what` is the kind of file, for the message.
    let find (path: string) (what: string) (name: string) (arrays: Map<string, MatArray>) : MatArray =
        match Map.tryFind name arrays with
        | Some found -> found
        | None ->
            let names = String.Join(", ", arrays.Keys)
            refuse path $"has no array '{name}' as {what} has; it has: {names}"

    /// The elements as whole numbers, unless they are stored as single precision or 64-bit integers.
    let integers (array: MatArray) : int[] option =
        let each width (read: int -> int) = Some(Array.init (array.Data.Length / width) (fun i -> read (width * i)))

        match array.Type with
        | Int8 -> each 1 (fun at -> int (sbyte array.Data[at]))
        | UInt8 -> each 1 (fun at -> int array.Data[at])
        | Int16 -> each 2 (fun at -> int (BinaryPrimitives.ReadInt16LittleEndian(ReadOnlySpan(array.Data, at, 2))))
        | UInt16 -> each 2 (fun at -> int (BinaryPrimitives.ReadUInt16LittleEndian(ReadOnlySpan(array.Data, at, 2))))
        | Int32
        | UInt32 -> each 4 (fun at -> BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(array.Data, at, 4)))
        | Double -> each 8 (fun at -> int (BinaryPrimitives.ReadDoubleLittleEndian(ReadOnlySpan(array.Data, at, 8))))
        | _ -> None

    /// Whether the elements are stored as bytes 0 … 255.
    let isBytes (array: MatArray) : bool = array.Type = UInt8
