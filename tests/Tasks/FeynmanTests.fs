/// The Feynman set: its formulas, its ranges, and finding an equation. feynman-samples.csv holds the values that pykan's
/// own formulas give in double precision, at three random points for every equation.
module MetaKan.Tests.FeynmanTests

open System
open System.Globalization
open System.IO
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open Xunit

let private names (e: FeynmanEquation) = List.map fst e.Variables

/// The value of an equation, given those of its variables in order.
let private value (e: FeynmanEquation) : float list -> float =
    let formula = Parser.expression e.Formula

    fun point ->
        let values = Map.ofList (List.zip (names e) point)
        Expression.value (fun name -> values[name]) formula

[<Fact>]
let ``formulas have the values of pykan's`` () =
    let path = Path.Combine(AppContext.BaseDirectory, "Tasks", "feynman-samples.csv")

    let samples =
        [
            for line in File.ReadAllLines path |> Array.tail do
                let fields = line.Split ','
                fields[0], [ for text in fields[1..] -> Double.Parse(text, CultureInfo.InvariantCulture) ]
        ]

    Assert.Equal<string list>(Feynman.equations |> List.map _.Name, samples |> List.map fst |> List.distinct)

    for name, numbers in samples do
        let point, expected = List.splitAt (numbers.Length - 1) numbers
        let e = Feynman.find name

        for x, (variable, (low, high)) in List.zip point e.Variables do
            Assert.True(low <= x && x <= high, $"{name}: {variable} = {x} is not in [{low}, {high}]")

        let actual = value e point
        // Written so that a NaN fails.
        if not (abs (actual - expected[0]) <= 1e-9 * abs expected[0]) then
            Assert.Fail $"{name}: {actual}, not {expected[0]}"

[<Fact>]
let ``there are 120 equations of distinct names, whose formulas use their variables and no others`` () =
    let distinct = Feynman.equations |> List.distinctBy _.Name.ToLowerInvariant()
    Assert.Equal(120, Feynman.equations.Length)
    Assert.Equal(120, distinct.Length)

    for e in Feynman.equations do
        Assert.Equal<string list>(List.sort (names e), List.sort (Expression.variables (Parser.expression e.Formula)))

        for name, (low, high) in e.Variables do
            Assert.True(low < high, $"{e.Name}: {name} from {low} to {high}")

[<Fact>]
let ``values are finite at random points of the ranges`` () =
    for e in Feynman.equations do
        let value = value e

        let coordinate (_, (low, high)) =
            Gen.choose (1, 999_999_999) |> Gen.map (fun i -> low + (high - low) * float i * 1e-9)

        forAll 1000 (Gen.collectToList coordinate e.Variables) (fun point ->
            Assert.True(Double.IsFinite(value point), $"{e.Name} at {point}"))

[<Fact>]
let ``ranges reach a singularity where it is documented and nowhere else`` () =
    let rec lattice ranges =
        match ranges with
        | [] -> [ [] ]
        | (low, high) :: rest ->
            let points = lattice rest
            [ low; (low + high) / 2.0; high ] |> List.collect (fun x -> points |> List.map (fun p -> x :: p))

    let singular (e: FeynmanEquation) =
        e.Variables |> List.map snd |> lattice |> List.exists (value e >> Double.IsFinite >> not)

    Assert.Equal<string list>(
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
        ],
        Feynman.equations |> List.filter singular |> List.map _.Name
    )

[<Fact>]
let ``an equation is found in upper and lower case`` () =
    for e in Feynman.equations do
        Assert.Same(e, Feynman.find (e.Name.ToLowerInvariant()))
        Assert.Same(e, Feynman.find (e.Name.ToUpperInvariant()))

[<Theory>]
[<InlineData("I.6.20c", "I.6.20a, I.6.20, I.6.20b")>]
[<InlineData("i.18.14", "I.18.4, I.18.12, I.18.16")>]
[<InlineData("Goldstein 3.64", "Goldstein 3.64 (ellipse)")>]
[<InlineData("jackson", "Jackson 2.11, Jackson 3.45, Jackson 4.60")>]
[<InlineData("Friedman equation", "Friedmann equation")>]
let ``another name is refused with the closest there are`` (name: string) (closest: string) =
    let message = messageOf<BadInput>(fun () -> Feynman.find name |> ignore)
    Assert.Equal($"the Feynman set has no equation '{name}'; closest to it: {closest}", message)
