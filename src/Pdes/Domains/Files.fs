// Polygons from text: well-known text (OGC 06-103r4) and GeoJSON (RFC 7946).
namespace MetaKan.Pdes

open System
open System.IO
open System.Text.Json
open MetaKan
open NetTopologySuite.Geometries
open NetTopologySuite.IO

[<RequireQualifiedAccess>]
module internal PolygonFiles =
    let private refuse (what: string) = raise (BadInput what)
    let private takes = "polygons are read from POLYGON and MULTIPOLYGON"

    // What a library says, on one line.
    let private line (error: exn) = error.Message.ReplaceLineEndings " "

    // From the parser's polygons to a domain; what is none is bad input here, since it comes from a user's text.
    let private domain (kind: string) (polygons: unit -> Polygon list) : Domain =
        try
            match polygons () |> List.filter (fun p -> not p.IsEmpty) with
            | [] -> refuse $"{kind}: there is no polygon in it; {takes}"
            | polygons -> Polygons.create polygons
        with
        | :? ParseException as error -> refuse $"{kind}: {line error}"
        | :? JsonException as error -> refuse $"{kind}: {line error}"
        | :? ArgumentException as error -> refuse $"{kind}: {line error}"

    let ofWkt (text: string) : Domain =
        let rec polygons (shape: Geometry) =
            match shape with
            | :? Polygon as one -> [ one ]
            | :? MultiPolygon as several ->
                [
                    for one in several.Geometries do
                        yield! polygons one
                ]
            | other -> refuse $"WKT: {takes}, not from {other.GeometryType.ToUpperInvariant()}"

        domain "WKT" (fun () -> WKTReader().Read text |> polygons)

    let ofGeoJson (text: string) : Domain =
        let field (name: string) (object: JsonElement) =
            match object.ValueKind with
            | JsonValueKind.Object ->
                match object.TryGetProperty name with
                | true, value -> value
                | _ -> refuse $"GeoJSON: there is no \"{name}\" where one belongs"
            | kind -> refuse $"GeoJSON: an object with \"{name}\" belongs where there is {kind}"

        let items what (element: JsonElement) =
            if element.ValueKind = JsonValueKind.Array then
                [ for item in element.EnumerateArray() -> item ]
            else
                refuse $"GeoJSON: {what} is an array, not {element.ValueKind}"

        let position (element: JsonElement) =
            match items "a position" element with
            | x :: y :: _ when x.ValueKind = JsonValueKind.Number && y.ValueKind = JsonValueKind.Number ->
                x.GetDouble(), y.GetDouble()
            | _ -> refuse "GeoJSON: a position is two numbers or more"

        let polygon (rings: JsonElement) =
            match items "a polygon" rings |> List.map (items "a ring" >> List.map position >> Polygons.ring) with
            | outer :: holes -> Polygon(outer, List.toArray holes)
            | [] -> refuse "GeoJSON: a polygon has a ring or more"

        let rec polygons (element: JsonElement) =
            let kind = field "type" element

            match string kind with
            | "Polygon" -> [ polygon (field "coordinates" element) ]
            | "MultiPolygon" -> field "coordinates" element |> items "a multipolygon" |> List.map polygon
            | "Feature" -> polygons (field "geometry" element)
            | "FeatureCollection" -> field "features" element |> items "a list of features" |> List.collect polygons
            | other -> refuse $"GeoJSON: {takes}, alone or in features, not from {other}"

        domain "GeoJSON" (fun () ->
            use document = JsonDocument.Parse text
            polygons document.RootElement)

    let ofFile (path: string) : Domain =
        let read =
            match Path.GetExtension(path).ToLowerInvariant() with
            | ".wkt" -> ofWkt
            | ".geojson"
            | ".json" -> ofGeoJson
            | _ -> refuse $"{path}: polygons are read from .wkt, .geojson and .json files"

        let text =
            try
                File.ReadAllText path
            with
            | :? IOException
            | :? UnauthorizedAccessException as error -> refuse $"{path}: {line error}"

        try
            read text
        with BadInput what ->
            refuse $"{path}: {what}"
