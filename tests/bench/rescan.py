#!/usr/bin/env python3
"""ops/bench rescan: a second `kithara run` of a folder in which nothing changed, no-op analysis: 10 s over its time.

    rescan.py [FILES]    40000
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

KITHARA = pathlib.Path(os.environ["KITHARA_BIN"]) / "kithara"
REQUIRED_S = 10


def run(folder, *arguments):
    environment = {**os.environ, "ANALYZER_STATE_DIR": f"{folder}/state", "ANALYZER_TEST_FAULT": "noop", "ANALYZER_WORKERS": "2",
                   "ANALYZER_BATCH_SIZE": "256"}
    began = time.perf_counter()
    result = subprocess.run([str(KITHARA), "run", f"{folder}/music", *arguments], env=environment, capture_output=True,
                            text=True, timeout=1800)
    took = time.perf_counter() - began
    line = next((line for line in result.stderr.splitlines() if " files, " in line), result.stderr)
    if result.returncode:
        sys.exit(line)
    return took, line


def main():
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 40000
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        for i in range(files):
            path = folder / f"music/{i // 100:04d}/{i:06d}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        first, line = run(folder)
        print(f"first       {first:7.1f} s   {line}", flush=True)
        second, line = run(folder)
        print(f"second      {second:7.1f} s   {line}", flush=True)
        assert re.search(rf"{files} files, 0 analysed, 0 failed, {files} unchanged in", line), line
        os.utime(folder / "music/0000/000000.flac")
        (folder / "music/0000/000001.flac").unlink()
        third, line = run(folder)
        print(f"one changed {third:7.1f} s   {line}", flush=True)
        assert "1 analysed" in line and f"{files - 2} unchanged, 1 removed" in line, line
    ratio = REQUIRED_S / second
    print(f"rescan ratio={ratio:.2f}")
    return 0 if ratio >= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
