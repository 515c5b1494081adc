// Clouds: points that are given.
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Clouds =
    let create (rows: float[][]) : Domain =
        if rows.Length = 0 || rows[0].Length = 0 then
            invalidArg (nameof rows) "a cloud takes a point or more, of a coordinate or more"

        let d = rows[0].Length

        for i, row in Array.indexed rows do
            if row.Length <> d || not (Array.forall Double.IsFinite row) then
                invalidArg (nameof rows) $"row {i} of a cloud is a point of {d} finite coordinates, as row 0 is"

        let exact = Collections.Generic.HashSet(rows, HashIdentity.Structural)
        let single = Array.map (float32 >> float)
        let rounded = lazy Collections.Generic.HashSet(Array.map single rows, HashIdentity.Structural)

        let contains (x: Tensor) =
            let known = if x.dtype = torch.float64 then exact else rounded.Value
            let found = Tensor.toArray x |> Array.chunkBySize d |> Array.map known.Contains
            torch.tensor (found, dtype = torch.bool, device = x.device)

        // Each time round, all rows in another order.
        let draw (key: Key) (place: Placement) n =
            Seq.initInfinite (fun round -> Key.permutation (Key.fold round key) rows.Length)
            |> Seq.concat
            |> Seq.truncate n
            |> Seq.collect (fun i -> rows[i])
            |> Array.ofSeq
            |> Tensor.ofArray place [ int64 n; int64 d ]

        {
            Bounds =
                [
                    for i in 0 .. d - 1 ->
                        rows |> Array.map (Array.item i) |> fun column -> Array.min column, Array.max column
                ]
            Contains = contains
            Draw = fun _ -> draw
            Parts = []
            Distance = None
        }
