#!/usr/bin/env python3
"""The CTest entries of a folder of Criterion tests: one for each file, with the filter that chooses exactly its tests.

    entries.py FOLDER                  a line for each file: NAME TAB FILTER; NAME is the path without `_test.c`
    entries.py FOLDER --check PROGRAM  whether those filters choose each test of the program once; closes with N passed, N failed

A suite that one file has to itself is chosen whole, so that a new test in it is found without a new configuration; of a suite
that files share, each test is named. Criterion supports `@(a|b)`, not `{a,b}`.
"""
import argparse
import collections
import fnmatch
import pathlib
import re
import subprocess
import sys

TEST = re.compile(r"^[ \t]*(?:Test\(|ParameterizedTest\([^,]*,|Theory\(\(.*\),)\s*([\w#]+)\s*,\s*([\w#]+)", re.M)
SHOWN = 20  # of the tests that are in no entry, or in several
MACRO = re.compile(r"^#define (\w+)\(([\w, ]+)\)((?:.*\\\n)*.*)", re.M)


def macros(folder):
    """Macros of the folder's headers that make tests: macro -> (parameters, suites and names of its tests)."""
    found = {}
    for path in sorted(folder.rglob("*.h")):
        for macro, parameters, body in MACRO.findall(path.read_text()):
            if made := TEST.findall(body):
                found[macro] = ([p.strip() for p in parameters.split(",")], made)
    return found


def expand(word, values):
    """A word of a macro's body, of parts that `##` joins, with the values of the parameters."""
    return "".join(values.get(part.strip(), part.strip()) for part in word.split("##"))


def tests(folder):
    """File -> its tests, as suite/name."""
    made, found = macros(folder), {}
    for path in sorted(folder.rglob("*.c")):
        text = path.read_text()
        ids = [f"{suite}/{name}" for suite, name in TEST.findall(text)]
        for macro, (parameters, all_made) in made.items():
            for call in re.findall(rf"^{macro}\(([^;\n]*)\)$", text, re.M):
                values = dict(zip(parameters, (value.strip() for value in call.split(","))))
                ids += [f"{expand(suite, values)}/{expand(name, values)}" for suite, name in all_made]
        if ids:
            found[path] = ids
    return found


def entries(folder):
    """Name -> filter."""
    found = tests(folder)
    homes = collections.defaultdict(set)
    for path, ids in found.items():
        for one in ids:
            homes[one.split("/")[0]].add(path)
    lines = {}
    for path, ids in found.items():
        wanted = dict.fromkeys(f"{suite}/*" if len(homes[suite]) == 1 else one for one in ids for suite in [one.split("/")[0]])
        name = re.sub(r"(/|_)test$", "", str(path.relative_to(folder).with_suffix("")))
        if name in lines:
            sys.exit(f"two files of {folder} would be the entry {name}")
        lines[name] = f"@({'|'.join(wanted)})" if len(wanted) > 1 else next(iter(wanted))
    return lines


def of_program(program):
    """The tests of a program, by its own list."""
    found, suite = [], None
    for line in subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.splitlines():
        if heading := re.match(r"(\w+): \d+ tests?$", line):
            suite = heading[1]
        elif row := re.match(r"\W+(\w+)", line):
            found.append(f"{suite}/{row[1]}")
    return found


def check(folder, program):
    """Each test of the program belongs to one entry, and each entry has tests."""
    there, wrong, right = of_program(program), 0, 0
    chosen = collections.Counter()
    for name, pattern in entries(folder).items():
        mine = [t for t in there if any(fnmatch.fnmatchcase(t, p) for p in pattern.removeprefix("@(").removesuffix(")").split("|"))]
        chosen.update(mine)
        if not mine:
            wrong += 1
            print(f"FAILED  {name}: no test of the program is chosen by {pattern}")
    for one in there:
        right += chosen[one] == 1
        if chosen[one] != 1:
            wrong += 1
            if wrong <= SHOWN:
                print(f"FAILED  {one}: in {chosen[one]} entries, not in one")
    print(f"{int(wrong == 0 and right > 0)} passed, {wrong + (right == 0)} failed")
    return wrong == 0 and right > 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=lambda given: pathlib.Path(given).resolve())
    parser.add_argument("--check", metavar="PROGRAM")
    arguments = parser.parse_args()
    if arguments.check:
        sys.exit(0 if check(arguments.folder, arguments.check) else 1)
    for name, pattern in entries(arguments.folder).items():
        print(f"{name}\t{pattern}")


if __name__ == "__main__":
    main()
