/// Reference solutions: each satisfies its equation, its initial and boundary values, and has what is known of it.
module MetaKan.Tests.ReferenceTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

/// Points (x, t) [n, 2] that are uniform in a box.
let private points seed n x t = torch.cat ([| uniform seed x [ n; 1 ]; uniform (seed + 1) t [ n; 1 ] |], 1L)

/// Points (x, t) for a list of x, at one time.
let private atTime (t: float) (x: Tensor) = torch.stack ([| x; torch.full_like (x, t.ToScalar()) |], 1L)

let private column i (t: Tensor) = t.narrow (1L, int64 i, 1L)

let private largest (t: Tensor) = Tensor.item (t.abs().max())

let private rootMeanSquare (t: Tensor) = Tensor.item ((t * t).mean().sqrt())

let private agree what tolerance (f: Tensor -> Tensor) (g: Tensor -> Tensor) x =
    Check.inRange 0.0 tolerance (rootMeanSquare (f x - g x)) what

/// Central differences of order 4 along coordinate i, first and second.
let private differences (h: float) (f: Tensor -> Tensor) (i: int) (x: Tensor) =
    let step = torch.zeros_like x
    step.select(1L, int64 i).fill_(h.ToScalar()) |> ignore
    let at (n: float) = f (x + n * step)
    let near, far = at 1.0, at 2.0
    let near', far' = at -1.0, at -2.0

    (8.0 * (near - near') - (far - far')) / (12.0 * h),
    (16.0 * (near + near') - (far + far') - 30.0 * f x) / (12.0 * h * h)

/// That a sum of terms is small beside the largest of them.
let private vanishes what tolerance (terms: Tensor list) =
    let size = terms |> List.map largest |> List.max
    Check.inRange 0.0 (tolerance * size) (largest (List.reduce (fun a b -> a + b) terms)) what

/// The Fourier coefficients of u_t and of what it should be, for the lowest modes, at a time: `right` sees spatial derivatives
/// of the fields [fields, n] at n places.
let private evolves
    what
    tolerance
    (evolution: Evolution)
    modes
    (f: Tensor -> Tensor)
    (right: Tensor -> (int -> Tensor) -> Tensor)
    time
    =
    let n = evolution.Modes
    let step = evolution.Length / float n
    let x = torch.arange (n, dtype = torch.float64) * step + evolution.Low
    let fields (t: float) = (f (atTime t x)).t().contiguous()
    let h = 2e-4 * evolution.Span

    let slope =
        (8.0 * (fields (time + h) - fields (time - h)) - (fields (time + 2.0 * h) - fields (time - 2.0 * h)))
        / (12.0 * h)

    let u = fields time
    let k = torch.fft.fftfreq (int64 n, step, dtype = torch.float64) * (2.0 * Math.PI)
    let factor = torch.complex (torch.zeros_like k, k)

    let derivative order = (torch.fft.ifft (torch.fft.fft_ u * factor.pow ((float order).ToScalar()))).real

    let lowest (u: Tensor) = (torch.fft.fft_ u).narrow(1L, 0L, int64 modes)
    let expected = lowest (right u derivative)
    let size = largest expected
    Check.inRange (1e-3 * float n) infinity size $"{what}: size"
    Check.inRange 0.0 (tolerance * size) (largest (lowest slope - expected)) what

let private kdv = Periodic.kortewegDeVries
let private kdvFields = Spectral.fields kdv
let private wave = Periodic.schroedinger
let private waveFields = Spectral.fields wave
let private allenCahn = Periodic.allenCahn
let private allenCahnFields = Periodic.allenCahnFields allenCahn
let private start (x: Tensor) = -torch.sin(Math.PI * x)

let private flames = Periodic.kuramotoSivashinsky (5.0, 0.5, 0.005) (-1.0, 1.0) 1.0 start

let private flameFields = Spectral.fields flames

/// The integral over a period.
let private integral (evolution: Evolution) (u: Tensor) = evolution.Length * Tensor.item (u.mean ())

/// Evenly spaced places of one period.
let private places (evolution: Evolution) n =
    torch.arange (int n, dtype = torch.float64) * (evolution.Length / float n) + evolution.Low

let private evolutions =
    testList
        "evolutions"
        [
            testCase "they satisfy their equations" (fun () ->
                for time in [ 0.11; 0.52; 0.93 ] do
                    evolves "KdV" 1e-5 kdv 80 kdvFields (fun u d -> -u * d 1 - 0.022 ** 2.0 * d 3) time

                    let flame (u: Tensor) (d: int -> Tensor) = -5.0 * u * d 1 - 0.5 * d 2 - 0.005 * d 4
                    evolves "Kuramoto–Sivashinsky" 1e-4 flames 60 flameFields flame time

                    let phases (u: Tensor) (d: int -> Tensor) = 1e-4 * d 2 + 5.0 * u - 5.0 * u * u * u
                    evolves "Allen–Cahn" 1e-5 allenCahn 300 allenCahnFields phases time

                    let rotated (h: Tensor) = torch.stack ([| -h[1]; h[0] |], 0L)
                    let schroedinger (h: Tensor) (d: int -> Tensor) = rotated (0.5 * d 2 + (h * h).sum 0L * h)
                    evolves "Schrödinger" 1e-3 wave 20 waveFields schroedinger time)

            testCase "they start as given" (fun () ->
                let x = uniform 3 (-1.0, 1.0) [ 200 ]
                let at (f: Tensor -> Tensor) = (f (atTime 0.0 x)).squeeze 1L
                close "KdV" 1e-9 (torch.cos (Math.PI * x)) (at kdvFields)
                close "Kuramoto–Sivashinsky" 1e-9 (start x) (at flameFields)
                // The kink at the ends of the period is met too.
                close "Allen–Cahn" 1e-7 (x * x * torch.cos (Math.PI * x)) (at allenCahnFields)
                let h = waveFields (atTime 0.0 (5.0 * x))
                close "Schrödinger" 1e-4 (2.0 / torch.cosh (5.0 * x)) (h.select (1L, 0L))
                Check.inRange 0.0 1e-12 (largest (column 1 h)) "imaginary part")

            testCase "they have their period, and other steps and modes give the same" (fun () ->
                let x = points 5 400 (-1.0, 1.0) (0.0, 1.0)
                let wide = points 5 400 (-5.0, 5.0) (0.0, wave.Span)

                let moved (length: float) (x: Tensor) = torch.cat ([| column 0 x + length; column 1 x |], 1L)

                close "KdV's period" 1e-12 (kdvFields x) (kdvFields (moved 2.0 x))
                close "Allen–Cahn's period" 1e-12 (allenCahnFields x) (allenCahnFields (moved -2.0 x))
                close "Schrödinger's period" 1e-12 (waveFields wide) (waveFields (moved 10.0 wide))

                let coarse (e: Evolution) = { e with Modes = 3 * e.Modes / 4; Steps = e.Steps / 2 }

                agree "KdV" 1e-6 (Spectral.fields (coarse kdv)) kdvFields x
                agree "Kuramoto–Sivashinsky" 3e-6 (Spectral.fields (coarse flames)) flameFields x
                agree "Allen–Cahn" 1e-8 (Periodic.allenCahnFields (coarse allenCahn)) allenCahnFields x
                agree "Schrödinger" 5e-5 (Spectral.fields (coarse wave)) waveFields wide)

            testCase "KdV keeps mass, momentum and energy, Kuramoto–Sivashinsky its mean" (fun () ->
                let x = places kdv 512

                for time in [ 0.0; 0.3; 1.0 ] do
                    let u = kdvFields (atTime time x)
                    let ux = fst (differences 2e-3 kdvFields 0 (atTime time x))
                    Check.near 1e-9 (integral kdv u) 0.0 "mass"
                    Check.near 1e-6 (integral kdv (u * u)) 1.0 "momentum"
                    let energy = integral kdv (u * u * u / 3.0 - 0.022 ** 2.0 * ux * ux)
                    Check.near 1e-4 energy (-(0.022 ** 2.0) * Math.PI * Math.PI) "energy"
                    Check.near 1e-9 (integral flames (flameFields (atTime time x))) 0.0 "mean")

            testCase "Schrödinger keeps its mass and peaks at 4" (fun () ->
                let size t x =
                    let h = waveFields (atTime t x)
                    (h * h).sum 1L

                for time in [ 0.0; 0.4; wave.Span ] do
                    Check.near 1e-6 (integral wave (size time (places wave 1000))) (8.0 * tanh 5.0) "mass"

                let middle = torch.zeros ([| 1L |], dtype = torch.float64)
                Check.near 1e-6 (Tensor.item ((size 0.0 middle).sqrt())) 2.0 "at the start"
                // On the whole line it would be 4 exactly.
                Check.near 1e-2 (Tensor.item ((size (Math.PI / 4.0) middle).sqrt())) 4.0 "at the peak")

            testCase "Allen–Cahn stays even, between -1 and 1" (fun () ->
                let x = points 8 300 (-1.0, 1.0) (0.0, 1.0)
                let u = allenCahnFields x
                Check.inRange 0.0 1.0 (largest u) "largest"
                close "the mirror image" 1e-9 u (allenCahnFields (torch.cat ([| -(column 0 x); column 1 x |], 1L))))

            testCase "solitary waves are those known in closed form" (fun () ->
                let soliton =
                    { wave with
                        Low = -20.0
                        Length = 40.0
                        Start = fun x -> (1.0 / torch.cosh x).unsqueeze(0L).``to`` torch.complex128
                        Steps = 400
                    }

                let x = points 11 200 (-5.0, 5.0) (0.0, wave.Span)
                let amplitude, phase = 1.0 / torch.cosh (column 0 x), column 1 x / 2.0
                let h = torch.cat ([| amplitude * torch.cos phase; amplitude * torch.sin phase |], 1L)
                close "Schrödinger" 1e-7 h (Spectral.fields soliton x)

                // 3 c sech² ((x - c t) √c / 2δ)
                let c, width = 0.5, 2.0 * 0.022 / sqrt 0.5
                let hump (x: Tensor) = 3.0 * c / torch.cosh(x / width).square()

                let solitary =
                    { kdv with
                        Start = fun x -> (hump x).unsqueeze 0L
                        Steps = 1000
                    }

                let x = points 12 200 (-0.5, 0.9) (0.0, 1.0)
                close "KdV" 1e-6 (hump (column 0 x - c * column 1 x)) (Spectral.fields solitary x))

            testCase "Burgers by Fourier modes is Burgers by Cole and Hopf" (fun () ->
                let viscous =
                    { Periodic.kuramotoSivashinsky (1.0, -0.05, 0.0) (-1.0, 1.0) 1.0 start with
                        Steps = 400
                        Every = 2
                    }

                let x = points 13 300 (-1.0, 1.0) (0.0, 1.0)
                close "u" 1e-7 (ColeHopf.burgers 0.05 x) (Spectral.fields viscous x))
        ]

let private coleHopf =
    testList
        "Cole–Hopf"
        [
            property "it satisfies Burgers" 10 (Gen.zip seeds (Gen.choose (2, 20))) (fun (seed, tenths) ->
                let viscosity = float tenths / 100.0
                let u = ColeHopf.burgers viscosity
                let x = points seed 40 (-1.0, 1.0) (0.05, 0.95)
                let ux, uxx = differences 1e-3 u 0 x
                let ut, _ = differences 1e-3 u 1 x
                vanishes "residual" 1e-5 [ ut; u x * ux; -viscosity * uxx ])

            testCase "it starts as given and is 0 at the walls, however small the viscosity" (fun () ->
                for viscosity in [ 0.01 / Math.PI; 1e-5; 1.0 ] do
                    let u = ColeHopf.burgers viscosity
                    let x = uniform 4 (-1.0, 1.0) [ 50 ]
                    close "start" 1e-12 ((start x).unsqueeze -1L) (u (atTime 0.0 x))

                    let walls =
                        torch.cat ([| points 2 9 (-1.0, -1.0) (0.0, 1.0); points 2 9 (1.0, 1.0) (0.0, 1.0) |], 0L)

                    Check.inRange 0.0 1e-12 (largest (u walls)) "walls"
                    Check.inRange 0.1 1.0 (largest (u (points 6 200 (-1.0, 1.0) (0.0, 1.0)))) "largest")

            testCase "the shock is as steep as published, and half the step gives the same" (fun () ->
                let viscosity = 0.01 / Math.PI
                let u = ColeHopf.burgers viscosity
                let x = points 9 300 (-1.0, 1.0) (0.0, 1.0)
                close "half the step" 1e-12 (ColeHopf.byStep 0.05 viscosity x) (u x)
                // Basdevant et al. (1986), table 1: 152.00516 at πt = 1.6037.
                let middle = tensor [ 1; 2 ] [ 0.0; 1.6037 / Math.PI ]
                Check.near 1e-3 (Tensor.item (fst (differences 1e-5 u 0 middle))) -152.00516 "slope")
        ]

let private ordinary =
    let sigma, beta, begun = 10.0, 8.0 / 3.0, [| -8.0; 7.0; 27.0 |]
    let times = uniform 3 (0.0, 3.0) [ 300; 1 ]

    testList
        "ordinary"
        [
            Check.theory "Lorenz' system is satisfied, with other steps too" [ 15.0; 28.0 ] (fun rho ->
                let f = Ordinary.lorenz sigma rho beta 3.0 begun
                let u = f (times * 0.99 + 0.01)
                let slope = fst (differences 1e-3 f 0 (times * 0.99 + 0.01))
                let x, y, z = column 0 u, column 1 u, column 2 u
                let right = torch.cat ([| sigma * (y - x); x * (rho - z) - y; x * y - beta * z |], 1L)
                close "slope" 1e-5 right slope
                close "start" 1e-15 (tensor [ 1; 3 ] (List.ofArray begun)) (f (tensor [ 1; 1 ] [ 0.0 ]))

                let coarse =
                    Ordinary.solution 6000 3.0 begun (fun _ u ->
                        [| sigma * (u[1] - u[0]); u[0] * (rho - u[2]) - u[1]; u[0] * u[1] - beta * u[2] |])

                close "half the steps" 1e-8 (coarse times) (f times))

            testCase "an invariant of Lorenz' system decays as it must" (fun () ->
                // For β = 2σ, z - x² / 2σ falls as exp(-2σt).
                let u = Ordinary.lorenz sigma 28.0 (2.0 * sigma) 3.0 begun times
                let invariant = column 2 u - column 0 u * column 0 u / (2.0 * sigma)
                close "invariant" 1e-9 ((27.0 - 64.0 / 20.0) * torch.exp (-2.0 * sigma * times)) invariant)

            testCase "systems with a time of their own are solved to order 5" (fun () ->
                let solve steps =
                    Ordinary.solution steps 3.0 [| 0.0; 1.0 |] (fun t u -> [| u[1]; -u[0] + 2.0 * cos t |])

                // u = t sin t + sin t
                let ends = tensor [ 1; 1 ] [ 3.0 ]
                let u = 4.0 * sin 3.0
                let error steps = abs (Tensor.item ((solve steps ends).[0, 0]) - u)
                Check.inRange 24.0 45.0 (error 20 / error 40) "error of a step to that of half of it"
                Check.inRange 0.0 1e-8 (largest (column 0 (solve 2000 times) - (times + 1.0) * torch.sin times)) "u")
        ]

let private cavity =
    let flow = Cavity.flow 100.0

    testList
        "cavity"
        [
            testCase "the flow is the published one" (fun () ->
                // Ghia, Ghia & Shin, J. Comput. Phys. 48 (1982), table I: u on x = 1/2, good to some 10⁻³.
                let table =
                    [
                        0.9766, 0.84123
                        0.9531, 0.68717
                        0.8516, 0.23151
                        0.7344, 0.00332
                        0.6172, -0.13641
                        0.5, -0.20581
                        0.2813, -0.15662
                        0.1719, -0.10150
                        0.0547, -0.03717
                    ]

                let u = flow (tensor [ table.Length; 2 ] (table |> List.collect (fun (y, _) -> [ 0.5; y ])))
                let expected = tensor [ table.Length; 1 ] (List.map snd table)
                Check.inRange 0.0 6e-3 (largest (column 0 u - expected)) "off Ghia's table"
                // Marchi, Suero & Araki, J. Braz. Soc. Mech. Sci. Eng. 31 (2009): both at the centre.
                let centre = flow (tensor [ 1; 2 ] [ 0.5; 0.5 ])
                Check.near 1e-5 (Tensor.item centre[0, 0]) -0.2091491 "u at the centre"
                Check.near 1e-5 (Tensor.item centre[0, 1]) 0.0575365 "v at the centre")

            testCase "walls rest, the lid moves, a lower degree gives the same" (fun () ->
                let along = uniform 1 (0.0, 1.0) [ 60 ]
                let zero = torch.zeros_like along
                let side (x: Tensor) (y: Tensor) = flow (torch.stack ([| x; y |], 1L))
                let lid = side (along * 0.98 + 0.01) (zero + 1.0)
                Check.inRange 0.0 1e-3 (largest (column 0 lid - 1.0)) "u on the lid"
                Check.inRange 0.0 1e-3 (largest (column 1 lid)) "v on the lid"

                for name, wall in
                    [ "left", side zero along; "right", side (zero + 1.0) along; "floor", side along zero ] do
                    Check.inRange 0.0 1e-3 (largest wall) name

                let corners = flow (tensor [ 2; 2 ] [ 0.0; 1.0; 1.0; 1.0 ])
                Check.inRange 0.0 1e-3 (largest (column 0 corners - 1.0)) "u at the ends of the lid"
                agree "degree 16" 1e-3 (Cavity.byDegree 16 100.0) flow (points 3 500 (0.0, 1.0) (0.0, 1.0)))

            testCase "the flow keeps its volume, and carries its vorticity" (fun () ->
                let x = points 7 60 (0.15, 0.85) (0.15, 0.8)
                let along i f x = fst (differences 4e-3 f i x)
                let component' i x = column i (flow x)
                let u, v = component' 0, component' 1
                vanishes "divergence" 1e-5 [ along 0 u x; along 1 v x ]
                let vorticity x = along 0 v x - along 1 u x
                let byX, byXx = differences 8e-3 vorticity 0 x
                let byY, byYy = differences 8e-3 vorticity 1 x
                vanishes "vorticity" 5e-3 [ u x * byX; v x * byY; -0.01 * byXx; -0.01 * byYy ])
        ]

let private lShape =
    let u = LShape.poisson

    testList
        "L-shape"
        [
            testCase "Poisson's equation is satisfied, and the sides are 0" (fun () ->
                let x =
                    torch.cat ([| points 1 40 (-0.9, -0.1) (-0.9, 0.9); points 3 40 (-0.9, 0.9) (-0.9, -0.1) |], 0L)

                let laplacian = snd (differences 1e-2 u 0 x) + snd (differences 1e-2 u 1 x)
                Check.inRange 0.0 1e-4 (largest (laplacian + 1.0)) "residual"
                let s = uniform 5 (0.0, 1.0) [ 300 ]
                let whole, zero = 2.0 * s - 1.0, torch.zeros_like s

                for x, y in [ zero - 1.0, whole; whole, zero - 1.0; -s, zero + 1.0; zero + 1.0, -s; zero, s; s, zero ] do
                    Check.inRange 0.0 1e-7 (largest (u (torch.stack ([| x; y |], 1L)))) "largest on a side")

            testCase "it mirrors itself, and its integral is the known one" (fun () ->
                let x = points 6 200 (-1.0, 0.0) (-1.0, 1.0)
                close "mirrored" 1e-6 (u x) (u (torch.cat ([| column 1 x; column 0 x |], 1L)))
                let n = 40
                let middles = (torch.arange (n, dtype = torch.float64) + 0.5) / float n
                let grid x y = torch.cartesian_prod (x, y)

                let inside =
                    torch.cat (
                        [|
                            grid (middles - 1.0) (middles - 1.0)
                            grid (middles - 1.0) middles
                            grid middles (middles - 1.0)
                        |],
                        0L
                    )

                // ∫ u = ∫ |∇u|², 0.2140758 by adaptive finite elements; the middles of squares have it to 10⁻⁴.
                Check.near 1e-4 (3.0 * Tensor.item ((u inside).mean())) 0.2140758 "integral")
        ]

let private blackScholes =
    let strike, rate, volatility = 1.2, 0.05, 0.3
    let v = BlackScholes.call strike rate volatility 1.0

    testList
        "Black–Scholes"
        [
            testCase "the equation is satisfied" (fun () ->
                let x = points 1 60 (0.4, 3.0) (0.05, 0.8)
                let bySlope, bySecond = differences 1e-3 v 0 x
                let s = column 0 x

                vanishes
                    "residual"
                    1e-6
                    [
                        fst (differences 1e-3 v 1 x)
                        volatility * volatility / 2.0 * s * s * bySecond
                        rate * s * bySlope
                        -rate * v x
                    ])

            testCase "a call ends as what it pays, is worth nothing of nothing, and has the known price" (fun () ->
                let s = torch.cat ([| uniform 2 (0.0, 3.0) [ 50 ]; tensor [ 2 ] [ 0.0; strike ] |], 0L)
                close "at maturity" 1e-15 ((s - strike).clamp_min(0.0.ToScalar()).unsqueeze -1L) (v (atTime 1.0 s))
                Check.near 0.0 (Tensor.item (v (tensor [ 1; 2 ] [ 0.0; 0.3 ]))) 0.0 "at S = 0"
                // Hull, Options, Futures, and Other Derivatives: S = 42, K = 40, r = 0.1, σ = 0.2, half a year: 4.76.
                let price = BlackScholes.call 40.0 0.1 0.2 0.5 (tensor [ 1; 2 ] [ 42.0; 0.0 ])
                Check.near 5e-3 (Tensor.item price) 4.76 "price")
        ]

let private asking =
    testList
        "asking"
        [
            testCase "points are answered in their own precision, in blocks as singly, none by none" (fun () ->
                let x = points 1 2500 (-1.0, 1.0) (0.0, 1.0)
                let u = kdvFields x
                Expect.equal (Tensor.shape u |> List.ofArray) [ 2500L; 1L ] "shape"
                close "the last" 1e-15 (u.narrow (0L, 2499L, 1L)) (kdvFields (x.narrow (0L, 2499L, 1L)))
                let single = kdvFields (x.``to`` torch.float32)
                Expect.equal single.dtype torch.float32 "element type"
                close "single precision" 1e-4 u (single.``to`` torch.float64)
                Expect.equal (Tensor.shape (waveFields (x.narrow (0L, 0L, 0L))) |> List.ofArray) [ 0L; 2L ] "no points")

            testCase "points of another shape and other times are refused" (fun () ->
                let refused what (f: unit -> Tensor) =
                    Expect.throwsT<ArgumentException> (fun () -> f () |> ignore) what

                refused "three columns" (fun () -> kdvFields (normal 1 [ 4; 3 ]))
                refused "a vector" (fun () -> ColeHopf.burgers 0.1 (normal 1 [ 2 ]))
                refused "too late" (fun () -> kdvFields (tensor [ 1; 2 ] [ 0.0; 1.01 ]))
                refused "too early" (fun () -> kdvFields (tensor [ 1; 2 ] [ 0.0; -0.01 ]))
                refused "no number" (fun () -> kdvFields (tensor [ 1; 2 ] [ 0.0; nan ])))

            property "weights of polynomials through nodes give polynomials back" 20 seeds (fun seed ->
                let c = normal seed [ 6 ]
                let value (x: Tensor) = (x.unsqueeze -1L).pow(torch.arange (6, dtype = torch.float64)).mv c
                let s = uniform seed (0.0, 5.0) [ 7 ]
                let nodes = torch.arange (6, dtype = torch.float64)
                let given = value nodes
                Check.inRange 0.0 1e-9 (largest ((TimeTable.lagrange 6 s).mv given - value s) / largest given) "value"
                close "at the nodes" 1e-12 (torch.eye (6, dtype = torch.float64)) (TimeTable.lagrange 6 nodes))
        ]

let tests =
    testList "Pdes.References" [ evolutions; coleHopf; ordinary; cavity; lShape; blackScholes; asking ]
