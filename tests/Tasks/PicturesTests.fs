/// Pictures of a solution: which there are, where the solution is asked, and that they are files of a run.
module MetaKan.Tests.PicturesTests

open System.IO
open System.Xml.Linq
open MetaKan
open MetaKan.Tests.Folder
open Xunit

let private key = Key.ofSeed 3

let private problem domain exact =
    { Problem.create "test" domain (Operator.laplacian domain.Bounds.Length) _.Laplacian with
        Exact = exact
    }

let private first (x: Tensor) : Tensor = x.narrow (1L, 0L, 1L)

let private draw problem u = Pictures.draw problem u key Placement.cpu64

[<Fact>]
let ``a solution alone is drawn by itself, one beside the exact solution with that, the error and the points`` () =
    for domain in [ Domain.ball 3 1.0; Domain.box [ 0.0, 1.0; 2.0, 3.0 ] ] do
        let names exact = draw (problem domain exact) first |> List.map fst
        Assert.Equal<string list>([ "1-solution" ], names None)
        Assert.Equal<string list>([ "1-solution"; "2-exact"; "3-error"; "4-points" ], names (Some first))

    let line = Domain.box [ (0.0, 1.0) ]
    let names exact = draw (problem line exact) first |> List.map fst
    Assert.Equal<string list>([ "1-solution" ], names None)
    Assert.Equal<string list>([ "1-solution"; "3-error"; "4-points" ], names (Some first))

[<Fact>]
let ``the pictures are well-formed and say where the slice lies`` () =
    let titles domain =
        draw (problem domain (Some first)) first
        |> List.map (fun (_, svg) -> (XElement.Parse svg).Attribute(XName.Get "aria-label").Value)
        |> List.head

    Assert.Equal("Computed solution", titles (Domain.box [ 0.0, 1.0; 0.0, 1.0 ]))
    Assert.Equal("Computed solution at x₃ = 0.5", titles (Domain.box [ 0.0, 1.0; 0.0, 1.0; 0.0, 1.0 ]))
    Assert.Equal("Computed solution at x₃ … x₁₂ = 0", titles (Domain.ball 12 1.0))

    Assert.Equal(
        "Computed solution at x₃ = 0, x₄ = 2.5",
        titles (Domain.box [ 0.0, 1.0; 0.0, 1.0; -1.0, 1.0; 2.0, 3.0 ])
    )

[<Fact>]
let ``the solution is asked within the domain only, over all of the slice, few points at a time`` () =
    let asked = ResizeArray<float[]>()

    let u (x: Tensor) =
        Assert.InRange(x.shape[0], 1L, 1000L)
        asked.AddRange(Tensor.toArray x |> Array.chunkBySize 3)
        first x

    draw (problem (Domain.ball 3 2.0) None) u |> ignore

    Assert.All(
        asked,
        fun x ->
            Assert.InRange(x[0] * x[0] + x[1] * x[1], 0.0, 4.0)
            Assert.Equal(0.0, x[2])
    )

    Assert.InRange(asked |> Seq.map (fun x -> x[0]) |> Seq.max, 1.9, 2.0)
    Assert.InRange(asked |> Seq.map (fun x -> x[1]) |> Seq.min, -2.0, -1.9)

[<Fact>]
let ``the computed and the exact map share their colours`` () =
    let exact (x: Tensor) = first x * -10.0
    let pictures = draw (problem (Domain.box [ 0.0, 1.0; 0.0, 1.0 ]) (Some exact)) first |> Map

    let colours name =
        (XElement.Parse pictures[name]).Descendants(XName.Get("text", "http://www.w3.org/2000/svg"))
        |> Seq.filter (fun text -> text.Attribute(XName.Get "x").Value = "444")
        |> Seq.map _.Value
        |> List.ofSeq

    Assert.Contains("-8", colours "2-exact")
    Assert.Equal<string list>(colours "2-exact", colours "1-solution")
    Assert.DoesNotContain("-8", colours "3-error")

[<Fact>]
let ``a finished run has its pictures`` () =
    withFolder (fun parent ->
        let folder = Path.Combine(parent, "run")

        let settings = { Solve.defaults with Epochs = 2; TestPoints = 100; Folder = folder }

        let solution =
            Solve.run settings (Poisson.problem (TwoBody.ofSeed 0 2)) (Mlp.create [ 2; 4; 1 ]) (fun () -> false) ignore

        let files =
            Directory.GetFiles(RunFolder.picturesPath folder) |> Array.map Path.GetFileName |> Array.sort

        Assert.Equal(Completed, solution.Outcome)
        Assert.Equal<string[]>([| "1-solution.svg"; "2-exact.svg"; "3-error.svg"; "4-points.svg" |], files))
