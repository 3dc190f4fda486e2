#!/usr/bin/env python3
"""The two thresholds of node/video/scene/scene_join.h: results over a grid of them, and left-out results.

    scene_fit.py build/tests/scene_rows MODELS REALVIDEO [--made N] [--keep FILE]

MODELS: a model folder with scene_detector. REALVIDEO and the made sequences are those of shots_fit.py, in the same halves: for
the left-out results the thresholds of each half are the best ones of the other. FILE keeps what the model gave. The rule of
scene_join.h is spelled out here once more, over whole films. Needs ffmpeg, NumPy, OpenCV and scikit-image.
"""
import argparse
import itertools
import pickle
import subprocess
from pathlib import Path

import numpy as np

import shots_fit

REFUSED, ADDED = (0, .001, .003, .01, .02, .05, .1), (.3, .5, .7, .8, .85, .9, .95, 2)
NEAR, SLACK, BETWEEN, CUT_ROWS = 3, .5, .5, 3


def measure(command, y, u, v, times):
    """{"row": time, last, between; "shot": time, from, kind}."""
    data = b"".join(np.float64(t).tobytes() + a.tobytes() + b.tobytes() + c.tobytes() for a, b, c, t in zip(y, u, v, times))
    done = subprocess.run([*command, str(y[0].shape[1]), str(y[0].shape[0])], input=data, capture_output=True, check=True)
    rows = {"row": [], "shot": []}
    for line in done.stdout.decode().splitlines():
        kind, *numbers = line.split()
        rows[kind].append([float(n) for n in numbers])
    return {kind: np.array(r) if r else np.zeros((0, 3)) for kind, r in rows.items()}


def join(found, refused, added):
    """Begins of shots by the rule."""
    rows, shots, out, runs = found["row"], found["shot"], [], []
    times, last, active = rows[:, 0], rows[:, 1], (rows[:, 1] >= added) | (rows[:, 2] >= BETWEEN)
    for begin, begin_from, kind in shots:
        first = int(np.searchsorted(times, begin - 1e-4))
        if kind or last[max(0, first - 1 - NEAR):first + NEAR].max() >= refused:
            out.append(begin)
    edges = np.flatnonzero(np.diff(np.r_[0, active, 0]))
    for a, b in zip(edges[::2], edges[1::2]):
        if last[a:b].max() >= added and b < len(rows):
            runs.append((a, b))
    for a, b in runs:
        near = [begin for begin, begin_from, kind in shots if
                (begin >= times[a] - SLACK and begin_from <= times[b] + SLACK if kind else
                 a - NEAR < np.searchsorted(times, begin - 1e-4) <= b + NEAR)]
        if not near:
            out.append(times[b])
    return sorted(out)


def counts(parts, refused, added):
    """hits, false, missed, gradual changes noticed, of them."""
    total = np.zeros(5, int)
    for _, (cuts, graduals, either, width, _), found in parts:
        shots = join(found, refused, added)
        hit = sum(shots_fit.near(c, shots, 1.01 * width) for c in cuts)
        rest = [f for f in shots if not shots_fit.near(f, cuts, 1.01 * width)]
        false = sum(not shots_fit.within(f, graduals, .5) and not shots_fit.within(f, either, 1.01 * width) for f in rest)
        noticed = sum(any(a - .5 <= f <= b + .5 for f in rest) for a, b, *_ in graduals)
        total += (hit, false, len(cuts) - hit, noticed, len(graduals))
    return total


def f1(n):
    return 2 * n[0] / max(1, 2 * n[0] + n[1] + n[2])


def say(name, n):
    print(f"{name}: cut F1 {f1(n):.3f}, {n[1]} false, {n[2]} missed, {n[3]} of {n[4]} gradual changes noticed")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("program")
    ap.add_argument("models")
    ap.add_argument("folder", type=Path)
    ap.add_argument("--made", type=int, default=20)
    ap.add_argument("--keep", type=Path)
    a = ap.parse_args()
    if a.keep and a.keep.exists():
        parts = pickle.loads(a.keep.read_bytes())
    else:
        parts = list(shots_fit.material([a.program, a.models], a.folder, a.made, measure))
        if a.keep:
            a.keep.write_bytes(pickle.dumps(parts))
    sets = {name: [p for p in parts if p[1][4] == name] for name in ("real", "made", "graphics")}
    for name, part in sets.items():
        say(f"{name}, the detector alone", counts(part, 0, 2))
        for refused, added in itertools.product(REFUSED, ADDED):
            say(f"{name}, refused below {refused}, added from {added}", counts(part, refused, added))
    left = np.zeros(5, int)
    for half in (0, 1):
        grid = {(r, d): f1(counts([p for p in parts if p[0] == half], r, d)) for r, d in itertools.product(REFUSED, ADDED)}
        best = max(grid, key=grid.get)
        n = counts([p for p in parts if p[0] != half], *best)
        say(f"left out: thresholds {best} of half {half}, on the other", n)
        left += n
    say("left out, both", left)


if __name__ == "__main__":
    main()
