/// The public surface of the library is the one that docs/api.txt lists.
module MetaKan.Tests.ApiTests

open System
open System.IO
open System.Reflection
open Expecto
open Microsoft.FSharp.Reflection
open MetaKan

let private named =
    dict
        [
            typeof<unit>, "unit"
            typeof<int>, "int"
            typeof<int64>, "int64"
            typeof<float>, "float"
            typeof<bool>, "bool"
            typeof<string>, "string"
            typeof<byte>, "byte"
            typeof<obj>, "obj"
            typeof<Void>, "unit"
            typeof<Tensor>, "Tensor"
            typeof<Params>, "Params"
        ]

let private generics =
    dict
        [
            typedefof<list<_>>, "list"
            typedefof<option<_>>, "option"
            typedefof<seq<_>>, "seq"
            typedefof<Map<_, _>>, "Map"
        ]

/// A type as F# writes it.
let rec private write (t: Type) : string =
    let apart (t: Type) = if FSharpType.IsFunction t || FSharpType.IsTuple t then $"({write t})" else write t

    if named.ContainsKey t then
        named[t]
    elif t.IsArray then
        $"""{apart (t.GetElementType())}[{String(',', t.GetArrayRank() - 1)}]"""
    elif FSharpType.IsFunction t then
        let domain, range = FSharpType.GetFunctionElements t
        $"{apart domain} -> {write range}"
    elif FSharpType.IsTuple t then
        FSharpType.GetTupleElements t |> Array.map apart |> String.concat " * "
    elif t.IsGenericType then
        let name =
            match generics.TryGetValue(t.GetGenericTypeDefinition()) with
            | true, name -> name
            | _ -> (t.Name.Split '`')[0]

        let arguments = t.GetGenericArguments() |> Array.map write |> String.concat ", "
        $"{name}<{arguments}>"
    elif t.IsGenericParameter then
        $"'{t.Name}"
    elif t.IsNested then
        $"{write t.DeclaringType}.{t.Name}"
    else
        t.Name

let private flags =
    BindingFlags.Public ||| BindingFlags.Static ||| BindingFlags.Instance ||| BindingFlags.DeclaredOnly

let private isModule (t: Type) =
    t.GetCustomAttributes<CompilationMappingAttribute>()
    |> Seq.exists (fun mapping ->
        mapping.SourceConstructFlags &&& SourceConstructFlags.KindMask = SourceConstructFlags.Module)

// What the compiler makes beside what is written: equality, order, tests of cases, printing.
let private written (t: Type) (m: MethodInfo) =
    let made = set [ "Equals"; "GetHashCode"; "CompareTo"; "ToString"; "Invoke"; "GetObjectData" ]

    not (made.Contains m.Name)
    && (not m.IsSpecialName || m.Name.StartsWith "op_" || m.Name = "get_Item")
    && not (FSharpType.IsUnion t && (m.Name.StartsWith "get_" || m.IsStatic && m.Name.StartsWith "New"))

let private method (t: Type) (m: MethodInfo) =
    let arguments =
        [
            if m.GetParameters().Length = 0 then
                yield "()"

            for p in m.GetParameters() do
                let optional = if p.IsOptional then "?" else ""
                yield $"({optional}{p.Name}: {write p.ParameterType})"
        ]

    let kind =
        if isModule t then "val"
        elif m.IsStatic then "static member"
        else "member"

    String.concat " " [ kind; m.Name; yield! arguments; ":"; write m.ReturnType ]

let private fields (properties: PropertyInfo[]) = [ for p in properties -> $"{p.Name}: {write p.PropertyType}" ]

/// A public type or a member of one.
type Item =
    {
        /// As docs/api.txt lists it.
        Line: string
        /// Its name in the documentation file, without parameters.
        Id: string
    }

let private id (kind: string) (t: Type) (name: string) = $"{kind}:{t.FullName.Replace('+', '.')}{name}"

let private members (t: Type) : Item list =
    let methods =
        [
            for m in t.GetMethods flags |> Array.filter (written t) ->
                // Documentation knows an indexer as a property.
                let name = if m.Name = "get_Item" then id "P" t ".Item" else id "M" t $".{m.Name}"
                { Line = method t m; Id = name }
        ]
        |> List.sortBy _.Line

    let properties (described: string list) (properties: PropertyInfo[]) =
        [ for line, p in Seq.zip described properties -> { Line = line; Id = id "P" t $".{p.Name}" } ]

    if FSharpType.IsRecord t then
        let written = FSharpType.GetRecordFields t
        properties (fields written) written @ methods
    elif FSharpType.IsUnion t then
        [
            for case in FSharpType.GetUnionCases t ->
                let line =
                    match fields (case.GetFields()) with
                    | [] -> $"| {case.Name}"
                    | parts -> $"""| {case.Name} of {String.concat " * " parts}"""

                { Line = line; Id = id "T" t $".{case.Name}" }
            yield! methods
        ]
    else
        let written = t.GetProperties flags |> Array.sortBy _.Name
        let kind = if isModule t then "val" else "property"
        properties [ for p in written -> $"{kind} {p.Name}: {write p.PropertyType}" ] written @ methods

let private kind (t: Type) =
    if FSharpType.IsRecord t then "record"
    elif FSharpType.IsUnion t then "union"
    elif FSharpType.IsExceptionRepresentation t then "exception"
    elif isModule t then "module"
    else "class"

/// The public types, each with its members.
let types: (Item * Item list) list =
    [
        for t in typeof<Model>.Assembly.GetExportedTypes() |> Array.sortBy (fun t -> t.Namespace, write t) do
            let partOfUnion = t.IsNested && FSharpType.IsUnion t.DeclaringType
            let name = if isModule t && t.Name.EndsWith "Module" then t.Name[.. t.Name.Length - 7] else write t

            if not partOfUnion && not (t.FullName.StartsWith "<") then
                { Line = $"{kind t} {t.Namespace}.{name}"; Id = id "T" t "" }, members t
    ]

let private surface: string list =
    [
        for item, members in types do
            ""
            item.Line
            yield! members |> List.map (fun part -> $"    {part.Line}")
    ]
    |> List.tail

let private file = Path.Combine(Launcher.Process.root, "docs", "api.txt")

/// Writes the list anew.
let rewrite () = File.WriteAllLines(file, surface)

let tests =
    testCase "Api.the public surface is the one that docs/api.txt lists" (fun () ->
        let listed = List.ofArray (File.ReadAllLines file)
        let added, gone = List.except listed surface, List.except surface listed

        if surface <> listed then
            let lines = [ for line in added -> $"+ {line}" ] @ [ for line in gone -> $"- {line}" ]

            failtest
                $"""docs/api.txt is not the public surface; where the change is meant, ./test --api writes it:
{String.concat "\n" lines}""")
