/// Tables of texts: for a terminal, as Markdown, as CSV.
module MetaKan.Cli.Table

open System.Globalization
open System.IO
open CsvHelper
open CsvHelper.Configuration

/// Rows with their columns below one another.
let aligned (rows: string list list) : string list =
    let widths = List.transpose rows |> List.map (List.map String.length >> List.max)

    [
        for row in rows ->
            List.map2 (fun (width: int) (cell: string) -> cell.PadRight width) widths row
            |> String.concat "  "
            |> _.TrimEnd()
    ]

/// Rows, of which the first is the head, as a table of Markdown.
let markdown (rows: string list list) : string list =
    let cell (text: string) = text.Replace("|", "\\|").Replace('\n', ' ')
    let line cells = "| " + String.concat " | " cells + " |"

    [
        for i, row in List.indexed rows do
            line (List.map cell row)

            if i = 0 then
                line [ for _ in row -> "---" ]
    ]

/// Rows as CSV (RFC 4180).
let csv (rows: string list list) : string =
    use text = new StringWriter()
    use writer = new CsvWriter(text, CsvConfiguration(CultureInfo.InvariantCulture, NewLine = "\n"))

    for row in rows do
        List.iter writer.WriteField row
        writer.NextRecord()

    writer.Flush()
    string text
