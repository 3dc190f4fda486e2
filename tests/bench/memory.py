#!/usr/bin/env python3
"""ops/bench memory: peak resident memory of `kithara analyze` and its decoder on a 3-hour file over a 10-minute file."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

KITHARA = str(pathlib.Path(os.environ["KITHARA_BIN"]) / "kithara")


def make(path, seconds):
    """Noise under a slow tone: nothing in it repeats, and FLAC decodes fast."""
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"anoisesrc=d={seconds}:c=pink:r=44100:a=0.2:seed=1", "-f", "lavfi",
                    "-i", f"sine=frequency=220:duration={seconds}:sample_rate=44100", "-filter_complex", "amix=2", "-c:a", "flac",
                    "-compression_level", "0", str(path)], check=True)


def peaks(path):
    """Peak resident MB of the analysing process and of the decoder's child, as wait4 reports for each process of the tree."""
    process = subprocess.Popen([KITHARA, "analyze", "--jsonl", "--workers", "1", "--debug", str(path)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.communicate(timeout=1800)
    if process.returncode:
        sys.exit(f"{path}: {err}")
    fields = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in err.splitlines() if "FILE-DONE" in line]
    return int(fields[0]["peak_bytes"]) / 2**20, int(fields[0]["decoder_peak_bytes"]) / 2**20, json.loads(out)


def main():
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, seconds in (("10 minutes", 600), ("3 hours", 10800)):
            path = pathlib.Path(folder) / f"{seconds}.flac"
            make(path, seconds)
            node, decoder, document = peaks(path)
            rows.append(node + decoder)
            print(f"{name:12} node {node:7.1f} MB  decoder {decoder:6.1f} MB  sum {node + decoder:7.1f} MB  "
                  f"duration {document['features']['technical']['duration']:.1f} s  time {document['processing_time']:.1f} s")
            path.unlink()
    print(f"memory ratio={rows[1] / rows[0]:.2f}")
    return 1 if rows[1] / rows[0] > 1.3 else 0


if __name__ == "__main__":
    sys.exit(main())
