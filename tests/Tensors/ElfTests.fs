/// The changes to TorchSharp's library: what it needs on systems with an older C++ runtime, and functions in the place of
/// its own.
module MetaKan.Tests.ElfTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open MetaKan

let private beside (parts: string list) =
    File.ReadAllBytes(Path.Combine(Array.ofList (AppContext.BaseDirectory :: parts)))

let private bridge = lazy (beside [ "runtimes"; "linux-x64"; "native"; "libLibTorchSharp.so" ])
let private version = "GLIBCXX_3.4.32"

let tests =
    testList
        "Tensors.Elf"
        [
            testCase "one flag of one entry changes, once" (fun () ->
                let mended = (Elf.weaken version bridge.Value).Value
                let changed = Seq.zip bridge.Value mended |> Seq.filter (fun (a, b) -> a <> b) |> List.ofSeq
                Expect.equal changed [ 0uy, 2uy ] "bytes that differ"
                Expect.equal (Elf.weaken version mended) (Some mended) "mended again")

            testCase "the given library is left as it is" (fun () ->
                let before = Array.copy bridge.Value
                Elf.weaken version bridge.Value |> ignore
                Elf.redirect [ "THSTorch_dispose_scalar", 1n ] bridge.Value |> ignore
                Expect.equal bridge.Value before "the library")

            testCase "a library without such a need is left alone" (fun () ->
                Expect.isNone (Elf.weaken "GLIBCXX_9.9.9" bridge.Value) "another version"

                if OperatingSystem.IsLinux() then
                    Expect.isNone (Elf.weaken version (beside [ "libtorch"; "libc10.so" ])) "another library")

            testCase "a function is told to lie where another does, and nothing else changes" (fun () ->
                let names = [ "THSTorch_dispose_scalar"; "THSTorch_int64_to_scalar"; "THSTorch_scalar_type" ]
                let before = names |> List.map (fun name -> (Elf.offsets bridge.Value)[name])
                let address = 0x123456789abcn
                let changed = (Elf.redirect [ names[1], address ] bridge.Value).Value
                let after = names |> List.map (fun name -> (Elf.offsets changed)[name])
                Expect.equal after [ before[0]; int64 address; before[2] ] "where they lie"

                Expect.isLessThanOrEqual
                    (Seq.zip bridge.Value changed |> Seq.filter (fun (a, b) -> a <> b) |> Seq.length)
                    10
                    "bytes of an address and of a section's number")

            testCase "a library that lacks a function is left alone" (fun () ->
                Expect.isNone (Elf.redirect [ "THSTorch_dispose_scalar", 1n; "no such", 1n ] bridge.Value) "a name"
                Expect.isNone (Elf.redirect [ "no such", 1n ] (Array.zeroCreate 100)) "no library")

            testProperty "what is no library is left alone" (fun (bytes: byte[]) ->
                Expect.isNone (Elf.weaken version bytes) "any bytes"

                Expect.isNone
                    (Elf.weaken version (Array.append "MZ"B (Array.append bytes (Array.zeroCreate 100))))
                    "another format")
        ]
