# The browser that reports are tested in: Debian's chromium. ./test sources this file after setup.sh, then calls `browser_for`.

chromium=/usr/bin/chromium

# browser_for ARGS...: installs it where all tests are run. Where that cannot be, the tests that need it are skipped.
browser_for() {
    [ "${1:-}" = --all ] && [ ! -x $chromium ] && installs_debian || return 0
    mkdir -p "${log%/*}"
    step "installing chromium" debian chromium || say "could not install chromium ($(reason)): tests in a browser are skipped"
}
