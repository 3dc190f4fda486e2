#!/usr/bin/env python3
"""Counts static functions that are used exactly once, per folder and in all.

    ops/checks/single_use.py [--list]

A static function is counted by Universal ctags; a use is its name anywhere else in its own file. A helper that is called
once and whose name says no more than its line is better inlined. This prints figures and fails nothing.
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
    total, once = collections.Counter(), collections.Counter()
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
            if "--list" in sys.argv[1:]:
                print(f"{path}: {tag['name']}")
    for folder in sorted(total):
        print(f"{once[folder]:5} of {total[folder]:5}  {folder}")
    print(f"{sum(once.values()):5} of {sum(total.values()):5}  all: {100 * sum(once.values()) / sum(total.values()):.1f} %")


if __name__ == "__main__":
    main()
