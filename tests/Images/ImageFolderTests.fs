/// Images in folders named by their classes.
module MetaKan.Tests.Images.ImageFolderTests

open System.IO
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric

/// A picture of one colour.
let private picture (shade: int) = Bitmap.png 2 (Array.init 16 (fun i -> if i % 4 = 3 then 255uy else byte shade))

let private write (root: string) (files: (string * int) list) =
    for path, shade in files do
        let path = Path.Combine(root, path)
        Directory.CreateDirectory(Path.GetDirectoryName path) |> ignore
        File.WriteAllBytes(path, picture shade)

let private load = ImageFolder.load (1, 2, 2)

/// Each image's shade and the name of its class.
let private shades (set: ImageSet) (images: Images) =
    [
        for i in 0 .. Images.count images - 1 -> int (Images.at i images).[0], set.Classes[images.Labels[i]]
    ]

let private refused (start: string) (root: string) =
    let message = messageOf<BadInput>(fun () -> load root |> ignore)
    Expect.stringStarts message start "message"
    Check.lacks message "\n" "message"

let tests =
    testList
        "Images.ImageFolder"
        [
            property
                "every image is in one half, under its class, and a fifth of each class is held out"
                20
                (Gen.listOfLength 3 (Gen.choose (2, 23)))
                (fun counts ->
                    withFolder (fun root ->
                        let files =
                            [
                                for label, count in List.indexed counts do
                                    for n in 0 .. count - 1 -> $"class {label}/{n:D3}.png", 80 * label + n
                            ]

                        write root files
                        File.WriteAllText(Path.Combine(root, "class 0", ".hidden"), "no image")
                        File.WriteAllText(Path.Combine(root, "readme.txt"), "no class")
                        let set = load root
                        Expect.equal set.Classes [ "class 0"; "class 1"; "class 2" ] "classes"

                        let all =
                            shades set set.Train @ shades set set.Test
                            |> List.sort
                            |> List.map (fun (shade, name) -> name, shade)

                        Expect.equal all [ for path, shade in files -> Path.GetDirectoryName path, shade ] "all"

                        for label, count in List.indexed counts do
                            let held = set.Test.Labels |> Array.filter ((=) label) |> Array.length
                            Expect.equal held (max 1 (count / 5)) "held out"

                        Expect.equal (load root) set "again"))

            testCase "folders train and test are the halves" (fun () ->
                withFolder (fun root ->
                    write
                        root
                        [
                            "train/b/1.png", 1
                            "train/a/2.png", 2
                            "train/c/3.png", 3
                            "test/c/4.png", 4
                            "test/a/5.png", 5
                        ]

                    let set = load root
                    Expect.equal set.Classes [ "a"; "b"; "c" ] "classes"
                    Expect.equal (shades set set.Train) [ 2, "a"; 1, "b"; 3, "c" ] "train"
                    Expect.equal (shades set set.Test) [ 5, "a"; 4, "c" ] "test"))

            testCase "images come in the channels and the size that are asked for" (fun () ->
                withFolder (fun root ->
                    write root [ "a/1.png", 1; "a/2.png", 2; "b/1.png", 3; "b/2.png", 4 ]
                    let set = ImageFolder.load (3, 5, 4) root

                    Expect.equal
                        (Images.kind set)
                        { Channels = 3; Height = 5; Width = 4; Classes = [ "a"; "b" ] }
                        "kind"

                    Expect.equal set.Train.Pixels.Length (2 * 3 * 5 * 4) "pixels"))

            testCase "what is no data set is refused by its place" (fun () ->
                withFolder (fun root ->
                    let at (name: string) = Path.Combine(root, name)
                    refused (at "nowhere") (at "nowhere")
                    write (at "one") [ "a/1.png", 1; "a/2.png", 2 ]
                    refused $"""{at "one"}: a data set has two folders or more""" (at "one")
                    write (at "empty") [ "a/1.png", 1; "a/2.png", 2 ]
                    Directory.CreateDirectory(at "empty/b") |> ignore
                    refused (at "empty/b") (at "empty")
                    write (at "single") [ "a/1.png", 1; "a/2.png", 2; "b/1.png", 3 ]
                    refused (at "single/b") (at "single")
                    write (at "foreign") [ "train/a/1.png", 1; "train/b/2.png", 2; "test/c/1.png", 3 ]
                    refused (at "foreign/test/c") (at "foreign")
                    write (at "text") [ "a/1.png", 1; "a/2.png", 2; "b/1.png", 1; "b/2.png", 2 ]
                    File.WriteAllText(at "text/b/3.txt", "no image")
                    refused (at "text/b/3.txt") (at "text")))
        ]
