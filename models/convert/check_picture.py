"""The picture front ends that model files describe (models/input/image_input.h), in numpy. For checks only."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from errors import Missing


@dataclass
class Pictures:
    """name; frames: uint8 RGB [n, height, width, 3]."""

    name: str
    frames: np.ndarray


def from_file(path, most=16):
    """The first frames of a picture or a video, decoded by ffmpeg."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of",
             "csv=p=0", str(path)]
    decode = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", str(most), "-f", "rawvideo", "-pix_fmt", "rgb24",
              "-"]
    try:
        width, height = (int(n) for n in subprocess.run(probe, check=True, capture_output=True).stdout.split(b",")[:2])
        content = subprocess.run(decode, check=True, capture_output=True).stdout
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise Missing(f"ffmpeg cannot decode {path}: {error}") from None
    return Pictures(Path(path).name, np.frombuffer(content, np.uint8).reshape(-1, height, width, 3))


def synthetic():
    """Twelve frames with a cut: slow waves of colour, then rows of dark blocks on white, like lines of text."""
    y, x = np.mgrid[0:240, 0:320].astype(np.float64)
    frames = []
    for t in range(12):
        if t < 6:
            waves = [np.sin(x / 23 + t / 9 + c) * np.cos(y / 31 - c) for c in range(3)]
            frames.append(np.stack(waves, axis=2) * 110 + 128)
        else:
            marks = ((x + t) // 5 * 7 + y // 20 * 3) % 4 < 2
            text = (y % 20 < 11) & marks & (x > 20) & (x < 300)
            frames.append(np.where(text[..., None], 30.0, 240.0) + np.zeros(3))
    return Pictures("synthetic", np.stack(frames).astype(np.uint8))


def bilinear(picture, height, width):
    """Half-pixel centres, no smoothing before a reduction, as OpenCV in floating point."""
    def taps(old, new):
        at = np.clip((np.arange(new) + .5) * old / new - .5, 0, old - 1)
        low = np.minimum(at.astype(int), max(old - 2, 0))
        return low, np.minimum(low + 1, old - 1), at - low
    y0, y1, fy = taps(picture.shape[0], height)
    x0, x1, fx = taps(picture.shape[1], width)
    rows = picture[y0] * (1 - fy)[:, None, None] + picture[y1] * fy[:, None, None]
    return rows[:, x0] * (1 - fx)[None, :, None] + rows[:, x1] * fx[None, :, None]


def area(picture, height, width):
    """Means of the covered areas."""
    def weights(old, new):
        edges = np.arange(new + 1) * old / new
        covered = np.minimum(edges[1:, None], np.arange(old) + 1) - np.maximum(edges[:-1, None], np.arange(old))
        return np.maximum(covered, 0) * new / old
    return np.einsum("yr,rsc,xs->yxc", weights(picture.shape[0], height), picture, weights(picture.shape[1], width), optimize=True)


def size(rule, height, width):
    """(height, width) of the scaled picture, and of the input around it."""
    mode = rule["mode"]
    multiple = rule.get("multiple", 1)
    up = lambda n: -(-int(n) // multiple) * multiple
    if mode == "fixed":
        return (rule["height"], rule["width"]), (rule["height"], rule["width"])
    if mode == "stretch":
        return (up(height), up(width)), (up(height), up(width))
    if mode == "height":
        scaled = max(1, round(width * rule["height"] / height))
        return (rule["height"], scaled), (rule["height"], up(max(scaled, rule["least"])))
    factor = max(1, rule["least"] / min(height, width))
    factor = min(factor, rule["most"] / max(height, width)) if max(height, width) * factor > rule["most"] else factor
    sides = tuple(max(multiple, int(round(n * factor / multiple)) * multiple) for n in (height, width))
    return sides, sides


def inputs(model, pictures, most=1):
    """Inputs of the graph: `most` pictures, or all frames as one block."""
    rule = model.header["input"]
    frames = pictures.frames if rule["kind"] == "frames" else pictures.frames[::-1][:most]
    inner, outer = size(rule["size"], *frames.shape[1:3])
    placed, scale = [], area if rule.get("filter") == "area" else bilinear
    for frame in frames:
        x = scale(frame.astype(np.float64), *inner)
        x = np.floor(x + .5) if rule["kind"] == "frames" else x
        x = x[..., ::-1] if rule.get("colour") == "bgr" else x
        x = x * rule.get("scale", 1) + rule.get("offset", 0)
        placed.append(np.pad(x, [(0, outer[0] - inner[0]), (0, outer[1] - inner[1]), (0, 0)]))
    x = np.stack(placed).transpose(0, 3, 1, 2).astype(np.float32)
    return {"x": x.transpose(1, 0, 2, 3)[None] if rule["kind"] == "frames" else x}
