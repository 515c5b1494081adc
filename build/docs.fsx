/// docs.fsx [DIR]: makes the documentation site by fsdocs, from README.md, docs/, bench/results/, scripts/ and the docstrings of
/// the built library. It needs no network, neither to be made nor to be read, and is read from a folder as from a server.
///
/// What fsdocs is not given is code and formulas, which it would check as F# by the second: they are kept aside while it turns the
/// text to pages, and put in afterwards. Links are those of the repository, made those of the site before.
#load "mathml.fsx"

open System
open System.Diagnostics
open System.IO
open System.Net
open System.Text.RegularExpressions

let root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, ".."))
// fsdocs names the reference after the folder that it runs in.
let work = Path.Combine(root, "artifacts", "docs", "MetaKan")
let input, output = Path.Combine(work, "input"), Path.Combine(work, "output")

let fail (code: int) (message: string) =
    eprintfn $"metakan: {message}"
    exit code

let target =
    match List.ofArray fsi.CommandLineArgs |> List.tail with
    | [] -> Path.Combine(root, "artifacts", "site")
    | [ folder ] when folder <> "" -> Path.GetFullPath folder
    | _ -> fail 2 "docs takes one folder to make: metakan docs [DIR]"

// What was made before is told from the look of the site, in docs/site, by what the search reads.
if
    File.Exists target
    || Directory.Exists target
       && not (File.Exists(Path.Combine(target, "search.js")))
       && not (Seq.isEmpty (Directory.EnumerateFileSystemEntries target))
then
    fail 2 $"docs takes a new or an empty folder, or a site made before, not '{target}'"

try
    Directory.CreateDirectory target |> ignore
    let probe = Path.Combine(target, ".docs")
    File.WriteAllText(probe, "")
    File.Delete probe
with
| :? IOException
| :? UnauthorizedAccessException -> fail 2 $"docs takes a folder that can be written to, not '{target}'"

let slashes (path: string) = path.Replace('\\', '/')
let read (path: string) = File.ReadAllText(Path.Combine(root, path)).ReplaceLineEndings "\n"

let write (path: string) (text: string) =
    Directory.CreateDirectory(Path.GetDirectoryName path) |> ignore
    File.WriteAllText(path, text)

/// The menu: headings, and below them pages by their file and what the menu calls them.
let menu =
    [
        "Start",
        [
            "README.md", "MetaKan"
            "docs/solve.md", "Solve a PDE"
            "docs/fit.md", "Fit, read off a formula"
            "docs/classify.md", "Classify images"
            "docs/usage.md", "Every command"
            "docs/cluster.md", "Clusters"
        ]
        "Problems",
        [
            "docs/problems.md", "Writing a problem"
            "docs/domains.md", "Domains"
            "docs/many-dimensions.md", "Many dimensions"
            "docs/hard-problems.md", "Hard problems"
            "scripts", "Scripts"
        ]
        "Behind it",
        [
            "docs/mathematics.md", "Mathematics"
            "docs/comparisons.md", "Figures and comparisons"
            "reference", "API reference"
        ]
        "Working on it",
        [
            "docs/architecture.md", "Architecture"
            "docs/how-to-add.md", "How to add"
            "docs/libtorch.md", "libtorch"
            "docs/dependencies.md", "Dependencies"
            "CONTRIBUTING.md", "Contributing"
            "CHANGELOG.md", "Changelog"
        ]
    ]

let filesIn folder pattern =
    [
        for file in Directory.GetFiles(Path.Combine(root, folder), pattern) |> Array.sort ->
            $"{folder}/{Path.GetFileName file}"
    ]

let scripts =
    filesIn "scripts" "*.fsx" @ filesIn "scripts/pdes" "*.fsx" |> List.except [ "scripts/metakan.fsx" ]

let texts =
    [ for file, _ in List.collect snd menu do if file.EndsWith ".md" then file ]
    @ "build/package.md" :: filesIn "bench/results" "*.md"

match filesIn "docs" "*.md" |> List.except texts with
| [] -> ()
| forgotten -> fail 1 $"""the menu in build/docs.fsx does not name {String.concat ", " forgotten}"""

/// Where a file of the repository is on the site.
let places =
    dict
        [
            "scripts", "scripts/index.html"
            "reference", "reference/index.html"
            for file in texts do
                let name = Path.GetFileNameWithoutExtension(file).ToLowerInvariant()
                file, if file = "README.md" then "index.html" elif file.StartsWith "bench/" then $"results/{name}.html" else $"{name}.html"
            for script in scripts do
                script, Path.ChangeExtension(script, ".html")
        ]

// What fsdocs is not given, each in the place of its number.
let kept = ResizeArray<string>()

let keep (html: string) =
    kept.Add html
    $"⟦{kept.Count - 1}⟧"

let escaped (text: string) = WebUtility.HtmlEncode text

let keywords =
    "and as do done elif else exception false finally for fun function if in inherit interface internal let match member module mutable new not null of open or override private public rec return static then to true try type use using val when while with yield namespace var"

/// Code with its comments, texts, numbers and words of the language marked.
let coloured (code: string) =
    let words = keywords.Replace(' ', '|')
    let pattern = $"""(?<c>//[^\n]*)|(?<s>\$?(?:""[^""\\]*(?:\\.[^""\\]*)*""))|(?<p>\#\w+)|(?<k>\b(?:{words})\b)|(?<n>\b\d[\w.]*)"""
    let mutable at = 0
    let html = Text.StringBuilder()

    for part in Regex.Matches(code, pattern) do
        let kind = [ "c"; "s"; "p"; "k"; "n" ] |> List.find (fun name -> part.Groups[name].Success)
        html.Append(escaped code[at .. part.Index - 1]).Append($"""<span class="{kind}">{escaped part.Value}</span>""") |> ignore
        at <- part.Index + part.Length

    html.Append(escaped code[at..]).ToString()

let block language (code: string) =
    match language with
    | "math" -> MathMl.ofTex true code
    | "fsharp" | "csharp" -> $"<pre><code>{coloured (code.TrimEnd())}</code></pre>"
    | _ -> $"<pre><code>{escaped (code.TrimEnd())}</code></pre>"

/// The way from a page of the site to another place of it.
let way (page: string) (place: string) = slashes (Path.GetRelativePath("/" + Path.GetDirectoryName page, "/" + place))

/// A link of a file of the repository as one of its page. What the site does not have as a page it gets as a file; a folder, which it
/// cannot have, is no link.
let linked (file: string) (text: string) (link: string) =
    if Regex.IsMatch(link, "^(https?:|mailto:|#)") then
        $"[{text}]({link})"
    else
        let path, anchor = match link.Split '#' with [| path; anchor |] -> path, "#" + anchor | _ -> link, ""
        let path = slashes (Path.GetRelativePath("/", "/" + Path.Combine(Path.GetDirectoryName file, path)))

        if places.ContainsKey path then
            $"[{text}]({way places[file] places[path]}{anchor})"
        elif File.Exists(Path.Combine(root, path)) then
            let copy = Path.Combine(input, "files", path)
            Directory.CreateDirectory(Path.GetDirectoryName copy) |> ignore
            File.Copy(Path.Combine(root, path), copy, true)
            let place = "files/" + path
            $"[{text}]({way places[file] place})"
        else
            text

/// A text as fsdocs is given it.
let prepared (file: string) (text: string) =
    let replace pattern (by: Match -> string) (text: string) = Regex.Replace(text, pattern, MatchEvaluator by, RegexOptions.Multiline)
    let undented (code: string) = replace "^    " (fun _ -> "") code

    text
    |> replace @"^```(\w*)\n([\s\S]*?)^```$" (fun m -> $"\n{keep (block m.Groups[1].Value m.Groups[2].Value)}\n")
    |> replace @"(?<=\n\n)(?:    .*\n|\n(?=    ))+" (fun m -> keep (block "" (undented m.Value)) + "\n")
    |> replace @"`([^`\n]+)`" (fun m -> keep $"<code>{escaped (m.Groups[1].Value)}</code>")
    |> replace @"\$([^$\n]+)\$" (fun m -> keep (MathMl.ofTex false m.Groups[1].Value))
    |> replace @"\[([^\]\[]*)\]\(([^)\s]+)\)" (fun m -> linked file m.Groups[1].Value m.Groups[2].Value)

let titleOf (text: string) = Regex.Match(text, @"(?m)^# (.+)$").Groups[1].Value.Replace("`", "")

let stage (file: string) (text: string) =
    let page = Path.ChangeExtension(Path.Combine(input, places[file]), ".md")
    write page $"---\ntitle: {titleOf text}\n---\n{prepared file text}"

/// The comment at the head of a script, as text, and the code below it. A line of the comment that begins further in is a formula or
/// the command that runs the script.
let parts (script: string) =
    let lines = (read script).Split '\n' |> List.ofArray
    let head = lines |> List.takeWhile _.StartsWith("//")
    let said (line: string) = if line.StartsWith "//   " then $"\n    {line.Substring(2).Trim()}\n" else line.Substring(2).Trim()
    let text = List.map said head
    String.Join("\n", text), String.Join("\n", List.skip head.Length lines)

let scriptPage (script: string) =
    let text, code = parts script
    stage script $"# {Path.GetFileNameWithoutExtension script}\n\n{text}\n\n```fsharp\n{code.Trim()}\n```\n"

let scriptList =
    let row (script: string) =
        let sentence = Regex.Match((fst (parts script)).Replace("\n", " "), @"^.*?(?:[.:](?=\s|$)|(?=     ))").Value.TrimEnd(':', ',', ' ')
        $"| [{Path.GetFileNameWithoutExtension script}](/{script}) | {sentence.Trim().TrimEnd '.'} |"

    String.Join("\n", [ "# Scripts"; ""; "`./metakan script FILE.fsx` runs one of them; each is in the repository at the path that its page names."; ""; "| | |"; "| --- | --- |"; yield! List.map row scripts; "" ])

let menuHtml =
    let item (file, title) = $"""<a href="/@root/{places[file]}">{escaped title}</a>"""
    String.Join("\n", [ for heading, pages in menu do $"<h2>{heading}</h2>"; yield! List.map item pages ])

let dotnet (arguments: string list) =
    let start = ProcessStartInfo("dotnet", arguments, WorkingDirectory = work, RedirectStandardOutput = true, RedirectStandardError = true)
    use program = Process.Start start
    let errors = program.StandardError.ReadToEndAsync()
    let said = program.StandardOutput.ReadToEnd() + errors.Result
    program.WaitForExit()
    let log = Path.Combine(work, "log")
    File.AppendAllText(log, said)
    if program.ExitCode <> 0 then fail 1 $"fsdocs made no site: the log is {log}"

// Pages.

/// A heading's anchor as GitHub names it.
let slug (html: string) =
    let text = WebUtility.HtmlDecode(Regex.Replace(html, "<[^>]*>", "")).Trim().ToLowerInvariant()
    Regex.Replace(text, @"[^\w\- ]", "").Replace(' ', '-')

/// A page as fsdocs made it, with what was kept aside in its place, links from where it stands, and headings that can be linked to.
let finished (page: string) (html: string) =
    let replace pattern (by: Match -> string) (html: string) = Regex.Replace(html, pattern, MatchEvaluator by, RegexOptions.Singleline)
    let number (m: Match) = kept[int m.Groups[1].Value]
    let seen = Collections.Generic.Dictionary<string, int>()

    let heading (m: Match) =
        let level, text = m.Groups[1].Value, m.Groups[2].Value
        let name = slug text
        let count = match seen.TryGetValue name with | true, count -> count | _ -> 0
        seen[name] <- count + 1
        let name = if count = 0 then name else $"{name}-{count}"
        $"""<h{level} id="{name}">{text}<a class="anchor" href="#{name}" aria-label="link to this part">#</a></h{level}>"""

    html
    |> replace @"<p>\s*⟦(\d+)⟧\s*</p>" number
    |> replace @"⟦(\d+)⟧" number
    |> replace @"<h(\d)><a name=""[^""]*"" class=""anchor"" href=""[^""]*"">(.*?)</a></h\d>" heading
    // What the reference has for scripts that this site does without, and pages that there are none of.
    |> replace @"<div class=""icon-button-row"">(?:\s*<div[^>]*>.*?</div>)*\s*</div>" (fun _ -> "")
    |> replace @"<div popover="""" class=""fsdocs-tip"".*?</div>\s*</div>" (fun _ -> "")
    |> replace @"<a href=""https://learn.microsoft.com/dotnet/api/torchsharp[^""]*"">(.*?)</a>" _.Groups[1].Value
    |> replace @"<table>.*?</table>" (fun m -> $"""<div class="wide">{m.Value}</div>""")
    |> fun html -> html.Replace($"href=\"/@root/{page}\"", $"href=\"/@root/{page}\" aria-current=\"page\"")
    |> replace @"(href|src)=""/@root/([^""]*)""" (fun m -> $"{m.Groups[1].Value}=\"{way page m.Groups[2].Value}\"")
    // Docstrings may name what is internal, which has no page.
    |> replace @"<a href=""(metakan-[^""#]*\.html)(?:#[^""]*)?""[^>]*>(.*?)</a>" (fun m ->
        if File.Exists(Path.Combine(output, Path.GetDirectoryName page, m.Groups[1].Value)) then m.Value else m.Groups[2].Value)

/// What the search knows of a page: its title and its parts, each with its place.
let found (page: string) (html: string) =
    let plain (html: string) = Regex.Replace(WebUtility.HtmlDecode(Regex.Replace(html, "<math.*?</math>|<[^>]*>", "")), @"\s+", " ").Trim()
    let title = plain (Regex.Match(html, "<title>(.*?)</title>", RegexOptions.Singleline).Groups[1].Value)

    [
        title, "", page
        for part in Regex.Matches(html, @"<h[2-4] id=""([^""]*)"">(.*?)<a class=""anchor""", RegexOptions.Singleline) do
            plain part.Groups[2].Value, title, $"{page}#{part.Groups[1].Value}"
        if page.StartsWith "reference/" then
            for item in Regex.Matches(html, @"<a id=""([^""]*)"">", RegexOptions.Singleline) do
                WebUtility.HtmlDecode(item.Groups[1].Value).Replace("``", ""), title, $"{page}#{item.Groups[1].Value}"
    ]

/// A folder with nothing in it. It stays where it is: its parent may be of others.
let emptied folder =
    Directory.CreateDirectory folder |> ignore
    for file in Directory.GetFiles folder do File.Delete file
    for inner in Directory.GetDirectories folder do Directory.Delete(inner, true)

emptied work
for file in texts do stage file (read file)
for script in scripts do scriptPage script
stage "scripts" scriptList
write (Path.Combine(input, "_template.html")) ((read "docs/site/_template.html").Replace("@menu@", menuHtml))

dotnet [ "tool"; "restore" ]

dotnet
    [
        yield! [ "fsdocs"; "build"; "--input"; input; "--output"; output; "--nodefaultcontent"; "--mdcomments" ]
        yield! [ "--projects"; Path.Combine(root, "src", "MetaKan.Core.fsproj"); "--properties"; "Configuration=Release" ]
        yield! [ "--parameters"; "root"; "/@root/"; "fsdocs-collection-name"; "MetaKan" ]
    ]

emptied target
let index = ResizeArray<string * string * string>()

for file in Directory.GetFiles(output, "*", SearchOption.AllDirectories) |> Array.sort do
    let page = slashes (Path.GetRelativePath(output, file))
    let place = Path.Combine(target, page)

    if page.EndsWith ".html" then
        let html = finished page (File.ReadAllText file)
        write place html
        index.AddRange(found page html)
    elif page.StartsWith "files/" then
        Directory.CreateDirectory(Path.GetDirectoryName place) |> ignore
        File.Copy(file, place)

for name in [ "site.css"; "site.js" ] do write (Path.Combine(target, name)) (read $"docs/site/{name}")
let places' = Text.Json.JsonSerializer.Serialize [ for title, above, place in index -> [ title; above; place ] ]
write (Path.Combine(target, "search.js")) $"const pages = {places'}"
let first = Path.Combine(target, "index.html")
printfn $"the site is {first}"
