#!/usr/bin/env python3
"""ops/bench video-accuracy: the scorers' lines of films whose features are known.

    video_accuracy.py [--truth FOLDER] [--real FOLDER] [--options LIST] [--all] [--keep FOLDER]

FOLDER has labels.json. Without --truth the generated films are made in a temporary folder (tests/truth/README.md has what
that needs). --all lets models see every sampled picture (ANALYZER_VIDEO_PICTURES=0); models are those of
ANALYZER_MODEL_PATH, --options no_models does without. --keep stores the messages (truth.jsonl, real.jsonl).
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import media  # noqa: E402

KITHARA = str(pathlib.Path(os.environ["KITHARA_BIN"]) / "kithara")
TRUTH = ROOT / "tests/truth"


def generated(folder):
    """The generated films; None where they cannot be made."""
    python = media.environment("truth", (TRUTH / "requirements.txt").read_text(encoding="utf-8"))
    if not python:
        return None
    done = subprocess.run([python, TRUTH / "make_truth.py", "--only", "video", "--out", folder], check=False)
    return folder if done.returncode == 0 else None


def analyse(files, out, options):
    """One message a line; a file that cannot be analysed has one too."""
    command = [KITHARA, "analyze", "--jsonl", *(("--options", options) if options else ()), "--", *files]
    began = time.monotonic()
    with open(out, "wb") as lines:
        done = subprocess.run(list(map(str, command)), stdout=lines, stderr=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"kithara analyze ends with {done.returncode}")
    print(f"{len(files)} files in {time.monotonic() - began:.0f} s", flush=True)


def score(program, labels, results, *more):
    subprocess.run([sys.executable, TRUTH / program, labels, results, *more], check=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--truth", type=pathlib.Path, help="folder of the generated films")
    ap.add_argument("--real", type=pathlib.Path, help="folder of real films")
    ap.add_argument("--only-real", action="store_true")
    ap.add_argument("--options", default="", help="of kithara analyze")
    ap.add_argument("--all", action="store_true", help="models see all sampled pictures")
    ap.add_argument("--keep", type=pathlib.Path, help="folder for the messages")
    args = ap.parse_args()
    if args.all:
        os.environ["ANALYZER_VIDEO_PICTURES"] = "0"
    with tempfile.TemporaryDirectory(prefix="kithara-bench-") as scratch:
        keep = args.keep or pathlib.Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        truth = None if args.only_real else args.truth or generated(pathlib.Path(scratch) / "set")
        if truth:
            rows = json.loads((truth / "labels.json").read_text(encoding="utf-8"))["files"]
            analyse([truth / row["folder"] / row["file"] for row in rows], keep / "truth.jsonl", args.options)
            score("score.py", truth / "labels.json", keep / "truth.jsonl", "--wrong")
        elif not args.only_real:
            print("generated films: not run, they cannot be made here")
        if args.real:
            labels = args.real / "labels.json"
            files = sorted({row["file"] for row in json.loads(labels.read_text(encoding="utf-8"))["files"]})
            analyse([args.real / file for file in files], keep / "real.jsonl", args.options)
            score("score.py", labels, keep / "real.jsonl")
            score("score_real.py", labels, keep / "real.jsonl", "--wrong")


if __name__ == "__main__":
    main()
