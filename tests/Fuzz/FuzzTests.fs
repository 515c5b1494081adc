/// Files that are changed at random, of every kind that is read.
module MetaKan.Tests.Fuzz.FuzzTests

open Expecto
open MetaKan.Tests
open MetaKan.Tests.Fuzz

/// Some of each kind, alone since commands run in this process; `./test --fuzz N` takes as many as are wanted.
let tests =
    testSequenced
    <| testList
        "Fuzz"
        [
            for kind in Fuzz.kinds do
                testCase $"a changed file is read, or refused in one line that names it: {kind.Name}" (fun () ->
                    Expect.isNone (Fuzz.fault kind (kind.Sound 3)) "the sound one"
                    Expect.isEmpty (Fuzz.faults 25 0 kind) "changed ones")
        ]
