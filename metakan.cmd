@echo off
rem metakan: builds what changed, then runs the program or a script, or makes packages; the launcher of Windows.
setlocal
set "root=%~dp0"
if not exist "%root%artifacts" mkdir "%root%artifacts"
dotnet build "%root%src\Cli\MetaKan.Cli.fsproj" -c Release --nologo -v quiet >"%root%artifacts\build.log" 2>&1 || (
    echo metakan: the build failed: the log is %root%artifacts\build.log 1>&2
    exit /b 1
)
if "%~1"=="bundle" (
    echo metakan: bundle makes a folder for Linux, on Linux 1>&2
    exit /b 2
)
if "%~1"=="pack" goto pack
if not "%~1"=="script" (
    dotnet "%root%artifacts\bin\MetaKan.Cli\release\metakan.dll" %*
    exit /b
)
if not exist "%~2" (
    echo metakan: script takes an F# script: metakan script FILE.fsx [ARGS] 1>&2
    exit /b 2
)
dotnet fsi --quiet --optimize+ %2 %3 %4 %5 %6 %7 %8 %9
exit /b
:pack
if "%~2"=="" (
    echo metakan: pack takes a folder for the packages: metakan pack DIR [SYSTEM...] 1>&2
    exit /b 2
)
set "systems=win-x64"
if not "%~3"=="" set "systems=%~3"
if not "%~4"=="" set "systems=%systems%;%~4"
if not "%~5"=="" set "systems=%systems%;%~5"
dotnet pack "%root%src\MetaKan.Core.fsproj" -c Release --no-build -o "%~2" || exit /b 1
dotnet pack "%root%src\Cli\MetaKan.Cli.fsproj" -c Release -o "%~2" "-p:ToolSystems=\"%systems%\"" || exit /b 1
