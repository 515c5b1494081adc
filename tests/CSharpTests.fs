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

/// The terms of Calls.Terms in F#'s language.
let private terms: Map<string, Term> =
    let x, y, t, u = coordinate "x", coordinate "y", coordinate "t", field "u"

    Map
        [
            "d u [ x; x; t ]", d u [ x; x; t ]
            "laplacian u [ x; y ]", laplacian u [ x; y ]
            "laplacian (u * u) [ x; y ]", laplacian (u * u) [ x; y ]
            "(grad u [ x; y ])[1]", (grad u [ x; y ])[1]
            "div [ u; x * u ] [ x; y ]", div [ u; x * u ] [ x; y ]
            "(hessian u [ x; y ])[0][1]", d u [ x; y ]
            "u - at [ x, number -1.0 ] u", u - at [ x, number -1.0 ] u
            "integral x (number 0.0, t) u", integral x (number 0.0, t) u
            "normalDerivative u [ x; y ] + normal x", normalDerivative u [ x; y ] + normal x
            "mean (parameter \"k\" * u ** 3.0)", mean (parameter "k" * u ** 3.0)
            "exp -t * sin (2.0 * x) / sqrt (1.0 + y)", exp -t * sin (2.0 * x) / sqrt (1.0 + y)
        ]

let tests =
    testList
        "CSharp"
        [
            testCase "equations are those of F#'s language" (fun () ->
                let written = Calls.Terms() |> Seq.map (fun struct (term, name) -> name, term) |> List.ofSeq
                Expect.equal (List.length written) terms.Count "terms"

                for name, term in written do
                    Expect.equal $"%A{term}" $"%A{terms[name]}" name)

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

                same (Calls.Natural()) { SolveSettings.natural with Epochs = 5 }

                same
                    (Calls.Symbolic())
                    { FitSettings.defaults with
                        Symbolic = Some { SymbolicEdges.defaults with Library = [ "x"; "sin" ] }
                    }

                same
                    (Calls.Fit())
                    { FitSettings.defaults with Steps = [ 20; 50 ]; Prune = Some { Node = 0.1; Edge = 0.2 }; Seed = 3 }


                let network = { Architecture.published "fc" "kan" with Meta = true; Width = [ 16; 8 ] }

                same
                    (Calls.Classify())
                    { ClassifySettings.defaults "fmnist" network with Epochs = 2; Data = Some "images"; Flip = true }

                same
                    (Calls.Generated())
                    { Architecture.generated (Architecture.published "conv4" "kan") with HeadDropout = 0.25 }

                same
                    (Calls.MetaLearner())
                    { EmbeddingDim = 1; HiddenDim = 16; Sharing = GeneratorSharing.Shared; Chunk = None })
        ]
