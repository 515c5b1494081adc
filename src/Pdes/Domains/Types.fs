// What a domain is: where a problem is posed, in space or in space and time, with points of it, and its boundary in parts,
// with points and normals of them.
namespace MetaKan.Pdes

open MetaKan

/// Points [n, d] of a region or of a boundary; the same key gives the same points.
type Sampler = Key -> Placement -> int -> Tensor

/// A part of a region's boundary.
type BoundaryPart =
    {
        /// What conditions call it, such as "walls"; parts of one name are one to them.
        Name: string
        /// Its length, area and so on: points of several parts are in proportion to it.
        Measure: float
        /// Points uniform on the part and the outward unit normals there, side by side: [n, 2d].
        Draw: Numbers -> Sampler
        /// Of the point's jet: a smooth function [N, 1], zero on this part alone and positive inside. None where it is
        /// not known.
        Distance: (Jet -> Jet) option
    }

/// A region of d coordinates.
type Domain =
    {
        /// The smallest box known to hold the region: the lowest and the highest value of each coordinate.
        Bounds: (float * float) list
        /// Which of the points [N, d] lie in the region: bool [N].
        Contains: Tensor -> Tensor
        /// Points uniform in the region, made of the given numbers.
        Draw: Numbers -> Sampler
        /// The boundary; none where there is no boundary.
        Parts: BoundaryPart list
        /// Of the point's jet: a function [N, 1], zero on the whole boundary, positive inside and smooth there, negative
        /// outside. None where it is not known.
        Distance: (Jet -> Jet) option
    }

    /// Random points of the region.
    member domain.Sample: Sampler = domain.Draw Numbers.random
