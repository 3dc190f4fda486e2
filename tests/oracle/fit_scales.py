#!/usr/bin/env python3
"""Medians and widths of the scales of energy and danceability, from analyses of real music:

    fit_scales.py RESULTS.jsonl TRACKS.json

Undoes the present scales (node/audio/perceptual/energy.c and danceability.c), so that it can be repeated after a change.
Music is what TRACKS.json labels neither as speech nor as a single instrument."""
import json
import pathlib
import sys

import numpy as np

SCALES = {"energy": (0.57, 0.125, lambda x: x, lambda x: x), "danceability": (1.09, 0.15, np.log, np.exp)}
EDGE = np.log(9)  # a logistic step is .1 and .9 there


def main():
    tracks = {track["id"]: track["labels"] for track in json.loads(pathlib.Path(sys.argv[2]).read_text())["tracks"]}
    values = {name: [] for name in SCALES}
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        message = json.loads(line)
        labels = tracks[pathlib.PurePath(message["file_path"]).stem]
        if "speech" in labels or "solo" in labels:
            continue
        for name in SCALES:
            value = message["features"]["perceptual"][name]
            if value is not None:
                values[name].append(value)
    for name, (median, width, forth, back) in SCALES.items():
        now = np.array(values[name])
        raw = forth(median) + width * np.log(now / (1 - now))
        low, middle, high = np.percentile(raw, [5, 50, 95])
        print(f"{name}: {len(now)} tracks; 5th to 95th percentile {np.percentile(now, 5):.3f} to {np.percentile(now, 95):.3f}; "
              f"median {back(middle):.3f}, width {(high - low) / (2 * EDGE):.3f}")


if __name__ == "__main__":
    main()
