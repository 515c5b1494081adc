// Simplices: triangles, tetrahedra and on. Points by the inverse of the distribution of barycentric coordinates, one after
// the other: Devroye, Non-Uniform Random Variate Generation (1986), chapter XI.
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Simplices =
    /// Barycentric coordinates [n, k + 1], uniform on the simplex of k dimensions, from numbers [n, k].
    let weights (numbers: Tensor) : Tensor =
        let k = int (numbers.size 1)

        let shares, last =
            (([], torch.ones_like (numbers.narrow (1L, 0L, 1L))), [ 0 .. k - 1 ])
            ||> List.fold (fun (shares, left: Tensor) i ->
                let kept = (numbers.narrow (1L, int64 i, 1L)).pow((1.0 / float (k - i)).ToScalar())
                left * (1.0 - kept) :: shares, left * kept)

        torch.cat (List.toArray (List.rev (last :: shares)), 1L)

    // Points uniform between vertices.
    let private between (vertices: float list list) (numbers: Numbers) : Sampler =
        fun key place n ->
            let corners =
                Tensor.ofArray
                    place
                    [ int64 vertices.Length; int64 vertices.Head.Length ]
                    (Array.ofList (List.concat vertices))

            if vertices.Length = 1 then
                corners.expand (int64 n, -1L)
            else
                Tensor.product (numbers key place n (vertices.Length - 1) |> weights) corners

    let create (vertices: float list list) : Domain =
        let d = vertices.Length - 1

        if d < 1 || vertices |> List.exists (fun v -> v.Length <> d || not (List.forall Double.IsFinite v)) then
            let lengths = vertices |> List.map (fun v -> string v.Length) |> String.concat ", "

            invalidArg
                (nameof vertices)
                $"a simplex takes d + 1 vertices of d numbers, and has vertices of {lengths} numbers"

        let origin = vertices.Head
        let size = vertices.Tail |> List.collect (List.map2 (fun o v -> abs (v - o)) origin) |> List.max

        use _ = Tensor.firstScope ()

        let edges =
            vertices.Tail
            |> List.collect (fun v -> List.map2 (-) v origin)
            |> List.toArray
            |> Tensor.ofArray Placement.cpu64 [ int64 d; int64 d ]

        let determinant = abs (Tensor.item (torch.linalg.det edges))

        if not (determinant > 1e-12 * size ** float d) then
            invalidArg (nameof vertices) "the vertices of a simplex lie in one plane, so that it has no inside"

        let volume = determinant / Seq.fold (fun product i -> product * float i) 1.0 (seq { 1..d })

        // Column j: the gradient of the barycentric coordinate of vertex j + 1; that of the first is minus their sum.
        let inverse = Tensor.toArray (torch.linalg.inv edges)
        let others = List.init d (fun j -> List.init d (fun i -> inverse[i * d + j]))
        let gradients = (others |> List.reduce (List.map2 (+)) |> List.map (~-)) :: others

        // The height over each face: n·x + b, with its inward unit normal n.
        let faces =
            gradients
            |> List.mapi (fun i g ->
                let length = sqrt (List.sumBy (fun v -> v * v) g)
                let normal = g |> List.map (fun v -> v / length)
                let on = if i = 0 then vertices[1] else origin
                normal, -(List.sum (List.map2 (*) normal on)), length)

        let heights place (of': (float list * float * float) list) =
            let columns =
                [|
                    for i in 0 .. d - 1 do
                        for normal, _, _ in of' -> normal[i]
                |]

            Tensor.ofArray place [ int64 d; int64 of'.Length ] columns,
            Tensor.ofArray place [ int64 of'.Length ] [| for _, b, _ in of' -> b |]

        let height of' (x: Jet) =
            let weight, bias = heights (Placement.ofTensor x.Value) of'
            Jet.affine weight bias x

        let largest = vertices |> List.concat |> List.map abs |> List.max

        {
            Bounds = List.transpose vertices |> List.map (fun column -> List.min column, List.max column)
            Contains =
                fun x ->
                    let place = Placement.ofTensor x
                    let weight, bias = heights place faces
                    let slack = -16.0 * Boxes.precision place * largest
                    ((Tensor.product x weight + bias).ge(slack.ToScalar())).all 1L
            Draw = between vertices
            Parts =
                [
                    for i, (normal, b, length) in List.indexed faces do
                        {
                            Name = $"face {i + 1}"
                            Measure = float d * volume * length
                            Draw =
                                fun numbers key place n ->
                                    between (List.removeAt i vertices) numbers key place n
                                    |> Boxes.withNormal (List.map (~-) normal)
                            Distance = Some(height [ normal, b, length ])
                        }
                ]
            Distance = Some(height faces >> RFunctions.combine RFunctions.conjunction)
        }
