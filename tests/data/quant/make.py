#!/usr/bin/env python3
"""Writes the reference vectors of tests/unit/quant: published blocks and their values, and what quantizing makes of x.

    make.py        needs gguf==0.19.0, whose numpy decoders equal ggml's dequantize_row_* and quantize_row_*_ref

<type>.blocks holds random blocks, <type>.values their values as float32; x.values holds 2,048 numbers, <type>.quantized
their blocks. The package has no Q8_K; its values are those of ggml's dequantize_row_q8_K: d * q, d a float32.

The order of operations cannot tell numpy from ggml's C: an f16 scale times a coded scale times a code has at most 24
significant bits, so products are exact. What rounds is one sum with the minimum (fused or not) or one product of Q8_K.
"""
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

HERE = Path(__file__).resolve().parent
SCALES = {  # where a block keeps its f16 scales, in bytes
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
ODD = np.array([0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x3c00, 0xbc00, 0x7bff, 0xfbff, 0x2e66], np.uint16)
# Behind the finite values of the dense types: infinities, quiet NaNs (a signalling one turns quiet in some conversions
# and not in others), what lies next to zero.
F16_ENDS = np.array([0x7c00, 0xfc00, 0x7e00, 0xfe00, 0x7e01, 0xff55, 0x03ff, 0x8001], np.uint16)
BF16_ENDS = np.array([0x7f80, 0xff80, 0x7fc0, 0xffc0, 0x0000, 0x8000, 0x0001, 0x8001], np.uint16)
VALUES = 2048
rng = np.random.default_rng(19)


def halves(n):
    """Finite f16 bits: the odd ones first, then of any size."""
    bits = rng.integers(0, 1 << 16, n, dtype=np.uint16)
    bits[bits & 0x7c00 == 0x7c00] &= 0xbfff
    bits[: len(ODD)] = ODD[:n]
    return rng.permutation(bits)


def write(name, kind, data):
    (HERE / f"{name}.{kind}").write_bytes(data.tobytes())


def superblocks_q8_k(n):
    d = rng.normal(size=n).astype(np.float32)
    d[:5] = 0, -0.0, 1e-45, -1e-40, -2e36  # nothing, subnormal, near the largest whose products are finite
    q = rng.integers(-128, 128, (n, 256), dtype=np.int8)
    sums = q.reshape(n, 16, 16).sum(2, dtype=np.int16)
    return np.hstack([d.view(np.uint8).reshape(n, 4), q.view(np.uint8), sums.view(np.uint8)]), d[:, None] * q


def main():
    x = rng.normal(size=VALUES).astype(np.float32)
    x[:32], x[32:64], x[64:96] = 0, 1e-7, -3  # blocks of nothing, of next to nothing, of one value
    x[96:128] *= 1e4
    write("x", "values", x)
    for name, at in SCALES.items():
        kind = GGMLQuantizationType[name]
        size, length = GGML_QUANT_SIZES[kind]
        blocks = rng.integers(0, 256, (max(VALUES // size, 16), length), dtype=np.uint8)
        for offset in at:
            blocks[:, offset:offset + 2] = halves(len(blocks)).view(np.uint8).reshape(-1, 2)
        if name == "Q6_K":
            blocks[:, 192:208] = np.arange(256).reshape(16, 16)  # each signed scale, -128 too
        write(name.lower(), "blocks", blocks)
        write(name.lower(), "values", quants.dequantize(blocks, kind))
        if size == 32:
            write(name.lower(), "quantized", quants.quantize(x, kind))
    blocks, values = superblocks_q8_k(VALUES // 256)
    write("q8_k", "blocks", blocks)
    write("q8_k", "values", values)
    f16 = np.append(halves(VALUES), F16_ENDS)
    write("f16", "blocks", f16)
    write("f16", "values", f16.view(np.float16).astype(np.float32))
    write("f16", "quantized", x.astype(np.float16))
    bf16 = rng.integers(0, 0x7f80, VALUES, dtype=np.uint16)
    bf16 |= rng.integers(0, 2, VALUES, dtype=np.uint16) << 15
    bf16 = np.append(bf16, BF16_ENDS)
    write("bf16", "blocks", bf16)
    write("bf16", "values", quants.dequantize(bf16.view(np.uint8), GGMLQuantizationType.BF16))
    write("bf16", "quantized", quants.quantize(x, GGMLQuantizationType.BF16))


main()
