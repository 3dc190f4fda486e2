"""BeatNet (Heydari, Cwitkowitz, Duan): beat, downbeat or none, 50 times a second, from a torch state dict.

The convolution over the bands of one frame is a two-dimensional one here, so that all frames are one run. The states of
the two LSTM layers are inputs and outputs: a piece is cut into blocks anywhere.
"""

import numpy as np

from errors import BadFile, Missing
from execute import sigmoid
from ktm import Graph
from readers import torch_state
from recipe import Recipe, Wheel

WIDTH, HIDDEN, LAYERS = 272, 150, 2
CLASSES = ["beat", "downbeat", "none"]
WHEEL = Wheel("BeatNet", "1.1.3", "BeatNet-1.1.3-py3-none-any.whl",
              "1ecfa17bdcbe899975a88bdb6efebd6970d846a4f3b6cfd5c6f320647c641c7e")
INPUT = {
    "kind": "audio", "rate_hz": 22050,
    "frame": {"length": 1411, "hop": 441, "fft": 1411, "window": "hann_symmetric", "centre": True, "partial": True},
    "spectrum": "magnitude",
    "bands": {"kind": "log", "per_octave": 24, "low_hz": 30, "high_hz": 17000, "reference_hz": 440},
    "log": {"kind": "log10", "scale": 1, "offset": 1},
    "difference": True,
    "layout": "N1TF",
    "blocks": {"frames": 1000, "hop": 1000, "tail": "short"},
    "states": [[f"{kind}{i}", f"{kind}{i}_out"] for i in range(LAYERS) for kind in "hc"],
}
TRAINED_WITHOUT = {1: "GTZAN", 2: "Ballroom", 3: "Rock Corpus"}


def build(number, files):
    state = torch_state.read(next(iter(files.values())))
    graph = Graph()
    tensor = lambda name, array: graph.tensor(name.replace(".", "_"), array)
    try:
        x = graph.input("x", ["N", 1, "T", WIDTH], T={"min": 1, "max": 100000, "multiple": 1})
        for name, _ in INPUT["states"]:
            graph.input(name, ["N", HIDDEN])
        kernel = state["conv1.weight"][:, :, None, :]
        y = graph.node("conv", x, tensor("conv1.weight", kernel), tensor("conv1.bias", state["conv1.bias"]))
        y = graph.node("max_pool", graph.node("relu", y), kernel=[1, 2])
        y = graph.node("reshape", graph.node("transpose", y, order=[0, 2, 1, 3]), shape=[0, 0, -1])
        y = graph.node("dense", y, tensor("linear0.weight", state["linear0.weight"]),
                       tensor("linear0.bias", state["linear0.bias"]))
        for i in range(LAYERS):
            bias = state[f"lstm.bias_ih_l{i}"].astype(np.float64) + state[f"lstm.bias_hh_l{i}"]
            weights = [tensor(f"lstm_{name}{i}", state[f"lstm.weight_{name}_l{i}"]) for name in ("ih", "hh")]
            y, _, _ = graph.node("lstm", y, *weights, tensor(f"lstm_b{i}", bias), f"h{i}", f"c{i}",
                                 out=[f"rows{i}", f"h{i}_out", f"c{i}_out"])
        y = graph.node("dense", y, tensor("linear.weight", state["linear.weight"]),
                       tensor("linear.bias", state["linear.bias"]))
    except KeyError as error:
        raise BadFile(f"the state dict has no tensor {error}") from None
    graph.output(graph.node("softmax", y, out="activations"), *[out for _, out in INPUT["states"]])
    return graph, {
        "licence": "CC-BY-4.0",
        "attribution": "Mojtaba Heydari, Frank Cwitkowitz, Zhiyao Duan: BeatNet (ISMIR 2021); weights converted to "
                       "another file format, not changed",
        "input": INPUT,
        "outputs": [{"name": "activations", "value": "activations", "per": "frame", "reduce": "none",
                     "classes": CLASSES}],
        "accuracy": [],
        "notes": f"50 rows per second. Weight set {number}, trained without {TRAINED_WITHOUT[number]}. The weight sets "
                 "disagree on the octave of the tempo in some pieces.",
    }


def reference(files, inputs):
    """torch's layers spelled out frame by frame, in double precision."""
    state = {name: array.astype(np.float64) for name, array in torch_state.read(next(iter(files.values()))).items()}
    results = []
    for n, item in enumerate(inputs["x"].astype(np.float64)[:, 0]):
        windows = np.lib.stride_tricks.sliding_window_view(item, state["conv1.weight"].shape[2], axis=1)
        y = np.einsum("twk,ok->tow", windows, state["conv1.weight"][:, 0]) + state["conv1.bias"][:, None]
        y = np.maximum(y, 0)[:, :, :y.shape[2] // 2 * 2]
        y = np.maximum(y[:, :, 0::2], y[:, :, 1::2]).reshape(len(y), -1)
        y = y @ state["linear0.weight"].T + state["linear0.bias"]
        for i in range(LAYERS):
            h, c, rows = inputs[f"h{i}"][n].astype(np.float64), inputs[f"c{i}"][n].astype(np.float64), []
            for row in y:
                gates = state[f"lstm.weight_ih_l{i}"] @ row + state[f"lstm.bias_ih_l{i}"]
                gates += state[f"lstm.weight_hh_l{i}"] @ h + state[f"lstm.bias_hh_l{i}"]
                enter, forget, cell, leave = gates.reshape(4, HIDDEN)
                c = sigmoid(forget) * c + sigmoid(enter) * np.tanh(cell)
                h = sigmoid(leave) * np.tanh(c)
                rows.append(h)
            y = np.stack(rows)
        y = y @ state["linear.weight"].T + state["linear.bias"]
        e = np.exp(y - y.max(axis=1, keepdims=True))
        results.append(e / e.sum(axis=1, keepdims=True))
    return {"activations": np.stack(results)}


def original(files, inputs):
    """The same layers in torch."""
    try:
        import torch
    except ImportError:
        raise Missing("torch") from None
    state = torch.load(next(iter(files.values())), map_location="cpu", weights_only=True)
    lstm = torch.nn.LSTM(HIDDEN, HIDDEN, LAYERS, batch_first=True)
    lstm.load_state_dict({name[5:]: value for name, value in state.items() if name.startswith("lstm.")})
    functional, x = torch.nn.functional, torch.from_numpy(inputs["x"])
    with torch.no_grad():
        y = functional.relu(functional.conv1d(x.reshape(-1, 1, WIDTH), state["conv1.weight"], state["conv1.bias"]))
        y = functional.max_pool1d(y, 2).flatten(1)
        y = functional.linear(y, state["linear0.weight"], state["linear0.bias"])
        first = [torch.from_numpy(np.stack([inputs[f"{kind}{i}"] for i in range(LAYERS)])) for kind in "hc"]
        y, _ = lstm(y.reshape(*x.shape[:1], x.shape[2], HIDDEN), tuple(first))
        y = functional.softmax(functional.linear(y, state["linear.weight"], state["linear.bias"]), dim=-1)
    return {"activations": y.numpy()}


def sample(generator):
    states = {name: generator.normal(0, .5, (2, HIDDEN)).astype(np.float32) for name, _ in INPUT["states"]}
    return {"x": np.abs(generator.normal(0, 1, (2, 1, 120, WIDTH))).astype(np.float32)} | states


def _recipe(number, sha256, optional):
    return Recipe(
        name="beatnet" if number == 1 else f"beatnet_{number}", type="audio", version="1.0.0", wheel=WHEEL,
        licence="CC-BY-4.0", members={f"BeatNet/models/model_{number}_weights.pt": sha256},
        build=lambda files: build(number, files), sample=sample, original=original, reference=reference,
        optional=optional)


RECIPES = [
    _recipe(1, "619091bc317ca3e83b45591d46f6de3d5a41588bcb39fe9fe7be30cffa6aca84", ""),
    _recipe(2, "5878a18c079fa0b0139879b14ed2b5b7595faef8c3d16210aed141fd00fa2d58", "another weight set of beatnet"),
    _recipe(3, "0c52a074ea38e8cb4a760ecfa3747c9cf91a1e3cd19f238eed80b0de763989ca", "another weight set of beatnet"),
]
