#!/usr/bin/env python3
"""Scaled pictures for tests/unit/models/input/image_expected.def, from OpenCV (opencv-python-headless).

The picture is a formula (picture below, and in image_input_test.c). Each line is KT_EXPECTED(filter, width, height, new
width, new height, FNV-1a of all bytes, sum of all bytes, the bytes of the pixel in the middle).
"""
import cv2
import numpy as np

CASES = (("bilinear", 50, 37, 65, 48), ("bilinear", 50, 37, 21, 30), ("bilinear", 50, 37, 25, 37), ("bilinear", 7, 1, 32, 32),
         ("bilinear", 1, 1, 3, 2), ("bilinear", 50, 37, 50, 37), ("bicubic", 50, 37, 65, 48), ("bicubic", 50, 37, 24, 13),
         ("area", 50, 37, 24, 13), ("area", 50, 37, 25, 37), ("area", 50, 37, 3, 2))
FILTERS = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}


def picture(width, height):
    """Noise of a linear congruential generator, packed RGB."""
    out, state = np.empty(width * height * 3, np.uint8), 7
    for i in range(len(out)):
        state = (state * 1664525 + 1013904223) % 2 ** 32
        out[i] = state >> 24
    return out.reshape(height, width, 3)


def fnv(content):
    out = 14695981039346656037
    for byte in content:
        out = (out ^ byte) * 1099511628211 % 2 ** 64
    return out


for name, width, height, w, h in CASES:
    scaled = cv2.resize(picture(width, height), (w, h), interpolation=FILTERS[name])
    middle = ", ".join(str(v) for v in scaled[h // 2, w // 2])
    print(f"KT_EXPECTED({name}, {width}, {height}, {w}, {h}, {fnv(scaled.tobytes())}U, {scaled.astype(int).sum()}, {middle})")
