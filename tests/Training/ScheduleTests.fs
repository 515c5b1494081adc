/// Learning-rate schedules.
module MetaKan.Tests.ScheduleTests

open Expecto
open MetaKan

let tests =
    testList
        "Training.Schedule"
        [
            testCase "schedules start at one and end where they say" (fun () ->
                for schedule, last in
                    [
                        Annealing.Constant, 1.0
                        Annealing.Linear, 0.0
                        Annealing.Cosine, 0.0
                        Annealing.Exponential, 0.01
                    ] do
                    Check.near 5e-13 (Schedule.annealed schedule 500 0) 1.0 "factor"
                    Check.near 5e-13 (Schedule.annealed schedule 500 500) last "factor"
                    let factors = [ for step in 0..500 -> Schedule.annealed schedule 500 step ]
                    Expect.isTrue (List.pairwise factors |> List.forall (fun (a, b) -> b <= a)) "factors do not rise")

            testCase "schedules are halfway where their formulas are" (fun () ->
                Check.near 5e-13 (Schedule.annealed Annealing.Linear 100 25) 0.75 "factor"
                Check.near 5e-13 (Schedule.annealed Annealing.Cosine 100 50) 0.5 "factor"
                Check.near 5e-13 (Schedule.annealed Annealing.Cosine 100 25) ((1.0 + sqrt 0.5) / 2.0) "factor"
                Check.near 5e-13 (Schedule.annealed Annealing.Exponential 100 50) 0.1 "factor")

            testCase "a stage of no steps has a rate" (fun () ->
                Expect.equal (Schedule.annealed Annealing.Linear 0 0) 1.0 "factor")

            testCase "a warm-up rises evenly to the full rate" (fun () ->
                Expect.equal [ for step in 0..4 -> Schedule.warmup 3 step ] [ 0.25; 0.5; 0.75; 1.0; 1.0 ] "warmup"
                Expect.equal (Schedule.warmup 0 0) 1.0 "warmup")

            testCase "a product of schedules is the product of their values" (fun () ->
                let rate =
                    Schedule.product [ Schedule.constant 0.5; Schedule.annealed Annealing.Linear 8; Schedule.warmup 3 ]

                let expected = [ for step in 0..8 -> 0.5 * (1.0 - float step / 8.0) * Schedule.warmup 3 step ]
                Expect.equal (List.map rate [ 0..8 ]) expected "product"
                Expect.equal (Schedule.product [] 5) 1.0 "of none")
        ]
