/// The library tells its version, and the tests' own program leaves slow tests out.
module MetaKan.Tests.BuildTests

open System
open System.Diagnostics
open System.IO
open Expecto

let tests =
    testList
        "Build"
        [
            testCase "version is a plain number of three parts" (fun () ->
                Expect.isMatch MetaKan.Build.version @"^\d+\.\d+\.\d+$" "version")

            testCase "slow tests are left out, and said to be, unless all are asked for" (fun () ->
                // Only slow ones have this in their names, so that none is run.
                let program = Path.Combine(AppContext.BaseDirectory, "MetaKan.Tests.dll")
                let start = ProcessStartInfo("dotnet", [ program; Check.slowly ], RedirectStandardOutput = true)
                use run = Process.Start start
                let said = run.StandardOutput.ReadToEnd()
                run.WaitForExit()

                Expect.isMatch
                    said
                    @"^[1-9]\d* slow tests were left to ./test --all\n0 passed, 0 failed"
                    "what is said")
        ]
