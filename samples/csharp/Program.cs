// The library as C# uses it; a size after the name makes a sample shorter or longer.
//   dotnet run -c Release --project samples/csharp -- heat [STEPS]
//   dotnet run -c Release --project samples/csharp -- formula [STEPS]
//   dotnet run -c Release --project samples/csharp -- shapes [EPOCHS]

using MetaKan.Samples;

Action<int?>? sample = args.FirstOrDefault() switch
{
    "heat" => size => Heat.Run(steps: size ?? 60),
    "formula" => size => Formula.Run(steps: size ?? 30),
    "shapes" => size => Shapes.Run(epochs: size ?? 10),
    _ => null,
};

if (sample is null)
{
    Console.Error.WriteLine("samples are heat, formula and shapes");
    return 2;
}

sample(args.Length > 1 ? int.Parse(args[1]) : null);
return 0;
