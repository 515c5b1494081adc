/// The colours of pictures, as colour-blind eyes and gray printers have them.
module MetaKan.Tests.PaletteTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests

/// Red, green and blue as light, 0 … 1 each (sRGB, IEC 61966-2-1).
let private light (rgb: byte[]) : float[] =
    rgb
    |> Array.map (fun byte ->
        let x = float byte / 255.0
        if x <= 0.04045 then x / 12.92 else ((x + 0.055) / 1.055) ** 2.4)

let private ofHex (colour: string) : float[] =
    let digits = colour.TrimStart '#'
    let digits = if digits.Length = 3 then digits |> String.collect (fun c -> String(c, 2)) else digits
    light (Convert.FromHexString digits)

let private times (matrix: float list list) (v: float[]) : float[] =
    [| for row in matrix -> List.map2 (*) row (List.ofArray v) |> List.sum |]

/// What is left of light for eyes without cones of a kind (Machado, Oliveira and Fernandes 2009, severity 1).
let private eyes =
    [
        "all cones", [ [ 1.0; 0.0; 0.0 ]; [ 0.0; 1.0; 0.0 ]; [ 0.0; 0.0; 1.0 ] ]
        "protanopia",
        [
            [ 0.152286; 1.052583; -0.204868 ]
            [ 0.114503; 0.786281; 0.099216 ]
            [ -0.003882; -0.048116; 1.051998 ]
        ]
        "deuteranopia",
        [
            [ 0.367322; 0.860646; -0.227968 ]
            [ 0.280085; 0.672501; 0.047413 ]
            [ -0.011820; 0.042940; 0.968881 ]
        ]
        "tritanopia",
        [
            [ 1.255528; -0.076749; -0.178779 ]
            [ -0.078411; 0.930809; 0.147602 ]
            [ 0.004733; 0.691367; 0.303900 ]
        ]
    ]

/// CIE L*, a*, b* of light, white being D65.
let private lab (rgb: float[]) : float[] =
    let xyz =
        times
            [
                [ 0.4124564; 0.3575761; 0.1804375 ]
                [ 0.2126729; 0.7151522; 0.0721750 ]
                [ 0.0193339; 0.1191920; 0.9503041 ]
            ]
            rgb

    let f =
        Array.map2
            (fun v white -> let t = v / white in if t > 0.008856 then Math.Cbrt t else 7.787 * t + 16.0 / 116.0)
            xyz
            [| 0.95047; 1.0; 1.08883 |]

    [| 116.0 * f[1] - 16.0; 500.0 * (f[0] - f[1]); 200.0 * (f[1] - f[2]) |]

let private distance (a: float[]) (b: float[]) = Array.map2 (fun x y -> (x - y) ** 2.0) a b |> Array.sum |> sqrt

let private luminance rgb = Array.map2 (*) [| 0.2126; 0.7152; 0.0722 |] rgb |> Array.sum

/// The ratio by which the lighter of two colours stands out (WCAG 2).
let private contrast a b =
    let a, b = luminance (ofHex a), luminance (ofHex b)
    (max a b + 0.05) / (min a b + 0.05)

let private pages = [ "light", fst; "dark", snd ]

let tests =
    testList
        "Training.Palette"
        [
            for page, choose in pages do
                for eye, matrix in eyes do
                    testCase $"colours on a {page} page stay apart: {eye}" (fun () ->
                        let seen =
                            [
                                for pair in Palette.categories ->
                                    ofHex (choose pair)
                                    |> times matrix
                                    |> Array.map (fun x -> Math.Clamp(x, 0.0, 1.0))
                                    |> lab
                            ]

                        for i, a in List.indexed seen do
                            for b in List.truncate i seen do
                                // Two are a difference that is just seen.
                                Expect.isGreaterThan (distance a b) 15.0 $"colour {i}")

                testCase $"colours and text stand out from a {page} page" (fun () ->
                    let ground = choose Palette.ground
                    Expect.isGreaterThan (contrast (choose Palette.text) ground) 7.0 "text"

                    for i, pair in List.indexed Palette.categories do
                        // 3 is what graphics take; orange alone, the last, is fainter on white.
                        let least = if i < Palette.categories.Length - 1 then 3.0 else 2.0
                        Expect.isGreaterThan (contrast (choose pair) ground) least $"colour {i}")

            testCase "a field grows lighter by even steps, for all eyes" (fun () ->
                for eye, matrix in eyes do
                    let shade share = (lab (times matrix (light (Array.truncate 3 (Palette.field share)))))[0]

                    let steps =
                        [ for i in 0..20 -> shade (float i / 20.0) ] |> List.pairwise |> List.map (fun (a, b) -> b - a)

                    Check.inRange 2.0 6.5 (List.min steps) $"least step: {eye}"
                    Check.inRange 2.0 6.5 (List.max steps) $"largest step: {eye}")

            testProperty
                "shares beyond the range have its ends' colours, and no number is transparent"
                (fun (share: float) ->
                    let colour = Palette.field share

                    if Double.IsNaN share then Expect.equal colour[3] 0uy "transparent"
                    elif share <= 0.0 then Expect.equal colour (Palette.field 0.0) "low end"
                    elif share >= 1.0 then Expect.equal colour (Palette.field 1.0) "high end"
                    else Expect.equal colour[3] 255uy "opaque")

            testCase "every picture has these colours and no others" (fun () ->
                let series i : Series = { Name = $"{i}"; Mark = Mark.Line; Points = [| 0.0, float i; 1.0, 2.0 |] }
                let axis: Axis = { Label = "x"; Scale = Scale.Linear }

                let svg =
                    Plot.chart
                        {
                            Title = "a"
                            Description = "b"
                            X = axis
                            Y = axis
                            Series = List.init (Palette.categories.Length + 1) series
                        }

                let known =
                    [ Palette.text; Palette.ground; yield! Palette.categories ]
                    |> List.collect (fun (a, b) -> [ a; b ])

                let found =
                    [ for hit in Text.RegularExpressions.Regex.Matches(svg, "#[0-9a-f]{3,6}") -> hit.Value ]
                    |> List.distinct

                Expect.equal (List.sort found) (List.sort (List.distinct known)) "colours")
        ]
