#!/usr/bin/env python3
"""Fits the weights of metrical positions (node/audio/rhythm/metrical_positions.def): where beat and bar begin.

    positions.py --list LABELS FOLDER | positions_features > NAME.jsonl
    positions.py [--write] [--without ROLE|CHANNEL ...] REAL_LABELS REAL.jsonl GENERATED_LABELS GENERATED.jsonl [...]

The first pair is real music: each package is left out in turn. The other pairs are generated: each third is left out in
turn. A conditional logit over the positions of a bar, at the labelled tempo: the probability of those whose beats are
the labelled ones, and whose downbeats are, where they are known. L2 on standardised features. Pieces whose beat is not
sure are not fitted.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from choice import fit  # noqa: E402
from truthscore import metrics  # noqa: E402

WEIGHTS = Path(__file__).resolve().parents[3] / "node/audio/rhythm/metrical_positions.def"
PARTS = 12
ROLES = ["DOWNBEAT", "BEAT", "LEAST", "ALTERNATION", "HALF", "LAST_THIRD"]
CHANNELS = ["low", "low_middle", "high_middle", "high", "loud_low", "loud_high", "change", "long_change"]
NAMES = [f"{role}.{channel}" for role in ROLES for channel in CHANNELS]


def truths_of(labels):
    return {Path(row["file"]).name: row for row in json.loads(Path(labels).read_text())["files"]
            if row["truth"].get("tempo") and row["truth"].get("beats")}


def times_at(pulse, first, step):
    """Times of parts first, first + step, ... of the pulse."""
    part = np.arange(first, len(pulse) * PARTS, step)
    i = np.clip(part // PARTS, 0, len(pulse) - 2)
    return pulse[i] + (pulse[i + 1] - pulse[i]) * (part - i * PARTS) / PARTS


def beat_f1(found, true):
    return metrics.f1(metrics.matched(list(found), list(true), .07)[0], len(found), len(true))[2]


def pieces(labels, features, real):
    """One dict per piece: features X of each position, F1 of its beats and downbeats, which positions are right."""
    rows, out = truths_of(labels), []
    for line in Path(features).read_text().splitlines():
        d = json.loads(line)
        row = rows.get(d["file"])
        if not row or not d["positions"]:
            continue
        truth, pulse, X = row["truth"], np.array(d["pulse"]), np.array(d["positions"])
        beat = np.array([beat_f1(times_at(pulse, p, PARTS), truth["beats"]) for p in range(PARTS)])
        beat = np.tile(beat, len(X) // PARTS)
        down = None
        if truth.get("downbeats") and truth.get("time_signature"):
            down = np.array([beat_f1(times_at(pulse, p, len(X)), truth["downbeats"]) for p in range(len(X))])
            down = down if down.max() > .5 else None
        right = beat >= .9 * beat.max()
        if down is not None:
            right &= down >= .8 * down.max()
        out.append({"file": d["file"], "X": X, "beat": beat, "down": down, "right": right, "real": real,
                    "kind": "real" if real else "drums" if row["kind"] == "drums" else "generated",
                    "sure": truth.get("sure", True) and bool(right.any()),
                    "group": str(truth.get("source", d["file"])).split(":")[0] if real else d["file"]})
    return out


def judge(d, w):
    """(beat F1, whether the downbeats are right or None)."""
    p = int(np.argmax(d["X"] @ w))
    return d["beat"][p], None if d["down"] is None else d["down"][p] >= .8 * d["down"].max()


def table(title, results):
    downs = [down for _, _, down in results if down is not None]
    print(f"{title:28s} {len(results):4d}  beat F1 {np.mean([f for _, f, _ in results]):.3f}"
          + (f"  bar {np.mean(downs):.3f} of {len(downs)}" if downs else ""))


def write(w):
    text = WEIGHTS.read_text()
    for role, row in zip(ROLES, w.reshape(len(ROLES), len(CHANNELS))):
        values = ", ".join(f"{x:5.2f}" for x in row)
        text = re.sub(rf"KT_POSITION\({role},[^)]*\)", f"KT_POSITION({role + ',':13s}{values})", text)
    WEIGHTS.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="prints what positions_features reads")
    parser.add_argument("--write", action="store_true", help="writes the weights of all pieces")
    parser.add_argument("--wrong", action="store_true", help="lists real pieces whose beats are wrong")
    parser.add_argument("--without", nargs="*", default=[], help="leaves roles or channels out")
    parser.add_argument("--l2", type=float, default=.003)
    parser.add_argument("--real-weight", type=float, default=3)
    parser.add_argument("--drums-weight", type=float, default=.4)
    parser.add_argument("files", nargs="+")
    a = parser.parse_args()
    if a.list:
        for name, row in truths_of(a.files[0]).items():
            path = Path(a.files[1]) / name
            if path.exists():
                print(row["truth"]["tempo"], row["truth"].get("time_signature") or 4, path)
        return
    data = [d for i, (labels, features) in enumerate(zip(a.files[::2], a.files[1::2]))
            for d in pieces(labels, features, i == 0)]
    real, made = [d for d in data if d["real"]], [d for d in data if not d["real"]]
    keep = np.array([not set(name.split(".")) & set(a.without) for name in NAMES])
    weights = {"real": a.real_weight, "drums": a.drums_weight, "generated": 1}
    left = []
    for group in sorted({d["group"] for d in real if d["sure"]}):
        w = fit([d for d in real if d["group"] != group] + made, a.l2, weights, keep)
        left += [(d, *judge(d, w)) for d in real if d["group"] == group and d["sure"]]
    table("real, its package left out", left)
    for d, f, _ in left:
        if a.wrong and f < .6:
            print(f"    {d['file']:40s} {f:.2f}, at best {d['beat'].max():.2f}")
    left = []
    for k in range(3):
        w = fit([d for i, d in enumerate(made) if i % 3 != k] + real, a.l2, weights, keep)
        left += [(d, *judge(d, w)) for d in made[k::3]]
    for kind in ("generated", "drums"):
        if some := [row for row in left if row[0]["kind"] == kind]:
            table(f"{kind}, left out", some)
    w = fit(data, a.l2, weights, keep)
    table("real, fitted", [(d, *judge(d, w)) for d in real if d["sure"]])
    if a.write:
        write(w)


if __name__ == "__main__":
    main()
