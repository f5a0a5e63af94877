#!/bin/sh
# arm.sh SOURCE_DIR WORK_DIR [kcheck's arguments] - builds kcheck and what it needs for 64-bit ARM with the cross compiler
# and runs it under qemu. Exit 77 (skipped) where either is missing. Everything is built each time: it is little.
set -e
src=$1 out=$2
shift 2
cc=${HZ_ARM_CC:-aarch64-linux-gnu-gcc}
command -v "$cc" >/dev/null && command -v qemu-aarch64 >/dev/null || { echo "no aarch64 compiler or no qemu-aarch64"; exit 77; }
rm -rf "$out"
mkdir -p "$out"
cd "$src"
find src/base src/quant src/plan src/kern src/backend/*.c src/backend/cpu src/backend/null tests/kcheck -name '*.c' ! -path '*/x86/*' |
    xargs -P 2 -I{} sh -c '
        case $1 in *_dotprod.c) extra=-march=armv8.2-a+dotprod ;; *) extra= ;; esac
        exec "$2" -std=c17 -O2 -ffp-contract=off -fno-math-errno -Iinclude -Isrc -Itests $extra \
            -c "$1" -o "$3/$(echo "$1" | tr / _).o"' sh {} "$cc" "$out"
"$cc" -static "$out"/*.o -o "$out/kcheck" -lm -lpthread
export HZ_KCHECK_QEMU=1
qemu-aarch64 "$out/kcheck" --skip plan "$@"
# Plans take minutes here: the rung that has all the kernels stands for the others.
qemu-aarch64 "$out/kcheck" --check plan --rung dotprod "$@"
