/// The confusion matrix and the contact sheet: what they show is what was counted.
module MetaKan.Tests.Images.PicturesTests

open System
open System.Xml.Linq
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests
open MetaKan.Tests.Images.Fixtures
open MetaKan.Tests.Numeric

let private elements (name: string) (svg: string) =
    (XElement.Parse svg).Descendants() |> Seq.filter (fun e -> e.Name.LocalName = name) |> List.ofSeq

let private texts svg = elements "text" svg |> List.map _.Value

let tests =
    testList
        "Images.Pictures"
        [
            property
                "the confusion matrix counts each pair of classes"
                30
                (Gen.listOf (Gen.zip (Gen.choose (0, 4)) (Gen.choose (0, 4))))
                (fun pairs ->
                    let labels, predictions = List.unzip pairs
                    let counts = Confusion.counts 5 (Array.ofList labels) (Array.ofList predictions)

                    for i in 0..4 do
                        for j in 0..4 do
                            Expect.equal counts[i, j] (pairs |> List.filter ((=) (i, j)) |> List.length) "counts")

            testCase "the matrix's picture has the names, the counts and each class's recall" (fun () ->
                let classes = [ "cat"; "dog & co"; "T-shirt/top" ]
                let svg = Confusion.svg classes (array2D [ [ 7; 2; 1 ]; [ 0; 4; 0 ]; [ 0; 0; 0 ] ])
                let shown = texts svg
                Expect.contains shown "Confusion matrix: accuracy 78.6 % of 14" "title"

                for name in classes do
                    Expect.equal (shown |> List.filter ((=) name) |> List.length) 2 "times shown"

                Expect.equal (shown |> List.filter (Seq.forall Char.IsDigit)) [ "7"; "2"; "1"; "4" ] "counts"
                Expect.equal (shown |> List.filter _.EndsWith("%")) [ "70.0 %"; "100.0 %" ] "recalls"
                Expect.contains (elements "title" svg |> List.map _.Value) "cat taken for dog & co: 2" "title")

            testCase "a matrix of many classes, or of nothing, is drawn" (fun () ->
                let classes = List.init 100 (fun i -> $"class {i}")
                let counts = Array2D.init 100 100 (fun i j -> if i = j then 50 else (i + j) % 2)
                let svg = Confusion.svg classes counts
                // The page, and a square for each pair that occurs.
                Expect.equal
                    ((elements "rect" svg).Length)
                    (1 + (counts |> Seq.cast<int> |> Seq.filter (fun n -> n > 0) |> Seq.length))
                    "number of boxes"

                Check.lacks svg "NaN" "picture"
                Check.lacks (Confusion.svg [ "a"; "b" ] (Array2D.zeroCreate 2 2)) "NaN" "picture")

            property
                "the contact sheet shows each image with what it is and what it was taken for"
                20
                (Gen.zip3 (Gen.elements [ 1; 3 ]) (Gen.choose (1, 5)) seeds)
                (fun (channels, columns, seed) ->
                    let some = images seed 3 (4, channels, 6, 5)
                    let classes = [ "cat"; "dog <big>"; "a name that is much too long" ]
                    let svg = Contact.sheet classes columns [ 2, 0; 1, 1; 3, 2 ] some
                    let drawn = elements "image" svg
                    Expect.equal drawn.Length 3 "number of pictures"

                    let names = [ "cat"; "dog <big>"; "a name that is m…" ]

                    let expected =
                        [
                            for index, predicted in [ 2, 0; 1, 1; 3, 2 ] do
                                names[some.Labels[index]]
                                names[predicted]
                        ]

                    Expect.equal ((texts svg)[2..]) expected "texts"

                    // The images themselves, as the reader of PNG files sees them.
                    MetaKan.Tests.Folder.withFolder (fun folder ->
                        let href = drawn.Head.Attribute(XName.Get "href").Value.Replace("data:image/png;base64,", "")
                        let path = IO.Path.Combine(folder, "image.png")
                        IO.File.WriteAllBytes(path, Convert.FromBase64String href)
                        let back = ImageFiles.read path (channels, 6, 5)
                        Expect.equal back.Pixels ((Images.at 2 some).ToArray()) "pixels"))

            testCase "a sheet without images says so" (fun () ->
                Expect.contains (texts (Contact.sheet [ "a" ] 5 [] (images 1 1 (1, 1, 2, 2)))) "none" "texts")
        ]
