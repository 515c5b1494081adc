// Cosines and sines of linear functions of the inputs, in the inputs' place: what the periodic embedding and the random
// Fourier features have in common. Nothing in them is trained.
namespace MetaKan

open TorchSharp

[<RequireQualifiedAccess>]
module internal Waves =
    /// The model of cos(x A), sin(x A) and the inputs listed in `passing`, side by side, where A [inputs, m] are angular
    /// frequencies, in row-major order; `part` tells them in the model's description.
    let before (inputs: int) (frequencies: float[]) (passing: int list) (part: string) (model: Model) : Model =
        let count = frequencies.Length / inputs
        let matrix (like: Tensor) = Tensor.ofArray (Placement.ofTensor like) [ int64 inputs; int64 count ] frequencies
        let none (like: Tensor) = torch.zeros (1L, dtype = like.dtype, device = like.device)

        let points (x: Tensor) =
            let phases = Tensor.product x (matrix x)
            let passing = if passing.IsEmpty then [||] else [| Tensor.select passing x |]
            torch.cat (Array.append [| torch.cos phases; torch.sin phases |] passing, 1L)

        let jets (x: Jet) =
            let phases = Jet.affine (matrix x.Value) (none x.Value) x
            let passing = if passing.IsEmpty then [] else [ Jet.select passing x ]
            Jet.concat (Jet.cos phases :: Jet.sin phases :: passing)

        { model with
            Description = $"{model.Description}, {part}"
            NumbersPerPoint =
                fun directions order ->
                    model.NumbersPerPoint directions order + Model.numbersOfFunction directions order count
        }
        |> Model.before points jets
        |> Model.taking inputs
