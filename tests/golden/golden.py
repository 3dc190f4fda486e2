#!/usr/bin/env python3
"""Golden test: `kithara analyze` against librosa 0.11 (tests/oracle), frame by frame and as statistics.

    golden.py --kithara build/bin/kithara --work build/golden [--quick] [--media-path FOLDER]

Nothing is typed in: signals are made by signals.py, reference values by librosa_oracle.py in a virtual environment
beside the build, from the pinned versions of requirements.txt (Essentia left out). Both are made once and kept.
What is compared:

  frames   the per-frame matrices, both programs reading the same raw samples (--pcm). Plain signals: every frame. Music:
           the 99th percentile, since in nearly silent frames a decoder's last bit decides.
  document mean, standard deviation and median of the same run.
  file     mean and deviation end to end, from FLAC and Ogg files, within the table of tests/oracle/README.md.

The error of a frame is the largest |difference| of its components over a scale, which is
  for numbers (centroid ...): the frame's own |value|, but at least FLOOR times the largest in the file;
  for vectors (mel, mfcc ...): the largest |component| of that frame's vector, with the same floor. A component alone is no
  scale: mfcc crosses zero, mel spans ten decades within a frame. The floor is for frames of digital or numerical silence.
An onset envelope is a difference of decibels in float32, whose last bit is 8e-6 dB: its scale is at least 0.01 dB, so that
a steady tone, where it should be nothing, is compared at all.
A frame of chroma_cqt is divided by its own largest class, so its scale is lost with it. The same floor is put on what it had
before (the oracle's chroma_cqt_level): below, the seven octaves hold nothing but the rounding of their filters, which librosa
too blows up to 1. A mean over frames is allowed the mean of what its frames are.
Exit code: 0, 1 when a check failed, 77 when there is no reference (no network for the packages).
"""
import argparse
import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import MappingProxyType

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import media  # noqa: E402
ORACLE = HERE.parent / "oracle"
SKIPPED = 77
LIMIT = 1e-4
FLOOR = 1e-3
FLOORS = MappingProxyType({"onset_strength": 0.01})  # least scale of a feature's frames, where there is one
GROUPS = ("basic", "shapes", "quality", "music")
QUICK_GROUPS = ("basic", "shapes")
READABLE = (".ogg", ".flac", ".wav", ".mp3")  # by libsndfile

# Our name -> the oracle's.
FEATURES = {
    "spectral_centroid": "spectral_centroid", "spectral_rolloff": "spectral_rolloff",
    "spectral_bandwidth": "spectral_bandwidth", "spectral_contrast": "spectral_contrast",
    "spectral_flatness": "spectral_flatness", "zero_crossing_rate": "zero_crossing_rate", "rms": "rms", "mel": "mel",
    "mfcc": "mfcc", "chroma": "chroma_stft", "onset_strength": "onset_strength", "chroma_cqt": "chroma_cqt",
    "tonnetz": "tonnetz_cqt",
}
CQT_FEATURES, CQT_LEVEL = ("chroma_cqt", "tonnetz"), "chroma_cqt_level"
# A constant has no chroma: all there is are its two ends, 40 dB below a tone, and the rounding of the constant in a transform
# in float (librosa's is in double). A tone of 8 or 6 kHz has none either: the seven octaves end at 4 kHz.
CQT_LIMIT = {"dc.f32": 2e-2, "ebu3341_17.f32": 1e-2, "ebu3341_18.f32": 1e-2}
# Ogg end to end: two decoders' roundings decide about nearly silent frames (tests/oracle/README.md). The deviation of the
# rolloff, too: in frames of 3e-14 RMS it jumps by many bins (measured on Wesnoth's battle.ogg: 2 frames).
LOSSY_LIMIT = {"spectral_centroid": 3e-3, "spectral_bandwidth": 3e-3, "zero_crossing_rate": 3e-3, "chroma": 3e-3,
               "spectral_contrast": 1e-3}
LOSSY_LIMIT_STD = {"spectral_rolloff": 3e-3, "spectral_contrast": 3e-3}
# The table's other half for contrast: two Vorbis decoders differ by 2e-7 of full scale, and above a codec's band edge a
# valley is made of nothing else.
LOSSY_CONTRAST_DB = 0.05


def make_signals(python, folder, groups):
    """signals.py once; name -> row of truth.json."""
    stamp = folder / "made.txt"
    key = " ".join(groups) + hashlib.sha256((ORACLE / "signals.py").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != key:
        argv = [a for g in groups for a in ("--group", g)]
        subprocess.run([python, ORACLE / "signals.py", "--out", folder, "--f32", *argv], check=True, timeout=600)
        stamp.write_text(key, encoding="utf-8")
    return json.loads((folder / "truth.json").read_text(encoding="utf-8"))


class Case:
    """One input: raw samples for both programs, or a media file."""

    def __init__(self, path, kind, rate=0, channels=0):
        self.path, self.kind, self.rate, self.channels = Path(path), kind, rate, channels

    @property
    def pcm(self):
        """Is it raw samples?"""
        return self.rate > 0

    def key(self):
        """Names the content and how it is read: what the reference is kept under."""
        digest = hashlib.sha256((ORACLE / "librosa_oracle.py").read_bytes())
        digest.update(" ".join((*FEATURES.values(), CQT_LEVEL)).encode())
        digest.update(self.path.read_bytes())
        digest.update(f"{self.rate} {self.channels}".encode())
        return digest.hexdigest()[:32]


def cqt_weight(np, level):
    """What a frame of the constant-Q features counts for: less than 1 below the floor."""
    return np.clip(level / max(FLOOR * level.max(), 1e-30), 1e-12, 1) if level.max() > 0 else np.ones_like(level)


def make_reference(job):
    """One case through the oracle's own functions, only the features that are compared; into TARGET.npz and .json."""
    path, rate, channels, target = job
    sys.path.insert(0, str(ORACLE))
    import librosa_oracle as oracle  # pylint: disable=import-outside-toplevel,import-error
    import numpy as np  # pylint: disable=import-outside-toplevel
    warnings.simplefilter("ignore")
    data, own_rate = oracle.read_pcm(path, rate, channels) if rate else oracle.read_file(path)
    calls = oracle.feature_calls(oracle.to_mono_22050(data, own_rate))
    raw = {name: np.atleast_2d(calls[name]()) for name in (*FEATURES.values(), CQT_LEVEL)}
    np.savez(f"{target}.npz", **raw)
    record = {n: oracle.summary(m) for n, m in raw.items()}
    record["cqt_allowed"] = float(np.minimum(1, LIMIT / cqt_weight(np, raw[CQT_LEVEL][0])).mean())
    Path(f"{target}.json").write_text(json.dumps(record), encoding="utf-8")


def run_jobs(jobs, processes):
    """On fresh processes; False when one of them crashed (what was written until then is kept)."""
    context = multiprocessing.get_context("spawn")
    try:
        with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
            for _ in pool.map(make_reference, jobs, timeout=900):
                pass
        return True
    except concurrent.futures.process.BrokenProcessPool:
        return False


def make_references(cases, kept):
    """The missing references, large ones first; a small one before them compiles librosa's functions."""
    def missing():
        jobs = [(str(c.path), c.rate, c.channels, str(kept / c.key())) for c in cases
                if not (kept / f"{c.key()}.json").exists()]
        return sorted(jobs, key=lambda job: -os.path.getsize(job[0]))

    run_jobs(missing()[-1:], 1)
    if not run_jobs(missing(), 2) and not run_jobs(missing(), 1):
        raise SystemExit("golden: the reference's process crashed twice")


def analyze_arguments(case, out):
    """The output of `kithara`: the output message, with the matrices in `out`."""
    pcm = ("--pcm", "f32", "--rate", str(case.rate), "--channels", str(case.channels)) if case.pcm else ()
    return ["analyze", "--jsonl", "--options", "spectral", "--frames", out, *pcm, "--", case.path]


def run_kithara(program, case, out):
    """The output message; None where there is none."""
    argv = [program, *analyze_arguments(case, out)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=600, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


class Table:
    """Checks counted and printed."""

    def __init__(self):
        self.passed = self.failed = 0
        self.worst = {}

    def check(self, name, what, feature, error, limit):
        """One comparison."""
        good = bool(error <= limit)
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        row = self.worst.setdefault((what, feature), [0.0, "", limit])
        if not error <= row[0]:
            row[:] = [error, name, limit]
        if not good:
            print(f"FAILED {name}: {what} {feature}: {error:.2e}, at most {limit:.0e}", flush=True)

    def print(self):
        """The worst of each comparison."""
        print(f"{'compared':<18}{'feature':<20}{'worst':>10}{'limit':>9}  in")
        for (what, feature), (error, name, limit) in sorted(self.worst.items()):
            print(f"{what:<18}{feature:<20}{error:>10.1e}{limit:>9.0e}  {name}")
        print(f"{self.passed} passed, {self.failed} failed")


def compare_frames(np, table, case, ours, reference, floors=FLOORS, also=()):
    """Per-frame matrices; ours: folder of .npy; also: (feature, matrix) that a frame may equal as well."""
    for feature, theirs in FEATURES.items():
        path = ours / f"{case.path.name}.{feature}.npy"
        want = reference[theirs].astype(np.float64)
        got = np.load(path).astype(np.float64) if path.exists() else np.zeros((0, 0))
        if got.shape != want.shape:
            print(f"FAILED {case.path.name}: {feature}: shape {got.shape}, should be {want.shape}")
            table.failed += 1
            continue
        scale = np.abs(want).max(axis=0)
        scale = np.maximum(scale, max(FLOOR * scale.max(), floors.get(feature, 1e-10)))
        error = np.abs(got - want).max(axis=0) / scale
        for other in (matrix for name, matrix in also if name == feature):
            error = np.minimum(error, np.abs(got - other).max(axis=0) / scale)
        if feature in CQT_FEATURES:
            error = np.abs(got - want).max(axis=0) * cqt_weight(np, reference[CQT_LEVEL][0])
        what = "frames, 99 %" if case.kind == "music" else "frames, all"
        table.check(case.path.name, what, feature, np.quantile(error, 0.99) if case.kind == "music" else error.max(),
                    CQT_LIMIT.get(case.path.name, LIMIT) if feature in CQT_FEATURES else LIMIT)


def compare_statistics(np, table, case, document, record, floors=MappingProxyType({})):
    """Mean, std, median of the document against the oracle's, in shares of the largest |mean| of the feature."""
    lossy = case.path.suffix in (".ogg", ".mp3", ".opus")
    spectral, statistics = document["features"]["spectral"], document["features"]["statistics"]
    for feature, theirs in FEATURES.items():
        want = record[theirs]
        scale = max(np.abs(want["mean"]).max(), floors.get(feature, 1e-10))
        for part in ("mean", "std") if not case.pcm else ("mean", "std", "median"):
            got = spectral[feature] if part == "mean" else (statistics.get(feature) or {}).get(part)
            difference = np.inf if got is None else np.abs(np.subtract(got, want[part])).max()
            error = difference / scale
            limit = LOSSY_LIMIT.get(feature, LIMIT) if lossy else LIMIT
            if feature in CQT_FEATURES:
                limit += max(0, CQT_LIMIT.get(case.path.name, record["cqt_allowed"]) - LIMIT) / scale
            if lossy and part == "std":
                limit = LOSSY_LIMIT_STD.get(feature, limit)
            elif lossy and feature == "spectral_contrast":
                limit = max(limit, LOSSY_CONTRAST_DB / scale)
            what = f"file {case.path.suffix[1:]}, {part}" if not case.pcm else f"document, {part}"
            table.check(case.path.name, what, feature, error, limit)


def plain_cases(python, signals, groups):
    """The oracle's signals of these groups, made in the folder `signals`."""
    signals.mkdir(exist_ok=True)
    truth = make_signals(python, signals, groups)
    return [Case(signals / f"{n}.f32", "plain", r["rate"], r["channels"]) for n, r in sorted(truth.items())]


def music_case(track, signals, seconds=None):
    """Raw samples of a track, stored with the signals: all, or this many seconds of its middle."""
    import soundfile  # pylint: disable=import-outside-toplevel
    stem = f"{hashlib.sha256(bytes(track)).hexdigest()[:8]}-{track.name}"
    raw = signals / (f"{stem}.f32" if seconds is None else f"{stem}-{seconds:g}s.f32")
    about = soundfile.info(track)
    if not raw.exists():
        wanted = about.frames if seconds is None else min(about.frames, round(seconds * about.samplerate))
        data, _ = soundfile.read(track, wanted, (about.frames - wanted) // 2, dtype="float32", always_2d=True)
        data.tofile(raw)
    return Case(raw, "music", about.samplerate, about.channels)


def collect(python, args):
    """Every case; makes FLAC copies of some signals."""
    import soundfile  # pylint: disable=import-outside-toplevel
    signals = args.work / ("signals-quick" if args.quick else "signals")
    cases = plain_cases(python, signals, QUICK_GROUPS if args.quick else GROUPS)
    for name in ("noise_pink", "chirp_linear") if args.quick else ("noise_pink", "chirp_linear", "key_a_minor"):
        copy = signals / f"{name}.flac"
        if not copy.exists():
            data, rate = soundfile.read(signals / f"{name}.wav", dtype="float32")
            soundfile.write(copy, data, rate, subtype="PCM_16")
        cases.append(Case(copy, "file"))
    for track in media.tracks(2 if args.quick else 8, args.media_path):
        if track.suffix.lower() not in READABLE:
            continue
        cases.append(music_case(track, signals))
        if track.suffix.lower() in (".ogg", ".flac"):
            cases.append(Case(track, "file"))
    return cases


def compare_all(args):
    """Runs within the reference environment."""
    import numpy as np  # pylint: disable=import-outside-toplevel
    python, table, kept = Path(sys.executable), Table(), args.work / "reference"
    kept.mkdir(exist_ok=True)
    started = time.monotonic()
    cases = collect(python, args)
    make_references(cases, kept)
    print(f"golden: {len(cases)} inputs, reference after {time.monotonic() - started:.0f} s", flush=True)
    for case in cases:
        ours = args.work / "ours"
        ours.mkdir(exist_ok=True)
        document = run_kithara(args.kithara, case, ours)
        record = json.loads((kept / f"{case.key()}.json").read_text(encoding="utf-8"))
        if document is None:
            print(f"FAILED {case.path.name}: kithara analyze failed")
            table.failed += 1
            continue
        if case.pcm:
            with np.load(kept / f"{case.key()}.npz") as reference:
                compare_frames(np, table, case, ours, reference)
        compare_statistics(np, table, case, document, record)
        for left in ours.iterdir():
            left.unlink()
    table.print()
    return 1 if table.failed or not table.passed else 0


def options_of(description):
    """The options that golden.py and golden_gpu.py share."""
    ap = argparse.ArgumentParser(description=description.split("\n", maxsplit=1)[0])
    ap.add_argument("--kithara", type=Path, required=True, help="the program under test")
    ap.add_argument("--work", type=Path, required=True, help="folder for the environment, signals and references")
    ap.add_argument("--media-path", type=Path, help="folder of real music (default: Battle for Wesnoth's, if installed)")
    ap.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return ap


def main():
    """Options, then the same script again with the interpreter that has librosa."""
    ap = options_of(__doc__)
    ap.add_argument("--quick", action="store_true", help="fewer signals and tracks")
    args = ap.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    args.work, args.kithara = args.work.resolve(), args.kithara.resolve()
    if args.inside:
        return compare_all(args)
    python = media.oracle_python()
    if python is None:
        print("0 passed, 0 failed, 1 skipped")
        return SKIPPED
    return subprocess.run([python, __file__, *sys.argv[1:], "--inside"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
