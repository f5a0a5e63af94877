#!/usr/bin/env python3
"""Writes ucd_scripts.c: the scripts that the pre-tokenizer UnicodeScripts cuts between, by asking it.

    pip install tokenizers==0.23.3
    gen_scripts.py > ucd_scripts.c
"""
from tokenizers import pre_tokenizers

HEAD = """/* ucd_scripts.c - scripts as the pre-tokenizer UnicodeScripts of `tokenizers` has them; written by gen_scripts.py. */
#include "token/ucd.h"

#include <stddef.h>

static const struct {
    uint32_t first, last;
    uint8_t script;
} scripts[] = {
    /* clang-format off */"""

TAIL = """    /* clang-format on */
};

int hz_ucd_script(uint32_t cp)
{
    size_t lo = 0, hi = sizeof scripts / sizeof *scripts;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cp > scripts[mid].last)
            lo = mid + 1;
        else if (cp < scripts[mid].first)
            hi = mid;
        else
            return scripts[mid].script;
    }
    return 0;
}"""


def pieces(text):
    return [start for _, (start, _) in pre_tokenizers.UnicodeScripts().pre_tokenize_str(text)]


def main():
    # What is of any script joins whatever stands before it, here Latin and Greek.
    known = [c for c in map(chr, range(0x110000)) if not "\ud800" <= c < "\ue000"
             and (pieces(f"a{c}\u03b1") != [0, 2] or pieces(f"\u03b1{c}a") != [0, 2])]
    starts, ranges = set(pieces("".join(known))), []
    for i, c in enumerate(known):
        if i in starts or ord(c) != ranges[-1][1] + 1:
            ranges.append([ord(c), ord(c)])
        ranges[-1][1] = ord(c)
    first = []  # of each script
    print(HEAD)
    row = "   "
    for low, high in ranges:
        script = next((i for i, c in enumerate(first) if pieces(c + chr(low)) == [0]), len(first))
        if script == len(first):
            first.append(chr(low))
        item = f" {{0x{low:X}, 0x{high:X}, {script + 1}}},"
        if len(row) + len(item) > 120:
            print(row)
            row = "   "
        row += item
    print(row)
    print(TAIL)


main()
