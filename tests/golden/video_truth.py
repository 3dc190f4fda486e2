#!/usr/bin/env python3
"""The generated films of tests/truth through `kithara analyze`, held to what is required of them; without models.

    video_truth.py --kithara build/bin/kithara [--whole]

Makes the small set (--whole: all of it) in an environment beside the build. Skipped (77) where that cannot be had. Closes
with `N passed, N failed`.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/truth")]
import media  # noqa: E402
from truthscore import judge, read  # noqa: E402

# Least values; of flashes taken for cuts the most.
REQUIRED = {"cut F1": .97, "fades and dissolves noticed": .7, "flashes taken for cuts": 2, "broken: right verdict": 1, "sound files: success": 1}
EXACT = ("order: ", "technical: ")


def make(folder, whole):
    python = media.environment("truth", (ROOT / "tests/truth/requirements.txt").read_text(encoding="utf-8"))
    if python:
        done = subprocess.run([python, ROOT / "tests/truth/make_truth.py", "--only", "video", *(() if whole else ("--small",)), "--out", folder],
                              check=False)
        if done.returncode == 0:
            return json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    print("skipped: the generated films cannot be made here (tests/truth/README.md)")
    sys.exit(77)


def analyse(program, folder, labels, out):
    files = [folder / row["folder"] / row["file"] for row in labels["files"]]
    with open(out, "wb") as lines:
        done = subprocess.run([program, "analyze", "--jsonl", "--options", "visual,quality,no_models", "--", *files], stdout=lines,
                              stderr=subprocess.DEVNULL, check=False)
    assert done.returncode in (0, 1), f"kithara analyze ends with {done.returncode}"
    return read.predictions(out, [row["file"] for row in labels["files"]])


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--kithara", type=pathlib.Path, required=True)
    ap.add_argument("--whole", action="store_true")
    args = ap.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="kithara-truth-") as folder:
        folder = pathlib.Path(folder)
        labels = make(folder, args.whole)
        docs = analyse(args.kithara.resolve(), folder, labels, folder / "messages.jsonl")
        verdicts, wrong = judge.broken(labels["files"], docs)
        table = judge.orderings(labels, docs) + judge.scenes(labels["files"], docs) + judge.technical(labels["files"], docs) + verdicts
    for name, value, judged, missing in table:
        least = 1 if name.startswith(EXACT) else REQUIRED.get(name)
        if least is None or value is None:
            continue
        good = value <= least if "flashes" in name else value >= least
        passed, failed = passed + good, failed + (not good)
        print(f"{'ok' if good else 'FAILED':7} {name:40} {value:.3f} of {judged} ({missing} missing), required {least}")
    for name, what in wrong:
        print(f"        {name}: {what}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
