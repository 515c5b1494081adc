/// The files that are for contributors and for machines: they parse, and what they name exists.
module MetaKan.Tests.RepositoryTests

open System
open System.IO
open System.Text.Json
open System.Text.RegularExpressions
open System.Xml.Linq
open Expecto
open YamlDotNet.Serialization
open MetaKan.Tests
open MetaKan.Tests.Launcher.Process

let private text (file: string) = File.ReadAllText(Path.Combine(root, file))

type private Mapping = System.Collections.Generic.Dictionary<obj, obj>

let private yaml (file: string) : Mapping = DeserializerBuilder().Build().Deserialize<Mapping>(text file)

let private at (key: string) (mapping: Mapping) : obj =
    if not (mapping.ContainsKey key) then
        failtest $"there is no '{key}' among {Seq.toList mapping.Keys}"

    mapping[key]

let private items (value: obj) : Mapping list =
    value :?> System.Collections.Generic.List<obj> |> Seq.cast<Mapping> |> List.ofSeq

/// The paths of a text that are the checkout's: words with the name of a file or folder of it at their head.
let private paths (text: string) : string list =
    let heads = Directory.GetFileSystemEntries root |> Array.map Path.GetFileName |> Set.ofArray

    [
        for word in Regex.Matches(text, @"(?<![\w/.-])\.?/?[\w.][\w./-]*") do
            let path = word.Value.TrimStart('.', '/')
            let path = if word.Value.StartsWith "./" then path else word.Value
            let head = path.Split('/')[0]

            if path.Contains '/' && heads.Contains head && not (path.StartsWith "artifacts") then
                path.TrimEnd('.', '/')
    ]

let tests =
    testList
        "Repository"
        [
            testCase
                "the changelog's newest version is that of the build, of the citation, and has its day and notes"
                (fun () ->
                    let changelog = text "CHANGELOG.md"
                    let newest = Regex.Match(changelog, @"(?m)^## \[(\d[^\]]*)\] - (\d{4}-\d\d-\d\d)\n+### ")
                    Expect.stringContains changelog "## [Unreleased]" "the place of what comes next"
                    Expect.equal newest.Groups[1].Value MetaKan.Build.version "version"
                    let citation = yaml "CITATION.cff"
                    Expect.equal (at "version" citation) (box MetaKan.Build.version) "version of the citation"
                    Expect.equal (at "date-released" citation) (box newest.Groups[2].Value) "day of the citation")

            testCase "the citation has what its format requires, and so has each reference" (fun () ->
                let citation = yaml "CITATION.cff"

                for key in words "cff-version message title type license" do
                    Expect.isNotEmpty (string (at key citation)) key

                Expect.equal
                    (at "name" (List.exactlyOne (items (at "authors" citation))))
                    "MetaKan contributors"
                    "author"

                let references = items (at "references" citation)
                Expect.isGreaterThanOrEqual references.Length 5 "references"

                for reference in references do
                    for key in words "type title authors year" do
                        at key reference |> ignore

                    let identifier = List.exactlyOne (items (at "identifiers" reference))
                    Expect.isMatch (string (at "value" identifier)) @"^arXiv:\d{4}\.\d{5}$" "identifier")

            testCase "the workflow runs the project's check, and each of its steps does something" (fun () ->
                let workflow = yaml ".github/workflows/ci.yml"
                let jobs = at "jobs" workflow :?> Mapping
                Expect.isTrue (workflow.ContainsKey "on") "what starts it"

                let commands =
                    [
                        for job in jobs.Values do
                            at "runs-on" (job :?> Mapping) |> ignore

                            for step in items (at "steps" (job :?> Mapping)) do
                                match step.TryGetValue "run", step.TryGetValue "uses" with
                                | (true, command), (false, _) -> string command
                                | (false, _), (true, action) ->
                                    Expect.isMatch (string action) @"^[\w-]+/[\w-]+@v\d+$" "an action with its version"
                                | _ -> failtest $"a step that runs nothing, or two things: {Seq.toList step.Keys}"
                    ]

                Expect.contains commands ".ci/run" "the project's check")

            testCase "forms of issues have a name, a description and fields with labels" (fun () ->
                for form in [ "bug"; "wish" ] do
                    let form = yaml $".github/ISSUE_TEMPLATE/{form}.yml"

                    for key in [ "name"; "description" ] do
                        Expect.isNotEmpty (string (at key form)) key

                    for field in items (at "body" form) do
                        Expect.isNotEmpty (string (at "label" (at "attributes" field :?> Mapping))) "label")

            testCase "the container is .NET's, of the version that projects are for" (fun () ->
                let container = JsonDocument.Parse(text ".devcontainer/devcontainer.json").RootElement
                let props = XDocument.Parse(text "Directory.Build.props")
                let framework = (props.Descendants(XName.Get "TargetFramework") |> Seq.exactlyOne).Value
                let image = container.GetProperty("image").GetString()
                Expect.stringContains image $"""dotnet:1-{framework.Replace("net", "")}""" "image")

            Check.theory
                "what a file names is there"
                [
                    "CONTRIBUTING.md"
                    "CHANGELOG.md"
                    ".github/workflows/ci.yml"
                    ".github/pull_request_template.md"
                    ".devcontainer/devcontainer.json"
                    "build/package.md"
                ]
                (fun file ->
                    for path in paths (text file) do
                        let path = Path.Combine(root, path)
                        Expect.isTrue (Path.Exists path) $"{file} names {path}")
        ]
