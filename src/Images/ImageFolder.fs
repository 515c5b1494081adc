// Images of one's own as a data set: a folder for each class, named by it, with the class's images in it.
namespace MetaKan.Images

open System
open System.IO
open MetaKan

/// Data sets of image files in folders that are named by their classes.
[<RequireQualifiedAccess>]
module ImageFolder =
    let private ordered (names: string seq) =
        names |> Seq.sortWith (fun a b -> String.CompareOrdinal(a, b)) |> Seq.toList

    let private visible (paths: string seq) =
        paths
        |> Seq.map (fun path -> Path.GetFileName(path: string))
        |> Seq.filter (fun name -> not (name.StartsWith '.'))
        |> ordered

    let private listed (folder: string) (list: string -> string seq) : string list =
        try
            visible (list folder)
        with
        | :? IOException
        | :? UnauthorizedAccessException as error ->
            let reason = error.Message.Split('\n')[0]
            raise (BadInput $"{folder}: cannot be read ({reason})")

    // The training images' folder and that of the images held out, where they are apart.
    let private halves (folder: string) : string * string option =
        let train, test = Path.Combine(folder, "train"), Path.Combine(folder, "test")
        if Directory.Exists train && Directory.Exists test then train, Some test else folder, None

    /// The names of the classes, in the order of their labels: those of the folders in `folder`, or in its folder "train"
    /// where it has "train" and "test", in the order of their code points. Raises BadInput for fewer than two.
    let classes (folder: string) : string list =
        if not (Directory.Exists folder) then
            raise (BadInput $"{folder}: there is no such folder")

        let train, _ = halves folder

        match listed train Directory.EnumerateDirectories with
        | _ :: _ :: _ as found -> found
        | _ ->
            raise (
                BadInput
                    $"{train}: a data set has two folders or more, each with the images of the class that it is named by"
            )

    // The images of files, with their classes' labels.
    let private read (channels: int, height: int, width: int) (files: (int * string) list) : Images =
        // The first fault in order, not that of the quickest thread.
        let found =
            files
            |> List.toArray
            |> Array.Parallel.map (fun (_, path) ->
                try
                    Ok(ImageFiles.read path (channels, height, width))
                with :? BadInput as fault ->
                    Error fault)
            |> Array.map (function
                | Ok images -> images
                | Error fault -> raise fault)

        { Images.concat (List.ofArray found) with
            Labels =
                [|
                    for (label, _), images in Seq.zip files found do
                        yield! Array.create (Images.count images) label
                |]
        }

    // The files of each class, with its label; none where the folder has no folder of it.
    let private filesOf (folder: string) (classes: string list) : (int * string) list list =
        [
            for label, name in List.indexed classes ->
                let own = Path.Combine(folder, name)

                [
                    if Directory.Exists own then
                        for file in listed own Directory.EnumerateFiles -> label, Path.Combine(own, file)
                ]
        ]

    // One image in five is held out, evenly over a class's files, and at least one.
    let private isHeldOut (count: int) (index: int) : bool =
        let held = max 1 (count / 5)
        (index + 1) * held / count > index * held / count

    /// The data set of a folder, its images (PNG, JPEG or IDX files, as `ImageFiles.read` takes them) in the channels (1 or 3),
    /// height and width that are asked for. Where the folder has folders "train" and "test", these hold the classes' folders;
    /// otherwise every fifth file of a class, by name, is held out for testing. What begins with a dot is passed over. Raises
    /// BadInput, naming the folder or the file, for classes without images, and for files that are no images.
    let load (channels: int, height: int, width: int) (folder: string) : ImageSet =
        let classes = classes folder

        let place, apart = halves folder

        let train, test =
            match apart with
            | Some other ->
                for name in listed other Directory.EnumerateDirectories do
                    if not (List.contains name classes) then
                        raise (BadInput $"{Path.Combine(other, name)}: there is no such class in {place}")

                List.concat (filesOf place classes), List.concat (filesOf other classes)
            | None ->
                let held, kept =
                    [
                        for files in filesOf place classes do
                            for index, file in List.indexed files -> isHeldOut files.Length index, file
                    ]
                    |> List.partition fst

                List.map snd kept, List.map snd held

        for label, name in List.indexed classes do
            if not (train |> List.exists (fst >> (=) label)) then
                raise (
                    BadInput
                        $"{Path.Combine(place, name)}: a class has an image to train on, and one more where none is in a folder 'test'"
                )

        if test.IsEmpty then
            raise (BadInput $"{folder}: there are no images to test on")

        let shape = channels, height, width
        { Name = "folder"; Classes = classes; Train = read shape train; Test = read shape test }
