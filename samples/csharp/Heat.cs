using MetaKan;
using MetaKan.CSharp;
using static MetaKan.CSharp.Words;

namespace MetaKan.Samples;

/// <summary>A PDE of one's own: a rod whose conductivity grows with its temperature, u_t = ((1 + u) u_x)_x + f, cold at both
/// ends. The source f is the one that has exp(-t) sin(πx) for a solution, so that the error is known.</summary>
public static class Heat
{
    public static void Run(int steps)
    {
        var (x, t, u) = (Coordinate("x"), Coordinate("t"), Field("u"));
        var solution = Exp(-t) * Sin(Math.PI * x);

        var problem = Pde
            .Manufactured(
                "heat", Domains.Interval(0, 1).During(0, 1), ["x", "t"], [("u", solution)],
                ("balance", D(u, t) - D((1.0 + u) * D(u, x), x)))
            .Hard(["left", "right"], ("u", Number(0)))
            .On(["start"], weight: 10, points: 50, ("start", u - solution));

        var found = problem.Solve(
            Networks.Mlp(2, 16, 16, 1),
            RunFolder.free("runs/csharp-heat"),
            Settings.Solve(epochs: steps, points: 200, testPoints: 1000, evaluateEvery: 20, like: Settings.Natural),
            seen =>
            {
                if (seen is TrainingEvent.Evaluated { loss: var loss, Item1.Step: var step })
                    Console.WriteLine($"step {step}  loss {loss:0.0e+00}");
            });

        var middle = found.At(new[,] { { 0.5, 0.0 }, { 0.5, 0.5 }, { 0.5, 1.0 } });
        Console.WriteLine($"u(0.5, 1) = {middle[2, 0]:0.000}, exactly {Math.Exp(-1):0.000}");
        Console.WriteLine($"relative L2 error {(double)found.Result["relative_l2"]!:0.0e+00}");
    }
}
