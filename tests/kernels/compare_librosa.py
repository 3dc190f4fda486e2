#!/usr/bin/env python3
"""Compare kernel_rows with librosa 0.11, frame by frame. A tool for developers; tests/oracle/requirements.txt applies.

  compare_librosa.py --rows build/tests/kernel_rows [--isa avx2 ...] [--rate R --n-fft N --hop H] FILE.f32...

Reads raw mono float32. A difference is relative to the largest |component| of its feature in the file; per frame the worst
component counts. Prints the 99th percentile and the maximum over frames of each feature; exit 1 if a percentile (with --all
a maximum) passes 1e-4, or if the tuning differs.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import warnings

import librosa
import numpy as np

TOLERANCE = 1e-4


def reference(y, sr, n_fft, hop):
    """Name -> [rows, frames] by librosa's public calls, and the tuning."""
    f, kw = librosa.feature, dict(sr=sr, n_fft=n_fft, hop_length=hop)
    mel = f.melspectrogram(y=y, **kw)
    power = np.abs(librosa.stft(y, n_fft=n_fft, hop_length=hop)) ** 2
    out = {
        "spectral_centroid": f.spectral_centroid(y=y, **kw),
        "spectral_bandwidth": f.spectral_bandwidth(y=y, **kw),
        "spectral_rolloff": f.spectral_rolloff(y=y, **kw),
        "spectral_flatness": f.spectral_flatness(y=y, n_fft=n_fft, hop_length=hop),
        "zero_crossing_rate": f.zero_crossing_rate(y, frame_length=n_fft, hop_length=hop),
        "rms": f.rms(y=y, frame_length=n_fft, hop_length=hop),
        "mel": mel,
        "mel_db": librosa.power_to_db(mel),
        "mfcc": f.mfcc(y=y, n_mfcc=13, **kw),
        "chroma_stft": f.chroma_stft(y=y, **kw),
        "onset_strength": np.atleast_2d(librosa.onset.onset_strength(y=y, **kw)),
    }
    try:
        out["spectral_contrast"] = f.spectral_contrast(y=y, **kw)
    except (librosa.ParameterError, IndexError):
        out["spectral_contrast"] = np.zeros((0, mel.shape[1]))
    return out, float(librosa.estimate_tuning(S=power, sr=sr, bins_per_octave=12))


def compare(args, path, isa):
    """Print one line for the file; return whether all holds."""
    y = np.fromfile(path, dtype="<f4")
    want, tuning = reference(y, args.rate, args.n_fft, args.hop)
    worst, ok = [], True
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([args.rows, path, folder, str(args.rate), str(args.n_fft), str(args.hop)],
                             env=dict(os.environ, KITHARA_ISA=isa), check=True, capture_output=True, text=True)
        for name, ref in want.items():
            ours = np.load(os.path.join(folder, name + ".npy"))
            if ours.shape != ref.shape:
                print(f"  {name}: shape {ours.shape}, librosa {ref.shape}")
                ok = False
                continue
            if ref.size == 0:
                continue
            diff = np.abs(ours - ref).max(axis=0) / max(np.abs(ref).max(), 1e-30)
            p99, top = np.percentile(diff, 99, method="higher"), diff.max()
            ok = ok and (top if args.all else p99) <= TOLERANCE
            worst.append(f"{name} {p99:.0e}/{top:.0e}")
    ok = ok and abs(float(run.stdout) - tuning) < 1e-9
    print(f"{'ok  ' if ok else 'FAIL'} {isa or 'best'} {os.path.basename(path)} tuning {float(run.stdout):+.2f}/{tuning:+.2f}; "
          + ", ".join(worst), flush=True)
    return ok


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("files", nargs="+", metavar="FILE.f32")
    ap.add_argument("--rows", required=True, help="the program kernel_rows")
    ap.add_argument("--isa", action="append", help="ref, base, avx2, avx512 (may be repeated; default: the best)")
    ap.add_argument("--rate", type=int, default=22050)
    ap.add_argument("--n-fft", type=int, default=2048)
    ap.add_argument("--hop", type=int, default=512)
    ap.add_argument("--all", action="store_true", help="all frames, not the 99th percentile")
    args = ap.parse_args()
    warnings.simplefilter("ignore")
    results = [compare(args, path, isa) for path in args.files for isa in args.isa or [""]]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
