/// Comparing tensors with numbers written by hand.
module MetaKan.Tests.Provider.Expect

open TorchSharp
open Xunit

type Tensor = torch.Tensor

/// A float64 vector.
let vector (xs: float list) : Tensor = torch.tensor (Array.ofList xs)

/// A float64 matrix from its rows.
let matrix (rows: float list list) : Tensor = torch.tensor (array2D rows)

/// An int64 vector.
let indices (xs: int64 list) : Tensor = torch.tensor (Array.ofList xs)

/// The elements of a tensor of any type, in the order of its shape.
let values (t: Tensor) : float[] = t.detach().``to``(torch.float64).data<float>().ToArray()

/// Shape and elements are as given, to 1e-6 of the element's size or of one.
let equal (name: string) (shape: int64 list) (expected: float list) (actual: Tensor) =
    Assert.True(List.ofArray actual.shape = shape, $"{name}: shape {actual.shape |> List.ofArray}, not {shape}")
    let found = values actual
    Assert.Equal(List.length expected, found.Length)

    for e, a in Seq.zip expected found do
        let near =
            e = a || (System.Double.IsNaN e && System.Double.IsNaN a) || abs (e - a) <= 1e-6 * max 1.0 (abs e)

        Assert.True(near, $"{name}: {List.ofArray found}, not {expected}")

/// A row of a table: what it is, its shape and elements, and the tensor.
let table (rows: (string * int64 list * float list * Tensor) list) =
    for name, shape, expected, actual in rows do
        equal name shape expected actual

/// The gradient of the sum of a function's outputs.
let gradient (f: Tensor -> Tensor) (x: Tensor) : Tensor =
    let x = x.detach().requires_grad_ true
    torch.autograd.grad([| (f x).sum() |], [| x |])[0]
