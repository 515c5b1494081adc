// Normalization: data whose columns have mean 0 and standard deviation 1, which networks learn more easily, and how to
// undo it in the formulas that are found.
namespace MetaKan.Fitting

open MetaKan
open MetaKan.Symbolic
open TorchSharp

/// What every column had before it was normalised: its mean and its standard deviation.
type Scaling =
    {
        /// The mean of each column.
        Means: float[]
        /// The standard deviation of each column, over N and not N - 1; 1 for a constant column.
        Spreads: float[]
    }

/// Normalises data, and undoes it in the formulas that are found.
[<RequireQualifiedAccess>]
module Scaling =
    /// The means and spreads of the columns; a constant column has spread 1.
    let private scaling (t: Tensor) : Scaling =
        let column (values: float[]) =
            // The average of a constant need not be the constant, and squares of small deviations may underflow.
            let mean = if Array.forall ((=) values[0]) values then values[0] else Array.average values
            let largest = values |> Array.map (fun v -> abs (v - mean)) |> Array.max

            mean,
            if largest = 0.0 then
                1.0
            else
                largest * sqrt (values |> Array.averageBy (fun v -> pown ((v - mean) / largest) 2))

        let means, spreads =
            Tensor.toArray t
            |> Array.chunkBySize (int (t.size 1))
            |> Array.transpose
            |> Array.map column
            |> Array.unzip

        { Means = means; Spreads = spreads }

    /// For functions of normalised inputs: the formulas of those in the inputs (given by name) as they were, and what
    /// makes of a formula for the normalised output one for the output as it was.
    let denormalise
        (names: string list)
        (inputs: Scaling)
        (output: Scaling)
        : Expression list * (Expression -> Expression) =
        let formulas =
            List.zip3 names (List.ofArray inputs.Means) (List.ofArray inputs.Spreads)
            |> List.map (fun (name, mean, spread) -> (Variable name - Number mean) / Number spread)

        formulas, (fun e -> e * Number output.Spreads[0] + Number output.Means[0])

    /// The same data with every column shifted and scaled to mean 0 and standard deviation 1 over the training samples
    /// (the mean square, not the unbiased estimate); test samples are shifted and scaled alike, and the truth is the
    /// function of the normalised inputs. Also what the columns had before.
    let normalised (data: Dataset) : Dataset * Scaling * Scaling =
        let inputs, output = scaling data.Train.X, scaling data.Train.Y

        // In double precision, whatever the data's: a mean may be much larger than its spread.
        let scaled (s: Scaling) (t: Tensor) =
            let place = Placement.ofTensor t
            let row = Tensor.ofArray { place with DType = torch.float64 } [ 1L; -1L ]
            (t.``to`` torch.float64 - row s.Means) / row s.Spreads |> Placement.put place

        let samples (s: Samples) = { X = scaled inputs s.X; Y = scaled output s.Y }

        let truth (e: Expression) =
            let original =
                Seq.zip3 data.Inputs inputs.Means inputs.Spreads
                |> Seq.map (fun (name, mean, spread) -> name, Variable name * Number spread + Number mean)
                |> Map

            (Expression.substitute original.TryFind e - Number output.Means[0]) / Number output.Spreads[0]

        Tensor.scoped (fun (data, _, _) -> Dataset.tensors data) (fun () ->
            { data with
                Train = samples data.Train
                Test = samples data.Test
                Truth = Option.map truth data.Truth
            },
            inputs,
            output)
