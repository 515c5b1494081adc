/// Parameter trees.
module MetaKan.Tests.ParamsTests

open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

let private tree () : Params =
    Map
        [
            "a", normal 1 [ 2; 3 ]
            "a.b", normal 2 [ 4 ]
            "ab.c", normal 3 [ 1 ]
            "a.b.c", normal 4 [ 1; 1 ]
        ]

let private names (p: Params) = List.ofSeq p.Keys

[<Fact>]
let ``numbers are counted over all tensors`` () =
    use _ = torch.NewDisposeScope()
    Assert.Equal(6L + 4L + 1L + 1L, Params.count (tree ()))
    Assert.Equal(0L, Params.count Map.empty)

[<Fact>]
let ``a subtree has the names below, without the prefix`` () =
    use _ = torch.NewDisposeScope()
    let p = tree ()
    Assert.Equal<string list>([ "b"; "b.c" ], names (Params.under "a" p))
    Assert.Equal<string list>([ "c" ], names (Params.under "a.b" p))
    Assert.Same(p["a.b"], (Params.under "a" p)["b"])
    Assert.Empty(Params.under "b" p)

[<Fact>]
let ``a tree's names take other tensors`` () =
    use _ = torch.NewDisposeScope()
    let p = tree ()
    let doubled = p |> Params.tensors |> Array.map (fun t -> t * 2.0)
    closeTrees "other tensors" 0.0 (p |> Map.map (fun _ t -> t * 2.0)) (Params.withTensors doubled p)

[<Fact>]
let ``tracked leaves share memory and record gradients`` () =
    use _ = torch.NewDisposeScope()
    let p = tree ()
    let tracked = Params.tracked p
    Assert.True(tracked |> Map.forall (fun _ t -> t.requires_grad && t.is_leaf))
    Assert.True(p |> Map.forall (fun _ t -> not t.requires_grad))
    p["a"].fill_(5.0.ToScalar()) |> ignore
    close "shared" 0.0 p["a"] (tracked["a"].detach())

[<Fact>]
let ``a gradient has a tensor for every parameter, zero where nothing depends on it`` () =
    use _ = torch.NewDisposeScope()
    let p = Params.tracked (tree ())
    let loss = (p["a"] * p["a"]).sum() + 3.0 * p["ab.c"].sum()
    let g = Params.gradient loss p

    let expected =
        Map
            [
                "a", 2.0 * p["a"].detach()
                "a.b", tensor [ 4 ] [ 0.0; 0.0; 0.0; 0.0 ]
                "ab.c", tensor [ 1 ] [ 3.0 ]
                "a.b.c", tensor [ 1; 1 ] [ 0.0 ]
            ]

    closeTrees "gradient" 1e-14 expected g

[<Fact>]
let ``disposed trees are gone`` () =
    let p = tree ()
    Params.dispose p
    Assert.True(p |> Map.forall (fun _ t -> t.IsInvalid))
