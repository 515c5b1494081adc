/// How a command refuses bad input: the whole program then ends with exit code 2 and this one line.
module MetaKan.Cli.Input

/// What was asked for cannot be done as asked; the message names the option or file and what it takes.
exception Refused of message: string

/// Refuses the value given for an option or file, saying what it takes.
let refuse option takes (given: obj) = raise (Refused $"{option} takes {takes}, not '{given}'")
