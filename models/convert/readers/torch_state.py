"""Reader of torch state dicts in zip form (`torch.save` since 1.6) without torch.

`archive/data.pkl` is a pickle; `archive/data/N` are the raw bytes of the storages. A pickle can name any function and
have it called. This reader knows three names: OrderedDict, _rebuild_tensor_v2 and the classes of storages. Every other
name is refused before it is looked up.
"""

import collections
import io
import math
import pickle
import zipfile
import zlib

import numpy as np

from errors import BadFile, Unsafe, Unsupported

STORAGES = {
    "FloatStorage": np.dtype("<f4"), "DoubleStorage": np.dtype("<f8"), "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"), "IntStorage": np.dtype("<i4"), "ByteStorage": np.dtype("u1"),
    "CharStorage": np.dtype("i1"), "BoolStorage": np.dtype("?"),
}
MEMBER_BYTES = 1 << 31
PICKLE_BYTES = 16 << 20


def _rebuild(storage, offset, size, stride, *_):
    whole = all(type(n) is int and n >= 0 for n in (offset, *size, *stride))
    if len(size) != len(stride) or len(size) > 8 or not whole:
        raise BadFile(f"a tensor of the shape {size} with the strides {stride}")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    if math.prod(size) and last >= len(storage):
        raise BadFile(f"a tensor of the shape {size} lies outside its storage")
    strides = [step * storage.itemsize for step in stride]
    return np.array(np.lib.stride_tricks.as_strided(storage[offset:], size, strides, writeable=False))


class _Unpickler(pickle.Unpickler):
    def __init__(self, content, archive, root):
        super().__init__(io.BytesIO(content))
        self.archive, self.root = archive, root

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise Unsafe(f"the pickle names {module}.{name}")

    def persistent_load(self, pid):
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage" or not isinstance(pid[1], np.dtype):
            raise Unsupported("a pickle with a reference that is not a storage")
        _, dtype, key, _, count = pid
        content = _member(self.archive, f"{self.root}data/{key}", MEMBER_BYTES)
        if type(count) is not int or count < 0 or len(content) != count * dtype.itemsize:
            raise BadFile(f"storage {key} has {len(content)} bytes for {count} elements")
        return np.frombuffer(content, dtype)


def _member(archive, name, most):
    try:
        if archive.getinfo(name).file_size > most:
            raise Unsupported(f"{name} is larger than {most} bytes")
        return archive.read(name)
    except (KeyError, OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise BadFile(f"{name}: {error}") from None


def read(path):
    """{name: array} of a state dict. Unsafe: the pickle names something else than tensors."""
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise BadFile(f"{path}: {error}") from None
    with archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise BadFile(f"{path} has no data.pkl: not a torch state dict in zip form")
        root = pickles[0].removesuffix("data.pkl")
        try:
            state = _Unpickler(_member(archive, pickles[0], PICKLE_BYTES), archive, root).load()
        except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError,
                OverflowError, UnicodeDecodeError, MemoryError) as error:
            raise BadFile(f"{path}: the pickle cannot be read: {error!r}") from None
    if not isinstance(state, dict) or not all(isinstance(value, np.ndarray) for value in state.values()):
        raise Unsupported(f"{path} is not a state dict: it holds something else than named tensors")
    return dict(state)
