#!/usr/bin/env python3
"""ops/bench spectral | audio | profile: CPU time of `kithara analyze` on real tracks, one thread, as a ratio to FFmpeg decoding and
resampling the same files to 22,050 Hz mono; librosa, and for `audio` Essentia's music extractor, in rows beside it.

  spectral  --options spectral, OGG songs; librosa computes the same features
  profile   each group of features alone, OGG songs: what it adds to opening, digesting and decoding (no peers, no ratio)
  audio     everything, OGG and MP3 songs; librosa computes what it has of it (spectral set, tonnetz, onsets, beats)

CPU time (user and system) of the whole process tree, net of what the same command takes for a tenth of a second of sound; the
smallest of several rounds, because the machine is noisy. The peers run in one process each, with their own loading: their imports
and their first, compiling call are not counted. Essentia (AGPL) is run as a program of its own, from an environment beside the
build; where it cannot be had its column is 0.
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

# Each peer runs within its own environment and prints the CPU time of each file.
LIBROSA = """
import sys, time, warnings, json
warnings.simplefilter("ignore")
import librosa
whole = sys.argv.pop(1) == "audio"
def features(path):
    y, sr = librosa.load(path)
    f, kw = librosa.feature, dict(sr=sr, n_fft=2048, hop_length=512)
    f.spectral_centroid(y=y, **kw); f.spectral_rolloff(y=y, **kw); f.spectral_bandwidth(y=y, **kw)
    f.spectral_contrast(y=y, **kw); f.spectral_flatness(y=y, n_fft=2048, hop_length=512); f.zero_crossing_rate(y)
    f.rms(y=y); f.melspectrogram(y=y, **kw); f.mfcc(y=y, n_mfcc=13, **kw); f.chroma_stft(y=y, **kw)
    librosa.onset.onset_strength(y=y, sr=sr)
    if whole:
        f.tonnetz(y=y, sr=sr); librosa.onset.onset_detect(y=y, sr=sr); librosa.beat.beat_track(y=y, sr=sr)
"""
ESSENTIA = """
import sys, time, json
import essentia, essentia.standard as es
essentia.log.warningActive = essentia.log.infoActive = False
sys.argv.pop(1)
def features(path):
    es.MusicExtractor(lowlevelStats=["mean", "stdev"], rhythmStats=["mean"], tonalStats=["mean"])(path)
"""
TIMES = """
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


def kithara(path, name):
    options = ["--options", "spectral"] if name == "spectral" else []
    return [KITHARA, "analyze", "--jsonl", *options, "--workers", "1", str(path)]


def ffmpeg(path):
    return ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", str(path), "-vn", "-ac", "1", "-ar", "22050", "-f",
            "f32le", "-y", "/dev/null"]


def peer(python, program, name, tiny, paths, rounds=2):
    """Smallest CPU seconds of each file; nothing when the peer cannot be had."""
    runs = []
    for _ in range(rounds if python else 0):
        out = subprocess.run([python, "-c", program + TIMES, name, str(tiny), *map(str, paths)], check=True, capture_output=True,
                             text=True, env=ONE_THREAD).stdout
        runs.append([json.loads(line) for line in out.splitlines()])
    return [min(times) for times in zip(*runs)]


def songs(name, folder, media_path):
    """OGG as they are; for `audio` half of them as MP3."""
    tracks = media.tracks(TRACKS, media_path)
    for i, track in enumerate(tracks):
        if name == "audio" and i % 2:
            tracks[i] = folder / (track.stem + ".mp3")
            subprocess.run(["ffmpeg", "-v", "error", "-i", str(track), "-vn", "-b:a", "192k", str(tracks[i])], check=True)
    return tracks


def measure(name, args):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tiny, short = folder / "tiny.wav", folder / "short.wav"
        for path, seconds in ((tiny, 0.1), (short, 5)):
            subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", str(path)], check=True)
        paths = songs(name, folder, args.media_path)
        start = {"ours": best(kithara(tiny, name)), "floor": best(ffmpeg(tiny))}
        rows = [{"name": p.name, "minutes": media.seconds(p) / 60, "ours": best(kithara(p, name)) - start["ours"],
                 "floor": best(ffmpeg(p)) - start["floor"]} for p in paths]
        peers = {} if args.no_peers else {"librosa": (media.oracle_python(), LIBROSA)}
        if name == "audio" and peers:
            peers["essentia"] = (media.essentia_python(), ESSENTIA)
        for column, (python, program) in peers.items():
            for row, spent in zip(rows, peer(python, program, name, short, paths)):
                row[column] = spent
    return rows


def report(name, rows):
    columns = ("floor", "ours", "librosa", "essentia")
    print(f"{'track':34} {'minutes':>7} {'floor':>8} {'kithara':>8} {'librosa':>8} {'essentia':>8}   CPU ms a minute of sound")
    total = {"name": "all", **{k: sum(r.get(k, 0) for r in rows) for k in ("minutes", *columns)}}
    for row in rows + [total]:
        print(f"{row['name'][:34]:34} {row['minutes']:7.2f} " +
              " ".join(f"{1000 * row.get(k, 0) / row['minutes']:8.1f}" for k in columns))
    for column, required in (("librosa", 4), ("essentia", 9)):
        if total[column]:
            print(f"{column} takes {total[column] / total['ours']:.1f} times as long as we do (required: {required})")
    print(f"{name} ratio={total['ours'] / total['floor']:.2f}")


def profile(args):
    """CPU ms a minute of each group alone: a run with it, less one with none."""
    paths = media.tracks(TRACKS, args.media_path)
    minutes = sum(media.seconds(p) for p in paths) / 60

    def spent(options):
        return best([KITHARA, "analyze", "--jsonl", "--workers", "1", "--options", options, *map(str, paths)])

    floor = spent("none")
    print(f"{'group':40} CPU ms a minute of sound")
    print(f"{'open, digest, decode, start':40} {1000 * floor / minutes:8.1f}")
    for group in ("spectral", "mir", "perceptual", "quality", "similarity", "spectral,mir,perceptual,quality,similarity"):
        print(f"{group:40} {1000 * (spent(group) - floor) / minutes:8.1f}")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("name", choices=("spectral", "audio", "profile"))
    ap.add_argument("--media-path", help="folder of tracks instead of the packaged music")
    ap.add_argument("--no-peers", action="store_true", help="without librosa and Essentia")
    args = ap.parse_args()
    began = time.monotonic()
    if args.name == "profile":
        profile(args)
    else:
        report(args.name, measure(args.name, args))
    print(f"measured in {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
