#!/usr/bin/env python3
"""The whole analysis of real music that its weights have not seen: messages for rhythm_peers.py.

    left_out.py [OPTIONS] BUILD OUT.jsonl MUSIC REAL_LABELS REAL.jsonl GENERATED_LABELS GENERATED.jsonl [...]

OPTIONS and the arguments from REAL_LABELS on are those of tempo.py. For each package of the real music the weights of
tempo and meter are fitted without it and written into weights.def, the build folder BUILD is built, and the files of the
package in the folder MUSIC are analysed. weights.def is put back at the end. The weights of beat positions stay: they
have seen the music.
"""

import argparse
import subprocess
from pathlib import Path

import tempo


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tempo.add_fit_options(parser)
    parser.add_argument("build")
    parser.add_argument("out", type=Path)
    parser.add_argument("music", type=Path)
    parser.add_argument("files", nargs="+")
    a = parser.parse_args()
    data = [d for i, pair in enumerate(zip(a.files[::2], a.files[1::2])) for d in tempo.pieces(*pair, i == 0)]
    weights_of, before = tempo.fitter(a, data[0]["names"]), tempo.WEIGHTS.read_text()
    try:
        with a.out.open("w") as to:
            for group in sorted({d["group"] for d in data if d["real"]}):
                some = [str(a.music / d["file"]) for d in data if d["real"] and d["group"] == group]
                tempo.write(data[0]["names"], weights_of([d for d in data if d["group"] != group]))
                subprocess.run(["ninja", "-C", a.build, "bin/kithara"], check=True, stdout=subprocess.DEVNULL)
                command = [f"{a.build}/bin/kithara", "analyze", "--jsonl", "--options", "mir,no_models", *some]
                subprocess.run(command, check=True, stdout=to)
                print(group, len(some), flush=True)
    finally:
        tempo.WEIGHTS.write_text(before)


if __name__ == "__main__":
    main()
