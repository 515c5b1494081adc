/// A folder for one test, gone with it.
module MetaKan.Tests.Folder

open System
open System.IO

/// Runs a test with the path of a fresh, empty folder.
let withFolder (test: string -> 'a) : 'a =
    let folder = Directory.CreateTempSubdirectory("metakan-test-").FullName

    try
        test folder
    finally
        Directory.Delete(folder, recursive = true)

/// The message of the one exception that an action is to raise.
let messageOf<'e when 'e :> exn> (action: unit -> unit) : string = Xunit.Assert.Throws<'e>(Action action).Message
