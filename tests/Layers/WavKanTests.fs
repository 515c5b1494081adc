/// Layers of wavelets against their sum written out.
module MetaKan.Tests.WavKanTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.Numeric
open TorchSharp

type private Case = { Wavelet: Wavelet; Rows: int; Inputs: int; Outputs: int; Seed: int }

let private cases =
    gen {
        let! wavelet = Gen.elements Wavelets.all
        let! rows = Gen.choose (0, 6)
        let! inputs = Gen.choose (1, 5)
        let! outputs = Gen.choose (1, 4)
        let! seed = seeds
        return { Wavelet = wavelet; Rows = rows; Inputs = inputs; Outputs = outputs; Seed = seed }
    }

let private x (case: Case) = normal case.Seed [ case.Rows; case.Inputs ]
let private coefficients (case: Case) = normal (case.Seed + 1) [ 3; case.Outputs; case.Inputs ] * 0.5

/// Σ_i w_oi ψ((x_i - t_oi)/s_oi), all at once.
let private direct (case: Case) (c: Tensor) (x: Tensor) =
    let u = (x.unsqueeze 1L - c[1L]) / c[0L].exp()

    let waves =
        match case.Wavelet.Name with
        | "mexican-hat" -> (u * u - 1.0) * (u * u / -2.0).exp() * (2.0 / (sqrt 3.0 * System.Math.PI ** 0.25))
        | "morlet" -> (u * 5.0).cos() * (u * u / -2.0).exp()
        | "dog" -> -u * (u * u / -2.0).exp()
        | "shannon" -> u.sin () / u
        | _ -> case.Wavelet.Value u

    (waves * c[2L]).sum -1L

let tests =
    testList
        "Layers.WavKan"
        [
            property "outputs are sums of scaled and moved wavelets" 60 cases (fun case ->
                let c, x = coefficients case, x case
                close "value" 1e-12 (direct case c x) (WavKan.apply case.Wavelet c x))

            property
                "gradients are central differences"
                60
                (cases |> Gen.filter (fun case -> case.Rows > 0))
                (fun case ->
                    differentiates
                        case.Wavelet.Name
                        1e-5
                        (fun t -> WavKan.apply case.Wavelet t[0] t[1])
                        [ coefficients case; x case ])

            property
                "gradients are those of automatic differentiation, in blocks too"
                15
                (cases |> Gen.filter (fun case -> case.Wavelet.Name <> "meyer"))
                (fun case ->
                    // More than a block of rows.
                    let case = { case with Rows = case.Rows * 70; Inputs = case.Inputs * 1000 }

                    let gradients (f: Tensor -> Tensor -> Tensor) =
                        let c, x = (coefficients case).requires_grad_ true, (x case).requires_grad_ true
                        let y = f c x
                        let cotangent = normal (case.Seed + 2) [ case.Rows; case.Outputs ]
                        List.ofSeq (torch.autograd.grad ([| y |], [| c; x |], [| cotangent |]))

                    List.iter2
                        (close "gradient" 1e-6)
                        (gradients (direct case))
                        (gradients (WavKan.apply case.Wavelet)))

            testCase "a fresh layer is unscaled, in place, and as heavy as the reference's" (fun () ->
                use _ = torch.NewDisposeScope()
                let layer = WavKan.layer Wavelets.mexicanHat 40 30
                Expect.equal layer.Edges [ 30; 40 ] "edges"
                Expect.equal layer.Numbers 3 "numbers"
                Expect.isEmpty (layer.Init (Key.ofSeed 1) Placement.cpu64) "parameters"
                let p = layer.Stored (Key.ofSeed 1) Placement.cpu64
                Expect.equal (Params.count p) (3L * 30L * 40L) "number of parameters"
                let c = layer.Coefficients p
                let bound = 1.0 / sqrt 40.0
                Check.inRange (0.98 * bound) bound (Tensor.item (c[2L].max())) "largest coefficient"
                Check.inRange (-bound) (-0.98 * bound) (Tensor.item (c[2L].min())) "least coefficient"
                let x = normal 1 [ 3; 40 ]
                let expected = torch.matmul (Wavelets.mexicanHat.Value x, c[2L].t())
                close "value" 1e-12 expected (layer.Apply Map.empty c x))
        ]
