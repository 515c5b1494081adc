/// A folder for one test, gone with it.
module MetaKan.Tests.Folder

open System.IO
open Expecto

/// Runs a test with the path of a fresh, empty folder.
let withFolder (test: string -> 'a) : 'a =
    let folder = Directory.CreateTempSubdirectory("metakan-test-").FullName

    try
        test folder
    finally
        Directory.Delete(folder, recursive = true)

/// The message of the one exception that an action is to raise, of this very type.
let messageOf<'e when 'e :> exn> (action: unit -> unit) : string =
    let raised =
        try
            action ()
            None
        with e ->
            Some e

    match raised with
    | Some(:? 'e as e) when e.GetType() = typeof<'e> -> e.Message
    | Some other -> failtest $"{typeof<'e>.Name} expected, not {other}"
    | None -> failtest $"{typeof<'e>.Name} expected, and nothing was raised"
