// Packages of Debian's, installed on demand.
namespace MetaKan

open System
open System.Diagnostics
open System.IO

[<RequireQualifiedAccess>]
module internal Debian =
    let private client = "/usr/bin/apt-get"

    /// Runs apt-get quietly; the last line it says on stderr if it fails.
    let private apt (arguments: string list) : Result<unit, string> =
        // Another installation may be at work.
        let arguments = "-o" :: "DPkg::Lock::Timeout=300" :: arguments

        let start =
            ProcessStartInfo(client, arguments, RedirectStandardOutput = true, RedirectStandardError = true)

        start.Environment["DEBIAN_FRONTEND"] <- "noninteractive"
        use work = Process.Start start
        let said = work.StandardOutput.ReadToEndAsync()
        let faults = work.StandardError.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
        said.Wait()
        work.WaitForExit()

        if work.ExitCode = 0 then
            Ok()
        else
            Error(Array.tryLast faults |> Option.defaultValue $"exit code {work.ExitCode}")

    /// Installs a package; `say` is told in one line before. Raises BadInput where that takes root's rights or another
    /// system, in one line of what is wanted, the command, and what else to do; RunFailed where the installation fails.
    let install (say: string -> unit) (wanted: string) (otherwise: string) (package: string) : unit =
        if not (File.Exists client) then
            raise (BadInput $"{wanted}: on Debian, apt-get install {package}; {otherwise}")

        if not Environment.IsPrivilegedProcess then
            raise (BadInput $"{wanted}: as root, apt-get install {package}; {otherwise}")

        say $"installing {package} ..."
        let get () = apt [ "install"; "-y"; "--no-install-recommends"; package ]

        let installed =
            match get () with
            | Ok() -> Ok()
            | Error _ -> apt [ "update" ] |> Result.bind get

        match installed with
        | Ok() -> ()
        | Error reason -> raise (RunFailed $"could not install {package} ({reason}); {otherwise}")
