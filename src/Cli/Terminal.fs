/// What is told on standard output and standard error, whatever it holds and whether or not anybody can read it.
module MetaKan.Cli.Terminal

open System
open System.IO
open System.Text
open MetaKan

// Marks that turn the direction of what follows them: they belong to no control characters, and hide what a line says.
let private isTurn (c: char) : bool = c >= '\u202A' && c <= '\u202E' || c >= '\u2066' && c <= '\u2069'

/// Text of a file or of the command line on one line: what a terminal would obey is shown by its code.
let plain (text: string) : string =
    text
    |> String.collect (fun c ->
        if Char.IsControl c || c = '\u2028' || c = '\u2029' || isTurn c then $"\\u%04x{int c}" else string c)

/// A writer whose refusals, as of a full disk or a closed descriptor, go to `refused`.
type private Guarded(inner: TextWriter, refused: exn -> unit) =
    inherit TextWriter()

    let guarded action =
        try
            action ()
        with
        | :? IOException
        | :? UnauthorizedAccessException
        // Of an inner writer that is guarded, too.
        | RunFailed _ as error -> refused error

    override _.Encoding: Encoding = inner.Encoding
    override _.Write(value: char) = guarded (fun () -> inner.Write value)
    override _.Write(value: string) = guarded (fun () -> inner.Write value)
    override _.Write(buffer: char[], index: int, count: int) = guarded (fun () -> inner.Write(buffer, index, count))
    override _.WriteLine(value: string) = guarded (fun () -> inner.WriteLine value)
    override _.Flush() = guarded inner.Flush

/// The same writer, for what is no reason to stop: progress is lost where it cannot be written.
let lenient (writer: TextWriter) : TextWriter = new Guarded(writer, ignore)

/// Standard error passes over what it cannot write, and standard output ends the program, by RunFailed.
let guard () : unit =
    Console.SetError(lenient Console.Error)

    let refused (error: exn) =
        let reason = error.Message.Split('\n')[0]
        raise (RunFailed $"cannot write standard output: {reason}")

    Console.SetOut(new Guarded(Console.Out, refused))
