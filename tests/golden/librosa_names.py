#!/usr/bin/env python3
"""The tables of docs/python.md for users of librosa, each row computed by both programs.

    librosa_names.py      with KITHARA_BIN and KITHARA_BUILD

Equal rows: 20 s of a real track; the matrix in 99 % of its frames and the column's mean, within LIMIT of golden.py. Similar
rows: a made piece of chords at 120 BPM, within what the row says. Runs in the reference environment of golden.py.
Exit code: 0, 1 when a row does not hold, 77 when there is no librosa (no network for the packages).
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/golden"), str(ROOT / "tests"), str(ROOT / "python")]
import golden  # noqa: E402
import media  # noqa: E402

RATE, SECONDS = 44100, 20
BEAT_S = 0.5  # 120 BPM


def rows(first_words):
    """The cells of the table that follows the text, without its head; code without its quotes."""
    text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    table = re.search(rf"^{re.escape(first_words)}[^|]*\n\n(?:\|.*\n){{2}}((?:\|.*\n)+)", text, re.M)
    if not table:
        raise SystemExit(f"docs/python.md: no table after {first_words!r}")
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def excerpt(soundfile, path):
    """The middle of a real track."""
    data, rate = soundfile.read(media.tracks(1)[0], dtype="float32", always_2d=True)
    at = max(0, (len(data) - SECONDS * rate) // 2)
    soundfile.write(path, data[at:at + SECONDS * rate], rate, subtype="PCM_16")
    return str(path)


def steady_piece(np, soundfile, path):
    """Major chords, 0.2 semitones sharp, struck at 120 BPM."""
    times = np.arange(24 * RATE) / RATE
    since = times % BEAT_S
    chords = np.array([[220, 277.18, 329.63], [293.66, 369.99, 440], [329.63, 415.30, 493.88], [220, 277.18, 329.63]]) * 2 ** (0.2 / 12)
    chord = (times // 2).astype(int) % len(chords)
    strings = sum(np.sin(2 * np.pi * chords[chord, voice] * times) for voice in range(3)) * np.exp(-3 * since) * 0.05
    accent = np.where((times // BEAT_S).astype(int) % 4 == 0, 1.5, 1)
    strokes = np.random.default_rng(1).standard_normal(times.size) * np.exp(-60 * since) * accent * 0.15
    soundfile.write(path, (strings + strokes).astype(np.float32), RATE, subtype="PCM_16")
    return str(path)


def matched(np, ours, theirs, within):
    """The smaller share of one series that has a neighbour in the other."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    near = np.abs(ours[:, None] - theirs[None, :]) <= within
    return min(near.any(axis=1).mean(), near.any(axis=0).mean())


def agrees(np, ours, theirs, claim):
    """Does "within X", "within X %" or "P % within X s" hold?"""
    if share := re.fullmatch(r"(\d+) % within ([\d.]+) s", claim):
        return len(theirs) > 10 and matched(np, ours, theirs, float(share[2])) >= float(share[1]) / 100
    limit, percent = re.fullmatch(r"within ([\d.]+)( %)?", claim).groups()
    theirs = float(np.ravel(theirs)[0])
    return abs(ours - theirs) <= float(limit) * (abs(theirs) / 100 if percent else 1)


def compare():
    """Within the reference environment: the number of rows that do not hold."""
    import librosa  # pylint: disable=import-outside-toplevel,import-error
    import numpy as np  # pylint: disable=import-outside-toplevel
    import soundfile  # pylint: disable=import-outside-toplevel
    import kithara  # pylint: disable=import-outside-toplevel
    warnings.simplefilter("ignore")
    results = []

    def check(name, good, detail):
        results.append(good)
        print(f"{'      ' if good else 'FAILED'} {name:62} {detail}", flush=True)

    with tempfile.TemporaryDirectory(prefix="kithara-librosa-") as folder:
        path = excerpt(soundfile, pathlib.Path(folder) / "excerpt.flac")
        y, sr = librosa.load(path)
        matrices, row = kithara.frames(path), kithara.row(kithara.analyze(path, options={"use_models": False}))
        equal = rows("Equal to librosa")
        check("every matrix has a row", sorted(cells[1] for cells in equal) == sorted(matrices), len(matrices))
        for call, matrix, column in equal:
            theirs, ours = np.atleast_2d(eval(call, {"librosa": librosa, "y": y, "sr": sr})), matrices[matrix].values  # noqa: S307
            scale = np.abs(theirs).max(axis=0)
            frames = np.quantile(np.abs(ours - theirs).max(axis=0) / np.maximum(scale, golden.FLOOR * scale.max()), 0.99)
            mean = theirs.mean(axis=1, dtype=np.float64)
            means = np.abs(np.ravel(row[column]) - mean).max() / np.abs(mean).max()
            check(call, max(frames, means) <= golden.LIMIT and ours.shape == theirs.shape, f"{frames:.1e} {means:.1e}")
        times = librosa.times_like(matrices["mel"].values, sr=sr)
        check("librosa.times_like", np.allclose(matrices["mel"].times, times, atol=1e-9), len(times))
        with kithara.Context() as context:
            check("librosa.load", np.array_equal(np.asarray(context.read_mono(path, 22050)), y), len(y))

        path = steady_piece(np, soundfile, pathlib.Path(folder) / "steady.flac")
        y, sr = librosa.load(path)
        row = kithara.row(kithara.analyze(path, options={"use_models": False}))
        for call, column, claim in rows("Of the same meaning"):
            theirs, ours = eval(call, {"librosa": librosa, "y": y, "sr": sr}), row[column]  # noqa: S307
            shown = len(ours) if isinstance(ours, list) else f"{ours:.3f} {float(np.ravel(theirs)[0]):.3f}"
            check(call, agrees(np, ours, theirs, claim), f"{shown} ({claim})")
    failed = results.count(False)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["--inside"]:
        return compare()
    python = media.oracle_python()
    if python is None:
        print("0 passed, 0 failed, 1 skipped")
        return golden.SKIPPED
    settings = {**os.environ, "KITHARA_PROGRAM": str(pathlib.Path(os.environ["KITHARA_BIN"]) / "kithara")}
    return subprocess.run([python, __file__, "--inside"], check=False, env=settings).returncode


if __name__ == "__main__":
    sys.exit(main())
