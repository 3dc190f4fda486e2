#!/usr/bin/env python3
"""Documents of a GPU against those of the processor, feature by feature: the published table of docs/gpu.md.

  gpu_agreement.py [--files 20] [--seconds 5] [--library FILE] [--media-path FOLDER] [--slow-doubles] [--resample]

Pieces of real tracks go through `kithara analyze` twice, with --gpu and without. Prints each feature's largest relative
difference (of the value, or of the largest value of its list), and fails where one passes its limit. --library: what computes
as a GPU; by default the simulated one, and "" is the real one. --slow-doubles: the device is one (T4, L4) that computes the
rhythm's mel rows in float; the simulated one is then an L4, and the exceptions below hold. --resample: the GPU resamples
(ANALYZER_GPU_RESAMPLE), with the exceptions of documents_agree.py.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import media  # noqa: E402
from documents_agree import LIMIT, RESAMPLED, differences  # noqa: E402

# Differences of two scores that are nearly alike.
SLOW_DOUBLES = {"/features/mir/time_signature_confidence": 5e-4}
SIMULATED = str(harness.BIN / "libkithara-cuda-sim.so")


def pieces(folder, count, seconds):
    """So many pieces of real tracks, from different places where there are fewer tracks than pieces."""
    tracks = media.tracks(count)
    names = [folder / f"{i:02}.{('wav', 'ogg', 'mp3', 'flac')[i % 4]}" for i in range(count)]
    return [harness.clip(tracks[i % len(tracks)], name, seconds, 5 + 7 * (i // len(tracks))) for i, name in enumerate(names)]


def analyze(folder, files, *arguments, **more):
    env = {**harness.environment(folder), **more}
    command = [harness.KITHARA, *arguments, "analyze", "--jsonl", *map(str, files)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"analyze failed with {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--library", default=SIMULATED)
    parser.add_argument("--media-path")
    parser.add_argument("--slow-doubles", action="store_true")
    parser.add_argument("--resample", action="store_true")
    options = parser.parse_args()
    if options.media_path:
        os.environ["KITHARA_MEDIA_PATH"] = options.media_path
    gpu = {"KITHARA_CUDA_LIBRARY": options.library, "KITHARA_SIM_ABORT": "1"} if options.library else {}
    if options.slow_doubles and options.library:
        gpu["KITHARA_SIM_DEVICE"] = "l4"
    if options.resample:
        gpu["ANALYZER_GPU_RESAMPLE"] = "true"
    exceptions = {**(SLOW_DOUBLES if options.slow_doubles else {}), **(RESAMPLED if options.resample else {})}
    with tempfile.TemporaryDirectory(prefix="kithara-gpu-") as name:
        folder = pathlib.Path(name)
        files = pieces(folder, options.files, options.seconds)
        pairs = list(zip(analyze(folder, files), analyze(folder, files, "--gpu", **gpu)))
    there = [document["file_path"] for _, document in pairs if ", resampling" in document["device"]]
    if len(there) != (len(pairs) if options.resample else 0):
        sys.exit(f"resampled by the device: {there}")
    worst, equal, unlike = {}, 0, []
    for cpu, other in pairs:
        found = differences(cpu, other)
        equal += not found
        unlike += [d for d in found if d[1] is None]
        for path, difference, *_ in found:
            worst[path] = max(worst.get(path, 0), difference or 0)
    for path, difference in sorted(worst.items(), key=lambda row: -row[1]):
        limit = exceptions.get(path, LIMIT)
        print(f"{path[1:]:60} {difference:.1e}{'  ABOVE ' + str(limit) if difference > limit else ''}")
    for path, _, a, b in unlike:
        print(f"{path[1:]:60} {a} is not {b}")
    failed = sum(difference > exceptions.get(path, LIMIT) for path, difference in worst.items()) + len(unlike)
    print(f"{len(pairs)} documents, {equal} of them byte for byte; largest difference {max(worst.values(), default=0):.1e}, "
          f"limit {LIMIT}: {failed} beyond it")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
