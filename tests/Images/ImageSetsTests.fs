/// Data sets by name: where their files are found, and what is said where they are not.
[<Xunit.Collection "alone">]
module MetaKan.Tests.Images.ImageSetsTests

open System
open System.IO
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Images.Fixtures
open Xunit
open Xunit.Abstractions

let private write (folder: string) (files: (string * byte[]) list) =
    Directory.CreateDirectory folder |> ignore

    for name, bytes in files do
        File.WriteAllBytes(Path.Combine(folder, name), bytes)

let private train, private test = images 1 10 (5, 1, 28, 28), images 2 10 (3, 1, 28, 28)

let private idxFiles =
    [
        "train-images-idx3-ubyte", idxImages train
        "train-labels-idx1-ubyte.gz", gzip (idxLabels train)
        "t10k-images-idx3-ubyte.gz", gzip (idxImages test)
        "t10k-labels-idx1-ubyte", idxLabels test
    ]

let private found (set: ImageSet) =
    Assert.Equal<byte>(train.Pixels, set.Train.Pixels)
    Assert.Equal<int>(train.Labels, set.Train.Labels)
    Assert.Equal<byte>(test.Pixels, set.Test.Pixels)
    Assert.Equal<int>(test.Labels, set.Test.Labels)

/// Runs a test with an environment variable set.
let private withVariable (name: string) (value: string) (test: unit -> 'a) : 'a =
    let before = Environment.GetEnvironmentVariable name
    Environment.SetEnvironmentVariable(name, value)

    try
        test ()
    finally
        Environment.SetEnvironmentVariable(name, before)

[<Fact>]
let ``each data set has its classes and its shape`` () =
    let classes = ImageSets.names |> List.map (fun name -> name, (ImageSets.classes name).Length)

    Assert.Equal<(string * int) list>(
        [ "fmnist", 10; "mnist", 10; "kmnist", 10; "cifar10", 10; "cifar100", 100; "svhn", 10 ],
        classes
    )

    for name in ImageSets.names do
        let names = ImageSets.classes name
        Assert.Equal(names.Length, (List.distinct names).Length)

    // The fine labels of CIFAR-100 are numbered in alphabetical order.
    let fine = ImageSets.classes "cifar100"
    Assert.Equal<string list>(fine |> List.sortWith (fun a b -> String.CompareOrdinal(a, b)), fine)
    Assert.Equal(struct (1, 28, 28), ImageSets.shape "kmnist")
    Assert.Equal(struct (3, 32, 32), ImageSets.shape "cifar10")
    let message = messageOf<BadInput>(fun () -> ImageSets.shape "imagenet" |> ignore)
    Assert.Equal("there is no data set 'imagenet'; there are fmnist, mnist, kmnist, cifar10, cifar100, svhn", message)

[<Fact>]
let ``files are found in the folder named, and below it as they are usually laid out`` () =
    for name, layout in [ "mnist", "MNIST/raw"; "fmnist", "FashionMNIST/raw"; "kmnist", "KMNIST/raw" ] do
        for place in [ ""; name; layout ] do
            withFolder (fun folder ->
                write (Path.Combine(folder, place)) idxFiles
                let set = ImageSets.load name (Some folder)
                found set
                Assert.Equal((name, ImageSets.classes name), (set.Name, set.Classes)))

[<Fact>]
let ``without a folder named, usual ones are looked in`` () =
    withFolder (fun folder ->
        write (Path.Combine(folder, "MNIST/raw")) idxFiles
        write (Path.Combine(folder, "metakan/kmnist")) idxFiles
        withVariable "METAKAN_DATA" folder (fun () -> found (ImageSets.load "mnist" None))
        withVariable "XDG_CACHE_HOME" folder (fun () -> found (ImageSets.load "kmnist" None)))

[<Fact>]
let ``SVHN and both CIFARs are found whole`` () =
    withFolder (fun folder ->
        let colours = images 3 10 (2, 3, 32, 32)
        let svhn = svhn true false colours
        write (Path.Combine(folder, "SVHN")) [ "train_32x32.mat", svhn; "test_32x32.mat", svhn ]
        Assert.Equal<byte>(colours.Pixels, (ImageSets.load "svhn" (Some folder)).Test.Pixels)

        // As many zeros as CIFAR's files are long, but for what tells one file from another.
        let zeros place (first: byte[]) length =
            let path = Path.Combine(folder, place)
            Directory.CreateDirectory(Path.GetDirectoryName path) |> ignore
            use file = File.Create path
            file.SetLength length
            file.Write(ReadOnlySpan first)

        for i in 1..5 do
            zeros $"cifar-10-batches-bin/data_batch_{i}.bin" [| byte i; byte (10 * i) |] 30_730_000L

        zeros "cifar-10-batches-bin/test_batch.bin" [| 9uy |] 30_730_000L
        let ten = ImageSets.load "cifar10" (Some folder)
        Assert.Equal((50_000, 10_000), (Images.count ten.Train, Images.count ten.Test))
        Assert.Equal<int list>([ 1..5 ], [ for i in 0..4 -> ten.Train.Labels[10_000 * i] ])
        Assert.Equal<int list>([ 10..10..50 ], [ for i in 0..4 -> int ten.Train.Pixels[30_720_000 * i] ])
        Assert.Equal(9, ten.Test.Labels[0])

        zeros "cifar100/train.bin" [| 7uy; 99uy; 3uy |] 153_700_000L
        zeros "cifar100/test.bin" [| 0uy; 42uy |] 30_740_000L
        let hundred = ImageSets.load "cifar100" (Some folder)
        Assert.Equal((50_000, 10_000), (Images.count hundred.Train, Images.count hundred.Test))
        Assert.Equal((99, 3uy, 42), (hundred.Train.Labels[0], hundred.Train.Pixels[0], hundred.Test.Labels[0])))

[<Fact>]
let ``what is not found is told with the places looked in`` () =
    withFolder (fun folder ->
        let message = messageOf<BadInput>(fun () -> ImageSets.load "mnist" (Some folder) |> ignore)

        Assert.Equal(
            $"the data set mnist is in none of {folder}, {folder}/mnist, {folder}/MNIST/raw; it takes the files "
            + "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte "
            + "(.gz or not)",
            message
        )

        write (Path.Combine(folder, "mnist")) idxFiles[..2]
        let message = messageOf<BadInput>(fun () -> ImageSets.load "mnist" (Some folder) |> ignore)
        Assert.Equal($"{folder}/mnist/t10k-labels-idx1-ubyte: there is no such file, nor one ending in .gz", message))

[<Fact>]
let ``images of another size are refused`` () =
    withFolder (fun folder ->
        let other = images 1 10 (5, 1, 32, 32)
        write folder (("train-images-idx3-ubyte", idxImages other) :: idxFiles.Tail)
        let message = messageOf<BadInput>(fun () -> ImageSets.load "mnist" (Some folder) |> ignore)
        Assert.Equal($"{folder}/train-images-idx3-ubyte: its images are 32x32; those of mnist are 28x28", message))

[<Fact>]
let ``nothing is installed where a folder is named, files are found, or Debian has no package`` () =
    let install = ImageSets.install (fun line -> Assert.Fail line)

    withFolder (fun folder ->
        install "fmnist" (Some folder)
        install "mnist" None
        write (Path.Combine(folder, "fmnist")) idxFiles
        withVariable "METAKAN_DATA" folder (fun () -> install "fmnist" None))

type RealData(output: ITestOutputHelper) =
    [<Fact>]
    member _.``Fashion-MNIST as Debian packs it is read``() =
        if Directory.Exists "/usr/share/datasets/fashion-mnist" then
            let set = ImageSets.load "fmnist" (Some "/usr/share/datasets/fashion-mnist")
            Assert.Equal((60_000, 10_000), (Images.count set.Train, Images.count set.Test))

            for part in [ set.Train; set.Test ] do
                let each = Images.count part / 10

                Assert.Equal<(int * int)[]>(
                    Array.init 10 (fun c -> c, each),
                    Array.countBy id part.Labels |> Array.sort
                )

            // The mean of all pixels, a known figure of this data set.
            let mean = set.Train.Pixels |> Array.averageBy float
            Assert.Equal(0.2860, mean / 255.0, 4)
        else
            output.WriteLine "not run: Debian's package dataset-fashion-mnist is not installed"
