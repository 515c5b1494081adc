# Data that Debian packages have: Fashion-MNIST. ./metakan sources this file after setup.sh, then calls `data_for`.

package=dataset-fashion-mnist
packaged=/usr/share/datasets/fashion-mnist

# needs_fashion ARGS...: whether a command reads Fashion-MNIST and says no place of its own for it.
needs_fashion() {
    [ "${1:-}" != sweep ] || shift
    local args=" $* "
    case ${1:-} in
        classify)
            [[ $args != *" --help "* && $args != *" --resume "* && $args != *" --data "* && $args != *" --config "* ]] &&
                [[ $args != *" --dataset "* || $args == *" --dataset fmnist "* ]]
            ;;
        script) grep -qs '"fmnist"' "${2:-}" ;;
        *) false ;;
    esac
}

# has_fashion: whether the package is there, or a folder for the data where the program looks for one.
has_fashion() {
    local root
    for root in ${METAKAN_DATA:+"$METAKAN_DATA"} data "${XDG_CACHE_HOME:-${HOME:-}/.cache}/metakan"; do
        [ ! -d "$root/fmnist" ] && [ ! -d "$root/FashionMNIST/raw" ] || return 0
    done
    [ -d "$packaged" ]
}

# data_for ARGS...: installs the package where a command needs it. Where that cannot be, the program says what is missing.
data_for() {
    needs_fashion "$@" && ! has_fashion && installs_debian || return 0
    once has_fashion install_fashion
}

install_fashion() {
    step "installing $package" debian $package ||
        fail "could not install $package ($(reason)); or name the folder of its files with --data"
}
