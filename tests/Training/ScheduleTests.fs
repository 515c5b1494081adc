/// Learning-rate schedules.
module MetaKan.Tests.ScheduleTests

open Expecto
open MetaKan

let tests =
    testList
        "Training.Schedule"
        [
            testCase "schedules start at one and end where they say" (fun () ->
                for schedule, last in [ Constant, 1.0; Linear, 0.0; Cosine, 0.0; Exponential, 0.01 ] do
                    Check.near 5e-13 (Schedule.factor schedule 0 500) 1.0 "factor"
                    Check.near 5e-13 (Schedule.factor schedule 500 500) last "factor"
                    let factors = [ for step in 0..500 -> Schedule.factor schedule step 500 ]
                    Expect.isTrue (List.pairwise factors |> List.forall (fun (a, b) -> b <= a)) "factors do not rise")

            testCase "schedules are halfway where their formulas are" (fun () ->
                Check.near 5e-13 (Schedule.factor Linear 25 100) 0.75 "factor"
                Check.near 5e-13 (Schedule.factor Cosine 50 100) 0.5 "factor"
                Check.near 5e-13 (Schedule.factor Cosine 25 100) ((1.0 + sqrt 0.5) / 2.0) "factor"
                Check.near 5e-13 (Schedule.factor Exponential 50 100) 0.1 "factor")

            testCase "a stage of no steps has a rate" (fun () -> Expect.equal (Schedule.factor Linear 0 0) 1.0 "factor")

            testCase "a warm-up rises evenly to the full rate" (fun () ->
                Expect.equal [ for step in 0..4 -> Schedule.warmup 3 step ] [ 0.25; 0.5; 0.75; 1.0; 1.0 ] "warmup"
                Expect.equal (Schedule.warmup 0 0) 1.0 "warmup")
        ]
