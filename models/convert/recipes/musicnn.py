"""musicnn (Pons and Serra, MTG UPF): tags of three seconds of music, from TensorFlow 1 checkpoints.

A convolution of the front end is followed by ReLU, batch norm and the maximum over frequency. Half of the batch norm's
scales are negative, so it cannot be folded into the convolution. The graph takes the maximum first: for a channel with
a negative scale it negates the convolution's weights, which makes the maximum the minimum, and negates back. Sign
changes, ReLU and scaling are monotone in floating point too, so every value is the same bit for bit.
"""

import numpy as np

from readers import tensorflow_checkpoint
from errors import BadFile
from execute import sigmoid
from ktm import Graph
from recipes.musicnn_tags import MSD, MTT
from recipe import Recipe, Wheel, batch_norm, member

EPSILON = 1e-3
FRAMES, BANDS = 187, 96
VGG_POOLS = (([4, 1], [2, 2]), ([2, 2], [2, 2]), ([2, 2], [2, 2]), ([2, 2], [2, 2]), ([4, 4], [4, 4]))  # size, stride
TAGS = {"msd": MSD, "mtt": MTT}
AUC = {"msd_musicnn": (.8802, .2891), "mtt_musicnn": (.9067, .3831),
       "msd_vgg": (.8768, .2819), "mtt_vgg": (.9030, .3823)}
SETS = {"msd": "test split of the Million Song Dataset's tags", "mtt": "test split of MagnaTagATune"}
WHEEL = Wheel("musicnn", "0.1.0", "musicnn-0.1.0-py3-none-any.whl",
              "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa")
INPUT = {
    "kind": "audio", "rate_hz": 16000,
    "frame": {"length": 512, "hop": 256, "fft": 512, "window": "hann", "centre": True},
    "spectrum": "power",
    "bands": {"kind": "mel_slaney", "count": BANDS, "low_hz": 0, "high_hz": 8000},
    "half": True,
    "log": {"kind": "log10", "scale": 10000, "offset": 1},
    "layout": "N1TF",
    "blocks": {"frames": FRAMES, "hop": FRAMES, "tail": "drop"},
}


def _read(files):
    return tensorflow_checkpoint.read(str(member(files, ".index")).removesuffix(".index"))


def _norm(variables, index):
    prefix = "batch_normalization" + (f"_{index}" if index else "") + "/"
    parts = [variables[prefix + name] for name in ("gamma", "beta", "moving_mean", "moving_variance")]
    return batch_norm(*parts, EPSILON)


class _Builder:
    """Layers named as in the checkpoint."""

    def __init__(self, variables):
        self.variables, self.graph = variables, Graph()
        self.x = self.graph.input("x", ["N", 1, FRAMES, BANDS])

    def scale(self, x, name, scale, shift, out=None):
        return self.graph.node("scale", x, self.graph.tensor(f"{name}_scale", scale),
                               self.graph.tensor(f"{name}_shift", shift), out=out)

    def conv(self, x, name, pad, sign=None, one_dimension=False):
        """Kernel [time, frequency, in, out] to [out, in, time, frequency]."""
        kernel, bias = self.variables[f"{name}/kernel"], self.variables[f"{name}/bias"]
        kernel = kernel[:, :, 0, :].transpose(2, 1, 0) if one_dimension else kernel.transpose(3, 2, 0, 1)
        if sign is not None:
            kernel, bias = kernel * sign.reshape(-1, 1, 1, 1), bias * sign
        return self.graph.node("conv", x, self.graph.tensor(f"{name}_w", kernel), self.graph.tensor(f"{name}_b", bias),
                               pad=pad)

    def front(self, x, name, norm, pad):
        """Convolution, ReLU, batch norm and maximum over frequency: [N, C, T]."""
        scale, shift = _norm(self.variables, norm)
        sign = np.where(scale < 0, -1, 1).astype(np.float32)
        y = self.conv(x, name, pad, sign)
        y = self.graph.node("reduce_max", y, axes=[3])
        y = self.scale(y, f"{name}_sign", sign, np.zeros_like(sign))
        return self.scale(self.graph.node("relu", y), f"bn_{norm}", scale, shift)

    def middle(self, x, name, norm):
        y = self.graph.node("relu", self.conv(x, name, [3, 3], one_dimension=True))
        return self.scale(y, f"bn_{norm}", *_norm(self.variables, norm))

    def dense(self, x, name, weights=None, bias=None, out=None):
        weights = self.variables[f"{name}/kernel"].T if weights is None else weights
        bias = self.variables[f"{name}/bias"] if bias is None else bias
        return self.graph.node("dense", x, self.graph.tensor(f"{name}_w", weights),
                               self.graph.tensor(f"{name}_b", bias), out=out)


def _musicnn(variables):
    b = _Builder(variables)
    graph = b.graph
    x = b.scale(b.x, "bn_0", *_norm(variables, 0))
    parts = [b.front(x, "conv2d", 1, [3, 0, 3, 0]), b.front(x, "conv2d_1", 2, [3, 0, 3, 0])]
    for name, norm, length in (("conv2d_2", 3, 128), ("conv2d_3", 4, 64), ("conv2d_4", 5, 32)):
        parts.append(b.front(x, name, norm, [(length - 1) // 2, 0, length // 2, 0]))
    front = graph.node("concat", *parts)
    m1 = b.middle(front, "conv2d_5", 6)
    m2 = graph.node("add", b.middle(m1, "conv2d_6", 7), m1)
    m3 = graph.node("add", b.middle(m2, "conv2d_7", 8), m2)
    every = graph.node("concat", front, m1, m2, m3)
    pooled = graph.node("concat", graph.node("reduce_max", every, axes=[2]), graph.node("reduce_mean", every, axes=[2]))
    # The original interleaves maximum and mean per channel; the columns of the dense layer are reordered instead, and
    # the batch norm before it is folded in.
    scale, shift = _norm(variables, 9)
    kernel = variables["dense/kernel"].T.astype(np.float64)
    bias = variables["dense/bias"] + kernel @ shift
    kernel = kernel * scale
    kernel = np.concatenate([kernel[:, 0::2], kernel[:, 1::2]], axis=1)
    y = graph.node("relu", b.dense(pooled, "dense", kernel, bias))
    embedding = b.scale(y, "bn_10", *_norm(variables, 10), out="embedding")
    tags = graph.node("sigmoid", b.dense(embedding, "dense_1"), out="tags")
    graph.output(tags, embedding)
    return graph


def _vgg(variables):
    b = _Builder(variables)
    graph, y = b.graph, b.scale(b.x, "bn_0", *_norm(variables, 0))
    for i, (kernel, stride) in enumerate(VGG_POOLS, 1):
        y = graph.node("relu", b.conv(y, f"{i}CNN", [1, 1, 1, 1]))
        y = b.scale(y, f"bn_{i}", *_norm(variables, i))
        y = graph.node("max_pool", y, kernel=kernel, stride=stride)
    # [N, 128, 2, 1]; the original flattens in the order time, frequency, channel.
    flat = graph.node("reshape", graph.node("transpose", y, order=[0, 2, 3, 1]), shape=[0, 256])
    graph.output(graph.node("sigmoid", b.dense(flat, "dense"), out="tags"))
    return graph


def build(name, files):
    variables = _read(files)
    data_set, kind = name.split("_")
    try:
        graph = _musicnn(variables) if kind == "musicnn" else _vgg(variables)
    except KeyError as error:
        raise BadFile(f"the checkpoint has no variable {error}") from None
    outputs = [{"name": "tags", "value": "tags", "per": "block", "reduce": "mean", "classes": list(TAGS[data_set])}]
    if kind == "musicnn":
        outputs.append({"name": "embedding", "value": "embedding", "per": "block", "reduce": "mean"}
                       | ({"feature": "vectors.combined_vector", "fallback": True} if data_set == "msd" else {}))
    source = f"experiment.result in the package musicnn 0.1.0 ({name})"
    return graph, {
        "licence": "ISC",
        "attribution": "Jordi Pons and Xavier Serra, Music Technology Group, Universitat Pompeu Fabra (musicnn, 2019)",
        "input": INPUT,
        "outputs": outputs,
        "accuracy": [{"measure": measure, "value": value, "set": SETS[data_set], "source": source}
                     for measure, value in zip(("roc_auc", "pr_auc"), AUC[name])],
        "notes": "Probabilities follow the very unequal frequencies of the tags: compare a tag with itself in other "
                 "pieces, not with other tags. Pieces shorter than 3 s have no block.",
    }


def tensorflow_outputs(name, files, inputs):
    """The published graph, built by hand in TensorFlow, with the variables as TensorFlow itself reads them."""
    from recipes import musicnn_tensorflow

    return musicnn_tensorflow.run(name, str(member(files, ".index")).removesuffix(".index"), inputs["x"])


def reference(name, files, inputs):
    """The published graph in numpy and double precision: [N, T, F, C], batch norm before the maximum, maximum and mean
    interleaved."""
    variables = {key: array.astype(np.float64) for key, array in _read(files).items()}
    x = inputs["x"].astype(np.float64).transpose(0, 2, 3, 1)

    def norm(x, index):
        scale, shift = _norm(variables, index)
        return x * scale + shift

    def conv(x, name, pad=((0, 0), (0, 0))):
        kernel = variables[f"{name}/kernel"]
        x = np.pad(x, ((0, 0), *pad, (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
        y = np.stack([np.tensordot(item, kernel, ([2, 3, 4], [2, 0, 1])) for item in windows])
        return np.maximum(y + variables[f"{name}/bias"], 0)

    def dense(x, name):
        return x @ variables[f"{name}/kernel"] + variables[f"{name}/bias"]

    x = norm(x, 0)
    if not name.endswith("musicnn"):
        for i, (kernel, stride) in enumerate(VGG_POOLS, 1):
            x = norm(conv(x, f"{i}CNN", ((1, 1), (1, 1))), i)
            windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))
            x = windows[:, ::stride[0], ::stride[1]].max(axis=(4, 5))
        return {"tags": sigmoid(dense(x.reshape(len(x), -1), "dense"))}
    time = ((3, 3), (0, 0))
    parts = [norm(conv(x, "conv2d", time), 1).max(axis=2), norm(conv(x, "conv2d_1", time), 2).max(axis=2)]
    for i, k in ((2, 128), (3, 64), (4, 32)):
        parts.append(norm(conv(x, f"conv2d_{i}", (((k - 1) // 2, k // 2), (0, 0))), i + 1).max(axis=2))
    front = np.concatenate(parts, axis=2)
    middle = lambda x, i: norm(conv(x[..., None], f"conv2d_{i}", time), i + 1)[:, :, 0]
    m1 = middle(front, 5)
    m2 = middle(m1, 6) + m1
    m3 = middle(m2, 7) + m2
    every = np.concatenate([front, m1, m2, m3], axis=2)
    pooled = np.stack([every.max(axis=1), every.mean(axis=1)], axis=2).reshape(len(x), -1)
    embedding = norm(np.maximum(dense(norm(pooled, 9), "dense"), 0), 10)
    return {"tags": sigmoid(dense(embedding, "dense_1")), "embedding": embedding}


def sample(generator):
    return {"x": generator.uniform(0, 6, (2, 1, FRAMES, BANDS)).astype(np.float32)}


def _recipe(name, folder, members, **more):
    return Recipe(
        name=name, type="audio", version="1.0.0", wheel=WHEEL, licence="ISC",
        members={f"musicnn/{folder}/.data-00000-of-00001": members[0], f"musicnn/{folder}/.index": members[1]},
        build=lambda files: build(name, files), sample=sample,
        original=lambda files, inputs: tensorflow_outputs(name, files, inputs),
        reference=lambda files, inputs: reference(name, files, inputs), **more)


RECIPES = [
    _recipe("msd_musicnn", "MSD_musicnn", ("8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",
                                           "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8")),
    _recipe("mtt_musicnn", "MTT_musicnn", ("041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab",
                                           "da2d7bb670b2b31e9bc441bb1bd75eca31b5b061f963cc1f9630c1aff3238f57")),
    _recipe("mtt_vgg", "MTT_vgg", ("458f5c8bcecc086a3bba3dce83809df6da6e0a3560a59ddd84711bf3d5fd8303",
                                   "4b0d3d2d02bbe0919c063c1fb74bfa9018ac3517e362d681b07444d4207a5f5f"),
            optional="mtt_musicnn is more accurate"),
    _recipe("msd_vgg", "MSD_vgg", ("9683d756b8311146534f333502ebf4a2a78a3e320c54ab0411dff6186d8375fc",
                                   "50e499238457558bba9f34f8b84d4afb8279afd43520cdf0a4fdf805a49c9ca3"),
            optional="msd_musicnn is more accurate"),
]
