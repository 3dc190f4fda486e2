"""One file, or samples: their output message, and their matrices per frame."""
from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from . import library, optional, program
from .errors import Error

if TYPE_CHECKING:
    import numpy


def analyze(path: str | os.PathLike[str], *, options: dict[str, bool] | None = None, settings: Sequence[str] = ()) -> dict[str, Any]:
    """The output message of a file (docs/features.md), by libkithara in this process, or where it is not installed by
    the program. options: analysis_options. settings: NAME=value texts. Error, with its document, for a file that fails."""
    try:
        library.version()
    except library.NotInstalled:
        document = next(program.messages(program.command("analyze", "--jsonl", options=options, settings=settings), [path]))
        if not document["success"]:
            raise Error.of_document(document) from None
        return document
    with library.Context(*settings) as context:
        return context.analyze_file(path, options)


def analyze_samples(samples: Any, rate_hz: int, *, options: dict[str, bool] | None = None, settings: Sequence[str] = ()) -> dict[str, Any]:
    """The output message of float32 samples [frames] or [frames, channels]. Needs libkithara."""
    with library.Context(*settings) as context:
        return context.analyze_samples(samples, rate_hz, options)


class Frames(NamedTuple):
    """A matrix [rows, frames], or a vector [frames], and the time of each frame's centre in seconds."""
    values: "numpy.ndarray"
    times: "numpy.ndarray"


def _frame_grid(settings: Sequence[str]) -> tuple[float, float]:
    """Sample rate and hop of the analysis."""
    lines = [line.split("#")[0].strip() for line in program.output(program.command("--print-config", settings=settings)).splitlines()]
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return float(values["ANALYZER_SAMPLE_RATE"]), float(values["ANALYZER_HOP_LENGTH"])


def frames(path: str | os.PathLike[str], *, settings: Sequence[str] = ()) -> dict[str, Frames]:
    """The matrices per frame of a file, by name: "mel", "chroma", "mfcc", "onset_strength" and so on. Needs numpy and
    the program. Frames are centred on multiples of the hop, as librosa's are."""
    numpy = optional.module("numpy")
    rate, hop = _frame_grid(settings)
    with tempfile.TemporaryDirectory(prefix="kithara-frames-") as folder:
        line = program.command("analyze", "--jsonl", "--frames", folder, settings=settings)
        document = next(program.messages(line, [path]))
        if not document["success"]:
            raise Error.of_document(document)
        found = {}
        for file in sorted(pathlib.Path(folder).rglob("*.npy")):
            values = numpy.load(file)
            found[file.name.removesuffix(".npy").rsplit(".", 1)[1]] = Frames(values, numpy.arange(values.shape[-1]) * (hop / rate))
        return found
