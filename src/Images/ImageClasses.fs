// What the labels 0, 1, … of each data set stand for.
namespace MetaKan.Images

open System
open MetaKan

[<RequireQualifiedAccess>]
module internal ImageClasses =
    let private words (text: string) =
        text.Split([| ' '; '\n' |], StringSplitOptions.RemoveEmptyEntries) |> List.ofArray

    let digits: string list = List.init 10 string

    /// Fashion-MNIST's articles of clothing.
    let fashion: string list =
        [
            "T-shirt/top"
            "Trouser"
            "Pullover"
            "Dress"
            "Coat"
            "Sandal"
            "Shirt"
            "Sneaker"
            "Bag"
            "Ankle boot"
        ]

    /// Kuzushiji-MNIST's hiragana.
    let kuzushiji: string list = words "o ki su tsu na ha ma ya re wo"

    let cifar10: string list = words "airplane automobile bird cat deer dog frog horse ship truck"

    /// The fine labels.
    let cifar100: string list =
        words
            """
            apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
            castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
            elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
            man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
            pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
            skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
            tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
            """
