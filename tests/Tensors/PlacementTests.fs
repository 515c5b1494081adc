/// Placements by name, and conversions between arrays and tensors.
module MetaKan.Tests.PlacementTests

open MetaKan
open MetaKan.Tests.Folder
open TorchSharp
open Xunit

[<Fact>]
let ``placements are named as people name them`` () =
    Assert.Equal(Placement.cpu64, Placement.named "cpu" "float64")
    Assert.Equal(Placement.cpu32, Placement.named "cpu" "float32")
    Assert.Equal(torch.cuda.is_available (), ((Placement.named "auto" "float32").Device.``type`` = DeviceType.CUDA))

[<Fact>]
let ``other names are refused with what is accepted`` () =
    let refusal device dtype = messageOf<BadInput>(fun () -> Placement.named device dtype |> ignore)
    Assert.Equal("device takes cpu, cuda or auto, not 'gpu'", refusal "gpu" "float32")
    Assert.Equal("dtype takes float32 or float64, not 'half'", refusal "cpu" "half")

    if not (torch.cuda.is_available ()) then
        Assert.Contains("no CUDA device", refusal "cuda" "float32")

[<Fact>]
let ``arrays become tensors and come back`` () =
    use _ = torch.NewDisposeScope()
    let values = [| 1.0; -2.5; 3.0; 0.1; 5.0; 6.0 |]
    let t = Tensor.ofArray Placement.cpu64 [ 2L; 3L ] values
    Assert.Equal(Placement.cpu64, Placement.ofTensor t)
    Assert.Equal(0.1, Tensor.item t[1, 0])
    Assert.Equal<float>(values, Tensor.toArray t)
    // Row-major also where the memory is not.
    Assert.Equal<float>([| 1.0; 0.1; -2.5; 5.0; 3.0; 6.0 |], Tensor.toArray (t.t ()))
    let single = Placement.put Placement.cpu32 t
    Assert.Equal(torch.float32, single.dtype)
    Assert.Equal(float 0.1f, Tensor.item single[1, 0])

[<Fact>]
let ``only results survive a scope`` () =
    use _ = torch.NewDisposeScope()

    let (kept, other), dropped =
        Tensor.scoped (fun (results, _) -> [ fst results ]) (fun () -> (torch.ones 2L, torch.ones 2L), torch.ones 2L)

    Assert.False kept.IsInvalid
    Assert.True other.IsInvalid
    Assert.True dropped.IsInvalid
