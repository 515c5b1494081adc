// Sobol's sequence (USSR Comput. Math. 7, 1967) in Gray-code order, with the direction numbers of Joe and Kuo, SIAM J. Sci.
// Comput. 30 (2008), their set "new-joe-kuo-6": every primitive polynomial up to degree 8.
namespace MetaKan.Pdes

open System
open System.Numerics

[<RequireQualifiedAccess>]
module internal Sobol =
    // For every dimension after the first: the polynomial's degree s, its inner coefficients as a number, and m_1 … m_s.
    let private table =
        "1 0 1; 2 1 1 3; 3 1 1 3 1; 3 2 1 1 1; 4 1 1 1 3 3; 4 4 1 3 5 13;\
        5 2 1 1 5 5 17; 5 4 1 1 5 5 5; 5 7 1 1 7 11 19; 5 11 1 1 5 1 1; 5 13 1 1 1 3 11; 5 14 1 3 5 5 31;\
        6 1 1 3 3 9 7 49; 6 13 1 1 1 15 21 21; 6 16 1 3 1 13 27 49; 6 19 1 1 1 15 7 5; 6 22 1 3 1 15 13 25;\
        6 25 1 1 5 5 19 61;\
        7 1 1 3 7 11 23 15 103; 7 4 1 3 7 13 13 15 69; 7 7 1 1 3 13 7 35 63; 7 8 1 3 5 9 1 25 53;\
        7 14 1 3 1 13 9 35 107; 7 19 1 3 1 5 27 61 31; 7 21 1 1 5 11 19 41 61; 7 28 1 3 5 3 3 13 69;\
        7 31 1 1 7 13 1 19 1; 7 32 1 3 7 5 13 19 59; 7 37 1 1 3 9 25 29 41; 7 41 1 3 5 13 23 1 55;\
        7 42 1 3 7 3 13 59 17; 7 50 1 3 1 3 5 53 69; 7 55 1 1 5 5 23 33 13; 7 56 1 1 7 7 1 61 123;\
        7 59 1 1 7 9 13 61 49; 7 62 1 3 3 5 3 55 33;\
        8 14 1 3 1 15 31 13 49 245; 8 21 1 3 5 15 31 59 63 97; 8 22 1 3 1 11 11 11 77 249; 8 38 1 3 1 11 27 43 71 9;\
        8 47 1 1 7 15 21 11 81 45; 8 49 1 3 7 3 25 31 65 79; 8 50 1 3 1 1 19 11 3 205; 8 52 1 1 5 9 19 21 29 157;\
        8 56 1 3 7 11 1 33 89 185; 8 67 1 3 3 3 15 9 79 71; 8 70 1 3 7 11 15 39 119 27; 8 84 1 1 3 1 11 31 97 225;\
        8 97 1 1 1 3 23 43 57 177; 8 103 1 3 7 7 17 17 37 71; 8 115 1 3 1 5 27 63 123 213; 8 122 1 1 3 5 11 43 53 133"

    /// How many binary digits a number has.
    let bits = 53

    let private extended (row: uint64[]) : uint64[] =
        let s, inner = int row[0], row[1]
        let v = Array.zeroCreate bits

        for j in 0 .. bits - 1 do
            if j < s then
                v[j] <- row[2 + j] <<< (bits - 1 - j)
            else
                v[j] <- v[j - s] ^^^ (v[j - s] >>> s)

                for i in 1 .. s - 1 do
                    if (inner >>> (s - 1 - i)) &&& 1UL = 1UL then
                        v[j] <- v[j] ^^^ v[j - i]

        v

    let private directions: uint64[][] =
        [|
            Array.init bits (fun j -> 1UL <<< (bits - 1 - j))

            for row in table.Split ';' do
                row.Split([| ' ' |], StringSplitOptions.RemoveEmptyEntries) |> Array.map uint64 |> extended
        |]

    /// How many dimensions there are direction numbers for.
    let dimensions = directions.Length

    /// The first n points of the sequence in as many dimensions as there are shifts, row by row, as whole numbers below
    /// 2^bits. Every dimension's digits are turned by its shift: a digital shift leaves the sequence as well spread.
    let points (shifts: uint64[]) (n: int) : uint64[] =
        let k = shifts.Length
        let numbers = Array.zeroCreate (n * k)
        let point = Array.copy shifts

        for i in 0 .. n - 1 do
            if i > 0 then
                let turned = BitOperations.TrailingZeroCount i

                for j in 0 .. k - 1 do
                    point[j] <- point[j] ^^^ directions[j][turned]

            Array.blit point 0 numbers (i * k) k

        numbers
