/// All tests, and how a run of them is told.
module MetaKan.Tests.Main

open System
open Expecto
open Expecto.Impl
open TorchSharp

let private all =
    [
        BuildTests.tests
        Launcher.CliTests.tests
        Launcher.SetupTests.tests
        Launcher.LibtorchTests.tests
        Launcher.PdeTests.tests
        Launcher.FitTests.tests
        Launcher.ClassifyTests.tests
        Scripts.ScriptTests.tests
        SafetensorsTests.tests
        RunFolderTests.tests
        PlotTests.tests
        ReportTests.tests
        ProgressTests.tests
        PicturesTests.tests
        PlacementTests.tests
        KeyTests.tests
        ParamsTests.tests
        ElfTests.tests
        ScalarsTests.tests
        AutogradTests.tests
        RuleTests.tests
        RowsTests.tests
        JetTests.tests
        DirectionsTests.tests
        NestedTests.tests
        BSplineTests.tests
        BasisTests.tests
        EdgeBasisTests.tests
        EdgeSumsTests.tests
        PolynomialTests.tests
        RbfTests.tests
        FeaturesTests.tests
        GramTests.tests
        ExpressionTests.tests
        ParserTests.tests
        SimplifyTests.tests
        PrinterTests.tests
        TidyTests.tests
        WorkersTests.tests
        ModelTests.tests
        MlpTests.tests
        EdgeProductsTests.tests
        KanTests.tests
        MetaKanTests.tests
        NormsTests.tests
        FamiliesTests.tests
        WaveletsTests.tests
        WavKanTests.tests
        GoldenTests.tests
        DenseTests.tests
        ConvolutionTests.tests
        LinearTests.tests
        ClustersTests.tests
        EdgeNetworkTests.tests
        NetworksTests.tests
        ScheduleTests.tests
        OptimizerTests.tests
        LbfgsTests.tests
        TrainingTests.tests
        CheckpointTests.tests
        Images.FormatTests.tests
        Images.ImageSetsTests.tests
        Images.ImageFilesTests.tests
        Images.AugmentationTests.tests
        Images.BatchesTests.tests
        Images.PicturesTests.tests
        DomainTests.tests
        ProblemTests.tests
        ManufacturedTests.tests
        TwoBodyTests.tests
        CollocationTests.tests
        NetworkTests.tests
        RegridTests.tests
        PruningTests.tests
        AttributionTests.tests
        SparsityTests.tests
        AffineFitTests.tests
        SymbolicTests.tests
        DescentTests.tests
        FittedFileTests.tests
        DiagramTests.tests
        FeynmanTests.tests
        CsvTests.tests
        DatasetTests.tests
        ScalingTests.tests
        FitPicturesTests.tests
        FitTests.tests
        SolveTests.tests
        ClassifyTests.tests
        MetaTests.tests
        HostTests.tests
    ]

/// The same tests, each in a dispose scope: tests run side by side, and one's garbage collection may free a tensor outside
/// a scope that another's operator still reads.
let rec private scoped (test: Test) : Test =
    match test with
    | TestCase(Sync test, state) ->
        let inScope () =
            use _ = torch.NewDisposeScope()
            test ()

        TestCase(Sync inScope, state)
    | TestCase _ -> test
    | TestList(tests, state) -> TestList(List.map scoped tests, state)
    | TestLabel(label, test, state) -> TestLabel(label, scoped test, state)
    | Test.Sequenced(how, test) -> Test.Sequenced(how, scoped test)

/// Says which tests failed or were skipped and why, and closes with a line of how many did what.
let private printer =
    let told (line: string) = async { Console.WriteLine line }

    { TestPrinters.silent with
        info = told
        ignored = fun name reason -> told $"skipped: {name}: {reason}"
        failed = fun name message _ -> told $"failed: {name}{message.TrimEnd()}\n"
        exn = fun name error _ -> told $"failed: {name}\n{error}\n"
        summary =
            fun _ run ->
                let failed = run.failed.Length + run.errored.Length
                told $"{run.passed.Length} passed, {failed} failed, {run.ignored.Length} skipped"
    }

/// Runs the tests whose full name holds the first argument, all without one; the others are Expecto's own.
[<EntryPoint>]
let main arguments =
    let filter = Array.tryHead arguments |> Option.defaultValue ""

    let chosen =
        TestList(List.map scoped all, Normal)
        |> Test.filter "." (fun names -> (String.Join(".", names)).Contains(filter, StringComparison.OrdinalIgnoreCase))

    if List.isEmpty (Test.toTestCodeList chosen) then
        Console.Error.WriteLine $"metakan: no test has '{filter}' in its name"
        Console.WriteLine "0 passed, 0 failed, 0 skipped"
        2
    else
        let options = [ CLIArguments.Printer printer; CLIArguments.No_Spinner; CLIArguments.Colours 0 ]
        min 1 (runTestsWithCLIArgs options (Array.skip (min 1 arguments.Length) arguments) chosen)
