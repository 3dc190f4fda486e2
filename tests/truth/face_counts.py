#!/usr/bin/env python3
"""How many faces are counted in more generated clips than the ten of the truth set: the same clips, of other seeds.

    face_counts.py [--kithara build/bin/kithara] [--seeds N] [--first SEED] [--recipe NAME]

Ten clips per seed. Prints the share with the right count for the clear faces (a photograph) and the coarse ones (25 x 25
pixels enlarged), and each wrong one with its counts. Models are those of ANALYZER_MODEL_PATH. Needs requirements.txt.
"""
import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from truthgen import faces_text, recipe


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--kithara", default="build/bin/kithara")
    ap.add_argument("--seeds", type=int, default=20)
    ap.add_argument("--first", type=int, default=1000)
    ap.add_argument("--recipe", default="public")
    a = ap.parse_args()
    right = {"clear": [], "coarse": []}
    for seed in range(a.first, a.first + a.seeds):
        with tempfile.TemporaryDirectory() as folder:
            made = [faces_text.face_job(i, {**recipe.load(a.recipe), "seed": seed}, folder) for i in range(len(faces_text.FACE_COUNTS))]
            files = [Path(folder) / row["file"] for row in made]
            out = subprocess.run([a.kithara, "analyze", "--jsonl", "--options", "visual", "--", *files], capture_output=True, text=True,
                                 check=True).stdout
        for row, line in zip(made, out.splitlines(), strict=True):
            found, truth = json.loads(line)["features"]["visual"]["faces_detected"], row["truth"]
            right[truth["face_kind"]].append(found == truth["faces"])
            if found != truth["faces"]:
                print(f"seed {seed}, {row['file']}, {truth['face_kind']}: {found} instead of {truth['faces']}", flush=True)
    for kind, rows in (*right.items(), ("all", right["clear"] + right["coarse"])):
        print(f"{kind}: {sum(rows)} of {len(rows)} clips right, {sum(rows) / max(1, len(rows)):.3f}")


if __name__ == "__main__":
    main()
