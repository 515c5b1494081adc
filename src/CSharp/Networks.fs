// Networks for C#.
namespace MetaKan.CSharp

open System
open MetaKan
open MetaKan.Fitting

/// Networks by their widths, as `Networks.Kan(new Grid(5, 3), 2, 8, 1)`.
[<AbstractClass; Sealed>]
type Networks private () =
    /// An ordinary network with tanh between its layers.
    static member Mlp([<ParamArray>] widths: int[]) : Model = Mlp.create (List.ofArray widths)

    /// A KAN of stored coefficients.
    static member Kan(grid: Grid, [<ParamArray>] widths: int[]) : Model = Kan.create grid (List.ofArray widths)

    /// A KAN whose coefficients a small network generates; see `Settings.MetaLearner`.
    static member MetaKan(grid: Grid, meta: MetaLearner, [<ParamArray>] widths: int[]) : Model =
        MetaKan.create grid meta (List.ofArray widths)

    /// A KAN that formulas are read off, of nodes that add.
    static member Fitting(grid: Grid, [<ParamArray>] widths: int[]) : Network =
        Network.create grid CoefficientSource.Stored [ for width in widths -> Nodes.sums width ]
