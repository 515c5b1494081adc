using System.Collections.Generic;
using MetaKan;
using MetaKan.CSharp;
using MetaKan.Fitting;
using MetaKan.Images;
using MetaKan.Pdes;
using static MetaKan.CSharp.Words;

namespace MetaKan.Tests.CSharp;

/// <summary>Settings as they are written in C#.</summary>
public static class Calls
{
    public static SolveSettings Solve() =>
        Settings.Solve(epochs: 300, laplacian: LaplacianMethod.NewSdgd(3), schedule: Annealing.Cosine, seed: 7,
            emphasis: Settings.Emphasis(balance: Balance.Ntk, causal: new Causal(epsilon: 2, slices: 8), every: 50));

    public static SolveSettings Natural() => Settings.Solve(epochs: 5, like: Settings.Natural);

    public static FitSettings Fit() =>
        Settings.Fit(steps: [20, 50], prune: new Thresholds(node: 0.1, edge: 0.2), seed: 3);

    public static ClassifySettings Classify() =>
        Settings.Classify(
            "fmnist", Settings.Architecture("fc", "kan", meta: true, width: [16, 8]), epochs: 2, data: "images", flip: true);

    public static Architecture Generated() => Settings.Architecture("conv4", "kan", meta: true, headDropout: 0.25);

    public static MetaLearner MetaLearner() =>
        Settings.MetaLearner(hiddenDim: 16, sharing: GeneratorSharing.Shared);

    public static FitSettings Symbolic() => Settings.Fit(symbolic: Settings.Symbolic("x", "sin"));

    /// <summary>Terms as they are written in C#, each with what it is to be in F#'s language.</summary>
    public static IEnumerable<(Term, string)> Terms()
    {
        var (x, y, t, u) = (Coordinate("x"), Coordinate("y"), Coordinate("t"), Field("u"));
        yield return (D(u, x, x, t), "d u [ x; x; t ]");
        yield return (Laplacian(u, x, y), "laplacian u [ x; y ]");
        yield return (Laplacian(u * u, x, y), "laplacian (u * u) [ x; y ]");
        yield return (Grad(u, x, y)[1], "(grad u [ x; y ])[1]");
        yield return (Div([u, x * u], x, y), "div [ u; x * u ] [ x; y ]");
        yield return (Hessian(u, x, y)[0, 1], "(hessian u [ x; y ])[0][1]");
        yield return (u - At(u, (x, Number(-1))), "u - at [ x, number -1.0 ] u");
        yield return (Integral(x, Number(0), t, u), "integral x (number 0.0, t) u");
        yield return (NormalDerivative(u, x, y) + Normal(x), "normalDerivative u [ x; y ] + normal x");
        yield return (Mean(Parameter("k") * Pow(u, 3)), "mean (parameter \"k\" * u ** 3.0)");
        yield return (Exp(-t) * Sin(2.0 * x) / Sqrt(1.0 + y), "exp -t * sin (2.0 * x) / sqrt (1.0 + y)");
    }

    /// <summary>All that is left out.</summary>
    public static (SolveSettings, FitSettings, ClassifySettings) Defaults() =>
        (Settings.Solve(), Settings.Fit(), Settings.Classify("fmnist", Settings.Architecture("conv4", "kan")));
}
