/// Tables from files: numbers come back as they were written, and every fault is named with its place.
module MetaKan.Tests.CsvTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric

let private reading (text: string) (test: string -> 'a) : 'a =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "data.csv")
        File.WriteAllText(path, text)
        test path)

let private table text = reading text (Csv.read Double.MaxValue)

/// The message of what a text is refused with, without the file's path, which it must begin with.
let private refusal (text: string) =
    reading text (fun path ->
        let message = messageOf<BadInput>(fun () -> Csv.read Double.MaxValue path |> ignore)
        Expect.stringStarts message path "message"
        message.Substring path.Length)

/// Numbers of all magnitudes, in a file's notations of columns, separators and lines.
let private files =
    gen {
        let! columns = Gen.choose (1, 5)

        let number =
            Gen.zip (Gen.choose (-1_000_000_000, 1_000_000_000)) (Gen.choose (-300, 290))
            |> Gen.map (fun (digits, exponent) -> float digits / 7.0 * 10.0 ** float exponent)

        let! rows = Gen.arrayOf (Gen.arrayOfLength columns number)
        let! separator = Gen.elements [ ","; ";"; "\t"; " , " ]
        let! ending = Gen.elements [ "\n"; "\r\n" ]
        let! quote = Gen.elements [ ""; "\"" ]
        let! start = Gen.elements [ ""; "\uFEFF"; "\n\n" ]
        let! blank = Gen.choose (0, 3)
        return columns, rows, separator, ending, quote, start, blank
    }

let tests =
    testList
        "Tasks.Csv"
        [
            property
                "numbers that were written are read back exactly"
                200
                files
                (fun (columns, rows, separator, ending, quote, start, blank) ->
                    // Names with everything that quotes are for, unless there are none.
                    let names = [ for i in 1..columns -> if quote = "" then $"x{i}" else $"{i};;;a,,b\tc" ]

                    let line (cells: string seq) =
                        cells |> Seq.map (fun cell -> quote + cell + quote) |> String.concat separator

                    let lines =
                        [
                            line names
                            for row in rows do
                                line (row |> Seq.map (fun v -> v.ToString "R"))
                            yield! List.replicate blank ""
                        ]

                    let read = table (start + String.concat ending lines)
                    Expect.equal read.Columns names "columns"
                    Expect.equal read.Rows rows "rows")

            testCase "columns are streamed in the order asked for, from files that hold text beside them" (fun () ->
                reading "x;name;y\n1;\"one; two\";2\n\n3;;4\n" (fun path ->
                    let names, rows = Csv.stream 10.0 path
                    Expect.equal names [ "x"; "name"; "y" ] "columns"

                    // Twice, since each reads the file anew.
                    for _ in 1..2 do
                        Expect.equal (Array.ofSeq (rows [ "y"; "x" ])) [| [| 2.0; 1.0 |]; [| 4.0; 3.0 |] |] "rows"

                    let message = messageOf<BadInput>(fun () -> rows [ "name" ] |> Seq.iter ignore)

                    Expect.stringEnds
                        message
                        "line 2: column 'name': 'one; two' is not a number such as -0.5 or 1e-3"
                        "message"))

            testCase "rows are read as they are taken" (fun () ->
                reading "x\n1\n2\nthree\n" (fun path ->
                    let _, rows = Csv.stream 10.0 path
                    Expect.equal (rows [ "x" ] |> Seq.truncate 2 |> List.ofSeq) [ [| 1.0 |]; [| 2.0 |] ] "rows"))

            property
                "numbers that are written in blocks are read back exactly"
                50
                files
                (fun (columns, rows, _, _, _, _, _) ->
                    let names = [ for i in 1..columns -> $"x{i},\"{i}\"" ]
                    use memory = new MemoryStream()
                    let blocks = rows |> Seq.chunkBySize 3 |> Seq.map Array.transpose
                    Csv.write names blocks memory
                    let read = table (Text.Encoding.UTF8.GetString(memory.ToArray()))
                    Expect.equal read.Columns names "columns"
                    Expect.equal read.Rows rows "rows")

            testCase "quoted cells may hold separators, line breaks and quotes" (fun () ->
                let read = table "\"a,\"\"b\"\"\",\"c\r\nd\"\r\n 1 ,\"2\"\r\n\r\n-3e2,.5"
                Expect.equal read.Columns [ "a,\"b\""; "c\r\nd" ] "columns"
                Expect.equal read.Rows [| [| 1.0; 2.0 |]; [| -300.0; 0.5 |] |] "rows")

            Check.theory
                "a fault is named with its line and column"
                [
                    "", ": the file is empty; it takes a line with the names of the columns, then rows of numbers"
                    "\n\r\n", ": the file is empty; it takes a line with the names of the columns, then rows of numbers"
                    "x,0.5\n1,2", ", line 1: column 2: '0.5' is a number; the first line takes the names of the columns"
                    "\n\n1,2\n3,4", ", line 3: column 1: '1' is a number; the first line takes the names of the columns"
                    "x,y,x\n1,2,3", ", line 1: column 3: the name 'x' is that of column 1 too"
                    "x, ,y\n1,2,3", ", line 1: column 2: the column has no name"
                    "x,y,\n1,2,", ", line 1: column 3: the column has no name"
                    "x,y\n1,2\n\n3,four", ", line 4: column 'y': 'four' is not a number such as -0.5 or 1e-3"
                    "x;y\n1;2\n1,5;2", ", line 3: column 'x': '1,5' is not a number such as -0.5 or 1e-3"
                    "x,y\n\"1\n2\",2\n3,4", ", line 2: column 'x': '1 2' is not a number such as -0.5 or 1e-3"
                    "\"x\r\n\",y\r\n1,2\r\n,4", ", line 4: column 'x': '' is not a number such as -0.5 or 1e-3"
                    "x,y\n1,NaN", ", line 2: column 'y': 'NaN' is not a finite number of at most 1.798e+308"
                    "x,y\n-Infinity,2", ", line 2: column 'x': '-Infinity' is not a finite number of at most 1.798e+308"
                    "x,y\n1e309,2", ", line 2: column 'x': '1e309' is not a finite number of at most 1.798e+308"
                    "x,y\n1,2\n3", ", line 3: 2 cells expected, as in the header, not 1"
                    "x,y\n1,2,3\n4,5", ", line 2: 2 cells expected, as in the header, not 3"
                    "x,y\n1,\"2\n3,4\n", ", line 2: column 2: the quote that opens here is never closed"
                    "x,y\n1,2\n3,\"2\"\"", ", line 3: column 2: the quote that opens here is never closed"
                    "x,y\n1,\"2\"3\"\"\n3,4",
                    ", line 2: column 2: a quote within a field; quotes take the whole field, quotes in it doubled"
                ]
                (fun (text, message) -> Expect.equal (refusal text) message "refusal")

            testCase "long cells are cut in messages" (fun () ->
                let message = refusal ("x,y\n1," + String('a', 500))
                Expect.stringContains message ("'" + String('a', 37) + "...'") "message")

            testCase "numbers beyond what the caller can hold are refused" (fun () ->
                reading "x,y\n1e38,-1e39" (fun path ->
                    let message = messageOf<BadInput>(fun () -> Csv.read (float Single.MaxValue) path |> ignore)

                    Expect.stringEnds
                        message
                        "line 2: column 'y': '-1e39' is not a finite number of at most 3.403e+38"
                        "message"))

            testCase "a file that cannot be read is named" (fun () ->
                withFolder (fun folder ->
                    let message path = messageOf<BadInput>(fun () -> Csv.read 1.0 path |> ignore)
                    let missing = Path.Combine(folder, "none.csv")
                    Expect.equal (message missing) $"{missing}: there is no such file" "message"
                    let apart = Path.Combine(folder, "none", "data.csv")
                    Expect.equal (message apart) $"{apart}: there is no such file" "message"
                    Expect.stringStarts (message folder) $"{folder}: cannot be read (" "message"))
        ]
