// The tables metrics.csv and steps.csv of a run: `step`, then a column a measure; one not taken at a step leaves its cell empty.
namespace MetaKan

open System
open System.Globalization
open System.IO

/// What a measure is, by which a report draws it.
[<RequireQualifiedAccess>]
type MeasureKind =
    /// The loss, or a term of it: less is better, on a log axis.
    | Loss
    /// An error, at held-out points or images: less is better.
    | Error
    /// A share that is right, from 0 to 1: more is better.
    | Accuracy
    /// A number that is found in training.
    | Parameter
    /// The weight of a term of the loss.
    | Weight

/// The measures of a run, as read back: a row is a step and a value or none for each column.
type MetricsTable =
    {
        /// The names of the measures, in the file's order, without `step`.
        Columns: string list
        /// The steps, in rising order, each with the value of every column, if it was taken.
        Rows: (int * float option[])[]
    }

/// A run's table, open for more rows. Each row reaches the file at once.
type internal MetricsWriter internal (path: string, columns: string list, file: StreamWriter) =
    /// Appends a row: the measures taken at a step, by column name. Raises RunFailed when the disk refuses.
    member _.Append(step: int, measures: (string * float) list) : unit =
        let taken = Map measures

        match measures |> List.tryFind (fun (name, _) -> not (List.contains name columns)) with
        | Some(name, _) -> invalidArg (nameof measures) $"{path} has no column '{name}'"
        | None -> ()

        let cell column =
            match Map.tryFind column taken with
            | Some value -> value.ToString("R", CultureInfo.InvariantCulture)
            | None -> ""

        AtomicFile.guard path (fun () -> file.WriteLine(String.Join(',', string step :: List.map cell columns)))

    /// Waits until the rows are on the disk. Raises RunFailed when it refuses.
    member _.Sync() : unit =
        AtomicFile.guard path (fun () -> (file.BaseStream :?> FileStream).Flush(flushToDisk = true))

    interface IDisposable with
        member _.Dispose() = AtomicFile.guard path file.Dispose

/// metrics.csv and steps.csv of a run's folder.
[<RequireQualifiedAccess>]
module Metrics =
    let private header columns = String.Join(',', "step" :: columns)

    let private parseRow (width: int) (line: string) =
        let cells = line.Split ','

        let values =
            [|
                for cell in Array.tail cells do
                    match Double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture) with
                    | true, value -> Some(Some value)
                    | _ -> if cell = "" then Some None else None
            |]

        match Int32.TryParse(cells[0], NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, step when values.Length = width && Array.forall Option.isSome values ->
            Some(step, Array.map Option.get values)
        | _ -> None

    /// Columns, and the whole lines with their rows. A last line without its end was cut off by a crash: it is no row.
    let private load (path: string) =
        let lines =
            try
                // The run may still be writing it.
                use file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite)
                let text = (new StreamReader(file)).ReadToEnd()
                text.Substring(0, text.LastIndexOf '\n' + 1).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            with
            | :? IOException
            | :? UnauthorizedAccessException as error ->
                let reason = error.Message.Split('\n')[0]
                raise (BadInput $"cannot read {path}: {reason}")

        match lines |> Array.tryHead |> Option.map (fun line -> List.ofArray (line.Split ',')) with
        | Some("step" :: columns) ->
            let row (number: int) line =
                match parseRow columns.Length line with
                | Some row -> line, row
                | None -> raise (BadInput $"{path}, line {number + 2}, is no row of {header columns}")

            columns, Array.mapi row (Array.tail lines)
        | _ -> raise (BadInput $"{path} is no table of metrics: its first line has to begin with 'step'")

    let private append (path: string) columns =
        AtomicFile.guard path (fun () ->
            let file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read)
            new MetricsWriter(path, columns, new StreamWriter(file, AutoFlush = true, NewLine = "\n")))

    // Starts a table with the columns after `step`.
    let private createFile (path: string) (columns: string list) : MetricsWriter =
        AtomicFile.writeText path (header columns + "\n")
        append path columns

    // Goes on with a table after `step`: later rows are dropped.
    let private resumeFile (path: string) (columns: string list) (step: int) : MetricsWriter =
        if File.Exists path then
            let found, rows = load path

            if found <> columns then
                raise (BadInput $"{path} has the columns {header found}, not {header columns}")

            let kept = rows |> Array.filter (fun (_, (at, _)) -> at <= step) |> Array.map fst
            let lines = Array.append [| header columns |] kept
            AtomicFile.writeText path (String.Join('\n', lines) + "\n")
            append path columns
        else
            createFile path columns

    /// Starts the table of a new run with the columns after `step`. Raises RunFailed when the disk refuses.
    let internal create (folder: string) (columns: string list) : MetricsWriter =
        createFile (RunFolder.metricsPath folder) columns

    /// Goes on with the table of a run resumed after `step`: later rows are dropped, as the run makes them again.
    /// Raises BadInput where the table is of other columns, or no table.
    let internal resume (folder: string) (columns: string list) (step: int) : MetricsWriter =
        resumeFile (RunFolder.metricsPath folder) columns step

    /// The same of the table of single steps.
    let internal resumeSteps (folder: string) (columns: string list) (step: int) : MetricsWriter =
        resumeFile (RunFolder.stepsPath folder) columns step

    /// A table in a file. Raises BadInput where it is malformed.
    let internal readFile (path: string) : MetricsTable =
        let columns, rows = load path

        { Columns = columns; Rows = Array.map snd rows }

    /// The table of a run, finished or still going on. Raises BadInput where there is none, or where it is malformed.
    let read (folder: string) : MetricsTable = readFile (RunFolder.metricsPath folder)
