/// Data sets by name: where their files are found, and what is said where they are not.
module MetaKan.Tests.Images.ImageSetsTests

open System
open System.IO
open Expecto
open MetaKan
open MetaKan.Images
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Images.Fixtures

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
    Expect.equal set.Train.Pixels train.Pixels "pixels"
    Expect.equal set.Train.Labels train.Labels "labels"
    Expect.equal set.Test.Pixels test.Pixels "pixels"
    Expect.equal set.Test.Labels test.Labels "labels"

/// Runs a test with an environment variable set.
let private withVariable (name: string) (value: string) (test: unit -> 'a) : 'a =
    let before = Environment.GetEnvironmentVariable name
    Environment.SetEnvironmentVariable(name, value)

    try
        test ()
    finally
        Environment.SetEnvironmentVariable(name, before)

/// One after another: environment variables are the process's.
let tests =
    testSequenced
    <| testList
        "Images.ImageSets"
        [
            testCase "each data set has its classes and its shape" (fun () ->
                let classes = ImageSets.names |> List.map (fun name -> name, (ImageSets.classes name).Length)

                Expect.equal
                    classes
                    [ "fmnist", 10; "mnist", 10; "kmnist", 10; "cifar10", 10; "cifar100", 100; "svhn", 10 ]
                    "classes"

                for name in ImageSets.names do
                    let names = ImageSets.classes name
                    Expect.equal (List.distinct names).Length names.Length "distinct names"

                // The fine labels of CIFAR-100 are numbered in alphabetical order.
                let fine = ImageSets.classes "cifar100"

                Expect.equal
                    fine
                    (fine |> List.sortWith (fun a b -> String.CompareOrdinal(a, b)))
                    "order of the classes"

                Expect.equal (ImageSets.shape "kmnist") (struct (1, 28, 28)) "shape"
                Expect.equal (ImageSets.shape "cifar10") (struct (3, 32, 32)) "shape"
                let message = messageOf<BadInput>(fun () -> ImageSets.shape "imagenet" |> ignore)

                Expect.equal
                    message
                    "there is no data set 'imagenet'; there are fmnist, mnist, kmnist, cifar10, cifar100, svhn"
                    "message")

            testCase "files are found in the folder named, and below it as they are usually laid out" (fun () ->
                for name, layout in [ "mnist", "MNIST/raw"; "fmnist", "FashionMNIST/raw"; "kmnist", "KMNIST/raw" ] do
                    for place in [ ""; name; layout ] do
                        withFolder (fun folder ->
                            write (Path.Combine(folder, place)) idxFiles
                            let set = ImageSets.load name (Some folder)
                            found set
                            Expect.equal (set.Name, set.Classes) (name, ImageSets.classes name) "name and classes"))

            testCase "without a folder named, usual ones are looked in" (fun () ->
                withFolder (fun folder ->
                    write (Path.Combine(folder, "MNIST/raw")) idxFiles
                    write (Path.Combine(folder, "metakan/kmnist")) idxFiles
                    withVariable "METAKAN_DATA" folder (fun () -> found (ImageSets.load "mnist" None))
                    withVariable "XDG_CACHE_HOME" folder (fun () -> found (ImageSets.load "kmnist" None))))

            testCase "SVHN and both CIFARs are found whole" (fun () ->
                withFolder (fun folder ->
                    let colours = images 3 10 (2, 3, 32, 32)
                    let svhn = svhn true false colours
                    write (Path.Combine(folder, "SVHN")) [ "train_32x32.mat", svhn; "test_32x32.mat", svhn ]
                    Expect.equal ((ImageSets.load "svhn" (Some folder)).Test.Pixels) colours.Pixels "pixels"

                    let first, second = images 4 10 (2, 3, 32, 32), images 5 10 (3, 3, 32, 32)

                    write
                        (Path.Combine(folder, "cifar-10-batches-bin"))
                        [
                            for i in 1..5 do
                                $"data_batch_{i}.bin", cifar 1 (if i = 2 then second else first)
                            "test_batch.bin", cifar 1 second
                        ]

                    let ten = ImageSets.load "cifar10" (Some folder)
                    let all = Images.concat [ first; second; first; first; first ]
                    Expect.equal (ten.Train.Labels, ten.Train.Pixels) (all.Labels, all.Pixels) "to train on"
                    Expect.equal (ten.Test.Labels, ten.Test.Pixels) (second.Labels, second.Pixels) "held out"
                    let fine = images 6 100 (3, 3, 32, 32)

                    write (Path.Combine(folder, "cifar100")) [ "train.bin", cifar 2 fine; "test.bin", cifar 2 second ]

                    let hundred = ImageSets.load "cifar100" (Some folder)
                    Expect.equal (hundred.Train.Labels, hundred.Train.Pixels) (fine.Labels, fine.Pixels) "fine"
                    Expect.equal hundred.Test.Labels second.Labels "held out"))

            testCase "what is not found is told with the places looked in" (fun () ->
                withFolder (fun folder ->
                    let message = messageOf<BadInput>(fun () -> ImageSets.load "mnist" (Some folder) |> ignore)

                    Expect.equal
                        message
                        ($"the data set mnist is in none of {folder}, {folder}/mnist, {folder}/MNIST/raw; it takes the files "
                         + "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte "
                         + "(.gz or not)")
                        "message"

                    let message = messageOf<BadInput>(fun () -> ImageSets.load "fmnist" (Some folder) |> ignore)
                    Expect.stringEnds message "; Debian's package dataset-fashion-mnist has them" "message"

                    write (Path.Combine(folder, "mnist")) idxFiles[..2]
                    let message = messageOf<BadInput>(fun () -> ImageSets.load "mnist" (Some folder) |> ignore)

                    Expect.equal
                        message
                        $"{folder}/mnist/t10k-labels-idx1-ubyte: there is no such file, nor one ending in .gz"
                        "message"))

            testCase "images of another size are refused" (fun () ->
                withFolder (fun folder ->
                    let other = images 1 10 (5, 1, 32, 32)
                    write folder (("train-images-idx3-ubyte", idxImages other) :: idxFiles.Tail)
                    let message = messageOf<BadInput>(fun () -> ImageSets.load "mnist" (Some folder) |> ignore)

                    Expect.equal
                        message
                        $"{folder}/train-images-idx3-ubyte: its images are 32x32; those of mnist are 28x28"
                        "message"))

            testCase "Fashion-MNIST as Debian packs it is read" (fun () ->
                if Directory.Exists "/usr/share/datasets/fashion-mnist" then
                    let set = ImageSets.load "fmnist" (Some "/usr/share/datasets/fashion-mnist")
                    Expect.equal (Images.count set.Train, Images.count set.Test) (60_000, 10_000) "numbers of images"

                    for part in [ set.Train; set.Test ] do
                        let each = Images.count part / 10

                        Expect.equal
                            (Array.countBy id part.Labels |> Array.sort)
                            (Array.init 10 (fun c -> c, each))
                            "images of each class"

                    // The mean of all pixels, a known figure of this data set.
                    let mean = set.Train.Pixels |> Array.averageBy float
                    Check.near 5e-5 (mean / 255.0) 0.2860 "mean"
                else
                    skiptest "Debian's package dataset-fashion-mnist is not installed")
        ]
