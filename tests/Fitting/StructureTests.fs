/// Which inputs of a function act together, and how.
module MetaKan.Tests.StructureTests

open Expecto
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open MetaKan.Tests.Numeric
open TorchSharp

let private names = [ "x"; "y"; "z" ]

let private ofFormula (text: string) (x: Tensor) = (FormulaFit.values names x (Parser.expression text)).unsqueeze 1L

let tests =
    testList
        "Fitting.Structure"
        [
            testCase
                "sums have no interactions, products have no others than factors, and symmetric inputs may be exchanged"
                (fun () ->
                    let xy, xz, yz = (0, 1), (0, 2), (1, 2)

                    // Pairs that interact, that no product sets apart, and that cannot be exchanged.
                    for formula, acting, inseparable, asymmetric in
                        [
                            "x^2 + sin(y) + z", [], [ xy; xz; yz ], [ xy; xz; yz ]
                            "x*y + z", [ xy ], [ xy; xz; yz ], [ xz; yz ]
                            "x*exp(y)/z", [ xy; xz; yz ], [], [ xy; xz; yz ]
                            "(x + y)*z", [ xz; yz ], [ xy ], [ xz; yz ]
                            "x*y*z", [ xy; xz; yz ], [], []
                            "3", [], [], []
                        ] do
                        use _ = torch.NewDisposeScope()
                        let x = uniform 1 (0.5, 2.0) [ 400; 3 ]
                        let f = ofFormula formula

                        for name, (found: float[,]), expected in
                            [
                                "interactions", Structure.interactions f x, acting
                                "factors", Structure.factors f x, inseparable
                                "asymmetries", Structure.asymmetries f x, asymmetric
                            ] do
                            for i, j in [ xy; xz; yz ] do
                                Expect.equal found[i, j] found[j, i] "both ways"

                                if List.contains (i, j) expected then
                                    Check.inRange 5e-3 10.0 found[i, j] $"{name} of {formula} at {i}, {j}"
                                else
                                    Check.inRange 0.0 1e-12 found[i, j] $"{name} of {formula} at {i}, {j}")
        ]
