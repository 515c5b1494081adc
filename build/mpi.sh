# MPI, for the tests of jobs of several processes: Debian's mpich. ./test sources this file after setup.sh, then calls `mpi_for`.

mpiexec=mpiexec

# mpi_for ARGS...: installs it where all tests are run. Where that cannot be, the tests that need it are skipped.
mpi_for() {
    [ "${1:-}" = --all ] && ! command -v $mpiexec >/dev/null && installs_debian || return 0
    mkdir -p "${log%/*}"
    step "installing mpich" debian mpich || say "could not install mpich ($(reason)): tests of jobs by MPI are skipped"
}
