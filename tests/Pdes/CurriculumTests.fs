/// A window of time that grows.
module MetaKan.Tests.CurriculumTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open MetaKan.Tests.Timed
open TorchSharp

let tests =
    testList
        "Pdes.Curriculum"
        [
            property
                "the window grows evenly, to the whole after a fraction of the steps"
                40
                (Gen.zip (Gen.choose (1, 50)) (Gen.choose (1, 10)))
                (fun (steps, tenths) ->
                    let share = Curriculum.share (float tenths / 10.0) steps
                    let window = float tenths / 10.0 * float steps

                    for step in 0 .. steps - 1 do
                        Check.near 1e-12 (share step) (min 1.0 (float (step + 1) / max 1.0 window)) "share"

                    Expect.equal (share (steps - 1)) 1.0 "the last step")

            property "points keep their places and come earlier" 20 seeds (fun seed ->
                let x = uniform seed (-3.0, 2.0) [ 6; 3 ]
                let moved = Curriculum.confine -3.0 0.25 x
                close "places" 0.0 (x.narrow (1L, 0L, 2L)) (moved.narrow (1L, 0L, 2L))
                close "times" 1e-12 ((x.narrow (1L, 2L, 1L) + 3.0) * 0.25 - 3.0) (moved.narrow (1L, 2L, 1L))
                Expect.isTrue (Object.ReferenceEquals(x, Curriculum.confine -3.0 1.0 x)) "the whole window")

            testCase "the equations' points stay in the window, and in the end take all of it" (fun () ->
                for choice in [ PointChoice.Fresh; PointChoice.Rad ] do
                    let latest = ResizeArray<float>()

                    let seen =
                        given "seen" (fun x ->
                            let t = x.select (1L, 1L)
                            latest.Add(Tensor.item (t.max ()))
                            t.reshape (-1L, 1L))

                    let problem =
                        { heat with Equations = [ Equation.create "seen" (d (field "u") [ coordinate "t" ] - seen) ] }

                    let model = Problem.modelFor problem (Mlp.create [ 2; 3; 1 ])
                    let emphasis = { Emphasis.none with Curriculum = Some 0.5; Points = choice; Every = 1 }
                    let stage = stageOf emphasis 50 problem model 20
                    let p = model.Init (Key.ofSeed 3) Placement.cpu64
                    let mutable p, memory = p, stage.Init p

                    for step in 0..19 do
                        latest.Clear()
                        let _, next, nextMemory = stepOf stage step p memory
                        p <- next
                        memory <- nextMemory
                        let share = min 1.0 (float (step + 1) / 10.0)
                        Check.inRange (0.7 * share) share (Seq.max latest) $"latest time of step {step}")
        ]
