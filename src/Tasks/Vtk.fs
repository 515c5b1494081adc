// Data over a regular grid (.vti) and at points (.vtu) as VTK and ParaView read them: an XML head that says where each array
// lies, and the arrays after it as they are in memory. "VTK File Formats for VTK version 4.2", the XML formats, with
// raw appended data.
namespace MetaKan

open System
open System.Globalization
open System.IO
open System.Text
open System.Xml.Linq

[<RequireQualifiedAccess>]
module internal Vtk =
    /// An array: its type, name and components, the bytes that a row takes, and the bytes of a block of rows whose first
    /// has a given number.
    type private Data = { Type: string; Name: string; Components: int; Width: int; Bytes: int64 -> float[][] -> byte[] }

    let private element (name: string) (attributes: (string * obj) list) (content: XElement list) =
        XElement(
            XName.Get name,
            [| for key, value in attributes -> XAttribute(XName.Get key, value) |],
            List.toArray content
        )

    let private listed (numbers: float list) =
        numbers |> List.map (fun n -> n.ToString("R", CultureInfo.InvariantCulture)) |> String.concat " "

    /// A column of the blocks as an array of one component.
    let private column (index: int) (name: string) =
        {
            Type = "Float64"
            Name = name
            Components = 1
            Width = 8
            Bytes = fun _ block -> (Npy.bytes block[index]).ToArray()
        }

    let private pointData (names: string list) (arrays: XElement list) =
        element "PointData" [ "Scalars", names.Head ] arrays

    /// Writes a file of `count` rows: its kind, its arrays in the order that they lie in, and its body from the arrays'
    /// elements.
    let private write
        (kind: string)
        (count: int64)
        (arrays: Data list)
        (body: XElement list -> XElement)
        (blocks: float[][] seq)
        (stream: Stream)
        : unit =
        // Each array is led by its size in bytes.
        let offsets = arrays |> List.scan (fun at array -> at + 8L + count * int64 array.Width) 0L
        let placed = List.zip arrays (List.truncate arrays.Length offsets)

        let head (array: Data, offset: int64) =
            element
                "DataArray"
                [
                    "type", array.Type
                    "Name", array.Name
                    "NumberOfComponents", array.Components
                    "format", "appended"
                    "offset", offset
                ]
                []

        let root =
            element
                "VTKFile"
                [ "type", kind; "version", "1.0"; "byte_order", "LittleEndian"; "header_type", "UInt64" ]
                [ placed |> List.map head |> body ]

        let ending = "</VTKFile>"
        let text (text: string) = stream.Write(ReadOnlySpan(Encoding.UTF8.GetBytes text))
        text "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
        text ((string root).Replace("\r", "").Replace(ending, "  <AppendedData encoding=\"raw\">\n_"))
        let start = stream.Position

        for array, offset in placed do
            stream.Position <- start + offset
            stream.Write(Npy.bytes [| count * int64 array.Width |])

        (0L, blocks)
        ||> Seq.fold (fun row block ->
            for array, offset in placed do
                stream.Position <- start + offset + 8L + row * int64 array.Width
                stream.Write(ReadOnlySpan(array.Bytes row block))

            row + int64 block[0].Length)
        |> ignore

        stream.Position <- start + List.last offsets
        text $"\n  </AppendedData>\n{ending}\n"

    /// Writes values on a grid of 1 to 3 axes, each from a lowest to a highest place by a count. Blocks hold a column for
    /// each name, with the first axis running fastest.
    let image (axes: (float * float * int) list) (names: string list) (blocks: float[][] seq) (stream: Stream) : unit =
        let padded (value: float) numbers = listed (List.truncate 3 (numbers @ List.replicate 3 value))
        let extent = [ for _, _, count in axes @ List.replicate 3 (0.0, 0.0, 1) -> $"0 {count - 1}" ]
        let extent = extent |> List.truncate 3 |> String.concat " "
        let values = names |> List.mapi column
        let spacing (low, high, count) = if high > low then (high - low) / float (count - 1) else 1.0

        let body arrays =
            element
                "ImageData"
                [
                    "WholeExtent", extent
                    "Origin", padded 0.0 [ for low, _, _ in axes -> low ]
                    "Spacing", padded 1.0 (axes |> List.map spacing)
                ]
                [ element "Piece" [ "Extent", extent ] [ pointData names arrays ] ]

        let count = axes |> List.fold (fun n (_, _, count) -> n * int64 count) 1L
        write "ImageData" count values body blocks stream

    /// Writes values at `count` points of 1 to 3 coordinates. Blocks hold the coordinates' columns, then one for each name.
    let points (dimension: int) (count: int64) (names: string list) (blocks: float[][] seq) (stream: Stream) : unit =
        let values = names |> List.mapi (fun i -> column (dimension + i))

        // VTK's points have three coordinates.
        let places (block: float[][]) =
            Array.init (3 * block[0].Length) (fun n -> if n % 3 < dimension then block[n % 3][n / 3] else 0.0)

        let row name kind width (bytes: int64 -> int -> byte[]) =
            {
                Type = kind
                Name = name
                Components = 1
                Width = width
                Bytes = fun row block -> bytes row block[0].Length
            }

        let numbers (first: int64) n = (Npy.bytes (Array.init n (fun i -> first + int64 i))).ToArray()

        let place =
            {
                Type = "Float64"
                Name = "Points"
                Components = 3
                Width = 24
                Bytes = fun _ block -> (Npy.bytes (places block)).ToArray()
            }

        // Each point is a cell of its own, of type 1, a vertex.
        let cells =
            [
                row "connectivity" "Int64" 8 numbers
                row "offsets" "Int64" 8 (fun first -> numbers (first + 1L))
                row "types" "UInt8" 1 (fun _ n -> Array.replicate n 1uy)
            ]

        let body arrays =
            let values, others = List.splitAt names.Length arrays

            element
                "UnstructuredGrid"
                []
                [
                    element
                        "Piece"
                        [ "NumberOfPoints", count; "NumberOfCells", count ]
                        [ pointData names values; element "Points" [] [ others.Head ]; element "Cells" [] others.Tail ]
                ]

        write "UnstructuredGrid" count (values @ (place :: cells)) body blocks stream
