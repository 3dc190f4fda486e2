#!/usr/bin/env python3
"""Checks the names that the product's objects export: kt_ (constants KT_) in front, and each used by another file.

    ops/checks/symbols.py BUILD

Reads the objects of a finished build with nm. A function that is used in its own file alone should be static; one that
nothing uses should go. ALLOWED lists the exceptions, each with its reason. libkithara exports the functions that its
header declares and its version script names, and nothing else. Prints each breach; exit 1 if there is one.
"""
import collections
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCT = ("common", "proto", "kernels", "models", "node", "lib", "coordinator")
ALLOWED = {
    "main": "the entry of a program",
    "kithara_gpu_backend": "looked up in the loaded GPU library",
    "kithara_*": "the public functions of libkithara, checked by library()",
    "kt_*_base": "kernels: one row per instruction set, chosen by a table",
    "kt_*_avx2": "the same",
    "kt_*_avx512": "the same",
}


def symbols(file):
    """(defined functions, undefined names) of one object."""
    listed = subprocess.run(["nm", "-P", file], capture_output=True, text=True, check=True).stdout
    defined, wanted, data = set(), set(), set()
    for line in listed.splitlines():
        name, kind = line.split()[:2]
        if kind == "T":
            defined.add(name)
        elif kind in "DBR":
            data.add(name)
        elif kind == "U":
            wanted.add(name)
    return defined, data, wanted


def library(build):
    """Breaches of libkithara's interface: header, version script and shared object name the same functions."""
    header = set(re.findall(r"^KITHARA_API[^;]*?(kithara_\w+)\(", (ROOT / "lib/kithara.h").read_text("utf-8"), re.MULTILINE))
    script = set(re.findall(r"^\s+(kithara_\w+);", (ROOT / "lib/kithara.map").read_text("utf-8"), re.MULTILINE))
    listed = subprocess.run(["nm", "-DP", "--defined-only", build / "lib/libkithara.so"], capture_output=True, text=True,
                            check=True).stdout
    exported = {line.split("@")[0].split()[0] for line in listed.splitlines() if line.split()[1] != "A"}
    for name in sorted(header | script | exported):
        places = [place for place, names in (("lib/kithara.h", header), ("lib/kithara.map", script),
                                             ("libkithara.so", exported)) if name not in names]
        if places:
            yield f"{name} is not in {', '.join(places)}"


def main():
    build = pathlib.Path(sys.argv[1])
    users, owners, breaches = collections.Counter(), {}, []
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    for path in sorted(set(re.findall(r" -o (\S+\.c\.o)", " ".join(command["command"] for command in commands)))):
        file = build / path
        if not file.exists():
            continue  # a target that is not built by default
        defined, data, wanted = symbols(file)
        users.update(wanted)
        if not path.startswith(PRODUCT) or "cudasim" in path or "_sim" in path:
            continue
        for name in defined | data:
            if name.startswith("__") or any(fnmatch.fnmatch(name, pattern) for pattern in ALLOWED):
                continue
            if not name.startswith("kt_") and not (name in data and name.startswith("KT_")):
                breaches.append(f"{path}: {name} does not begin with kt_")
            owners[name] = path
    if not owners:
        sys.exit(f"{build}: no objects; build first")
    breaches += [f"{path}: {name} is used by no other file" for name, path in owners.items() if not users[name]]
    breaches += library(build)
    print("\n".join(sorted(breaches)), end="\n" if breaches else "")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
