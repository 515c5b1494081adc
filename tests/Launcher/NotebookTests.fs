/// The notebooks, as `./metakan jupyter` has Jupyter run them, in a copy with fewer steps of training.
module MetaKan.Tests.Launcher.NotebookTests

open System
open System.IO
open System.Text.Json.Nodes
open System.Text.RegularExpressions
open Expecto
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

let private source = Path.Combine(root, "notebooks")

let private notebooks =
    Directory.GetFiles(source, "*.ipynb") |> Array.map Path.GetFileName |> Array.sort |> List.ofArray

let private read (path: string) = JsonNode.Parse(File.ReadAllText path)

let private cells (notebook: JsonNode) =
    notebook["cells"].AsArray()
    |> Seq.filter (fun cell -> cell["cell_type"].GetValue<string>() = "code")
    |> List.ofSeq

/// Lines of text, which a notebook may have as one.
let private text (node: JsonNode) =
    match node with
    | :? JsonArray as lines -> lines |> Seq.map _.GetValue<string>() |> String.concat ""
    | node -> node.GetValue<string>()

let private outputs (kind: string) (cell: JsonNode) : string list =
    cell["outputs"].AsArray()
    |> Seq.choose (fun output -> Option.ofObj output["data"] |> Option.bind (fun data -> Option.ofObj data[kind]))
    |> Seq.map text
    |> List.ofSeq

/// Has the kernel run a notebook with at most three natural gradients at a time.
let private executed (folder: string) (notebook: string) : JsonNode =
    let place = Directory.CreateDirectory(Path.Combine(folder, "notebooks")).FullName

    let copy (change: string -> string) (file: string) =
        File.WriteAllText(Path.Combine(place, Path.GetFileName file), change (File.ReadAllText file))

    copy (fun script -> script.Replace("\"../artifacts", $"\"{root}/artifacts")) (Path.Combine(source, "metakan.fsx"))
    copy (fun text -> Regex.Replace(text, @"Epochs = \d+", "Epochs = 3")) (Path.Combine(source, notebook))

    let ended =
        [ "jupyter"; "nbconvert"; "--to"; "notebook"; "--execute"; "--output-dir"; folder ]
        @ [ Path.Combine(place, notebook) ]
        |> runProgram [ "OMP_NUM_THREADS", "1" ] folder (Path.Combine(root, "metakan"))

    let said = String.concat "\n" ended.Err

    if said.Contains "metakan: jupyter takes Jupyter" || said.Contains "metakan: could not install" then
        skiptest (ended.Err |> List.find _.StartsWith("metakan: "))

    Expect.equal ended.Code 0 said
    read (Path.Combine(folder, notebook))

let private runs (notebook: string) =
    withFolder (fun folder ->
        let cells = executed folder notebook |> cells

        for cell in cells do
            let code = text cell["source"]
            let html = outputs "text/html" cell |> String.concat "\n"

            if Regex.IsMatch(code, @"Chart\.|Notebook\.chart") then
                Expect.stringContains html "Plotly.newPlot" code

            if code.Contains "Notebook.picture" then
                Expect.stringContains html "<svg" code

            if code.Contains "Notebook.formula" then
                Expect.equal
                    (outputs "text/latex" cell)
                    [ @"$$gain = \mathrm{rate}^{2} + \sin\left(\pi \mathrm{phase}\right)$$" ]
                    code

            if Regex.IsMatch(code, @"Notebook\.(solve|fit)") then
                let progress = outputs "text/plain" cell |> String.concat "\n"
                Expect.isTrue (Regex.IsMatch(progress, @"step (\d+) of \1: ")) $"{code}\n{progress}"

        // The charts' own library is in the notebook.
        Expect.isTrue (outputs "text/html" cells.Head |> List.exists _.Contains("plotly.js v")) "plotly.js")

let tests =
    testList
        "Launcher.Notebooks"
        [
            Check.theory "a notebook is kept without outputs" notebooks (fun notebook ->
                for cell in cells (read (Path.Combine(source, notebook))) do
                    Expect.isEmpty (cell["outputs"].AsArray()) notebook)

            // One after another: kernels that start at once ask for the same port.
            testSequenced (
                testList
                    "each"
                    [
                        for notebook in notebooks ->
                            Check.slow (testCase $"{notebook} runs in Jupyter" (fun () -> runs notebook))
                    ]
            )
        ]
