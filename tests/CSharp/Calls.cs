using MetaKan;
using MetaKan.CSharp;
using MetaKan.Fitting;
using MetaKan.Images;
using MetaKan.Pdes;

namespace MetaKan.Tests.CSharp;

/// <summary>Settings as they are written in C#.</summary>
public static class Calls
{
    public static SolveSettings Solve() =>
        Settings.Solve(epochs: 300, laplacian: LaplacianMethod.NewSdgd(3), schedule: Annealing.Cosine, seed: 7,
            emphasis: Settings.Emphasis(balance: Balance.Ntk, causal: new Causal(epsilon: 2, slices: 8), every: 50));

    public static FitSettings Fit() =>
        Settings.Fit(steps: [20, 50], prune: new Thresholds(node: 0.1, edge: 0.2), seed: 3);

    public static ClassifySettings Classify() =>
        Settings.Classify(
            "fmnist", Settings.Architecture("fc", "kan", meta: true, width: [16, 8]), epochs: 2, data: "images", flip: true);

    public static MetaLearner MetaLearner() =>
        Settings.MetaLearner(hiddenDim: 16, sharing: GeneratorSharing.Shared);

    /// <summary>All that is left out.</summary>
    public static (SolveSettings, FitSettings, ClassifySettings) Defaults() =>
        (Settings.Solve(), Settings.Fit(), Settings.Classify("fmnist", Settings.Architecture("conv4", "kan")));
}
