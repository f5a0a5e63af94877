#!/usr/bin/env python3
"""Writes ucd_data.c: what Unicode 15 and 16 added, and which marks, punctuation and decompositions are younger than 8.0.

    pip install --target U15 unicodedata2==15.1.0
    pip install --target U16 unicodedata2==16.0.0
    gen_ucd.py U15 U16 > ucd_data.c

Wants a Python whose unicodedata is of Unicode 14.0 (3.11) and a perl of at least that, which knows the property Age.
"""
import subprocess
import sys
import unicodedata

AGES = r"""
for my $c (0 .. 0x10ffff) {
    next if $c >= 0xd800 && $c < 0xe000;
    my $s = chr $c;
    next if $s =~ /\p{Present_In=8.0}/ || $s !~ /\p{Present_In=14.0}/;
    printf "%d %d\n", $c, $s =~ /\p{Present_In=9.0}/ ? 9 : 10;
}"""
CATEGORIES = "import sys; sys.path.insert(0, sys.argv[1]); import unicodedata2 as u\n" \
    "for c in range(0x110000): print(u.category(chr(c)))"


def categories(folder):
    return subprocess.run([sys.executable, "-c", CATEGORIES, folder], check=True, capture_output=True, text=True).stdout.split()


def main():
    assert unicodedata.unidata_version == "14.0.0"
    u15, u16 = (categories(folder) for folder in sys.argv[1:3])
    lines = subprocess.run(["perl", "-e", AGES], check=True, capture_output=True, text=True).stdout.splitlines()
    age = dict(map(int, line.split()) for line in lines)
    ranges = []
    for c in range(0x110000):
        old = unicodedata.category(chr(c))
        if old == "Cn" != u16[c]:
            category, since = u16[c], 15 if u15[c] != "Cn" else 16
        elif c in age and (old[0] in "PM" or old == "Cf" or unicodedata.decomposition(chr(c))):
            category, since = old, age[c]
        else:
            continue
        if ranges and ranges[-1][1:] == [c - 1, category, since]:
            ranges[-1][1] = c
        else:
            ranges.append([c, c, category, since])
    print("/* ucd_data.c - code points younger than the libraries (see ucd.h); written by gen_ucd.py. */")
    print('#include "token/ucd.h"\n\n#include <utf8proc.h>\n')
    print("#define R(first, last, category, since) {0x##first, 0x##last, UTF8PROC_CATEGORY_##category, since}")
    print("/* clang-format off */\nconst struct hz_ucd_range hz_ucd_young[] = {")
    row = "   "
    for first, last, category, since in ranges:
        item = f" R({first:X}, {last:X}, {category.upper()}, {since}),"
        if len(row) + len(item) > 120:
            print(row)
            row = "   "
        row += item
    print(row + f"\n}};\n/* clang-format on */\nconst size_t hz_ucd_n_young = {len(ranges)};")


main()
