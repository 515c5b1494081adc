/// K-means of channel counts against all partitions.
module MetaKan.Tests.ClustersTests

open System
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open Xunit

let private cost (channels: int list) (assignment: int list) =
    List.zip assignment channels
    |> List.groupBy fst
    |> List.sumBy (fun (_, members) ->
        let mean = members |> List.averageBy (snd >> float)
        members |> List.sumBy (fun (_, width) -> (float width - mean) ** 2.0))

/// All assignments of so many layers to so many clusters.
let rec private assignments layers clusters =
    if layers = 0 then
        [ [] ]
    else
        [
            for rest in assignments (layers - 1) clusters do
                for c in 0 .. clusters - 1 -> c :: rest
        ]

[<Fact>]
let ``no partition is better, and clusters rise with their widths`` () =
    let cases =
        gen {
            let! channels = Gen.choose (1, 6) |> Gen.bind (fun n -> Gen.listOfLength n (Gen.choose (1, 12)))
            let! clusters = Gen.choose (1, min 4 (List.distinct channels).Length)
            return clusters, channels
        }

    forAll 60 cases (fun (clusters, channels) ->
        let found = Clusters.ofChannels clusters channels
        let best = assignments channels.Length clusters |> List.map (cost channels) |> List.min
        Assert.Equal(best, cost channels found, 9)
        Assert.Equal<int list>([ 0 .. clusters - 1 ], List.distinct found |> List.sort)

        for c, width in List.zip found channels do
            for c', width' in List.zip found channels do
                Assert.True((c < c') = (width < width' && c <> c'), $"{channels} became {found}"))

[<Fact>]
let ``the eight layers' widths in three clusters`` () =
    let widths = [ 16; 32; 64; 128; 256; 256; 512; 512 ]
    Assert.Equal<int list>([ 0; 0; 0; 0; 1; 1; 2; 2 ], Clusters.ofChannels 3 widths)
    Assert.Equal<int list>([ 0; 1; 2; 3; 4; 4; 5; 5 ], Clusters.ofChannels 6 widths)
    Assert.Equal<int list>([ for _ in widths -> 0 ], Clusters.ofChannels 1 widths)

[<Fact>]
let ``more clusters than different widths, or none, are a mistake of the caller`` () =
    for clusters, channels in [ 0, [ 3 ]; -1, [ 3; 4 ]; 3, [ 8; 8; 16; 16 ]; 1, [] ] do
        Assert.Throws<ArgumentException>(fun () -> Clusters.ofChannels clusters channels |> ignore)
        |> ignore
