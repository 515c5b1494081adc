/// The library tells its version.
module MetaKan.Tests.BuildTests

open Expecto

let tests =
    testList
        "Build"
        [
            testCase "version is a plain number of three parts" (fun () ->
                Expect.isMatch MetaKan.Build.version @"^\d+\.\d+\.\d+$" "version")
        ]
