// A training run in its folder, new or resumed; metrics and checkpoints are written as it goes.
namespace MetaKan

open System.IO
open System.Text.Json.Nodes
open TorchSharp

/// Where a run is kept, and who may stop it.
type RunPlace =
    {
        /// New or empty, or one to resume.
        Folder: string
        /// Go on with the run in the folder; a folder without a checkpoint starts over.
        Resume: bool
        /// Sections of config.json in the place of the task's own, such as what a problem and a network were made from.
        Sections: (string * JsonNode) list
        /// Measured when the run is done, for result.json.
        Meters: (string * (unit -> JsonNode)) list
        /// Asked before each step; true ends the run after saving.
        Interrupted: unit -> bool
        /// Whether Ctrl-C, SIGTERM and SIGHUP end the run after saving, and then the process, with exit code 1.
        Signals: bool
        /// Whether what is measured is also written for TensorBoard.
        TensorBoard: bool
    }

/// The places of new runs and of runs that go on.
[<RequireQualifiedAccess>]
module RunPlace =
    /// A new run in a folder, which signals end.
    let fresh (folder: string) : RunPlace =
        {
            Folder = folder
            Resume = false
            Sections = []
            Meters = []
            Interrupted = fun () -> false
            Signals = true
            TensorBoard = false
        }

    /// The run in a folder, to go on with.
    let resumed (folder: string) : RunPlace = { fresh folder with Resume = true }

    /// Whether a run at its place is to end before its next step.
    let internal interrupted (place: RunPlace) : bool =
        Ranks.any (place.Interrupted() || place.Signals && Interrupt.asked ())

/// Training runs in their folders, new or resumed.
[<RequireQualifiedAccess>]
module Run =
    /// The measures last taken in a run, by name, with "loss" and "seconds"; none before the first.
    let measured (folder: string) : (string * float option) list =
        let table = Metrics.read folder

        match Array.tryLast table.Rows with
        | Some(_, row) -> List.zip table.Columns (List.ofArray row)
        | None -> []

    /// The measures taken in a run at a step; None where the table has no such last row, as one that was cut.
    let internal tryMeasuredAt (folder: string) (step: int) : (string * float option) list option =
        match Array.tryLast (Metrics.read folder).Rows with
        | Some(last, _) when last = step -> Some(measured folder)
        | _ -> None

    /// What is said of a run that was asked to end: it may have come to its end by itself.
    let internal farewell (folder: string) : string =
        match RunFolder.tryReadResult folder |> Option.map (fun result -> string result["outcome"]) with
        | Some outcome when outcome <> Outcome.name Stopped -> $"{folder} had {outcome} before it was to stop"
        | _ -> $"stopped; RunPlace.resumed \"{folder}\" goes on"

    // Claims a run's folder for its configuration: the claim, the configuration before, whether there is a state to go on from.
    let private claimed (place: RunPlace) (configuration: JsonObject) (mayChange: string list) =
        let folder = place.Folder
        let resumes = place.Resume && File.Exists(RunFolder.configPath folder)

        if not resumes then
            RunFolder.create folder

        let claim = RunFolder.claim folder

        try
            let before =
                if resumes then
                    Configuration.check folder ("threads" :: mayChange) configuration
                    Some(File.ReadAllText(RunFolder.configPath folder))
                else
                    None

            RunFolder.writeConfig folder configuration
            claim, before, resumes && File.Exists(RunFolder.checkpointPath folder)
        with _ ->
            claim.Dispose()
            reraise ()

    // Works on a run whose folder is claimed until then.
    let private kept (place: RunPlace) (configuration: JsonObject) (mayChange: string list) (work: bool -> 'a) : 'a =
        let held = Ranks.first (fun () -> claimed place configuration mayChange)
        use _ = held |> Option.map (fun (claim, _, _) -> claim) |> Option.toObj
        let resumes = Ranks.isSo (fun () -> held |> Option.exists (fun (_, _, resumes) -> resumes))

        try
            work resumes
        with BadInput _ ->
            // What cannot go on so keeps the configuration that it had, to the letter.
            held
            |> Option.bind (fun (_, before, _) -> before)
            |> Option.iter (AtomicFile.writeText (RunFolder.configPath place.Folder))

            reraise ()

    /// Works on a run in its folder, which is claimed until then: `work` hears whether there is a state to go on from. Of a
    /// resumed run's configuration only the values that `mayChange` names may differ. Raises BadInput for a folder or a
    /// configuration that cannot be used, RunFailed when the disk refuses.
    let keep
        (place: RunPlace)
        (task: string)
        (sections: (string * JsonNode) list)
        (measures: (string * MeasureKind) list)
        (mayChange: string list)
        (work: bool -> 'a)
        : 'a =
        let given = Map place.Sections

        let configuration =
            Configuration.create
                task
                [ for name, section in sections -> name, Map.tryFind name given |> Option.defaultValue section ]
                measures

        let keep () = kept place configuration mayChange work

        let told () =
            if Ranks.isFirst () then
                Report.write place.Folder
                eprintfn $"metakan: {farewell place.Folder}"

        if place.Signals then Interrupt.ending told keep else keep ()

    /// A run's stages of so many steps go on from a state: the result of a run that has steps left goes. Raises BadInput where
    /// they cannot: stages that are done keep their steps.
    let goOn (folder: string) (steps: int list) (state: TrainingState) : unit =
        let before = List.sum (List.truncate state.Stage steps)

        if
            state.Step - state.Within <> before
            || state.Stage >= steps.Length
            || state.Within > steps[state.Stage]
        then
            let stages = steps |> List.map string |> String.concat ", "

            raise (
                BadInput
                    $"{folder} has {state.Step} steps, {state.Within} of them in stage {state.Stage + 1}: stages of {stages} steps do not go on from there"
            )

        if state.Step < List.sum steps then
            Ranks.first (fun () -> RunFolder.removeResult folder) |> ignore

    /// The learning rates of steps, for each group of the parameters: the name of a column, and the rate of the step that came
    /// to a state, where it had one.
    let rates
        (group: string -> ParameterGroup)
        (rate: ParameterGroup -> TrainingState -> float option)
        (p: Params)
        : (string * (TrainingState -> float option)) list =
        p.Keys
        |> Seq.map group
        |> Seq.distinct
        |> Seq.map (fun group -> $"rate_{Configuration.text group}", rate group)
        |> List.ofSeq

    /// What a checkpoint in a run's folder tells its run by.
    let internal identity (folder: string) (mayChange: string list) : string =
        RunFolder.readConfig folder |> Configuration.identity ("threads" :: mayChange)

    // Works with what stores the events of a run from a state on in the files of its folder.
    let private keepingFiles
        (place: RunPlace)
        (identity: string)
        (measures: (string * MeasureKind) list)
        (rates: (string * (TrainingState -> float option)) list)
        (start: TrainingState)
        (work: (TrainingEvent -> unit) -> 'a)
        : 'a =
        let folder = place.Folder
        use metrics = Metrics.resume folder [ yield! List.map fst measures; "seconds" ] start.Step
        use steps = Metrics.resumeSteps folder ("loss" :: List.map fst rates) start.Step
        use board = EventFile.resume place.TensorBoard folder start.Step
        // Elsewhere a loss that nobody asked for is still being computed: to read it would be to wait for it.
        let atHand = Params.tensors start.Params |> Array.forall (fun t -> t.device_type = DeviceType.CPU)

        work (fun event ->
            match event with
            | Evaluated(state, loss, measures) ->
                metrics.Append(state.Step, [ "loss", loss; yield! measures; "seconds", state.Seconds ])
                board.Append(state.Step, measures)
            | Saved state ->
                // A checkpoint counts on the rows before it.
                metrics.Sync()
                steps.Sync()
                Checkpoint.saveOf identity (RunFolder.checkpointPath folder) state
            | Stepped(state, loss) ->
                if atHand || loss.IsValueCreated then
                    let told =
                        [
                            "loss", loss.Value
                            for name, rate in rates do
                                match rate state with
                                | Some rate -> name, rate
                                | None -> ()
                        ]

                    steps.Append(state.Step, told)
                    board.Append(state.Step, told))

    /// Trains by a plan from fresh parameters, or goes on, within `keep` of the same `mayChange`. The listener sees each event once the folder's files
    /// have it. The learning rates are `rates` of the parameters. Work is spread over `Workers` where `hires` says so;
    /// operators get all threads otherwise. In a job of MPI the folder and the listener are the first process's. Raises as
    /// `keep` does.
    let train
        (place: RunPlace)
        (mayChange: string list)
        (measures: (string * MeasureKind) list)
        (hires: bool)
        (plan: TrainingPlan)
        (rates: Params -> (string * (TrainingState -> float option)) list)
        (fresh: unit -> Params)
        (listen: TrainingEvent -> unit)
        (resumes: bool)
        : Outcome * TrainingState =
        let folder = place.Folder
        let start = Training.start plan (Params.aliases fresh)

        let identity = identity folder mayChange

        let start =
            if resumes then
                Checkpoint.loadOf (Some identity) (RunFolder.checkpointPath folder) start.Params
            else
                start

        goOn folder (plan.Stages |> List.map _.Steps) start
        let plan = { plan with Interrupted = fun () -> RunPlace.interrupted place }
        // What a loss is cut into depends on the threads.
        torch.set_num_threads (Ranks.whole torch.get_num_threads)

        let run () =
            if Ranks.isFirst () then
                keepingFiles place identity measures (rates start.Params) start (fun store ->
                    Training.run
                        plan
                        (fun event ->
                            store event
                            listen event)
                        start)
            else
                Training.run plan ignore start

        if hires then Workers.hire run else run ()
