"""PP-OCRv4 (PaddleOCR), as packaged by rapidocr-onnxruntime: text regions and a text recogniser, from ONNX files."""

import numpy as np

import onnx_runtime
from errors import BadFile
from readers import onnx_file
from recipe import Recipe, Wheel, member

WHEEL = Wheel("rapidocr-onnxruntime", "1.4.4", "rapidocr_onnxruntime-1.4.4-py3-none-any.whl",
              "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf")
DETECTOR = "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"
RECOGNISER = "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"
MAP = {"sigmoid_0.tmp_0": "map"}
TEXT = {"softmax_11.tmp_0": "text"}
PIXELS = {"colour": "bgr", "filter": "bilinear", "scale": 2 / 255, "offset": -1}
ATTRIBUTION = "PaddleOCR (PaddlePaddle authors), ONNX form by RapidAI"


def detector(files):
    side = {"min": 32, "max": 2016, "multiple": 32}
    sizes = [{"N": 1, "H": 64, "W": 96}, {"N": 2, "H": 96, "W": 160}]
    network = onnx_file.read(member(files, DETECTOR), {"x": ("x", ["N", 3, "H", "W"], {"H": side, "W": side}, sizes)},
                             MAP)
    return network.graph(), {
        "licence": "Apache-2.0", "attribution": ATTRIBUTION,
        "input": {"kind": "image", **PIXELS,
                  "size": {"mode": "short_side", "least": 736, "most": 2000, "multiple": 32}},
        "outputs": [{"name": "map", "value": "map", "per": "image", "reduce": "none"}],
        "accuracy": [{"measure": "presence right, box threshold .5, with ppocr_rec behind it", "value": .975,
                      "set": "200 sampled frames of real video", "source": "Kithara"}],
        "notes": "Probability per point that it belongs to text: above .3 text, a box is kept at a mean of .5. Without "
                 "ppocr_rec behind it, most frames without text have false boxes. Small pictures are enlarged.",
    }


def recogniser(files):
    path = member(files, RECOGNISER)
    limits = {"min": 320, "max": 4096, "multiple": 8}
    sizes = [{"N": 1, "W": 320}, {"N": 2, "W": 416}]
    graph = onnx_file.read(path, {"x": ("x", ["N", 3, 48, "W"], {"W": limits}, sizes)}, TEXT).graph()
    character = next((row.value for row in onnx_file.load(path).metadata_props if row.key == "character"), None)
    if character is None:
        raise BadFile(f"{path} has no list of characters")
    classes = ["", *character.split("\n"), " "]
    return graph, {
        "licence": "Apache-2.0", "attribution": ATTRIBUTION,
        "input": {"kind": "image", **PIXELS, "size": {"mode": "height", "height": 48, "least": 320, "multiple": 8}},
        "outputs": [{"name": "text", "value": "text", "per": "image", "reduce": "none", "classes": classes}],
        "accuracy": [{"measure": "box F1 behind ppocr_det", "value": .977, "set": "200 sampled frames of real video",
                      "source": "Kithara"}],
        "notes": "One row per 8 points of width. Class 0 is blank: repeated classes are one, blanks are dropped.",
    }


def _recipe(name, file, sha256, build, outputs, shape):
    return Recipe(
        name=name, type="video", version="1.0.0", wheel=WHEEL, licence="Apache-2.0", members={file: sha256},
        build=build,
        sample=lambda generator: {"x": generator.uniform(-1, 1, shape).astype(np.float32)},
        original=lambda files, inputs: onnx_runtime.run(member(files, file), {"x": inputs["x"]}, outputs))


RECIPES = [
    _recipe("ppocr_det", DETECTOR, "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9", detector, MAP,
            (2, 3, 128, 192)),
    _recipe("ppocr_rec", RECOGNISER, "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b", recogniser,
            TEXT, (2, 3, 48, 360)),
]
