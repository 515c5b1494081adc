// Classifying images for C#.
namespace MetaKan.CSharp

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open MetaKan
open MetaKan.Images
open MetaKan.CSharp.Conversions

/// Sets of images, networks trained on them, and what these say of others.
[<AbstractClass; Sealed; Extension>]
type Classifying private () =
    /// A data set by its name, from a folder, or from where its files are looked for. Raises BadInput.
    static member Load(dataset: string, [<Optional>] folder: string) : ImageSet = ImageSets.load dataset (some folder)

    /// Trains a network on a set in a run's folder, new or empty, or to be gone on with. Raises BadInput for what cannot be
    /// used, RunFailed when the disk refuses.
    [<Extension>]
    static member Train
        (
            set: ImageSet,
            settings: ClassifySettings,
            folder: string,
            [<Optional>] listen: Action<TrainingEvent>,
            [<Optional>] resume: bool
        ) : Classification =
        Classify.run (place folder resume) settings set (listener listen)

    /// The most likely class of each image, by the parameters of the best epoch.
    [<Extension>]
    static member Predict(trained: Classification, settings: ClassifySettings, images: Images) : int[] =
        Classify.predict settings trained.Classifier trained.Best images

    /// The probability of each class for each image, by the parameters of the best epoch.
    [<Extension>]
    static member Probabilities(trained: Classification, settings: ClassifySettings, images: Images) : float[][] =
        Classify.probabilities settings trained.Classifier trained.Best images
