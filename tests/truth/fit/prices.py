#!/usr/bin/env python3
"""What the prices of the paths of tempo, beats and bars do: each halved and doubled, the others as they are.

    prices.py BUILD LABELS MUSIC [LABELS MUSIC ...]

LABELS and MUSIC are a labels.json and the folder of its files: of real or generated music, or of rhythm_long.py. A price
is written into its source, the build folder BUILD is built, and all music is analysed; the source is put back. Prints, per
set, the mean beat F1 and the intervals between beats that are missing or doubled, within what is labelled as one tempo.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import rhythm_long  # noqa: E402
import rhythm_peers  # noqa: E402

FOLDER = Path(__file__).resolve().parents[3] / "node/audio/rhythm"
PRICES = {"path.c": ["METER_WEIGHT", "DRIFT_COST", "JUMP_COST", "OCTAVE_COST", "NONE_COST"],
          "beats.c": ["CHANGE_COST", "AWAY_COST", "RESTART_COST", "ENTER_COST"],
          "bars.c": ["BAR_MOVE_COST", "BEAT_MOVE_COST"]}
FACTORS = (.5, 2)


def truths_of(labels):
    """{file: (beats, parts of one tempo)}; a part is a begin and an end."""
    rows = json.loads(Path(labels).read_text())
    if isinstance(rows, list):
        return {r["file"]: (r["beats"], [(a + 4, b - 4) for a, b, *_ in r["parts"] if b - a > 20]) for r in rows}
    return {name: (t["beats"], [(0, 1e9)]) for name, t in rhythm_peers.truths_of(labels).items()}


def judge(build, sets):
    """[(F1, broken intervals)] of each set."""
    out = []
    for truths, music in sets:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as to:
            command = [f"{build}/bin/kithara", "analyze", "--jsonl", "--options", "mir,no_models"]
            subprocess.run(command + [str(Path(music) / name) for name in truths], check=True, stdout=to)
            found = {name: mir.get("beats") or [] for name, mir in rhythm_peers.results_of(to.name).items()}
        scores = [rhythm_long.f1(found.get(name, []), beats) for name, (beats, _) in truths.items()]
        broken = sum(rhythm_long.broken(np.array([t for t in found.get(name, []) if a <= t < b]))
                     for name, (_, parts) in truths.items() for a, b in parts)
        out.append((np.mean(scores), broken))
    return out


def main():
    if len(sys.argv) < 4 or len(sys.argv) % 2:
        sys.exit(__doc__)
    build, sets = sys.argv[1], [(truths_of(a), b) for a, b in zip(sys.argv[2::2], sys.argv[3::2])]

    def line(title):
        subprocess.run(["ninja", "-C", build, "bin/kithara"], check=True, stdout=subprocess.DEVNULL)
        print(f"{title:22s} " + "   ".join(f"F1 {f:.4f}, broken {n:4d}" for f, n in judge(build, sets)), flush=True)

    line("as they are")
    for name, prices in PRICES.items():
        path, before = FOLDER / name, (FOLDER / name).read_text()
        for price in prices:
            value = float(re.search(rf"\b{price} = (-?[\d.]+)", before)[1])
            try:
                for factor in FACTORS:
                    path.write_text(re.sub(rf"\b{price} = -?[\d.]+", f"{price} = {value * factor:g}", before))
                    line(f"{price} {value * factor:g}")
            finally:
                path.write_text(before)


if __name__ == "__main__":
    main()
