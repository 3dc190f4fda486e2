#!/usr/bin/env python3
"""Sizes: a file at most 800 lines, a header at most 150, a function at most 70 (Universal ctags tells where they end).

Prints each breach as FILE:LINE: sentence; exit 1 if there is one.
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE_LINES, HEADER_LINES, FUNCTION_LINES = 800, 150, 70
# Headers that are no contract: code that is inlined, or the inside of one test program.
INSIDES = {"kernels/cpu/simd.h", "tests/sim/sim.h"}


def sources():
    for pattern in ("*.c", "*.h", "*.cpp", "*.cu", "*.cuh", "*.py"):
        for file in sorted(ROOT.rglob(pattern)):
            path = file.relative_to(ROOT)
            if not path.parts[0].startswith("build") and "venv" not in path.parts:
                yield path


def main():
    found, c_files = 0, []
    for path in sources():
        lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        most = HEADER_LINES if path.suffix == ".h" and path.as_posix() not in INSIDES else FILE_LINES
        if lines > most:
            print(f"{path}:1: {lines} lines, at most {most}")
            found += 1
        if path.suffix in (".c", ".cpp", ".cu"):
            c_files.append(str(path))
    tags = subprocess.run(["ctags", "--output-format=json", "--fields=+ne", "--kinds-C=f", "--kinds-C++=f", "-f", "-", *c_files],
                          cwd=ROOT, capture_output=True, text=True, check=True)
    for line in tags.stdout.splitlines():
        tag = json.loads(line)
        length = tag.get("end", tag["line"]) - tag["line"] + 1
        if length > FUNCTION_LINES:
            print(f"{tag['path']}:{tag['line']}: {tag['name']} has {length} lines, at most {FUNCTION_LINES}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
