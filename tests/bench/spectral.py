#!/usr/bin/env python3
"""ops/bench spectral: CPU time of `kithara analyze --options spectral` on real tracks, one thread, as a ratio to FFmpeg decoding
and resampling the same files to 22,050 Hz mono; librosa computing the same features, with its own loading, in a row.

CPU time (user and system) of the whole process tree, net of what the same command takes for a tenth of a second of sound; the
smallest of several rounds, because the machine is noisy. Librosa runs in one process: its imports and its first, compiling call
are not counted.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import media  # noqa: E402

ROUNDS, TRACKS = 3, 8
KITHARA = str(pathlib.Path(os.environ["KITHARA_BIN"]) / "kithara")
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
              "NUMBA_NUM_THREADS": "1"}

# Run within the oracle's environment: loads and computes as a user of librosa would, and prints the CPU time of each file.
LIBROSA = """
import sys, time, warnings, json
warnings.simplefilter("ignore")
import librosa
def features(path):
    y, sr = librosa.load(path)
    f, kw = librosa.feature, dict(sr=sr, n_fft=2048, hop_length=512)
    f.spectral_centroid(y=y, **kw); f.spectral_rolloff(y=y, **kw); f.spectral_bandwidth(y=y, **kw)
    f.spectral_contrast(y=y, **kw); f.spectral_flatness(y=y, n_fft=2048, hop_length=512); f.zero_crossing_rate(y)
    f.rms(y=y); f.melspectrogram(y=y, **kw); f.mfcc(y=y, n_mfcc=13, **kw); f.chroma_stft(y=y, **kw)
    librosa.onset.onset_strength(y=y, sr=sr)
features(sys.argv[1])
for path in sys.argv[2:]:
    began = time.process_time(); features(path); print(json.dumps(time.process_time() - began), flush=True)
"""


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ONE_THREAD)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def best(command):
    return min(cpu_seconds(command) for _ in range(ROUNDS))


def kithara(path):
    return [KITHARA, "analyze", "--jsonl", "--options", "spectral", "--workers", "1", str(path)]


def ffmpeg(path):
    return ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", str(path), "-vn", "-ac", "1", "-ar", "22050", "-f",
            "f32le", "-y", "/dev/null"]


def librosa(tiny, paths, rounds):
    """Smallest CPU seconds of each file."""
    python = media.oracle_python()
    runs = []
    for _ in range(rounds):
        out = subprocess.run([python, "-c", LIBROSA, str(tiny), *map(str, paths)], check=True, capture_output=True, text=True,
                             env=ONE_THREAD).stdout
        runs.append([json.loads(line) for line in out.splitlines()])
    return [min(times) for times in zip(*runs)]


def measure(paths, with_librosa):
    with tempfile.TemporaryDirectory() as folder:
        tiny = pathlib.Path(folder) / "tiny.wav"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=0.1", str(tiny)], check=True)
        start = {"ours": best(kithara(tiny)), "floor": best(ffmpeg(tiny))}
        rows = [{"name": p.name, "minutes": media.seconds(p) / 60, "ours": best(kithara(p)) - start["ours"],
                 "floor": best(ffmpeg(p)) - start["floor"]} for p in paths]
        for row, spent in zip(rows, librosa(tiny, paths, 2) if with_librosa else []):
            row["librosa"] = spent
    return rows


def report(rows):
    print(f"{'track':34} {'minutes':>7} {'floor':>8} {'kithara':>8} {'librosa':>8}   CPU ms a minute of sound")
    total = {"name": "all", **{k: sum(r.get(k, 0) for r in rows) for k in ("minutes", "ours", "floor", "librosa")}}
    for row in rows + [total]:
        ms = {k: 1000 * row.get(k, 0) / row["minutes"] for k in ("floor", "ours", "librosa")}
        print(f"{row['name'][:34]:34} {row['minutes']:7.2f} {ms['floor']:8.1f} {ms['ours']:8.1f} {ms['librosa']:8.1f}")
    if total["librosa"]:
        print(f"librosa takes {total['librosa'] / total['ours']:.1f} times as long as we do (required: 4)")
    print(f"spectral ratio={total['ours'] / total['floor']:.2f}")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--media-path", help="folder of tracks instead of the packaged music")
    ap.add_argument("--no-librosa", action="store_true")
    args = ap.parse_args()
    began = time.monotonic()
    report(measure(media.tracks(TRACKS, args.media_path), not args.no_librosa))
    print(f"measured in {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
