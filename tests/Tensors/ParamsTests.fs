/// Parameter trees.
module MetaKan.Tests.ParamsTests

open Expecto
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private tree () : Params =
    Map
        [
            "a", normal 1 [ 2; 3 ]
            "a.b", normal 2 [ 4 ]
            "ab.c", normal 3 [ 1 ]
            "a.b.c", normal 4 [ 1; 1 ]
        ]

let private names (p: Params) = List.ofSeq p.Keys

let tests =
    testList
        "Tensors.Params"
        [
            testCase "numbers are counted over all tensors" (fun () ->
                use _ = torch.NewDisposeScope()
                Expect.equal (Params.count (tree ())) (6L + 4L + 1L + 1L) "number of parameters"
                Expect.equal (Params.count Map.empty) 0L "number of parameters")

            testCase "a subtree has the names below, without the prefix" (fun () ->
                use _ = torch.NewDisposeScope()
                let p = tree ()
                Expect.equal (names (Params.under "a" p)) [ "b"; "b.c" ] "names"
                Expect.equal (names (Params.under "a.b" p)) [ "c" ] "names"
                Expect.isTrue (obj.ReferenceEquals(p["a.b"], (Params.under "a" p)["b"])) "the tensor itself"
                Expect.isEmpty (Params.under "b" p) "subtree of no name")

            testCase "a prefixed tree has its names below another, and is what is under it" (fun () ->
                use _ = torch.NewDisposeScope()
                let p = tree ()
                Expect.equal (names (Params.prefixed "x.y" p)) [ for name in names p -> $"x.y.{name}" ] "names"
                Expect.isTrue (p = Params.under "x.y" (Params.prefixed "x.y" p)) "the tree"
                Expect.isEmpty (Params.prefixed "x" Map.empty) "of nothing")

            testCase "a tree's names take other tensors" (fun () ->
                use _ = torch.NewDisposeScope()
                let p = tree ()
                let doubled = p |> Params.tensors |> Array.map (fun t -> t * 2.0)
                closeTrees "other tensors" 0.0 (p |> Map.map (fun _ t -> t * 2.0)) (Params.withTensors doubled p))

            testCase "tracked leaves share memory and record gradients" (fun () ->
                use _ = torch.NewDisposeScope()
                let p = tree ()
                let tracked = Params.tracked p
                Expect.isTrue (tracked |> Map.forall (fun _ t -> t.requires_grad && t.is_leaf)) "tracked leaves"
                Expect.isTrue (p |> Map.forall (fun _ t -> not t.requires_grad)) "the tree itself is not tracked"
                p["a"].fill_(5.0.ToScalar()) |> ignore
                close "shared" 0.0 p["a"] (tracked["a"].detach()))

            testCase "a gradient has a tensor for every parameter, zero where nothing depends on it" (fun () ->
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

                closeTrees "gradient" 1e-14 expected g)

            testCase "disposed trees are gone" (fun () ->
                let p = tree ()
                Params.dispose p
                Expect.isTrue (p |> Map.forall (fun _ t -> t.IsInvalid)) "every tensor is disposed")
        ]
