/// The links of the documentation: those of its texts lead to files and headings that there are, and so do those of the site.
module MetaKan.Tests.LinkTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

/// A text without its code, in which nothing is a link or a heading.
let private prose (file: string) = Regex.Replace(File.ReadAllText file, @"(?m)^```[\s\S]*?^```$", "")

/// The anchors of a text's headings, as GitHub names them.
let private anchors (file: string) : Set<string> =
    set
        [
            for heading in Regex.Matches(prose file, @"(?m)^#+ (.+)$") do
                let text = Regex.Replace(heading.Groups[1].Value.Trim(), @"\]\([^)]*\)", "").ToLowerInvariant()
                Regex.Replace(text, @"[^\w\- ]", "").Replace(' ', '-')
        ]

let private texts =
    [
        for folder in [ ""; "docs"; "build"; "bench/results"; ".github" ] do
            for file in Directory.GetFiles(Path.Combine(root, folder), "*.md") |> Array.sort do
                Path.GetRelativePath(root, file)
    ]

let private leadsSomewhere (text: string) =
    let file = Path.Combine(root, text)

    for link in Regex.Matches(prose file, @"\]\(([^)\s]+)\)") do
        let link = link.Groups[1].Value

        if not (Regex.IsMatch(link, "^(https?|mailto):")) then
            let parts = link.Split '#'
            let place = if parts[0] = "" then file else Path.Combine(Path.GetDirectoryName file, parts[0])
            Expect.isTrue (Path.Exists place) $"{text} links to {link}"

            if parts.Length = 2 then
                Expect.contains (anchors place) parts[1] $"{text} links to {link}"

/// What a page of the site refers to, and its anchors.
let private references (page: string) =
    [ for link in Regex.Matches(page, @"(?:href|src)=""([^""]*)""") -> link.Groups[1].Value ]

let private ids (page: string) =
    set [ for anchor in Regex.Matches(page, @"\bid=""([^""]*)""") -> anchor.Groups[1].Value ]

let private siteHolds () =
    withFolder (fun folder ->
        let site = Path.Combine(folder, "site")

        let script = Path.Combine(root, "build", "docs.fsx")
        let ended = runProgram [] folder "dotnet" [ "fsi"; "--quiet"; script; site ]
        Expect.equal ended.Code 0 $"exit code: {ended.Err}"

        let pages =
            dict
                [
                    for file in Directory.GetFiles(site, "*.html", SearchOption.AllDirectories) ->
                        file, File.ReadAllText file
                ]

        for place in words "index.html mathematics.html scripts/pdes/heat.html reference/metakan-pdes-problem.html" do
            Expect.isTrue (pages.ContainsKey(Path.Combine(site, place))) place

        for KeyValue(file, page) in pages do
            Check.lacks page "⟦" file
            // A word among operators is one that was not known.
            Expect.isFalse (Regex.IsMatch(page, @"<mo[^>]*>\w")) file
            Expect.isFalse (Regex.IsMatch(page, @"<(?:script|link|img|iframe)[^>]*(?:src|href)=""(?:https?:)?//")) file

            for link in references page do
                if not (Regex.IsMatch(link, "^(https?|mailto):")) then
                    let parts = (Net.WebUtility.HtmlDecode link).Split '#'

                    let place =
                        if parts[0] = "" then
                            file
                        else
                            Path.GetFullPath(Path.Combine(Path.GetDirectoryName file, parts[0]))

                    Expect.isTrue (File.Exists place) $"{file} links to {link}"

                    if parts.Length = 2 then
                        Expect.isTrue ((ids pages[place]).Contains parts[1]) $"{file} links to {link}")

let tests =
    testList
        "Docs"
        [
            Check.theory "links lead to files and headings that there are" texts leadsSomewhere

            Check.slow (
                testCase "the site's links lead somewhere, and nothing of it is fetched from another host" siteHolds
            )
        ]
