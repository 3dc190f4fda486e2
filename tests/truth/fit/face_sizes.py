#!/usr/bin/env python3
"""At which sizes of a picture CenterFace finds large and blurred faces: node/video/faces/faces.c.

    face_sizes.py CENTERFACE.onnx [PICTURE_WITHOUT_FACES]...

The hundred faces of scikit-image's lfw_subset (25 x 25 pixels, grey), enlarged to 170 to 230 and put on its photographs, as
../truthgen does; odd and even faces are given apart, because nothing is fitted but the choice of one factor. Needs OpenCV,
onnx, onnxruntime and scikit-image.
"""
import random
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import skimage

FACTORS = (1, .7, .5, .4, .35, .3, .25, .2, .16)
DATA = Path(skimage.__file__).parent / "data"


def session(path):
    model = onnx.load(path)
    for row in list(model.graph.input) + list(model.graph.output):
        for i, dim in enumerate(row.type.tensor_type.shape.dim):
            dim.dim_param = f"{row.name}_{i}"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def overlap(a, b):
    x, y = (max(0, min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    return x * y / (a[2] * a[3] + b[2] * b[3] - x * y)


def detect(model, picture, factor):
    """(confidence, x, y, width, height) of all above .2."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    rows, cols = (-(-n // 32) * 32 for n in small.shape[:2])
    x = cv2.resize(small, (cols, rows)).transpose(2, 0, 1)[None].astype(np.float32)
    heat, size, offset = model.run(["537", "538", "539"], {"input.1": x})
    found = []
    for r, c in zip(*np.where(heat[0, 0] > .2)):
        h, w = 4 * np.exp(size[0, :, r, c])
        dy, dx = offset[0, :, r, c]
        box = ((c + dx + .5) * 4 - w / 2, (r + dy + .5) * 4 - h / 2, w, h)
        found.append((float(heat[0, 0, r, c]), *(v * s for v, s in zip(box, (width / cols, height / rows) * 2))))
    return found


def paste(canvas, face, x, y, size):
    grey = cv2.resize(cv2.resize((face * 255).astype(np.uint8), (150, 150), interpolation=cv2.INTER_CUBIC), (size, size),
                      interpolation=cv2.INTER_AREA).astype(np.float32)[..., None]
    ramp = np.clip(np.minimum(np.arange(size), np.arange(size)[::-1]) / (size * .06), 0, 1)
    mask, area = np.outer(ramp, ramp)[..., None], canvas[y:y + size, x:x + size]
    area[:] = area * (1 - mask) + grey * mask


def main():
    model, rng = session(sys.argv[1]), random.Random(5)
    faces = np.load(DATA / "lfw_subset.npy")[:100]
    grounds = [cv2.resize(cv2.imread(str(DATA / f))[..., ::-1], (640, 480)) for f in
               ("coffee.png", "chelsea.png", "motorcycle_left.png", "rocket.jpg")]
    seen, false = [], dict.fromkeys(FACTORS, 0)
    for i in range(0, len(faces), 2):
        canvas, boxes = grounds[i // 2 % 4].copy(), []
        for k in range(2):
            size = rng.randint(170, 230)
            x, y = k * 320 + rng.randint(0, 320 - size), rng.randint(0, 480 - size)
            paste(canvas, faces[i + k], x, y, size)
            boxes.append((x + size / 15, y + size / 30, size / 1.15, size / 1.07))
        found = {f: detect(model, canvas, f) for f in FACTORS}
        seen += [{f: max((d[0] for d in found[f] if overlap(d[1:], box) > .3), default=0) for f in FACTORS} for box in boxes]
        for f in FACTORS:
            false[f] += sum(d[0] >= .5 and all(overlap(d[1:], b) < .2 for b in boxes) for d in found[f])
    print("found at .5: of the even faces, of the odd ones; with the whole picture; elsewhere")
    for f in FACTORS:
        shares = [np.mean([s[f] >= .5 for s in seen[half::2]]) for half in (0, 1)]
        both = [np.mean([max(s[1], s[f]) >= .5 for s in seen[half::2]]) for half in (0, 1)]
        print(f"{f:5} {shares[0]:.2f} {shares[1]:.2f}   {both[0]:.2f} {both[1]:.2f}   {false[f]}")
    for path in sys.argv[2:]:
        picture = cv2.imread(path)[..., ::-1]
        print(path, {f: round(max((d[0] for d in detect(model, picture, f)), default=0), 2) for f in FACTORS})


if __name__ == "__main__":
    main()
