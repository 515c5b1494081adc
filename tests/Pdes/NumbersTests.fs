/// Numbers that points are made of: how evenly they fill intervals and rectangles, and that they follow from their key.
module MetaKan.Tests.NumbersTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let private key = Key.ofSeed 3
let private place = Placement.cpu64
let private rows k (t: Tensor) = Tensor.toArray t |> Array.chunkBySize k
let private column (j: int64) (t: Tensor) = Tensor.toArray (t.select (1L, j))

/// How many numbers lie in each of `count` equal intervals.
let private counts count (numbers: float[]) =
    let found = Array.zeroCreate count

    for u in numbers do
        let i = int (u * float count)
        found[i] <- found[i] + 1

    found

/// The discrepancy of points of the unit square from its corner: the root of the mean square, over all rectangles from the
/// origin, of the share of points less the area. Warnock's formula.
let private discrepancy (points: float[][]) =
    let n = float points.Length
    let sum f = Array.sumBy f points
    let product f (x: float[]) = Array.fold (fun product v -> product * f v) 1.0 x

    let single = sum (product (fun v -> (1.0 - v * v) / 2.0))
    let pairs = sum (fun x -> sum (fun y -> Seq.fold2 (fun p a b -> p * (1.0 - max a b)) 1.0 x y))
    sqrt (1.0 / 9.0 - 2.0 / n * single + pairs / (n * n))

let private all = Shapes.numbers

let tests =
    testList
        "Pdes.Numbers"
        [
            testCase "their names are those of options" (fun () ->
                Expect.equal (List.map fst all) [ "random"; "lhs"; "halton"; "sobol" ] "names")

            testCase "numbers are in [0, 1), of the shape asked for, and follow from the key" (fun () ->
                for name, numbers in all do
                    for place in [ Placement.cpu64; Placement.cpu32 ] do
                        let u = numbers key place 1000 5
                        Expect.equal (Tensor.shape u) [| 1000L; 5L |] $"{name}: shape"
                        Expect.equal u.dtype place.DType $"{name}: type"
                        Check.inRange 0.0 0.01 (Tensor.item (u.min ())) $"{name}: least"
                        let most = Tensor.item (u.max ())
                        Expect.isTrue (most > 0.99 && most < 1.0) $"{name}: largest"
                        Check.near 0.05 (Tensor.item (u.mean ())) 0.5 $"{name}: mean"
                        Expect.equal (rows 5 (numbers key place 1000 5)) (rows 5 u) $"{name}: the same key"

                        Expect.notEqual
                            (rows 5 (numbers (Key.ofSeed 4) place 1000 5))
                            (rows 5 u)
                            $"{name}: another key"

                    Expect.equal (Tensor.shape (numbers key place 0 2)) [| 0L; 2L |] $"{name}: no rows")

            testCase "no row or column that there cannot be" (fun () ->
                for name, numbers in all do
                    for n, k, part in [ -1, 2, "-1 rows"; 4, 0, "rows of 0" ] do
                        Expect.stringContains
                            (Folder.messageOf<System.ArgumentException>(fun () -> numbers key place n k |> ignore))
                            part
                            name

                Expect.stringContains
                    (Folder.messageOf<System.ArgumentException>(fun () -> Numbers.sobol key place 4 54 |> ignore))
                    "53 columns here, not 54"
                    "beyond the direction numbers"

                Expect.equal ((Numbers.sobol key place 4 53).size 1) 53L "all direction numbers"
                Expect.equal ((Numbers.even key place 4 54).size 1) 54L "beyond them, in private")

            property
                "a Latin hypercube has a number in each interval of each column"
                40
                (Gen.zip seeds (Gen.choose (1, 60)))
                (fun (seed, n) ->
                    let u = Numbers.latinHypercube (Key.ofSeed seed) place n 4

                    for j in 0L .. 3L do
                        Expect.equal (counts n (column j u)) (Array.create n 1) $"column {j}"

                    if n > 20 then
                        Expect.notEqual
                            (column 0L u |> Array.map (fun v -> int (v * float n)))
                            (column 1L u |> Array.map (fun v -> int (v * float n)))
                            "each column has an order of its own")

            property
                "Sobol's first 2^m numbers: one in each interval of a column, in any precision"
                30
                (Gen.zip seeds (Gen.choose (0, 9)))
                (fun (seed, m) ->
                    let n = 1 <<< m

                    for place in [ Placement.cpu64; Placement.cpu32 ] do
                        let u = Numbers.sobol (Key.ofSeed seed) place n 53

                        for j in 0L .. 52L do
                            Expect.equal (counts n (column j u)) (Array.create n 1) $"column {j}")

            property
                "Sobol's first 2^m points: one in each rectangle of that area, in the first two columns"
                30
                (Gen.zip seeds (Gen.choose (0, 9)))
                (fun (seed, m) ->
                    let points = Numbers.sobol (Key.ofSeed seed) place (1 <<< m) 2 |> rows 2

                    for a in 0..m do
                        let cell (x: float[]) = int (x[0] * float (1 <<< a)), int (x[1] * float (1 <<< (m - a)))
                        Expect.equal (points |> Array.distinctBy cell |> Array.length) points.Length $"2^{a} columns")

            testCase "Sobol's points without a shift, as published" (fun () ->
                // In Gray-code order; the first 4 dimensions of the reference program.
                let points = Sobol.points (Array.zeroCreate 4) 6 |> Array.map (fun x -> float x / 2.0 ** 53.0)

                Expect.equal
                    (Array.chunkBySize 4 points)
                    [|
                        [| 0.0; 0.0; 0.0; 0.0 |]
                        [| 0.5; 0.5; 0.5; 0.5 |]
                        [| 0.75; 0.25; 0.25; 0.25 |]
                        [| 0.25; 0.75; 0.75; 0.75 |]
                        [| 0.375; 0.375; 0.625; 0.875 |]
                        [| 0.875; 0.875; 0.125; 0.375 |]
                    |]
                    "points")

            testCase "Halton's columns are their bases' mirrored digits, shifted" (fun () ->
                let points = Numbers.halton key place 10 3

                for j, expected in
                    [
                        0L, [ 0.0; 1.0 / 2.0; 1.0 / 4.0; 3.0 / 4.0; 1.0 / 8.0 ]
                        1L, [ 0.0; 1.0 / 3.0; 2.0 / 3.0; 1.0 / 9.0; 4.0 / 9.0 ]
                        2L, [ 0.0; 1.0 / 5.0; 2.0 / 5.0; 3.0 / 5.0; 4.0 / 5.0 ]
                    ] do
                    let found = column j points

                    for i, v in List.indexed expected do
                        let difference = found[i] - found[0] - v
                        Check.near 1e-12 (difference - round difference) 0.0 $"column {j}, row {i}")

            testCase "even numbers are spread better than random ones" (fun () ->
                let of' numbers =
                    List.averageBy
                        (fun seed -> numbers (Key.ofSeed seed) place 256 2 |> rows 2 |> discrepancy)
                        [ 0..9 ]

                let random = of' Numbers.random
                Check.inRange 0.0 (random / 1.2) (of' Numbers.latinHypercube) "Latin hypercube"
                Check.inRange 0.0 (random / 3.0) (of' Numbers.halton) "Halton"
                Check.inRange 0.0 (random / 3.0) (of' Numbers.sobol) "Sobol")

            testCase "a column is the same however many follow it" (fun () ->
                for numbers in [ Numbers.latinHypercube; Numbers.halton; Numbers.sobol ] do
                    Expect.equal (column 0L (numbers key place 20 1)) (column 0L (numbers key place 20 7)) "column")
        ]
