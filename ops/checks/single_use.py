#!/usr/bin/env python3
"""Counts static functions that are used exactly once, per folder and in all.

    ops/checks/single_use.py [--list]

A static function is counted by Universal ctags; a use is its name anywhere else in its own file. A helper that is called
once and whose name says no more than its line is better inlined. An entry of an operation table or a callback is used
once as a value, and cannot be: the last column counts these. This prints figures and fails nothing.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOPS = ("common", "proto", "kernels", "node", "coordinator")


def main():
    listed = subprocess.run(["git", "ls-files", *(f"{top}/**.c" for top in TOPS)], cwd=ROOT, capture_output=True,
                            text=True, check=True).stdout.split()
    tags = subprocess.run(["ctags", "--output-format=json", "--fields=+f", "--kinds-C=f", "-f", "-", *listed], cwd=ROOT,
                          capture_output=True, text=True, check=True).stdout
    texts = {}
    total, once, values = collections.Counter(), collections.Counter(), collections.Counter()
    for line in tags.splitlines():
        tag = json.loads(line)
        if not tag.get("file"):
            continue
        path = tag["path"]
        text = texts.setdefault(path, (ROOT / path).read_text(encoding="utf-8"))
        folder = path.rpartition("/")[0]
        total[folder] += 1
        if len(re.findall(rf"\b{tag['name']}\b", text)) == 2:  # the definition and one use
            once[folder] += 1
            values[folder] += len(re.findall(rf"\b{tag['name']}\b(?! *\()", text))
            if "--list" in sys.argv[1:]:
                print(f"{path}: {tag['name']}")
    def line(n, all_n, n_values, name):
        print(f"{n:5} of {all_n:5} = {100 * n / all_n:4.1f} %, {n_values:4} as a value  {name}")

    for folder in sorted(total):
        line(once[folder], total[folder], values[folder], folder)
    line(sum(once.values()), sum(total.values()), sum(values.values()), "all")


if __name__ == "__main__":
    main()
