/// Comparing tensors with tensors, and properties that are checked on random numbers.
module MetaKan.Tests.Numeric

open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open TorchSharp

/// A property of random cases, each in a dispose scope.
let ofCases (cases: Gen<'a>) (property: 'a -> unit) =
    Prop.forAll (Arb.fromGen cases) (fun case ->
        use _ = torch.NewDisposeScope()
        property case)

/// The test that a property holds for `count` random cases, each in a dispose scope. A failure shows the case and its
/// seed; etestPropertyWithConfig with that seed in the place of testPropertyWithConfig checks that case first.
let property (name: string) (count: int) (cases: Gen<'a>) (property: 'a -> unit) : Test =
    testPropertyWithConfig { FsCheckConfig.defaultConfig with maxTest = count } name (ofCases cases property)

/// Checks a property as a part of a test; a failure shows the case and its seed.
let forAll (count: int) (cases: Gen<'a>) (property: 'a -> unit) =
    Check.One(Config.QuickThrowOnFailure.WithMaxTest(count).WithQuietOnSuccess true, ofCases cases property)

/// Seeds of random numbers.
let seeds = Gen.choose (0, 1_000_000)

/// Standard normal numbers in double precision, the same for the same seed.
let normal (seed: int) (shape: int list) : Tensor = Key.normal (Key.ofSeed seed) Placement.cpu64 (List.map int64 shape)

/// Numbers uniform on [low, high), the same for the same seed.
let uniform (seed: int) (low: float, high: float) (shape: int list) : Tensor =
    Key.uniform (Key.ofSeed seed) Placement.cpu64 (List.map int64 shape) * (high - low) + low

/// A tensor of the given shape from numbers in row-major order.
let tensor (shape: int list) (values: float list) : Tensor =
    Tensor.ofArray Placement.cpu64 (List.map int64 shape) (Array.ofList values)

/// Shapes are equal, and elements to `tolerance` of the largest expected one.
let close (what: string) (tolerance: float) (expected: Tensor) (actual: Tensor) =
    Expect.equal (List.ofArray actual.shape) (List.ofArray expected.shape) $"{what}: shape"

    if expected.numel () > 0L then
        let size = max 1e-6 (Tensor.item (expected.abs().max()))
        let difference = Tensor.item ((actual - expected).abs().max())

        // Written so that a NaN fails.
        if not (difference <= tolerance * size) then
            failtest $"{what}: off by {difference} where the largest element is {size}"

/// The same names, shapes and numbers.
let closeTrees (what: string) (tolerance: float) (expected: Params) (actual: Params) =
    Expect.equal (List.ofSeq actual.Keys) (List.ofSeq expected.Keys) $"{what}: names"

    for KeyValue(name, t) in expected do
        close $"{what}, {name}" tolerance t actual[name]

/// The gradient of the sum of a tensor's elements by x, itself differentiable.
let gradient (y: Tensor) (x: Tensor) : Tensor = (Autograd.gradients true [| y.sum () |] null [| x |])[0]

/// That f's gradients by its inputs are its central differences, along a random direction in each input.
let differentiates (what: string) (tolerance: float) (f: Tensor[] -> Tensor) (inputs: Tensor list) =
    let tracked = inputs |> List.map (fun t -> t.detach().requires_grad_ true) |> List.toArray
    let y = f tracked
    let cotangent = normal 77 (y.shape |> Seq.map int |> List.ofSeq)
    let gradients = Autograd.gradients false [| y |] [| cotangent |] tracked
    use _ = torch.no_grad ()
    let h = 1e-5

    for i in 0 .. tracked.Length - 1 do
        let direction = normal (78 + i) (tracked[i].shape |> Seq.map int |> List.ofSeq)

        let moved (step: float) =
            (f (Array.mapi (fun j (t: Tensor) -> if i = j then t.detach () + direction * step else t.detach ()) tracked)
             * cotangent)
                .sum()

        let expected = (moved h - moved -h) / (2.0 * h)
        // Against all that is summed, which may nearly cancel.
        let size = (gradients[i] * direction).abs().sum() + 1e-12
        close $"{what}, by input {i}" tolerance (2.0 + expected / size) (2.0 + (gradients[i] * direction).sum() / size)

/// Runs an action while libtorch has so many threads; they are the process's, so tests of it run one after another.
let withThreads (threads: int) (action: unit -> 'a) : 'a =
    let before = torch.get_num_threads ()
    torch.set_num_threads threads

    try
        action ()
    finally
        torch.set_num_threads before

/// Runs an action in which `Workers` has so many threads.
let hired (threads: int) (action: unit -> 'a) : 'a = withThreads threads (fun () -> Workers.hire action)
