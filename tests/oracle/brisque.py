#!/usr/bin/env python3
"""BRISQUE's 36 features of a grey picture, by the formulas of the package brisque 0.2.0, in float64.

    brisque.py                              # prints tests/unit/models/input/brisque_expected.def
    brisque.py W H < luma.gray              # features of each raw 8-bit picture, one JSON array a line
    brisque.py W H --package FOLDER < ...   # by the code of the unpacked package itself (needs scipy, skimage, cv2)

The package's root search gives the same shapes as the bisection here. Needs numpy, scipy and opencv-python-headless.
"""
import argparse
import json
import math
import sys

import cv2
import numpy as np
from scipy.signal import convolve2d

CASES = ((64, 48, 1), (97, 61, 2), (33, 35, 3), (320, 180, 4))  # width, height, kind


def picture(width, height, kind):
    """A sine, its blur or noise by a linear congruential generator; the same in brisque_test.c."""
    out, state = np.empty((height, width), np.uint8), kind
    for y in range(height):
        for x in range(width):
            state = (state * 1664525 + 1013904223) % 2 ** 32
            out[y, x] = (x * x // (kind + 3) + 3 * y * kind) % 181 + (state >> 24) % (8 * kind) + 20
    return out


def shape_of(ratio):
    low, high = .05, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        value = math.exp(2 * math.lgamma(2 / middle) - math.lgamma(1 / middle) - math.lgamma(3 / middle))
        low, high = (middle, high) if value < ratio else (low, middle)
    return (low + high) / 2


def fit(x):
    """Shape, mean and both variances of an asymmetric generalised Gaussian."""
    left, right = (x[x < 0] ** 2).mean(), (x[x >= 0] ** 2).mean()
    g = math.sqrt(left) / math.sqrt(right)
    shape = shape_of(np.abs(x).mean() ** 2 / (x ** 2).mean() * (g ** 3 + 1) * (g + 1) / (g ** 2 + 1) ** 2)
    scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape)) * math.gamma(2 / shape) / math.gamma(1 / shape)
    return shape, (math.sqrt(right) - math.sqrt(left)) * scale, left, right


def one_scale(grey):
    side = np.arange(7) - 3
    weights = np.exp(-(side[:, None] ** 2 + side[None] ** 2) / (2 * (7 / 6) ** 2))
    weights /= weights.sum()
    mean = convolve2d(grey, weights, "same")
    m = (grey - mean) / (np.sqrt(np.abs(mean ** 2 - convolve2d(grey ** 2, weights, "same"))) + 1 / 255)
    shape, _, left, right = fit(m)
    out = [shape, (left + right) / 2]
    for product in (m[:, :-1] * m[:, 1:], m[:-1] * m[1:], m[:-1, :-1] * m[1:, 1:], m[1:, :-1] * m[:-1, 1:]):
        out += fit(product)
    return out


def features(luma):
    grey = luma.astype(np.float64) / 255
    return one_scale(grey) + one_scale(cv2.resize(grey, None, fx=.5, fy=.5, interpolation=cv2.INTER_CUBIC))


def package_features(folder):
    """The package's own, without its model."""
    sys.path.insert(0, folder)
    import types
    for name in ("libsvm", "requests", "scipy.ndimage.filters", "skimage.io"):  # imported and not needed here
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["libsvm"].svmutil = None
    np.product = np.prod
    from brisque.brisque import BRISQUE
    judge = BRISQUE.__new__(BRISQUE)

    def of(luma):
        grey = luma.astype(np.float64) / 255
        half = cv2.resize(grey, None, fx=.5, fy=.5, interpolation=cv2.INTER_CUBIC)
        return [float(np.ravel(v)[0]) for scale in (grey, half)
                for v in judge.calculate_brisque_features(scale, kernel_size=7, sigma=7 / 6)]
    return of


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", type=int, nargs="*")
    parser.add_argument("--package")
    args = parser.parse_args()
    of = package_features(args.package) if args.package else features
    if args.size:
        width, height = args.size
        while len(luma := sys.stdin.buffer.read(width * height)) == width * height:
            print(json.dumps(of(np.frombuffer(luma, np.uint8).reshape(height, width))), flush=True)
        return
    print("// tests/oracle/brisque.py: width, height, kind, 36 features")
    for width, height, kind in CASES:
        print(f"KT_BRISQUE_CASE({width}, {height}, {kind}, " + ", ".join(f"{v:.9g}" for v in of(picture(width, height, kind))) + ")")


if __name__ == "__main__":
    main()
