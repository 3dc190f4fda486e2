"""Writer and reader of the weight format (models/FORMAT.md).

    graph = Graph()
    x = graph.input("x", ["N", 1, "T", 96], T={"min": 1, "max": 100000})
    y = graph.node("conv", x, graph.tensor("w", weights), pad=[3, 0, 3, 0])
    graph.output(y)
    write("name.ktm", graph, {"name": ..., "version": ..., ...})

A Graph checks each node against models/graph/ops.def when it is added. `write` is atomic: a file is complete or absent.
"""

import json
import math
import os
import re
import struct
import tempfile
from pathlib import Path

import numpy as np
import xxhash

from errors import BadFile, Unsupported
from ops_table import OPERATORS

MAGIC = b"\x89KTM\r\n\x1a\n"
VERSION = 1
PREFIX = 32  # bytes before the header
ALIGN = 64
MOST = {"header": 4 << 20, "nodes": 4096, "tensors": 8192, "rank": 6, "inputs": 8, "outputs": 16, "name": 63,
        "depth": 64, "free": 3}
TYPES = {"f32": np.dtype("<f4"), "f16": np.dtype("<f2"), "i8": np.dtype("i1")}
MODEL_NAME = re.compile(r"[a-z0-9_]{1,63}\Z")
MODEL_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}\Z")


class Graph:
    """Inputs, tensors, nodes and outputs in the order in which they were added."""

    def __init__(self):
        self.inputs, self.nodes, self.outputs = [], [], []
        self.free = {}
        self.tensors = {}  # name: array
        self.scales = {}  # name of an int8 tensor: name of its scale
        self._names = set()

    def _define(self, name):
        if not 0 < len(name.encode()) <= MOST["name"]:
            raise Unsupported(f"the name '{name}' is empty or longer than {MOST['name']} bytes")
        if name in self._names:
            raise BadFile(f"the name '{name}' is defined twice")
        self._names.add(name)
        return name

    def input(self, name, shape, **free):
        """free: limits of free dimensions, for example T={"min": 1, "max": 100, "multiple": 1}."""
        self.free.update(free)
        if len(self.free) > MOST["free"] or not shape or shape[0] != "N" or "N" in shape[1:]:
            raise Unsupported(f"input '{name}' of the shape {list(shape)}: N must be its first dimension and no other, "
                              f"beside at most {MOST['free']} free ones")
        for size in shape:
            if isinstance(size, str) and size != "N" and size not in self.free:
                raise BadFile(f"input '{name}': no limits of the free dimension '{size}'")
        self.inputs.append({"name": self._define(name), "shape": list(shape)})
        return name

    def tensor(self, name, array, scale=None):
        """float16 and int8 arrays keep their type, all others become float32. scale: name of the scale of an int8."""
        array = np.asarray(array)
        kept = array.dtype in (np.dtype(np.float16), np.dtype(np.int8))
        array = np.ascontiguousarray(array if kept else array.astype(np.float32))
        if not 1 <= array.ndim <= MOST["rank"] or array.size == 0:
            raise Unsupported(f"tensor '{name}' has the shape {list(array.shape)}")
        if array.dtype != np.int8 and not np.isfinite(array).all():
            raise BadFile(f"tensor '{name}' has values that are not finite")
        if (array.dtype == np.int8) != (scale is not None):
            raise BadFile(f"tensor '{name}': an int8 tensor, and only that, has a scale")
        self.tensors[self._define(name)] = array
        if scale is not None:
            self.scales[name] = scale
        return name

    def node(self, op, *inputs, out=None, **attributes):
        """Returns the name of the output, or a list of names for an operator with several."""
        rule = OPERATORS.get(op)
        if rule is None:
            raise Unsupported(f"operator '{op}' is not in ops.def")
        if not rule.least <= len(inputs) <= rule.most:
            raise Unsupported(f"operator '{op}' with {len(inputs)} inputs")
        for name in inputs:
            if name not in self._names:
                raise BadFile(f"operator '{op}' reads '{name}', which is not defined before it")
        if attributes.get("axis") == 0 or 0 in attributes.get("axes", []) or attributes.get("order", [0])[0] != 0:
            raise Unsupported(f"operator '{op}' along N, the first dimension")
        unknown = set(attributes) - rule.attributes
        if unknown:
            raise Unsupported(f"operator '{op}' with the attribute '{sorted(unknown)[0]}'")
        names = [out] if isinstance(out, str) else out
        names = names or [f"v{len(self.nodes)}" + (f"_{i}" if rule.outputs > 1 else "") for i in range(rule.outputs)]
        if len(names) != rule.outputs:
            raise Unsupported(f"operator '{op}' with {len(names)} outputs")
        self.nodes.append({"op": op, "in": list(inputs), "out": [self._define(name) for name in names], **attributes})
        return names[0] if rule.outputs == 1 else names

    def output(self, *names):
        for name in names:
            if name not in self._names or name in self.tensors:
                raise BadFile(f"the output '{name}' is not computed")
            self.outputs.append(name)

    def describe(self):
        return {"inputs": self.inputs, "nodes": self.nodes, "outputs": self.outputs}


def _aligned(size):
    return -size % ALIGN


def _type_name(array):
    return next(name for name, dtype in TYPES.items() if dtype == array.dtype)


def encode(graph, header):
    """The bytes of the file. header: all members of FORMAT.md but free, graph and tensors."""
    if not MODEL_NAME.match(header["name"]) or not MODEL_VERSION.match(header["version"]):
        raise BadFile(f"'{header['name']}' version '{header['version']}' is not a name and a version MAJOR.MINOR.PATCH")
    for what, most in (("nodes", MOST["nodes"]), ("tensors", MOST["tensors"]), ("inputs", MOST["inputs"]),
                       ("outputs", MOST["outputs"])):
        if len(getattr(graph, what)) > most:
            raise Unsupported(f"{len(getattr(graph, what))} {what}; the format has at most {most}")
    data, rows = bytearray(), []
    for name, array in graph.tensors.items():
        data += b"\0" * _aligned(len(data))
        row = {"name": name, "type": _type_name(array), "shape": list(array.shape), "offset": len(data)}
        if name in graph.scales:
            row["scale"] = graph.scales[name]
        rows.append(row)
        data += array.astype(TYPES[row["type"]], copy=False).tobytes()
    whole = {}
    for key in ("name", "version", "licence", "attribution", "source", "input"):
        whole[key] = header[key]
    whole |= {"free": graph.free, "graph": graph.describe(), "tensors": rows}
    whole |= {key: value for key, value in header.items() if key not in whole}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    if len(text) > MOST["header"]:
        raise Unsupported(f"a header of {len(text)} bytes; the format has at most {MOST['header']}")
    body = text + b"\0" * _aligned(PREFIX + len(text)) + data
    return MAGIC + struct.pack("<II", VERSION, len(text)) + xxhash.xxh3_128_digest(body) + body


def write(path, graph, header):
    """Writes the file beside its place and renames it. Returns its bytes."""
    content = encode(graph, header)
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return content


class Model:
    """A file that was read: header (dict), tensors (name: array as stored)."""

    def __init__(self, header, tensors):
        self.header, self.tensors = header, tensors

    def value(self, name):
        """A tensor as float32, int8 with its scale applied."""
        array = self.tensors[name]
        if array.dtype == np.int8:
            row = next(row for row in self.header["tensors"] if row["name"] == name)
            scale = self.tensors[row["scale"]]
            return array.astype(np.float32) * scale.reshape((-1,) + (1,) * (array.ndim - 1))
        return array.astype(np.float32)


def _unique(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadFile("the header has a member twice")
    return members


def _number(text):
    value = float(text)
    if not math.isfinite(value):
        raise BadFile(f"the number {text} is not finite")
    return value


def _depth(text):
    deepest = depth = 0
    for mark in re.sub(r'"(?:\\.|[^"\\])*"', "", text):
        depth += (mark in "[{") - (mark in "]}")
        deepest = max(deepest, depth)
    return deepest


def _header(content):
    if content[:8] != MAGIC or len(content) < PREFIX:
        raise BadFile("not a .ktm file")
    version, length = struct.unpack("<II", content[8:16])
    if version != VERSION:
        raise BadFile(f"version {version} of the format")
    if length > MOST["header"] or PREFIX + length > len(content):
        raise BadFile(f"a header of {length} bytes")
    if xxhash.xxh3_128_digest(content[PREFIX:]) != content[16:PREFIX]:
        raise BadFile("the checksum does not fit")
    try:
        text = content[PREFIX:PREFIX + length].decode()
        if _depth(text) > MOST["depth"]:
            raise BadFile(f"the header is nested deeper than {MOST['depth']}")
        header = json.loads(text, object_pairs_hook=_unique, parse_float=_number, parse_constant=_number)
    except ValueError as error:
        raise BadFile(f"the header is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise BadFile("the header is not an object")
    begin = PREFIX + length + _aligned(PREFIX + length)
    if any(content[PREFIX + length:begin]):
        raise BadFile("the gap after the header is not zero")
    return header, content[begin:]


def _tensors(rows, data):
    tensors, end = {}, 0
    for row in rows:
        dtype, shape = TYPES.get(row["type"]), row["shape"]
        if dtype is None or not 1 <= len(shape) <= MOST["rank"] or not all(type(n) is int and n >= 1 for n in shape):
            raise BadFile(f"tensor '{row['name']}': {row['type']} {shape}")
        begin, count = end + _aligned(end), math.prod(shape)
        if row["offset"] != begin or any(data[end:begin]) or begin + count * dtype.itemsize > len(data):
            raise BadFile(f"tensor '{row['name']}' is not where it must be")
        if row["name"] in tensors:
            raise BadFile(f"tensor '{row['name']}' is there twice")
        array = np.frombuffer(data, dtype, count, begin).reshape(shape)
        if dtype.kind == "f" and not np.isfinite(array).all():
            raise BadFile(f"tensor '{row['name']}' has values that are not finite")
        tensors[row["name"]] = array
        end = begin + count * dtype.itemsize
    if end != len(data):
        raise BadFile("there are bytes after the last tensor")
    return tensors


def decode(content):
    """Reads the bytes of a file. BadFile: not valid. The graph is rebuilt as a check of its names and operators."""
    header, data = _header(content)
    try:
        tensors = _tensors(header["tensors"], data)
        graph = Graph()
        for row in header["graph"]["inputs"]:
            graph.input(row["name"], row["shape"], **header["free"])
        for row in header["tensors"]:
            graph.tensor(row["name"], tensors[row["name"]], row.get("scale"))
        for row in header["graph"]["nodes"]:
            rest = {key: value for key, value in row.items() if key not in ("op", "in", "out")}
            graph.node(row["op"], *row["in"], out=row["out"], **rest)
        graph.output(*header["graph"]["outputs"])
    except (KeyError, TypeError, AttributeError) as error:
        raise BadFile(f"the header lacks a member or has another type: {error!r}") from None
    return Model(header, tensors)


def read(path):
    try:
        return decode(Path(path).read_bytes())
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}") from None
