#!/usr/bin/env python3
"""Adds up what the test programs of one ctest run said, and closes with 'N passed, N failed[, N skipped]'.

A program says either Criterion's synthesis line or 'N passed, N failed[, N skipped]'. One that failed without saying how
many (it crashed, or ran out of time) counts as one failure, so that a broken program can never look like success.
"""
import re
import sys

LINE = re.compile(r"^\d+: (.*)$")
SYNTHESIS = re.compile(r"Synthesis: Tested: .*?(\d+).*?Passing: .*?(\d+).*?Failing: .*?(\d+).*?Crashing: .*?(\d+)")
PLAIN = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
VERDICT = re.compile(r"^\s*\d+/\d+ Test\s+#(\d+): (\S+) \.*\s*(\*\*\*)?\s*(\w+)")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def main():
    passed = failed = skipped = 0
    said = {}
    for raw in open(sys.argv[1], encoding="utf-8", errors="replace"):
        text = ESCAPES.sub("", raw.rstrip("\n"))
        number = text.split(":", 1)[0]
        line = LINE.match(text)
        if line:
            synthesis, plain = SYNTHESIS.search(line[1]), PLAIN.match(line[1])
            if synthesis:
                tested, ok, bad, crashed = map(int, synthesis.groups())
                said[number] = (ok, bad + crashed, tested - ok - bad - crashed)
            elif plain:
                said[number] = (int(plain[1]), int(plain[2]), int(plain[3] or 0))
            continue
        verdict = VERDICT.match(text)
        if not verdict:
            continue
        ok, bad, left = said.get(verdict[1], (0, 0, 0))
        if verdict[4] == "Skipped":
            skipped += max(left, 1)
            continue
        good = verdict[4] == "Passed"
        if good and not ok and not bad:
            ok = 1
        if not good and not bad:
            bad = 1
        passed, failed, skipped = passed + ok, failed + bad, skipped + left
    if int(sys.argv[2]) and not failed:
        failed = 1
    if not passed and not failed:
        print("no test was run", file=sys.stderr)
        failed = 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
