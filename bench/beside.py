#!/usr/bin/env python3
"""Our speed beside llama.cpp's on the same GGUF: prompt, decoding, decoding behind a context.

usage: bench/beside.py MODEL.gguf... --llama DIR [--threads N] [--rounds N] [--depth N] [--json OUT] [--svg OUT]
       bench/beside.py --from OUT.json --svg OUT.svg

DIR holds llama-bench. The engines take turns, and the order turns round from round to round. llama.cpp runs with and without
flash attention, its better median counts. Others' use of the processors is told with the figures: engines that spin
at barriers lose far more than it to a busy neighbour, so above a few percent a comparison says little."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

OURS = Path(__file__).resolve().parent.parent / "build" / "release" / "hanzo"


def busy():
    """CPU seconds that the whole machine has worked, or has been kept from it by its host."""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:9]]
    return (sum(v) - v[3] - v[4]) / os.sysconf("SC_CLK_TCK")


def timed(command):
    """Output and the share of the processors that others used meanwhile."""
    start, before, own = time.monotonic(), busy(), os.times()
    out = subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    end = os.times()
    mine = end.children_user + end.children_system - own.children_user - own.children_system
    return json.loads(out), max(0.0, busy() - before - mine) / (time.monotonic() - start) / os.cpu_count()


def hanzo(model, prompt, gen, depth, args):
    out, others = timed([OURS, "bench", "-m", model, "-p", prompt, "-n", gen, "-d", depth, "-r", 1, "--json",
                         "--threads", args.threads])
    return {"hanzo": out["results"][0]["tok_per_s"]}, others


def llama(model, prompt, gen, depth, args):
    out, others = timed([Path(args.llama) / "llama-bench", "-m", model, "-p", prompt, "-n", gen, "-d", depth, "-r", 1,
                         "-fa", "0,1", "-t", args.threads, "-o", "json"])
    return {f"llama.cpp fa{r['flash_attn']}": r["avg_ts"] for r in out}, others


def measure(model, args):
    tests = {"prompt 512": (512, 0, 0), "decode 64": (0, 64, 0), f"decode 64 behind {args.depth}": (0, 64, args.depth)}
    samples, worst = {t: {} for t in tests}, 0.0
    for i in range(args.rounds):
        for test, numbers in tests.items():
            for engine in (hanzo, llama) if i % 2 == 0 else (llama, hanzo):
                found, others = engine(model, *numbers, args)
                worst = max(worst, others)
                for name, value in found.items():
                    samples[test].setdefault(name, []).append(value)
    rows = []
    for test, found in samples.items():
        medians = {name: statistics.median(values) for name, values in found.items()}
        rows.append({"test": test, "hanzo": medians.pop("hanzo"), "llama.cpp": max(medians.values())})
    return {"model": Path(model).stem, "others": worst, "rows": rows, "samples": samples}


def table(run):
    print(f"\n| {run['model']} | hanzo | llama.cpp | |\n|---|---|---|---|")
    for r in run["rows"]:
        print(f"| {r['test']}, tok/s | {r['hanzo']:.0f} | {r['llama.cpp']:.0f} | {r['hanzo'] / r['llama.cpp']:.1f} x |")
    print(f"\nOther processes used at most {100 * run['others']:.0f} % of the processors during a run.")


def svg(report):
    """Bars of our speed over llama.cpp's, whose own is the line at 1."""
    scale, left, line = 95, 400, 22
    bars = [(run["model"], r["test"], r["hanzo"] / r["llama.cpp"]) for run in report["runs"] for r in run["rows"]]
    width, height = left + int(scale * (max(b[2] for b in bars) + 0.6)), line * (len(bars) + 2)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
           f'font-size="13"><rect width="100%" height="100%" fill="white"/>'
           f'<text x="8" y="16">tokens per second, llama.cpp = 1; {report["machine"]}</text>']
    for i, (model, test, ratio) in enumerate(bars):
        y = line * (i + 1) + 6
        out.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{model}, {test}</text>'
                   f'<rect x="{left}" y="{y}" width="{scale * ratio:.0f}" height="{line - 6}" fill="#2b6cb0"/>'
                   f'<text x="{left + scale * ratio + 6:.0f}" y="{y + 13}">{ratio:.1f}</text>')
    out.append(f'<line x1="{left + scale}" y1="{line}" x2="{left + scale}" y2="{height - line // 2}" '
               'stroke="black" stroke-dasharray="4 3"/></svg>')
    return "\n".join(out) + "\n"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("models", nargs="*")
    p.add_argument("--llama")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--depth", type=int, default=2048)
    p.add_argument("--json")
    p.add_argument("--svg")
    p.add_argument("--from", dest="source")
    args = p.parse_args()
    if args.source:
        report = json.loads(Path(args.source).read_text())
    elif args.models and args.llama:
        doctor = json.loads(subprocess.check_output([OURS, "doctor", "--json"]))
        machine = f"{doctor['machine']['cpu']}, {doctor['checks'][0]['found']}, {args.threads} threads"
        report = {"machine": machine, "runs": [measure(m, args) for m in args.models]}
    else:
        sys.exit(__doc__)
    for run in report["runs"]:
        table(run)
    if args.json:
        Path(args.json).write_text(json.dumps(report, indent=1) + "\n")
    if args.svg:
        Path(args.svg).write_text(svg(report))


main()
