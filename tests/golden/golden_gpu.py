#!/usr/bin/env python3
"""Golden test of the CUDA kernels: `kithara --gpu analyze` against librosa 0.11, within the limits of golden.py.

    golden_gpu.py --kithara build/bin/kithara --work build/golden [--whole] [--library FILE] [--media-path FOLDER] [--resample]

Inputs are the oracle's signals of golden.py and the middle ten seconds of eight real tracks; with --whole all signals of
the oracle (those for loudness too) and the whole tracks. All go in as raw samples. Environment, signals and references are
shared with golden.py, where they are made once and kept.

Two limits differ from golden.py's, by rounding: FLOORS, and rolloff_in_double.

--library names what computes as a GPU: by default KITHARA_CUDA_LIBRARY, else the simulated device beside the program, which
must have nothing to report (KITHARA_SIM_SEED chooses its order of threads); "" is the real one. An input whose frames were
not all computed there is a failure: a fall to the processor, whose numbers golden.py judges, must not pass here.
--resample: the GPU resamples (ANALYZER_GPU_RESAMPLE). Fails where all there is is the rounding of the resampler (docs/gpu.md).
Exit code: 0, 1 when a check failed, 77 when there is no reference (no network for the packages).
"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import golden
import media  # golden.py sets the path

TRACKS, SECONDS = 8, 10
LIMIT_S = 1800  # a track of ten minutes in the simulator takes some two
# A contrast is a difference of decibels of two float magnitudes, whose last bit is 5e-7 dB. On the flat spectrum of an impulse
# there is nothing else, and two transforms round apart: 4 bits are allowed there. A document of a steady tone has nothing
# but golden.py's last bits of an onset envelope.
FLOORS = {**golden.FLOORS, "spectral_contrast": 0.02}


def collect(args):
    """Every case."""
    python, signals = Path(sys.executable), args.work / "signals"
    cases = golden.plain_cases(python, signals, golden.GROUPS)
    if args.whole:
        cases += golden.plain_cases(python, args.work / "signals-r128", ("r128",))
    tracks = [t for t in media.tracks(TRACKS, args.media_path) if t.suffix.lower() in golden.READABLE]
    return cases + [golden.music_case(t, signals, None if args.whole else SECONDS) for t in tracks]


def environment(library, resample):
    """Of a run of the program."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("ANALYZER_") and k != "KITHARA_CUDA_LIBRARY"}
    if resample:
        env["ANALYZER_GPU_RESAMPLE"] = "true"
    return {**env, "KITHARA_CUDA_LIBRARY": library, "KITHARA_SIM_ABORT": "1"} if library else env


def run_on_gpu(program, env, case, out):
    """The output message with the matrices in `out`, and how many frames the device computed; a sentence if it did not."""
    out.mkdir()
    argv = [program, "--debug", "--gpu", *golden.analyze_arguments(case, out)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        return None, 0, f"exit {done.returncode}: {done.stderr[-2000:]}"
    did = re.search(r"GPU-CLOSE .* frames=(\d+) on_cpu=0\b", done.stderr)
    return json.loads(done.stdout), int(did[1]) if did else 0, "" if did else f"fell to the processor: {done.stderr[-2000:]}"


def rolloff_in_double(np, case):
    """The rolloff from librosa's own magnitudes, summed in double as the kernel does. librosa (and our processor, after it)
    sums a thousand bins one by one in float: a frame nearer to the threshold than their rounding comes out a bin apart."""
    sys.path.insert(0, str(golden.ORACLE))
    import librosa  # pylint: disable=import-outside-toplevel
    import librosa_oracle as oracle  # pylint: disable=import-outside-toplevel,import-error
    mono = oracle.to_mono_22050(*oracle.read_pcm(case.path, case.rate, case.channels))
    energy = np.cumsum(np.abs(librosa.stft(mono)), axis=0, dtype=np.float64)
    return (energy >= 0.85 * energy[-1]).argmax(axis=0)[np.newaxis] * (22050 / 2048)


def alternatives(np, case, out, reference):
    """The arguments of compare_frames besides the reference, computed on demand."""
    got, want = np.load(out / f"{case.path.name}.spectral_rolloff.npy"), reference["spectral_rolloff"]
    if got.shape != want.shape or np.allclose(got, want, golden.LIMIT, 0):
        return ()
    print(f"{case.path.name}: rolloff of {np.sum(~np.isclose(got, want, golden.LIMIT, 0))} frames against sums in double")
    return (("spectral_rolloff", rolloff_in_double(np, case)),)


def compare_case(np, table, case, out, ran, kept):
    """All checks of one case."""
    document, frames, fault = ran
    with np.load(kept / f"{case.key()}.npz") as reference:
        columns = reference["rms"].shape[1]
        if not fault and frames < columns:
            fault = f"the device computed {frames} frames of {columns}"
        if fault:
            print(f"FAILED {case.path.name}: {fault}", flush=True)
            table.failed += 1
            return
        also = alternatives(np, case, out, reference)
        golden.compare_frames(np, table, case, out, reference, FLOORS, also)
    record = json.loads((kept / f"{case.key()}.json").read_text(encoding="utf-8"))
    golden.compare_statistics(np, table, case, document, record, FLOORS)


def compare_all(args):
    """Runs within the reference environment; a case takes a core."""
    import numpy as np  # pylint: disable=import-outside-toplevel
    table, kept, env, started = golden.Table(), args.work / "reference", environment(args.library, args.resample), time.monotonic()
    kept.mkdir(exist_ok=True)
    cases = collect(args)
    golden.make_references(cases, kept)
    print(f"golden_gpu: {len(cases)} inputs, reference after {time.monotonic() - started:.0f} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="kithara-golden-gpu-") as name, \
            concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        outs = [Path(name) / str(i) for i in range(len(cases))]
        ran = pool.map(lambda case, out: run_on_gpu(args.kithara, env, case, out), cases, outs)
        on_gpu = 0
        for case, out, result in zip(cases, outs, ran):
            compare_case(np, table, case, out, result, kept)
            on_gpu += result[1]
    print(f"golden_gpu: {on_gpu} frames on {args.library or 'the real device'}, {time.monotonic() - started:.0f} s in all")
    table.print()
    return 1 if table.failed or not table.passed else 0


def main():
    """Options, then the same script again with the interpreter that has librosa."""
    ap = golden.options_of(__doc__)
    ap.add_argument("--whole", action="store_true", help="all signals of the oracle, and tracks from end to end")
    ap.add_argument("--library", help='the GPU library (default: the simulated device; "": a real GPU)')
    ap.add_argument("--resample", action="store_true", help="the GPU resamples")
    args = ap.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    args.work, args.kithara = args.work.resolve(), args.kithara.resolve()
    if args.library is None:
        simulated = str(args.kithara.with_name("libkithara-cuda-sim.so"))
        args.library = os.environ.get("KITHARA_CUDA_LIBRARY", simulated)
    if args.inside:
        return compare_all(args)
    python = media.oracle_python()
    if python is None:
        print("0 passed, 0 failed, 1 skipped")
        return golden.SKIPPED
    return subprocess.run([python, __file__, *sys.argv[1:], "--inside"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
