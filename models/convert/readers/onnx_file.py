"""Reader of ONNX files: the network as a graph of the weight format's operators.

Some exporters compute shapes inside the graph (Shape, Slice, Concat, Reshape) so that N, H, W or T stay free. The
reader executes the graph at two sizes while it reads. A value made of shapes is a pair of integer arrays: elements
that are equal at both sizes are constants, others stand for a free dimension.
"""

from dataclasses import dataclass

import numpy as np

import execute
from errors import BadFile, Missing, Unsupported
from simplify import Network

NODES = 20_000


@dataclass
class Traced:
    """name: value of the network, or None: a value made of shapes. at: the arrays at the two sizes."""

    name: str
    at: list

    @property
    def rank(self):
        return self.at[0].ndim

    def dims(self):
        """Each dimension: a number, or None where it is free."""
        return [a if a == b else None for a, b in zip(self.at[0].shape, self.at[1].shape)]


def load(path):
    try:
        import onnx
    except ImportError:
        raise Missing("the Python package onnx") from None
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf raises several kinds
        raise BadFile(f"{path} is not an ONNX file: {error}") from None
    if not model.graph.node:
        raise BadFile(f"{path} is not an ONNX file, or its graph is empty")
    if len(model.graph.node) > NODES:
        raise Unsupported(f"{path} has more than {NODES} nodes")
    return model


def read(path, inputs, outputs):
    """inputs: {name in the file: (name, shape with texts for free dimensions, {free: its limits}, two sizes as dicts)};
    outputs: {name in the file: name}. Returns a simplified Network."""
    try:
        return _Reader(load(path), inputs).run(outputs)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, MemoryError, OverflowError) as error:
        # The package onnx reports damaged tensors and attributes by these.
        raise BadFile(f"{path} is damaged: {error!r}") from None


class _Reader:
    def __init__(self, model, inputs):
        from onnx import helper, numpy_helper

        self.model, self.helper, self.to_array = model, helper, numpy_helper.to_array
        self.opset = next((row.version for row in model.opset_import if row.domain in ("", "ai.onnx")), 0)
        self.network = Network()
        self.values, self.squeezed = {"": None}, {}
        for row in model.graph.initializer:
            self.values[row.name] = self.to_array(row)
        generator = np.random.default_rng(3)
        for name, (own, shape, free, sizes) in inputs.items():
            self.network.input(own, shape, free)
            at = [generator.normal(0, .5, [size.get(n, n) for n in shape]) for size in sizes]
            self.values[name] = Traced(own, at)

    def run(self, outputs):
        for node in self.model.graph.node:
            self.node = node
            self.attributes = {row.name: self.helper.get_attribute_value(row) for row in node.attribute}
            operator = getattr(self, f"op_{node.op_type}", None)
            if operator is None or node.domain not in ("", "ai.onnx"):
                raise Unsupported(f"operator {node.op_type} (node '{node.name}')")
            try:
                inputs = [self.values[name] for name in node.input]
            except KeyError as error:
                raise BadFile(f"node '{node.name}' reads {error}, which is not defined before it") from None
            try:
                results = self.fold(operator, inputs)
            except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
                raise BadFile(f"operator {node.op_type} (node '{node.name}') does not fit its inputs: "
                              f"{error}") from None
            for name, value in zip(node.output, results if isinstance(results, list) else [results]):
                self.values[name] = value
        for name, own in outputs.items():
            if not isinstance(self.values.get(name), Traced):
                raise BadFile(f"the file has no computed output '{name}'")
            self.network.output(self.values[name].name, own)
        return self.network.simplify()

    def fold(self, operator, inputs):
        """An operator of which an input is made of shapes is executed as the reader's numpy function for integers."""
        shapes = [value for value in inputs if isinstance(value, Traced) and value.name is None]
        computed = [value for value in inputs if isinstance(value, Traced) and value.name is not None]
        if shapes and not computed and self.node.op_type not in ("Shape",):
            function = INTEGER.get(self.node.op_type)
            if function is None:
                raise Unsupported(f"operator {self.node.op_type} (node '{self.node.name}') on a shape")
            pairs = [value.at if isinstance(value, Traced) else [value, value] for value in inputs]
            return Traced(None, [np.asarray(function(self, *each)) for each in zip(*pairs)])
        return operator(*inputs)

    def fail(self, why):
        raise Unsupported(f"operator {self.node.op_type} (node '{self.node.name}'): {why}")

    def emit(self, op, *inputs, **attributes):
        """Adds a node; arrays among the inputs become tensors. Executes it at both sizes."""
        names, pairs = [], []
        for value in inputs:
            if isinstance(value, Traced):
                if value.name is None:
                    self.fail("a shape where a value must be")
                names.append(value.name)
                pairs.append(value.at)
            else:
                array = np.asarray(value, np.float64)
                names.append(self.network.tensor(array))
                pairs.append([array, array])
        out = self.network.node(op, names, attributes, outputs=3 if op == "lstm" else 1)
        results = [execute.FUNCTIONS[op](*each, **attributes) for each in zip(*pairs)]
        if op == "lstm":
            return [Traced(name, list(arrays)) for name, arrays in zip(out, zip(*results))]
        return Traced(out[0], results)

    def constant(self, value, what):
        """A value that must not depend on the input: an array."""
        if isinstance(value, Traced):
            if value.name is None and np.array_equal(*value.at):
                return value.at[0]
            self.fail(f"{what} is not constant")
        return value

    def integers(self, value, what):
        return [int(n) for n in np.ravel(self.constant(value, what))]

    # Elementwise

    def binary(self, op, a, b):
        if not isinstance(a, Traced) and not isinstance(b, Traced):
            return execute.FUNCTIONS[op](np.asarray(a), np.asarray(b))
        if isinstance(a, Traced) and isinstance(b, Traced):
            return self.emit(op, *self.same_rank(a, b))
        if isinstance(b, Traced):
            if op in ("add", "mul"):
                return self.binary(op, b, a)
            if op == "sub":
                return self.binary("add", self.emit("affine", b, alpha=-1.0), a)
            self.fail("a constant divided by a value")
        b = np.asarray(b, np.float64)
        if op in ("sub", "div"):
            op, b = ("add", -b) if op == "sub" else ("mul", 1 / b)
        if b.size == 1 and b.ndim <= a.rank:
            return self.emit("affine", a, **({"beta": float(b.item())} if op == "add" else {"alpha": float(b.item())}))
        if b.ndim > a.rank:
            self.fail("a constant with more dimensions than the value")
        b = b.reshape((1,) * (a.rank - b.ndim) + b.shape)
        axes = [i for i, n in enumerate(b.shape) if n > 1]
        if len(axes) == 1 and axes[0] > 0 and b.shape[axes[0]] == a.dims()[axes[0]]:
            flat = b.ravel()
            pair = (np.ones_like(flat), flat) if op == "add" else (flat, np.zeros_like(flat))
            return self.emit("scale", a, *pair, axis=axes[0])
        return self.emit(op, a, b)

    def same_rank(self, a, b):
        if a.rank < b.rank:
            return tuple(reversed(self.same_rank(b, a)))
        if b.rank < a.rank:
            dims = [1] * (a.rank - b.rank) + [-1 if n is None else n for n in b.dims()]
            if dims.count(-1) > 1:
                self.fail("values of unequal rank with free dimensions")
            b = self.emit("reshape", b, shape=dims)
        return a, b

    def op_Add(self, a, b): return self.binary("add", a, b)
    def op_Sub(self, a, b): return self.binary("sub", a, b)
    def op_Mul(self, a, b): return self.binary("mul", a, b)
    def op_Div(self, a, b): return self.binary("div", a, b)
    def op_Relu(self, x): return self.emit("relu", x)
    def op_Sigmoid(self, x): return self.emit("sigmoid", x)
    def op_Tanh(self, x): return self.emit("tanh", x)
    def op_Exp(self, x): return self.emit("exp", x)
    def op_Log(self, x): return self.emit("log", x)
    def op_Sqrt(self, x): return self.emit("sqrt", x)
    def op_HardSwish(self, x): return self.emit("hard_swish", x)
    def op_Identity(self, x): return x
    def op_Dropout(self, x, *_): return x
    def op_Cast(self, x): return x

    def op_Gelu(self, x):
        if self.attributes.get("approximate", b"none") != b"none":
            self.fail("approximate Gelu")
        return self.emit("gelu", x)

    def op_HardSigmoid(self, x):
        return self.emit("hard_sigmoid", x, alpha=float(self.attributes.get("alpha", .2)),
                         beta=float(self.attributes.get("beta", .5)))

    def op_Clip(self, x, low=None, high=None):
        low = self.attributes.get("min") if low is None else self.constant(low, "min")
        high = self.attributes.get("max") if high is None else self.constant(high, "max")
        if low is None or high is None:
            self.fail("a limit is missing")
        return self.emit("clip", x, low=float(np.asarray(low).item()), high=float(np.asarray(high).item()))

    def op_Pow(self, x, exponent):
        exponent = np.asarray(self.constant(exponent, "exponent"))
        if exponent.size != 1:
            self.fail("an exponent per element")
        return self.emit("pow", x, exponent=float(exponent.item()))

    def op_PRelu(self, x, slope):
        slope = np.asarray(self.constant(slope, "slope"))
        if slope.size not in (1, x.at[0].shape[1]) or (slope.ndim and slope.shape[0] != slope.size):
            self.fail("slopes that are not per channel")
        return self.emit("prelu", x, np.broadcast_to(slope.ravel(), x.at[0].shape[1]))

    # Linear

    def window(self, rank):
        """stride, pad and dilation of convolutions and pools."""
        if self.attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            self.fail(f"auto_pad {self.attributes['auto_pad'].decode()}")
        return ([int(n) for n in self.attributes.get("strides", [1] * rank)],
                [int(n) for n in self.attributes.get("pads", [0] * 2 * rank)],
                [int(n) for n in self.attributes.get("dilations", [1] * rank)])

    def op_Conv(self, x, w, b=None):
        w = np.asarray(self.constant(w, "kernel"), np.float64)
        stride, pad, dilation = self.window(w.ndim - 2)
        bias = [] if b is None else [self.constant(b, "bias")]
        return self.emit("conv", x, w, *bias, stride=stride, pad=pad, dilation=dilation,
                         groups=int(self.attributes.get("group", 1)))

    def op_ConvTranspose(self, x, w, b=None):
        w = np.asarray(self.constant(w, "kernel"), np.float64)
        stride, pad, dilation = self.window(w.ndim - 2)
        if any(n != 1 for n in dilation) or any(self.attributes.get("output_padding", [])) \
                or "output_shape" in self.attributes:
            self.fail("dilation, output_padding or output_shape")
        bias = [] if b is None else [self.constant(b, "bias")]
        return self.emit("deconv", x, w, *bias, stride=stride, pad=pad, groups=int(self.attributes.get("group", 1)))

    def op_BatchNormalization(self, x, gamma, beta, mean, variance):
        gamma, beta, mean, variance = (np.asarray(self.constant(v, "statistics"), np.float64)
                                       for v in (gamma, beta, mean, variance))
        scale = gamma / np.sqrt(variance + self.attributes.get("epsilon", 1e-5))
        return self.emit("scale", x, scale, beta - mean * scale)

    def op_MatMul(self, a, b):
        if isinstance(b, Traced):
            if not isinstance(a, Traced) or a.rank != b.rank:
                self.fail("a constant on the left, or unequal ranks")
            return self.emit("matmul", a, b)
        if np.ndim(b) != 2:
            self.fail("a constant that is not a matrix")
        return self.emit("dense", a, np.transpose(b))

    def op_Gemm(self, a, b, c=None):
        if self.attributes.get("transA", 0) or self.attributes.get("beta", 1.0) != 1.0:
            self.fail("transA or beta")
        b = np.asarray(self.constant(b, "matrix"), np.float64) * self.attributes.get("alpha", 1.0)
        b = b if self.attributes.get("transB", 0) else b.T
        bias = [] if c is None else [np.broadcast_to(np.ravel(self.constant(c, "bias")), len(b))]
        return self.emit("dense", a, b, *bias)

    def op_LSTM(self, x, w, r, b=None, lengths=None, h=None, c=None, peephole=None):
        """x [T, N, I]; gates in the order i, o, f, c, here i, f, g, o. One direction. The transpositions to [N, T, I]
        and back disappear where the file has their opposites."""
        known = {"hidden_size", "direction", "input_forget", "layout"}
        if set(self.attributes) - known or self.attributes.get("direction", b"forward") != b"forward" \
                or self.attributes.get("input_forget", 0) or self.attributes.get("layout", 0) \
                or lengths is not None or peephole is not None:
            self.fail("a variant of LSTM")
        size = int(self.attributes["hidden_size"])
        order = np.concatenate([np.arange(gate * size, (gate + 1) * size) for gate in (0, 2, 3, 1)])
        w, r = (np.asarray(self.constant(v, "weights"), np.float64)[0][order] for v in (w, r))
        b = np.zeros(8 * size) if b is None else np.asarray(self.constant(b, "bias"), np.float64)[0]
        bias = b[:4 * size][order] + b[4 * size:][order]
        x = self.emit("transpose", x, order=[1, 0, 2])
        rows, h, c = self.emit("lstm", x, w, r, bias, *(self.first_state(x, state, size) for state in (h, c)))
        rows = self.emit("transpose", rows, order=[1, 0, 2])
        every = self.reshaped(rows, [(a.shape[0], 1, *a.shape[1:]) for a in rows.at])
        self.squeezed[every.name] = rows
        return [every] + [self.emit("reshape", v, shape=[1, -1, size]) for v in (h, c)]

    def first_state(self, x, state, size):
        """[N, H] of a computed state [1, N, H]; a constant one is the bias of a layer that multiplies by zero."""
        if isinstance(state, Traced):
            return self.emit("reshape", state, shape=[-1, size])
        bias = np.zeros(size) if state is None else np.asarray(state, np.float64).reshape(-1, size)
        if bias.ndim == 2 and len(bias) != 1:
            self.fail("an initial state per item")
        last = self.emit("reduce_mean", x, axes=[1], keep=False)
        return self.emit("dense", last, np.zeros((size, x.at[0].shape[2])), bias.ravel())

    # Shape

    def op_Shape(self, x):
        first, last = self.attributes.get("start", 0), self.attributes.get("end")
        return Traced(None, [np.asarray(array.shape, np.int64)[first:last] for array in x.at])

    def op_Constant(self):
        name, value = next(iter(self.attributes.items()))
        return self.to_array(value) if name == "value" else np.asarray(value)

    def op_ConstantOfShape(self, shape):
        value = self.attributes.get("value")
        value = self.to_array(value).ravel()[0] if value is not None else np.float32(0)
        return np.full(self.integers(shape, "shape"), value)

    def reshaped(self, x, targets):
        """Reshapes to the shapes at the two sizes. A dimension that stays in its place is 0, one other may be -1."""
        if not isinstance(x, Traced):
            return x.reshape(targets[0])
        before, shape = [array.shape for array in x.at], []
        for i, (a, b) in enumerate(zip(*targets)):
            stays = i < x.rank and (before[0][i], before[1][i]) == (a, b)
            shape.append(int(a) if a == b and not stays else 0 if stays else -1)
        if shape.count(-1) > 1:
            self.fail("more than one free dimension moves")
        return self.emit("reshape", x, shape=shape)

    def op_Reshape(self, x, shape):
        pairs = shape.at if isinstance(shape, Traced) else [shape, shape]
        targets = []
        for array, target in zip(x.at if isinstance(x, Traced) else [x, x], pairs):
            target = [array.shape[i] if n == 0 else int(n) for i, n in enumerate(target)]
            targets.append(array.reshape(target).shape)
        return self.reshaped(x, targets)

    def op_Flatten(self, x):
        axis = self.attributes.get("axis", 1)
        return self.reshaped(x, [(int(np.prod(a.shape[:axis])), int(np.prod(a.shape[axis:]))) for a in x.at])

    def axes(self, given, rank):
        axes = self.attributes.get("axes") if given is None else self.integers(given, "axes")
        return None if axes is None else [int(n) % rank for n in axes]

    def op_Squeeze(self, x, axes=None):
        axes = self.axes(axes, x.rank) or [i for i, n in enumerate(x.dims()) if n == 1]
        if x.name in self.squeezed and axes == [1]:
            return self.squeezed[x.name]
        kept = [i for i in range(x.rank) if i not in axes]
        if any(x.dims()[i] is None for i in kept if i > min(axes)):
            x = self.emit("transpose", x, order=kept + axes)  # no free dimension moves in the reshape
            kept = list(range(len(kept)))
        return self.reshaped(x, [[a.shape[i] for i in kept] for a in x.at])

    def op_Unsqueeze(self, x, axes=None):
        if not isinstance(x, Traced):
            axes = self.attributes.get("axes") if axes is None else self.integers(axes, "axes")
            return np.expand_dims(x, tuple(axes))
        rank = x.rank + len(self.attributes.get("axes") or np.ravel(axes))
        axes = tuple(self.axes(axes, rank))
        return self.reshaped(x, [np.expand_dims(a, axes).shape for a in x.at])

    def op_Transpose(self, x):
        order = [int(n) for n in self.attributes.get("perm", reversed(range(np.ndim(x) if not isinstance(x, Traced)
                                                                            else x.rank)))]
        return self.emit("transpose", x, order=order) if isinstance(x, Traced) else np.transpose(x, order)

    def op_Concat(self, *xs):
        if not any(isinstance(x, Traced) for x in xs):
            return np.concatenate(xs, axis=self.attributes["axis"])
        rank = next(x.rank for x in xs if isinstance(x, Traced))
        return self.emit("concat", *xs, axis=int(self.attributes["axis"]) % rank)

    def op_Slice(self, x, starts=None, ends=None, axes=None, steps=None):
        starts, ends = (self.attributes[name] if value is None else self.integers(value, name)
                        for name, value in (("starts", starts), ("ends", ends)))
        axes = self.attributes.get("axes", range(len(starts))) if axes is None else self.integers(axes, "axes")
        if steps is not None and any(n != 1 for n in self.integers(steps, "steps")):
            self.fail("steps")
        limit = 2 ** 31 - 1
        for axis, begin, end in zip(axes, starts, ends):
            x = self.emit("slice", x, axis=int(axis) % x.rank, begin=max(-limit, int(begin)), end=min(limit, int(end)))
        return x

    def op_Split(self, x, split=None):
        axis = int(self.attributes.get("axis", 0)) % x.rank
        size = x.dims()[axis]
        parts = self.attributes.get("split") if split is None else self.integers(split, "split")
        if parts is None and size is not None and size % len(self.node.output) == 0:
            parts = [size // len(self.node.output)] * len(self.node.output)
        if parts is None:
            self.fail("a split of a free dimension")
        ends = np.cumsum([0, *parts])
        return [self.emit("slice", x, axis=axis, begin=int(a), end=int(b)) for a, b in zip(ends, ends[1:])]

    def op_Gather(self, x, indices):
        self.fail("on values")

    def repeated(self, x, factors):
        for axis, n in enumerate(factors):
            if n > 16 or (n > 1 and x.rank != len(factors)):
                self.fail("more than 16 copies")
            x = self.emit("concat", *[x] * int(n), axis=axis) if n > 1 else x
        return x

    def op_Tile(self, x, repeats):
        return self.repeated(x, self.integers(repeats, "repeats"))

    def op_Expand(self, x, shape):
        pairs = shape.at if isinstance(shape, Traced) else [shape, shape]
        targets = [np.broadcast_shapes(a.shape, tuple(int(n) for n in s)) for a, s in zip(x.at, pairs)]
        factors = [[b // a for a, b in zip(array.shape, target)] for array, target in zip(x.at, targets)]
        if len(targets[0]) != x.rank or factors[0] != factors[1]:
            self.fail("to a free size")
        return self.repeated(x, factors[0])

    def op_Pad(self, x, pads=None, value=None, axes=None):
        mode = self.attributes.get("mode", b"constant")
        pads = self.attributes.get("pads") if pads is None else self.integers(pads, "pads")
        if axes is not None or mode not in (b"constant", b"reflect") or (
                value is not None and np.any(self.constant(value, "value") != 0)):
            self.fail("axes, another value than zero, or a mode")
        for axis in range(x.rank):
            before, after = int(pads[axis]), int(pads[axis + x.rank])
            if before or after:
                x = self.emit("pad", x, axis=axis, before=before, after=after, reflect=mode == b"reflect")
        return x

    def op_Resize(self, x, *rest):
        scales = rest[1] if len(rest) > 1 else rest[0]
        mode = (self.attributes.get("mode", b"nearest"), self.attributes.get("coordinate_transformation_mode",
                b"asymmetric" if self.opset < 11 else b"half_pixel"), self.attributes.get("nearest_mode", b"floor"))
        scales = [] if scales is None else np.ravel(self.constant(scales, "scales"))
        if mode != (b"nearest", b"asymmetric", b"floor") or len(scales) != x.rank or any(
                n != int(n) for n in scales) or any(n != 1 for n in scales[:2]):
            self.fail("another mode than nearest, asymmetric, floor, or a factor that is not whole")
        return self.emit("resize", x, factor=[int(n) for n in scales[2:]])

    op_Upsample = op_Resize

    # Pools, reductions, normalisation

    def pool(self, x, op, **more):
        kernel = [int(n) for n in self.attributes["kernel_shape"]]
        stride, pad, dilation = self.window(len(kernel))
        if any(n != 1 for n in dilation) or self.attributes.get("storage_order", 0):
            self.fail("dilation or storage_order")
        return self.emit(op, x, kernel=kernel, stride=stride, pad=pad, ceil=bool(self.attributes.get("ceil_mode", 0)),
                         **more)

    def op_MaxPool(self, x): return self.pool(x, "max_pool")

    def op_AveragePool(self, x):
        return self.pool(x, "avg_pool", include_pad=bool(self.attributes.get("count_include_pad", 0)))

    def op_GlobalAveragePool(self, x):
        return self.emit("reduce_mean", x, axes=list(range(2, x.rank)), keep=True)

    def reduce(self, x, axes, op):
        axes = self.axes(axes, x.rank)
        if axes is None:
            self.fail("over all axes")
        return self.emit(op, x, axes=axes, keep=bool(self.attributes.get("keepdims", 1)))

    def op_ReduceMean(self, x, axes=None): return self.reduce(x, axes, "reduce_mean")
    def op_ReduceMax(self, x, axes=None): return self.reduce(x, axes, "reduce_max")
    def op_ReduceSum(self, x, axes=None): return self.reduce(x, axes, "reduce_sum")

    def op_Softmax(self, x):
        axis = int(self.attributes.get("axis", 1 if self.opset < 13 else -1)) % x.rank
        if self.opset < 13 and axis != x.rank - 1:
            self.fail("over several dimensions (opset below 13)")
        return self.emit("softmax", x, axis=axis)

    def op_LayerNormalization(self, x, scale, shift=None):
        if self.attributes.get("axis", -1) % x.rank != x.rank - 1:
            self.fail("over several dimensions")
        shift = np.zeros_like(scale) if shift is None else self.constant(shift, "shift")
        return self.emit("layer_norm", x, self.constant(scale, "scale"), shift,
                         epsilon=float(self.attributes.get("epsilon", 1e-5)))


def _integer_slice(reader, x, starts=None, ends=None, axes=None, steps=None):
    starts = reader.attributes.get("starts") if starts is None else np.ravel(starts)
    ends = reader.attributes.get("ends") if ends is None else np.ravel(ends)
    return x[int(starts[0]):int(ends[0]):1 if steps is None else int(np.ravel(steps)[0])]


INTEGER = {
    "Slice": _integer_slice,
    "Gather": lambda reader, x, indices: np.take(x, indices, axis=int(reader.attributes.get("axis", 0))),
    "Concat": lambda reader, *xs: np.concatenate([np.ravel(x) for x in xs]),
    "Squeeze": lambda reader, x, *_: np.squeeze(x),
    "Unsqueeze": lambda reader, x, *_: np.expand_dims(x, 0),
    "Cast": lambda reader, x: x,
    "Add": lambda reader, a, b: a + b,
    "Sub": lambda reader, a, b: a - b,
    "Mul": lambda reader, a, b: a * b,
    "Div": lambda reader, a, b: a // b,
}
