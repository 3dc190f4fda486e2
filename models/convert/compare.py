"""Runs a converted graph and its original on the same inputs and reports the largest difference."""

from dataclasses import dataclass

import numpy as np

import check_audio
import check_picture
import execute
from errors import Differs, Missing

LIMIT = 1e-4  # of any output; outputs that are not limited to 0..1 are compared relative to their largest value


@dataclass
class Comparison:
    what: str  # "random", or the name of a piece or a picture
    runtime: str  # "original" or "reference"
    difference: float


def inputs(recipe, model, audio=(), pictures=()):
    """(name, inputs) for the comparison: random, then real ones that suit the model's kind."""
    yield "random", recipe.sample(np.random.default_rng(11))
    kind = model.header["input"]["kind"]
    if kind == "audio":
        for piece in audio:
            samples = piece.samples(model.header["input"]["rate_hz"])
            values = check_audio.inputs(model, samples)
            if values:
                yield piece.name, values | {"samples": samples}
    elif kind in ("image", "frames"):
        for picture in pictures:
            yield picture.name, check_picture.inputs(model, picture)


def difference(expected, got):
    worst = 0.0
    for name, value in expected.items():
        if value.shape != got[name].shape:
            raise Differs(f"output '{name}' is {list(got[name].shape)}, the original's {list(value.shape)}")
        scale = max(1.0, float(np.abs(value).max()))
        worst = max(worst, float(np.abs(value.astype(np.float64) - got[name]).max()) / scale)
    return worst


def compare(recipe, files, model, audio=(), pictures=()):
    """Comparisons of all inputs with the original's runtime and with the reference, where they are there. Differs:
    above the limit. Missing: neither could be run on any input."""
    results, reasons = [], []
    for what, values in inputs(recipe, model, audio, pictures):
        own = {name: array for name, array in values.items() if name != "samples"}
        got = execute.run(model, own)
        for runtime, function in (("original", recipe.original), ("reference", recipe.reference)):
            if function is None:
                continue
            try:
                expected = function(files, values)
            except Missing as error:
                reasons.append(str(error))
                continue
            worst = difference(expected, got)
            results.append(Comparison(what, runtime, worst))
            if not worst <= LIMIT:
                raise Differs(f"{recipe.name} on {what}: {worst:.3g} from the {runtime}; at most {LIMIT:g}")
    if not results:
        raise Missing(f"{recipe.name} cannot be compared with its original: {'; '.join(sorted(set(reasons)))}")
    return results


def summary(results):
    """One line: the largest difference and what it was compared with."""
    if not results:
        return "not compared"
    worst = max(results, key=lambda row: row.difference)
    runtimes = "original" if all(row.runtime == "original" for row in results) else " and ".join(
        sorted({row.runtime for row in results}))
    return f"differs by at most {worst.difference:.1e} ({runtimes}; {len(results)} comparisons)"
