/// The two-body solution and the equations posed on it.
module MetaKan.Tests.TwoBodyTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let private bodies = Gen.zip seeds (Gen.choose (2, 8))

let tests =
    testList
        "Pdes.TwoBody"
        [
            Check.theory
                "the solution and its sources are the published ones"
                [ "two-body-4.json"; "two-body-10.json" ]
                (fun file ->
                    use _ = torch.NewDisposeScope()
                    let golden = Golden.read file
                    let column (name: string) = (Golden.tensor (golden.GetProperty name)).unsqueeze -1L
                    let body = TwoBody.ofSeed 7 (golden.GetProperty("dim").GetInt32())
                    let x = Golden.tensor (golden.GetProperty "x")

                    close
                        "coefficients"
                        1e-12
                        (Golden.tensor (golden.GetProperty "c"))
                        (tensor [ body.Coefficients.Length ] (List.ofArray body.Coefficients))

                    close "solution" 1e-6 (column "u") (BallSolution.value body x)
                    let gradient = (Nested.jacobian (BallSolution.value body) x).squeeze 1L
                    close "gradient" 1e-6 (Golden.tensor (golden.GetProperty "gradient")) gradient
                    close "laplacian" 1e-6 (column "laplacian") (BallSolution.laplacian body x)
                    close "Poisson's source" 1e-6 (column "laplacian") (Poisson.source body x)
                    close "Allen–Cahn's source" 1e-6 (column "allen_cahn_source") (AllenCahn.source body x))

            testCase "seeds give the numbers of the reference generator" (fun () ->
                // numpy.random.seed(0); numpy.random.randn(5)
                let expected = [ 1.76405235; 0.40015721; 0.97873798; 2.2408932; 1.86755799 ]
                use _ = torch.NewDisposeScope()

                close
                    "seed 0"
                    1e-8
                    (tensor [ 5 ] expected)
                    (tensor [ 5 ] (List.ofArray (TwoBody.ofSeed 0 6).Coefficients))
                // Past the generator's 624 words, and an odd count.
                let many = (TwoBody.ofSeed 3 4002).Coefficients
                Expect.equal many.Length 4001 "number of coefficients"
                Check.inRange (-0.06) 0.06 (Array.average many) "mean of coefficients"
                Check.inRange 0.93 1.07 (many |> Array.averageBy (fun c -> c * c)) "mean square of coefficients"
                Expect.equal (TwoBody.ofSeed 3 101).Coefficients many[..99] "coefficients")

            property "the closed-form Laplacian is that of the solution" 25 bodies (fun (seed, d) ->
                let x = normal seed [ 6; d ] * 0.5

                for body in [ TwoBody.ofSeed seed d; ThreeBody.ofSeed seed (d + 1) ] do
                    let x =
                        if BallSolution.dimension body = d then x else torch.cat ([| x; x.narrow (1L, 0L, 1L) |], 1L)

                    Expect.equal (BallSolution.dimension body) (int (x.size 1)) "dimension"

                    close
                        "laplacian"
                        1e-9
                        (Nested.laplacian (BallSolution.value body) x)
                        (BallSolution.laplacian body x))

            testCase "many dimensions are summed in stretches" (fun () ->
                use _ = torch.NewDisposeScope()
                let d = 3000
                let body = TwoBody.ofSeed 1 d
                // More points make shorter stretches.
                let few = normal 1 [ 2; d ] * 0.01
                let many = torch.cat [| few; normal 2 [ 1500; d ] * 0.01 |]
                close "value" 1e-11 (BallSolution.value body few) ((BallSolution.value body many).narrow(0L, 0L, 2L))

                close
                    "laplacian"
                    1e-11
                    (BallSolution.laplacian body few)
                    ((BallSolution.laplacian body many).narrow(0L, 0L, 2L)))

            testCase "the three-body solution is the published one" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = tensor [ 1; 4 ] [ 0.1; -0.2; 0.3; 0.4 ]
                let c = (ThreeBody.ofSeed 0 4).Coefficients
                Expect.equal c (TwoBody.ofSeed 0 3).Coefficients "coefficients"
                let expected = (1.0 - 0.3) * (c[0] * exp (-0.006) + c[1] * exp (-0.024))
                close "value" 1e-12 (tensor [ 1; 1 ] [ expected ]) (BallSolution.value (ThreeBody.ofSeed 0 4) x))

            property "the exact solution leaves no residual, others do" 15 bodies (fun (seed, d) ->
                let body = TwoBody.ofSeed seed d
                let x = normal (seed + 1) [ 6; d ] * 0.4

                for problem in [ Poisson.problem body; AllenCahn.problem body; SineGordon.problem body ] do
                    let residual (u: Tensor -> Tensor) =
                        problem.Equations.Head.Residual
                        |> Term.evaluate x (fun leaf ->
                            match leaf with
                            | Term.Field(_, []) -> u x
                            | Term.Squares(_, terms) when terms.Length = d -> Nested.laplacian u x
                            | other -> Term.atPoints problem.Coordinates x other)

                    let size f = Tensor.item ((f: Tensor).abs().max())
                    let exact = problem.Exact.Value

                    Check.inRange
                        0.0
                        1e-10
                        (size (residual exact) / (1.0 + size (BallSolution.laplacian body x)))
                        "size of residual"

                    Expect.isTrue (size (residual (fun x -> 1.1 * exact x)) > 1e-6) "residual of another function"
                    Expect.equal problem.Coordinates.Length d "dimension")

            property "the constraint holds every network to zero on the sphere" 10 bodies (fun (seed, d) ->
                let problem = AllenCahn.problem (TwoBody.ofSeed seed d)
                let model = Mlp.create [ d; 4; 1 ]
                let p = model.Init (Key.ofSeed seed) Placement.cpu64
                let inside = problem.Domain.Sample (Key.ofSeed seed) Placement.cpu64 8
                let surface = inside / (inside * inside).sum(1L, keepdim = true).sqrt()
                let u = Problem.solution problem model p
                Check.inRange 0.0 1e-13 (Tensor.item ((u surface).abs().max())) "largest on the sphere"

                Check.inRange
                    0.0
                    1e-12
                    (Tensor.item ((BallSolution.value (TwoBody.ofSeed seed d) surface).abs().max()))
                    "largest of the solution on the sphere"

                let bound = 1.0 - (inside * inside).sum(1L, keepdim = true)
                close "inside" 1e-12 (bound * model.Apply p inside) (u inside))
        ]
