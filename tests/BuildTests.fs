/// The library tells its version.
module MetaKan.Tests.BuildTests

open Xunit

[<Fact>]
let ``version is a plain number of three parts`` () = Assert.Matches(@"^\d+\.\d+\.\d+$", MetaKan.Build.version)
