/// The `metakan` command.
module MetaKan.Cli.Program

[<EntryPoint>]
let main _ =
    printfn $"metakan {MetaKan.Build.version}"
    0
