/// Mother wavelets against their formulas, and their slopes.
module MetaKan.Tests.WaveletsTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.Numeric
open TorchSharp

let private formula (name: string) (u: float) =
    let bell = exp (-u * u / 2.0)

    match name with
    | "mexican-hat" -> 2.0 / (sqrt 3.0 * Math.PI ** 0.25) * (u * u - 1.0) * bell
    | "morlet" -> cos (5.0 * u) * bell
    | "dog" -> -u * bell
    | "meyer" ->
        let v = abs u
        let nu t = t ** 4.0 * (35.0 - 84.0 * t + 70.0 * t ** 2.0 - 20.0 * t ** 3.0)

        let envelope =
            if v <= 0.5 then 1.0
            elif v >= 1.0 then 0.0
            else cos (Math.PI / 2.0 * nu (2.0 * v - 1.0))

        sin (Math.PI * v) * envelope
    | "shannon" -> if u = 0.0 then 1.0 else sin u / u
    | other -> failwith other

/// Anywhere, with points where the forms change.
let private points seed =
    torch.cat (
        [|
            uniform seed (-4.0, 4.0) [ 40; 1 ]
            uniform seed (-0.6, 0.6) [ 40; 1 ]
            tensor [ 5; 1 ] [ 0.0; 0.5; -0.5; 1.0; -1.0 ]
        |]
    )

let private wavelets = Gen.zip (Gen.elements Wavelets.all) seeds

let tests =
    testList
        "Layers.Wavelets"
        [
            property "values are those of the formulas" 40 wavelets (fun (wavelet, seed) ->
                let u = points seed
                let kept = u.clone ()
                let expected = tensor [ 85; 1 ] [ for u in Tensor.toArray u -> formula wavelet.Name u ]
                close "value" 1e-12 expected (wavelet.Value u)
                close "value beside the slope" 1e-12 expected (fst (wavelet.WithSlope u))
                close "what was given" 0.0 kept u)

            property "slopes are central differences" 40 wavelets (fun (wavelet, seed) ->
                let u = uniform seed (-4.0, 4.0) [ 60; 2 ]
                // Meyer's wavelet has a corner at 0.
                let u = u + u.sign () * 1e-3
                let h = 1e-5
                let expected = (wavelet.Value(u + h) - wavelet.Value(u - h)) / (2.0 * h)
                close "slope" 1e-8 expected (snd (wavelet.WithSlope u)))

            property "each is even or odd, and its slope the other" 20 wavelets (fun (wavelet, seed) ->
                let u = points seed
                let sign = if wavelet.Name = "dog" then -1.0 else 1.0
                close "value" 1e-13 (wavelet.Value u * sign) (wavelet.Value -u)
                close "slope" 1e-13 (snd (wavelet.WithSlope u) * -sign) (snd (wavelet.WithSlope -u)))

            testCase "names are told apart" (fun () ->
                Expect.equal
                    (Wavelets.all |> List.map _.Name)
                    [ "mexican-hat"; "morlet"; "dog"; "meyer"; "shannon" ]
                    "names")
        ]
