/// `metakan bench memory`: its rows, each of a process of its own, its picture, and what it refuses.
module MetaKan.Tests.BenchTests

open System.IO
open System.Text.Json.Nodes
open Expecto
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

let private memory folder text = inside folder (words $"bench memory {text}")

let private rows (path: string) = (JsonNode.Parse(File.ReadAllText path)["rows"]).AsArray() |> List.ofSeq

let private number (name: string) (row: JsonNode) = row[name].GetValue<float>()

/// Alone: what measures runs in this process or in others.
let tests =
    testSequenced
    <| testList
        "Cli.Bench"
        [
            refused
                [
                    "bench memory --model tree", "--model takes one of mlp, kan, metakan, not 'tree'"
                    "bench memory --edges 99", "--edges takes a whole number from 100 up, not 99"
                    "bench memory --edges 100000000000 --model metakan", "--edges: metakan of 100000000000 edges takes"
                    "bench memory --dim 1", "--dim takes a whole number from 2 up"
                    "bench memory --hidden-dim 0", "--hidden-dim takes a whole number from 1 up"
                    "bench memory --moments half", "--moments takes one of full, bytes, factored, not 'half'"
                    "bench memory --points 0", "--points takes a whole number from 1 up"
                    "bench memory --threads 0", "--threads takes a whole number from 1 to 1024, not 0"
                    "bench symbolic --equations I.6.20 II", "II"
                    "bench symbolic --noise -1", "--noise takes a number from 0 up, not -1"
                ]

            testCase "each network has a row, a line of the table and a point of the picture" (fun () ->
                withFolder (fun folder ->
                    let options = "--edges 120 40000 --dim 3 --points 5 --hidden-dim 7 --threads 2"
                    let ended = memory folder $"--model mlp metakan {options} --plot p.svg --out rows.json"
                    Expect.equal (ended.Code, ended.Err) (0, []) "end"
                    Expect.equal ended.Out.Length 5 "lines"
                    let rows = rows (Path.Combine(folder, "rows.json"))

                    Expect.equal
                        [ for row in rows -> string row["network"] ]
                        [
                            "MLP 3-9-9-1"
                            "MetaKAN 3-9-9-1, G = 5, k = 3, p = 1, h = 7"
                            "MLP 3-198-198-1"
                            "MetaKAN 3-198-198-1, G = 5, k = 3, p = 1, h = 7"
                        ]
                        "networks"

                    for row in rows do
                        Expect.equal (int row["points"], int row["threads"]) (5, 2) "points and threads"
                        let bytes = number "peak_mib_above_idle" row * 1048576.0

                        Expect.floatClose
                            { absolute = 0.1; relative = 0.01 }
                            (number "bytes_per_edge" row)
                            (bytes / number "edges" row)
                            "edges"

                        Expect.floatClose
                            { absolute = 0.1; relative = 0.01 }
                            (number "bytes_per_parameter" row)
                            (bytes / number "parameters" row)
                            "parameters"

                    Expect.equal [ for row in rows -> number "edges" row ] [ 117.0; 117.0; 39996.0; 39996.0 ] "edges"

                    Expect.equal
                        (number "parameters" rows[0], number "parameters" rows[2])
                        (136.0, 40393.0)
                        "parameters"

                    let picture = File.ReadAllText(Path.Combine(folder, "p.svg"))

                    for name in [ "mlp"; "metakan"; "bytes an edge" ] do
                        Expect.stringContains picture name "picture"))

            testCase "a row that fails is named" (fun () ->
                withFolder (fun folder ->
                    let ended =
                        memory folder "--model mlp --edges 3000 4000 --dim 1000 --points 1000000000 --out rows.json"

                    Expect.equal ended.Code 1 "exit code"
                    Expect.stringContains (List.exactlyOne ended.Err) "mlp of 3000 edges: " "standard error"
                    Expect.isEmpty (Directory.GetFileSystemEntries folder) "files left behind"))
        ]
