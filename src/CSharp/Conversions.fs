// What C# hands over, as F# has it.
module internal MetaKan.CSharp.Conversions

open System
open MetaKan

/// An optional number, or what stands for it where it is left out.
let given (value: Nullable<'a>) (otherwise: 'a) : 'a = if value.HasValue then value.Value else otherwise

/// An optional object, or what stands for it where it is left out.
let named (value: 'a) (otherwise: 'a) : 'a = if isNull (box value) then otherwise else value

/// An optional object.
let some (value: 'a) : 'a option = if isNull (box value) then None else Some value

let pairs (values: seq<struct ('a * 'b)>) : ('a * 'b) list = [ for struct (a, b) in values -> a, b ]

/// A listener, which may be left out.
let listener (listen: Action<'event>) : 'event -> unit = if isNull listen then ignore else listen.Invoke

/// The place of a run, new or gone on with.
let place (folder: string) (resume: bool) : RunPlace = if resume then RunPlace.resumed folder else RunPlace.fresh folder

/// A table [N, n] of numbers as a tensor.
let tensor (place: Placement) (rows: float[,]) : Tensor =
    Tensor.ofArray place [ int64 (rows.GetLength 0); int64 (rows.GetLength 1) ] (rows |> Seq.cast<float> |> Array.ofSeq)

/// A tensor [N, n] as a table of numbers.
let table (t: Tensor) : float[,] =
    let numbers, width = Tensor.toArray t, int (t.size 1)
    Array2D.init (int (t.size 0)) width (fun i j -> numbers[i * width + j])
