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
type Table = { Columns: string list; Rows: float[][] }

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

    let private textOf (path: string) =
        try
            File.ReadAllText path
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException -> raise (BadInput $"{path}: there is no such file")
        | :? IOException
        | :? ArgumentException
        | :? UnauthorizedAccessException as error -> raise (BadInput $"{path}: cannot be read ({shown error.Message})")

    /// The separator that the header has most often outside its quotes.
    let private separator (text: string) =
        let header =
            text.TrimStart('\r', '\n')
            |> Seq.scan (fun (quoted, _) c -> (if c = '"' then not quoted else quoted), c) (false, ' ')
            |> Seq.takeWhile (fun (quoted, c) -> quoted || (c <> '\r' && c <> '\n'))
            |> Seq.filter (fst >> not)
            |> Seq.map snd
            |> Array.ofSeq

        [ ','; ';'; '\t' ] |> List.maxBy (fun c -> header |> Array.filter ((=) c) |> Array.length) |> string

    /// The cells of every line that is not blank, with the number of the (first) line, which counts from 1.
    let private records (path: string) (text: string) : (int * string[])[] =
        let stray = ref false

        let settings =
            CsvConfiguration(
                CultureInfo.InvariantCulture,
                TrimOptions = TrimOptions.Trim,
                IgnoreBlankLines = false,
                Delimiter = separator text,
                BadDataFound = BadDataFound(fun _ -> stray.Value <- true)
            )

        use parser = new CsvParser(new StringReader(text), settings)

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

        1
        |> Array.unfold (fun line -> if parser.Read() then Some(record line, parser.RawRow + 1) else None)
        |> Array.filter (fun (_, cells) -> cells <> [| "" |])

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

    /// The table in a file in UTF-8. Columns are separated by commas, semicolons or tabs, as the header shows; numbers have
    /// a decimal point and are at most `largest` in magnitude; blank lines count for nothing. Raises BadInput with one
    /// line that names the file and, where there is one, the line and the column of the fault.
    let read (largest: float) (path: string) : Table =
        match records path (textOf path) |> List.ofArray with
        | [] ->
            raise (
                BadInput
                    $"{path}: the file is empty; it takes a line with the names of the columns, then rows of numbers"
            )
        | first :: rows ->
            let names = header path first

            let value line name cell =
                let fault message = fault path line $"column '{shown name}': '{shown cell}' {message}"

                match number cell with
                | Some v when abs v <= largest -> v
                | Some _ -> fault $"is not a finite number of at most %.4g{largest}"
                | None -> fault "is not a number such as -0.5 or 1e-3"

            let row (line, cells: string[]) =
                if cells.Length <> names.Length then
                    fault path line $"{names.Length} cells expected, as in the header, not {cells.Length}"

                Seq.map2 (value line) names cells |> Array.ofSeq

            { Columns = names; Rows = rows |> List.map row |> Array.ofList }
