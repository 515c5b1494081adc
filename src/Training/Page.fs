// The page of a report: one HTML file that needs no other and asks no network, with charts that plotly.js draws. What comes
// from files is text in it, or data, or a picture in which nothing runs: the page's policy allows no script but its own two.
namespace MetaKan

open System
open System.IO
open System.IO.Compression
open System.Net
open System.Reflection
open System.Security.Cryptography
open System.Text
open System.Text.Json.Nodes

/// What a page shows: a title, a line below it, and sections of HTML with their headings.
type internal PageContent = { Title: string; Status: string; Sections: (string * string) list }

[<RequireQualifiedAccess>]
module internal Page =
    let private resource (assembly: Assembly) (ending: string) : byte[] =
        let name = assembly.GetManifestResourceNames() |> Array.find _.EndsWith(ending)
        use stream = assembly.GetManifestResourceStream name
        use copy = new MemoryStream()
        stream.CopyTo copy
        copy.ToArray()

    let private own (name: string) = lazy (Encoding.UTF8.GetString(resource (Assembly.GetExecutingAssembly()) name))

    let private style, private script = own "page.css", own "page.js"

    let private hash (bytes: byte[]) = Convert.ToBase64String(SHA256.HashData bytes)

    // plotly.js as Plotly.NET has it: its hash, and itself compressed.
    let private plotly =
        lazy
            (let plain = resource typeof<Plotly.NET.GenericChart>.Assembly ".min.js"
             use packed = new MemoryStream()

             using (new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen = true)) (fun stream ->
                 stream.Write(ReadOnlySpan plain))

             hash plain, Convert.ToBase64String(packed.ToArray()))

    // Nothing from elsewhere, and no script but these; a page that is live hears its own server.
    let private policy (live: bool) (scripts: string list) =
        let scripts =
            if scripts.IsEmpty then
                "'none'"
            else
                scripts |> List.map (fun hash -> $"'sha256-{hash}'") |> String.concat " "

        let connections = if live then "connect-src 'self'; " else ""

        $"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {scripts}; {connections}"
        + "base-uri 'none'; form-action 'none'"

    /// Text inside of the page.
    let escape: string -> string = Svg.escape

    /// A figure of plotly.js under its title.
    let figure (figure: JsonObject) : string =
        let text (node: JsonNode) =
            match node with
            | :? JsonValue as value ->
                match value.TryGetValue<string>() with
                | true, text -> text
                | _ -> ""
            | _ -> ""

        let layout = (figure["layout"].DeepClone() :?> JsonObject)

        let title =
            match layout["title"] with
            | :? JsonObject as title -> title["text"]
            | other -> other
            |> text
            |> WebUtility.HtmlDecode

        let description = text layout["meta"]
        layout.Remove "title" |> ignore
        // The text of this JSON has no < and no >.
        let data = RunFolder.fields [ "data", figure["data"]; "layout", layout ]

        $"<figure><figcaption><span>{escape title}</span></figcaption><div class=\"drawing\" tabindex=\"0\" role=\"group\" "
        + $"aria-roledescription=\"chart\" aria-label=\"{escape title}. {escape description}\"></div>"
        + $"<script type=\"application/json\">{data.ToJsonString()}</script></figure>"

    /// An SVG file as a picture in which no script runs, nothing is loaded and no style reaches the page, under its name.
    let still (name: string) (svg: string) : string =
        let data = Convert.ToBase64String(Encoding.UTF8.GetBytes svg)
        $"<figure><img src=\"data:image/svg+xml;base64,{data}\" alt=\"{escape name}\" loading=\"lazy\"></figure>"

    /// Charts and pictures beside each other; nothing where there are none.
    let grid (drawn: string list) : string =
        if drawn.IsEmpty then
            ""
        else
            let drawn = String.concat "\n" drawn
            $"<div class=\"charts\">\n{drawn}</div>"

    /// Names and values as cards; nothing where there are none.
    let cards (entries: (string * string) list) : string =
        if entries.IsEmpty then
            ""
        else
            let entries =
                [ for name, value in entries -> $"<div><dt>{escape name}</dt><dd>{escape value}</dd></div>" ]
                |> String.concat "\n"

            $"<dl class=\"cards\">\n{entries}\n</dl>"

    /// A table with a name before each row, and names above the columns where there are any; nothing where it has no rows.
    let table (label: string) (columns: string list) (rows: (string * string list) list) : string =
        if rows.IsEmpty then
            ""
        else
            let head =
                if columns.IsEmpty then
                    ""
                else
                    let cells = [ for name in columns -> $"<th scope=\"col\">{escape name}</th>" ] |> String.concat ""

                    $"<tr><td></td>{cells}</tr>\n"

            let rows =
                [
                    for name, values in rows do
                        let cells = [ for value in values -> $"<td>{escape value}</td>" ] |> String.concat ""
                        $"<tr><th scope=\"row\">{escape name}</th>{cells}</tr>"
                ]
                |> String.concat "\n"

            $"<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{escape label}\"><table>\n"
            + $"{head}{rows}\n</table></div>"

    /// The sections that have something in them, by their headings.
    let private sections (content: PageContent) : (string * string) list =
        [
            for heading, inner in content.Sections do
                if inner <> "" then
                    heading, $"<section><h2>{escape heading}</h2>\n{inner}</section>\n"
        ]

    /// What changed of a page, as a live page takes it: the status, and the sections in their order, with no HTML where it
    /// is as before.
    let change (before: PageContent option) (now: PageContent) : JsonObject =
        let before = before |> Option.map sections |> Option.defaultValue []

        let section (heading, html) =
            let html = if List.contains (heading, html) before then null else RunFolder.node html
            RunFolder.fields [ "heading", RunFolder.node heading; "html", html ] :> JsonNode

        RunFolder.fields
            [
                "status", RunFolder.node now.Status
                "sections", JsonArray [| for it in sections now -> section it |]
            ]

    /// The page of what it shows; empty sections are left out. One that is live goes on by the events that `live` names.
    let html (live: string option) (content: PageContent) : string =
        let plotlyHash, packed = plotly.Value
        let script = script.Value

        let body = sections content |> List.map snd |> String.concat ""
        let drawn = live.IsSome || body.Contains "class=\"drawing\""

        let scripts =
            if drawn then
                "<noscript><p>The charts need JavaScript.</p></noscript>\n"
                + $"<script type=\"text/plain\" id=\"plotly\">{packed}</script>\n<script>{script}</script>\n"
            else
                ""

        let colours =
            let all (which: (string * string) -> string) = Palette.categories |> List.map which |> String.concat " "

            $":root {{ --series: {all fst} }}\n@media (prefers-color-scheme: dark) {{ :root {{ --series: {all snd} }} }}\n"

        let allowed = if drawn then [ hash (Encoding.UTF8.GetBytes script); plotlyHash ] else []

        let events = live |> Option.map (fun path -> $" data-live=\"{escape path}\"") |> Option.defaultValue ""

        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        + $"<meta http-equiv=\"Content-Security-Policy\" content=\"{policy live.IsSome allowed}\">\n"
        + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        + $"<title>{escape content.Title}</title>\n<style>\n{colours}{style.Value}</style>\n</head>\n<body{events}>\n<main>\n"
        + $"<h1>{escape content.Title}</h1>\n<p id=\"status\">{escape content.Status}</p>\n{body}</main>\n{scripts}</body>\n</html>\n"
