/// What is public says what it is.
module MetaKan.Tests.DocumentedTests

open System
open System.IO
open System.Xml.Linq
open Expecto
open MetaKan

// An item's name without parameters, as overloads share it.
let private bare (name: string) = name.Split([| "("; "``" |], StringSplitOptions.None)[0]

// The names of what has a summary, each as often as it has one.
let private documented: Map<string, int> =
    let file = Path.ChangeExtension(typeof<Model>.Assembly.Location, "xml")

    XDocument.Load(file).Descendants "member"
    |> Seq.filter (fun part -> part.Elements "summary" |> Seq.exists (fun text -> text.Value.Trim() <> ""))
    |> Seq.countBy (fun part -> bare (part.Attribute "name").Value)
    |> Map.ofSeq

// Operators, and the functions that F#'s own (cos x) call: what they do is what the type's own docstring is about.
let private called =
    set [ "Abs"; "Cos"; "Cosh"; "Exp"; "Log"; "Pow"; "Sin"; "Sinh"; "Sqrt"; "Tan"; "Tanh" ]

// What an exception has is made by the compiler.
let private speaks (item: ApiTests.Item) (part: ApiTests.Item) : bool =
    let name = part.Id.Substring(part.Id.LastIndexOf '.' + 1)
    let isCalled = part.Line.StartsWith "static member " && (name.StartsWith "op_" || called.Contains name)
    not (isCalled || item.Line.StartsWith "exception ")

let tests =
    testCase "Documented.every public type, field, case, module, function and method has a summary" (fun () ->
        // Overloads share a name, and each has a summary.
        let missing (name: string, items: ApiTests.Item list) =
            if items.Length > (Map.tryFind name documented |> Option.defaultValue 0) then items else []

        let silent =
            [
                for item, members in ApiTests.types do
                    let parts = item :: List.filter (speaks item) members

                    for part in parts |> List.groupBy _.Id |> List.collect missing do
                        $"{item.Line}: {part.Line}"
            ]

        if not silent.IsEmpty then
            failtest
                $"""{silent.Length} public items have no summary:
{String.concat "\n" silent}""")
