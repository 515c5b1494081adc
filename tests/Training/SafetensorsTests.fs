/// Safetensors files: they read back as written, and every broken one is refused in one line.
module MetaKan.Tests.SafetensorsTests

open System
open System.IO
open System.Text
open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open TorchSharp

/// A tensor of one of the five element types, with up to three dimensions of up to four elements.
let private tensors =
    gen {
        let! dtype = Gen.elements [ torch.float64; torch.float32; torch.int64; torch.bool; torch.uint8 ]
        let! shape = Gen.listOfLength 3 (Gen.choose (0, 4)) |> Gen.bind Gen.subListOf
        let! seed = Gen.choose (0, 1000000)
        let! turned = Gen.elements [ true; false ]
        let shape = List.map int64 shape
        let values = Key.normal (Key.ofSeed seed) Placement.cpu64 shape * 3.0
        let t = if dtype = torch.bool then values.gt (torch.zeros_like values) else values.``to`` dtype
        return if turned && shape.Length > 1 then t.transpose (0, 1) else t
    }

/// Metadata of any texts.
let private texts = ArbMap.defaults |> ArbMap.arbitrary<Map<NonNull<string>, NonNull<string>>>

let private same (a: Tensor) (b: Tensor) =
    a.dtype = b.dtype && a.shape = b.shape && a.contiguous().bytes.SequenceEqual b.bytes

/// A file of the given header and elements.
let private file (header: string) (elements: byte[]) =
    let header = Encoding.UTF8.GetBytes header
    Array.concat [ BitConverter.GetBytes header.LongLength; header; elements ]

let private refused (path: string) =
    let message = messageOf<BadInput>(fun () -> Safetensors.read path |> ignore)
    Expect.stringStarts message path "message"
    Check.lacks message "\n" "message"

let tests =
    testList
        "Training.Safetensors"
        [
            testProperty
                "tensors and metadata read back as written"
                (Prop.forAll (Gen.listOf tensors |> Arb.fromGen) (fun tensors ->
                    Prop.forAll texts (fun texts ->
                        withFolder (fun folder ->
                            use _ = torch.NewDisposeScope()
                            let path = Path.Combine(folder, "state.safetensors")
                            // Text in files is UTF-8, which has no lone surrogates.
                            let utf8 (NonNull text) = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text: string))

                            let texts = texts |> Map.toList |> List.map (fun (k, v) -> utf8 k, utf8 v) |> Map
                            let named = tensors |> List.mapi (fun i t -> $"layers.{i}.\"é\"", t)
                            Safetensors.write path texts named
                            let metadata, found = Safetensors.read path

                            metadata = texts
                            && found.Count = named.Length
                            && named |> List.forall (fun (name, t) -> same t found[name])
                            && Directory.GetFiles folder = [| path |]))))

            testCase "a file made by the format's description is read" (fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "made.safetensors")

                    let header =
                        """{"b":{"dtype":"I64","shape":[],"data_offsets":[8,16]},"__metadata__":{"k":"v"},
                            "a":{"data_offsets":[0,8],"dtype":"F32","shape":[1,2]}}    """

                    let elements =
                        Array.concat
                            [ BitConverter.GetBytes 1.5f; BitConverter.GetBytes -2.0f; BitConverter.GetBytes 7L ]

                    File.WriteAllBytes(path, file header elements)
                    let metadata, found = Safetensors.read path
                    Expect.equal metadata["k"] "v" "metadata"
                    Expect.equal found["a"].shape [| 1L; 2L |] "shape"
                    Expect.equal (Tensor.toArray found["a"]) [| 1.5; -2.0 |] "numbers of a"
                    Expect.equal (found["b"].item<int64>()) 7L "number of b"))

            testCase "a written file has the layout of the format's description" (fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "t.safetensors")
                    let values: int64[] = [| 1L; 2L |]

                    Safetensors.write
                        path
                        (Map [ "k", "v" ])
                        [ "x", torch.tensor ([| true |]); "y", torch.tensor values ]

                    let bytes = File.ReadAllBytes path
                    let length = int (BitConverter.ToInt64(bytes, 0))

                    Expect.equal
                        (Encoding.UTF8.GetString(bytes, 8, length).TrimEnd ' ')
                        ("""{"__metadata__":{"k":"v"},"y":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"""
                         + """"x":{"dtype":"BOOL","shape":[1],"data_offsets":[16,17]}}""")
                        "get string"

                    Expect.equal
                        bytes[8 + length ..]
                        (Array.concat [ BitConverter.GetBytes 1L; BitConverter.GetBytes 2L; [| 1uy |] ])
                        "bytes"))

            testCase "elements begin at a multiple of eight bytes, as readers that map them expect" (fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "t.safetensors")

                    for length in 1..8 do
                        Safetensors.write path Map.empty [ String('x', length), torch.ones 1L ]
                        Expect.equal ((File.ReadAllBytes path).[0] % 8uy) 0uy "length of the header modulo 8"))

            testCase "every truncation is refused" (fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "t.safetensors")

                    Safetensors.write
                        path
                        Map.empty
                        [ "x", torch.ones (3, 2); "y", torch.zeros ([| 4L |], dtype = torch.float64) ]

                    let whole = File.ReadAllBytes path

                    for length in 0 .. whole.Length - 1 do
                        File.WriteAllBytes(path, whole[.. length - 1])
                        refused path

                    File.WriteAllBytes(path, Array.append whole [| 0uy |])
                    refused path))

            testCase "any file at all is either read or refused" (fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "t.safetensors")

                    Safetensors.write
                        path
                        (Map [ "k", "v" ])
                        [ "x", torch.ones (3, 2); "flag", torch.tensor ([| true; false |]) ]

                    let whole = File.ReadAllBytes path

                    Check.One(
                        Config.QuickThrowOnFailure.WithMaxTest(500).WithQuietOnSuccess true,
                        Prop.forAll
                            (Arb.fromGen (Gen.zip (Gen.choose (0, whole.Length - 1)) (Gen.choose (0, 255))))
                            (fun (place, value) ->
                                File.WriteAllBytes(path, Array.updateAt place (byte value) whole)

                                try
                                    Safetensors.read path |> ignore
                                    true
                                with BadInput _ ->
                                    true)
                    )))

            Check.theory
                "inconsistent files are refused"
                [
                    "a header that is no JSON", "hello, world"
                    "a header that is no text", """{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"""
                    "a header that is no object", "[1, 2, 3]"
                    "an entry that is no object", """{"x": 1}"""
                    "an unknown dtype", """{"x":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}"""
                    "no dtype", """{"x":{"shape":[4],"data_offsets":[0,8]}}"""
                    "too few bytes for the shape", """{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"""
                    "a negative dimension", """{"x":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}"""
                    "a broken dimension", """{"x":{"dtype":"F32","shape":[0.5,4],"data_offsets":[0,8]}}"""
                    "a shape whose size overflows",
                    """{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"""
                    "an empty tensor of impossible shape",
                    """{"x":{"dtype":"F32","shape":[0,4611686018427387904,8],"data_offsets":[0,0]},"y":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"""
                    "offsets beyond the end", """{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"""
                    "offsets in the wrong order", """{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"""
                    "three offsets", """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"""
                    "elements that nothing names", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"""
                    "a gap before the first", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"""
                    "overlapping tensors",
                    """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"""
                    "a name used twice",
                    """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"""
                    "metadata that is no text",
                    """{"__metadata__":{"n":1},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"""
                    "bools that are neither 0 nor 1", """{"x":{"dtype":"BOOL","shape":[8],"data_offsets":[0,8]}}"""
                ]
                (fun (_, header) ->
                    withFolder (fun folder ->
                        let path = Path.Combine(folder, "t.safetensors")
                        File.WriteAllBytes(path, file header [| 0uy .. 7uy |])
                        refused path))

            testCase "a missing file and a folder are refused by name" (fun () ->
                withFolder (fun folder ->
                    for path in [ Path.Combine(folder, "none.safetensors"); folder ] do
                        Expect.stringContains
                            (messageOf<BadInput>(fun () -> Safetensors.read path |> ignore))
                            path
                            "message"))

            testCase "a failed write keeps the old file and says why" (fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "t.safetensors")
                    Safetensors.write path Map.empty [ "x", torch.ones 2L ]
                    // A folder in the place of the temporary file stands for a disk that refuses.
                    Directory.CreateDirectory(path + ".part") |> ignore

                    let message =
                        messageOf<RunFailed>(fun () -> Safetensors.write path Map.empty [ "x", torch.zeros 2L ])

                    Expect.stringContains message path "message"
                    Check.lacks message "\n" "message"
                    let _, found = Safetensors.read path
                    Expect.equal (Tensor.toArray found["x"]) [| 1.0; 1.0 |] "the old numbers"))

            testCase "tensors that cannot be stored are a mistake of the caller" (fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "t.safetensors")
                    let write tensors () = Safetensors.write path Map.empty tensors
                    let one = torch.ones 2L
                    messageOf<ArgumentException>(write [ "x", one.``to`` torch.int32 ]) |> ignore
                    messageOf<ArgumentException>(write [ "x", one; "x", one ]) |> ignore
                    messageOf<ArgumentException>(write [ "__metadata__", one ]) |> ignore
                    Expect.isFalse (File.Exists path) "nothing is written"))
        ]
