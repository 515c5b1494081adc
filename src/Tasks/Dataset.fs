// Data to fit functions to: samples of a formula at random points, of an equation of the Feynman set, or the rows of a
// file.
namespace MetaKan.Fitting

open System
open MetaKan
open MetaKan.Symbolic
open MetaKan.Pdes
open TorchSharp

/// N points and the values there.
type Samples =
    {
        /// [N, n]
        X: Tensor
        /// [N, m]
        Y: Tensor
    }

/// Samples of m functions of n variables, to train on and to test on.
type Dataset =
    {
        /// The names of the n inputs, in the order of the columns of X.
        Inputs: string list
        /// The names of the m outputs, in the order of the columns of Y.
        Targets: string list
        /// Samples that are fitted.
        Train: Samples
        /// Samples held out, for errors, and to judge by whether a tidied formula is kept.
        Test: Samples
        /// The functions that the values are of, where they are known; none otherwise.
        Truth: Expression list
    }

/// Data sets of formulas, of equations of the Feynman set, and of tables.
[<RequireQualifiedAccess>]
module Dataset =
    /// All its tensors.
    let tensors (data: Dataset) : Tensor seq = [ data.Train.X; data.Train.Y; data.Test.X; data.Test.Y ]

    /// Reads ranges such as "x:-1:1,y:0:2*pi": a variable, its lowest and its highest value. Raises BadInput.
    let ranges (text: string) : (string * (float * float)) list =
        let refuse why =
            raise (BadInput $"ranges are variables with their lowest and highest values, as x:-1:1,y:0:2*pi; {why}")

        let parsed (what: string) =
            try
                Parser.expression what
            with BadInput reason ->
                refuse reason

        let bound (what: string) =
            let e = parsed what

            match Expression.variables e with
            | [] -> Expression.value (fun _ -> nan) e
            | name :: _ -> refuse $"'{what.Trim()}' has the variable '{name}'"

        let range (item: string) =
            match item.Split ':' with
            | [| name; low; high |] ->
                let name = name.Trim()

                if name = "" || parsed name <> Variable name then
                    refuse $"'{name}' is no name of a variable"

                let low, high = bound low, bound high

                // Not so where one of them is not finite, or where they are too far apart to tell points between them.
                if not (Double.IsFinite(high - low)) then
                    refuse $"the range of '{name}' is not finite"

                if low >= high then
                    refuse $"the range of '{name}' has its lowest value, {low}, not below its highest, {high}"

                name, (low, high)
            | _ -> refuse $"'{item.Trim()}' is not of that form"

        if String.exists Char.IsControl text then
            refuse "on one line"

        let ranges = text.Split ',' |> Array.map range |> List.ofArray

        match ranges |> List.countBy fst |> List.tryFind (fun (_, count) -> count > 1) with
        | Some(name, _) -> refuse $"'{name}' has more than one range"
        | None -> ranges

    // A name for an output that no input has.
    let private fresh (inputs: string list) : string =
        Seq.append [ "f" ] (Seq.initInfinite (fun i -> $"f{i + 1}")) |> Seq.except inputs |> Seq.head

    /// Reads formulas as "x*y", or several, with names for what they give, as "u = x*y; v = x/y"; without names they are f1,
    /// f2, …, and one is f. Raises BadInput.
    let formulas (inputs: string list) (text: string) : (string * Expression) list =
        let parts = text.Split(';', StringSplitOptions.TrimEntries)

        let named =
            [
                for i, part in Array.indexed parts do
                    match part.IndexOf '=' with
                    | -1 -> (if parts.Length = 1 then fresh inputs else $"f{i + 1}"), Parser.expression part
                    | at ->
                        let name = part[.. at - 1].Trim()

                        if name = "" || Seq.exists Char.IsControl name then
                            raise (BadInput $"a formula's value takes a name before '=', as u = x*y, not '{part}'")

                        name, Parser.expression part[at + 1 ..]
            ]

        match named |> List.map fst |> List.append inputs |> List.countBy id |> List.tryFind (fun (_, n) -> n > 1) with
        | Some(name, _) ->
            raise (BadInput $"inputs and values of formulas have names of their own, and '{name}' is there twice")
        | None -> named

    /// Points uniform on the ranges with the values of formulas, given with names: `train` to learn from, whose values have
    /// Gaussian noise added, of standard deviation `noise` in the units of the values, and `test` others, without noise.
    /// Variables with a range that the formulas do not have are inputs that they do not depend on. Raises BadInput where a
    /// variable of a formula has no range and where a formula has no finite value at a point.
    let ofFormulas
        (formulas: (string * Expression) list)
        (ranges: (string * (float * float)) list)
        (train: int)
        (test: int)
        (noise: float)
        (key: Key)
        (place: Placement)
        : Dataset =
        let inputs = List.map fst ranges

        for name, count in [ nameof train, train; nameof test, test ] do
            if count < 1 then
                raise (BadInput $"{name} takes a whole number from 1 up, not {count}")

        if not (Double.IsFinite noise && noise >= 0.0) then
            raise (BadInput $"noise takes the standard deviation of the noise, a number from 0 up, not {noise}")

        match formulas |> List.collect (snd >> Expression.variables) |> List.distinct |> List.except inputs with
        | [] -> ()
        | missing ->
            let names = String.concat ", " missing
            raise (BadInput $"the formula has variables without a range: {names}")

        let domain = Domain.box (List.map snd ranges)

        let samples stream count =
            let x = domain.Sample (Key.fold stream key) place count
            let columns = Map(List.mapi (fun i name -> name, x.narrow (1L, int64 i, 1L)) inputs)
            let values (_, formula) = formula |> Expression.evaluate (x.narrow (1L, 0L, 1L)) (fun name -> columns[name])
            let y = torch.cat ([| for formula in formulas -> values formula |], 1L)

            torch.cat ([| x; y |], 1L)
            |> Tensor.toArray
            |> Array.chunkBySize (inputs.Length + formulas.Length)
            |> Array.tryFind (Array.exists (Double.IsFinite >> not))
            |> Option.iter (fun row ->
                let point = Seq.map2 (fun name (v: float) -> $"{name} = %g{v}") inputs row |> String.concat ", "
                let value = row[inputs.Length ..] |> Array.find (Double.IsFinite >> not)
                raise (BadInput $"the formula has no finite value (but {value}) at {point}"))

            { X = x; Y = y }

        Tensor.scoped tensors (fun () ->
            let exact = samples 0 train
            let errors = Key.normal (Key.fold 2 key) place [ int64 train; int64 formulas.Length ]

            {
                Inputs = inputs
                Targets = List.map fst formulas
                Train = { exact with Y = exact.Y + noise * errors }
                Test = samples 1 test
                Truth = List.map snd formulas
            })

    /// The same of one formula.
    let ofFormula (formula: Expression) (ranges: (string * (float * float)) list) =
        ofFormulas [ fresh (List.map fst ranges), formula ] ranges

    /// The same for an equation of the Feynman set, on its ranges.
    let ofFeynman (equation: FeynmanEquation) : int -> int -> float -> Key -> Placement -> Dataset =
        ofFormula (Parser.expression equation.Formula) equation.Variables

    /// The rows of a table, in random order: the share `testShare` of them to test, the others to learn from, at least one of
    /// each. All columns but the targets are inputs. Raises BadInput, which tells the table by its name.
    let ofTable
        (name: string)
        (table: Table)
        (targets: string list)
        (testShare: float)
        (key: Key)
        (place: Placement)
        : Dataset =
        if not (testShare > 0.0 && testShare < 1.0) then
            raise (BadInput $"testShare takes the share of the rows to test on, above 0 and below 1, not {testShare}")

        let count = table.Rows.Length

        if count < 2 then
            raise (BadInput $"{name}: at least 2 rows of numbers below the header are needed, not {count}")

        match table.Rows |> Array.tryFindIndex (fun row -> row.Length <> table.Columns.Length) with
        | Some i ->
            let found = table.Rows[i].Length
            raise (BadInput $"{name}: row {i + 1} has {found} numbers for {table.Columns.Length} columns")
        | None -> ()

        if targets.IsEmpty then
            invalidArg (nameof targets) "a fit takes a target or more"

        match targets |> List.countBy id |> List.tryFind (fun (_, n) -> n > 1) with
        | Some(target, _) -> raise (BadInput $"{name}: '{target}' is a target twice")
        | None -> ()

        let outputs =
            [|
                for target in targets do
                    match List.tryFindIndex ((=) target) table.Columns with
                    | Some index -> index
                    | None ->
                        let names = String.concat ", " table.Columns
                        raise (BadInput $"{name}: no column '{target}' to be the target; there are {names}")
            |]

        let inputs = [| 0 .. table.Columns.Length - 1 |] |> Array.except outputs

        if inputs.Length = 0 then
            let names = targets |> List.map (fun target -> $"'{target}'") |> String.concat ", "
            raise (BadInput $"{name}: no column but the target {names}; inputs are needed")

        let tests = float count * testShare |> round |> int |> max 1 |> min (count - 1)

        let samples (rows: float[][]) =
            let tensor (columns: int[]) =
                rows
                |> Array.collect (fun row -> columns |> Array.map (Array.get row))
                |> Tensor.ofArray place [ int64 rows.Length; -1L ]

            { X = tensor inputs; Y = tensor outputs }

        let test, train = Key.permutation key count |> Array.map (Array.get table.Rows) |> Array.splitAt tests

        Tensor.scoped tensors (fun () ->
            {
                Inputs = [ for i in inputs -> table.Columns[i] ]
                Targets = targets
                Train = samples train
                Test = samples test
                Truth = []
            })

    /// The same of a file that Csv.read reads.
    let ofCsv (path: string) (targets: string list) (testShare: float) (key: Key) (place: Placement) : Dataset =
        let largest = if place.DType = torch.float32 then float Single.MaxValue else Double.MaxValue
        ofTable path (Csv.read largest path) targets testShare key place
