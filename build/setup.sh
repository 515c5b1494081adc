# What a checkout needs before anything in it runs: packages and the Release build.
# ./metakan and ./test source this file with $root set, then call `setup`. Each stage leaves a stamp that holds a hash of
# what it was made from; a stage whose stamp still matches is skipped, so that a finished set-up costs one hash over the
# sources. A stage that is cut short leaves no stamp and is done again.

artifacts=$root/artifacts
stamps=$artifacts/stamps
log=$artifacts/log/setup.log

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

say() { printf 'metakan: %s\n' "$1" >&2; }

fail() {
    say "$1"
    exit "${2:-1}"
}

# step TITLE COMMAND...: says in one line what takes long; the command's own words go to the log.
# The lock's descriptor is closed for it, or a process that it leaves behind would hold the lock.
lock=
step() {
    say "$1 ..."
    printf '\n== %s %s\n' "$(date -u +%FT%TZ)" "${*:2}" >>"$log"
    if [ -n "$lock" ]; then
        "${@:2}" >>"$log" 2>&1 </dev/null {lock}>&-
    else
        "${@:2}" >>"$log" 2>&1 </dev/null
    fi
}

# reason: the last line that a step said.
reason() { grep -v '^ *$' "$log" | tail -n 1 | sed 's/^[-> ]*//'; }

# debian PACKAGE: installs a Debian package.
debian() {
    # Another installation may be at work.
    local get=(apt-get -o DPkg::Lock::Timeout=300) install=(install -y --no-install-recommends "$1")
    export DEBIAN_FRONTEND=noninteractive
    "${get[@]}" "${install[@]}" || { "${get[@]}" update && "${get[@]}" "${install[@]}"; }
}

# installs_debian: whether Debian packages can be installed.
installs_debian() { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; }

# fingerprint PATH...: one hash over the names and contents of the files in these places, but Paket's own in obj/.
fingerprint() {
    (cd "$root" && find "$@" \( -name obj -o -name results \) -prune -o -type f -print0 2>/dev/null | LC_ALL=C sort -z | xargs -0 -r sha1sum | sha1sum)
}

stamped() { [ -f "$stamps/$1" ] && [ "$(<"$stamps/$1")" = "$2" ]; }

stamp() { printf '%s\n' "$2" >"$stamps/$1.new" && mv -f "$stamps/$1.new" "$stamps/$1"; }

dotnet_sdk() {
    mkdir -p "${HOME:-}" 2>/dev/null || fail "needs a home folder, for .NET's packages: HOME is '${HOME:-}'"
    command -v dotnet >/dev/null && dotnet --list-sdks | grep -q '^1[0-9]\.' ||
        fail "needs the .NET 10 SDK: install it and put dotnet on the PATH"
}

packages() {
    step "restoring packages" restore_packages ||
        fail "could not restore packages ($(reason)): the log is $log"
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

# once DONE WORK: does the work unless it is done. One launcher works, others wait for it. The trap keeps an interrupted
# step from being taken for a failed one. The lock has a descriptor that is free: mpiexec opens some for its ranks.
once() {
    ! $1 || return 0
    mkdir -p "$stamps" "${log%/*}" 2>/dev/null && [ -w "$artifacts" ] && { [ ! -e "$artifacts/lock" ] || [ -w "$artifacts/lock" ]; } || {
        as_built && return 0
        fail "$artifacts cannot be written to by $(id -un): let its owner run ./metakan info, or copy the checkout"
    }
    exec {lock}>"$artifacts/lock"
    flock -n "$lock" || { say "another set-up is at work: waiting for it" && flock "$lock"; }
    trap 'exit 130' INT TERM
    $1 || $2 || exit
    trap - INT TERM
    exec {lock}>&-
    lock=
}

# setup ASSEMBLY PROJECT PATH...: makes sure that the project, made from the files in these places, is built as this
# assembly. $Torch chooses the libtorch, as the build's property of that name does.
setup() {
    local assembly=$artifacts/bin/$1 project=$root/$2 name=${2##*/} sources
    sources="$(fingerprint CHANGELOG.md Directory.Build.props Directory.Build.targets paket.lock build "${@:3}") ${Torch:-}"
    once setup_done setup_work
}

# as_built: whether the assembly is there, if not of these very sources: who cannot build runs what is built.
as_built() { [ -n "${assembly:-}" ] && [ -f "$assembly" ] && say "$artifacts cannot be written to: running what was built there"; }

setup_done() { [ -f "$assembly" ] && stamped "$name" "$sources"; }

# In a shell of its own, which may change to the checkout: what is run afterwards starts where it was called.
setup_work() (
    local restored
    cd "$root" || exit
    dotnet_sdk
    restored=$(fingerprint .config paket.dependencies paket.lock)
    stamped packages "$restored" || { packages && stamp packages "$restored"; }
    compile "$project" && stamp "$name" "$sources"
)
