#!/usr/bin/env python3
"""Checks the rules of the house that a compiler does not: run it by `make lint`.

  layers    every root-relative #include of src/ against the table in docs/ARCHITECTURE.md
  system    system headers only where the system is spoken to, a library's headers only where it is used
  calls     functions that no file below cli/ may call, and those that no file may call
  symbols   every global symbol of libhanzo.a begins with hz_
  headers   every header compiles alone, but for templates (*_tmpl.h), which take parameters from who includes them
  format    clang-format finds nothing to change
  size      files of at most 1,500 lines; functions over 150 (kernels: 250) are warned about

`tools/lint.py layers size` runs only those. Exit status 1 if anything but a warning was found.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
ARCHITECTURE = ROOT / "docs" / "ARCHITECTURE.md"
LIBRARY = ROOT / "build" / "release" / "libhanzo.a"
FILE_LINES, FUNCTION_LINES, KERNEL_LINES = 1500, 150, 250

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)

# Standard C, and our own public header: allowed everywhere.
STANDARD = set(
    """assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic
    stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype""".split()
)
PUBLIC = "hanzo/hanzo.h"
# Where the system itself may be spoken to.
SYSTEM_PLACES = ("base/os/", "cli/term_", "backend/metal/")
# Beginnings of other headers, and where they may stand.
LIBRARY_PLACES = {
    "json-c/": ("text/",),
    "pcre2.h": ("text/", "token/"),
    "utf8proc.h": ("text/", "token/"),
    "curl/": ("hub/",),
    "event2/": ("server/",),
    "histedit.h": ("cli/term_",),
    "editline/": ("cli/term_",),
    "immintrin.h": ("kern/x86/",),
    "arm_neon.h": ("kern/arm/",),
    "simde/": ("kern/",),
    "cuda": ("backend/cuda/",),
}
BANNED_BELOW_CLI = "printf fprintf vprintf vfprintf puts putchar perror exit _exit quick_exit abort getenv setenv".split()
BANNED_EVERYWHERE = "gets strcpy strcat sprintf vsprintf strtok alloca system".split()
CALL = re.compile(r"(?<![\w.>])(\w+)[ \t]*\(")


class Report:
    def __init__(self):
        self.errors = 0

    def error(self, path, line, words):
        self.errors += 1
        self.say(path, line, words)

    def warn(self, path, line, words):
        self.say(path, line, "warning: " + words)

    @staticmethod
    def say(path, line, words):
        path = Path(path)
        path = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        print(f"{path}:{line}: {words}" if line else f"{path}: {words}")


def sources(*folders, suffixes=(".c", ".h")):
    """Files that git knows or would know; in an unpacked tree without git, all of them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders],
        cwd=ROOT, capture_output=True,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return sorted(path for path in set(paths) if path.suffix in suffixes and path.is_file())


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def without_comments(text):
    """The text with comments and string contents blanked, lines kept."""
    def blank(match):
        kept = match.group(0)
        return kept if kept[0] == "#" else re.sub(r"[^\n]", " ", kept)
    return re.sub(r'#[ \t]*include[^\n]*|/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


# ---- layers ----------------------------------------------------------------------------------------------------------


class Rule:
    """What one folder may include: folders, single headers, and exceptions for folders inside it."""

    def __init__(self, number):
        self.number = number
        self.allowed = set()
        self.inner = {}  # "arch/" to (replaces, set)


def parse_allowed(words, folders, number):
    allowed = set()
    for word in re.split(r",|\band\b", words):
        word = word.strip().strip("`")
        if word in ("", "libc") or word.endswith("public header"):
            continue  # the standard headers and hanzo.h are everybody's
        if word == "all below":
            allowed |= {name for name, other in folders.items() if other < number}
        elif word in folders or word.endswith(".h"):
            allowed.add("backend/backend.h" if word == "backend.h" else word)
        else:
            raise ValueError(f"what is '{word}'?")
    return allowed


def read_table(path):
    """The rules of the table `| # | folder | lives there | may include |`."""
    rows, in_table = [], False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells == ["#", "folder", "lives there", "may include"]:
            in_table = True
        elif in_table and re.fullmatch(r"\d+", cells[0]) and len(cells) == 4:
            rows.append((number, int(cells[0]), cells[1].strip("`/"), cells[3]))
        elif in_table and not line.startswith("|"):
            break
    folders = {folder: rank for _, rank, folder, _ in rows}
    rules = {}
    for number, rank, folder, allowed in rows:
        rule = rules[folder] = Rule(rank)
        try:
            for i, clause in enumerate(allowed.split(";")):
                inner = re.fullmatch(r"\s*`?(\w+/)`? (alone also|only) (.*)", clause)
                if inner:
                    rule.inner[inner[1]] = (inner[2] == "only", parse_allowed(inner[3], folders, rank))
                elif i == 0:
                    rule.allowed = parse_allowed(clause, folders, rank)
                else:
                    raise ValueError(f"what is '{clause.strip()}'?")
        except ValueError as problem:
            sys.exit(f"{path}:{number}: cannot read the row of {folder}: {problem}")
        for other in rule.allowed | set().union(*(allowed for _, allowed in rule.inner.values())):
            if other in folders and folders[other] >= rank:
                sys.exit(f"{path}:{number}: {folder} may include {other}, which is not below it")
    return rules


def allowed_for(rules, inside):
    """What the file src/<inside> may include, its own folder aside."""
    folder, _, rest = inside.partition("/")
    rule = rules[folder]
    for inner, (replaces, extra) in rule.inner.items():
        if rest.startswith(inner):
            return (extra if replaces else rule.allowed | extra), (f"{folder}/{inner}" if replaces else f"{folder}/")
    return rule.allowed, f"{folder}/"


def check_layers(report, options):
    if not options.table.is_file():
        report.error(options.table, 0, "missing: the table of layers stands there")
        return
    rules = read_table(options.table)
    if not rules:
        report.error(options.table, 0, "has no table `| # | folder | lives there | may include |`")
        return
    for path in sources("src"):
        inside, text = path.relative_to(SRC).as_posix(), path.read_text()
        if inside.partition("/")[0] not in rules:
            report.error(path, 0, "lies in a folder that the table does not name")
            continue
        allowed, own = allowed_for(rules, inside)
        for match in INCLUDE.finditer(text):
            header = match[2]
            if match[1] == "<":
                continue
            if not (SRC / header).is_file():
                report.error(path, line_of(text, match.start()), f'"{header}" is not a path below src/')
            elif not (header.startswith(own) or header in allowed or header.partition("/")[0] in allowed):
                report.error(path, line_of(text, match.start()), f'may not include "{header}"')


# ---- text ------------------------------------------------------------------------------------------------------------


def place_of(header):
    """Where a header in angle brackets may stand; None: everywhere."""
    if header == PUBLIC or header.removesuffix(".h") in STANDARD:
        return None
    for beginning, places in LIBRARY_PLACES.items():
        if header.startswith(beginning):
            return places
    return SYSTEM_PLACES


def check_system(report, options):
    for path in sources("src"):
        inside, text = path.relative_to(SRC).as_posix(), path.read_text()
        for match in INCLUDE.finditer(text):
            places = place_of(match[2]) if match[1] == "<" else None
            if places and not inside.startswith(places):
                report.error(path, line_of(text, match.start()), f"<{match[2]}> belongs in {' or '.join(places)}")


def check_calls(report, options):
    for path in sources("src"):
        below_cli = not path.relative_to(SRC).as_posix().startswith("cli/")
        text = without_comments(path.read_text())
        for match in CALL.finditer(text):
            if match[1] in BANNED_EVERYWHERE or (below_cli and match[1] in BANNED_BELOW_CLI):
                report.error(path, line_of(text, match.start()), f"calls {match[1]}()")


def functions(text):
    """(name, first line, lines) of every function, by the house's layout: its braces stand in the first column."""
    lines = text.split("\n")
    start = None
    for i, line in enumerate(lines):
        if line == "{":
            start = i
        elif line == "}" and start is not None:
            head = start - 1
            while head > 0 and lines[head].startswith((" ", "\t")):
                head -= 1
            name = re.search(r"(\w+)\(", lines[head])
            yield (name[1] if name else "?"), head + 1, i - head + 1
            start = None


def check_size(report, options):
    for path in sources("src", "include", "tests", "tools", "bench", suffixes=(".c", ".h", ".py")):
        text = path.read_text()
        n = text.count("\n")
        if n > FILE_LINES:
            report.error(path, 0, f"{n} lines, more than {FILE_LINES}")
        most = KERNEL_LINES if path.is_relative_to(SRC / "kern") else FUNCTION_LINES
        for name, line, length in functions(text) if path.suffix != ".py" else ():
            if length > most:
                report.warn(path, line, f"{name} has {length} lines, more than {most}")


# ---- tools -----------------------------------------------------------------------------------------------------------


def check_symbols(report, options):
    if not LIBRARY.is_file():
        report.error(LIBRARY, 0, "missing: build the release first")
        return
    listed = subprocess.run(["nm", "-g", "--defined-only", LIBRARY], capture_output=True, text=True)
    if listed.returncode:
        report.error(LIBRARY, 0, listed.stderr.strip())
    for line in listed.stdout.splitlines():
        words = line.split()
        if len(words) == 3 and not words[2].startswith("hz_"):
            report.error(LIBRARY, 0, f"the global symbol {words[2]} does not begin with hz_")


def compiler_of(inside):
    """The command that compiles a header of src/ alone; None where this machine lacks the compiler."""
    if inside.startswith("kern/arm/"):
        cross = shutil.which("aarch64-linux-gnu-gcc")
        return [cross, "-march=armv8.2-a+dotprod+i8mm"] if cross else None
    command = [os.environ.get("CC", "cc")]
    if inside.startswith("kern/x86/"):
        command += ["-march=sapphirerapids"]
    return command


def check_headers(report, options):
    found = subprocess.run(["pkg-config", "--cflags", "json-c", "libpcre2-8", "libutf8proc"], capture_output=True, text=True)

    paths = [path for path in sources("src", "include", suffixes=(".h",)) if not path.name.endswith("_tmpl.h")]

    def compile_alone(path):
        inside = path.relative_to(SRC).as_posix() if path.is_relative_to(SRC) else path.name
        command = compiler_of(inside)
        if not command:
            return path, ""
        command += ["-std=c17", "-fsyntax-only", "-Wall", "-Iinclude", "-Isrc", *found.stdout.split(), "-x", "c", "-"]
        name = inside if path.is_relative_to(SRC) else "hanzo/" + inside
        done = subprocess.run(command, input=f'#include "{name}"\n', cwd=ROOT, capture_output=True, text=True)
        return path, done.stderr.strip()

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, complaint in pool.map(compile_alone, paths):
            if complaint:
                report.error(path, 0, "does not compile alone:\n" + "\n".join(complaint.splitlines()[:4]))


def check_format(report, options):
    program = shutil.which("clang-format")
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout if program else ""
    if " 14." not in version:
        report.error(ROOT / ".clang-format", 0, f"needs clang-format 14, found {version.strip() or 'none'}; `make lint` installs it")
        return
    paths = sources("src", "include", "tests", "bench")

    def run(chunk):
        return subprocess.run([program, "--dry-run", "--Werror", *chunk], capture_output=True, text=True).stderr

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for output in pool.map(run, (paths[i : i + 16] for i in range(0, len(paths), 16))):
            for path in sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", output, re.M))):
                report.error(path, 0, "clang-format would change it")


CHECKS = {
    "layers": check_layers,
    "system": check_system,
    "calls": check_calls,
    "symbols": check_symbols,
    "headers": check_headers,
    "format": check_format,
    "size": check_size,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checks", nargs="*", help="all of them if none is named")
    parser.add_argument("--table", type=Path, default=ARCHITECTURE, help="another file with the table of layers")
    options = parser.parse_args()
    unknown = set(options.checks) - set(CHECKS)
    if unknown:
        parser.error(f"no such check: {', '.join(sorted(unknown))}")
    report = Report()
    for name in options.checks or CHECKS:
        CHECKS[name](report, options)
    print(f"lint: {report.errors} found" if report.errors else "lint: clean")
    return report.errors > 0


if __name__ == "__main__":
    sys.exit(main())
