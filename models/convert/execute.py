"""The operators of models/graph/ops.def in plain numpy: what a converted graph is compared with its original by.

Slow and simple. `run(model, {"x": array})` gives the outputs by name; float64 separates an error of the conversion from
rounding.
"""

import math

import numpy as np

from errors import Unsupported


def _pairs(pad, spatial):
    pad = list(pad) if pad else [0] * (2 * spatial)
    return list(zip(pad[:spatial], pad[spatial:]))


def _per_channel(values, rank, axis=1):
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)


def _tap(x, index, stride, dilation, out):
    """The elements of x that kernel element `index` meets, for all places of the result."""
    cut = [slice(None), slice(None)]
    for i, s, d, n in zip(index, stride, dilation, out):
        cut.append(slice(i * d, i * d + (n - 1) * s + 1, s))
    return x[tuple(cut)]


def conv(x, w, b=None, *, stride=None, pad=None, dilation=None, groups=1):
    spatial = w.ndim - 2
    stride, dilation, kernel = stride or [1] * spatial, dilation or [1] * spatial, w.shape[2:]
    x = np.pad(x, [(0, 0), (0, 0)] + _pairs(pad, spatial))
    out = [(x.shape[2 + i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(spatial)]
    n, per = x.shape[0], w.shape[1]
    y = np.zeros((n, w.shape[0], *out), x.dtype)
    taps = list(np.ndindex(*kernel))
    if per == 1 and groups > 1 and w.shape[0] == groups:
        for index in taps:
            y += _tap(x, index, stride, dilation, out) * _per_channel(w[(slice(None), 0, *index)], x.ndim)
    else:
        each = w.shape[0] // groups
        step = max(1, 512 // per)  # taps of one matrix product
        for g in range(groups):
            part, weights = x[:, g * per:(g + 1) * per], w[g * each:(g + 1) * each]
            for first in range(0, len(taps), step):
                chosen = taps[first:first + step]
                columns = np.concatenate([_tap(part, index, stride, dilation, out) for index in chosen], axis=1)
                rows = np.concatenate([weights[(slice(None), slice(None), *index)] for index in chosen], axis=1)
                product = rows @ columns.reshape(n, rows.shape[1], -1)
                y[:, g * each:(g + 1) * each] += product.reshape(n, each, *out)
    return y if b is None else y + _per_channel(b, y.ndim)


def deconv(x, w, b=None, *, stride=None, pad=None, groups=1):
    spatial = w.ndim - 2
    stride, kernel = stride or [1] * spatial, w.shape[2:]
    size = [(x.shape[2 + i] - 1) * stride[i] + kernel[i] for i in range(spatial)]
    y = np.zeros((x.shape[0], w.shape[1] * groups, *size), x.dtype)
    c, o = x.shape[1] // groups, w.shape[1]
    for g in range(groups):
        flat = x[:, g * c:(g + 1) * c].reshape(x.shape[0], c, -1)
        for index in np.ndindex(*kernel):
            part = w[(slice(g * c, (g + 1) * c), slice(None), *index)].T @ flat
            place = [slice(i, i + (n - 1) * s + 1, s) for i, n, s in zip(index, x.shape[2:], stride)]
            y[(slice(None), slice(g * o, (g + 1) * o), *place)] += part.reshape(x.shape[0], o, *x.shape[2:])
    cut = [slice(before, size[i] - after) for i, (before, after) in enumerate(_pairs(pad, spatial))]
    y = y[(slice(None), slice(None), *cut)]
    return y if b is None else y + _per_channel(b, y.ndim)


def dense(x, w, b=None):
    y = x @ w.T
    return y if b is None else y + b


def matmul(a, b, *, transpose=False):
    return a @ (np.swapaxes(b, -1, -2) if transpose else b)


def sigmoid(x):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def lstm(x, w, r, b, h, c):
    rows = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ w.T + h @ r.T + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        rows.append(h)
    return np.stack(rows, axis=1), h, c


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)


def reshape(x, *, shape):
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape)])


def slice_(x, *, axis=1, begin=0, end=2147483647):
    return np.take(x, range(*slice(begin, end).indices(x.shape[axis])), axis=axis)


def pad_(x, *, axis=1, before=0, after=0, reflect=False):
    widths = [(0, 0)] * x.ndim
    widths[axis] = (before, after)
    return np.pad(x, widths, mode="reflect" if reflect else "constant")


def resize(x, *, factor):
    for i, n in enumerate(factor):
        x = np.repeat(x, n, axis=2 + i)
    return x


def _pool(x, fill, kernel, stride, pad, ceil):
    """The windows that a pooling operator sees, on a new first axis."""
    spatial, stride = len(kernel), stride or kernel
    pairs, out = _pairs(pad, spatial), []
    for i in range(spatial):
        reach = x.shape[2 + i] + sum(pairs[i]) - kernel[i]
        n = -(-reach // stride[i]) + 1 if ceil else reach // stride[i] + 1
        if ceil and (n - 1) * stride[i] >= x.shape[2 + i] + pairs[i][0]:
            n -= 1  # a window must begin inside the input or its padding before
        out.append(n)
        pairs[i] = (pairs[i][0], max(pairs[i][1], (n - 1) * stride[i] + kernel[i] - x.shape[2 + i] - pairs[i][0]))
    x = np.pad(x, [(0, 0), (0, 0)] + pairs, constant_values=fill)
    return np.stack([_tap(x, index, stride, [1] * spatial, out) for index in np.ndindex(*kernel)])


def max_pool(x, *, kernel, stride=None, pad=None, ceil=False):
    return _pool(x, -np.inf, kernel, stride, pad, ceil).max(axis=0)


def avg_pool(x, *, kernel, stride=None, pad=None, ceil=False, include_pad=False):
    total, inside = _pool(x, 0, kernel, stride, pad, ceil).sum(axis=0), np.ones_like(x)
    if include_pad:
        inside = np.pad(inside, [(0, 0), (0, 0)] + _pairs(pad, len(kernel)), constant_values=1)
        return total / _pool(inside, 0, kernel, stride, None, ceil).sum(axis=0)
    return total / _pool(inside, 0, kernel, stride, pad, ceil).sum(axis=0)


def softmax(x, *, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def l2_normalise(x, *, axis=-1, epsilon=1e-12):
    return x / np.maximum(np.sqrt((x * x).sum(axis=axis, keepdims=True)), epsilon)


def layer_norm(x, scale=None, shift=None, *, epsilon=1e-5):
    centred = x - x.mean(axis=-1, keepdims=True)
    y = centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + epsilon)
    return y * (1 if scale is None else scale) + (0 if shift is None else shift)


def band(x, *, width=50):
    padded = np.pad(x, [(0, 0), (0, 0), (width, width)])
    return np.stack([padded[:, t, t:t + 2 * width + 1] for t in range(x.shape[1])], axis=1)


def histogram(x):
    level = np.clip(x, 0, 255).astype(np.int64) >> 5
    bins = (level[:, 0] << 6 | level[:, 1] << 3 | level[:, 2]).reshape(x.shape[0], x.shape[2], -1)
    return np.stack([[np.bincount(row, minlength=512) for row in item] for item in bins]).astype(x.dtype)


def _reduction(function):
    return lambda x, *, axes, keep=False: function(x, axis=tuple(axes), keepdims=keep)


FUNCTIONS = {
    "conv": conv, "deconv": deconv, "dense": dense, "matmul": matmul, "lstm": lstm,
    "scale": lambda x, s, t, *, axis=1: x * _per_channel(s, x.ndim, axis) + _per_channel(t, x.ndim, axis),
    "prelu": lambda x, s, *, axis=1: np.where(x > 0, x, x * _per_channel(s, x.ndim, axis)),
    "relu": lambda x: np.maximum(x, 0),
    "clip": lambda x, *, low=0, high=6: np.clip(x, low, high),
    "sigmoid": sigmoid, "tanh": np.tanh,
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "hard_sigmoid": lambda x, *, alpha=0.2, beta=0.5: np.clip(alpha * x + beta, 0, 1),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt,
    "pow": lambda x, *, exponent=1: x ** exponent,
    "affine": lambda x, *, alpha=1, beta=0: alpha * x + beta,
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "concat": lambda *xs, axis=1: np.concatenate(xs, axis=axis),
    "reshape": reshape, "transpose": lambda x, *, order: np.transpose(x, order),
    "slice": slice_, "pad": pad_, "resize": resize,
    "max_pool": max_pool, "avg_pool": avg_pool,
    "reduce_max": _reduction(np.max), "reduce_mean": _reduction(np.mean), "reduce_sum": _reduction(np.sum),
    "softmax": softmax, "l2_normalise": l2_normalise, "layer_norm": layer_norm,
    "noisy_or": lambda x, w: 1 - np.prod(1 - w[None] * x[:, None], axis=-1),
    "max_of": lambda x, w, b=None: np.maximum(np.max(w[None] * x[:, None], axis=-1), 0 if b is None else b),
    "band": band, "histogram": histogram,
}


def run(model, inputs, dtype=np.float32, every=False):
    """model: ktm.Model. Returns {name: array} of the graph's outputs, or of all values."""
    graph = model.header["graph"]
    values = {name: model.value(name).astype(dtype) for name in model.tensors}
    last = {name: i for i, node in enumerate(graph["nodes"]) for name in node["in"]}
    for row in graph["inputs"]:
        array = np.asarray(inputs[row["name"]], dtype)
        fixed = all(isinstance(n, str) or n == m for n, m in zip(row["shape"], array.shape))
        if array.ndim != len(row["shape"]) or not fixed:
            raise Unsupported(f"input '{row['name']}' is {list(array.shape)}, not {row['shape']}")
        values[row["name"]] = array
    for i, node in enumerate(graph["nodes"]):
        attributes = {key: value for key, value in node.items() if key not in ("op", "in", "out")}
        result = FUNCTIONS[node["op"]](*[values[name] for name in node["in"]], **attributes)
        for name, array in zip(node["out"], result if isinstance(result, tuple) else (result,)):
            values[name] = array.astype(dtype, copy=False)
        for name in node["in"]:
            if not every and last[name] == i and name not in graph["outputs"]:
                values.pop(name, None)
    return values if every else {name: values[name] for name in graph["outputs"]}
