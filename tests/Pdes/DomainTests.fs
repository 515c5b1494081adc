/// Domains: their points lie in them, their boundaries on them, and what is outside is told apart.
module MetaKan.Tests.DomainTests

open FsCheck
open FsCheck.FSharp
open MetaKan
open Xunit

let private key = Key.ofSeed 5
let private rows d (x: Tensor) = Tensor.toArray x |> Array.chunkBySize d
let private place = Placement.cpu64

/// Intervals of whole numbers, some of no length.
let private sides =
    Gen.choose (-5, 5)
    |> Gen.two
    |> Gen.map (fun (a, b) -> float (min a b), float (max a b))
    |> Gen.nonEmptyListOf
    |> Arb.fromGen

[<Fact>]
let ``points of a domain lie in it and within its bounds`` () =
    Check.One(
        Config.QuickThrowOnFailure,
        Prop.forAll sides (fun sides ->
            [ Domain.box sides; Domain.ball sides.Length 2.0 ]
            |> List.forall (fun domain ->
                let x = domain.Sample key place 50

                let bounded =
                    rows sides.Length x
                    |> Array.forall (fun row ->
                        Seq.forall2 (fun v (low, high) -> v >= low && v <= high) row domain.Bounds)

                bounded && (domain.Contains x).all().item<bool>()))
    )

[<Fact>]
let ``points beyond a domain are not in it`` () =
    let contains (domain: Domain) point = Tensor.ofArray place [ 1L; 2L ] point |> domain.Contains |> _.item<bool>()

    let box = Domain.box [ 0.0, 1.0; 2.0, 3.0 ]
    Assert.True(contains box [| 1.0; 2.0 |])
    Assert.False(contains box [| 1.01; 2.5 |])
    Assert.False(contains box [| 0.5; 1.99 |])
    Assert.True(contains (Domain.ball 2 2.0) [| 1.4; 1.4 |])
    Assert.False(contains (Domain.ball 2 2.0) [| 1.5; 1.4 |])

[<Fact>]
let ``a ball's points are uniform in radius`` () =
    let radii =
        (Domain.ball 10 2.0).Sample key place 4000
        |> rows 10
        |> Array.map (Array.sumBy (fun v -> v * v) >> sqrt)

    for share in [ 0.25; 0.5; 0.75 ] do
        let below = radii |> Array.filter (fun r -> r < 2.0 * share) |> Array.length
        Assert.InRange(float below / 4000.0, share - 0.04, share + 0.04)

[<Fact>]
let ``points of faces lie on a face of the listed coordinates, on all of them`` () =
    let sides = [ 0.0, 1.0; 2.0, 4.0; -1.0, 0.5 ]
    let points = Domain.faces sides [ 0; 2 ] key place 400 |> rows 3

    let on coordinate value = points |> Array.filter (fun x -> abs (x[coordinate] - value) < 1e-12) |> Array.length

    let faces = [ on 0 0.0; on 0 1.0; on 2 -1.0; on 2 0.5 ]
    Assert.Equal(400, List.sum faces)
    Assert.All(faces, fun count -> Assert.InRange(count, 50, 150))
    Assert.Equal(0, on 1 2.0 + on 1 4.0)
    Assert.True((Domain.box sides).Contains(Domain.faces sides [ 0; 2 ] key place 400).all().item<bool>())
