// The colours of all pictures. They stay apart for colour-blind eyes, and in print without colour.
[<RequireQualifiedAccess>]
module internal MetaKan.Palette

/// Colours of series and classes, a pair each, for light and for dark pages: those of Okabe and Ito (Color Universal Design,
/// 2008), of whose eight blue and black are for light pages, sky blue and yellow for dark ones. Orange is faint on white, and
/// the last.
let categories: (string * string) list =
    [
        "#0072b2", "#56b4e9"
        "#d55e00", "#d55e00"
        "#009e73", "#009e73"
        "#cc79a7", "#cc79a7"
        "#000000", "#f0e442"
        "#e69f00", "#e69f00"
    ]

/// Text and ground of a picture, for light and for dark pages.
let text, ground = ("#2b2f36", "#d6dae1"), ("#fff", "#16191f")

/// The colours of an arrow over a map and of its rim, lighter and darker than any colour of the map.
let arrow, rim = "#fff", "#000"

/// Viridis (van der Walt and Smith 2015), a colour map of even steps in lightness, by ten of its colours.
let private viridis =
    [|
        0x440154
        0x482878
        0x3E4A89
        0x31688E
        0x26828E
        0x1F9E89
        0x35B779
        0x6ECE58
        0xB5DE2B
        0xFDE725
    |]
    |> Array.map (fun rgb -> [| rgb >>> 16; rgb >>> 8 &&& 0xFF; rgb &&& 0xFF |] |> Array.map float)

/// The colour of a value of a field at a share 0 … 1 of its range: red, green, blue and opacity; transparent for NaN.
let field (share: float) : byte[] =
    if System.Double.IsNaN share then
        [| 0uy; 0uy; 0uy; 0uy |]
    else
        let at = System.Math.Clamp(share, 0.0, 1.0) * float (viridis.Length - 1)
        let below = min (int at) (viridis.Length - 2)
        let mixed = Array.map2 (fun a b -> a + (b - a) * (at - float below)) viridis[below] viridis[below + 1]
        Array.append (Array.map (round >> byte) mixed) [| 255uy |]
