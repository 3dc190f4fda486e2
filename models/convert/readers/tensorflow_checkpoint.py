"""Reader of TensorFlow 1 checkpoints (`.index` and `.data-00000-of-00001`) without TensorFlow.

`.index` is a LevelDB table. Its last 48 bytes are the footer: handles (offset, size) of the metaindex and the index
block as varints, padding, the magic number. A block is a list of entries (shared, non-shared, length of value as
varints; rest of the key; value), then restart offsets and their number as 32-bit integers. The values of the index
block are handles of data blocks; the values of data blocks are protobuf messages BundleEntryProto. Compressed blocks
and several data shards are not supported.
"""

import math
import struct
from pathlib import Path

import numpy as np

from errors import BadFile, Unsupported

MAGIC = 0xDB4775248B80FB57
FLOAT32 = 1
VARIABLES = 100_000  # bound of one checkpoint
TRAINING = ("/Adam", "/Adam_1", "beta1_power", "beta2_power")  # state of the optimiser


def _varint(data, at):
    value = 0
    for i in range(10):
        if at + i >= len(data):
            raise BadFile("a number in the index is cut off")
        value |= (data[at + i] & 127) << (7 * i)
        if data[at + i] < 128:
            return value, at + i + 1
    raise BadFile("a number in the index is too long")


def _handle(data, at):
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return offset, size, at


def _block(data, offset, size):
    if offset + size + 5 > len(data):
        raise BadFile("a block lies outside the index")
    if data[offset + size] != 0:
        raise Unsupported("a compressed block in the index")
    block = data[offset:offset + size]
    if size < 4:
        raise BadFile("a block without an end")
    restarts = struct.unpack_from("<I", block, size - 4)[0]
    end, at, key = size - 4 - 4 * restarts, 0, b""
    if end < 0:
        raise BadFile("a block with more restarts than bytes")
    while at < end:
        shared, at = _varint(block, at)
        rest, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + rest + length > end:
            raise BadFile("an entry lies outside its block")
        key = key[:shared] + block[at:at + rest]
        yield key.decode("utf-8", "replace"), block[at + rest:at + rest + length]
        at += rest + length


def _fields(data):
    """Fields of a protobuf message: (number, value), value an integer or bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind in (1, 2, 5):
            length, at = (8, at) if kind == 1 else (4, at) if kind == 5 else _varint(data, at)
            if at + length > len(data):
                raise BadFile("a message in the index is cut off")
            value, at = data[at:at + length], at + length
        else:
            raise BadFile("a message in the index has an unknown kind of field")
        yield tag >> 3, value


def _entry(message):
    entry = {"dtype": 0, "shape": [], "shard": 0, "offset": 0, "size": 0}
    numbers = {1: "dtype", 3: "shard", 4: "offset", 5: "size"}
    for number, value in _fields(message):
        if number == 2:
            for inner, dimension in _fields(value):
                if inner == 2:
                    entry["shape"].append(dict(_fields(dimension)).get(1, 0))
        elif number in numbers:
            entry[numbers[number]] = value
    return entry


def read(prefix, wanted=lambda name: not name.endswith(TRAINING)):
    """Float32 variables of the checkpoint with this prefix (path without `.index`): {name: array}."""
    try:
        index = Path(f"{prefix}.index").read_bytes()
        data = Path(f"{prefix}.data-00000-of-00001").read_bytes()
    except OSError as error:
        raise BadFile(f"{error.filename}: {error.strerror}") from None
    if len(index) < 48 or struct.unpack("<Q", index[-8:])[0] != MAGIC:
        raise BadFile(f"{prefix}.index is not a checkpoint's index")
    footer = index[-48:]
    _, _, at = _handle(footer, 0)
    offset, size, _ = _handle(footer, at)
    variables = {}
    for _, handle in _block(index, offset, size):
        begin, length, _ = _handle(handle, 0)
        for name, message in _block(index, begin, length):
            if not name or not wanted(name):
                continue
            if len(variables) == VARIABLES:
                raise Unsupported(f"more than {VARIABLES} variables")
            variables[name] = _variable(name, _entry(message), data)
    return variables


def _variable(name, entry, data):
    if entry["dtype"] != FLOAT32 or entry["shard"] != 0:
        raise Unsupported(f"variable '{name}': type {entry['dtype']}, shard {entry['shard']}")
    count = math.prod(entry["shape"])
    if entry["size"] != 4 * count or entry["offset"] + entry["size"] > len(data):
        raise BadFile(f"variable '{name}': {entry['size']} bytes for the shape {entry['shape']}")
    return np.frombuffer(data, "<f4", count, entry["offset"]).reshape(entry["shape"])
