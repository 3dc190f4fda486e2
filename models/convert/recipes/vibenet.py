"""vibenet: seven perceptual values of a piece, from an ONNX file. GPL-3.0-or-later: converted only when asked for.

The graph ends with the package's post-processing: a sigmoid for three values, a limit to 0..1 for the other four.
"""

import numpy as np

import onnx_runtime
from errors import Unsupported
from execute import sigmoid
from readers import onnx_file
from recipe import Recipe, Wheel, member

FILE = "vibenet/artifacts/efficientnet_model.onnx"
WHEEL = Wheel("vibenet", "0.1.0", "vibenet-0.1.0-py3-none-any.whl",
              "3474fd65a9723f0f58f511e77d1641ea937f11b8d75e906bcda2da9cad3094f5")
CLASSES = ["acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness", "valence"]
SIGMOID = np.array([1, 0, 0, 1, 1, 0, 0], np.float64)  # the other values are limited to 0..1
BANDS, LONGEST = 128, 100_000
INPUT = {
    "kind": "audio", "rate_hz": 16000,
    "frame": {"length": 640, "hop": 320, "fft": 1024, "window": "hann"},
    "spectrum": "power",
    "bands": {"kind": "mel_slaney", "count": BANDS, "low_hz": 0, "high_hz": 8000},
    "log": {"kind": "db", "floor": 1e-10, "top_db": 80},
    "layout": "NFT",
    "blocks": {"frames": LONGEST, "hop": LONGEST, "tail": "short"},  # the whole piece at once
}


def build(files):
    sizes = [{"N": 1, "T": 100}, {"N": 1, "T": 164}]  # the file reshapes to a batch of 1
    free = {"T": {"min": 1, "max": LONGEST, "multiple": 1}}
    network = onnx_file.read(member(files, FILE), {"x": ("x", ["N", BANDS, "T"], free, sizes)}, {"out": "raw"})
    embedding = [node.outputs[0] for node in network.nodes if node.op == "gelu"]
    if len(embedding) != 1:
        raise Unsupported(f"{FILE} is another network than that of vibenet 0.1.0")
    network.output(embedding[0], "embedding")
    graph = network.graph()
    graph.outputs.clear()
    raw = "raw"
    zero = graph.tensor("zero", np.zeros(len(CLASSES)))
    parts = [graph.node("scale", y, graph.tensor(name, mask), zero) for name, y, mask in (
        ("takes_sigmoid", graph.node("sigmoid", raw), SIGMOID),
        ("takes_limit", graph.node("clip", raw, low=0, high=1), 1 - SIGMOID))]
    graph.output(graph.node("add", *parts, out="values"), "embedding")
    return graph, {
        "licence": "GPL-3.0-or-later", "attribution": "vibenet 0.1.0",
        "input": INPUT,
        "outputs": [{"name": "values", "value": "values", "per": "block", "reduce": "mean", "classes": CLASSES},
                    {"name": "embedding", "value": "embedding", "per": "block", "reduce": "mean"}],
        "accuracy": [],
        "notes": "The whole piece is one block. valence is the least certain value: near 0 for quiet orchestral music.",
    }


def original(files, inputs):
    """onnxruntime, one piece at a time: the file's batch is 1."""
    rows = [onnx_runtime.run(member(files, FILE), {"x": inputs["x"][n:n + 1]}, {"out": "raw"})["raw"]
            for n in range(len(inputs["x"]))]
    raw = np.concatenate(rows)
    return {"values": np.where(SIGMOID > 0, sigmoid(raw), np.clip(raw, 0, 1))}


RECIPES = [Recipe(
    name="vibenet", type="audio", version="1.0.0", wheel=WHEEL, licence="GPL-3.0-or-later",
    members={FILE: "efa88450153863a1461989a00846526ac9230665b19fbf82f33e46fdeef7d275"},
    build=build, original=original, optional="its licence is the GPL",
    sample=lambda generator: {"x": generator.uniform(-80, 20, (2, BANDS, 210)).astype(np.float32)})]
