# Shared by the scripts of this folder: paths, packages, messages.
# shellcheck shell=bash
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${KITHARA_BUILD:-$ROOT/build}
JOBS=$(nproc)
MUSIC_PACKAGE=wesnoth-1.16-music
MUSIC_FOLDER=/usr/share/games/wesnoth/1.16/data/core/music

# Packages for building and running; in addition for the tests; for ops/check; for ops/bench. libdnnl-dev's CMake files
# look for OpenCL (ocl-icd-opencl-dev), which the package only recommends.
BUILD_PACKAGES="build-essential cmake ninja-build pkg-config libzmq3-dev libczmq-dev libmsgpack-dev libjansson-dev
    libsodium-dev libsoxr-dev libsqlite3-dev libmicrohttpd-dev libcurl4-openssl-dev zlib1g-dev libseccomp-dev libavformat-dev
    libavcodec-dev libavutil-dev libswresample-dev libcairo2-dev libpq-dev librabbitmq-dev libhiredis-dev libssl-dev
    libdnnl-dev ocl-icd-opencl-dev libxxhash-dev libyaml-dev libsystemd-dev libtag1-dev"
TEST_PACKAGES="libcriterion-dev ffmpeg python3 python3-venv sqlite3 $MUSIC_PACKAGE
    postgresql rabbitmq-server redis-server libfaketime python3-pika python3-psycopg2
    python3-zmq python3-msgpack python3-numpy python3-pandas python3-xxhash python3-yaml python3-h5py python3-onnx python3-mutagen"
CHECK_PACKAGES="clang libclang-rt-14-dev clang-format clang-tidy universal-ctags"
BENCH_PACKAGES="valgrind"

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$1"
    exit "${2:-1}"
}

# Prints the named packages that are not installed, one per line.
missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || printf '%s\n' "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs the named packages that are missing. Servers among them are not started (RUNLEVEL): the tests start private
# ones.
install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -eq 0 ] && return 0
    command -v apt-get >/dev/null || die "missing: ${missing[*]}; this script supports only Debian's apt-get"
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || die "missing: ${missing[*]}; run ops/setup as root"
    say "installing: ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}
