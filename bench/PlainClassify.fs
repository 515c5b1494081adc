/// How PyTorch users of KANs classify images today, written plainly with the same operators: a dense Cox–de Boor recursion,
/// base and spline parts apart, coefficients materialised by the whole generator.
/// Zhao, Shu, Meng, Xu (arXiv 2506.07549), its image experiments.
module MetaKan.Bench.PlainClassify

open MetaKan
open MetaKan.Images
open MetaKan.Bench
open TorchSharp

/// Spline weights [edges…, G+k] and base weights [edges…] of layer l with edges of the given shape.
let private weights (grid: Grid) (p: Params) (l: int) (edges: int64 list) : Tensor * Tensor =
    match Map.tryFind $"embeddings.{l}" p with
    | None ->
        let own = Params.under $"layers.{l}" p
        own["spline_weight"] * own["spline_scaler"].unsqueeze -1L, own["base_weight"]
    | Some embeddings ->
        let functions = int64 (Grid.coefficients grid)

        let numbers =
            Plain.generated (Params.under "hypernet.0" p) embeddings
            |> _.view(List.toArray (edges @ [ functions + 1L ]))

        numbers.narrow (-1L, 0L, functions), numbers.select (-1L, functions)

let private fc (grid: Grid) (widths: int list) (p: Params) (images: Tensor) : Tensor =
    let knots = Plain.knots grid images

    (images.flatten 1L, List.indexed (List.pairwise widths))
    ||> List.fold (fun x (l, (inputs, outputs)) ->
        let spline, base' = weights grid p l [ int64 outputs; int64 inputs ]
        let features = Plain.splines knots grid.Order x

        torch.nn.functional.linear (torch.nn.functional.silu x, base')
        + torch.nn.functional.linear (features.flatten 1L, spline.flatten 1L))

let private conv4 (grid: Grid) (p: Params) (images: Tensor) : Tensor =
    let knots = Plain.knots grid images
    let widths = images.size 1 :: [ for channels, _ in Classifier.four -> int64 channels ]

    // [a, b, height, width, m] as [a, b·m, height, width].
    let channels (t: Tensor) = t.permute(0L, 1L, 4L, 2L, 3L).flatten(1L, 2L)

    (images, List.zip (List.pairwise widths) Classifier.four |> List.indexed)
    ||> List.fold (fun x (l, ((inputs, outputs), (_, stride))) ->
        let spline, base' = weights grid p l [ outputs; inputs; 3L; 3L ]
        let strides, padding = Array.replicate 2 (int64 stride), [| 1L; 1L |]
        let convolve (x: Tensor) (weight: Tensor) = torch.nn.functional.conv2d (x, weight, null, strides, padding)

        let y =
            convolve (torch.nn.functional.silu x) base'
            + convolve (channels (Plain.splines knots grid.Order x)) (channels spline)

        let norm, slope = Params.under $"norms.{l}" p, p[$"activations.{l}.weight"]

        torch.nn.functional.prelu (
            torch.nn.functional.batch_norm (y, null, null, norm["weight"], norm["bias"], training = true),
            slope
        ))
    |> fun x -> torch.nn.functional.linear (x.mean [| 2L; 3L |], p["head.weight"], p["head.bias"])

/// The loss and gradient of a batch, for networks without dropout under the names of the library's.
let gradient (network: Architecture) (classes: int) (batch: Batch) : Gradient =
    let grid = { Size = network.GridSize; Order = network.SplineOrder }

    fun joined ->
        let p, statistics = Statistics.split joined
        let tracked = Params.tracked p

        let logits =
            if network.Net = "fc" then
                let inputs = int (batch.Pixels.numel () / batch.Pixels.size 0)
                fc grid (inputs :: network.Width @ [ classes ]) tracked batch.Pixels
            else
                conv4 grid tracked batch.Pixels

        let loss = torch.nn.functional.cross_entropy (logits, batch.Labels)
        loss.detach (), Statistics.join (Params.gradient loss tracked) statistics
