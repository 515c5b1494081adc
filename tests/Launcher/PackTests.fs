/// The packages, and what is made of them elsewhere: a script, an F# project, a C# project and the tool, each in an empty folder
/// with no other source than the packages' folder and the ordinary one.
module MetaKan.Tests.Launcher.PackTests

open System
open System.IO
open System.IO.Compression
open System.Text
open System.Xml.Linq
open Expecto
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

let private under (folder: string) (name: string) = Path.Combine(folder, name)

/// Runs a program for who uses the packages. Those that are installed go into a cache of the folder's own, so that they are the ones
/// just made; all others are taken from the user's cache.
let private runIn (folder: string) : string -> string list -> Ended =
    let cache =
        match Environment.GetEnvironmentVariable "NUGET_PACKAGES" with
        | null
        | "" -> under (Environment.GetFolderPath Environment.SpecialFolder.UserProfile) ".nuget/packages"
        | folder -> folder

    runProgram
        [
            "NUGET_PACKAGES", under folder "cache"
            "NUGET_FALLBACK_PACKAGES", cache
            "OMP_NUM_THREADS", "1"
            // MSBuild takes this one for a property: libtorch is half a gigabyte.
            "CreateHardLinksForCopyLocalIfPossible", "true"
        ]
        folder

/// What is said of a program that failed; where packages could not be asked for, the test is skipped with that reason.
let private succeeded (what: string) (run: Ended) : string list =
    let said = run.Out @ run.Err

    if run.Code <> 0 then
        match said |> List.tryFind (fun line -> line.Contains "NU1301" || line.Contains "service index") with
        | Some line -> skiptest $"the source of packages cannot be reached: {line.Trim()}"
        | None -> failtest $"""{what} ended with {run.Code}: {String.concat "\n" said}"""

    run.Out

/// The program between the lines ```LANGUAGE and ``` of the packages' README.
let private example (language: string) : string list =
    File.ReadAllLines(Path.Combine(root, "build", "package.md"))
    |> Seq.skipWhile ((<>) $"```{language}")
    |> Seq.skip 1
    |> Seq.takeWhile ((<>) "```")
    |> List.ofSeq

/// That the example solved its equation and found its formula.
let private found (lines: string list) =
    let error = lines |> List.find _.StartsWith("error ")
    Check.inRange 0.0 1e-4 (float (error.Substring 6)) "relative L2 error"
    Expect.contains lines "f(x, y) = x^2 + sin(pi*y)" "formula"

// What SDKs before 10.0.403 are behind.
let private fsharpCore = "10.1.403"

let private project (kind: string) (folder: string) (packages: string) (program: string list) : unit =
    let file, items =
        match kind with
        | "fsproj" ->
            "Program.fs",
            $"""<Compile Include="Program.fs" />
    <PackageReference Update="FSharp.Core" Version="{fsharpCore}" />"""
        | _ -> "Program.cs", ""

    File.WriteAllLines(under folder file, program)

    File.WriteAllText(
        under folder $"App.{kind}",
        $"""<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
  </PropertyGroup>
  <ItemGroup>
    {items}
    <PackageReference Include="MetaKan.Core" Version="{MetaKan.Build.version}" />
    <PackageReference Include="libtorch-cpu-linux-x64" Version="2.10.0" />
  </ItemGroup>
</Project>
"""
    )

    File.WriteAllText(
        under folder "nuget.config",
        $"""<configuration><packageSources><add key="made" value="{packages}" /></packageSources></configuration>"""
    )

/// What a package holds: its files by name, and its nuspec's metadata.
let private opened (path: string) (look: ZipArchive -> XElement -> unit) : unit =
    use package = ZipFile.OpenRead path
    let nuspec = package.Entries |> Seq.find _.FullName.EndsWith(".nuspec")
    use text = nuspec.Open()
    let metadata = (XDocument.Load text).Root.Elements() |> Seq.exactlyOne
    look package metadata

let private child (name: string) (element: XElement) = element.Elements() |> Seq.find (fun e -> e.Name.LocalName = name)

let private namesIn (package: ZipArchive) (folder: string) =
    [
        for entry in package.Entries do
            if entry.FullName.StartsWith folder then
                entry.FullName.Substring folder.Length
    ]
    |> List.sort

let private libraryIsWhole (packages: string) =
    opened (under packages $"MetaKan.Core.{MetaKan.Build.version}.nupkg") (fun package metadata ->
        Expect.equal
            (namesIn package "lib/net10.0/")
            [ "MetaKan.Core.dll"; "MetaKan.Core.xml"; "MetaKan.Kernels.dll" ]
            "assemblies"

        Expect.containsAll (package.Entries |> Seq.map _.FullName) [ "README.md"; "LICENSE" ] "files for readers"
        Expect.stringStarts (child "releaseNotes" metadata).Value "### " "release notes"

        let dependencies =
            (child "dependencies" metadata).Descendants()
            |> Seq.filter (fun e -> e.Name.LocalName = "dependency")
            |> Seq.map (fun e -> (e.Attribute(XName.Get "id")).Value, (e.Attribute(XName.Get "version")).Value)
            |> Map.ofSeq

        Expect.equal
            (List.ofSeq dependencies.Keys)
            [
                "CsvHelper"
                "FSharp.Core"
                "FSharp.SystemTextJson"
                "Google.Protobuf"
                "MathNet.Numerics"
                "NetTopologySuite"
                "Plotly.NET"
                "SkiaSharp"
                "SkiaSharp.NativeAssets.Linux.NoDependencies"
                "TorchSharp"
            ]
            "dependencies"

        // The loader knows one TorchSharp; Plotly.NET takes this FSharp.Core or a later one.
        Expect.equal dependencies["TorchSharp"] "[0.107.0, 0.108.0)" "range of TorchSharp"
        Expect.equal dependencies["FSharp.Core"] fsharpCore "range of FSharp.Core"

        use library = (package.GetEntry "lib/net10.0/MetaKan.Core.dll").Open()
        use copy = new MemoryStream()
        library.CopyTo copy
        Check.lacks (Encoding.Latin1.GetString(copy.ToArray())) root "the folder where it was built")

let tests =
    testList
        "Launcher.Pack"
        [
            Check.theory
                "what cannot be packed is refused in one line, with code 2"
                [
                    [], "pack takes a folder for the packages"
                    [ "out"; "linux-arm64" ],
                    "pack takes the systems linux-x64, win-x64 and osx-arm64, not 'linux-arm64'"
                    [ "/proc/none" ], "pack takes a folder that can be written to, not '/proc/none'"
                ]
                (fun (arguments, said) ->
                    withFolder (fun folder ->
                        let ended = runProgram [] folder "bash" (Path.Combine(root, "build", "pack") :: arguments)
                        Expect.equal ended.Code 2 "exit code"
                        Expect.stringContains (List.exactlyOne ended.Err) said "standard error"
                        Expect.isEmpty (Directory.GetFileSystemEntries folder) "files left behind"))

            testCase
                "the launcher of Windows has no block that a path could close, and takes any number of arguments"
                (fun () ->
                    let lines = File.ReadAllLines(Path.Combine(root, "metakan.cmd"))

                    for line in lines do
                        Expect.isFalse (line.EndsWith '(' || line.StartsWith ')') line

                    for n in 4..9 do
                        Check.lacks (String.concat "\n" lines) $"%%{n}" "arguments"

                    let labels =
                        [
                            for line in lines do
                                if line.StartsWith ':' then
                                    line.Substring 1
                        ]

                    for line in lines do
                        let at = line.IndexOf "goto "

                        if at >= 0 then
                            Expect.contains labels (line.Substring(at + 5)) "labels")

            Check.slow (
                testCase "packages serve a script, projects in F# and C#, and as a tool" (fun () ->
                    withFolder (fun packages ->
                        runProgram [] packages (Path.Combine(root, "metakan")) [ "pack"; packages ]
                        |> succeeded "pack"
                        |> ignore

                        libraryIsWhole packages

                        withFolder (fun folder ->
                            let script = $"#i \"nuget: {packages}\"" :: example "fsharp"
                            File.WriteAllLines(under folder "app.fsx", script)
                            runIn folder "dotnet" [ "fsi"; "--quiet"; "app.fsx" ] |> succeeded "the script" |> found)

                        let code = example "fsharp" |> List.filter (fun line -> not (line.StartsWith "#r"))

                        for kind, program in [ "fsproj", code; "csproj", example "csharp" ] do
                            withFolder (fun folder ->
                                project kind folder packages program
                                runIn folder "dotnet" [ "run"; "-c"; "Release" ] |> succeeded kind |> found)

                        withFolder (fun folder ->
                            let tool = [ "MetaKan.Cli"; "--tool-path"; "tools"; "--add-source"; packages ]
                            runIn folder "dotnet" ("tool" :: "install" :: tool) |> succeeded "installing" |> ignore

                            let solve =
                                words
                                    "pde poisson --dim 2 --epochs 3 --points 20 --test-points 50 --width 8 --out run"

                            let said = runIn folder (under folder "tools/metakan") solve |> succeeded "the tool"
                            Expect.exists said _.StartsWith("relative L2 error ") "standard output"
                            Expect.isTrue (File.Exists(under folder "run/result.json")) "result")))
            )
        ]
