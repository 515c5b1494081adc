/// Files that are changed at random: each is read, or refused in one line that names it.
module MetaKan.Tests.Fuzz.Fuzz

open System
open System.IO
open System.Text
open MetaKan
open MetaKan.Cli
open MetaKan.Fitting
open MetaKan.Images
open MetaKan.Pdes
open MetaKan.Symbolic
open MetaKan.Tests.Folder
open MetaKan.Tests.Images
open TorchSharp

/// A kind of file: a sound one of a seed, and what reads it by its path.
type Kind = { Name: string; Sound: int -> byte[]; Read: string -> unit }

let private kan = Kan.create { Size = 3; Order = 2 } [ 2; 3; 1 ]

// What a writer leaves in a file.
let private written (write: string -> unit) : byte[] =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "file")
        write path
        File.ReadAllBytes path)

let private state (p: Params) =
    { Stage = 0; Within = 3; Step = 3; Params = p; Memory = Params.prefixed "first" p; Seconds = 1.5 }

/// As it is after a run: a file in its folder.
let private inRun (name: string) (read: string -> unit) (path: string) : unit =
    let folder = Path.GetDirectoryName path
    let place = Path.Combine(folder, name)
    Directory.CreateDirectory(Path.GetDirectoryName place) |> ignore
    File.Copy(path, place, overwrite = true)
    read folder

let private config =
    """{"task":"pde","problem":{"name":"poisson","dim":2,"seed":0},
"network":{"model":"metakan","width":3,"depth":2,"splines":{"size":5,"order":3},"meta":{"embedding_dim":1,"hidden_dim":4,"sharing":"per_layer","chunk":null},"fourier":null,"factorised":false,"blocks":null},
"measures":{"loss":"loss"},"threads":1}"""

let private command (words: string list) : unit =
    let ended = MetaKan.Tests.Launcher.Process.inside (Path.GetTempPath()) words

    match ended.Code, ended.Err with
    | 0, _ -> ()
    | 2, [ line ] -> raise (BadInput(line.Replace("metakan: ", "")))
    | code, lines -> failwith $"""code {code}: {String.concat " | " lines}"""

/// Every kind of file that is read.
let kinds: Kind list =
    let images seed shape = Fixtures.images seed 10 shape

    let png seed =
        FsCheck.FSharp.Gen.sampleWithSeed (FsCheck.Rnd(uint64 seed + 1UL, 77UL)) 5 1 Fixtures.pngs
        |> Seq.head
        |> Fixtures.png seed

    let picture path = ImageFiles.read path (3, 5, 6) |> ignore

    [
        { Name = "PNG"; Sound = png; Read = picture }
        {
            Name = "JPEG"
            Sound =
                fun seed ->
                    let pixels =
                        (images seed (1, 4, 12, 9)).Pixels |> Array.mapi (fun i b -> if i % 4 = 3 then 255uy else b)

                    use bitmap = SkiaSharp.SKBitmap.Decode(Bitmap.png 9 pixels)
                    use data = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Jpeg, 90)
                    data.ToArray()
            Read = picture
        }
        { Name = "gzip"; Sound = png >> Fixtures.gzip; Read = picture }
        {
            Name = "IDX"
            Sound = (fun seed -> Fixtures.idxImages (images seed (4, 1, 6, 5)))
            Read = picture
        }
        {
            Name = "IDX labels"
            Sound = fun seed -> Fixtures.idxLabels (images seed (9, 1, 1, 1)) |> Fixtures.gzip
            Read = Idx.labels 10 >> ignore
        }
        {
            Name = "CIFAR"
            Sound = fun seed -> Fixtures.cifar 1 (images seed (2, 3, 32, 32))
            Read = Cifar.read 1 10 >> ignore
        }
        {
            Name = "MAT"
            Sound = fun seed -> Fixtures.svhn (seed % 2 = 0) (seed % 3 = 0) (images seed (2, 3, 32, 32))
            Read = Svhn.read >> ignore
        }
        {
            Name = "CSV"
            Sound = fun seed -> Encoding.UTF8.GetBytes $"a,b;c,\"d\"\n1,2e{seed % 9},3\n-.5,+4, 7\n{seed},0x1,\n"
            Read = Csv.read Double.MaxValue >> ignore
        }
        {
            Name = "safetensors"
            Sound =
                fun seed ->
                    written (fun path ->
                        Safetensors.write
                            path
                            (Map [ "a", "b" ])
                            (Map.toSeq (kan.Init (Key.ofSeed seed) Placement.cpu32)))
            Read = Safetensors.read >> ignore
        }
        {
            Name = "checkpoint"
            Sound =
                fun seed ->
                    written (fun path -> Checkpoint.save path (state (kan.Init (Key.ofSeed seed) Placement.cpu32)))
            Read = fun path -> Checkpoint.load path (kan.Init (Key.ofSeed 0) Placement.cpu32) |> ignore
        }
        {
            Name = "fitted network"
            Sound =
                fun seed ->
                    let net =
                        Network.create
                            { Size = 3; Order = 2 }
                            CoefficientSource.Stored
                            (List.map Nodes.sums [ 2; 2; 1 ])

                    let p = Network.init FitSettings.defaults.Noise net (Key.ofSeed seed) Placement.cpu64
                    written (fun path -> FittedFile.save path { Network = net; Params = p })
            Read =
                fun path ->
                    let fitted = FittedFile.load path

                    Network.values fitted.Network (torch.rand ([| 3L; 2L |], dtype = torch.float64)) fitted.Params
                    |> ignore
        }
        {
            Name = "config"
            Sound = (fun _ -> Encoding.UTF8.GetBytes config)
            Read = inRun "config.json" (fun folder -> command [ "pde"; "--resume"; folder ])
        }
        {
            Name = "start file"
            Sound =
                fun _ ->
                    Encoding.UTF8.GetBytes(
                        config.Replace("\"threads\":1", "\"settings\":{\"epochs\":1,\"test_points\":5}")
                    )
            Read = fun path -> command [ "sweep"; "pde"; "--config"; path; "--out"; path; "--over"; "seed"; "1" ]
        }
        {
            Name = "metrics"
            Sound = fun seed -> Encoding.UTF8.GetBytes $"step,loss,seconds\n1,{seed}e-1,0.5\n2,,1e9\n"
            Read =
                inRun "metrics.csv" (fun folder ->
                    File.WriteAllText(RunFolder.configPath folder, config)
                    Report.write folder)
        }
        {
            Name = "result"
            Sound =
                fun seed ->
                    Encoding.UTF8.GetBytes
                        $"""{{"task":"pde","outcome":"completed","relative_l2":{seed}.5,"formula":"x^2","formula_latex":"x"}}"""
            Read =
                inRun "result.json" (fun folder ->
                    File.WriteAllText(RunFolder.configPath folder, config)
                    Report.write folder)
        }
        {
            Name = "edges"
            Sound =
                fun seed ->
                    Encoding.UTF8.GetBytes
                        $"layer,from,to,function,a,b,c,d,r2\n0,{seed % 3},0,\"sin\",2,0.5,{seed}e-1,-1,0.99\n0,1,0,x^2,1,0,1,0,1\n"
            Read = inRun "edges.csv" (FitFormulas.edges >> ignore)
        }
        {
            Name = "formula"
            Sound = (fun seed -> Encoding.UTF8.GetBytes $"exp(sin(pi*x) + y^{seed % 5}) / (1 - 2e-3*z)")
            Read =
                (fun path ->
                    try
                        let formula = Parser.expression (File.ReadAllText path)
                        Printer.text formula |> ignore
                        Printer.latex formula |> ignore
                    with BadInput message ->
                        raise (BadInput $"{path}: {message}"))
        }
    ]

/// A file changed in up to four places by a seed: bits turned, bytes put in the place of others, parts left out, doubled or made
/// long, numbers replaced.
let mutate (random: Random) (bytes: byte[]) : byte[] =
    let telling =
        [
            0uy
            1uy
            0x7Fuy
            0x80uy
            0xFFuy
            byte '\n'
            0x1Buy
            byte '"'
            byte ','
            byte '-'
            byte '9'
            byte 'e'
        ]

    let words = [ "null"; "-1"; "1e400"; "NaN"; "[]"; "{}"; "\"\""; "99999999999"; "0"; "\x1b[31m\n" ]
    let at (bytes: byte[]) = random.Next(bytes.Length + 1)

    let once (bytes: byte[]) =
        let from = at bytes
        let until = min bytes.Length (from + random.Next 9)
        let put (middle: byte[]) = Array.concat [ bytes[.. from - 1]; middle; bytes[until..] ]

        match random.Next 7 with
        | 0 when bytes.Length > 0 ->
            let place = random.Next bytes.Length
            Array.updateAt place (bytes[place] ^^^ byte (1 <<< random.Next 8)) bytes
        | 1 when bytes.Length > 0 -> Array.updateAt (random.Next bytes.Length) telling[random.Next telling.Length] bytes
        | 2 -> put [||]
        | 3 -> bytes[.. from - 1]
        | 4 -> Array.append bytes[.. until - 1] bytes[from..]
        | 5 -> put (Encoding.UTF8.GetBytes words[random.Next words.Length])
        | _ -> put (Array.init (random.Next 40) (fun _ -> telling[random.Next telling.Length]))

    (bytes, [ 0 .. random.Next 4 ]) ||> List.fold (fun bytes _ -> once bytes)

/// What is wrong with how a changed file is taken; None where it is read, or refused as it should be.
let fault (kind: Kind) (bytes: byte[]) : string option =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "file")
        File.WriteAllBytes(path, bytes)
        use _ = torch.NewDisposeScope()

        try
            kind.Read path
            None
        with
        | BadInput message when message.Contains '\n' && kind.Name <> "formula" ->
            Some $"several lines: {Terminal.plain message}"
        | BadInput message when not (message.Contains folder) -> Some $"the file is not named: {message}"
        | BadInput _ -> None
        | error -> Some $"{error.GetType().Name}: {error.Message.Split('\n')[0]}\n{error.StackTrace}")

/// The faults of so many changed files of a kind, by their seeds.
let faults (count: int) (seed: int) (kind: Kind) : (int * string) list =
    [
        for i in 0 .. count - 1 do
            let own = int ((int64 seed * 1_000_003L + int64 i * 7919L) % 2147483647L)

            match fault kind (mutate (Random own) (kind.Sound(i % 16))) with
            | Some said -> own, said
            | None -> ()
    ]

/// `--fuzz N [SEED]`: so many changed files of each kind, and what is wrong with any; 1 where something is.
let against (numbers: string list) : int =
    match numbers |> List.map Int32.TryParse with
    | (true, count) :: rest when count >= 0 && rest |> List.forall fst && rest.Length < 2 ->
        let seed = rest |> List.tryHead |> Option.map snd |> Option.defaultValue 0

        let told =
            [
                for kind in kinds do
                    let found = faults count seed kind
                    Console.WriteLine $"{kind.Name}: {count} files, {found.Length} faults"

                    for own, said in found do
                        Console.WriteLine $"  {own}: {said}"

                    yield! found
            ]

        min 1 told.Length
    | _ ->
        Console.Error.WriteLine "metakan: --fuzz takes a number of files of each kind and a seed, whole and from 0 up"
        2
