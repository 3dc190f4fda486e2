#!/usr/bin/env python3
"""Checks that every log id of the sources has a row in common/log/ids.def, and every row an id."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALL = re.compile(r"kt_log_(?:debug|info|warn|error|at)\(")
ID = re.compile(r'"([A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*)"')


def ids_of(text):
    """The first argument of each call, without conditions: texts in capitals before the comma that ends it."""
    for call in CALL.finditer(text):
        depth, at = 0, call.end()
        while at < len(text) and not (depth == 0 and text[at] in ",)"):
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        first = text[call.end():at]
        if "kt_log_at(" in call.group():  # the level, then the id
            comma = text.find(",", at + 1)
            first = text[at:comma]
        yield from ID.findall(first)


def main():
    files = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    files = [name for name in files if not name.startswith("tests/") and name not in ("common/log.c", "common/log.h")]
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in files}
    used = {one: name for name, text in texts.items() for one in ids_of(text)}
    rows = set(re.findall(r'^KT_LOG_ID\("([A-Z0-9-]+)"', (ROOT / "common/log/ids.def").read_text(encoding="utf-8"), re.M))
    whole = "\n".join(texts.values())
    missing = sorted(set(used) - rows)
    unused = sorted(one for one in rows if f'"{one}"' not in whole)
    for one in missing:
        print(f"{used[one]}: {one} has no row in common/log/ids.def")
    for one in unused:
        print(f"common/log/ids.def: {one} is not logged")
    return 1 if missing or unused else 0


if __name__ == "__main__":
    sys.exit(main())
