// Domains for C#.
namespace MetaKan.CSharp

open System
open System.Runtime.CompilerServices
open MetaKan
open MetaKan.Pdes
open MetaKan.CSharp.Conversions

/// Domains, and what is made of them; what each is stands at the function of `MetaKan.Pdes.Domain`.
[<AbstractClass; Sealed; Extension>]
type Domains private () =
    /// From a to b, with the parts "left" and "right".
    static member Interval(a: float, b: float) : Domain = Domain.interval a b

    /// A box, by the bounds of each coordinate.
    static member Box([<ParamArray>] sides: struct (float * float)[]) : Domain = Domain.box (pairs sides)

    /// The points nearer to the centre than the radius.
    static member Ball(centre: seq<float>, radius: float) : Domain = Domain.ball (List.ofSeq centre) radius

    /// The surface of a ball alone.
    static member Sphere(centre: seq<float>, radius: float) : Domain = Domain.sphere (List.ofSeq centre) radius

    /// A triangle, a tetrahedron and so on, by its vertices.
    static member Simplex([<ParamArray>] vertices: float[][]) : Domain =
        Domain.simplex [ for vertex in vertices -> List.ofArray vertex ]

    /// A polygon by its vertices, and those of each of its holes.
    static member Polygon
        (ring: seq<struct (float * float)>, [<ParamArray>] holes: struct (float * float)[][])
        : Domain =
        Domain.polygon (pairs ring) [ for hole in holes -> pairs hole ]

    /// The polygons of a file, GeoJSON or well-known text. Raises BadInput.
    static member File(path: string) : Domain = Domain.ofFile path

    /// Points by themselves, a row each.
    static member Points([<ParamArray>] rows: float[][]) : Domain = Domain.points rows

    /// The domain over a time, the last coordinate, with the parts "start" and "end" beside its own.
    [<Extension>]
    static member During(domain: Domain, start: float, finish: float) : Domain = Domain.during start finish domain

    /// The points in either of two domains.
    [<Extension>]
    static member Union(a: Domain, b: Domain) : Domain = Domain.union a b

    /// The points in both of two domains.
    [<Extension>]
    static member Intersection(a: Domain, b: Domain) : Domain = Domain.intersection a b

    /// The points in the first domain but not in the second.
    [<Extension>]
    static member Difference(a: Domain, b: Domain) : Domain = Domain.difference a b

    /// The whole boundary under one name.
    [<Extension>]
    static member Named(domain: Domain, name: string) : Domain = Domain.named name domain

    /// The part of the boundary where a predicate of its points [N, d] holds, [N], under a name of its own.
    [<Extension>]
    static member Part(domain: Domain, name: string, predicate: Func<Tensor, Tensor>) : Domain =
        Domain.part name predicate.Invoke domain
