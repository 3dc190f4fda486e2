#!/usr/bin/env python3
"""hardening.py BUILD -- what the compiler and the linker put into programs and libraries against errors of memory: a
position-independent program, relocations that are read-only, no executable stack, canaries, checked functions of the C library;
and in objects the marks of indirect branches and shadow stacks, which a program has only where the system's start files have them."""
import pathlib
import re
import subprocess
import sys

PROGRAMS = ("bin/kithara", "bin/kithara-coordinator", "bin/kithara-node", "bin/kithara-decode", "lib/libkithara.so.1")


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *arguments], check=True, capture_output=True, text=True).stdout


def faults(path):
    header, segments, dynamic = readelf("-h", path), readelf("-l", path), readelf("-d", path)
    symbols = readelf("--dyn-syms", path)
    rows = {
        "position-independent": re.search(r"Type:\s+DYN", header),
        "read-only relocations": "GNU_RELRO" in segments and re.search(r"\bNOW\b", dynamic),
        "no executable stack": re.search(r"GNU_STACK.*\bRW\s", segments),
        "no path of the build": not re.search(r"\(R(UN)?PATH\).*\[/", dynamic),
        "stack canaries": "__stack_chk_fail" in symbols,
        "checked C library": re.search(r"__\w+_chk@", symbols),
    }
    return [name for name, good in rows.items() if not good]


def main():
    build, bad = pathlib.Path(sys.argv[1]), 0
    for name in PROGRAMS:
        missing = faults(build / name)
        bad += bool(missing)
        print(f"{name}: {'lacks ' + ', '.join(missing) if missing else 'hardened'}")
    objects = sorted(path for path in build.rglob("*.c.o") if "tests" not in path.relative_to(build).parts)
    unmarked = [path for path in objects if "IBT, SHSTK" not in readelf("-n", path)]
    print(f"{len(objects)} objects, {len(unmarked)} without branch targets and shadow stack: {' '.join(p.name for p in unmarked[:5])}")
    return 1 if bad or unmarked or not objects else 0


if __name__ == "__main__":
    sys.exit(main())
