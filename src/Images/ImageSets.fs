namespace MetaKan.Images

open System
open System.IO
open MetaKan

/// Image data sets by name: their classes and formats, and where their files are searched for.
[<RequireQualifiedAccess>]
module ImageSets =
    /// How a data set's files are read.
    type private Format =
        /// Images and labels in a file each.
        | Idx
        /// Files of 10,000 records, each with one label; five for training.
        | Cifar10
        /// Records with a coarse and a fine label.
        | Cifar100
        /// MATLAB files.
        | Svhn

    type private Source =
        {
            Format: Format
            Shape: struct (int * int * int)
            Classes: string list
            /// Where its files lie within a folder of data sets, as torchvision lays them out.
            Folders: string list
            /// The Debian package with the data set, and its folder.
            Package: (string * string) option
        }

    let private gray classes folders =
        { Format = Idx; Shape = struct (1, 28, 28); Classes = classes; Folders = folders; Package = None }

    let private colour format classes folders =
        {
            Format = format
            Shape = struct (3, 32, 32)
            Classes = classes
            Folders = folders
            Package = None
        }

    let private sources =
        [
            "fmnist",
            { gray ImageClasses.fashion [ "FashionMNIST/raw" ] with
                Package = Some("dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist")
            }
            "mnist", gray ImageClasses.digits [ "MNIST/raw" ]
            "kmnist", gray ImageClasses.kuzushiji [ "KMNIST/raw" ]
            "cifar10", colour Cifar10 ImageClasses.cifar10 [ "cifar-10-batches-bin" ]
            "cifar100", colour Cifar100 ImageClasses.cifar100 [ "cifar-100-binary" ]
            "svhn", colour Svhn ImageClasses.digits [ "SVHN"; "" ]
        ]

    /// The names of all data sets.
    let names: string list = List.map fst sources

    let private source (dataset: string) =
        match sources |> List.tryFind (fun (name, _) -> name = dataset) with
        | Some(_, found) -> found
        | None ->
            let known = String.Join(", ", names)
            raise (BadInput $"there is no data set '{dataset}'; there are {known}")

    /// Channels, height and width of a data set's images. Raises BadInput for an unknown name.
    let shape (dataset: string) : struct (int * int * int) = (source dataset).Shape

    /// The class names of labels 0, 1, … Raises BadInput for an unknown name.
    let classes (dataset: string) : string list = (source dataset).Classes

    /// What a classifier of a data set takes and tells apart. Raises BadInput for an unknown name.
    let kind (dataset: string) : ImageKind =
        let struct (channels, height, width) = shape dataset
        { Channels = channels; Height = height; Width = width; Classes = classes dataset }

    /// The file names of the training and of the test set.
    let private files format =
        match format with
        | Idx ->
            [ "train-images-idx3-ubyte"; "train-labels-idx1-ubyte" ],
            [ "t10k-images-idx3-ubyte"; "t10k-labels-idx1-ubyte" ]
        | Cifar10 -> [ for i in 1..5 -> $"data_batch_{i}.bin" ], [ "test_batch.bin" ]
        | Cifar100 -> [ "train.bin" ], [ "test.bin" ]
        | Svhn -> [ "train_32x32.mat" ], [ "test_32x32.mat" ]

    /// The images in files that were found.
    let private read format classes (paths: string list) : Images =
        match format, paths with
        | Idx, [ images; labels ] -> Idx.labelled classes images labels
        | Idx, _ -> invalidOp "IDX files come in pairs"
        | Cifar10, _ -> paths |> List.map (Cifar.read 1 classes) |> Images.concat
        | Cifar100, _ -> paths |> List.map (Cifar.read 2 classes) |> Images.concat
        | Svhn, _ -> paths |> List.map Svhn.read |> Images.concat

    let private variable name = Environment.GetEnvironmentVariable name |> Option.ofObj |> Option.filter ((<>) "")

    /// The folders to search: the given one and those below it, else those below the default ones.
    let private places dataset (source: Source) (data: string option) =
        let below root = dataset :: source.Folders |> List.map (fun folder -> Path.Combine(root, folder))

        match data with
        | Some root -> root :: below root |> List.distinct
        | None ->
            let home = Environment.GetFolderPath Environment.SpecialFolder.UserProfile
            let cache = variable "XDG_CACHE_HOME" |> Option.defaultValue (Path.Combine(home, ".cache"))

            [
                for root in Option.toList (variable "METAKAN_DATA") @ [ "data"; Path.Combine(cache, "metakan") ] do
                    yield! below root
                yield! source.Package |> Option.map snd |> Option.toList
            ]

    /// A file in a folder, plain or .gz.
    let private tryFile (folder: string) (name: string) =
        [ name; name + ".gz" ]
        |> List.map (fun name -> Path.Combine(folder, name))
        |> List.tryFind File.Exists

    /// The files of a data set, from the first folder that has all of them.
    let private tryFind source places =
        let train, test = files source.Format

        places
        |> List.tryPick (fun folder ->
            match List.map (tryFile folder) train, List.map (tryFile folder) test with
            | train, test when List.forall Option.isSome (train @ test) ->
                Some(List.choose id train, List.choose id test)
            | _ -> None)

    /// The folder that has all of a data set's files, of the usual places; None where there is none.
    let internal tryFolder (dataset: string) : string option =
        let source = source dataset

        tryFind source (places dataset source None)
        |> Option.map (fun (train, _) -> Path.GetDirectoryName train.Head)

    /// The Debian package that has a data set, if there is one.
    let internal debianPackage (dataset: string) : string option = (source dataset).Package |> Option.map fst

    /// The message for a data set that was not found: the missing file where a folder has some of them, else the folders
    /// searched and the Debian package.
    let private missing dataset source (places: string list) =
        let train, test = files source.Format

        let lacking =
            places
            |> List.tryPick (fun folder ->
                match train @ test |> List.partition (tryFile folder >> Option.isSome) with
                | _ :: _, lacking :: _ ->
                    Some $"{Path.Combine(folder, lacking)}: there is no such file, nor one ending in .gz"
                | _ -> None)

        match lacking with
        | Some message -> message
        | None ->
            let places, files = String.Join(", ", places), String.Join(", ", train @ test)


            let package =
                match source.Package with
                | Some(package, _) -> $"; Debian's package {package} has them"
                | None -> ""

            $"the data set {dataset} is in none of {places}; it takes the files {files} (.gz or not){package}"

    /// Reads a data set from the folder `data`, `data/fmnist` or (torchvision's layout) `data/FashionMNIST/raw`; None
    /// searches $METAKAN_DATA, ./data, ~/.cache/metakan and the Debian package's folder. Raises BadInput, in one line that names the file, or the places looked in.
    let load (dataset: string) (data: string option) : ImageSet =
        let source = source dataset
        let places = places dataset source data

        let train, test =
            match tryFind source places with
            | Some found -> found
            | None -> raise (BadInput(missing dataset source places))

        let images (paths: string list) =
            let images = read source.Format source.Classes.Length paths
            let struct (_, height, width) = source.Shape

            if (images.Height, images.Width) <> (height, width) then
                raise (
                    BadInput
                        $"{paths.Head}: its images are {images.Height}x{images.Width}; those of {dataset} are {height}x{width}"
                )

            images

        { Name = dataset; Classes = source.Classes; Train = images train; Test = images test }
