/// Diffusion with a reaction: its reference, against published values, and what it is anywhere.
module MetaKan.Tests.SemilinearDiffusionTests

open Expecto
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let tests =
    testList
        "Pdes.SemilinearDiffusion"
        [
            Check.theory
                "at the origin the reference is as published, to the published digits' error"
                [
                    // By multilevel Picard iteration: Shi et al., STDE; of u - u³ by branching diffusion: Han, Jentzen, E.
                    "heat", 10, 0.47006
                    "heat", 1000, 0.28753
                    "sine-Gordon", 10, 0.3229470
                    "sine-Gordon", 10000, 0.0005621
                    "Allen-Cahn", 100, 0.0528
                ]
                (fun (name, d, value) ->
                    use _ = torch.NewDisposeScope()

                    let problem =
                        match name with
                        | "heat" -> SemilinearDiffusion.heat d
                        | "sine-Gordon" -> SemilinearDiffusion.sineGordon d
                        | _ -> SemilinearDiffusion.allenCahn d

                    let u = problem.Exact.Value(torch.zeros (1L, int64 (d + 1), dtype = torch.float64))
                    Check.near (1.2e-3 * value) (Tensor.item u) value "u")

            testCase "it depends on the distance and the time alone, and is the end's value at the end" (fun () ->
                use _ = torch.NewDisposeScope()
                let exact = (SemilinearDiffusion.heat 3).Exact.Value
                let at (x: float list) t = tensor [ 1; 4 ] (x @ [ t ]) |> exact
                close "turned" 1e-12 (at [ 0.3; 0.0; 0.4 ] 0.1) (at [ 0.0; -0.5; 0.0 ] 0.1)
                close "end" 1e-9 (tensor [ 1; 1 ] [ 5.0 / 10.5 ]) (at [ 0.5; 0.0; 0.0 ] 0.3))
        ]
