/// Numbers that operators take, which TorchSharp lets the garbage collector free while an operator still reads them.
module MetaKan.Tests.ScalarsTests

open System
open System.Reflection
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private hidden = BindingFlags.Instance ||| BindingFlags.NonPublic

let private address (scalar: Scalar) = typeof<Scalar>.GetProperty("Handle", hidden).GetValue scalar :?> nativeint

/// What lies where a number was, as the operator sees that has its address and has not read it yet.
let private at (address: nativeint) : Scalar =
    let scalar = Activator.CreateInstance(typeof<Scalar>, hidden, null, [| box address |], null) :?> Scalar
    GC.SuppressFinalize scalar
    scalar

/// Reads numbers after they were freed and as many others made.
let private keepTheirValues (numbers: 'a list) (make: 'a -> Scalar) (read: Scalar -> 'a) =
    if not (OperatingSystem.IsLinux()) then
        skiptest "TorchSharp's library is mended on Linux only"

    let addresses =
        [
            for number in numbers do
                use scalar = make number
                address scalar
        ]

    for number in numbers do
        use _ = make number
        ()

    Expect.equal (addresses |> List.map (at >> read)) numbers "the numbers"

let tests =
    testList
        "Tensors.Scalars"
        [
            // Some of them are made once and shared, the others are not.
            testCase "a freed number can still be read" (fun () ->
                keepTheirValues [ for i in 1..9999 -> float i / 7.0 ] Scalar.op_Implicit _.ToDouble()
                keepTheirValues [ 1..9999 ] Scalar.op_Implicit _.ToInt32()
                keepTheirValues [ 1L .. 9999L ] Scalar.op_Implicit _.ToInt64()
                keepTheirValues [ for i in 1..9999 -> float32 i / 7.0f ] Scalar.op_Implicit _.ToSingle())

            property
                "operators get the numbers that they are given"
                200
                (Gen.zip seeds (Gen.choose (-9, 9)))
                (fun (x, n) ->
                    let t = torch.ones ([| 1L |], dtype = torch.float64)
                    let x = float x / 3.0
                    Expect.equal (Tensor.item (t * x)) x "double"
                    Expect.equal (Tensor.item (t * float32 x)) (float (float32 x)) "single"
                    Expect.equal (Tensor.item (t * n)) (float n) "integer"
                    Expect.equal (Tensor.item (t * int64 n)) (float n) "long integer"
                    Expect.equal (t * n).dtype torch.float64 "an integer leaves the type"
                    Expect.equal (t.``to`` (torch.int32) * x).dtype torch.float32 "a number makes integers real")

            testCase "a number's sign, and what is no number, arrive" (fun () ->
                let t = torch.ones ([| 1L |], dtype = torch.float64)
                Expect.equal (1.0 / Tensor.item (t * 0.0)) infinity "zero"
                Expect.equal (1.0 / Tensor.item (t * -0.0)) -infinity "minus zero"
                Expect.isTrue (Double.IsNaN(Tensor.item (t * nan))) "no number")
        ]
