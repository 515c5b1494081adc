/// All tests, and how a run of them is told.
module MetaKan.Tests.Main

open System
open System.IO
open Expecto
open Expecto.Impl
open TorchSharp

let private tests =
    [
        BuildTests.tests
        ApiTests.tests
        DocumentedTests.tests
        CSharpTests.tests
        SampleTests.tests
        RepositoryTests.tests
        LinkTests.tests
        SafetensorsTests.tests
        RunFolderTests.tests
        PaletteTests.tests
        PlotTests.tests
        ReportTests.tests
        EventFileTests.tests
        ProgressTests.tests
        PicturesTests.tests
        PlacementTests.tests
        HeapTests.tests
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
        CodeTests.tests
        WorkersTests.tests
        RanksTests.tests
        ModelTests.tests
        MlpTests.tests
        EdgeProductsTests.tests
        EdgeJetsTests.tests
        KanTests.tests
        MetaKanTests.tests
        SeparateTests.tests
        PeriodicEmbeddingTests.tests
        FourierFeaturesTests.tests
        FactorisedTests.tests
        SharedBlocksTests.tests
        NormsTests.tests
        FamiliesTests.tests
        WaveletsTests.tests
        WavKanTests.tests
        GoldenTests.tests
        DenseTests.tests
        ConvolutionTests.tests
        OrdinaryTests.tests
        ClustersTests.tests
        EdgeNetworkTests.tests
        ClassifierTests.tests
        ScheduleTests.tests
        MomentStorageTests.tests
        OptimizerTests.tests
        SoapTests.tests
        MuonTests.tests
        LbfgsTests.tests
        BroydenTests.tests
        TrainingTests.tests
        CheckpointTests.tests
        Images.FormatTests.tests
        Images.ImageSetsTests.tests
        Images.ImageFolderTests.tests
        Images.ImageFilesTests.tests
        Images.AugmentationTests.tests
        Images.BatchesTests.tests
        Images.PicturesTests.tests
        NumbersTests.tests
        DomainTests.tests
        DistanceTests.tests
        TermTests.tests
        LanguageTests.tests
        ProblemTests.tests
        ManufacturedTests.tests
        TwoBodyTests.tests
        SemilinearDiffusionTests.tests
        ReferenceTests.tests
        CollocationTests.tests
        ResidualsTests.tests
        NormalEquationsTests.tests
        BalancingTests.tests
        AttentionTests.tests
        AdaptivePointsTests.tests
        CausalityTests.tests
        CurriculumTests.tests
        EmphasisTests.tests
        NaturalGradientTests.tests
        NetworkTests.tests
        RegridTests.tests
        PruningTests.tests
        AttributionTests.tests
        SparsityTests.tests
        AffineFitTests.tests
        SymbolicEdgesTests.tests
        KanpilerTests.tests
        RewiringTests.tests
        FormulaSearchTests.tests
        StructureTests.tests
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
        SharedRunsTests.tests
        ShelfTests.tests
        EvaluationTests.tests
        ClassifyTests.tests
        MetaTests.tests
        HostTests.tests
        OptionTests.tests
        StartFileTests.tests
        LiveTests.tests
        SweepTests.tests
        BenchTests.tests
        DoctorTests.tests
        CompletionTests.tests
        MutationTests.tests
        Fuzz.FuzzTests.tests
        // Last, what takes longest.
        BrowserTests.tests
        Launcher.CliTests.tests
        Launcher.SetupTests.tests
        Launcher.DocsTests.tests
        Launcher.LibtorchTests.tests
        Launcher.PdeTests.tests
        Launcher.MpiTests.tests
        Launcher.EvaluateTests.tests
        Launcher.EdgesTests.tests
        Launcher.FitTests.tests
        Launcher.ClassifyTests.tests
        Launcher.FaultTests.tests
        Scripts.ScriptTests.tests
        Launcher.NotebookTests.tests
        Launcher.PackTests.tests
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

/// Says which tests failed or were skipped and why, how many were left out, and closes with a line of how many did what.
let private printer (left: int) =
    let told (line: string) = async { Console.WriteLine line }

    { TestPrinters.silent with
        info = told
        ignored = fun name reason -> told $"skipped: {name}: {reason}"
        failed = fun name message _ -> told $"failed: {name}{message.TrimEnd()}\n"
        exn = fun name error _ -> told $"failed: {name}\n{error}\n"
        summary =
            fun _ run ->
                async {
                    if left > 0 then
                        do! told $"{left} slow tests were left to ./test --all"

                    let failed = run.failed.Length + run.errored.Length
                    do! told $"{run.passed.Length} passed, {failed} failed, {run.ignored.Length} skipped"
                }
    }

/// Runs the tests whose full name holds the filter, the slow ones only where all are asked for.
let private run (all: bool) (filter: string) (further: string[]) : int =
    let isNamed (part: string) (names: string list) =
        String.Join(".", names).Contains(part, StringComparison.OrdinalIgnoreCase)

    let count test = List.length (Test.toTestCodeList test)
    let whole = TestList(List.map scoped tests, Normal) |> Test.filter "." (isNamed filter)
    let quick = whole |> Test.filter "." (isNamed Check.slowly >> not)

    if count whole = 0 then
        Console.Error.WriteLine $"metakan: no test has '{filter}' in its name"
        Console.WriteLine "0 passed, 0 failed, 0 skipped"
        2
    else
        let chosen = if all then whole else quick

        let options =
            [
                CLIArguments.Printer(printer (count whole - count chosen))
                CLIArguments.No_Spinner
                CLIArguments.Colours 0
            ]

        min 1 (runTestsWithCLIArgs options further chosen)

/// [--all] [FILTER] and Expecto's own arguments, or --mutants N [SEED], or --fuzz N [SEED], or --api.
[<EntryPoint>]
let main arguments =
    let filtered all (arguments: string[]) =
        run all (Array.tryHead arguments |> Option.defaultValue "") (Array.skip (min 1 arguments.Length) arguments)

    match List.ofArray arguments with
    | "--mutants" :: numbers -> Mutants.against (Directory.GetCurrentDirectory()) numbers
    | [ "--api" ] ->
        ApiTests.rewrite ()
        0
    | "--fuzz" :: numbers -> Fuzz.Fuzz.against numbers
    | "--all" :: _ -> filtered true arguments[1..]
    | _ -> filtered false arguments
