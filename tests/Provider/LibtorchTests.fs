/// What the `system` provider says of itself.
module MetaKan.Tests.Provider.LibtorchTests

open System.IO
open MetaKan.Native
open Xunit

[<Fact>]
let ``the library tells which libtorch it is over`` () =
    Assert.Matches(@"^\d+\.\d+\.\d+", Libtorch.Version)
    Assert.True(File.Exists Libtorch.File)
    Assert.Contains("libtorch", Path.GetFileName Libtorch.File)
    Assert.Equal("libMetaKanTorch.so", Path.GetFileName Libtorch.BridgeFile)
