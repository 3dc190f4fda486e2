"""Reader of Keras models saved as `.h5` (whole models: architecture and weights), without Keras.

The attribute `model_config` is the architecture as JSON: a Sequential or a Functional model. Weights lie in
`model_weights/LAYER/...`, their paths in the attribute `weight_names`. Images are [N, H, W, C] in Keras and
[N, C, H, W] here: kernels are transposed, and the rows of a dense layer behind Flatten are reordered.

HDF5's own library may crash on a damaged file (1.10.8 does): that ends the converter, and nothing is written.
"""

import json

import numpy as np

from errors import BadFile, Missing, Unsupported
from simplify import Network

LAYERS = 2000
ACTIVATIONS = {"relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "softmax": "softmax", "swish": "silu",
               "silu": "silu", "gelu": "gelu", "exponential": "exp"}


class _Value:
    """A value: its name and its shape in Keras's order without N. flat: the [H, W, C] that Flatten has read."""

    def __init__(self, name, shape, flat=None):
        self.name, self.shape, self.flat = name, tuple(shape), flat


def read(path, name="x"):
    """(Network, shape of its input after N in its own order: [C, H, W]). Its output is y; several have the names of their
    layers."""
    try:
        import h5py
    except ImportError:
        raise Missing("the Python package h5py") from None
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise BadFile(f"{path} is not an HDF5 file: {error}") from None
    with file:
        try:
            config = file.attrs.get("model_config")
            if config is None:
                raise Unsupported(f"{path} has weights only: save the whole model")
            config = json.loads(config.decode() if isinstance(config, bytes) else config)
            return _Reader(file, config).run(name)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError, OSError, RuntimeError, MemoryError,
                OverflowError) as error:
            raise BadFile(f"{path}: the model cannot be read: {error!r}") from None


def _texts(names):
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


class _Reader:
    def __init__(self, file, config):
        if config["class_name"] not in ("Sequential", "Functional", "Model"):
            raise Unsupported(f"a model of the class {config['class_name']}")
        self.sequential = config["class_name"] == "Sequential"
        self.config = config["config"]
        self.layers = self.config["layers"]
        if len(self.layers) > LAYERS:
            raise Unsupported(f"more than {LAYERS} layers")
        self.weights = file["model_weights"] if "model_weights" in file else file
        self.network, self.values = Network(), {}

    def run(self, name):
        previous, shape = None, None
        for layer in self.layers:
            kind, self.own = layer["class_name"], layer["config"]
            self.name = self.own["name"]
            given = self.own.get("batch_shape") or self.own.get("batch_input_shape")
            if kind == "InputLayer" or previous is None:
                if shape is not None:
                    raise Unsupported("a model with several inputs")
                if not given or any(n is None for n in given[1:]):
                    raise Unsupported(f"layer '{self.name}': an input without a fixed shape")
                shape = [given[-1], *given[1:-1]] if len(given) == 4 else list(given[1:])
                self.network.input(name, ["N", *shape], {})
                previous = self.values[self.name] = _Value(name, given[1:])
                if kind == "InputLayer":
                    continue
            function = getattr(self, f"layer_{kind}", None)
            if function is None:
                raise Unsupported(f"layer '{self.name}' of the class {kind}")
            inputs = [previous] if self.sequential else [self.values[n] for n in _inbound(layer)]
            previous = self.values[self.name] = function(*inputs)
        outputs = [self.name] if self.sequential else _history(self.config["output_layers"])
        for layer in outputs:
            self.network.output(self.values[layer].name, "y" if len(outputs) == 1 else layer)
        return self.network.simplify(), shape

    def fail(self, why):
        raise Unsupported(f"layer '{self.name}': {why}")

    def get(self, count):
        """The layer's weights in the order of `weight_names`."""
        group = self.weights[self.name]
        names = _texts(group.attrs["weight_names"])
        if len(names) != count:
            raise BadFile(f"layer '{self.name}' has {len(names)} weights, not {count}")
        return [np.asarray(group[name], np.float64) for name in names]

    def emit(self, op, values, result, flat=None, tensors=(), **attributes):
        names = [value.name for value in values] + [self.network.tensor(array) for array in tensors]
        return _Value(self.network.node(op, names, attributes)[0], result, flat)

    def activate(self, x):
        """The layer's member `activation`."""
        kind = self.own.get("activation", "linear")
        if kind in ("linear", None):
            return x
        if not isinstance(kind, str) or kind not in ACTIVATIONS:
            self.fail(f"the activation {kind}")
        if kind == "softmax" and len(x.shape) != 1:
            self.fail("softmax over pictures")
        return self.emit(ACTIVATIONS[kind], [x], x.shape, x.flat)

    def spatial(self, x):
        if len(x.shape) != 3 or self.own.get("data_format", "channels_last") not in ("channels_last", None):
            self.fail("an input that is not [N, H, W, C]")
        return x.shape

    def window(self, x, kernel, stride, dilation=(1, 1)):
        """(pad, size of the result) for padding "valid" or "same", which puts the odd row behind."""
        pads, sizes = [], []
        for n, k, s, d in zip(x.shape[:2], kernel, stride, dilation):
            reach = d * (k - 1) + 1
            size = -(-n // s) if self.own["padding"] == "same" else (n - reach) // s + 1
            total = max(0, (size - 1) * s + reach - n) if self.own["padding"] == "same" else 0
            pads.append((total // 2, total - total // 2))
            sizes.append(size)
        if self.own["padding"] not in ("same", "valid") or min(sizes) < 1:
            self.fail(f"padding {self.own['padding']} of a picture of {list(x.shape)}")
        return [pads[0][0], pads[1][0], pads[0][1], pads[1][1]], sizes

    def convolve(self, x, kernel, bias, groups):
        stride, dilation = list(self.own["strides"]), list(self.own.get("dilation_rate", (1, 1)))
        pad, size = self.window(x, kernel.shape[2:], stride, dilation)
        y = self.emit("conv", [x], [*size, kernel.shape[0]], tensors=[kernel, *bias], stride=stride, pad=pad,
                      dilation=dilation, groups=groups)
        return self.activate(y)

    def layer_Conv2D(self, x):
        self.spatial(x)
        kernel, *bias = self.get(2 if self.own["use_bias"] else 1)
        return self.convolve(x, kernel.transpose(3, 2, 0, 1), bias, int(self.own.get("groups", 1)))

    def layer_DepthwiseConv2D(self, x):
        channels = self.spatial(x)[2]
        kernel, *bias = self.get(2 if self.own["use_bias"] else 1)
        kernel = kernel.transpose(2, 3, 0, 1).reshape(-1, 1, *kernel.shape[:2])
        return self.convolve(x, kernel, bias, channels)

    def layer_Dense(self, x):
        kernel, *bias = self.get(2 if self.own["use_bias"] else 1)
        if len(x.shape) != 1:
            self.fail("a dense layer on pictures: put Flatten before it")
        if x.flat is not None:  # rows in the order H, W, C; the value has C, H, W
            h, w, c = x.flat
            kernel = kernel.reshape(h, w, c, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        return self.activate(self.emit("dense", [x], [kernel.shape[1]], tensors=[kernel.T, *bias]))

    def layer_BatchNormalization(self, x):
        scale, center = self.own.get("scale", True), self.own.get("center", True)
        parts = self.get(2 + scale + center)
        axis = self.own.get("axis", -1)
        axis = axis[0] if isinstance(axis, list) else axis
        if axis not in (-1, len(x.shape)) or x.flat is not None:
            self.fail("batch norm along another axis than channels, or behind Flatten")
        gamma = parts.pop(0) if scale else 1.0
        beta = parts.pop(0) if center else 0.0
        mean, variance = parts
        factor = gamma / np.sqrt(variance + self.own["epsilon"])
        return self.emit("scale", [x], x.shape, tensors=[factor, beta - mean * factor], axis=1)

    def pool(self, x, op):
        channels = self.spatial(x)[2]
        kernel = list(self.own["pool_size"])
        stride = list(self.own.get("strides") or kernel)
        pad, size = self.window(x, kernel, stride)
        return self.emit(op, [x], [*size, channels], kernel=kernel, stride=stride, pad=pad)

    def layer_MaxPooling2D(self, x): return self.pool(x, "max_pool")
    def layer_AveragePooling2D(self, x): return self.pool(x, "avg_pool")

    def over_space(self, x, op):
        return self.emit(op, [x], [self.spatial(x)[2]], axes=[2, 3], keep=bool(self.own.get("keepdims", False)))

    def layer_GlobalAveragePooling2D(self, x): return self.over_space(x, "reduce_mean")
    def layer_GlobalMaxPooling2D(self, x): return self.over_space(x, "reduce_max")

    def layer_Flatten(self, x):
        if len(x.shape) == 1:
            return x
        h, w, c = self.spatial(x)
        return self.emit("reshape", [x], [h * w * c], flat=(h, w, c), shape=[0, h * w * c])

    def layer_Add(self, *xs):
        total = xs[0]
        for x in xs[1:]:
            if x.shape != total.shape or x.flat != total.flat:
                self.fail("values of unequal shapes")
            total = self.emit("add", [total, x], total.shape, total.flat)
        return total

    def layer_Concatenate(self, *xs):
        if self.own.get("axis", -1) not in (-1, len(xs[0].shape)) or any(x.flat is not None for x in xs):
            self.fail("along another axis than channels")
        return self.emit("concat", xs, [*xs[0].shape[:-1], sum(x.shape[-1] for x in xs)], axis=1)

    def layer_Activation(self, x): return self.activate(x)

    def layer_Softmax(self, x):
        if len(x.shape) != 1:
            self.fail("softmax over pictures")
        return self.emit("softmax", [x], x.shape)

    def layer_ReLU(self, x):
        if self.own.get("negative_slope") or self.own.get("threshold"):
            self.fail("a slope or a threshold")
        most = self.own.get("max_value")
        if most is None:
            return self.emit("relu", [x], x.shape, x.flat)
        return self.emit("clip", [x], x.shape, x.flat, low=0.0, high=float(most))

    def layer_Dropout(self, x): return x

    layer_SpatialDropout2D = layer_GaussianNoise = layer_Dropout


def _inbound(layer):
    """Names of the layers that a layer of a Functional model reads, in the forms of Keras 2 and 3."""
    nodes = layer["inbound_nodes"]
    if len(nodes) != 1:
        raise Unsupported(f"layer '{layer['config']['name']}' is used {len(nodes)} times")
    node = nodes[0]
    if isinstance(node, dict):
        found = []
        _collect(node["args"], found)
        return found
    return [row[0] for row in node]


def _collect(value, found):
    """Keras 3: {"class_name": "__keras_tensor__", "config": {"keras_history": [LAYER, 0, 0]}} at any depth of lists."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        found.append(value["config"]["keras_history"][0])
    elif isinstance(value, list):
        for item in value:
            _collect(item, found)


def _history(outputs):
    """Names of the layers in [[LAYER, 0, 0], ...]; Keras 3 leaves out the outer list of a single output."""
    rows = outputs if outputs and isinstance(outputs[0], list) else [outputs]
    return [row[0] for row in rows]
