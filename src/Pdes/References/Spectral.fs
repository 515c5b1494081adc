// Evolution equations u_t = L u + G g(u), periodic in x, where L and G multiply Fourier's modes and g is a function of u at
// each place: by Fourier modes in space and exponential Runge-Kutta steps of order 4 in time (ETDRK4: Cox & Matthews,
// J. Comput. Phys. 176 (2002), 430-455; its coefficients by contour integrals: Kassam & Trefethen, SIAM J. Sci. Comput. 26
// (2005), 1214-1233).
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

type internal Evolution =
    {
        /// Where the period begins, and its length.
        Low: float
        Length: float
        /// The number of modes, an even number.
        Modes: int
        /// From time 0 to Span in Steps equal steps, of which every Every-th is kept.
        Span: float
        Steps: int
        Every: int
        /// The fields [fields, X] at places [X], real or complex.
        Start: Tensor -> Tensor
        /// L [X] or [fields, X] at wave numbers [X], complex or real.
        Linear: Tensor -> Tensor
        /// G, likewise.
        Outer: Tensor -> Tensor
        /// g, from and to fields [fields, X].
        Inner: Tensor -> Tensor
        /// Whether the upper third of the modes is left out, so that products of two fields have no aliases.
        Dealiased: bool
    }

/// Fourier coefficients and their time derivatives [T, fields, X] at the kept times.
type internal Spectra = { Values: Tensor; Slopes: Tensor }

[<RequireQualifiedAccess>]
module internal Spectral =
    let private complex (t: Tensor) = t.``to`` torch.complex128

    let private frequencies (evolution: Evolution) =
        let half = evolution.Modes / 2
        torch.cat ([| Reference.spaced 0.0 1.0 half; Reference.spaced (float -half) 1.0 half |], 0L)

    /// The wave numbers [X], in the order of Fourier transforms.
    let wavenumbers (evolution: Evolution) : Tensor = frequencies evolution * (2.0 * Math.PI / evolution.Length)

    /// 1 for modes that are kept, 0 for others. The highest one, cos and no sin, has no derivative: it is never kept.
    let private mask (evolution: Evolution) =
        let highest = float evolution.Modes * (if evolution.Dealiased then 1.0 / 3.0 else 0.5)
        complex ((frequencies evolution).abs().lt(highest.ToScalar()))

    /// Fourier coefficients [fields, X] of fields that are given at places.
    let spectrum (evolution: Evolution) (fields: Tensor -> Tensor) : Tensor =
        let step = evolution.Length / float evolution.Modes
        let u = fields (Reference.spaced evolution.Low step evolution.Modes)
        torch.fft.fft_ (complex u) * mask evolution

    let private isReal (evolution: Evolution) =
        not ((evolution.Start(Reference.spaced evolution.Low 1.0 1)).is_complex())

    /// The coefficients of a step of h: exp(hL), exp(hL/2), and those that multiply g; means over circles around hL, since
    /// the formulas cancel where hL is small.
    let private coefficients (h: float) (linear: Tensor) =
        let around =
            let angles = Reference.spaced (Math.PI / 32.0) (Math.PI / 16.0) 32
            torch.polar (torch.ones_like angles, angles)

        let z = (linear * h).unsqueeze -1L + around
        let exp = torch.exp z
        let cube = z * z * z
        let mean (f: Tensor) = h * f.mean [| -1L |]

        let first = mean ((-4.0 - z + exp * (4.0 - 3.0 * z + z * z)) / cube)
        let middle = mean (2.0 * (2.0 + z + exp * (-2.0 + z)) / cube)
        let last = mean ((-4.0 - 3.0 * z - z * z + exp * (4.0 - z)) / cube)
        let half = mean ((torch.exp (z / 2.0) - 1.0) / z)
        torch.exp (linear * h), torch.exp (linear * (h / 2.0)), half, first, middle, last

    /// The solution from given Fourier coefficients [fields, X] on.
    let evolve (evolution: Evolution) (start: Tensor) : Spectra =
        let k = wavenumbers evolution
        let linear = complex (evolution.Linear k)
        let outer = complex (evolution.Outer k) * mask evolution
        let real = isReal evolution
        let h = evolution.Span / float evolution.Steps
        let whole, half, q, first, middle, last = coefficients h linear

        let nonlinear (v: Tensor) =
            let u = torch.fft.ifft v
            outer * torch.fft.fft_ (complex (evolution.Inner(if real then u.real else u)))

        let plus (a: Tensor) (b: Tensor) (t: Tensor) = t.addcmul (a, b, 1.0.ToScalar())

        let step (v: Tensor) =
            Tensor.scoped Seq.singleton (fun () ->
                let n = nonlinear v
                let halfway = half * v
                let a = halfway |> plus q n
                let na = nonlinear a
                let nb = nonlinear (halfway |> plus q na)
                let nc = nonlinear (half * a |> plus q (2.0 * nb - n))
                whole * v |> plus first n |> plus middle (na + nb) |> plus last nc)

        let steps (count: int) (v: Tensor) =
            Tensor.scoped Seq.singleton (fun () -> Seq.fold (fun v _ -> step v) v (seq { 1..count }))

        let kept =
            [| 1 .. evolution.Steps / evolution.Every |]
            |> Array.scan (fun v _ -> steps evolution.Every v) start
            |> fun values -> torch.stack (values, 0L)

        { Values = kept; Slopes = linear * kept + nonlinear kept }

    /// The fields [T, 2X, fields] at twice as many places; of complex ones real and imaginary parts.
    let private fine (evolution: Evolution) (coefficients: Tensor) =
        let n = int64 evolution.Modes
        let zeros = torch.zeros_like coefficients

        let parts =
            [| coefficients.narrow (-1L, 0L, n / 2L); zeros; coefficients.narrow (-1L, n / 2L, n / 2L) |]

        let u = torch.fft.ifft (torch.cat (parts, -1L)) * 2.0

        if isReal evolution then
            u.real.transpose(1L, 2L).contiguous()
        else
            torch.view_as_real(u).transpose(1L, 2L).flatten(2L, 3L)

    /// Places that a value is interpolated from.
    let private nodes = 10

    /// Fields [N, fields] at points (x, t) [N, 2], of any x and t from 0 to Span; complex fields have two columns each.
    let fieldsOf (evolution: Evolution) (solve: unit -> Spectra) : Tensor -> Tensor =
        let tables =
            Reference.kept (fun () ->
                let spectra = solve ()
                [ fine evolution spectra.Values; fine evolution spectra.Slopes ])

        Reference.ofPoints 2 (fun points ->
            let table = { Span = evolution.Span; TimeTable.Values = tables.Value[0]; Slopes = tables.Value[1] }

            let places = table.Values.size 1
            let position = (Reference.column 0 points - evolution.Low) * (float places / evolution.Length)
            let before = torch.floor position
            let weights = TimeTable.lagrange nodes (position - before + float (nodes / 2 - 1))
            let first = before.``to``(torch.int64).unsqueeze -1L - int64 (nodes / 2 - 1)
            let taken = first + torch.arange (int64 nodes, dtype = torch.int64, device = torch.CPU)
            TimeTable.read table (Reference.column 1 points) (taken.remainder (places.ToScalar())) weights)

    /// Fields [N, fields] of the solution at points (x, t) [N, 2], from the evolution's own start.
    let fields (evolution: Evolution) : Tensor -> Tensor =
        fieldsOf evolution (fun () -> evolve evolution (spectrum evolution evolution.Start))
