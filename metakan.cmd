@echo off
rem metakan: builds what changed, then runs the program or a script, or makes packages or the site; the launcher of Windows. Nothing with a
rem path or an argument in it stands between parentheses, which one of theirs would close.
setlocal
set "root=%~dp0"
if not exist "%root%artifacts" mkdir "%root%artifacts"
if "%~1"=="bundle" goto nobundle
if "%~1"=="jupyter" goto nojupyter
if "%~1"=="pack" goto systems
:build
dotnet build "%root%src\Cli\MetaKan.Cli.fsproj" -c Release --nologo -v quiet >"%root%artifacts\build.log" 2>&1 || goto failed
if "%~1"=="pack" goto pack
if "%~1"=="docs" goto docs
if "%~1"=="script" goto script
dotnet "%root%artifacts\bin\MetaKan.Cli\release\metakan.dll" %*
exit /b
:failed
echo metakan: the build failed: the log is "%root%artifacts\build.log" 1>&2
exit /b 1
:nobundle
echo metakan: bundle makes a folder for Linux, on Linux 1>&2
exit /b 2
:nojupyter
echo metakan: jupyter sets up its kernel on Linux: on Windows run ./metakan jupyter in WSL 1>&2
exit /b 2
:docs
dotnet fsi --quiet "%root%build\docs.fsx" %2 %3
exit /b
:script
if not exist "%~2" goto noscript
set "arguments="
:argument
shift
set arguments=%arguments% %1
if not "%~2"=="" goto argument
dotnet fsi --quiet --optimize+ %arguments%
exit /b
:noscript
echo metakan: script takes an F# script: metakan script FILE.fsx [ARGS] 1>&2
exit /b 2
:systems
if "%~2"=="" goto nofolder
set "folder=%~2"
set "systems="
:system
if "%~3"=="" goto build
if "%~3"=="linux-x64" goto known
if "%~3"=="win-x64" goto known
if "%~3"=="osx-arm64" goto known
echo metakan: pack takes the systems linux-x64, win-x64 and osx-arm64, not "%~3" 1>&2
exit /b 2
:known
set "systems=%systems%;%~3"
shift /2
goto system
:nofolder
echo metakan: pack takes a folder for the packages: metakan pack DIR [SYSTEM...] 1>&2
exit /b 2
:pack
if "%systems%"=="" set "systems=;win-x64"
dotnet pack "%root%src\MetaKan.Core.fsproj" -c Release --no-build -o "%folder%" || exit /b 1
dotnet pack "%root%src\Cli\MetaKan.Cli.fsproj" -c Release -o "%folder%" "-p:ToolSystems=\"%systems:~1%\"" || exit /b 1
