// A training run in its folder: begun or resumed, its measures and states kept as it goes.
namespace MetaKan

open System.IO
open System.Text.Json.Nodes

/// Where a run is kept, and what makes it this run and no other.
type RunSettings =
    {
        /// New or empty, or one to resume.
        Folder: string
        /// Go on with the run in the folder; a folder without a checkpoint starts over.
        Resume: bool
        /// What determines the run's numbers: a run resumes only under the same.
        Configuration: JsonObject
        /// The names of what the plan evaluates to.
        Measures: string list
        /// Steps spread their work over `Workers`; operators get all threads otherwise.
        Hires: bool
    }

[<RequireQualifiedAccess>]
module Run =
    // The state to go on from.
    let private openFolder (settings: RunSettings) resumes (fresh: TrainingState) =
        let folder = settings.Folder

        if resumes then
            if not (JsonNode.DeepEquals(RunFolder.readConfig folder, settings.Configuration)) then
                raise (BadInput $"{RunFolder.configPath folder} is of another run: resume with the settings it holds")

            if File.Exists(RunFolder.checkpointPath folder) then
                Checkpoint.load (RunFolder.checkpointPath folder) fresh.Params
            else
                fresh
        else
            RunFolder.writeConfig folder settings.Configuration
            fresh

    /// The measures last taken in a run, by name, with "loss" and "seconds"; none before the first.
    let measured (folder: string) : (string * float option) list =
        let table = Metrics.read folder

        match Array.tryLast table.Rows with
        | Some(_, row) -> List.zip table.Columns (List.ofArray row)
        | None -> []

    /// Trains by a plan from fresh parameters, or goes on, and concludes while the folder is still claimed. The listener
    /// sees each event once the folder's files have it. Raises BadInput for a folder that cannot be used, RunFailed when
    /// the disk refuses.
    let train
        (settings: RunSettings)
        (plan: TrainingPlan)
        (fresh: unit -> Params)
        (listen: TrainingEvent -> unit)
        (conclude: Outcome -> TrainingState -> 'a)
        : 'a =
        let folder = settings.Folder
        let resumes = settings.Resume && File.Exists(RunFolder.configPath folder)

        if not resumes then
            RunFolder.create folder

        use _ = RunFolder.claim folder
        let start = openFolder settings resumes (Training.start plan (fresh ()))

        let outcome, state =
            use metrics = Metrics.resume folder [ "loss"; yield! settings.Measures; "seconds" ] start.Step

            let store event =
                match event with
                | Evaluated(state, loss, measures) ->
                    metrics.Append(state.Step, [ "loss", loss; yield! measures; "seconds", state.Seconds ])
                | Saved state -> Checkpoint.save (RunFolder.checkpointPath folder) state
                | Stepped _ -> ()

                listen event

            if settings.Hires then
                Workers.hire (fun () -> Training.run plan store start)
            else
                Training.run plan store start

        conclude outcome state
