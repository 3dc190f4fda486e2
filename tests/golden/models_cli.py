#!/usr/bin/env python3
"""`kithara models show`, `input` and `run` on two small models that this script writes: one of audio, one of pictures.

The audio model gives its rows back, so that its outputs over all blocks, with their context, are the rows. Skipped (77)
without libxxhash, which the checksum of a model file needs.
"""
import argparse
import array
import ctypes
import ctypes.util
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

RATE, BANDS = 8000, 4
AUDIO = {
    "name": "echo", "version": "1.2.3", "licence": "MIT", "attribution": "nobody",
    "source": {"package": "none", "file": "none", "sha256": "0" * 64},
    "input": {"kind": "audio", "rate_hz": RATE, "frame": {"length": 256, "hop": 128, "window": "hann", "centre": True},
              "spectrum": "power", "bands": {"kind": "mel_slaney", "count": BANDS}, "log": {"kind": "log10", "offset": 1},
              "blocks": {"frames": 10, "left": 3, "right": 2, "tail": "short"}},
    "free": {"T": {"min": 1, "max": 1000, "multiple": 1}},
    "graph": {"inputs": [{"name": "x", "shape": ["N", 1, "T", BANDS]}],
              "nodes": [{"op": "reshape", "in": ["x"], "out": ["y"], "shape": [0, -1, BANDS]}], "outputs": ["y"]},
    "tensors": [],
    "outputs": [{"name": "rows", "value": "y", "per": "frame", "reduce": "mean", "classes": ["low", "b", "c", "high"]}],
    "accuracy": [{"measure": "none", "value": 0.5, "set": "nothing", "source": "here"}], "notes": "a note",
}
PICTURE = AUDIO | {
    "name": "colours",
    "input": {"kind": "image", "size": {"mode": "stretch", "multiple": 4}, "scale": [1, 2, 3]},
    "free": {"H": {"min": 4, "max": 64, "multiple": 4}, "W": {"min": 4, "max": 64, "multiple": 4}},
    "graph": {"inputs": [{"name": "x", "shape": ["N", 3, "H", "W"]}],
              "nodes": [{"op": "reduce_mean", "in": ["x"], "out": ["y"], "axes": [2, 3]}], "outputs": ["y"]},
    "outputs": [{"name": "means", "value": "y", "per": "image", "reduce": "none", "classes": ["r", "g", "b"]}],
}


class Digest(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def write_model(path, header, library):
    """A file without tensors: models/FORMAT.md."""
    text = json.dumps(header).encode()
    rest = text + b"\0" * (-(32 + len(text)) % 64)
    library.XXH3_128bits.restype = Digest
    library.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    digest = library.XXH3_128bits(rest, len(rest))
    path.write_bytes(b"\x89KTM\r\n\x1a\n" + struct.pack("<II", 1, len(text)) + struct.pack(">QQ", digest.high, digest.low)
                     + rest)


def write_wav(path, samples):
    data = array.array("f", samples).tobytes()
    path.write_bytes(struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, RATE, 4 * RATE, 4,
                                 32, b"data", len(data)) + data)


def read_npy(path):
    """(shape, values)."""
    content = path.read_bytes()
    length = struct.unpack_from("<H", content, 8)[0]
    shape = eval(content[10:10 + length], {"__builtins__": {}})["shape"]
    return shape, array.array("f", content[10 + length:])


class Checks:
    def __init__(self):
        self.failed = 0

    def check(self, what, holds, detail=""):
        print(f"{'ok    ' if holds else 'FAILED'} {what}{'' if holds else f': {detail}'}")
        self.failed += not holds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kithara", required=True)
    program = os.path.abspath(parser.parse_args().kithara)
    name = ctypes.util.find_library("xxhash")
    if not name:
        print("skipped: no libxxhash")
        sys.exit(77)
    checks = Checks()

    def call(*arguments):
        return subprocess.run([program, "models", *map(str, arguments)], capture_output=True, text=True, check=False)

    def refused(what, code, *arguments):
        done = call(*arguments)
        checks.check(f"{what}: {code}", done.returncode == 1 and code in done.stderr, done.stderr.strip() or "no error")

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        library, folder = ctypes.CDLL(name), Path(folder)
        write_model(folder / "echo.ktm", AUDIO, library)
        write_model(folder / "colours.ktm", PICTURE, library)
        write_wav(folder / "tone.wav", [.5 * math.sin(.2 * i) * (1 - i / 9000) for i in range(8000)])

        shown = json.loads(call("show", "-o", "json", "echo.ktm").stdout)
        checks.check("show names the model", (shown["name"], shown["version"], shown["licence"]) == ("echo", "1.2.3", "MIT"))
        checks.check("show counts operators", shown["operators"] == {"reshape": 1}, shown["operators"])
        table = call("show", "echo.ktm").stdout
        checks.check("show prints a table", "rows per frame, 4 classes" in table and "none 0.5 on nothing" in table, table)

        done = call("input", "echo.ktm", "tone.wav", "--out", "rows.npy")
        checks.check("input writes rows", done.returncode == 0 and read_npy(folder / "rows.npy")[0] == (63, BANDS), done.stderr)
        for backend in ("cpu", "ref"):
            done = call("run", "echo.ktm", "tone.wav", "--backend", backend, "--out", "out")
            checks.check(f"the blocks' own rows are all rows ({backend})",
                         done.returncode == 0 and read_npy(folder / "out/rows.npy") == read_npy(folder / "rows.npy"), done.stderr)
        checks.check("run lists classes by mean", done.stdout.splitlines()[1].split()[3] == "low", done.stdout)

        (folder / "red.ppm").write_bytes(b"P6 5 3 255\n" + bytes([200, 10, 1]) * 15)
        done = call("run", "colours.ktm", "red.ppm", "--out", "out")
        checks.check("run takes a PPM", done.returncode == 0 and read_npy(folder / "out/means.npy") == ((1, 3), array.array(
            "f", [200, 20, 3])), done.stderr)
        call("input", "colours.ktm", "red.ppm", "--out", "picture.npy")
        checks.check("input scales to the multiple", read_npy(folder / "picture.npy")[0] == (1, 3, 4, 8))
        done = call("run", "colours.ktm", "--input", "picture.npy", "--out", "again")
        checks.check("run takes the graph's input",
                     done.returncode == 0 and read_npy(folder / "again/means.npy")[1].tolist() == [200, 20, 3], done.stderr)

        broken = bytearray((folder / "echo.ktm").read_bytes())
        broken[100] ^= 1
        (folder / "broken.ktm").write_bytes(broken)
        refused("a damaged model", "EMODEL", "run", "broken.ktm", "tone.wav")
        refused("no model", "ENOFILE", "show", "absent.ktm")
        refused("no media", "ENOFILE", "input", "echo.ktm", "absent.wav")
        refused("a text as audio", "ETEXT", "run", "echo.ktm", "/etc/passwd")
        refused("audio for a picture model", "EFORMAT", "run", "colours.ktm", "tone.wav")
        (folder / "short.ppm").write_bytes(b"P6 5 3 255\n123")
        refused("a truncated picture", "EFORMAT", "input", "colours.ktm", "short.ppm")
        (folder / "short.npy").write_bytes((folder / "picture.npy").read_bytes()[:-4])
        refused("a truncated input", "EFORMAT", "run", "colours.ktm", "--input", "short.npy")
        refused("an input of another shape", "EINVAL", "run", "colours.ktm", "--input", "rows.npy")
        (folder / "large.ppm").write_bytes(b"P6 99 3 255\n" + bytes(99 * 9))
        refused("a picture that the graph does not take", "EINVAL", "run", "colours.ktm", "large.ppm")
        done = call("run", "echo.ktm")
        checks.check("a missing argument is a usage error", done.returncode == 2, done.stderr)
    sys.exit(1 if checks.failed else 0)


main()
