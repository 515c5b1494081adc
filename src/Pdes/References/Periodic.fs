// Published evolution problems with one period in x, as solved by Spectral.
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Periodic =
    let private imaginary = System.Numerics.Complex.ImaginaryOne.ToScalar()

    /// u_t + u u_x + δ² u_xxx = 0 on [-1, 1], δ = 0.022, u = cos πx at t = 0, t up to 1: Zabusky & Kruskal, Phys. Rev. Lett. 15
    /// (1965), 240-243.
    let kortewegDeVries: Evolution =
        {
            Low = -1.0
            Length = 2.0
            Modes = 256
            Span = 1.0
            Steps = 4000
            Every = 4
            Start = fun x -> torch.cos(Math.PI * x).unsqueeze 0L
            Linear = fun k -> k * k * k * (0.022 * 0.022) * imaginary
            Outer = fun k -> k * -0.5 * imaginary
            Inner = fun u -> u * u
            Dealiased = false
        }

    /// i h_t + h_xx / 2 + |h|² h = 0 on [-5, 5], h = 2 / cosh x at t = 0, t up to π/2, fields Re h and Im h: Raissi, Perdikaris
    /// & Karniadakis, J. Comput. Phys. 378 (2019), 686-707.
    let schroedinger: Evolution =
        {
            Low = -5.0
            Length = 10.0
            Modes = 512
            Span = Math.PI / 2.0
            Steps = 2000
            Every = 1
            Start = fun x -> (2.0 / torch.cosh x).unsqueeze(0L).``to`` torch.complex128
            Linear = fun k -> k * k * -0.5 * imaginary
            Outer = fun k -> torch.ones_like k * imaginary
            Inner = fun h -> (h * h.conj ()) * h
            Dealiased = false
        }

    /// u_t + α u u_x + β u_xx + γ u_xxxx = 0 from u = start(x) at t = 0, with the period from `low` to `high`, t up to span.
    /// α = 5, β = 0.5, γ = 0.005 and -sin πx on [-1, 1] for t up to 1 is a regular solution: Wang, Sankaran & Perdikaris, Comput.
    /// Methods Appl. Mech. Engrg. 421 (2024), 116813.
    let kuramotoSivashinsky
        (alpha: float, beta: float, gamma: float)
        (low: float, high: float)
        (span: float)
        (start: Tensor -> Tensor)
        : Evolution =
        {
            Low = low
            Length = high - low
            Modes = 256
            Span = span
            Steps = 4000
            Every = 4
            Start = fun x -> (start x).unsqueeze 0L
            Linear = fun k -> beta * k * k - gamma * k * k * k * k
            Outer = fun k -> k * (-0.5 * alpha) * imaginary
            Inner = fun u -> u * u
            Dealiased = true
        }

    /// u_t = ν u_xx + 5 u - 5 u³ on [-1, 1], ν = 1e-4, u = x² cos πx at t = 0, t up to 1: Raissi, Perdikaris & Karniadakis (2019),
    /// as above.
    let allenCahn: Evolution =
        {
            Low = -1.0
            Length = 2.0
            Modes = 2048
            Span = 1.0
            Steps = 500
            Every = 1
            Start = fun x -> (x * x * torch.cos (Math.PI * x)).unsqueeze 0L
            Linear = fun k -> -1e-4 * k * k
            Outer = torch.ones_like
            Inner = fun u -> 5.0 * u - 5.0 * u * u * u
            Dealiased = false
        }

    // Started there, the periodic u has a kink at x = ±1: its slope jumps by 4. Modes of it fall off as 1/k² only, and it is no
    // polynomial of x, nor of t, as diffusion rounds it. So twice the flow of heat p_t = ν p_xx from p = |ξ| - ξ²/2 - 1/3, ξ the
    // distance from x = ±1, which has this kink, no other and mean 0, is known in closed form and taken out of what is tabled.
    let private kinkModes (evolution: Evolution) (t: Tensor) =
        let k = Spectral.wavenumbers evolution
        let decay = evolution.Linear k
        let modes = (-2.0 * float evolution.Modes / (k * k)).masked_fill(k.eq (0.0.ToScalar()), 0.0.ToScalar())
        let values = modes * torch.exp (t.reshape (-1L, 1L, 1L) * decay)
        values, decay * values

    /// p's double at points (x, t); at t ≤ 1 the rounded kink is narrow beside the period.
    let private kink (points: Tensor) =
        let x, t = points.narrow (1L, 0L, 1L), points.narrow (1L, 1L, 1L)
        let distance = 1.0 - (x - 2.0 * torch.round (x / 2.0)).abs()
        let width = torch.sqrt(4e-4 * t.clamp_min (0.0.ToScalar())).clamp_min(1e-150.ToScalar())
        let s = distance / width
        let rounded = distance * torch.erf s + width * torch.exp (-s * s) / sqrt Math.PI
        2.0 * rounded - distance * distance - 2.0 / 3.0 - 2e-4 * t

    /// u [N, 1] at (x, t) [N, 2], of `allenCahn` or of it with other steps and modes.
    let allenCahnFields (evolution: Evolution) : Tensor -> Tensor =
        let start x =
            let t = torch.zeros_like x
            evolution.Start x - (kink (torch.stack ([| x; t |], 1L))).transpose(0L, 1L)

        let smooth =
            Spectral.fieldsOf evolution (fun () ->
                let count = evolution.Steps / evolution.Every
                let times = Reference.spaced 0.0 (evolution.Span / float count) (count + 1)
                let values, slopes = kinkModes evolution times
                let whole = Spectral.evolve evolution (Spectral.spectrum evolution start + values[0])

                { Values = whole.Values - values; Slopes = whole.Slopes - slopes })

        fun x -> smooth x + Reference.ofPoints 2 kink x
