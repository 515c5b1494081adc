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

    /// For functions of normalised inputs: the formulas of those in the inputs (given by name) as they were, and for each
    /// output what makes of a formula for it, normalised, one for the output as it was.
    let denormalise
        (names: string list)
        (inputs: Scaling)
        (outputs: Scaling)
        : Expression list * (Expression -> Expression) list =
        let formulas =
            List.zip3 names (List.ofArray inputs.Means) (List.ofArray inputs.Spreads)
            |> List.map (fun (name, mean, spread) -> (Variable name - Number mean) / Number spread)

        formulas,
        [
            for mean, spread in Seq.zip outputs.Means outputs.Spreads -> fun e -> e * Number spread + Number mean
        ]

    /// The same data with every column shifted and scaled to mean 0 and standard deviation 1 over the training samples
    /// (the mean square, not the unbiased estimate); test samples are shifted and scaled alike, and the truth are
    /// functions of the normalised inputs. Also what the columns had before, of the inputs and of the outputs.
    let normalised (data: Dataset) : Dataset * Scaling * Scaling =
        let inputs, outputs = scaling data.Train.X, scaling data.Train.Y

        // In double precision, whatever the data's: a mean may be much larger than its spread.
        let scaled (s: Scaling) (t: Tensor) =
            let place = Placement.ofTensor t
            let row = Tensor.ofArray { place with DType = torch.float64 } [ 1L; -1L ]
            (t.``to`` torch.float64 - row s.Means) / row s.Spreads |> Placement.put place

        let samples (s: Samples) = { X = scaled inputs s.X; Y = scaled outputs s.Y }

        let original =
            Seq.zip3 data.Inputs inputs.Means inputs.Spreads
            |> Seq.map (fun (name, mean, spread) -> name, Variable name * Number spread + Number mean)
            |> Map

        Tensor.scoped (fun (data, _, _) -> Dataset.tensors data) (fun () ->
            { data with
                Train = samples data.Train
                Test = samples data.Test
                Truth =
                    data.Truth
                    |> List.mapi (fun i e ->
                        (Expression.substitute original.TryFind e - Number outputs.Means[i])
                        / Number outputs.Spreads[i])
            },
            inputs,
            outputs)
