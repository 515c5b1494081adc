using MetaKan;
using MetaKan.CSharp;
using MetaKan.Images;

namespace MetaKan.Samples;

/// <summary>Images told apart that are drawn here: squares, crosses and diagonals on noisy ground.</summary>
public static class Shapes
{
    const int Side = 12;

    static readonly string[] Names = ["square", "cross", "diagonal"];

    /// <summary>Whether a shape 7 pixels wide covers the pixel at (x, y) of its own frame.</summary>
    static readonly Func<int, int, bool>[] Covers =
    [
        (x, y) => x is 0 or 6 || y is 0 or 6,
        (x, y) => x == 3 || y == 3,
        (x, y) => x == y,
    ];

    static Images.Images Draw(int count, int seed)
    {
        var random = new Random(seed);
        var pixels = new byte[count * Side * Side];
        var labels = new int[count];

        for (var image = 0; image < count; image++)
        {
            var label = labels[image] = random.Next(Names.Length);
            var (left, top) = (random.Next(Side - 6), random.Next(Side - 6));

            for (var y = 0; y < Side; y++)
                for (var x = 0; x < Side; x++)
                {
                    var (u, v) = (x - left, y - top);
                    var covered = u is >= 0 and < 7 && v is >= 0 and < 7 && Covers[label](u, v);
                    pixels[(image * Side + y) * Side + x] = (byte)(random.Next(80) + (covered ? 150 : 0));
                }
        }

        return new Images.Images(1, Side, Side, pixels, labels);
    }

    public static void Run(int epochs)
    {
        var shapes = new ImageSet("shapes", [.. Names], train: Draw(1500, seed: 1), test: Draw(300, seed: 2));
        var network = Settings.Architecture("fc", "kan", width: [16]);
        var settings = Settings.Classify("shapes", network, epochs: epochs, batchSize: 100);

        var trained = shapes.Train(settings, RunFolder.free("runs/csharp-shapes"));

        var first = Draw(5, seed: 3);
        var told = trained.Predict(settings, first);
        foreach (var (drawn, label) in first.Labels.Zip(told))
            Console.WriteLine($"a {Names[drawn]} is taken for a {Names[label]}");

        Console.WriteLine($"test accuracy {(double)trained.Result["test_accuracy"]!:0.000}");
    }
}
