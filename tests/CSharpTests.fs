/// Settings made in C# (tests/CSharp) are the ones that F# writes.
module MetaKan.Tests.CSharpTests

open Expecto
open MetaKan
open MetaKan.Fitting
open MetaKan.Images
open MetaKan.Pdes
open MetaKan.Tests.CSharp

// Placements have no equality, their JSON has.
let private same (actual: 'settings) (expected: 'settings) =
    let json (settings: 'settings) = (Configuration.node settings).ToJsonString()
    Expect.equal (json actual) (json expected) "settings"

let tests =
    testList
        "CSharp"
        [
            testCase "what is left out is as in the defaults" (fun () ->
                let struct (solve, fit, classify) = Calls.Defaults()
                same solve SolveSettings.defaults
                same fit FitSettings.defaults
                same classify (ClassifySettings.defaults "fmnist" (Architecture.published "conv4" "kan")))

            testCase "what is named is set" (fun () ->
                let solve = SolveSettings.defaults

                same
                    (Calls.Solve())
                    { solve with
                        Epochs = 300
                        Collocation = { solve.Collocation with Laplacian = LaplacianMethod.Sdgd 3 }
                        Schedule = Annealing.Cosine
                        Seed = 7
                        Emphasis =
                            { Emphasis.none with
                                Balance = Balance.Ntk
                                Causal = Some { Epsilon = 2.0; Slices = 8 }
                                Every = 50
                            }
                    }

                same
                    (Calls.Fit())
                    { FitSettings.defaults with Steps = [ 20; 50 ]; Prune = Some { Node = 0.1; Edge = 0.2 }; Seed = 3 }


                let network = { Architecture.published "fc" "kan" with Meta = true; Width = [ 16; 8 ] }

                same
                    (Calls.Classify())
                    { ClassifySettings.defaults "fmnist" network with Epochs = 2; Data = Some "images"; Flip = true }

                same
                    (Calls.MetaLearner())
                    { EmbeddingDim = 1; HiddenDim = 16; Sharing = GeneratorSharing.Shared; Chunk = None })
        ]
