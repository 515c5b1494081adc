/// Learning-rate schedules.
module MetaKan.Tests.ScheduleTests

open MetaKan
open Xunit

[<Fact>]
let ``schedules start at one and end where they say`` () =
    for schedule, last in [ Constant, 1.0; Linear, 0.0; Cosine, 0.0; Exponential, 0.01 ] do
        Assert.Equal(1.0, Schedule.factor schedule 0 500, 12)
        Assert.Equal(last, Schedule.factor schedule 500 500, 12)
        let factors = [ for step in 0..500 -> Schedule.factor schedule step 500 ]
        Assert.True(List.pairwise factors |> List.forall (fun (a, b) -> b <= a))

[<Fact>]
let ``schedules are halfway where their formulas are`` () =
    Assert.Equal(0.75, Schedule.factor Linear 25 100, 12)
    Assert.Equal(0.5, Schedule.factor Cosine 50 100, 12)
    Assert.Equal((1.0 + sqrt 0.5) / 2.0, Schedule.factor Cosine 25 100, 12)
    Assert.Equal(0.1, Schedule.factor Exponential 50 100, 12)

[<Fact>]
let ``a stage of no steps has a rate`` () = Assert.Equal(1.0, Schedule.factor Linear 0 0)

[<Fact>]
let ``a warm-up rises evenly to the full rate`` () =
    Assert.Equal<float list>([ 0.25; 0.5; 0.75; 1.0; 1.0 ], [ for step in 0..4 -> Schedule.warmup 3 step ])
    Assert.Equal(1.0, Schedule.warmup 0 0)
