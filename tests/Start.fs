/// What a test run does first, before values of tests are made: libtorch is loaded.
module MetaKan.Tests.Start

do MetaKan.Libtorch.load ()
