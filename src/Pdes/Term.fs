// The language of residuals: formulas of coordinates, unknown fields and their derivatives, as mathematics writes them.
// A derivative of a formula is taken at once by the rules of calculus, down to derivatives of fields: what a residual
// reads of a solution can then be listed, and nothing else is computed.
namespace MetaKan.Pdes

open MetaKan
open MetaKan.Symbolic
open TorchSharp

/// A function of the point that is computed with tensors: values [N, 1] at points [N, d], each row by its own point alone.
[<ReferenceEquality>]
type PointFunction =
    {
        /// What messages call it.
        Name: string
        /// The function, of TorchSharp's operators, so that autograd has its derivatives.
        Value: Tensor -> Tensor
    }

[<RequireQualifiedAccess>]
module internal PointFunction =
    /// The values [N, 1] at points [N, d]; ArgumentException for values of another shape.
    let at (x: Tensor) (f: PointFunction) : Tensor =
        let values = f.Value x

        if values.ndim <> 2L || values.size 0 <> x.size 0 || values.size 1 <> 1L then
            invalidArg
                "problem"
                $"the function '{f.Name}' gives {List.ofArray (Tensor.shape values)} where {[ x.size 0; 1L ]} is wanted, a column"

        values

/// A formula at a point.
[<NoComparison; RequireQualifiedAccess>]
type Term =
    /// A constant.
    | Number of float
    /// A coordinate, by its name, or what is drawn with a point: a measured value, a component of the normal.
    | Coordinate of string
    /// A derivative of an unknown field by the listed coordinates, in alphabetical order; the field itself by none.
    | Field of name: string * by: string list
    /// Σ a_i ∂²u/∂x_i² of a field u, summed as it is computed.
    | Squares of name: string * terms: (string * float) list
    /// Σ a_i (∂u/∂x_i)² of a field u, summed as it is computed.
    | Slopes of name: string * terms: (string * float) list
    /// Σ a ∂u of derivatives of a field u, each by the coordinates listed in alphabetical order: what estimates draw terms of.
    | Derivatives of name: string * terms: (string list * float) list
    /// A number that is found with the solution.
    | Parameter of string
    /// A derivative of a function of the point by the listed coordinates.
    | Given of PointFunction * by: string list
    /// The sum of any number of terms.
    | Sum of Term list
    /// The product of any number of terms.
    | Product of Term list
    /// A term to a constant power.
    | Power of Term * float
    /// A function's value at a term.
    | Call of Function * Term
    /// The mean over the points of a sample; in conditions only.
    | Mean of Term
    /// A term at another point: the values that coordinates have there, from those here.
    | At of moved: (string * Term) list * Term
    /// ∫ f dv for v from low to high, by Gauss–Legendre quadrature with so many nodes. A coordinate's name takes its place.
    | Integral of variable: string * low: Term * high: Term * nodes: int * Term

/// Terms put together, differentiated and evaluated.
[<RequireQualifiedAccess>]
module Term =
    let private normalPrefix, private variablePrefix = "normal ", "variable "

    let private tryAfter (prefix: string) (name: string) =
        if name.StartsWith prefix then Some(name.Substring prefix.Length) else None

    /// What a component of the outward normal is called among the columns of a boundary's points.
    let internal normalName (coordinate: string) = normalPrefix + coordinate

    /// The coordinate of a component of the normal, if a name is one.
    let internal tryNormal (name: string) : string option = tryAfter normalPrefix name

    /// What the variable of an integral is called among the columns of a quadrature's points.
    let internal variableName (name: string) = variablePrefix + name

    /// The variable of an integral, if a name is one.
    let internal tryVariable (name: string) : string option = tryAfter variablePrefix name

    // Fields are functions of the coordinates alone.
    let private movesFields name = (tryNormal name).IsNone && (tryVariable name).IsNone

    // What numbers among the parts come to, and the parts that are none.
    let private gather (combine: float -> float -> float) (start: float) (parts: Term list) : float * Term list =
        (parts, (start, []))
        ||> List.foldBack (fun part (constant, others) ->
            match part with
            | Term.Number n -> combine n constant, others
            | other -> constant, other :: others)

    /// The sum, with numbers added up and put last.
    let sum (terms: Term list) : Term =
        let parts term =
            match term with
            | Term.Sum inner -> inner
            | other -> [ other ]

        match terms |> List.collect parts |> gather (+) 0.0 with
        | constant, [] -> Term.Number constant
        | 0.0, [ one ] -> one
        | 0.0, several -> Term.Sum several
        | constant, several -> Term.Sum(several @ [ Term.Number constant ])

    /// The product, with numbers multiplied and put first.
    let product (factors: Term list) : Term =
        let parts term =
            match term with
            | Term.Product inner -> inner
            | other -> [ other ]

        match factors |> List.collect parts |> gather (*) 1.0 with
        | 0.0, _ -> Term.Number 0.0
        | constant, [] -> Term.Number constant
        | 1.0, [ one ] -> one
        | 1.0, several -> Term.Product several
        | constant, several -> Term.Product(Term.Number constant :: several)

    /// The power with a constant exponent.
    let power (term: Term) (exponent: float) : Term =
        match term with
        | _ when exponent = 0.0 -> Term.Number 1.0
        | _ when exponent = 1.0 -> term
        | Term.Number n -> Term.Number(n ** exponent)
        | _ -> Term.Power(term, exponent)

    /// The function of the term.
    let call (f: Function) (term: Term) : Term =
        match term with
        | Term.Number n -> Term.Number(Function.value f n)
        | _ -> Term.Call(f, term)

    let private negative term = product [ Term.Number -1.0; term ]

    // f'(x) for each function.
    let private slope (f: Function) (x: Term) : Term =
        let squared term = power term 2.0

        match f with
        | Function.Exp -> call Function.Exp x
        | Function.Log -> power x -1.0
        | Function.Sqrt -> product [ Term.Number 0.5; power (call Function.Sqrt x) -1.0 ]
        | Function.Sin -> call Function.Cos x
        | Function.Cos -> negative (call Function.Sin x)
        | Function.Tan -> sum [ Term.Number 1.0; squared (call Function.Tan x) ]
        | Function.Tanh -> sum [ Term.Number 1.0; negative (squared (call Function.Tanh x)) ]
        | Function.Sinh -> call Function.Cosh x
        | Function.Cosh -> call Function.Sinh x
        | Function.Asin -> power (sum [ Term.Number 1.0; negative (squared x) ]) -0.5
        | Function.Acos -> negative (power (sum [ Term.Number 1.0; negative (squared x) ]) -0.5)
        | Function.Atan -> power (sum [ Term.Number 1.0; squared x ]) -1.0
        | Function.Atanh -> power (sum [ Term.Number 1.0; negative (squared x) ]) -1.0
        | Function.Abs -> call Function.Sign x
        | Function.Sign -> Term.Number 0.0
        | Function.Gaussian -> product [ Term.Number -2.0; x; call Function.Gaussian x ]

    let private ordered (by: string list) = List.sortWith (fun a b -> System.String.CompareOrdinal(a, b)) by

    /// What reads a field: its value, derivatives and sums of these.
    let internal readsField (leaf: Term) : bool = leaf.IsField || leaf.IsSquares || leaf.IsSlopes || leaf.IsDerivatives

    /// A sum of derivatives, or of their squares, as a formula of single ones.
    let internal writtenOut (leaf: Term) : Term =
        match leaf with
        | Term.Squares(name, terms) ->
            sum [ for i, a in terms -> product [ Term.Number a; Term.Field(name, [ i; i ]) ] ]
        | Term.Slopes(name, terms) ->
            sum [ for i, a in terms -> product [ Term.Number a; power (Term.Field(name, [ i ])) 2.0 ] ]
        | Term.Derivatives(name, terms) -> sum [ for by, a in terms -> product [ Term.Number a; Term.Field(name, by) ] ]
        | other -> other

    // What a part of a sum is a multiple of.
    let private multiple (part: Term) : float * Term =
        match part with
        | Term.Product [ Term.Number a; x ] -> a, x
        | x -> 1.0, x

    /// The term with what its sums have of several derivatives of a field put together, those of second order and higher, and
    /// squares of slopes, so that an estimate can draw some of them.
    let rec internal gathered (term: Term) : Term =
        match term with
        | Term.Sum parts ->
            let parts = [ for part in parts -> multiple part ]

            let derivatives =
                [
                    for a, x in parts do
                        match x with
                        | Term.Field(name, by) when by.Length > 1 -> name, (by, a)
                        | _ -> ()
                ]
                |> List.groupBy fst
                |> List.filter (fun (_, several) -> several.Length > 1)

            let slopes =
                [
                    for a, x in parts do
                        match x with
                        | Term.Power(Term.Field(name, [ i ]), 2.0) -> name, (i, a)
                        | _ -> ()
                ]
                |> List.groupBy fst
                |> List.filter (fun (_, several) -> several.Length > 1)

            let isGathered (groups: (string * 'a list) list) name = List.exists (fst >> (=) name) groups

            let others =
                [
                    for a, x in parts do
                        match x with
                        | Term.Field(name, by) when by.Length > 1 && isGathered derivatives name -> ()
                        | Term.Power(Term.Field(name, [ _ ]), 2.0) when isGathered slopes name -> ()
                        | x -> product [ Term.Number a; gathered x ]
                ]

            sum
                [
                    for name, terms in derivatives -> Term.Derivatives(name, List.map snd terms)
                    for name, terms in slopes -> Term.Slopes(name, List.map snd terms)
                    yield! others
                ]
        | Term.Product factors -> product (List.map gathered factors)
        | Term.Power(x, p) -> power (gathered x) p
        | Term.Call(f, x) -> call f (gathered x)
        | Term.Mean x -> Term.Mean(gathered x)
        | Term.At(moved, x) -> Term.At(moved, gathered x)
        | Term.Integral(v, low, high, nodes, x) -> Term.Integral(v, low, high, nodes, gathered x)
        | other -> other

    /// The term at another point, where the named coordinates have these values; of a formula that is a formula.
    let rec at (moved: (string * Term) list) (term: Term) : Term =
        let at' = at moved

        match term with
        | Term.Number _
        | Term.Parameter _ -> term
        | Term.Coordinate name ->
            match List.tryFind (fst >> (=) name) moved with
            | Some(_, value) -> value
            | None -> term
        | Term.Sum terms -> sum (List.map at' terms)
        | Term.Product factors -> product (List.map at' factors)
        | Term.Power(x, p) -> power (at' x) p
        | Term.Call(f, x) -> call f (at' x)
        | Term.At(there, x) ->
            let before = there |> List.map (fun (name, value) -> name, at' value)
            Term.At(before @ List.filter (fun (name, _) -> not (List.exists (fst >> (=) name) there)) moved, x)
        | Term.Field _
        | Term.Squares _
        | Term.Slopes _
        | Term.Derivatives _
        | Term.Given _ ->
            match moved |> List.filter (fst >> movesFields) with
            | [] -> term
            | moved -> Term.At(moved, term)
        | Term.Mean _
        | Term.Integral _ -> Term.At(moved, term)

    // ∫ x dv, nothing where x is.
    let private integral v low high nodes (x: Term) : Term =
        match x with
        | Term.Number 0.0 -> x
        | _ -> Term.Integral(v, low, high, nodes, x)

    /// The derivative by a coordinate.
    let rec derivative (by: string) (term: Term) : Term =
        match term with
        | Term.Number _
        | Term.Parameter _
        | Term.Mean _ -> Term.Number 0.0
        | Term.Coordinate name -> Term.Number(if name = by then 1.0 else 0.0)
        | Term.Field _
        | Term.Squares _
        | Term.Slopes _
        | Term.Derivatives _
        | Term.Given _ when not (movesFields by) -> Term.Number 0.0
        | Term.Field(name, before) -> Term.Field(name, ordered (by :: before))
        | Term.Squares(name, terms) ->
            sum [ for i, a in terms -> product [ Term.Number a; Term.Field(name, ordered [ i; i; by ]) ] ]
        | Term.Slopes(name, terms) ->
            sum
                [
                    for i, a in terms ->
                        product [ Term.Number(2.0 * a); Term.Field(name, [ i ]); Term.Field(name, ordered [ i; by ]) ]
                ]
        | Term.Derivatives(name, terms) ->
            Term.Derivatives(name, [ for before, a in terms -> ordered (by :: before), a ])
        | Term.Given(f, before) -> Term.Given(f, ordered (by :: before))
        | Term.Sum terms -> sum (terms |> List.map (derivative by))
        | Term.Product factors ->
            sum
                [
                    for i, factor in List.indexed factors -> product (List.updateAt i (derivative by factor) factors)
                ]
        | Term.Power(x, p) -> product [ Term.Number p; power x (p - 1.0); derivative by x ]
        | Term.Call(f, x) -> product [ slope f x; derivative by x ]
        // The chain rule over the coordinates that move; the others stay.
        | Term.At(moved, x) ->
            sum
                [
                    for name, value in moved do
                        product [ at moved (derivative name x); derivative by value ]

                    if not (List.exists (fst >> (=) by) moved) then
                        at moved (derivative by x)
                ]
        // Leibniz' rule.
        | Term.Integral(v, low, high, nodes, x) ->
            let edge value = product [ at [ v, value ] x; derivative by value ]

            sum
                [
                    edge high
                    negative (edge low)
                    if v <> by then integral v low high nodes (derivative by x) else Term.Number 0.0
                ]

    /// All different coordinates, fields, parameters, functions of the point, and derivatives in a term, with what is read at
    /// other points as a whole.
    let rec leaves (term: Term) : Term list =
        match term with
        | Term.Number _ -> []
        | Term.Coordinate _
        | Term.Field _
        | Term.Squares _
        | Term.Slopes _
        | Term.Derivatives _
        | Term.Parameter _
        | Term.Given _
        | Term.At _
        | Term.Integral _ -> [ term ]
        | Term.Sum terms
        | Term.Product terms -> terms |> List.collect leaves |> List.distinct
        | Term.Power(x, _)
        | Term.Call(_, x)
        | Term.Mean x -> leaves x

    /// The leaves of a term, those read at other points among them.
    let rec allLeaves (term: Term) : Term list =
        [
            for leaf in leaves term do
                match leaf with
                | Term.At(moved, x) ->
                    for _, value in moved do
                        yield! allLeaves value

                    yield! allLeaves x
                | Term.Integral(_, low, high, _, x) -> yield! List.collect allLeaves [ low; high; x ]
                | other -> yield other
        ]
        |> List.distinct

    /// Whether a term has a mean over the sample.
    let rec hasMean (term: Term) : bool =
        match term with
        | Term.Mean _ -> true
        | Term.Sum terms
        | Term.Product terms -> terms |> List.exists hasMean
        | Term.Power(x, _)
        | Term.Call(_, x)
        | Term.At(_, x)
        | Term.Integral(_, _, _, _, x) -> hasMean x
        | _ -> false

    /// The term with its leaves replaced.
    let rec substitute (replacement: Term -> Term) (term: Term) : Term =
        match term with
        | Term.Number _ -> term
        | Term.Coordinate _
        | Term.Field _
        | Term.Squares _
        | Term.Slopes _
        | Term.Derivatives _
        | Term.Parameter _
        | Term.Given _ -> replacement term
        | Term.Sum terms -> sum (terms |> List.map (substitute replacement))
        | Term.Product factors -> product (factors |> List.map (substitute replacement))
        | Term.Power(x, p) -> power (substitute replacement x) p
        | Term.Call(f, x) -> call f (substitute replacement x)
        | Term.Mean x -> Term.Mean(substitute replacement x)
        | Term.At(moved, x) -> at moved (substitute replacement x)
        | Term.Integral(v, low, high, nodes, x) -> integral v low high nodes (substitute replacement x)

    let private raised (p: float) (x: Tensor) : Tensor =
        if p = 2.0 then x * x
        elif p = 3.0 then x * x * x
        elif p = -1.0 then x.reciprocal ()
        else x.pow (p.ToScalar())

    /// The values [N, 1] of a term, or of one that has no leaves [1, 1], for what gives its leaves' values [N, 1];
    /// `like` tells element type and device.
    let rec evaluate (like: Tensor) (leaf: Term -> Tensor) (term: Term) : Tensor =
        let value = evaluate like leaf

        match term with
        | Term.Number n -> torch.full ([| 1L; 1L |], n.ToScalar(), dtype = like.dtype, device = like.device)
        | Term.Coordinate _
        | Term.Field _
        | Term.Squares _
        | Term.Slopes _
        | Term.Derivatives _
        | Term.Parameter _
        | Term.Given _
        | Term.At _
        | Term.Integral _ -> leaf term
        | Term.Sum terms ->
            (value terms.Head, terms.Tail)
            ||> List.fold (fun total term ->
                match term with
                | Term.Number n -> total + n
                | Term.Product(Term.Number -1.0 :: factors) -> total - value (product factors)
                | other -> total + value other)
        | Term.Product(Term.Number n :: factors) -> n * (factors |> List.map value |> List.reduce (fun a b -> a * b))
        | Term.Product factors -> factors |> List.map value |> List.reduce (fun a b -> a * b)
        | Term.Power(x, p) -> raised p (value x)
        | Term.Call(f, x) -> Function.tensor f (value x)
        | Term.Mean x -> (value x).mean([| 0L |], keepdim = true)

    /// The jet of a formula of the coordinates, from the jet of the point. ArgumentException for one that reads a field, a
    /// parameter, a given function, or other points.
    let rec internal jet (coordinates: string list) (point: Jet) (term: Term) : Jet =
        let inner = jet coordinates point

        match term with
        | Term.Number n -> 0.0 * Jet.part 0 point + n
        | Term.Coordinate name when List.contains name coordinates ->
            Jet.part (List.findIndex ((=) name) coordinates) point
        | Term.Sum terms ->
            let numbers, others = terms |> List.partition _.IsNumber
            let sum = others |> List.map inner |> List.reduce Jet.add

            (sum, numbers)
            ||> List.fold (fun sum number ->
                match number with
                | Term.Number n -> sum + n
                | _ -> sum)
        | Term.Product(Term.Number n :: factors) -> n * (factors |> List.map inner |> List.reduce Jet.multiply)
        | Term.Product factors -> factors |> List.map inner |> List.reduce Jet.multiply
        | Term.Power(x, p) -> Jet.pow p (inner x)
        | Term.Call(f, x) ->
            // Its derivatives by the rules of calculus, at the values of x.
            let variable = "x"

            let rec nth order =
                if order = 0 then call f (Term.Coordinate variable) else derivative variable (nth (order - 1))

            let x = inner x

            Jet.elementwise (fun order -> (evaluate x.Value (fun _ -> x.Value) (nth order)).expand_as x.Value) x
        | other ->
            invalidArg (nameof term) $"built-in values are formulas of the coordinates {coordinates}, without {other}"

    // ∂f/∂x_i∂x_j… [N, 1] at x [N, d] by nested autograd, for the coordinates' numbers.
    let private differentiated (f: Tensor -> Tensor) (by: int list) (x: Tensor) : Tensor =
        use _ = torch.enable_grad ()
        let x = x.detach().requires_grad_ true

        (f x, by)
        ||> List.fold (fun y i ->
            let gradients =
                if y.requires_grad then
                    Autograd.tryGradients true [| y |] [| torch.ones_like y |] [| x |]
                else
                    [| None |]

            match gradients[0] with
            | Some g -> g.narrow (1L, int64 i, 1L)
            | None -> torch.zeros_like y)
        |> _.detach()

    /// The values [N, 1] at points x [N, d] of a leaf that is no field's, for the coordinates' names in order.
    let atPoints (coordinates: string list) (x: Tensor) (leaf: Term) : Tensor =
        let number name = List.findIndex ((=) name) coordinates

        match leaf with
        | Term.Coordinate name -> x.narrow (1L, int64 (number name), 1L)
        | Term.Given(f, []) -> PointFunction.at x f
        | Term.Given(f, by) -> differentiated (fun x -> PointFunction.at x f) (List.map number by) x
        | other -> invalidArg (nameof leaf) $"{other} has no value without a solution"

/// Arithmetic of terms, so that a residual reads as its equation.
type Term with

    static member (+)(a: Term, b: Term) = Term.sum [ a; b ]
    static member (+)(a: Term, b: float) = Term.sum [ a; Term.Number b ]
    static member (+)(a: float, b: Term) = Term.sum [ Term.Number a; b ]
    static member (~-)(a: Term) = Term.product [ Term.Number -1.0; a ]
    static member (-)(a: Term, b: Term) = Term.sum [ a; -b ]
    static member (-)(a: Term, b: float) = Term.sum [ a; Term.Number -b ]
    static member (-)(a: float, b: Term) = Term.sum [ Term.Number a; -b ]
    static member (*)(a: Term, b: Term) = Term.product [ a; b ]
    static member (*)(a: Term, b: float) = Term.product [ Term.Number b; a ]
    static member (*)(a: float, b: Term) = Term.product [ Term.Number a; b ]
    static member (/)(a: Term, b: Term) = Term.product [ a; Term.power b -1.0 ]
    static member (/)(a: Term, b: float) = Term.product [ Term.Number(1.0 / b); a ]
    static member (/)(a: float, b: Term) = Term.product [ Term.Number a; Term.power b -1.0 ]
    static member Pow(a: Term, p: float) = Term.power a p
    static member Sin(a: Term) = Term.call Function.Sin a
    static member Cos(a: Term) = Term.call Function.Cos a
    static member Tan(a: Term) = Term.call Function.Tan a
    static member Exp(a: Term) = Term.call Function.Exp a
    static member Log(a: Term) = Term.call Function.Log a
    static member Sqrt(a: Term) = Term.call Function.Sqrt a
    static member Tanh(a: Term) = Term.call Function.Tanh a
    static member Sinh(a: Term) = Term.call Function.Sinh a
    static member Cosh(a: Term) = Term.call Function.Cosh a
    static member Abs(a: Term) = Term.call Function.Abs a
