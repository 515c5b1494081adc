/// The formats of data sets: what was written is read, and files that are cut off or of something else are refused.
module MetaKan.Tests.Images.FormatTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Images.Fixtures
open MetaKan.Tests.Numeric

let private equal (expected: Images) (actual: Images) =
    Expect.equal
        (actual.Channels, actual.Height, actual.Width)
        (expected.Channels, expected.Height, expected.Width)
        "shape"

    Expect.equal actual.Pixels expected.Pixels "pixels"
    Expect.equal actual.Labels expected.Labels "labels"

/// A file of these bytes, under a test's own name.
let private withFile (bytes: byte[]) (test: string -> 'a) : 'a =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "data.bin")
        File.WriteAllBytes(path, bytes)
        test path)

/// The one line that says why a file is refused; it begins with the file's name.
let private refusal (read: string -> Images) (bytes: byte[]) : string =
    withFile bytes (fun path ->
        let message = messageOf<BadInput>(fun () -> read path |> ignore)
        Expect.stringStarts message (path + ": ") "message"
        Check.lacks message "\n" "message"
        message.Substring(path.Length + 2))

let private refused why read bytes = Expect.equal (refusal read bytes) why "refusal"

/// What every reader of a format must do with a file: read it, and refuse its beginning alone and what follows its end.
let private reads (read: string -> Images) (expected: Images) (bytes: byte[]) (cut: float) =
    withFile bytes (read >> equal expected)
    refusal read (Array.truncate (int (cut * float bytes.Length)) bytes) |> ignore

let private shapes = Gen.zip (Gen.choose (1, 5)) (Gen.zip (Gen.choose (1, 6)) (Gen.choose (1, 6)))

let private cuts = Gen.choose (0, 999_999) |> Gen.map (fun n -> float n / 1e6)

let tests =
    testList
        "Images.Format"
        [
            property
                "IDX files are read, packed or not, whatever their names"
                60
                (Gen.zip3 shapes seeds cuts)
                (fun ((n, (h, w)), seed, cut) ->
                    let expected = images seed 10 (n, 1, h, w)

                    for pack in [ id; gzip ] do
                        reads Idx.images { expected with Labels = [||] } (pack (idxImages expected)) cut

                        let labels path = { expected with Labels = Idx.labels 10 path }
                        reads labels expected (pack (idxLabels expected)) cut

                    withFolder (fun folder ->
                        let path name = Path.Combine(folder, name)
                        File.WriteAllBytes(path "images", gzip (idxImages expected))
                        File.WriteAllBytes(path "labels.gz", idxLabels expected)
                        equal expected (Idx.labelled 10 (path "images") (path "labels.gz"))))

            testCase "messages about IDX files say what was expected" (fun () ->
                let some = images 1 10 (3, 1, 28, 28)
                let file = idxImages some
                let labels path = { some with Labels = Idx.labels 10 path }

                refused "ends after 1000 bytes; an IDX file of 3 images of 28x28 has 2368" Idx.images file[..999]
                refused "ends after 10 bytes; an IDX file of images has 16" Idx.images file[..9]
                refused "ends after 0 bytes; an IDX file of images has 4" Idx.images [||]

                refused
                    "goes on after 2368 bytes, where an IDX file of 3 images of 28x28 ends"
                    Idx.images
                    (Array.append file [| 0uy |])

                refused "begins with 00000801; an IDX file of images begins with 00000803" Idx.images (idxLabels some)
                refused "begins with 00000803; an IDX file of labels begins with 00000801" labels file

                refused
                    "begins with 00000D03; an IDX file of images begins with 00000803"
                    Idx.images
                    (Array.append [| 0uy; 0uy; 13uy |] file[3..])

                refused
                    "an IDX file of 0 images of 28x28 is not of a size that can be read"
                    Idx.images
                    (idx [ 0; 28; 28 ] [||])

                refused
                    "label 1 is 10; the classes of this data set are 0 to 9"
                    labels
                    (idx [ 3 ] [| 9uy; 10uy; 0uy |])
                // A header that promises more than memory holds, and one that promises much of a short file.
                let huge = refusal Idx.images (idx [ -1; -1; -1 ] [||])
                Expect.stringContains huge "4294967295 images of 4294967295x4294967295" "message"

                refused
                    "ends after 116 bytes; an IDX file of 1000000 images of 40x50 has 2000000016"
                    Idx.images
                    (idx [ 1_000_000; 40; 50 ] (Array.zeroCreate 100))

                Expect.stringEnds
                    (messageOf<BadInput>(fun () -> Idx.images "/nowhere/images" |> ignore))
                    "there is no such file"
                    "message")

            testCase "as many labels as images are needed" (fun () ->
                withFolder (fun folder ->
                    let path name = Path.Combine(folder, name)
                    let some = images 1 10 (3, 1, 4, 4)
                    File.WriteAllBytes(path "images", idxImages some)
                    File.WriteAllBytes(path "labels", idxLabels (Images.subset 2 some))

                    let message =
                        messageOf<BadInput>(fun () -> Idx.labelled 10 (path "images") (path "labels") |> ignore)

                    Expect.equal
                        message
                        $"""{path "labels"}: 2 labels for the 3 images of {path "images"}"""
                        "message"))

            testCase "gzip files with a wrong check sum are refused" (fun () ->
                let packed = gzip (idxImages (images 1 10 (3, 1, 28, 28)))
                let at = packed.Length - 6
                refused "its compressed data are damaged" Idx.images (Array.updateAt at (~~~packed[at]) packed)
                refused "its compressed data are cut off in their last bytes" Idx.images packed[.. packed.Length - 2])

            property
                "CIFAR's files are read, with the fine labels of CIFAR-100"
                20
                (Gen.zip3 (Gen.choose (1, 4)) seeds cuts)
                (fun (n, seed, cut) ->
                    for labels, classes in [ 1, 10; 2, 100 ] do
                        let expected = images seed classes (n, 3, 32, 32)
                        reads (Cifar.read labels classes) expected (cifar labels expected) cut)

            testCase "messages about CIFAR's files say what was expected" (fun () ->
                let some = images 1 10 (3, 3, 32, 32)
                let file = cifar 1 some

                for cut in [ 0; 1; 3072; 9218 ] do
                    refused
                        $"a CIFAR file has one record of 3073 bytes or more, whole ones, not {cut} bytes"
                        (Cifar.read 1 10)
                        (Array.truncate cut file)

                refused
                    "its compressed data are cut off in their last bytes"
                    (Cifar.read 1 10)
                    (let packed = gzip file in packed[.. packed.Length - 2])

                let mislabelled = { some with Labels = [| 3; 10; 5 |] }

                refused
                    "label 1 is 10; the classes of this data set are 0 to 9"
                    (Cifar.read 1 10)
                    (cifar 1 mislabelled))

            property
                "SVHN's files are read, compressed or not, 10 being the digit 0"
                20
                (Gen.zip3 (Gen.choose (1, 4)) seeds cuts)
                (fun (n, seed, cut) ->
                    let expected = images seed 10 (n, 3, 32, 32)

                    for compressed in [ true; false ] do
                        for doubles in [ true; false ] do
                            reads Svhn.read expected (svhn compressed doubles expected) cut)

            testCase "what else a MATLAB file holds is passed over" (fun () ->
                let some = images 1 10 (2, 3, 32, 32)
                // Three dimensions and a name of five letters are filled up to multiples of eight bytes.
                let other = matArray 9uy 2 "other" [ 1; 5; 1 ] [| 1uy; 2uy; 3uy; 4uy; 5uy |]
                // An object of a class of MATLAB's own, laid out in another way.
                let object =
                    Array.append (matElement 6 [| 17uy; 0uy; 0uy; 0uy; 0uy; 0uy; 0uy; 0uy |]) (matElement 1 "a class"B)

                for compressed in [ true; false ] do
                    let file = mat compressed ([ other; matElement 14 object ] @ svhnArrays false some)
                    withFile file (Svhn.read >> equal some))

            testCase "messages about SVHN's files say what was expected" (fun () ->
                let some = images 1 10 (2, 3, 32, 32)
                let arrays = svhnArrays false some
                let file = mat true arrays

                refused "ends after 100 bytes; a MATLAB file of level 5 has 128" Svhn.read file[..99]

                Expect.stringStarts
                    (refusal Svhn.read file[..499])
                    "ends after 500 bytes; a MATLAB file with the whole of its element at byte 128 has "
                    "refusal"

                let version = Array.concat [ file[..123]; [| 0uy; 2uy |]; file[126..] ]

                refused
                    "has the version and byte order 0002494D; a MATLAB file of level 5 has 0001494D (little endian)"
                    Svhn.read
                    version

                refused "has no array 'y' as an SVHN file has; it has: X" Svhn.read (mat true [ arrays.Head ])

                let flat = matArray 9uy 2 "X" [ 1024; 6 ] (Array.zeroCreate 6144)
                refused "its X is 1024x6; that of an SVHN file is 32x32x3xN" Svhn.read (mat true [ flat; arrays[1] ])

                let labels values = mat false [ arrays.Head; matArray 9uy 2 "y" [ Array.length values; 1 ] values ]
                refused "3 labels in y for the 2 images in X" Svhn.read (labels [| 1uy; 2uy; 3uy |])
                refused "label 1 in y is 11; labels are 1 to 10, for the digit 0" Svhn.read (labels [| 1uy; 11uy |])

                // Bytes in the middle of the compressed X.
                let damaged = Array.concat [ file[..299]; Array.create 64 0xFFuy; file[364..] ]
                refused "is damaged; it begins as a MATLAB file of level 5" Svhn.read damaged)

            property
                "a file with a wrong byte is read or refused, and fails in no other way"
                150
                (Gen.zip3 seeds cuts (Gen.choose (1, 255)))
                (fun (seed, place, difference) ->
                    let gray, colours = images seed 10 (2, 1, 5, 4), images seed 10 (2, 3, 32, 32)

                    let svhnHeader = Array.truncate 128 (svhn false true colours)

                    let files =
                        [
                            Idx.images, idxImages gray
                            Idx.images, gzip (idxImages gray)
                            Svhn.read, svhn true false colours
                            Svhn.read, svhn false true colours
                            // One array alone, so that many of the bytes are its structure.
                            Svhn.read, Array.append svhnHeader (svhnArrays true colours).[1]
                        ]

                    for read, bytes in files do
                        let at = int (place * float bytes.Length)
                        let broken = Array.updateAt at (bytes[at] ^^^ byte difference) bytes

                        withFile broken (fun path ->
                            try
                                read path |> ignore
                            with BadInput message ->
                                Expect.stringStarts message (path + ": ") "message"))

            testCase "a subset is the first images, and images are found by their index" (fun () ->
                let some = images 1 10 (5, 3, 4, 2)
                let first = Images.subset 2 some
                Expect.equal (Images.count first) 2 "number of images"
                Expect.equal first.Labels some.Labels[..1] "labels"
                Expect.equal ((Images.at 1 first).ToArray()) ((Images.at 1 some).ToArray()) "pixels"
                equal some (Images.subset 9 some)

                equal
                    some
                    (Images.concat [ first; { some with Pixels = some.Pixels[48..]; Labels = some.Labels[2..] } ]))
        ]
