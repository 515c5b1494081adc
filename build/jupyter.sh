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

# jupyter_for SUBCOMMAND: installs what Debian has of Jupyter where none is there. Its own kernel for Python is not among it.
jupyter_for() {
    local package=jupyter-notebook
    [ "$1" != nbconvert ] || package=jupyter-nbconvert
    command -v "jupyter-$1" >/dev/null || { installs_debian && mkdir -p "${log%/*}" && step "installing $package" debian $package; }
}

# jupyter [ARGS...]: Jupyter's own command, with this kernel among its kernels; the notebooks of this checkout if nothing is named.
jupyter() {
    [ $# -gt 0 ] || set -- notebook "$root/notebooks"
    jupyter_for "$1" || fail "jupyter takes Jupyter: pip install notebook, or apt-get install jupyter-notebook"
    local kernel
    kernel="$interactive $(fingerprint paket.lock)"
    once kernel_done kernel_work
    JUPYTER_PATH=$notebooks${JUPYTER_PATH:+:$JUPYTER_PATH} exec jupyter "$@"
}
