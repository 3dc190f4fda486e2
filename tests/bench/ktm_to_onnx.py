"""A .ktm file as an ONNX graph of the same nodes and weights, so that another runtime executes the same network.

export(model, sizes) with sizes {"T": 1000}; N is 1. Opset 17. Only for comparisons: no attempt at a small graph, which
the runtime's own optimiser makes of it.
"""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
UNARY = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "log": "Log", "sqrt": "Sqrt",
         "hard_swish": "HardSwish"}
BINARY = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div"}


class Export:
    """Nodes and constants of the ONNX graph; ranks and sizes of the values that need them."""

    def __init__(self, model, sizes):
        self.model, self.sizes = model, {"N": 1} | sizes
        self.nodes, self.constants, self.rank = [], {}, {}

    def constant(self, array):
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def float(self, value):
        return self.constant(np.array(value, np.float32))

    def emit(self, kind, inputs, out=None, **attributes):
        out = out or f"inner_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    def tensor(self, name):
        return self.model.value(name)

    def along(self, name, rank, axis):
        """A vector as a tensor that repeats along all axes but one."""
        shape = [1] * rank
        shape[axis] = -1
        return self.constant(self.tensor(name).reshape(shape))


def _window(node, spatial):
    return {"strides": node.get("stride") or [1] * spatial, "pads": node.get("pad") or [0] * 2 * spatial}


def _conv(e, node, x, w, *b):
    spatial = e.rank[x] - 2
    e.emit("Conv", [x, w, *b], node["out"][0], dilations=node.get("dilation") or [1] * spatial,
           group=node.get("groups", 1), **_window(node, spatial))


def _deconv(e, node, x, w, *b):
    e.emit("ConvTranspose", [x, w, *b], node["out"][0], group=node.get("groups", 1), **_window(node, e.rank[x] - 2))


def _dense(e, node, x, w, *b):
    weights = e.constant(e.tensor(w).T)
    product = e.emit("MatMul", [x, weights], None if b else node["out"][0])
    if b:
        e.emit("Add", [product, b[0]], node["out"][0])


def _matmul(e, node, a, b):
    if node.get("transpose"):
        rank = e.rank[b]
        b = e.emit("Transpose", [b], perm=[*range(rank - 2), rank - 1, rank - 2])
    e.emit("MatMul", [a, b], node["out"][0])


def _lstm(e, node, x, w, r, b, h, c):
    """ONNX has the gates in the order i, o, f, c, time first, and a dimension of directions."""
    order = lambda name: e.tensor(name)[np.concatenate([np.split(np.arange(len(e.tensor(name))), 4)[k] for k in (0, 3, 1, 2)])]
    bias = np.concatenate([order(b), np.zeros_like(e.tensor(b))])
    state = [e.emit("Unsqueeze", [name, e.ints(0)]) for name in (h, c)]
    outs = [f"{name}_directions" for name in node["out"]]
    inputs = [e.emit("Transpose", [x], perm=[1, 0, 2]), e.constant(order(w)[None]), e.constant(order(r)[None]),
              e.constant(bias[None]), "", *state]
    e.nodes.append(helper.make_node("LSTM", inputs, outs, hidden_size=e.tensor(r).shape[1]))
    rows = e.emit("Squeeze", [outs[0], e.ints(1)])
    e.emit("Transpose", [rows], node["out"][0], perm=[1, 0, 2])
    for out, name in zip(outs[1:], node["out"][1:]):
        e.emit("Squeeze", [out, e.ints(0)], name)
        e.rank[name] = 2


def _scale(e, node, x, scale, shift):
    rank, axis = e.rank[x], node.get("axis", 1)
    product = e.emit("Mul", [x, e.along(scale, rank, axis)])
    e.emit("Add", [product, e.along(shift, rank, axis)], node["out"][0])


def _prelu(e, node, x, slope):
    e.emit("PRelu", [x, e.along(slope, e.rank[x], node.get("axis", 1))], node["out"][0])


def _clip(e, node, x):
    e.emit("Clip", [x, e.float(node.get("low", 0)), e.float(node.get("high", 6))], node["out"][0])


def _silu(e, node, x):
    e.emit("Mul", [x, e.emit("Sigmoid", [x])], node["out"][0])


def _gelu(e, node, x):
    erf = e.emit("Erf", [e.emit("Div", [x, e.float(2 ** .5)])])
    e.emit("Mul", [e.emit("Mul", [x, e.float(.5)]), e.emit("Add", [erf, e.float(1)])], node["out"][0])


def _hard_sigmoid(e, node, x):
    e.emit("HardSigmoid", [x], node["out"][0], alpha=node.get("alpha", .2), beta=node.get("beta", .5))


def _pow(e, node, x):
    e.emit("Pow", [x, e.float(node.get("exponent", 1))], node["out"][0])


def _affine(e, node, x):
    product = e.emit("Mul", [x, e.float(node.get("alpha", 1))])
    e.emit("Add", [product, e.float(node.get("beta", 0))], node["out"][0])


def _concat(e, node, *inputs):
    e.emit("Concat", list(inputs), node["out"][0], axis=node.get("axis", 1))


def _reshape(e, node, x):
    e.emit("Reshape", [x, e.ints(*node["shape"])], node["out"][0])
    e.rank[node["out"][0]] = len(node["shape"])


def _transpose(e, node, x):
    e.emit("Transpose", [x], node["out"][0], perm=node["order"])


def _slice(e, node, x):
    e.emit("Slice", [x, e.ints(node.get("begin", 0)), e.ints(node.get("end", 2147483647)), e.ints(node.get("axis", 1))],
           node["out"][0])


def _pad(e, node, x):
    rank, axis = e.rank[x], node.get("axis", 1) % e.rank[x]
    pads = [0] * 2 * rank
    pads[axis], pads[rank + axis] = node.get("before", 0), node.get("after", 0)
    e.emit("Pad", [x, e.ints(*pads)], node["out"][0], mode="reflect" if node.get("reflect") else "constant")


def _resize(e, node, x):
    scales = e.constant(np.array([1, 1, *node["factor"]], np.float32))
    e.emit("Resize", [x, "", scales], node["out"][0], mode="nearest", nearest_mode="floor",
           coordinate_transformation_mode="asymmetric")


def _pool(kind):
    def pool(e, node, x):
        spatial = e.rank[x] - 2
        more = {"count_include_pad": int(node.get("include_pad", False))} if kind == "AveragePool" else {}
        e.emit(kind, [x], node["out"][0], kernel_shape=node["kernel"], strides=node.get("stride") or node["kernel"],
               pads=node.get("pad") or [0] * 2 * spatial, ceil_mode=int(node.get("ceil", False)), **more)
    return pool


def _reduce(kind):
    def reduce(e, node, x):
        keep = int(node.get("keep", False))
        if kind == "ReduceSum":
            e.emit(kind, [x, e.ints(*node["axes"])], node["out"][0], keepdims=keep)
        else:
            e.emit(kind, [x], node["out"][0], axes=node["axes"], keepdims=keep)
        e.rank[node["out"][0]] = e.rank[x] - (0 if keep else len(node["axes"]))
    return reduce


def _softmax(e, node, x):
    e.emit("Softmax", [x], node["out"][0], axis=node.get("axis", -1))


def _l2_normalise(e, node, x):
    norm = e.emit("ReduceL2", [x], axes=[node.get("axis", -1)], keepdims=1)
    e.emit("Div", [x, e.emit("Max", [norm, e.float(node.get("epsilon", 1e-12))])], node["out"][0])


def _layer_norm(e, node, x, scale, shift):
    e.emit("LayerNormalization", [x, scale, shift], node["out"][0], epsilon=node.get("epsilon", 1e-5), axis=-1)


def _band(e, node, x):
    width, frames = node.get("width", 50), e.sizes["T"]
    padded = e.emit("Pad", [x, e.ints(0, 0, width, 0, 0, width)])
    places = np.arange(frames)[:, None] + np.arange(2 * width + 1)
    e.emit("GatherElements", [padded, e.constant(places[None])], node["out"][0], axis=2)


def _histogram(e, node, x):
    frames = e.sizes["T"]
    levels = e.emit("Floor", [e.emit("Div", [x, e.float(32)])])
    weights = e.constant(np.array([64, 8, 1], np.float32).reshape(1, 3, 1, 1, 1))
    codes = e.emit("ReduceSum", [e.emit("Mul", [levels, weights]), e.ints(1)], keepdims=0)
    codes = e.emit("Cast", [e.emit("Reshape", [codes, e.ints(0, 0, -1)])], to=TensorProto.INT64)
    ones = e.emit("Expand", [e.float(1), e.emit("Shape", [codes])])
    zeros = e.constant(np.zeros((1, frames, 512), np.float32))
    e.emit("ScatterElements", [zeros, codes, ones], node["out"][0], axis=2, reduction="add")
    e.rank[node["out"][0]] = 3


OPERATORS = {
    "conv": _conv, "deconv": _deconv, "dense": _dense, "matmul": _matmul, "lstm": _lstm, "scale": _scale,
    "prelu": _prelu, "clip": _clip, "silu": _silu, "gelu": _gelu, "hard_sigmoid": _hard_sigmoid, "pow": _pow,
    "affine": _affine, "concat": _concat, "reshape": _reshape, "transpose": _transpose, "slice": _slice, "pad": _pad,
    "resize": _resize, "max_pool": _pool("MaxPool"), "avg_pool": _pool("AveragePool"),
    "reduce_max": _reduce("ReduceMax"), "reduce_mean": _reduce("ReduceMean"), "reduce_sum": _reduce("ReduceSum"),
    "softmax": _softmax, "l2_normalise": _l2_normalise, "layer_norm": _layer_norm, "band": _band,
    "histogram": _histogram,
}


def export(model, sizes):
    """The ONNX model's bytes. KeyError: an operator that has no counterpart here."""
    e, graph = Export(model, sizes), model.header["graph"]
    shape = lambda row: [e.sizes[n] if isinstance(n, str) else n for n in row["shape"]]
    e.rank = {row["name"]: len(row["shape"]) for row in graph["inputs"] + model.header["tensors"]}
    for node in graph["nodes"]:
        inputs, out = node["in"], node["out"][0]
        e.rank[out] = max(e.rank[name] for name in inputs) if node["op"] in BINARY else e.rank[inputs[0]]
        if node["op"] in UNARY:
            e.emit(UNARY[node["op"]], inputs, out)
        elif node["op"] in BINARY:
            e.emit(BINARY[node["op"]], inputs, out)
        else:
            OPERATORS[node["op"]](e, node, *inputs)
    used = {name for node in e.nodes for name in node.input}
    weights = {name: model.value(name) for name in model.tensors if name in used} | e.constants
    proto = helper.make_model(helper.make_graph(
        e.nodes, model.header["name"],
        [helper.make_tensor_value_info(row["name"], TensorProto.FLOAT, shape(row)) for row in graph["inputs"]],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in graph["outputs"]],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in weights.items()]),
        opset_imports=[helper.make_opsetid("", OPSET)])
    proto.ir_version = 8
    return proto.SerializeToString()
