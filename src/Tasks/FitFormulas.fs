// The formulas of a fit as a table, in every language that they are written in, and the edges that were given functions.
namespace MetaKan.Fitting

open System.IO
open System.Text
open MetaKan
open MetaKan.Symbolic

[<RequireQualifiedAccess>]
module internal FitFormulas =
    let private quoted (text: string) =
        let doubled = text.Replace("\"", "\"\"")
        $"\"{doubled}\""

    let private number (v: float) = v.ToString("R", System.Globalization.CultureInfo.InvariantCulture)

    let private write (path: string) (lines: string list list) =
        let text = lines |> List.map (String.concat "," >> fun line -> line + "\n") |> String.concat ""
        AtomicFile.write path (fun stream -> stream.Write(Encoding.UTF8.GetBytes text))

    /// Writes formulas.csv into a run's folder: a row a formula, with what it gives, its complexity, its errors, and its text in
    /// all notations.
    let save (folder: string) (formulas: TargetFormulas list) : unit =
        [
            [
                "target"
                "complexity"
                "train_rmse"
                "test_rmse"
                "formula"
                "latex"
                yield! List.map fst Code.languages
            ]

            for target, f in formulas |> List.collect (fun it -> it.All |> List.map (fun f -> it.Target, f)) do
                [
                    quoted target
                    string f.Complexity
                    number f.TrainRmse
                    number f.TestRmse
                    quoted (Printer.text f.Formula)
                    quoted (Printer.latex f.Formula)
                    for _, language in Code.languages do
                        quoted (Code.text language f.Formula)
                ]
        ]
        |> write (Path.Combine(folder, "formulas.csv"))

    let private edgesPath (folder: string) = Path.Combine(folder, "edges.csv")

    /// Writes edges.csv into a run's folder: the function that each edge was given, c·f(a x + b) + d, and the share of its
    /// spline's variance that it explains.
    let saveEdges (folder: string) (edges: (Edge * (string * AffineFit)) seq) : unit =
        [
            [ "layer"; "from"; "to"; "function"; "a"; "b"; "c"; "d"; "r2" ]

            for edge, (name, fit) in edges do
                [
                    for place in [ edge.Layer; edge.From; edge.To ] do
                        string place
                    quoted name
                    for v in [ fit.A; fit.B; fit.C; fit.D; fit.R2 ] do
                        number v
                ]
        ]
        |> write (edgesPath folder)

    /// What edges.csv in a run's folder says of edges, but for the cancellation; nothing where there is no such file. Raises
    /// BadInput, naming it, where it is malformed.
    let edges (folder: string) : Map<Edge, string * AffineFit> =
        let path = edgesPath folder

        if not (File.Exists path) then
            Map.empty
        else
            try
                Csv.cells path
                |> Array.skip 1
                |> Array.map (fun cells ->
                    let place i = int cells[i]

                    let number i = System.Double.Parse(cells[i], System.Globalization.CultureInfo.InvariantCulture)

                    { Layer = place 0; From = place 1; To = place 2 },
                    (cells[3],
                     { A = number 4; B = number 5; C = number 6; D = number 7; R2 = number 8; Cancellation = nan }))
                |> Map.ofArray
            with
            | :? System.FormatException
            | :? System.OverflowException
            | :? System.ArgumentException
            | :? System.IndexOutOfRangeException -> raise (BadInput $"{path} has no table of edges")
