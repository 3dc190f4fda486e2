#!/usr/bin/env python3
"""The whole analysis of real music that its weights have not seen: messages for rhythm_peers.py.

    left_out.py BUILD OUT.jsonl MUSIC REAL_LABELS REAL.jsonl GENERATED_LABELS GENERATED.jsonl [...]

Arguments from REAL_LABELS on are those of tempo.py. For each package of the real music the weights of tempo and meter are
fitted without it and written into weights.def, the build folder BUILD is built, and the files of the package in the folder
MUSIC are analysed. weights.def is put back at the end. The weights of beat positions stay: they have seen the music.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

import tempo


def main():
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    build, out, music, files = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]
    data = [d for i, pair in enumerate(zip(files[::2], files[1::2])) for d in tempo.pieces(*pair, i == 0)]
    keep, before = np.ones(len(data[0]["names"]), bool), tempo.WEIGHTS.read_text()
    try:
        with out.open("w") as to:
            for group in sorted({d["group"] for d in data if d["real"]}):
                some = [str(music / d["file"]) for d in data if d["real"] and d["group"] == group]
                w = tempo.fitted([d for d in data if d["group"] != group], keep)
                tempo.write(data[0]["names"], w)
                subprocess.run(["ninja", "-C", build, "bin/kithara"], check=True, stdout=subprocess.DEVNULL)
                command = [f"{build}/bin/kithara", "analyze", "--jsonl", "--options", "mir,no_models", *some]
                subprocess.run(command, check=True, stdout=to)
                print(group, len(some), flush=True)
    finally:
        tempo.WEIGHTS.write_text(before)


if __name__ == "__main__":
    main()
