// Problems and their solutions for C#.
namespace MetaKan.CSharp

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open MetaKan
open MetaKan.Pdes
open MetaKan.CSharp.Conversions

/// Problems: how one is posed, solved, and its solution looked at. What each method does stands at the function of
/// `MetaKan.Pdes.Problem`, `Solve` and `Evaluation`.
[<AbstractClass; Sealed; Extension>]
type Pde private () =
    /// Equations, each residual = 0 by a name, on a domain.
    static member Create
        (
            name: string,
            domain: Domain,
            coordinates: seq<string>,
            fields: seq<string>,
            [<ParamArray>] equations: struct (string * Term)[]
        ) : Problem =
        Problem.create name domain (List.ofSeq coordinates) (List.ofSeq fields) (pairs equations)

    /// The problem that has a solution of one's choice, formulas of the coordinates by the fields' names: what the equations
    /// lack for it is their source.
    static member Manufactured
        (
            name: string,
            domain: Domain,
            coordinates: seq<string>,
            solution: seq<struct (string * Term)>,
            [<ParamArray>] equations: struct (string * Term)[]
        ) : Problem =
        Problem.manufactured name domain (List.ofSeq coordinates) (pairs solution) (pairs equations)

    /// With conditions by name on parts of the boundary, its walls where none is listed: mismatch = 0 at so many points a
    /// step, of this weight in the loss.
    [<Extension>]
    static member On
        (
            problem: Problem,
            parts: seq<string>,
            weight: float,
            points: int,
            [<ParamArray>] mismatches: struct (string * Term)[]
        ) : Problem =
        Problem.on (List.ofSeq parts) weight points (pairs mismatches) problem

    /// With values built into fields on the walls.
    [<Extension>]
    static member Hard(problem: Problem, [<ParamArray>] values: struct (string * Term)[]) : Problem =
        Problem.hard [] (pairs values) problem

    /// With values built into fields on parts of the boundary.
    [<Extension>]
    static member Hard
        (problem: Problem, parts: seq<string>, [<ParamArray>] values: struct (string * Term)[])
        : Problem =
        Problem.hard (List.ofSeq parts) (pairs values) problem

    /// With a field's value at the start built in, or its value and its velocity.
    [<Extension>]
    static member Initially(problem: Problem, field: string, [<ParamArray>] values: Term[]) : Problem =
        Problem.initially [ field, List.ofArray values ] problem

    /// With the fields periodic in coordinates, seen through so many harmonics.
    [<Extension>]
    static member Periodic(problem: Problem, coordinates: seq<string>, harmonics: int) : Problem =
        Problem.periodic (List.ofSeq coordinates) harmonics problem

    /// Solves the problem in a run's folder, new or empty, or to be gone on with. Raises BadInput for what cannot be used,
    /// RunFailed when the disk refuses.
    [<Extension>]
    static member Solve
        (
            problem: Problem,
            model: Model,
            folder: string,
            [<Optional>] settings: SolveSettings,
            [<Optional>] listen: Action<TrainingEvent>,
            [<Optional>] resume: bool
        ) : Solution =
        Solve.run (place folder resume) (named settings SolveSettings.defaults) problem model (listener listen)

    /// The solution that a run left in its folder.
    [<Extension>]
    static member Load(problem: Problem, model: Model, folder: string) : Solution = Solve.load folder problem model

    /// The fields [N, fields] at points [N, d].
    [<Extension>]
    static member At(solution: Solution, points: float[,]) : float[,] =
        let place = solution.Params |> Map.toSeq |> Seq.head |> snd |> Placement.ofTensor
        use _ = TorchSharp.torch.NewDisposeScope()
        table (solution.U(tensor place points))

    /// A number that was found with the solution, by its name.
    [<Extension>]
    static member Parameter(solution: Solution, name: string) : float =
        match solution.Parameters |> List.tryFind (fst >> (=) name) with
        | Some(_, value) -> value
        | None ->
            let names = String.concat ", " (List.map fst solution.Parameters)
            invalidArg (nameof name) $"the solution has no parameter '{name}', it has {names}"

    /// Writes columns of a solution into a .csv, .npy, .npz, .vti or .vtu file, by the file's name; `points` are
    /// `EvaluationPoints.NewGrid(…)` or `NewTable(…)`.
    [<Extension>]
    static member ToFile
        (
            solution: Solution,
            path: string,
            problem: Problem,
            model: Model,
            points: EvaluationPoints,
            [<ParamArray>] columns: struct (string * Term)[]
        ) : Evaluated =
        Evaluation.toFile path problem model solution.Params points (pairs columns)
