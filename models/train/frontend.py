"""The mel spectrogram that the specification's models take: 128 bands by 128 frames of 512 samples at 22,050 Hz. It is
described as in models/FORMAT.md; libkithara computes it, in training as in the node."""

import copy
import json

import numpy as np

BANDS, FRAMES = 128, 128

INPUT = {
    "kind": "audio",
    "rate_hz": 22050,
    "frame": {"length": 2048, "hop": 512, "window": "hann", "centre": True},
    "spectrum": "power",
    "bands": {"kind": "mel_slaney", "count": BANDS, "low_hz": 0, "high_hz": 11025},
    "log": {"kind": "log10", "scale": 10000, "offset": 1},
    "layout": "N1FT",
    "blocks": {"frames": FRAMES, "hop": FRAMES, "tail": "drop"},
}

# Names of the tensors of a model file that normalise a row: (row - mean) * inverse_std.
MEAN, INVERSE_STD = "input_mean", "input_inverse_std"


def normalised():
    """INPUT of a model file that has these tensors."""
    return copy.deepcopy(INPUT) | {"mean": MEAN, "inverse_std": INVERSE_STD}


def open_frontend():
    """A kithara.Frontend of INPUT, without normalisation."""
    import kithara

    return kithara.Frontend(json.dumps(INPUT))


class Statistics:
    """Mean and standard deviation of each band over all frames, in double precision."""

    def __init__(self):
        self.frames, self.sum, self.squares = 0, np.zeros(BANDS), np.zeros(BANDS)

    def add(self, blocks):
        """blocks: [n, BANDS, FRAMES]."""
        blocks = blocks.astype(np.float64)
        self.frames += blocks.shape[0] * blocks.shape[2]
        self.sum += blocks.sum(axis=(0, 2))
        self.squares += (blocks**2).sum(axis=(0, 2))

    def mean(self):
        return (self.sum / self.frames).astype(np.float32)

    def inverse_std(self):
        variance = self.squares / self.frames - (self.sum / self.frames)**2
        return (1 / np.sqrt(np.maximum(variance, 1e-4))).astype(np.float32)  # a band that is always silent stays small


def normalise(blocks, mean, inverse_std):
    """As the node does it, in float32."""
    return (blocks - mean[:, None]) * inverse_std[:, None]
