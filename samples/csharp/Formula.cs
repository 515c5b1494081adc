using MetaKan;
using MetaKan.CSharp;

namespace MetaKan.Samples;

/// <summary>A formula read off measurements: how a gain follows from a rate and a phase.</summary>
public static class Formula
{
    public static void Run(int steps)
    {
        var random = new Random(1);

        var throws =
            from _ in Enumerable.Range(0, 400)
            let rate = random.NextDouble()
            let phase = random.NextDouble() * 2 - 1
            select new[] { rate, phase, rate * rate + Math.Sin(Math.PI * phase) };

        var data = Data.OfRows(["rate", "phase", "gain"], throws, targets: ["gain"]);

        var fit = data.Fit(
            Networks.Fitting(new Grid(5, 3), 2, 1),
            RunFolder.free("runs/csharp-formula"),
            Settings.Fit(steps: [steps], symbolic: Settings.Symbolic("x", "x^2", "sin", "exp")));

        Console.WriteLine($"gain = {fit.FormulaText()}");
        Console.WriteLine($"gain(1, 0.5) = {fit.Value(("rate", 1), ("phase", 0.5)):0.000}");
        Console.WriteLine($"test RMSE {(double)fit.Result["test_rmse"]!:0.0e+00}");
    }
}
