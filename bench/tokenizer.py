#!/usr/bin/env python3
"""Our tokenizer beside the `tokenizers` package: the same lines, one thread, in turns; best of the rounds.

usage: bench/tokenizer.py TEXT TOKENIZER.json... [--rounds N]

Without the package (pip install tokenizers==0.23.3) ours is timed alone."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
OURS = Path(__file__).resolve().parent.parent / "build" / "release" / "bench" / "tokenizer_bench"


def ours(path, text):
    return json.loads(subprocess.check_output([OURS, path, text, "1"]))


def theirs(path, text):
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    start = time.perf_counter()
    tokenizer = Tokenizer.from_file(path)
    loaded = time.perf_counter() - start
    data = Path(text).read_bytes()
    lines = data.decode().splitlines(keepends=True)
    best, n_ids, start = 0.0, 0, time.perf_counter()
    while time.perf_counter() - start < 1 or not best:
        begin = time.perf_counter()
        n_ids = sum(len(tokenizer.encode(line, add_special_tokens=False).ids) for line in lines)
        best = max(best, len(data) / (time.perf_counter() - begin) * 1e-6)
    return {"load_s": loaded, "mb_per_s": best, "ids": n_ids}


def main():
    arguments = sys.argv[1:]
    rounds = 3
    if "--rounds" in arguments:
        at = arguments.index("--rounds")
        rounds = int(arguments[at + 1])
        del arguments[at : at + 2]
    if len(arguments) < 2:
        sys.exit(__doc__)
    text, paths = arguments[0], arguments[1:]
    for path in paths:
        runs = [(ours(path, text), theirs(path, text)) for _ in range(rounds)]
        mine = max(r[0]["mb_per_s"] for r in runs), min(r[0]["load_s"] for r in runs), runs[0][0]["ids"]
        print(f"{path}: hanzo {mine[0]:.2f} MB/s, loads in {mine[1]:.2f} s", end="")
        if runs[0][1]:
            other = max(r[1]["mb_per_s"] for r in runs), min(r[1]["load_s"] for r in runs), runs[0][1]["ids"]
            print(f"; tokenizers {other[0]:.2f} MB/s, loads in {other[1]:.2f} s; ratio {mine[0] / other[0]:.2f}"
                  f"; {'same' if mine[2] == other[2] else 'OTHER'} number of ids", end="")
        print()


if __name__ == "__main__":
    main()
