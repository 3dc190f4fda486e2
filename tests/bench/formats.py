#!/usr/bin/env python3
"""ops/bench formats: one song of four minutes in each format: time of the whole analysis on one core, files a minute, peak memory of
`kithara analyze` and its decoder; beside the figures of the service that Kithara replaces (its documentation's table)."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import media  # noqa: E402

KITHARA = str(pathlib.Path(os.environ["KITHARA_BIN"]) / "kithara")
BEFORE = {"mp3": (8.2, 512), "flac": (12.1, 768), "wav": (15.3, 1024), "ogg": None, "m4a": None, "opus": None}
SECONDS, ROUNDS = 240, 3


def analyse(path):
    """Seconds of the analysis (the smallest of some rounds), peak MB."""
    best, peak = None, 0
    for _ in range(ROUNDS):
        run = subprocess.run([KITHARA, "analyze", "--jsonl", "--workers", "1", "--debug", str(path)], check=True, capture_output=True,
                             text=True)
        seconds = json.loads(run.stdout)["processing_time"]
        done = next(line for line in run.stderr.splitlines() if "FILE-DONE" in line)
        fields = dict(word.split("=", 1) for word in done.split() if "=" in word)
        best = seconds if best is None else min(best, seconds)
        peak = max(peak, (int(fields["peak_bytes"]) + int(fields["decoder_peak_bytes"])) / 2**20)
    return best, peak


def main():
    track = max(media.tracks(20), key=media.seconds)
    worst = None
    print("| format | time | files a minute | memory | before: time | memory |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for suffix, before in BEFORE.items():
            path = pathlib.Path(folder) / f"song.{suffix}"
            subprocess.run(["ffmpeg", "-v", "error", "-i", str(track), "-vn", "-t", str(SECONDS), str(path)], check=True)
            seconds, peak = analyse(path)
            then = f"{before[0]} s | {before[1]} MB" if before else "- | -"
            print(f"| {suffix.upper()}, {SECONDS // 60} min | {seconds:.2f} s | {60 / seconds:.0f} | {peak:.0f} MB | {then} |")
            if before:
                worst = min(worst or 1e9, before[0] / seconds)
    print(f"formats ratio={worst:.1f}")


if __name__ == "__main__":
    main()
