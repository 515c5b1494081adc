/// K-means of channel counts against all partitions.
module MetaKan.Tests.ClustersTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.Numeric

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

let tests =
    testList
        "Layers.Clusters"
        [
            testCase "no partition is better, and clusters rise with their widths" (fun () ->
                let cases =
                    gen {
                        let! channels =
                            Gen.choose (1, 6) |> Gen.bind (fun n -> Gen.listOfLength n (Gen.choose (1, 12)))

                        let! clusters = Gen.choose (1, min 4 (List.distinct channels).Length)
                        return clusters, channels
                    }

                forAll 60 cases (fun (clusters, channels) ->
                    let found = Clusters.ofChannels clusters channels
                    let best = assignments channels.Length clusters |> List.map (cost channels) |> List.min
                    Check.near 5e-10 (cost channels found) best "cost"
                    Expect.equal (List.distinct found |> List.sort) [ 0 .. clusters - 1 ] "clusters"

                    for c, width in List.zip found channels do
                        for c', width' in List.zip found channels do
                            Expect.isTrue ((c < c') = (width < width' && c <> c')) $"{channels} became {found}"))

            testCase "the eight layers' widths in three clusters" (fun () ->
                let widths = [ 16; 32; 64; 128; 256; 256; 512; 512 ]
                Expect.equal (Clusters.ofChannels 3 widths) [ 0; 0; 0; 0; 1; 1; 2; 2 ] "assignment"
                Expect.equal (Clusters.ofChannels 6 widths) [ 0; 1; 2; 3; 4; 4; 5; 5 ] "assignment"
                Expect.equal (Clusters.ofChannels 1 widths) [ for _ in widths -> 0 ] "assignment")

            testCase "more clusters than different widths, or none, are a mistake of the caller" (fun () ->
                for clusters, channels in [ 0, [ 3 ]; -1, [ 3; 4 ]; 3, [ 8; 8; 16; 16 ]; 1, [] ] do
                    Expect.throwsT<ArgumentException>
                        (fun () -> Clusters.ofChannels clusters channels |> ignore)
                        "clusters that do not fit")
        ]
