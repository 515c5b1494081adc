// The spline grid of a KAN's edges.
namespace MetaKan

/// G intervals on [-1, 1], extended by k steps on both sides, and splines of order k (3 is cubic).
type Grid =
    {
        /// G, the intervals on [-1, 1], each of width 2/G.
        Size: int
        /// k, the degree of a spline's pieces.
        Order: int
    }

/// What follows from a grid's size and order.
[<RequireQualifiedAccess>]
module Grid =
    /// G + k, the number of spline coefficients of an edge.
    let coefficients (grid: Grid) = grid.Size + grid.Order

    let internal describe (grid: Grid) = $"G = {grid.Size}, k = {grid.Order}"
