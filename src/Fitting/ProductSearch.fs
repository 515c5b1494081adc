// Formulas that are a function of a sum of products, found as sparse regressions: y or a function of it is a sum of few
// columns out of thousands, each a product of one function for each variable. A column may be multiplied by y, too, which
// finds quotients. What is added next is sought by orthogonal least squares along a beam.
// Chen, Billings and Luo, "Orthogonal least squares methods and their application to non-linear system identification",
// Int. J. Control 50 (1989).
namespace MetaKan.Fitting

open System
open MetaKan
open MetaKan.Symbolic
open TorchSharp

/// Formulas that are a function of a sum of products.
[<RequireQualifiedAccess>]
module internal ProductSearch =
    /// Columns at most; points that the search looks at; terms at most.
    let private most, looked, longest = 6000, 300, 6

    /// The same of columns and terms where the products are of powers alone: of few columns more terms can be told.
    let private mostPowers, longestPowers = 2000, 9

    /// States that the beam keeps, and formulas that each number of terms gives.
    let private beam, told = 40, 2

    /// The correlation with y from which on a column times y is none of a denominator.
    let private nearest = 0.97

    /// The share of a target's square that rounding leaves.
    let private exact = 1e-20

    let private square e = Power(e, Number 2.0)
    let private root e = Call(Function.Sqrt, e)

    let private power (n: float) x = if n = 1.0 then x else Power(x, Number n)

    /// Powers of a variable, with what they cost.
    let private powers: (int * (Expression -> Expression)) list =
        [
            1, power 1.0
            2, square
            2, power -1.0
            3, power 3.0
            3, power -2.0
            3, root
            4, power 4.0
            4, power -3.0
            4, power -0.5
            5, power 5.0
            5, power -4.0
        ]

    /// Functions of one variable, with what they cost.
    let private atoms: (int * (Expression -> Expression)) list =
        let call f x = Call(f, x)

        let calls =
            [
                2, call Function.Exp
                3, (fun x -> Call(Function.Exp, -x))
                2, call Function.Log
                2, call Function.Sin
                2, call Function.Cos
                4, (fun x -> square (Call(Function.Sin, x)))
                4, call Function.Tan
                4, call Function.Tanh
                4, (fun x -> Call(Function.Exp, -(square x)))
                4, (fun x -> Call(Function.Sin, Number 2.0 * x))
                4, (fun x -> Call(Function.Cos, Number 2.0 * x))
                4, (fun x -> Call(Function.Sin, Number Math.PI * x))
                4, (fun x -> Call(Function.Cos, Number Math.PI * x))
            ]

        [
            yield! powers
            yield! calls
            for a, f in List.take 3 powers do
                for b, g in List.take 6 calls -> a + b + 1, (fun x -> Product [ f x; g x ])
        ]

    /// Functions of a product or quotient of two or three variables.
    let private compounds (names: string list) : (int * Expression) list =
        let rec powers names =
            match names with
            | [] -> [ [] ]
            | name :: rest ->
                [
                    for others in powers rest do
                        yield others

                        if others.Length < 3 then
                            yield Variable name :: others
                            yield Power(Variable name, Number -1.0) :: others
                ]

        [
            for factors in powers (List.truncate 6 names) do
                if factors.Length > 1 then
                    for f, cost in [ Function.Sqrt, 1; Function.Exp, 1; Function.Sin, 2; Function.Cos, 2 ] do
                        factors.Length + cost, Call(f, Product factors)
        ]

    /// Up to so many products in the order of their costs, of one of the functions or none for each variable and at most one of the
    /// compounds.
    let private products
        (functions: (int * (Expression -> Expression)) list)
        (compounds: (int * Expression) list)
        (most: int)
        (names: string list)
        (x: Tensor)
        : (Expression * Tensor)[] =
        let usable (t: Tensor) =
            let sizes = t.abs ()
            let largest = Tensor.item (sizes.max ())
            Double.IsFinite largest && largest < 1e8 && largest > 1e-8

        let valued candidates =
            [
                for cost, e in candidates do
                    let values = FormulaFit.values names x e

                    if usable values then
                        cost, (e, values)
            ]

        let singles =
            [|
                for name in names do
                    yield valued [ for cost, f in functions -> cost, f (Variable name) ]

                if names.Length > 1 then
                    yield valued compounds
            |]

        // All products of this cost that begin with the variable i.
        let rec ofCost (i: int) (cost: int) : (Expression * Tensor) list list =
            if cost = 0 then
                [ [] ]
            elif i = singles.Length then
                []
            else
                [
                    yield! ofCost (i + 1) cost

                    for own, atom in singles[i] do
                        if own <= cost then
                            for rest in ofCost (i + 1) (cost - own) -> atom :: rest
                ]

        Seq.initInfinite ((+) 1)
        |> Seq.truncate 14
        |> Seq.collect (fun cost -> ofCost 0 cost)
        |> Seq.truncate most
        |> Seq.map (fun parts ->
            parts |> List.map fst |> Product, parts |> List.map snd |> List.reduce (fun a b -> a * b))
        |> Seq.filter (snd >> usable)
        |> Array.ofSeq

    /// c times a power of each variable, the exponents by a regression of logarithms in which each point counts by its value: as
    /// they come, and rounded to halves.
    let private powerLaws (names: string list) (x: Tensor) (y: Tensor) : Expression list =
        let logarithm (t: Tensor) = t.abs().clamp_min(1e-300.ToScalar()).log()
        let weight = y.abs().unsqueeze 1L
        let columns = torch.cat ([| logarithm x; torch.ones_like weight |], 1L) * weight
        let found = Tensor.product (torch.linalg.pinv columns) (logarithm y |> fun t -> t.unsqueeze 1L * weight)
        let exponents = Tensor.toArray found |> Array.truncate names.Length

        [
            for exponents in [ exponents |> Array.map (fun n -> Math.Round(2.0 * n) / 2.0); exponents ] do
                let product =
                    List.map2 (fun name n -> power n (Variable name)) names (List.ofArray exponents) |> Product

                let values = FormulaFit.values names x product
                let c = Tensor.item ((values * y).sum() / values.square().sum())

                if Double.IsFinite c then
                    Number c * product
        ]

    /// What of y the sums are of: its values, and the formula of y from the sum's. Only where y is in its domain.
    let private targets (y: Tensor) : (Tensor * (Expression -> Expression)) list =
        let low, high = Tensor.item (y.min ()), Tensor.item (y.max ())
        let sign = if low >= 0.0 then 1.0 else -1.0
        let signed e = if sign > 0.0 then e else -e
        let oneSign = low >= 0.0 || high <= 0.0
        let share = if oneSign then min (abs low) (abs high) / max (abs low) (abs high) else 0.0

        [
            y, id

            if share > 1e-4 then
                y.reciprocal (), (fun e -> Power(e, Number -1.0))
                y.square().reciprocal(), (fun e -> signed (Power(e, Number -0.5)))

            // Tails, as of a normal distribution, are no less exact in it.
            if share > 1e-12 then
                (y * sign).log(), (fun e -> signed (Call(Function.Exp, e)))

            if oneSign then
                y.square (), (root >> signed)
                (y * sign).sqrt(), (square >> signed)

            if low > -15.0 && high < 15.0 then
                y.exp (), (fun e -> Call(Function.Log, e))

            if low > -1.5707 && high < 1.5707 then
                y.sin (), (fun e -> Call(Function.Asin, e))
                y.tan (), (fun e -> Call(Function.Atan, e))

            if low > 1e-4 && high < 3.1415 then
                y.cos (), (fun e -> Call(Function.Acos, e))

            if low > -0.9999 && high < 0.9999 then
                y.atanh (), (fun e -> Call(Function.Tanh, e))
        ]

    let private centred (t: Tensor) = t - t.mean ([| -1L |], keepdim = true)

    /// Columns that are chosen, in order; what an orthogonal basis of them leaves of the target; and of each column the square
    /// of what the basis leaves.
    type private State = { Chosen: int list; Basis: Tensor list; Left: Tensor; Free: Tensor }

    /// The best choices of columns, rows of `columns` [M, N], for a target [N]: for each number of columns those that leave
    /// least, `told` of them, as (columns, share of the target's square that is left), up to so many columns. At most one is
    /// chosen of those that `apart` [M] marks by 1.
    let private sparse
        (interrupted: unit -> bool)
        (longest: int)
        (told: int)
        (apart: Tensor)
        (columns: Tensor)
        (target: Tensor)
        : (int list * float) list =
        let count = columns.size 0

        let marked =
            let marks = Tensor.toArray apart
            fun column -> marks[column] = 1.0

        let add (state: State) (column: int) : State =
            let own = columns.select (0L, int64 column)
            let project (v: Tensor) = (v, state.Basis) ||> List.fold (fun v q -> v - q * v.dot q)
            // Twice, against rounding.
            let q = project (project own)
            let q = q / q.square().sum().sqrt()

            {
                Chosen = column :: state.Chosen
                Basis = q :: state.Basis
                Left = state.Left - q * state.Left.dot q
                Free = state.Free - (Tensor.product columns (q.unsqueeze 1L)).squeeze(1L).square()
            }

        let left (state: State) = Tensor.item (state.Left.square().sum())
        let unit = centred target
        let unit = unit / unit.square().sum().sqrt()
        let ones = torch.ones (count, dtype = columns.dtype)
        let start = { Chosen = []; Basis = []; Left = unit; Free = ones }

        // What each state gains by each column.
        let gains (states: State list) =
            let lefts = torch.stack ([| for s in states -> s.Left |], 1L)
            let free = torch.stack ([| for s in states -> s.Free |], 1L)
            let gain = (Tensor.product columns lefts).square() / free.clamp_min (1e-30.ToScalar())
            let has = torch.tensor [| for s in states -> if List.exists marked s.Chosen then 1.0 else 0.0 |]
            let barred = apart.unsqueeze 1L * has.unsqueeze 0L
            torch.where (free.gt (1e-7.ToScalar()), gain, torch.zeros_like gain) * (1.0 - barred)

        let build (columns: int list) = (start, List.rev columns) ||> List.fold add

        // Each column in turn is exchanged for the best one beside the others, as long as that leaves less.
        let rec refine sweeps (state: State) : State =
            let better =
                (state, [ 0 .. state.Chosen.Length - 1 ])
                ||> List.fold (fun state place ->
                    let others = build (List.removeAt place state.Chosen)
                    let next = (gains [ others ]).argmax().item<int64>() |> int |> add others
                    if left next < 0.999 * left state then next else state)

            if sweeps > 1 && left better < left state then refine (sweeps - 1) better else better

        // Two columns and three at once, of the cheapest ones: what one of them alone would not lead to. Made once they are asked for.
        let few = min count 1500L

        let products =
            lazy
                (let columns = columns.narrow (0L, 0L, few)
                 Tensor.product columns (columns.t ()), (Tensor.product columns (unit.unsqueeze 1L)).squeeze 1L)

        // The pairs that explain most.
        let pairs =
            lazy
                (let gram, r = products.Value
                 let free = 1.0 - gram.square ()
                 let across, down = r.unsqueeze 1L, r.unsqueeze 0L

                 let explained =
                     (across.square () + down.square () - 2.0 * across * down * gram)
                     / free.clamp_min (1e-30.ToScalar())

                 let explained = torch.where(free.gt (1e-6.ToScalar()), explained, torch.zeros_like explained).triu 1L
                 let marks = apart.narrow (0L, 0L, few)
                 let explained = explained * (1.0 - marks.unsqueeze 1L * marks.unsqueeze 0L)
                 let struct (_, order) = explained.flatten().topk(min 800 (int (few * few)))
                 [| for place in order.data<int64>() -> place / few, place % few |])

        // A third beside the best pairs, and beside all pairs of the very first.
        let triples =
            lazy
                (let gram, r = products.Value
                 let first = min few 50L

                 let all =
                     [|
                         yield! pairs.Value
                         for i in 0L .. first - 1L do
                             for j in i + 1L .. first - 1L -> i, j
                     |]
                     |> Array.filter (fun (i, j) -> not (marked (int i) && marked (int j)))

                 let has = torch.tensor [| for i, j in all -> if marked (int i) || marked (int j) then 1.0 else 0.0 |]

                 let i, j = torch.tensor (Array.map fst all), torch.tensor (Array.map snd all)
                 let gij = gram.flatten().index_select(0L, i * few + j).unsqueeze 1L
                 let d = (1.0 - gij.square ()).clamp_min(1e-12.ToScalar())
                 let ri, rj = r.index_select(0L, i).unsqueeze 1L, r.index_select(0L, j).unsqueeze 1L
                 let gi, gj = gram.index_select (0L, i), gram.index_select (0L, j)
                 let left = r - (ri - gij * rj) / d * gi - (rj - gij * ri) / d * gj
                 let free = 1.0 - (gi.square () + gj.square () - 2.0 * gij * gi * gj) / d
                 let pair = (ri.square () + rj.square () - 2.0 * ri * rj * gij) / d
                 let explained = pair + left.square () / free.clamp_min (1e-30.ToScalar())
                 let usable = free.gt(1e-5.ToScalar()).logical_and(d.gt (1e-5.ToScalar()))
                 let barred = has.unsqueeze 1L * apart.narrow(0L, 0L, few).unsqueeze 0L
                 let explained = torch.where (usable, explained, torch.zeros_like explained) * (1.0 - barred)
                 let struct (_, order) = explained.flatten().topk(min 30 (int (explained.numel ())))

                 [
                     for place in order.data<int64>() do
                         let i, j = all[int (place / few)]
                         [ int i; int j ], int (place % few)
                 ])

        let rec go depth (states: State list) found =
            let best = states |> List.sortBy left
            let found = found @ [ for s in List.truncate told best -> s.Chosen, left s ]

            if depth = longest || interrupted () || (not best.IsEmpty && left best.Head < exact) then
                found
            else
                let most = if depth = 0 then beam else 6
                let gain = gains states
                let struct (_, order) = gain.topk (min most (int count), 0)
                let order = order.t().contiguous().data<int64>().ToArray() |> Array.chunkBySize (int (order.size 0))

                let grown =
                    [
                        for state, places in Seq.zip states order do
                            for place in places do
                                if not (List.contains (int place) state.Chosen) then
                                    yield state, int place

                        if depth = 1 then
                            for first, second in Array.truncate 30 pairs.Value do
                                yield build [ int first ], int second

                        if depth = 2 then
                            for two, third in triples.Value do
                                yield build two, third
                    ]
                    |> List.distinctBy (fun (state, place) -> List.sort (place :: state.Chosen))
                    |> List.map (fun (state, place) ->
                        let gained =
                            let v = columns.select (0L, int64 place)
                            let w = Tensor.item (v.dot state.Left)
                            w * w / max 1e-30 (Tensor.item (state.Free.[int64 place]))

                        state, place, left state - gained)
                    |> List.sortBy (fun (_, _, left) -> left)
                    |> List.truncate beam
                    |> List.map (fun (state, place, _) -> add state place)

                let grown =
                    [
                        yield! grown
                        if depth > 0 then
                            yield! grown |> List.truncate 1 |> List.map (refine 2)
                    ]
                    |> List.distinctBy (fun state -> List.sort state.Chosen)

                if grown.IsEmpty then found else go (depth + 1) grown found

        go 0 [ start ] [] |> List.filter (fun (chosen, _) -> not chosen.IsEmpty)

    /// The coefficients of chosen columns [k, N] of products in a target [N], and the constant, by least squares.
    let private regress (columns: Tensor list) (target: Tensor) : float[] =
        let all = torch.stack ([| yield! columns; torch.ones_like target |], 1L)
        let norms = all.square().sum(0L).sqrt()
        Tensor.toArray (Tensor.product (torch.linalg.pinv (all / norms)) (target.unsqueeze 1L) / norms.unsqueeze 1L)

    let rec private isMonomial e =
        match e with
        | Variable _ -> true
        | Product factors -> List.forall isMonomial factors
        | Power(a, Number _) -> isMonomial a
        | Call(Function.Sqrt, a) -> isMonomial a
        | _ -> false

    let private weighed (products: Expression list) (coefficients: float[]) =
        [
            for product, c in Seq.zip products coefficients do
                yield Number c * product


            yield Number(Array.last coefficients)
        ]
        |> Sum

    /// Products of powers among which the factor that gives y its sign is sought, and the share of |y| where it may be of the other
    /// one: noise changes the signs of small values.
    let private factors, otherwise = 300, 0.005

    /// Of a y [N] that has both signs: a product of powers, or a sum or difference of two, that has them, too, or just the other
    /// ones, the simplest of those that agree best; and its values [N].
    let private signFactor (names: string list) (x: Tensor) (y: Tensor) : (Expression * Tensor) option =
        let hasBoth = Tensor.item (y.min ()) * Tensor.item (y.max ()) < 0.0
        let found = if hasBoth then products powers [] factors names x else [||]

        if found.Length = 0 then
            None
        else
            let table = torch.stack (found |> Array.map snd)
            let weights = (y.abs () / y.abs().sum()).unsqueeze 1L
            let signs = y.sign ()

            // The share of |y| where each row has another sign than y, or y's where these are fewer.
            let off (rows: Tensor) =
                let share = (Tensor.product ((rows.sign () - signs).abs() / 2.0) weights).squeeze 1L
                torch.minimum (share, 1.0 - share)

            let candidates =
                [
                    yield off table, (fun j -> fst found[j]), (fun (j: int) -> snd found[j])

                    for i in 0 .. found.Length - 2 do
                        let e, column = found[i]
                        let rest = table.narrow (0L, int64 (i + 1), int64 (found.Length - i - 1))
                        let other j = found[i + 1 + j]
                        yield off (column + rest), (fun j -> e + fst (other j)), (fun j -> column + snd (other j))
                        yield off (column - rest), (fun j -> e - fst (other j)), (fun j -> column - snd (other j))
                ]
                |> List.map (fun (off, e, values) ->
                    let j = int (off.argmin().item<int64>())
                    Tensor.item (off.min ()), (fun () -> e j, values j))

            let least, factor = candidates |> List.minBy (fst >> fun off -> Math.Round(off, 4))
            if least <= otherwise then Some(factor ()) else None

    /// Formulas for y [N, 1] at points x [N, n], whose columns have names, by kinds, each as a search to be made: power laws and
    /// sums of powers' products, sums of all products, quotients, and roots of quotients. Their constants are as a regression of
    /// part of the points has them. What the searches share lives in the caller's scope. Where y has both signs, and something
    /// simple has the same, formulas for their quotient are sought along with those for y; these searches are marked: they are
    /// for where the others leave more than noise.
    let rec kinds
        (interrupted: unit -> bool)
        (names: string list)
        (x: Tensor)
        (y: Tensor)
        : (bool * (unit -> Expression list)) list =
        use _ = torch.no_grad ()
        let count = min (int64 looked) (x.size 0)
        let x, y = x.narrow (0L, 0L, count), y.narrow(0L, 0L, count).select(1L, 0L)
        let low, high = Tensor.item (y.min ()), Tensor.item (y.max ())

        let units (columns: Tensor) =
            let moved = centred columns
            let norms = moved.square().sum(1L, true).sqrt()
            let flat = norms.le (1e-9 * columns.square().sum(1L, true).sqrt())
            torch.where (flat, torch.zeros_like moved, moved / norms.clamp_min (1e-300.ToScalar()))

        // Once a sum is exact, none of more terms is sought.
        let sumsOf longest (found: (Expression * Tensor)[]) =
            let table = torch.stack (found |> Array.map snd)
            let columns = units table

            (([], longest), targets y)
            ||> List.fold (fun (sums, longest) (target, back) ->
                use _ = torch.NewDisposeScope()

                let choices =
                    if interrupted () then
                        []
                    else
                        sparse
                            interrupted
                            longest
                            told
                            (torch.zeros (columns.size 0, dtype = columns.dtype))
                            columns
                            target

                let formulas =
                    [
                        for chosen, _ in choices do
                            let coefficients = regress [ for k in chosen -> table.select (0L, int64 k) ] target
                            back (weighed [ for k in chosen -> fst found[k] ] coefficients)
                    ]

                let exact =
                    [
                        for chosen, left in choices do
                            if left < exact then
                                chosen.Length
                    ]

                sums @ formulas, List.min (longest :: exact))
            |> fst

        // y = P + y Q is y = P/(1 - Q). Functions whose sums are 1, as sin² and cos², are no part of Q: there would be nothing left.
        let quotientsOf (found: (Expression * Tensor) seq) (y: Tensor) (back: Expression -> Expression) =
            let rec isPlain e =
                match e with
                | Call(Function.Exp, Power _)
                | Call(Function.Exp, Sum _) -> false
                | Call(f, _) -> f = Function.Exp
                | Product factors -> List.forall isPlain factors
                | Power(a, _) -> isPlain a
                | _ -> true

            // Nearly y itself, a column would explain y by a denominator that is nearly 0, and mostly its noise.
            let isTooNear =
                let unit (t: Tensor) = (units (t.unsqueeze 0L)).squeeze 0L
                let target = unit y
                fun (column: Tensor) -> abs (Tensor.item ((unit column).dot target)) > nearest

            // In turn, so that what is cheap comes first of both.
            let parts =
                [|
                    for e, column in found do
                        yield e, true, column
                        let below = column * y

                        if isPlain e && not (isTooNear below) then
                            yield e, false, below
                |]

            let both = torch.stack (parts |> Array.map (fun (_, _, column) -> column))
            let isAbove k = let _, above, _ = parts[k] in above
            // Several could sum up to nearly 1, and explain y by itself.
            let below = torch.tensor [| for k in 0 .. parts.Length - 1 -> if isAbove k then 0.0 else 1.0 |]
            let product k = let e, _, _ = parts[k] in e

            [
                for chosen, _ in sparse interrupted longest beam below (units both) y do
                    let above, below = chosen |> List.partition isAbove

                    if not below.IsEmpty then
                        let coefficients = regress [ for k in above @ below -> both.select (0L, int64 k) ] y
                        let split = above.Length

                        let numerator =
                            weighed
                                (List.map product above)
                                [| yield! coefficients[.. split - 1]; Array.last coefficients |]

                        let denominator =
                            weighed
                                (List.map product below)
                                [| yield! Array.map (~-) coefficients[split .. coefficients.Length - 2]; yield 1.0 |]

                        back (numerator / denominator)
            ]

        let search (columns: Lazy<'columns>) (make: 'columns -> Expression list) =
            fun () ->
                if interrupted () then
                    []
                else
                    use _ = torch.no_grad ()
                    // Outside of the scope: other searches take the same.
                    let columns = columns.Value
                    use _ = torch.NewDisposeScope()
                    make columns

        if low = high then
            [ false, (fun () -> [ Number low ]) ]
        else
            let ofPowers = lazy products powers [] mostPowers names x
            // A power law times an exponential is a sum with logarithms.
            let withLogarithms =
                lazy
                    ([|
                        for i, name in List.indexed names do
                            let column = x.select (1L, int64 i)

                            if Tensor.item (column.min ()) > 0.0 then
                                Call(Function.Log, Variable name), column.log ()

                        yield! ofPowers.Value
                    |])

            let found = lazy products atoms (compounds names) most names x

            let parts =
                lazy
                    (let others = found.Value |> Seq.filter (fst >> isMonomial >> not)
                     Seq.append (Seq.truncate 400 ofPowers.Value) (Seq.truncate 300 others) |> Array.ofSeq)

            let own =
                [
                    // Where one of these is exact, other functions could only imitate it.
                    search withLogarithms (fun columns -> powerLaws names x y @ sumsOf longestPowers columns)
                    search found (sumsOf longest)
                    search parts (fun parts -> quotientsOf parts y id)

                    // Roots of quotients are as frequent in physics as quotients.
                    if low >= 0.0 then
                        search parts (fun parts -> quotientsOf parts (y.square ()) root)
                    elif high <= 0.0 then
                        search parts (fun parts -> quotientsOf parts (y.square ()) (root >> (~-)))
                ]

            // A square, a root or a logarithm of y tells nothing of its sign.
            let signed =
                lazy
                    (match signFactor names x y with
                     | Some(factor, values) ->
                         // Where the factor is small, noise is most of the quotient.
                         let struct (_, order) = values.abs().topk(int (count * 3L / 4L))
                         let order = order.sort () |> fun struct (order, _) -> order
                         let quotient = (y / values).index_select(0L, order).unsqueeze 1L

                         kinds interrupted names (x.index_select (0L, order)) quotient
                         |> List.map (fun (_, search) -> search >> List.map (fun e -> factor * e))
                     | None -> [])

            [
                // Of one sign, as quotients by a factor are, there are four kinds.
                for kind in 0..3 do
                    match List.tryItem kind own with
                    | Some search -> false, search
                    | None -> ()

                    true,
                    (fun () ->
                        match List.tryItem kind signed.Value with
                        | Some search -> search ()
                        | None -> [])
            ]
