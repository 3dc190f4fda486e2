#!/usr/bin/env python3
"""ops/bench video-memory: peak resident memory of `kithara analyze` and its decoder on a film of two hours over one of five
minutes. Both are the same minute, looped without coding it again; the two hours have cuts and sound to their end.

    video_memory.py [--kithara PROGRAM] [--options LIST]
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import films  # noqa: E402

KITHARA = str(pathlib.Path(os.environ["KITHARA_BIN"]) / "kithara")
LIMIT = 1.3
SIZE = (192, 108)


def minute(path):
    """A minute with a cut every second on average, a fade, a dissolve and sound."""
    shots = [("cut", 14 + 7 * (i % 5)) for i in range(50)] + [("fade", 40), ("dissolve", 40)]
    made = films.timeline(shots, speed=2, size=SIZE)
    return films.encode(path, made.frames, sound=films.tone(len(made.frames) / 25))


def looped(source, path, seconds):
    films.ffmpeg("-stream_loop", -1, "-i", source, "-t", seconds, "-c", "copy", path)
    return path


def peaks(path, options):
    """Peak resident MB of the analysing process and of the decoder's child, and the document."""
    # By a shell that forks: the peak of a process begins with that of the one it was started from, until its fork.
    command = ["sh", "-c", '"$@"; exit $?', "sh", KITHARA, "analyze", "--jsonl", "--workers", "1", "--debug", *(("--options", options) if options else ()), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    if done.returncode:
        sys.exit(f"{path}: {done.stderr}")
    line = next(line for line in done.stderr.splitlines() if "FILE-DONE" in line)
    fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
    return int(fields["peak_bytes"]) / 2**20, int(fields["decoder_peak_bytes"]) / 2**20, json.loads(done.stdout)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--options", default="no_models", help="of kithara analyze; empty: all of them")
    args = ap.parse_args()
    sums = []
    with tempfile.TemporaryDirectory(prefix="kithara-bench-") as folder:
        source = minute(pathlib.Path(folder) / "minute.mp4")
        for name, seconds in (("5 minutes", 300), ("2 hours", 7200)):
            path = looped(source, pathlib.Path(folder) / f"{seconds}.mp4", seconds)
            node, decoder, document = peaks(path, args.options)
            sums.append(node + decoder)
            technical, visual = document["features"]["technical"], document["features"]["visual"] or {}
            print(f"{name:10} node {node:7.1f} MB  decoder {decoder:6.1f} MB  sum {node + decoder:7.1f} MB  duration "
                  f"{technical['duration']:.1f} s  cuts {len(visual.get('scene_changes') or [])}  time {document['processing_time']:.1f} s",
                  flush=True)
            path.unlink()
    print(f"{int(sums[1] <= LIMIT * sums[0])} passed, {int(sums[1] > LIMIT * sums[0])} failed")
    print(f"video-memory ratio={sums[1] / sums[0]:.2f}")
    return 1 if sums[1] > LIMIT * sums[0] else 0


if __name__ == "__main__":
    sys.exit(main())
