#!/usr/bin/env python3
"""Write node/audio/similarity/scale.c: where each raw value of the similarity vectors lies over real tracks.

    similarity_scale.py --raw BUILD/tests/similarity_raw TRACK... > node/audio/similarity/scale.c

Of each track of at least MINUTE seconds, the whole is taken and two pieces of it: 30 s as AAC, and 60 s, 8 dB quieter,
as MP3 of 64 kbit/s. Mean and deviation are over the whole tracks; the weight is the correlation over tracks of the
pieces' values with the whole's, at least 0.05: a value that a cut or a codec changes counts little. Needs NumPy and
ffmpeg.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

LEAST_SECONDS, RATE, MOST_SECONDS = 75, 22050, 590
PIECES = ((["-ss", "40", "-t", "30"], ["-c:a", "aac", "-b:a", "128k"], "m4a"),
          (["-ss", "10", "-t", "60"], ["-af", "volume=-8dB", "-b:a", "64k"], "mp3"))


def ffmpeg(*arguments):
    """Run ffmpeg quietly."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


def decoded(path, out):
    """Mono float samples at the analysis rate, at most one segment."""
    ffmpeg("-i", path, "-t", MOST_SECONDS, "-map", "0:a:0", "-ac", 1, "-ar", RATE, "-f", "f32le", out)
    return out


def prepare(track, folder, number):
    """Raw samples of the whole and of its pieces; None for a track that is too short."""
    whole = decoded(track, folder / f"{number}.whole.f32")
    if whole.stat().st_size < LEAST_SECONDS * RATE * 4:
        return None
    files = [whole]
    for i, (cut, coded, suffix) in enumerate(PIECES):
        piece = folder / f"{number}.{i}.{suffix}"
        ffmpeg(*cut, "-i", track, "-map", "0:a:0", *coded, piece)
        files.append(decoded(piece, folder / f"{number}.{i}.f32"))
    return files


def values(raw, files):
    """[files][values] by the C tool."""
    done = subprocess.run([raw, *map(str, files)], capture_output=True, text=True, check=True)
    return np.array([[float(v) for v in line.split()] for line in done.stdout.splitlines()])


def table(rows):
    """mean, deviation, weight of every value; rows: [tracks][1 + pieces][values]."""
    whole = rows[:, 0]
    mean, deviation = whole.mean(0), whole.std(0)
    scaled = np.clip((rows - mean) / deviation, -4, 4)
    weight = [np.corrcoef(scaled[:, 1:, i].T.ravel(), np.tile(scaled[:, 0, i], len(PIECES)))[0, 1]
              for i in range(rows.shape[2])]
    return mean, deviation, np.clip(weight, .05, 1)


def literal(value):
    """A float constant of C."""
    text = f"{value:.6g}"
    return text + ("f" if "." in text or "e" in text else ".0f")


def main():
    """Decode, measure, print the C file."""
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--raw", required=True)
    ap.add_argument("tracks", nargs="+", type=pathlib.Path)
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for number, track in enumerate(a.tracks):
            files = prepare(track, pathlib.Path(folder), number)
            if files:
                rows.append(values(a.raw, files))
                for file in pathlib.Path(folder).iterdir():
                    file.unlink()
    mean, deviation, weight = table(np.array(rows))
    print(f"// Written by tests/bench/similarity_scale.py from {len(rows)} real tracks; how is said there.\n"
          '#include "node/audio/similarity/similarity.h"\n\n// clang-format off\n'
          "const kt_similarity_scale_t kt_similarity_scales[KT_SIM_COMBINED] = {")
    cells = [f"{{{literal(m)}, {literal(d)}, {w:.3f}f}}," for m, d, w in zip(mean, deviation, weight)]
    for i in range(0, len(cells), 3):
        print("    " + " ".join(cells[i:i + 3]))
    print("};\n// clang-format on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
