#!/usr/bin/env python3
"""Writes tests/unit/models/backend/conformance_cases.def: small cases of every operator of models/graph/ops.def with the
results of straightforward numpy in float64.

    operators.py > tests/unit/models/backend/conformance_cases.def
"""
import itertools
import json
import math

import numpy as np

CASES = []


def ramp(*shape, step=7, modulus=11, divisor=4.0):
    """Values of both signs that are exact in float32 and float16."""
    count = math.prod(shape)
    return ((np.arange(count) * step) % modulus - modulus // 2).reshape(shape) / divisor


class Half(np.ndarray):
    """A tensor that is stored as float16."""


class Byte:
    """A tensor that is stored as int8, with one scale per index of the first dimension."""

    def __init__(self, values, scale):
        self.values, self.scale = np.asarray(values, np.int8), np.asarray(scale, np.float32)
        self.shape = self.values.shape

    def floats(self):
        return self.values * self.scale.astype(float).reshape((-1,) + (1,) * (self.values.ndim - 1))


def case(name, nodes, inputs, outputs, tensors=None, free=None, shapes=None):
    """inputs, tensors, outputs: name -> array. nodes: (op, in, out, attributes)."""
    free = free or {}
    declared = []
    for key, value in inputs.items():
        shape = ["N", *value.shape[1:]]
        for dim, axis in (shapes or {}).get(key, {}).items():
            shape[axis] = dim
        declared.append({"name": key, "shape": shape})
    rows = [{"op": op, "in": list(ins), "out": list(outs), **attributes} for op, ins, outs, attributes in nodes]
    graph = {"inputs": declared, "nodes": rows, "outputs": list(outputs)}
    sizes = [next(iter(inputs.values())).shape[0]]
    for dim in free:
        key, axis = next((k, s[dim]) for k, s in shapes.items() if dim in s)
        sizes.append(inputs[key].shape[axis])
    CASES.append((name, graph, free, sizes, inputs, tensors or {}, outputs))


def one(name, op, x, y, tensors=None, ins=None, **attributes):
    case(name, [(op, ins or ["x", *(tensors or {})], ["y"], attributes)], {"x": x}, {"y": y}, tensors)


# ---- the operators, by their definitions in ops.def

def padded(x, before, after, value):
    pads = [(0, 0), (0, 0), *zip(before, after)]
    return np.pad(x, pads, constant_values=value)


def conv(x, w, b=None, stride=None, pad=None, dilation=None, groups=1):
    s = x.ndim - 2
    stride, dilation, pad = stride or [1] * s, dilation or [1] * s, pad or [0] * 2 * s
    x = padded(x, pad[:s], pad[s:], 0)
    kernel = w.shape[2:]
    size = [(x.shape[2 + i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(s)]
    y = np.zeros((x.shape[0], w.shape[0], *size))
    depth, per_group = w.shape[1], w.shape[0] // groups
    for o in range(w.shape[0]):
        first = o // per_group * depth
        for tap in itertools.product(*map(range, kernel)):
            window = tuple(slice(t * d, t * d + (n - 1) * st + 1, st)
                           for t, d, n, st in zip(tap, dilation, size, stride))
            part = x[(slice(None), slice(first, first + depth), *window)]
            y[:, o] += np.tensordot(part, w[(o, slice(None), *tap)], axes=([1], [0]))
        if b is not None:
            y[:, o] += b[o]
    return y


def deconv(x, w, b=None, stride=None, pad=None, groups=1):
    s = x.ndim - 2
    stride, pad = stride or [1] * s, pad or [0] * 2 * s
    kernel, per_group = w.shape[2:], w.shape[1]
    full = [(x.shape[2 + i] - 1) * stride[i] + kernel[i] for i in range(s)]
    y = np.zeros((x.shape[0], per_group * groups, *full))
    depth = x.shape[1] // groups
    for c in range(x.shape[1]):
        for o in range(per_group):
            for tap in itertools.product(*map(range, kernel)):
                window = tuple(slice(t, t + (n - 1) * st + 1, st) for t, n, st in zip(tap, x.shape[2:], stride))
                y[(slice(None), c // depth * per_group + o, *window)] += x[:, c] * w[(c, o, *tap)]
    if b is not None:
        y += b.reshape((1, -1) + (1,) * s)
    return y[(slice(None), slice(None), *(slice(pad[i], full[i] - pad[s + i]) for i in range(s)))]


def pool(x, kernel, mean, stride=None, pad=None, ceil=False, include_pad=False):
    s = x.ndim - 2
    stride, pad = stride or kernel, pad or [0] * 2 * s
    size = []
    for i in range(s):
        room = x.shape[2 + i] + pad[i] + pad[s + i] - kernel[i]
        n = (math.ceil(room / stride[i]) if ceil else room // stride[i]) + 1
        size.append(n - 1 if ceil and (n - 1) * stride[i] >= x.shape[2 + i] + pad[i] else n)
    y = np.zeros((*x.shape[:2], *size))
    for place in itertools.product(*map(range, size)):
        inside, count = [], 1
        for i in range(s):
            begin = place[i] * stride[i] - pad[i]
            end = min(begin + kernel[i], x.shape[2 + i] + pad[s + i])
            inside.append(slice(max(begin, 0), min(end, x.shape[2 + i])))
            count *= end - begin
        window = x[(slice(None), slice(None), *inside)].reshape(*x.shape[:2], -1)
        value = window.sum(-1) / (count if include_pad else window.shape[-1]) if mean else window.max(-1)
        y[(slice(None), slice(None), *place)] = value
    return y


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, w, r, b, h, c):
    size, y = r.shape[1], []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ w.T + h @ r.T + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        y.append(h)
    assert h.shape[1] == size
    return np.stack(y, 1), h, c


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def histogram(x):
    n, _, frames, _, _ = x.shape
    y = np.zeros((n, frames, 512))
    bins = np.clip(x, 0, 255).astype(int) >> 5
    index = bins[:, 0] << 6 | bins[:, 1] << 3 | bins[:, 2]
    for i, t in np.ndindex(n, frames):
        y[i, t] = np.bincount(index[i, t].ravel(), minlength=512)
    return y


# ---- the cases

def linear():
    x, w, b = ramp(2, 1, 6), ramp(2, 1, 3, step=3), np.array([0.5, -0.25])
    one("conv_1d", "conv", x, conv(x, w, b), {"w": w, "b": b})
    one("conv_1d_unequal_padding", "conv", x, conv(x, w, b, pad=[2, 1]), {"w": w, "b": b}, pad=[2, 1])
    one("conv_1d_causal", "conv", x, conv(x, w, pad=[2, 0]), {"w": w}, pad=[2, 0])
    one("conv_1d_look_ahead", "conv", x, conv(x, w, stride=[2], pad=[0, 3]), {"w": w}, stride=[2], pad=[0, 3])
    x, w = ramp(1, 4, 5), ramp(4, 1, 2, step=5)
    one("conv_1d_depthwise", "conv", x, conv(x, w, pad=[0, 1], groups=4), {"w": w}, pad=[0, 1], groups=4)
    x, w = ramp(2, 3, 4, 5), ramp(2, 3, 3, 2, step=5)
    options = {"stride": [1, 2], "pad": [0, 1, 2, 0], "dilation": [1, 2]}
    one("conv_2d", "conv", x, conv(x, w), {"w": w})
    one("conv_2d_stride_padding_dilation", "conv", x, conv(x, w, **options), {"w": w}, **options)
    x, w, b = ramp(1, 4, 3, 3), ramp(6, 2, 2, 2, step=3), ramp(6)
    one("conv_2d_groups", "conv", x, conv(x, w, b, groups=2), {"w": w, "b": b}, groups=2)
    x, w = ramp(1, 2, 3, 3, 3), ramp(2, 2, 3, 1, 1, step=3)
    options = {"pad": [2, 0, 0, 2, 0, 0], "dilation": [2, 1, 1]}
    one("conv_3d_dilated_in_time", "conv", x, conv(x, w, **options), {"w": w}, **options)
    w = ramp(3, 2, 1, 3, 2)
    options = {"stride": [2, 1, 1], "pad": [0, 1, 1, 0, 1, 0]}
    one("conv_3d_stride", "conv", x, conv(x, w, **options), {"w": w}, **options)
    x, w = ramp(1, 2, 2, 3), ramp(2, 3, 2, 2, step=5)
    one("deconv_2d", "deconv", x, deconv(x, w, ramp(3), stride=[2, 2]), {"w": w, "b": ramp(3)}, stride=[2, 2])
    options = {"stride": [2, 1], "pad": [1, 0, 0, 1]}
    one("deconv_2d_padding", "deconv", x, deconv(x, w, **options), {"w": w}, **options)
    x, w = ramp(2, 4, 3), ramp(4, 3, 4, step=5)
    one("deconv_1d_groups", "deconv", x, deconv(x, w, stride=[3], groups=2), {"w": w}, stride=[3], groups=2)
    x, w = ramp(1, 1, 2, 2, 2), ramp(1, 1, 2, 2, 2, step=3)
    one("deconv_3d", "deconv", x, deconv(x, w), {"w": w})
    x, w, b = ramp(2, 3, 4), ramp(5, 4, step=3), ramp(5)
    one("dense", "dense", x[:, 0], x[:, 0] @ w.T + b, {"w": w, "b": b})
    one("dense_of_rows", "dense", x, x @ w.T, {"w": w})
    a, b = ramp(2, 2, 3, 4), ramp(2, 2, 4, 5, step=3)
    case("matmul", [("matmul", ["a", "b"], ["y"], {})], {"a": a, "b": b}, {"y": a @ b})
    b = ramp(2, 2, 5, 4, step=3)
    case("matmul_transpose", [("matmul", ["a", "b"], ["y"], {"transpose": True})], {"a": a, "b": b},
         {"y": a @ b.swapaxes(-1, -2)})
    x, w, r, b, h, c = ramp(2, 3, 2), ramp(12, 2), ramp(12, 3, step=3), ramp(12, step=5), ramp(2, 3), ramp(2, 3, step=4)
    y = lstm(x, w, r, b, h, c)
    tensors = {"w": w, "r": r, "b": b}
    nodes = [("lstm", ["x", "w", "r", "b", "h", "c"], ["y", "h1", "c1"], {})]
    case("lstm", nodes, {"x": x, "h": h, "c": c}, dict(zip(["y", "h1", "c1"], y)), tensors)
    # The second half begins with the states of the first.
    first = lstm(x[:, :1], w, r, b, h, c)
    second = lstm(x[:, 1:], w, r, b, *first[1:])
    assert np.allclose(second[1], y[1])
    case("lstm_carries_its_state", nodes, {"x": x[:, 1:], "h": first[1], "c": first[2]},
         dict(zip(["y", "h1", "c1"], (y[0][:, 1:], y[1], y[2]))), tensors)


def storage():
    x = ramp(1, 2, 4)
    half = ramp(3, 2, 2, step=3, divisor=8.0)
    half[0, 0, 0], half[0, 1, 0] = 2.0 ** -24, -(2.0 ** -14)
    one("weights_of_16_bits", "conv", x, conv(x, half), {"w": half.view(Half)})
    byte = Byte(np.arange(-6, 6).reshape(3, 2, 2) * 20, [0.5, 0.25, 2 ** -7])
    one("weights_of_8_bits", "conv", x, conv(x, byte.floats()), {"w": byte})


def elementwise():
    x = ramp(2, 3, 2, 2, divisor=2.0)
    scale, shift = np.array([2.0, -1.0, 0.5]), np.array([1.0, 0.0, -0.25])
    one("scale", "scale", x, x * scale.reshape(1, 3, 1, 1) + shift.reshape(1, 3, 1, 1), {"s": scale, "t": shift})
    one("scale_last_axis", "scale", x, x * scale[:2] + shift[:2], {"s": scale[:2], "t": shift[:2]}, axis=-1)
    one("prelu", "prelu", x, np.where(x > 0, x, x * scale.reshape(1, 3, 1, 1)), {"s": scale})
    one("prelu_axis_2", "prelu", x, np.where(x > 0, x, x * scale[:2].reshape(1, 1, 2, 1)), {"s": scale[:2]}, axis=2)
    positive, erf = np.abs(x) + 0.25, np.vectorize(math.erf)
    for name, values, y, options in [
            ("relu", x, np.maximum(x, 0), {}),
            ("clip", x * 4, np.clip(x * 4, 0, 6), {}),
            ("clip", x, np.clip(x, -1, 0.5), {"low": -1, "high": 0.5}),
            ("sigmoid", x * 20, sigmoid(x * 20), {}),
            ("tanh", x, np.tanh(x), {}),
            ("silu", x, x * sigmoid(x), {}),
            ("gelu", x, x * (1 + erf(x / math.sqrt(2))) / 2, {}),
            ("hard_sigmoid", x, np.clip(0.2 * x + 0.5, 0, 1), {}),
            ("hard_sigmoid", x, np.clip(0.25 * x + 0.25, 0, 1), {"alpha": 0.25, "beta": 0.25}),
            ("hard_swish", x * 2, x * 2 * np.clip(x * 2 + 3, 0, 6) / 6, {}),
            ("exp", x, np.exp(x), {}),
            ("log", positive, np.log(positive), {}),
            ("sqrt", positive, np.sqrt(positive), {}),
            ("pow", positive, positive ** 2.5, {"exponent": 2.5}),
            ("pow", x, x ** 2, {"exponent": 2}),
            ("affine", x, x, {}),
            ("affine", x, -2 * x + 0.75, {"alpha": -2, "beta": 0.75})]:
        one(name + "".join(f"_{key}" for key in options), name, values, y, **options)
    # Everything that may work in place, behind a value that is computed.
    y = np.maximum(x * scale.reshape(1, 3, 1, 1) + shift.reshape(1, 3, 1, 1), 0).reshape(2, 12)
    case("in_place", [("affine", ["x"], ["a"], {}), ("scale", ["a", "s", "t"], ["b"], {}), ("relu", ["b"], ["c"], {}),
                      ("reshape", ["c"], ["d"], {"shape": [0, -1]}), ("add", ["d", "d"], ["e"], {}),
                      ("affine", ["e"], ["y"], {"alpha": 2})], {"x": x}, {"y": 4 * y}, {"s": scale, "t": shift})


def pairs():
    a, b = ramp(2, 3, 2, 2), ramp(2, 3, 2, 2, step=3) + 0.125
    for op, function in [("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("div", np.divide)]:
        case(op, [(op, ["a", "b"], ["y"], {})], {"a": a, "b": b}, {"y": function(a, b)})
        for label, value in [("channels", b[:1, :, :1, :1]), ("the_last_axis", b[0, 0, 0]), ("one_value", b[0, 0, 0, :1]),
                             ("a_middle_axis", b[:1, :1, :, :1])]:
            one(f"{op}_{label}", op, a, function(a, value), {"b": value})
        one(f"{op}_tensor_first", op, b, function(a[0, 0, 0], b), {"a": a[0, 0, 0]}, ins=["a", "x"])
    case("both_are_repeated", [("mul", ["a", "b"], ["y"], {})], {"a": a[:, :, :1], "b": b[:, :1]},
         {"y": a[:, :, :1] * b[:, :1]})
    case("the_second_is_larger", [("sub", ["a", "b"], ["y"], {})], {"a": a[:, :1, :1], "b": b},
         {"y": a[:, :1, :1] - b})


def movement():
    x, z = ramp(2, 2, 3, 2), ramp(2, 1, 3, 2, step=3)
    case("concat", [("concat", ["x", "z", "x"], ["y"], {})], {"x": x, "z": z}, {"y": np.concatenate([x, z, x], 1)})
    case("concat_negative_axis", [("concat", ["x", "x"], ["y"], {"axis": -1})], {"x": x}, {"y": np.concatenate([x, x], -1)})
    one("reshape", "reshape", x, x.reshape(2, 2, 6), shape=[0, 0, -1])
    one("reshape_to_more", "reshape", x, x.reshape(2, 1, 3, 4), shape=[0, 1, -1, 4])
    one("transpose", "transpose", x, x.transpose(0, 2, 3, 1), order=[0, 2, 3, 1])
    one("transpose_of_3", "transpose", x[:, 0], x[:, 0].transpose(0, 2, 1), order=[0, 2, 1])
    one("slice", "slice", x, x[:, 1:], begin=1)
    one("slice_from_the_end", "slice", x, x[:, :, -2:-1], axis=2, begin=-2, end=-1)
    one("slice_beyond", "slice", x, x, axis=-1, begin=-9, end=9)
    one("pad", "pad", x, np.pad(x, [(0, 0), (0, 0), (2, 1), (0, 0)]), axis=2, before=2, after=1)
    one("pad_reflect", "pad", x, np.pad(x, [(0, 0), (0, 0), (1, 2), (0, 0)], mode="reflect"), axis=-2, before=1, after=2,
        reflect=True)
    one("resize", "resize", x, x.repeat(2, 2).repeat(3, 3), factor=[2, 3])
    one("resize_1d", "resize", x[:, 0], x[:, 0].repeat(4, 2), factor=[4])
    video = ramp(1, 1, 2, 2, 2)
    one("resize_3d", "resize", video, video.repeat(2, 3), factor=[1, 2, 1])
    similarity = ramp(2, 4, 4)
    band = np.zeros((2, 4, 5))
    for t in range(4):
        for d in range(-2, 3):
            band[:, t, d + 2] = similarity[:, t, t + d] if 0 <= t + d < 4 else 0
    one("band", "band", similarity, band, width=2)
    one("band_wider_than_the_input", "band", similarity[:, :2, :2],
        np.array([[[0, 0, 0, *m[0], 0, 0], [0, 0, *m[1], 0, 0, 0]] for m in similarity[:, :2, :2]]), width=3)


def pooling():
    x = ramp(2, 2, 5, 5)
    for op, mean in [("max_pool", False), ("avg_pool", True)]:
        for label, kernel, options in [
                ("", [2, 2], {}), ("_stride", [3, 2], {"stride": [1, 2]}),
                ("_padding", [3, 3], {"stride": [2, 2], "pad": [1, 2, 2, 0]}), ("_ceil", [2, 2], {"ceil": True}),
                ("_ceil_drops_a_window_in_the_padding", [2, 2], {"stride": [3, 3], "pad": [0, 1, 1, 1], "ceil": True}),
                ("_ceil_padding", [3, 3], {"stride": [2, 2], "pad": [0, 1, 0, 1], "ceil": True})]:
            one(op + label, op, x, pool(x, kernel, mean, **options), kernel=kernel, **options)
        one(op + "_1d", op, x[:, 0], pool(x[:, 0], [2], mean), kernel=[2])
        video = ramp(1, 1, 2, 3, 4)
        one(op + "_3d", op, video, pool(video, [1, 2, 2], mean), kernel=[1, 2, 2])
    for label, options in [("", {"pad": [1, 1, 1, 1], "stride": [2, 2]}),
                           ("_ceil", {"pad": [1, 0, 1, 1], "stride": [3, 3], "ceil": True})]:
        one("avg_pool_include_pad" + label, "avg_pool", x, pool(x, [3, 3], True, include_pad=True, **options), kernel=[3, 3],
            include_pad=True, **options)
    for op, function in [("reduce_max", np.max), ("reduce_mean", np.mean), ("reduce_sum", np.sum)]:
        one(op, op, x, function(x, axis=(2, 3)), axes=[2, 3])
        one(op + "_keep", op, x, function(x, axis=(1, 3), keepdims=True), axes=[-1, 1], keep=True)
        one(op + "_first", op, x, function(x, axis=1), axes=[1])
        one(op + "_all", op, x, function(x, axis=(1, 2, 3)), axes=[3, 1, 2])


def normalisation():
    x = ramp(2, 3, 4, divisor=2.0)
    one("softmax", "softmax", x, softmax(x, -1))
    one("softmax_axis_1", "softmax", x * 40, softmax(x * 40, 1), axis=1)
    one("l2_normalise", "l2_normalise", x, x / np.linalg.norm(x, axis=-1, keepdims=True))
    small = x * 1e-3
    norm = np.linalg.norm(small, axis=1, keepdims=True)
    one("l2_normalise_epsilon", "l2_normalise", small, small / np.maximum(norm, 0.0025), axis=1, epsilon=0.0025)
    normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    scale, shift = ramp(4), ramp(4, step=3)
    one("layer_norm", "layer_norm", x, normal)
    one("layer_norm_scale", "layer_norm", x, normal * scale, {"s": scale})
    one("layer_norm_scale_shift", "layer_norm", x, (x - x.mean(-1, keepdims=True)) /
        np.sqrt(x.var(-1, keepdims=True) + 0.5) * scale + shift, {"s": scale, "t": shift}, epsilon=0.5)


def tags():
    x, w = (ramp(2, 4, divisor=10.0) + 0.5), (ramp(3, 4, step=3, divisor=10.0) + 0.5)
    one("noisy_or", "noisy_or", x, 1 - np.prod(1 - w[None] * x[:, None], axis=2), {"w": w})
    w, b = ramp(3, 4, step=3), np.array([0.5, -9.0, 0.0])
    one("max_of", "max_of", x, np.maximum((w[None] * x[:, None]).max(2), 0), {"w": w})
    one("max_of_floor", "max_of", x, np.maximum((w[None] * x[:, None]).max(2), b), {"w": w, "b": b})
    picture = (np.arange(1 * 3 * 2 * 2 * 2) * 37 % 256).reshape(1, 3, 2, 2, 2).astype(float)
    picture[0, 0, 0, 0] = [-3, 300]
    one("histogram", "histogram", picture, histogram(picture))


def free_dimensions():
    x, w, b = ramp(2, 3, 7, 4), ramp(2, 3, 3, 1, step=3), ramp(2)
    y = np.maximum(conv(x, w, b, pad=[1, 0, 1, 0]), 0).mean(-1).transpose(0, 2, 1)
    case("free_dimensions", [("conv", ["x", "w", "b"], ["a"], {"pad": [1, 0, 1, 0]}), ("relu", ["a"], ["c"], {}),
                             ("reduce_mean", ["c"], ["d"], {"axes": [3]}),
                             ("transpose", ["d"], ["y"], {"order": [0, 2, 1]})],
         {"x": x}, {"y": y}, {"w": w, "b": b}, {"T": {"min": 1, "max": 100}, "W": {"min": 2, "max": 8, "multiple": 2}},
         {"x": {"T": 2, "W": 3}})


# ---- as C

def numbers(values, kind="F"):
    if kind == "F":
        return f"F({','.join(f'{float(v) + 0.0:.9g}' for v in np.asarray(values, float).ravel())})"
    return f"{kind}({','.join(str(int(v)) for v in values.ravel())})"


def tensor_rows(tensors):
    for name, value in tensors.items():
        dims = ", ".join(map(str, value.shape))
        if isinstance(value, Byte):
            yield f'{{"{name}", KT_KTM_I8, {len(value.shape)}, {{{dims}}}, {numbers(value.values, "B")}, "{name}_scale"}}'
            yield f'{{"{name}_scale", KT_KTM_F32, 1, {{{len(value.scale)}}}, {numbers(value.scale)}, NULL}}'
        elif isinstance(value, Half):
            halves = np.asarray(value, np.float16).view(np.uint16)
            yield f'{{"{name}", KT_KTM_F16, {value.ndim}, {{{dims}}}, {numbers(halves, "H")}, NULL}}'
        else:
            yield f'{{"{name}", KT_KTM_F32, {value.ndim}, {{{dims}}}, {numbers(value)}, NULL}}'


def text(value):
    return '"' + json.dumps(value, separators=(",", ":")).replace('"', "'") + '"'


def main():
    for part in (linear, storage, elementwise, pairs, movement, pooling, normalisation, tags, free_dimensions):
        part()
    print("// Made by tests/oracle/operators.py: inputs, weights and results of numpy in float64. F: float, H: float16 as bits, B: int8.")
    print("// clang-format off")
    for name, graph, free, sizes, inputs, tensors, outputs in CASES:
        shapes = ", ".join(f"{{{y.ndim}, {{{', '.join(map(str, y.shape))}}}}}" for y in outputs.values())
        print(f'{{.name = "{name}", .graph = {text(graph)}, .free = {text(free)}, .sizes = {{{", ".join(map(str, sizes))}}},')
        if tensors:
            print(f"    .tensors = {{{', '.join(tensor_rows(tensors))}}},")
        print(f"    .inputs = {{{', '.join(numbers(x) for x in inputs.values())}}},")
        print(f"    .shapes = {{{shapes}}}, .outputs = {{{', '.join(numbers(y) for y in outputs.values())}}}}},")
    print("// clang-format on")


if __name__ == "__main__":
    main()
