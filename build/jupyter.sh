# Jupyter with an F# kernel. ./metakan and ./test source this file after setup.sh; `jupyter ARGS...` is the command.

interactive=1.0.712001
notebooks=$artifacts/notebooks
specification=$notebooks/kernels/.net-fsharp/kernel.json

# kernel_done, kernel_work: .NET Interactive, in a place of its own, where Jupyter finds it by JUPYTER_PATH. It brings an FSharp.Core
# older than what Plotly.NET is compiled against, and no process has two: it gets ours, which takes the place of all before it.
kernel_done() { [ -f "$specification" ] && stamped kernel "$kernel"; }

kernel_work() {
    local assembly
    rm -rf "$notebooks"
    step "installing the notebooks' kernel" dotnet tool install Microsoft.dotnet-interactive --version $interactive --tool-path "$notebooks/tool" ||
        fail "could not install Microsoft.dotnet-interactive ($(reason)): the log is $log"
    assembly=$(find "$notebooks/tool" -name Microsoft.DotNet.Interactive.App.dll | head -n 1)
    cp "$artifacts/bin/MetaKan.Core/release/FSharp.Core.dll" "${assembly%/*}/" && mkdir -p "${specification%/*}" &&
        printf '{"display_name": ".NET (F#)", "language": "F#", "argv": ["dotnet", "%s", "jupyter", "--default-kernel", "fsharp", "--http-local-only", "{connection_file}"]}\n' \
            "$assembly" >"$specification" || fail "could not write $notebooks"
    stamp kernel "$kernel"
}

# jupyter_for ARG: installs what Debian has of Jupyter for it where none is there. Its own kernel for Python is not among it. What is
# no command is refused, and nothing is installed for Jupyter's own options.
jupyter_for() {
    local program=jupyter-$1
    [[ $1 != -* ]] || program=jupyter
    ! command -v "$program" >/dev/null || return 0
    case $1 in
        notebook | nbconvert) installs_debian && mkdir -p "${log%/*}" && step "installing $program" debian "$program" && return ;;
        -*) ;;
        *) fail "jupyter takes notebook, nbconvert, or another command of a Jupyter that is there, not '$1'" 2 ;;
    esac
    fail "jupyter takes Jupyter: pip install notebook, or apt-get install jupyter-notebook"
}

# jupyter [ARGS...]: Jupyter's own command, with this kernel among its kernels; the notebooks of this checkout if nothing is named.
jupyter() {
    [ $# -gt 0 ] || set -- notebook "$root/notebooks"
    jupyter_for "$1"
    local kernel
    kernel="$interactive $(fingerprint paket.lock)"
    [[ $1 = -* ]] || once kernel_done kernel_work
    JUPYTER_PATH=$notebooks${JUPYTER_PATH:+:$JUPYTER_PATH} exec jupyter "$@"
}
