#!/usr/bin/env python3
"""Fits the two logistic regressions of node/video/shots (cuts.c, gradual.c), and prints them with left-out results.

    shots_fit.py build/tests/shots_evidence REALVIDEO [--made N]

REALVIDEO: the folder of the real clips with their labels.json. They, and scikit-image's photographs, are in two halves; of the
shots of each N sequences with motion graphics and N without are made (shots_made.py). Cuts are fitted without the sequences
with graphics: with them the fit trusts colours more, and misses cuts in the dark, where there are none. The numbers come from everything; for the left-out results each half is
judged by a fit to the other one. Needs ffmpeg, NumPy, OpenCV and scikit-image.
"""
import argparse
import itertools
import json
import re
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import skimage

import shots_made

PHOTOS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "hubble_deep_field.jpg", "brick.png", "grass.png", "gravel.png",
          "motorcycle_left.png", "ihc.png", "camera.png", "coins.png")
CUT = ("change", "apart", "around", "again", "colour", "luma")
GRADUAL = ("window", "residual", "change", "sides", "halves", "colour", "contrast", "rise", "spread", "steps", "moved")


def planes(path):
    """Reduced planes as the decoder makes them, and times from the first picture on."""
    probe = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0", path],
                           capture_output=True, text=True, check=True).stdout
    w, h = (int(n) for n in re.findall(r"\d+", probe)[:2])
    factor = max(1, -(-max(w, h) // 352))
    w, h = w // factor, h // factor
    done = subprocess.run(["ffmpeg", "-nostdin", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-vf",
                           f"crop={w * factor}:{h * factor}:0:0,scale={w}:{h}:flags=area,format=yuv420p,showinfo", "-f", "rawvideo", "-"],
                          capture_output=True, check=True)
    times = np.array([float(t) for t in re.findall(rb"pts_time:\s*(-?[\d.]+)", done.stderr)])
    cw, ch = (w + 1) // 2, (h + 1) // 2
    raw = np.frombuffer(done.stdout, np.uint8).reshape(-1, w * h + 2 * cw * ch)
    y, u, v = raw[:, :w * h], raw[:, w * h:w * h + cw * ch], raw[:, w * h + cw * ch:]
    return y.reshape(-1, h, w), u.reshape(-1, ch, cw), v.reshape(-1, ch, cw), times[:len(raw)] - times[0]


def evidence(program, y, u, v, times):
    """{"cut": rows, "gradual": rows, "shot": rows}, each with its time first."""
    data = b"".join(np.float64(t).tobytes() + a.tobytes() + b.tobytes() + c.tobytes() for a, b, c, t in zip(y, u, v, times))
    text = subprocess.run([program, str(y[0].shape[1]), str(y[0].shape[0])], input=data, capture_output=True, check=True).stdout.decode()
    rows = {"cut": [], "gradual": [], "shot": []}
    for line in text.splitlines():
        kind, *numbers = line.split()
        rows[kind].append([float(n) for n in numbers])
    return {kind: np.array(r) if r else np.zeros((0, 12)) for kind, r in rows.items()}


def material(program, folder, made, measure=evidence):
    """(half, truth, evidence) of each clip and sequence. truth: cuts, graduals, either, time of one picture, what it is."""
    clips = [r for r in json.loads((folder / "labels.json").read_text(encoding="utf-8"))["files"] if r["group"] == "real"]
    sources = ([], [])
    for row in clips:
        t, half = row["truth"], zlib.crc32(row["file"].encode()) % 2
        y, u, v, times = planes(folder / row["file"])
        ends = sorted([0, times[-1] + 1] + t["scene_changes"] + [x for span in t["gradual_changes"] + t["either"] for x in span])
        for a, b in zip(ends, ends[1:]):
            inside = np.flatnonzero((times > a + .05) & (times < b - .05))
            if len(inside) >= 25 and not any(lo <= times[inside[0]] <= hi for lo, hi in t["gradual_changes"] + t["either"]):
                sources[half].append((y[inside[:800]], u[inside[:800]], v[inside[:800]]))
        yield half, (t["scene_changes"], t["gradual_changes"], t["either"], t["frame_time"], "real"), measure(program, y, u, v, times)
    root = Path(skimage.__file__).parent / "data"
    read = [cv2.cvtColor(cv2.resize(cv2.imread(str(root / p)), (960, 600), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YCrCb) for p in PHOTOS]
    for half, kind, k in itertools.product((0, 1), ("made", "graphics"), range(made)):
        pictures, times, cuts, graduals, pushes = shots_made.sequence(1000 * half + k, sources[half], read[half::2], kind == "graphics")
        yield half, (cuts, graduals, pushes, times[1], kind), measure(program, *zip(*pictures), times)


def near(t, places, width):
    return any(abs(t - p) <= width for p in places)


def within(t, spans, slack):
    return any(a - slack <= t <= b + slack for a, b, *_ in spans)


def cut_rows(truth, rows):
    """Features and labels; of two pictures at one cut the one that changes more; what counts neither way is left out."""
    cuts, graduals, either, width, _ = truth
    best = {}
    for i, row in enumerate(rows):
        for c in cuts:
            if abs(row[0] - c) <= 1.01 * width and (c not in best or row[1] > rows[best[c]][1]):
                best[c] = i
    keep = [i for i, row in enumerate(rows) if i in best.values() or not (near(row[0], cuts, 1.01 * width) or within(row[0], graduals, .25) or within(row[0], either, .05))]
    change, apart, around, again, colour, luma = rows[keep, 1:].T
    apart = np.minimum(change, apart)
    return np.stack([apart, np.minimum(again, apart + .05), around, luma, np.sqrt(colour)], 1), np.array([i in best.values() for i in keep], bool)


def gradual_rows(truth, rows):
    """The middle of a gradual change in a window that holds it is one; the rest of it, and cuts, are left out."""
    cuts, graduals, either, *_ = truth
    labels = np.zeros(len(rows), int)
    for i, (t, window, *_rest) in enumerate(rows):
        if within(t, either, .3) or near(t, cuts, .1 + window / 2):
            labels[i] = -1
        for a, b in graduals:
            if a - .6 <= t <= b + .6:
                labels[i] = 1 if abs(t - (a + b) / 2) <= .12 * window + .04 and .75 * (b - a) <= window <= max(2.2 * (b - a), .5) else -1
    keep = labels >= 0
    _, residual, change, sides, halves, colour, contrast, rise, spread, steps, moved = rows[keep, 1:].T
    return np.stack([residual, change, sides, halves, np.sqrt(colour), contrast, rise, spread, steps, moved], 1), labels[keep] == 1


def logistic(x, y):
    """Coefficients and constant, by Newton's method, with a small penalty on standardised coefficients."""
    mean, deviation = x.mean(0), x.std(0) + 1e-9
    z = np.c_[(x - mean) / deviation, np.ones(len(x))]
    w, penalty = np.zeros(z.shape[1]), np.r_[np.ones(x.shape[1]), 1e-6]
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(z @ w, -30, 30)))
        w -= np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z + np.diag(penalty), z.T @ (p - y) + penalty * w)
    c = w[:-1] / deviation
    return c, w[-1] - c @ mean


def fit(name, parts, rows_of, kind, names):
    """Prints the regression over everything, and what one over each half says about the other half."""
    sides = [[rows_of(truth, ev[kind]) for half, truth, ev in parts if half == side and len(ev[kind])] for side in (0, 1)]
    x, y = zip(*[[np.concatenate([s[i] for s in side]) for i in (0, 1)] for side in sides])
    c, b = logistic(np.concatenate(x), np.concatenate(y))
    print(name, "rows", sum(map(len, y)), "true", int(sum(map(np.sum, y))), "constant %.2f" % b, " ".join(f"{n} {v:.2f}" for n, v in zip(names, c)))
    crossed = []
    for one in (0, 1):
        c, b = logistic(x[one], y[one])
        crossed.append((x[1 - one] @ c + b, y[1 - one]))
    score, true = (np.concatenate(p) for p in zip(*crossed))
    for least in (-1, -.5, 0, .5, 1):
        found = score > least
        print(f"  the other half, score above {least}: {int((found & true).sum())} of {int(true.sum())} rows found, {int((found & ~true).sum())} false")


def decided(parts, kind):
    """What the numbers that are built in decide."""
    hits = false = missed = noticed = graduals = 0
    for _, (cuts, gradual, either, width, which), ev in parts:
        if which != kind:
            continue
        found = [row[0] for row in ev["shot"]]
        hit = sum(near(c, found, 1.01 * width) for c in cuts)
        rest = [f for f in found if not near(f, cuts, 1.01 * width)]
        noticed += sum(any(a - .5 <= f <= b + .5 for f in rest) for a, b in gradual)
        false += sum(not within(f, gradual, .5) and not within(f, either, 1.01 * width) for f in rest)
        hits, missed, graduals = hits + hit, missed + len(cuts) - hit, graduals + len(gradual)
    print(f"{kind}: cut F1 {2 * hits / max(1, 2 * hits + false + missed):.3f}, "
          f"{false} false, {missed} missed, {noticed} of {graduals} gradual changes noticed")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("program")
    ap.add_argument("folder", type=Path)
    ap.add_argument("--made", type=int, default=60)
    a = ap.parse_args()
    parts = list(material(a.program, a.folder, a.made))
    fit("cuts", [p for p in parts if p[1][4] != "graphics"], cut_rows, "cut", ("apart", "again", "around", "luma", "sqrt(colour)"))
    fit("graduals", parts, gradual_rows, "gradual", ("residual", "change", "sides", "halves", "sqrt(colour)", "contrast", "rise", "spread", "steps", "moved"))
    for kind in ("real", "made", "graphics"):
        decided(parts, kind)


if __name__ == "__main__":
    main()
