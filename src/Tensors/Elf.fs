// Shared libraries of Linux as files: the changes that let a library load on a system with an older C++ runtime than the
// one it was linked against, and put other functions in the place of its own.
namespace MetaKan

open System
open System.Buffers.Binary
open System.Text

[<RequireQualifiedAccess>]
module internal Elf =
    // Section types, flags and field offsets of the ELF-64 gABI and of the "Linux Standard Base", 10.7.
    let private dynsym, private verneed = 11u, 0x6ffffffeu
    let private weakFlag, private absolute = 0x2us, 0xfff1us

    let private u16 (library: byte[]) at = int (BinaryPrimitives.ReadUInt16LittleEndian(ReadOnlySpan(library, at, 2)))
    let private u32 (library: byte[]) at = BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan(library, at, 4))
    let private u64 (library: byte[]) at = BinaryPrimitives.ReadInt64LittleEndian(ReadOnlySpan(library, at, 8))

    let private text (library: byte[]) at = Encoding.ASCII.GetString(library, at, Array.IndexOf(library, 0uy, at) - at)

    /// Where the headers of a library's sections of a type lie, each with the place of the names in it; none in a file that
    /// is no 64-bit little-endian library.
    let private sections kind (library: byte[]) : (int * int) list =
        let header i = int (u64 library 0x28) + i * u16 library 0x3a

        if library.Length > 64 && u32 library 0 = 0x464c457fu && library[4] = 2uy && library[5] = 1uy then
            [
                for section in Seq.init (u16 library 0x3c) header do
                    if u32 library (section + 4) = kind then
                        section, int (u64 library (header (int (u32 library (section + 40))) + 24))
            ]
        else
            []

    /// A copy of a library in which the need for a symbol version, such as "GLIBCXX_3.4.32", is weak: the dynamic linker
    /// then takes a library that lacks the version, and unresolved symbols matter only where something refers to them. None
    /// where the library has no such need, or is no such library.
    let weaken (version: string) (library: byte[]) : byte[] option =
        // Offsets of the entries of a list whose links are relative: the first one, how many, where an entry's link is.
        let chain first count link =
            Seq.unfold (fun at -> Some(at, at + int (u32 library (at + link)))) first |> Seq.truncate count

        let needs =
            [
                for section, names in sections verneed library do
                    for file in chain (int (u64 library (section + 24))) (int (u32 library (section + 44))) 12 do
                        for need in chain (file + int (u32 library (file + 8))) (u16 library (file + 2)) 12 do
                            if text library (names + int (u32 library (need + 8))) = version then
                                need
            ]

        if needs.IsEmpty then
            None
        else
            let copy = Array.copy library

            for need in needs do
                let flags = uint16 (u16 library (need + 4)) ||| weakFlag
                BinaryPrimitives.WriteUInt16LittleEndian(Span(copy, need + 4, 2), flags)

            Some copy

    /// Where the symbols that a library exports are told, by their names.
    let private symbols (library: byte[]) : Map<string, int> =
        Map
            [
                for section, names in sections dynsym library do
                    let first, bytes = int (u64 library (section + 24)), int (u64 library (section + 32))

                    for symbol in first..24 .. first + bytes - 1 do
                        text library (names + int (u32 library symbol)), symbol
            ]

    /// Where a library's functions lie, by name, counted from where the library is loaded.
    let offsets (library: byte[]) : Map<string, int64> =
        symbols library |> Map.map (fun _ symbol -> u64 library (symbol + 8))

    /// A copy of a library in which each of some functions is the one at an address of this process. None where the library
    /// lacks one, or is no such library.
    let redirect (functions: (string * nativeint) list) (library: byte[]) : byte[] option =
        let symbols = symbols library

        if functions |> List.forall (fun (name, _) -> symbols.ContainsKey name) then
            let copy = Array.copy library

            for name, address in functions do
                BinaryPrimitives.WriteUInt16LittleEndian(Span(copy, symbols[name] + 6, 2), absolute)
                BinaryPrimitives.WriteInt64LittleEndian(Span(copy, symbols[name] + 8, 8), int64 address)

            Some copy
        else
            None
