// Shared libraries of Linux as files: the one change that lets a library load on a system with an older C++ runtime than
// the one it was linked against.
namespace MetaKan

open System
open System.Buffers.Binary
open System.Text

[<RequireQualifiedAccess>]
module internal Elf =
    // Section header type, entry flag and field offsets of the ELF-64 gABI and of the "Linux Standard Base", 10.7.
    let private verneed = 0x6ffffffeu
    let private weakFlag = 0x2us

    /// A copy of a 64-bit little-endian ELF library in which the need for a symbol version, such as "GLIBCXX_3.4.32", is
    /// weak: the dynamic linker then takes a library that lacks the version, and unresolved symbols matter only where
    /// something refers to them. None where the library has no such need, or is no such library.
    let weaken (version: string) (library: byte[]) : byte[] option =
        let u16 at = int (BinaryPrimitives.ReadUInt16LittleEndian(ReadOnlySpan(library, at, 2)))
        let u32 at = BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan(library, at, 4))
        let u64 at = int (BinaryPrimitives.ReadUInt64LittleEndian(ReadOnlySpan(library, at, 8)))

        let text at = Encoding.ASCII.GetString(library, at, Array.IndexOf(library, 0uy, at) - at)

        // Offsets of the entries of a list whose links are relative: the first one, how many, where an entry's link is.
        let chain first count link =
            Seq.unfold (fun at -> Some(at, at + int (u32 (at + link)))) first |> Seq.truncate count

        let isElf64 = library.Length > 64 && u32 0 = 0x464c457fu && library[4] = 2uy && library[5] = 1uy

        let needs =
            if not isElf64 then
                Seq.empty
            else
                seq {
                    for i in 0 .. u16 0x3c - 1 do
                        let section = u64 0x28 + i * u16 0x3a

                        if u32 (section + 4) = verneed then
                            let strings = u64 (u64 0x28 + int (u32 (section + 40)) * u16 0x3a + 24)

                            for file in chain (u64 (section + 24)) (int (u32 (section + 44))) 12 do
                                for need in chain (file + int (u32 (file + 8))) (u16 (file + 2)) 12 do
                                    if text (strings + int (u32 (need + 8))) = version then
                                        need
                }

        match List.ofSeq needs with
        | [] -> None
        | found ->
            let copy = Array.copy library

            for need in found do
                BinaryPrimitives.WriteUInt16LittleEndian(Span(copy, need + 4, 2), uint16 (u16 (need + 4)) ||| weakFlag)

            Some copy
