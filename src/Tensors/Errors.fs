// The two exceptions that a caller may want to tell apart: bad input, and a run that failed.
namespace MetaKan

/// What was given cannot be used: one line that names the option or file and says what it takes. Nothing was written.
/// The command line ends with exit code 2.
exception BadInput of string with
    override error.Message = error.Data0

/// A run could not go on (diverged, out of memory, disk full): one line with the reason. What was saved is kept.
/// The command line ends with exit code 1.
exception RunFailed of string with
    override error.Message = error.Data0
