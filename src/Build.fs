/// What this build of MetaKan is.
module MetaKan.Build

open System.Reflection

/// The version of the library, as in `0.1.0`.
let version =
    Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>().InformationalVersion
