#!/usr/bin/env python3
"""Loudness against FFmpeg's ebur128, libebur128 and the signals of EBU Tech 3341 and 3342.

    loudness.py --kithara build/bin/kithara --work build/loudness [--media-path FOLDER] [--tracks N] [--table]

FFmpeg is the definition (tests/oracle/ffmpeg_oracle.py); its answers are kept under --work. libebur128 is a second
opinion, shown where its shared library is installed and never linked: it takes the range from one value a second and
FFmpeg from ten, so the range is held to FFmpeg's. Signals are made by tests/oracle/signals.py in the oracle's
environment (tests/media.py); without one they are left out.

Limits: integrated 0.02 LU, range 0.4 LU, maxima 0.05 LU, true peak 0.2 dB. Signals: EBU's own tolerances, 0.1 LU
(integrated), 1 LU (range), +0.2 / -0.4 dB (true peak). Exit code: 0, 1 when a check failed, 77 without ffmpeg.
"""
import argparse
import ctypes
import ctypes.util
import hashlib
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "oracle")]
import ffmpeg_oracle  # noqa: E402
import media  # noqa: E402
SKIPPED = 77
# Ours, the oracle's name, the largest difference from FFmpeg.
FIELDS = (("loudness", "integrated_lufs", .02), ("dynamic_range", "range_lu", .4), ("true_peak", "true_peak_dbtp", .2),
          ("loudness_momentary_max", "momentary_max", .05), ("loudness_short_term_max", "short_term_max", .05))
SIGNAL_LIMITS = {"integrated_lufs": (-.1, .1), "range_lu": (-1, 1), "true_peak_dbtp": (-.4, .2)}


def kithara(program, paths):
    """Our values, by path."""
    out = subprocess.run([program, "analyze", "--jsonl", "--options", "perceptual,quality", *map(str, paths)],
                         capture_output=True, text=True, check=False, timeout=900).stdout
    found = {}
    for line in out.splitlines():
        document = json.loads(line)
        perceptual, quality = (document.get("features") or {}).get("perceptual"), document.get("quality_metrics")
        if perceptual and quality:
            found[document["file_path"]] = {**perceptual, "true_peak": quality["true_peak"]}
    return found


class Libebur128:
    """The shared library through ctypes; `there` is false without it."""
    MODE = 1 | 2 | 4 | 8 | 16 | 32  # M, S, I, LRA, sample and true peak

    def __init__(self):
        name = ctypes.util.find_library("ebur128")
        self.lib = ctypes.CDLL(name) if name else None
        if self.lib:
            self.lib.ebur128_init.restype = ctypes.c_void_p
            self.lib.ebur128_init.argtypes = [ctypes.c_uint, ctypes.c_ulong, ctypes.c_int]
            self.lib.ebur128_add_frames_float.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]

    @property
    def there(self):
        """Is it installed?"""
        return self.lib is not None

    def measure(self, path):
        """Integrated, range, true peak of the first audio stream of a file, decoded by FFmpeg."""
        probe = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries",
                                "stream=sample_rate,channels", "-of", "csv=p=0", path],
                               capture_output=True, text=True, check=True).stdout
        rate, channels = map(int, probe.strip().split(",")[:2])
        pcm = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:a:0", "-f", "f32le", "-"],
                             capture_output=True, check=True).stdout
        state = ctypes.c_void_p(self.lib.ebur128_init(channels, rate, self.MODE))
        self.lib.ebur128_add_frames_float(state, pcm, len(pcm) // (4 * channels))
        value, out = ctypes.c_double(), {}
        for name, call in (("integrated_lufs", "ebur128_loudness_global"), ("range_lu", "ebur128_loudness_range")):
            getattr(self.lib, call)(state, ctypes.byref(value))
            out[name] = value.value
        peak = 0.0
        for channel in range(channels):
            self.lib.ebur128_true_peak(state, ctypes.c_uint(channel), ctypes.byref(value))
            peak = max(peak, value.value)
        out["true_peak_dbtp"] = 20 * math.log10(peak) if peak > 0 else None
        self.lib.ebur128_destroy(ctypes.byref(state))
        return out


class Kept:
    """Answers of slow programs, kept by the content of the file and of the oracle."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.salt = Path(ffmpeg_oracle.__file__).read_bytes() + Path(__file__).read_bytes()

    def get(self, path, name, make):
        """The kept answer, or a new one."""
        digest = hashlib.sha256(self.salt + name.encode() + Path(path).read_bytes()).hexdigest()[:32]
        kept = self.folder / f"{digest}.json"
        if not kept.exists():
            kept.write_text(json.dumps(make(str(path))), encoding="utf-8")
        return json.loads(kept.read_text(encoding="utf-8"))


class Counts:
    """Passed and failed checks."""
    passed = failed = 0

    def check(self, holds, what):
        """Counts, and prints failures."""
        self.passed, self.failed = self.passed + bool(holds), self.failed + (not holds)
        if not holds:
            print(f"FAILED {what}")


def difference(a, b):
    """a - b, None where either is null, 0 where both are."""
    return (0.0 if a is b else None) if a is None or b is None else a - b


def show(name, cells):
    """One line of the table."""
    print(f"{name:34.34s}" + "".join(f" {'-' if c is None else format(c, '8.3f'):>8s}" for c in cells), flush=True)


def compare_tracks(counts, paths, ours, kept, table):
    """Every field of every track; the largest differences at the end."""
    library, worst = Libebur128(), {}
    if table:
        print(f"{'track':34s}" + "".join(f" {h:>8s}" for h in ("LUFS", "-ffmpeg", "-ebur128", "LRA", "-ffmpeg",
                                                                "-ebur128", "dBTP", "-ffmpeg", "-ebur128")))
    for path in paths:
        ffmpeg = kept.get(path, "ffmpeg", ffmpeg_oracle.r128)
        second = kept.get(path, "libebur128", library.measure) if library.there else {}
        mine, cells = ours.get(str(path), {}), []
        for field, name, limit in FIELDS:
            delta = difference(mine.get(field), ffmpeg[name])
            counts.check(delta is not None and abs(delta) <= limit,
                        f"{path.name}: {field} {mine.get(field)}, ffmpeg {ffmpeg[name]}, limit {limit}")
            worst[field] = max(worst.get(field, 0), abs(delta or 0))
            other = difference(mine.get(field), second[name]) if name in second else None
            if name in ("integrated_lufs", "range_lu", "true_peak_dbtp"):
                cells += [mine.get(field), delta, other]
                if other is not None:
                    worst[f"{field} (libebur128)"] = max(worst.get(f"{field} (libebur128)", 0), abs(other))
        if table:
            show(path.name, cells)
    for field, value in worst.items():
        print(f"largest difference over {len(paths)} tracks: {field:32s} {value:.4f}")


def make_signals(python, folder):
    """Group r128 and the odd shapes (six channels, 8 and 96 kHz); with their entries in truth.json."""
    subprocess.run([python, HERE.parent / "oracle/signals.py", "--out", folder, "--group", "r128", "--group", "shapes"],
                   stdout=subprocess.DEVNULL, check=True, timeout=300)
    return json.loads((folder / "truth.json").read_text(encoding="utf-8"))


def compare_signals(counts, program, folder, python, table):
    """Every signal that has a truth in loudness."""
    truths = make_signals(python, folder)
    rows = {n: t["truth"] for n, t in truths.items() if any(t["truth"].get(k) is not None for k in SIGNAL_LIMITS)}
    ours = kithara(program, [folder / f"{n}.wav" for n in rows])
    for name, truth in rows.items():
        mine = ours.get(str(folder / f"{name}.wav"), {})
        for field, key, _ in FIELDS:
            if truth.get(key) is None or key not in SIGNAL_LIMITS:
                continue
            low, high = SIGNAL_LIMITS[key]
            delta = difference(mine.get(field), truth[key])
            counts.check(delta is not None and low <= delta <= high,
                        f"{name}: {field} {mine.get(field)}, is {truth[key]}")
            if table:
                show(f"{name} {key}", [mine.get(field), truth[key], delta])


def main():
    """Parse the command line, compare, close with the count."""
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--kithara", required=True)
    ap.add_argument("--work", required=True, type=Path)
    ap.add_argument("--media-path", type=Path)
    ap.add_argument("--tracks", type=int, default=1000, help="at most so many, by name")
    ap.add_argument("--table", action="store_true", help="print every row")
    a = ap.parse_args()
    if not shutil.which("ffmpeg"):
        print("no ffmpeg: nothing to compare with")
        return SKIPPED
    a.work.mkdir(parents=True, exist_ok=True)
    counts = Counts()
    python = media.oracle_python()
    if python:
        compare_signals(counts, a.kithara, a.work / "signals", python, a.table)
    tracks = media.tracks(a.tracks, a.media_path)
    compare_tracks(counts, tracks, kithara(a.kithara, tracks), Kept(a.work / "kept"), a.table)
    print(f"{counts.passed} passed, {counts.failed} failed")
    return 1 if counts.failed else 0


if __name__ == "__main__":
    sys.exit(main())
