# Sourced by the scripts beside this folder: installs what the machine lacks.
# Debian packages come from apt, ONNX Runtime from PyPI; nothing is configured.

ROOT="$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../..")"

# The ONNX Runtime that `ort` 2.0.0-rc.15 is made for, as a wheel: the library
# inside does not depend on the Python version that the file name tells.
ONNX_VERSION=1.31.1
ONNX_DIR="$ROOT/.cache/onnxruntime"

say() { printf '%s\n' "$@" >&2; }

step() {
    say "== $1"
    shift
    "$@"
}

give_up() {
    say "$@"
    exit 1
}

# The programs with crash points and removable protections, put aside beside those that are released.
# Of the whole workspace, like the others, so that both share what they depend on.
build_faults() {
    local target="${CARGO_TARGET_DIR:-$ROOT/target}" program
    cargo build --locked --workspace --bins --features jobs/faults
    mkdir -p "$target/faults"
    for program in api booking waitlist notify thumbnail damage clock migration; do
        cp --remove-destination "$target/debug/$program" "$target/faults/"
    done
}

# What the tests need and nobody else does: the pages are tried in a real browser.
install_for_tests() {
    FOR_TESTS=yes install_all
}

# What only `bin/faults` needs: one of its rows shifts the clock of a process.
install_for_faults() {
    FOR_FAULTS=yes install_all
}

install_all() {
    install_packages
    install_onnx_runtime
}

# The names of the Debian packages whose programs are not there.
missing_packages() {
    command -v redis-server >/dev/null || [ -x /usr/bin/redis-server ] || echo redis-server
    has_postgres || echo postgresql
    { command -v cc && command -v make; } >/dev/null || echo build-essential
    # libjpeg-turbo is built from the source that its crate carries.
    command -v cmake >/dev/null || echo cmake
    command -v nasm >/dev/null || echo nasm
    python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
    [ -z "${FOR_FAULTS:-}" ] || has_faketime || echo libfaketime
    [ -z "${FOR_TESTS:-}" ] || command -v chromium >/dev/null || echo chromium
}

has_faketime() {
    compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null
}

# Debian keeps the server's programs off the PATH.
has_postgres() {
    command -v initdb >/dev/null && return
    local initdb
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$initdb" ] && return
    done
    return 1
}

install_packages() {
    local missing
    command -v cargo >/dev/null || give_up "A Rust toolchain is needed: https://rustup.rs"
    missing="$(missing_packages | tr '\n' ' ')"
    missing="${missing% }"
    [ -n "$missing" ] || return 0
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        may_sudo || give_up "These Debian packages are missing, and there is neither root nor sudo to install them:" \
            "  apt-get install --no-install-recommends $missing"
        as_root=(sudo)
    fi
    command -v apt-get >/dev/null || give_up "Please install what these Debian packages hold: $missing"
    say "== Installing $missing"
    # The packages' own servers are not used, so they are not started either.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive bash -c "$APT" -- $missing </dev/null >&2
}

# With a terminal, sudo may ask for a password; without one it must not need to.
may_sudo() {
    command -v sudo >/dev/null || return 1
    [ -t 0 ] || sudo -n true 2>/dev/null
}

# shellcheck disable=SC2016 # expanded by the shell that runs as root
APT='
set -eu
rule=/usr/sbin/policy-rc.d
if [ ! -e "$rule" ]; then
    printf "#!/bin/sh\nexit 101\n" >"$rule"
    chmod 755 "$rule"
    trap "rm -f $rule" EXIT
fi
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"
'

onnx_wheel() {
    case "$(uname -m)" in
    x86_64) echo "manylinux_2_28_x86_64 5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f" ;;
    aarch64 | arm64) echo "manylinux_2_28_aarch64 da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3" ;;
    *) give_up "There is no ONNX Runtime wheel for $(uname -m): set ORT_DYLIB_PATH to a library of your own." ;;
    esac
}

# Unpacks the library and puts its path into ORT_DYLIB_PATH, unless that names one.
install_onnx_runtime() {
    [ -z "${ORT_DYLIB_PATH:-}" ] || return 0
    local library="$ONNX_DIR/$ONNX_VERSION/onnxruntime/capi/libonnxruntime.so.$ONNX_VERSION"
    [ -e "$library" ] || unpack_onnx_runtime "$library"
    ln -sfn "$ONNX_VERSION/onnxruntime/capi/libonnxruntime.so.$ONNX_VERSION" "$ONNX_DIR/libonnxruntime.so"
    export ORT_DYLIB_PATH="$library"
}

unpack_onnx_runtime() {
    local platform sha256 part
    read -r platform sha256 <<<"$(onnx_wheel)"
    [ -n "$platform" ] || exit 1
    say "== Fetching ONNX Runtime $ONNX_VERSION"
    mkdir -p "$ONNX_DIR"
    part="$(mktemp -d "$ONNX_DIR/part.XXXXXX")"
    # Downloaded and not installed: a Python that its distribution manages
    # refuses installations.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary=:all: --implementation cp --python-version 3.11 --platform "$platform" \
        --dest "$part" "onnxruntime==$ONNX_VERSION" >&2
    echo "$sha256  $(echo "$part"/*.whl)" | sha256sum --check --quiet >&2 ||
        give_up "The ONNX Runtime wheel is not the expected one."
    python3 -m zipfile --extract "$part"/*.whl "$part/unpacked"
    rm -rf "${ONNX_DIR:?}/$ONNX_VERSION"
    mv "$part/unpacked" "$ONNX_DIR/$ONNX_VERSION"
    rm -rf "$part"
    [ -e "$1" ] || give_up "The ONNX Runtime wheel has no ${1##*/}."
}

# Builds everything in release mode and becomes the program of this name.
build_and_run() {
    local program="$1" argument
    shift
    for argument in "$@"; do
        case "$argument" in -h | --help | -V | --version) build_only "$program" && exec_built "$program" "$@" ;; esac
    done
    install_all
    (cd "$ROOT" && cargo build --release --locked --workspace --bins)
    exec_built "$program" "$@"
}

# The help needs no database, only the program that prints it.
build_only() {
    (cd "$ROOT" && cargo build --release --locked --quiet --bin "$1")
}

exec_built() {
    local program="$1" folder
    shift
    folder="${CARGO_TARGET_DIR:-$ROOT/target}"
    [ "${folder#/}" != "$folder" ] || folder="$ROOT/$folder"
    exec "$folder/release/$program" "$@"
}
