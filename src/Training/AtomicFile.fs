// Files that are whole or absent: written beside their place, flushed to the disk, then renamed over it.
namespace MetaKan

open System
open System.IO

[<RequireQualifiedAccess>]
module internal AtomicFile =
    /// Runs a writing action on a file or folder; the system's refusal (disk full, no permission) becomes RunFailed
    /// with the path and the reason.
    let guard (path: string) (action: unit -> 'a) : 'a =
        try
            action ()
        with
        | :? IOException
        | :? UnauthorizedAccessException as error ->
            let reason = error.Message.Split('\n')[0]
            raise (RunFailed $"cannot write {path}: {reason}")

    /// Writes a file through a stream. Readers see either the old or the complete new content, after a crash too. Raises RunFailed when the system refuses.
    let write (path: string) (content: Stream -> unit) : unit =
        let unfinished = path + ".part"

        guard path (fun () ->
            try
                using (new FileStream(unfinished, FileMode.Create, FileAccess.Write)) (fun stream ->
                    content stream
                    stream.Flush(flushToDisk = true))

                File.Move(unfinished, path, overwrite = true)
            with _ ->
                File.Delete unfinished
                reraise ())

    /// Writes a text file as UTF-8, as `write` does.
    let writeText (path: string) (text: string) : unit =
        write path (fun stream -> stream.Write(ReadOnlySpan(Text.Encoding.UTF8.GetBytes text)))
