#!/bin/sh
# Installs what the build and the tests need and this machine lacks (Debian, Ubuntu); says nothing if nothing is missing.
# tools/setup.sh         what `make build` and `make test` need
# tools/setup.sh --dev   also clang and its tools, the cross compiler and the emulator for the ARM kernels
set -eu

missing=

# command_of COMMAND PACKAGE...
command_of() {
    command -v "$1" >/dev/null 2>&1 && return
    shift
    missing="$missing $*"
}

# library_of PKG_CONFIG_NAME PACKAGE
library_of() {
    { command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "$1"; } || missing="$missing $2"
}

# header_of HEADER PACKAGE: for what has no pkg-config file everywhere
header_of() {
    echo "#include <$1>" | cc -E - >/dev/null 2>&1 || missing="$missing $2"
}

command_of make make
command_of cc gcc libc6-dev
command_of cmake cmake
command_of ninja ninja-build
command_of pkg-config pkg-config
command_of python3 python3
command_of curl curl ca-certificates
library_of json-c libjson-c-dev
library_of libpcre2-8 libpcre2-dev
library_of libutf8proc libutf8proc-dev
library_of libedit libedit-dev
library_of cmocka libcmocka-dev
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing="$missing python3-pip python3-venv"

if [ "${1-}" = --dev ]; then
    command_of clang clang
    command_of clang-tidy clang-tidy
    command_of qemu-aarch64 qemu-user
    command_of aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    header_of simde/simde-common.h libsimde-dev
fi

install_missing() {
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "setup: missing, by their names on Debian:$missing" >&2
        echo "setup: install them with this system's package manager" >&2
        return 1
    fi
    if [ -n "$as_root" ] && ! command -v sudo >/dev/null 2>&1; then
        echo "setup: not root and no sudo; as root run: apt-get install -y$missing" >&2
        return 1
    fi
    echo "setup: installing$missing"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # shellcheck disable=SC2086 # the list is meant to split
    if ! { $as_root apt-get update -qq &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "setup: that failed; run by hand: $as_root apt-get install -y$missing" >&2
        return 1
    fi
}

[ -z "$missing" ] || install_missing

# Debian keeps clang's runtime for fuzzing apart from clang; elsewhere it comes with it.
if [ "${1-}" = --dev ] && [ ! -e "$(clang --print-file-name="libclang_rt.fuzzer-$(uname -m).a")" ]; then
    missing=libclang-rt-dev
    install_missing || echo "setup: without it make fuzz cannot run" >&2
fi

# Older systems have a CMake that cannot read our presets; a newer one comes as a Python package into .venv, which the
# Makefile looks into first.
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
if ! cmake --version | python3 -c '
import re, sys
found = re.search(r"(\d+)\.(\d+)", sys.stdin.read())
sys.exit((int(found[1]), int(found[2])) < (3, 25))'; then
    echo "setup: CMake 3.25 is needed, installing it into .venv"
    python3 -m venv .venv
    .venv/bin/pip install -q --disable-pip-version-check 'cmake>=3.25,<4'
fi
