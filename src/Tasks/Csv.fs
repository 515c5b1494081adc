// Tables of numbers in text files: a line with the names of the columns, then a line a row. CsvHelper takes the text
// apart (RFC 4180: a quoted field may hold separators, line breaks and doubled quotes); what makes a table of it, and
// the message that says where a file is none, is here.
namespace MetaKan.Fitting

open System
open System.Globalization
open System.IO
open CsvHelper
open CsvHelper.Configuration
open MetaKan

/// Numbers in named columns: every row has one of each.
type Table =
    {
        /// The columns' names, as a file's header has them.
        Columns: string list
        /// A number for each column, in their order.
        Rows: float[][]
    }

/// Tables of numbers in text files.
[<RequireQualifiedAccess>]
module Csv =
    let private fault path line message = raise (BadInput $"{path}, line {line}: {message}")

    /// A cell as messages show it: on one line, long ones cut.
    let private shown (cell: string) =
        let line = cell |> String.map (fun c -> if Char.IsControl c then ' ' else c)
        if line.Length > 40 then line.Substring(0, 37) + "..." else line

    let private number (cell: string) : float option =
        match Double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture) with
        | true, v -> Some v
        | _ -> None

    let private reading (path: string) (read: string -> 'a) : 'a =
        try
            read path
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException -> raise (BadInput $"{path}: there is no such file")
        | :? IOException
        | :? ArgumentException
        | :? UnauthorizedAccessException as error -> raise (BadInput $"{path}: cannot be read ({shown error.Message})")

    /// The separator that the header has most often outside its quotes.
    let private separator (source: unit -> TextReader) =
        use text = source ()

        let header =
            Seq.initInfinite (fun _ -> text.Read())
            |> Seq.takeWhile (fun c -> c >= 0)
            |> Seq.map char
            |> Seq.skipWhile (fun c -> c = '\r' || c = '\n')
            |> Seq.scan (fun (quoted, _) c -> (if c = '"' then not quoted else quoted), c) (false, ' ')
            |> Seq.takeWhile (fun (quoted, c) -> quoted || (c <> '\r' && c <> '\n'))
            |> Seq.filter (fst >> not)
            |> Seq.map snd
            |> Array.ofSeq

        [ ','; ';'; '\t' ] |> List.maxBy (fun c -> header |> Array.filter ((=) c) |> Array.length) |> string

    /// The cells of every line that is not blank, with the number of the (first) line, which counts from 1; read as they
    /// are asked for.
    let private records (path: string) (source: unit -> TextReader) : (int * string[]) seq =
        seq {
            let stray = ref false

            let settings =
                CsvConfiguration(
                    CultureInfo.InvariantCulture,
                    TrimOptions = TrimOptions.Trim,
                    IgnoreBlankLines = false,
                    Delimiter = separator source,
                    BadDataFound = BadDataFound(fun _ -> stray.Value <- true)
                )

            use parser = new CsvParser(source (), settings)

            let cell line index =
                let text = parser[index]

                if stray.Value then
                    fault
                        path
                        line
                        $"column {index + 1}: a quote within a field; quotes take the whole field, quotes in it doubled"

                text

            let record line =
                // The parser takes some fields for complete that the file's end cuts short.
                let quotes = parser.RawRecord |> Seq.filter ((=) '"') |> Seq.length

                if quotes % 2 = 1 then
                    fault path line $"column {parser.Count}: the quote that opens here is never closed"

                line, Array.init parser.Count (cell line)

            yield!
                1
                |> Seq.unfold (fun line -> if parser.Read() then Some(record line, parser.RawRow + 1) else None)
                |> Seq.filter (fun (_, cells) -> cells <> [| "" |])
        }

    let private header path (line, cells: string[]) =
        let names = cells |> Array.map _.Trim()

        for index, name in Array.indexed names do
            let fault message = fault path line $"column {index + 1}: {message}"

            if name = "" then
                fault "the column has no name"

            if (number name).IsSome then
                fault $"'{name}' is a number; the first line takes the names of the columns"

            let first = Array.IndexOf(names, name)

            if first < index then
                fault $"the name '{shown name}' is that of column {first + 1} too"

        List.ofArray names

    // The names of the columns, and the rows of those that are asked for.
    let private table (largest: float) (path: string) (source: unit -> TextReader) =
        let records = records path source

        match Seq.tryHead records with
        | None ->
            raise (
                BadInput
                    $"{path}: the file is empty; it takes a line with the names of the columns, then rows of numbers"
            )
        | Some first ->
            let names = header path first

            let value line name cell =
                let fault message = fault path line $"column '{shown name}': '{shown cell}' {message}"

                match number cell with
                | Some v when abs v <= largest -> v
                | Some _ -> fault $"is not a finite number of at most %.4g{largest}"
                | None -> fault "is not a number such as -0.5 or 1e-3"

            names,
            fun (wanted: string list) ->
                let places = [| for name in wanted -> List.findIndex ((=) name) names, name |]

                let row (line, cells: string[]) =
                    if cells.Length <> names.Length then
                        fault path line $"{names.Length} cells expected, as in the header, not {cells.Length}"

                    places |> Array.map (fun (place, name) -> value line name cells[place])

                records |> Seq.tail |> Seq.map row

    /// The table in a file in UTF-8. Columns are separated by commas, semicolons or tabs, as the header shows; numbers have
    /// a decimal point and are at most `largest` in magnitude; blank lines count for nothing. Raises BadInput with one
    /// line that names the file and, where there is one, the line and the column of the fault.
    let read (largest: float) (path: string) : Table =
        let text = reading path File.ReadAllText
        let names, rows = table largest path (fun () -> new StringReader(text))
        { Columns = names; Rows = Array.ofSeq (rows names) }

    /// The cells of all lines that are not blank, the header's too. Raises BadInput for a file that cannot be read, or whose quotes
    /// do not match.
    let internal cells (path: string) : string[][] =
        let text = reading path File.ReadAllText
        records path (fun () -> new StringReader(text)) |> Seq.map snd |> Array.ofSeq

    /// The names of a table's columns, and the rows of the columns that are asked for, in that order, read from the file
    /// anew each time and as they are taken; other columns may hold anything. Raises as `read` does, and for a file that
    /// can be read only once.
    let internal stream (largest: float) (path: string) : string list * (string list -> float[] seq) =
        use file = reading path File.OpenRead

        if not file.CanSeek then
            raise (BadInput $"{path}: is read more than once, which takes a file and not a pipe")

        table largest path (fun () -> reading path (fun path -> new StreamReader(path)))

    /// Writes blocks of rows, each given by its columns, under a line with their names. Numbers are read back exactly;
    /// what is no number is NaN.
    let internal write (names: string list) (blocks: float[][] seq) (stream: Stream) : unit =
        use csv =
            new CsvWriter(
                new StreamWriter(stream, leaveOpen = true),
                CsvConfiguration(CultureInfo.InvariantCulture, NewLine = "\n")
            )

        for name in names do
            csv.WriteField name

        csv.NextRecord()

        for columns in blocks do
            for row in 0 .. columns[0].Length - 1 do
                for column in columns do
                    csv.WriteField(column[row].ToString("R", CultureInfo.InvariantCulture), false)

                csv.NextRecord()
