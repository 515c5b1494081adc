// Files that are whole or absent: written beside their place, flushed to the disk, then renamed over it.
namespace MetaKan

open System
open System.IO
open System.Runtime.InteropServices

[<RequireQualifiedAccess>]
module internal AtomicFile =
    // .NET tells no device from a file; its own library does, by the mode in what it says of a path.
    [<DllImport("libSystem.Native", EntryPoint = "SystemNative_Stat")>]
    extern int private status([<MarshalAs(UnmanagedType.LPUTF8Str)>] string path, byte[] status)

    /// Whether what is at a path, if anything, is a file: neither a folder nor a device, a pipe or a socket.
    let isFile (path: string) : bool =
        if OperatingSystem.IsWindows() then
            File.Exists path
        else
            let found = Array.zeroCreate 256
            let kinds, regular = 0xF000, 0x8000
            status (path, found) = 0 && (BitConverter.ToInt32(found, 4) &&& kinds) = regular

    // What Linux, macOS and Windows say where no room is left.
    let private isFull (error: exn) : bool = List.contains error.HResult [ 28; 122; 69; 0x80070070 ]

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

    /// Runs an action that makes a place on the disk; the system's refusal is a fault of the path, BadInput, but for a full
    /// disk, which is RunFailed.
    let placing (path: string) (action: unit -> 'a) : 'a =
        guard path (fun () ->
            try
                action ()
            with
            | :? IOException
            | :? UnauthorizedAccessException as error when not (isFull error) ->
                let reason = error.Message.Split('\n')[0]
                raise (BadInput $"cannot write {path}: {reason}"))

    /// Writes a file through a stream. Readers see either the old or the complete new content, after a crash too. Raises
    /// RunFailed when the system refuses, and for a device, which a file does not take the place of.
    let write (path: string) (content: Stream -> unit) : unit =
        let unfinished = path + ".part"

        if File.Exists path && not (isFile path) then
            raise (RunFailed $"cannot write {path}: it is a device or a pipe, and no file")

        guard path (fun () ->
            try
                using (new FileStream(unfinished, FileMode.Create, FileAccess.Write)) (fun stream ->
                    content stream
                    stream.Flush(flushToDisk = true))

                File.Move(unfinished, path, overwrite = true)
            with _ ->
                File.Delete unfinished
                reraise ())

    /// Refuses, by BadInput, a path that `write` could not write: before there is something to write.
    let probe (path: string) : unit =
        placing path (fun () ->
            let unfinished = path + ".part"
            (new FileStream(unfinished, FileMode.Create)).Dispose()
            File.Delete unfinished)

    /// Writes a text file as UTF-8, as `write` does.
    let writeText (path: string) (text: string) : unit =
        write path (fun stream -> stream.Write(ReadOnlySpan(Text.Encoding.UTF8.GetBytes text)))
