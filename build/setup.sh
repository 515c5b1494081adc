# What a checkout needs before anything in it runs: libtorch, packages, the native library, the Release build.
# ./metakan and ./test source this file with $root set, then call `setup`; a bundle calls `setup_native`. Each stage
# leaves a stamp that holds a hash of what it was made from; a stage whose stamp still matches is skipped, so that a
# finished set-up costs one hash over the sources. A stage that is cut short leaves no stamp and is done again.

native=src/TorchSharp/native

# keep_in DIR: everything that is made goes there.
keep_in() {
    artifacts=$1
    stamps=$artifacts/stamps
    log=$artifacts/log/setup.log
    library=$artifacts/native/libMetaKanTorch.so
}
keep_in "$root/artifacts"

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

say() { printf 'metakan: %s\n' "$1" >&2; }

fail() {
    say "$1"
    exit "${2:-1}"
}

# step TITLE COMMAND...: says in one line what takes long; the command's own words go to the log.
# The lock's descriptor is closed for it, or a process that it leaves behind would hold the lock.
step() {
    say "$1 ..."
    printf '\n== %s %s\n' "$(date -u +%FT%TZ)" "${*:2}" >>"$log"
    "${@:2}" >>"$log" 2>&1 </dev/null 9>&-
}

# fingerprint PATH...: one hash over the names and contents of the files in these places, but Paket's own in obj/.
fingerprint() {
    (cd "$root" && find "$@" \( -name obj -o -name results \) -prune -o -type f -print0 2>/dev/null | LC_ALL=C sort -z | xargs -0 -r sha1sum | sha1sum)
}

stamped() { [ -f "$stamps/$1" ] && [ "$(<"$stamps/$1")" = "$2" ]; }

stamp() { printf '%s\n' "$2" >"$stamps/$1.new" && mv -f "$stamps/$1.new" "$stamps/$1"; }

# ---- libtorch: $LIBTORCH, else that of python3's PyTorch, else Debian's libtorch-dev

has_libtorch() {
    local folder header=include/ATen/core/dispatch/Dispatcher.h
    [ -z "${LIBTORCH:-}" ] && [ ! -f /usr/$header ] || return 0
    folder=$(python3 -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])' 2>&1) &&
        [ -f "$folder/$header" ]
}

on_debian() { command -v apt-get >/dev/null && [ -f /etc/debian_version ]; }

# Where TorchSharp comes from, as Directory.Build.props has it; the build reads the same variable.
provider() {
    if [ -n "${TorchSharpDll:-}" ]; then
        echo nuget
    elif [ -n "${TorchProvider:-}" ]; then
        echo "$TorchProvider"
    elif has_libtorch || on_debian; then
        echo system
    else
        echo nuget
    fi
}

native_done() { "$root/$native/build" --check "$artifacts/native" 2>/dev/null; }

native_work() {
    has_libtorch || need libtorch-dev libopenblas0-openmp
    command -v g++ >/dev/null || need g++
    step "building the native library" "$root/$native/build" "$artifacts/native" ||
        fail "no native library: $(tail -1 "$log") (the log is $log)"
    ! ldd "$library" | grep -q 'libblas\.so\.3' || use_openmp_blas
}

# need PACKAGE...: installs these packages of Debian's.
need() {
    on_debian || fail "needs $*: install it, or set LIBTORCH to the folder of a libtorch"
    [ "$(id -u)" = 0 ] || fail "needs root once: apt-get install $* (or a libtorch of your own, its folder in LIBTORCH)"
    step "installing $*" apt_install "$@" ||
        fail "could not install $* (network?): do it by hand with apt-get install; the log is $log"
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    dpkg --configure -a
    apt-get install -y --no-install-recommends "$@" ||
        { apt-get update && apt-get install -y --no-install-recommends "$@"; }
}

# A libtorch that computes with the system's BLAS, as Debian's does, has OpenMP threads; an OpenBLAS with threads of its
# own fights them for the cores.
use_openmp_blas() {
    local name triple=x86_64-linux-gnu folder
    folder=/usr/lib/$triple/openblas-openmp
    for name in libblas.so.3 liblapack.so.3 libopenblas.so.0; do
        [ "$(readlink -f "/usr/lib/$triple/$name")" != "$(readlink -f "$folder/$name")" ] || continue
        if [ "$(id -u)" != 0 ]; then
            say "slow BLAS; as root: apt-get install libopenblas0-openmp, update-alternatives --config $name-$triple"
        else
            [ -e $folder/$name ] || need libopenblas0-openmp
            update-alternatives --set $name-$triple $folder/$name >>"$log" 2>&1 || say "slow BLAS: see $log"
        fi
    done
}

# ---- .NET

dotnet_sdk() {
    command -v dotnet >/dev/null && dotnet --list-sdks | grep -q '^1[0-9]\.' ||
        fail "needs the .NET 10 SDK: install it and put dotnet on the PATH"
}

packages() {
    step "restoring packages" restore_packages ||
        fail "could not restore packages (network? see 'dotnet nuget list source'): the log is $log"
}

restore_packages() { dotnet tool restore && dotnet paket restore; }

# compile PROJECT: the Release build. What an interrupted build left may look finished, so it is thrown away.
compile() {
    [ ! -e "$stamps/building" ] || rm -rf "$artifacts/bin" "$artifacts/obj"
    : >"$stamps/building"
    step "building" dotnet build "$1" -c Release -nodeReuse:false -p:UseSharedCompilation=false || {
        rm -f "$stamps/building"
        grep -E ' error [A-Z]+[0-9]+:' "$log" | tail -1 >&2
        fail "the build failed: the log is $log"
    }
    rm -f "$stamps/building"
}

# ---- all of it

# once DONE WORK: does the work unless it is done. One launcher works, others wait for it. The trap keeps an interrupted
# step from being taken for a failed one.
once() {
    ! $1 || return 0
    mkdir -p "$stamps" "${log%/*}"
    exec 9>"$artifacts/lock"
    flock -n 9 || { say "another set-up is at work: waiting for it" && flock 9; }
    trap 'exit 130' INT TERM
    $1 || $2 || exit
    trap - INT TERM
    exec 9>&-
}

# setup_native: makes sure that the native library is there and fits the machine's libtorch.
setup_native() { once native_done native_work; }

# setup ASSEMBLY PROJECT PATH...: makes sure that the project, made from the files in these places, is built as this
# assembly and can run.
setup() {
    local assembly=$artifacts/bin/$1 project=$root/$2 name=${2##*/} sources
    sources="$(fingerprint Directory.Build.props paket.lock build "${@:3}") ${TorchProvider:-} ${TorchSharpDll:-}"
    once setup_done setup_work
}

setup_done() {
    [ -f "$assembly" ] && stamped "$name" "$sources" && { stamped provider nuget || native_done; }
}

# In a shell of its own, which may change to the checkout: what is run afterwards starts where it was called.
setup_work() (
    local chosen restored
    cd "$root" || exit
    dotnet_sdk
    chosen=$(provider)
    stamp provider "$chosen"
    [ "$chosen" = nuget ] || native_done || native_work
    restored=$(fingerprint .config paket.dependencies paket.lock)
    stamped packages "$restored" || { packages && stamp packages "$restored"; }
    stamped "$name" "$sources" && [ -f "$assembly" ] || { TorchProvider=$chosen compile "$project" && stamp "$name" "$sources"; }
)
