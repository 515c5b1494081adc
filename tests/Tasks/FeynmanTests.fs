/// The Feynman set: its formulas, its ranges, and finding an equation. feynman-samples.csv holds the values that pykan's
/// own formulas give in double precision, at three random points for every equation.
module MetaKan.Tests.FeynmanTests

open System
open System.Globalization
open System.IO
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric

let private names (e: FeynmanEquation) = List.map fst e.Variables

/// The value of an equation, given those of its variables in order.
let private value (e: FeynmanEquation) : float list -> float =
    let formula = Parser.expression e.Formula

    fun point ->
        let values = Map.ofList (List.zip (names e) point)
        Expression.value (fun name -> values[name]) formula

let tests =
    testList
        "Tasks.Feynman"
        [
            testCase "ranks share the equations, each fitted once, and have all rows" (fun () ->
                let equations = List.truncate 5 Feynman.equations
                let fitted = System.Collections.Concurrent.ConcurrentBag<string>()

                let fit (equation: FeynmanEquation) (_: string) =
                    fitted.Add equation.Name
                    let number = float fitted.Count

                    RunFolder.fields
                        [
                            "parameters", RunFolder.node 7L
                            for name in [ "train_rmse"; "test_rmse"; "test_rmse_relative"; "seconds" ] do
                                name, RunFolder.node (number / 3.0)
                            "outcome", RunFolder.node "completed"
                        ]

                withFolder (fun folder ->
                    let found =
                        Jobs.run 3 (fun _ -> Seq.empty) (fun _ -> FeynmanSuite.run folder equations fit ignore)

                    for rows in found do
                        Expect.equal rows found.Head "another rank's rows"

                    Expect.equal (found.Head |> List.map _.Equation) equations "equations"
                    Expect.equal (List.sort (List.ofSeq fitted)) (equations |> List.map _.Name |> List.sort) "fits"))

            testCase
                "done equations are not fitted again, stopped ones are, and nothing that is there is removed"
                (fun () ->
                    withFolder (fun folder ->
                        let equations = List.truncate 3 Feynman.equations

                        let result outcome =
                            RunFolder.fields
                                [
                                    "parameters", RunFolder.node 7L
                                    for name in [ "train_rmse"; "test_rmse"; "test_rmse_relative"; "seconds" ] do
                                        name, RunFolder.node 0.5
                                    "outcome", RunFolder.node outcome
                                ]

                        let places = [ for e in equations -> Path.Combine(folder, e.Name.Replace(' ', '-')) ]
                        let mine = Path.Combine(places[2], "mine.txt")

                        for place in places do
                            Directory.CreateDirectory place |> ignore

                        RunFolder.writeResult places[0] (result "completed")
                        RunFolder.writeResult places[1] (result "stopped")
                        File.WriteAllText(mine, "")
                        let fitted = ResizeArray()

                        FeynmanSuite.run
                            folder
                            equations
                            (fun _ place ->
                                fitted.Add place
                                result "completed")
                            ignore
                        |> ignore

                        Expect.equal (List.ofSeq fitted) places[1..] "fitted"
                        Expect.isTrue (File.Exists mine) "a file of the user's"))

            testCase "formulas have the values of pykan's" (fun () ->
                let path = Path.Combine(AppContext.BaseDirectory, "Tasks", "feynman-samples.csv")

                let samples =
                    [
                        for line in File.ReadAllLines path |> Array.tail do
                            let fields = line.Split ','
                            fields[0], [ for text in fields[1..] -> Double.Parse(text, CultureInfo.InvariantCulture) ]
                    ]

                Expect.equal
                    (samples |> List.map fst |> List.distinct)
                    (Feynman.equations |> List.map _.Name)
                    "equations"

                for name, numbers in samples do
                    let point, expected = List.splitAt (numbers.Length - 1) numbers
                    let e = Feynman.find name

                    for x, (variable, (low, high)) in List.zip point e.Variables do
                        Expect.isTrue (low <= x && x <= high) $"{name}: {variable} = {x} is not in [{low}, {high}]"

                    let actual = value e point
                    // Written so that a NaN fails.
                    if not (abs (actual - expected[0]) <= 1e-9 * abs expected[0]) then
                        failtest $"{name}: {actual}, not {expected[0]}")

            testCase
                "there are 120 equations of distinct names, whose formulas use their variables and no others"
                (fun () ->
                    let distinct = Feynman.equations |> List.distinctBy _.Name.ToLowerInvariant()
                    Expect.equal Feynman.equations.Length 120 "number of equations"
                    Expect.equal distinct.Length 120 "distinct names"

                    for e in Feynman.equations do
                        Expect.equal
                            (List.sort (Expression.variables (Parser.expression e.Formula)))
                            (List.sort (names e))
                            "variables"

                        for name, (low, high) in e.Variables do
                            Expect.isTrue (low < high) $"{e.Name}: {name} from {low} to {high}")

            testCase "values are finite at random points of the ranges" (fun () ->
                for e in Feynman.equations do
                    let value = value e

                    let coordinate (_, (low, high)) =
                        Gen.choose (1, 999_999_999) |> Gen.map (fun i -> low + (high - low) * float i * 1e-9)

                    forAll 1000 (Gen.collectToList coordinate e.Variables) (fun point ->
                        Expect.isTrue (Double.IsFinite(value point)) $"{e.Name} at {point}"))

            testCase "ranges reach a singularity where it is documented and nowhere else" (fun () ->
                let rec lattice ranges =
                    match ranges with
                    | [] -> [ [] ]
                    | (low, high) :: rest ->
                        let points = lattice rest

                        [ low; (low + high) / 2.0; high ]
                        |> List.collect (fun x -> points |> List.map (fun p -> x :: p))

                let singular (e: FeynmanEquation) =
                    e.Variables |> List.map snd |> lattice |> List.exists (value e >> Double.IsFinite >> not)

                Expect.equal
                    (Feynman.equations |> List.filter singular |> List.map _.Name)
                    [
                        "I.10.7"
                        "I.15.3x"
                        "I.15.3t"
                        "I.32.17"
                        "II.13.23"
                        "II.13.34"
                        "II.21.32"
                        "III.4.33"
                        "III.9.52"
                        "Relativistic aberration"
                        "Jackson 2.11"
                        "Jackson 3.45"
                        "Jackson 11.38 (Doppler)"
                    ]
                    "equations")

            testCase "an equation is found in upper and lower case" (fun () ->
                for e in Feynman.equations do
                    Expect.isTrue
                        (obj.ReferenceEquals(e, Feynman.find (e.Name.ToLowerInvariant())))
                        "the very equation"

                    Expect.isTrue
                        (obj.ReferenceEquals(e, Feynman.find (e.Name.ToUpperInvariant())))
                        "the very equation")

            Check.theory
                "another name is refused with the closest there are"
                [
                    "I.6.20c", "I.6.20a, I.6.20, I.6.20b"
                    "i.18.14", "I.18.4, I.18.12, I.18.16"
                    "Goldstein 3.64", "Goldstein 3.64 (ellipse)"
                    "jackson", "Jackson 2.11, Jackson 3.45, Jackson 4.60"
                    "Friedman equation", "Friedmann equation"
                ]
                (fun (name, closest) ->
                    let message = messageOf<BadInput>(fun () -> Feynman.find name |> ignore)

                    Expect.equal
                        message
                        $"the Feynman set has no equation '{name}'; closest to it: {closest}"
                        "message")
        ]
