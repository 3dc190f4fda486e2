"""libkithara in Python, by ctypes: the functions of kithara.h with Python's types, and nothing that they do not do.

    with kithara.Context("ANALYZER_N_MFCC=20") as context:
        document = context.analyze_file("song.mp3")              # a dict
        samples = context.read_mono("song.mp3", 16000)           # a memoryview of float32
    with kithara.Frontend("msd_musicnn.ktm") as front, kithara.Model("msd_musicnn.ktm") as model:
        tags, embedding = model.run(front.blocks(front.rows(samples)))

Arrays go in as anything with the buffer protocol and float32 values (a NumPy array, an array.array("f")) and come out
as memoryviews, which numpy.asarray takes without a copy. The library is KITHARA_LIBRARY, that of the build folder of the
clone that this file is in, or what the dynamic linker finds; it is loaded at the first call.
"""
from __future__ import annotations

import ctypes
import json
import math
import os
import pathlib
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .errors import Error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

_MAJOR = 1
_NAME = f"libkithara.so.{_MAJOR}"
_CLONE = pathlib.Path(__file__).resolve().parents[2]


class NotInstalled(Error):
    """There is no libkithara, in contrast to one that cannot be loaded."""


def _error(code: int, document: dict[str, Any] | None = None) -> Error:
    return Error(LIB.kithara_error_name(code).decode(), LIB.kithara_why().decode(), document)


def _open(path: str) -> ctypes.CDLL:
    """Error: NotInstalled, or ESYSTEM of a library that is there and cannot be loaded."""
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        why = str(error)
        if path == _NAME and why.startswith(f"{_NAME}: cannot open shared object file: No such file"):
            raise NotInstalled("ENOFILE", f"{_NAME} is not installed: install libkithara1, or set KITHARA_LIBRARY") from None
        raise Error("ESYSTEM", f"{path} cannot be loaded: {why.removeprefix(f'{path}: ')}") from None


def _load() -> ctypes.CDLL:
    own = pathlib.Path(os.environ.get("KITHARA_BUILD", _CLONE / "build")) / "lib" / _NAME
    path = os.environ.get("KITHARA_LIBRARY") or (str(own) if own.exists() else _NAME)
    lib = _open(path)
    code, text, size, u32, real = ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_double
    pointer, out, size_out = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t)
    sizes = ctypes.POINTER(ctypes.c_int64)
    rows: dict[str, tuple[Any, list[Any]]] = {
        "version": (text, []),
        "error_name": (text, [code]),
        "error_text": (text, [code]),
        "why": (text, []),
        "free": (None, [pointer]),
        "open": (code, [out, ctypes.POINTER(text)]),
        "close": (None, [out]),
        "analyze_file": (code, [pointer, text, text, out]),
        "analyze_samples": (code, [pointer, pointer, size, u32, u32, text, out]),
        "read_mono": (code, [pointer, text, u32, real, real, out, size_out]),
        "resample": (code, [pointer, size, u32, u32, out, size_out]),
        "frontend_open": (code, [out, text]),
        "frontend_close": (None, [out]),
        "frontend_rate": (u32, [pointer]),
        "frontend_width": (size, [pointer]),
        "frontend_block_rows": (size, [pointer]),
        "frontend_rows": (code, [pointer, pointer, size, out, size_out]),
        "frontend_blocks": (code, [pointer, pointer, size, out, size_out]),
        "model_open": (code, [out, text, text]),
        "model_close": (None, [out]),
        "model_info": (code, [pointer, out]),
        "model_output_shape": (code, [pointer, sizes, size, sizes]),
        "model_run": (code, [pointer, sizes, out, out]),
    }
    for name, (result, arguments) in rows.items():
        function = getattr(lib, f"kithara_{name}", None)
        if function is None:
            raise Error("EVERSION", f"{path} has no function kithara_{name}: it is older than this package; install both of one version")
        function.restype, function.argtypes = result, arguments
    return lib


class _Library:
    """The functions of the library, which is loaded when the first of them is asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: ctypes.CDLL | None = None

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load()
        return getattr(self._loaded, name)


LIB = _Library()


def version() -> str:
    """"1.0.0": of the library that is loaded."""
    return str(LIB.kithara_version().decode())


def _check(code: int) -> None:
    if code:
        raise _error(code)


class _Memory:
    """Floats that the library allocated; freed with the last view of them."""

    def __init__(self, pointer: ctypes.c_void_p) -> None:
        self.pointer = pointer

    def __del__(self) -> None:
        LIB.kithara_free(self.pointer)


def _take(pointer: ctypes.c_void_p, *shape: int) -> memoryview[float]:
    """A memoryview of what the library returned."""
    count = math.prod(shape)
    array = (ctypes.c_float * count).from_address(pointer.value or 0)
    array.memory = _Memory(pointer)  # type: ignore[attr-defined]  # lives as long as the array
    view = memoryview(array).cast("B")
    return view.cast("f", shape) if count else view.cast("f")


def _give(array: Buffer) -> tuple[int, int, Any]:
    """(address, values, what keeps it alive) of a buffer of float32; a read-only one is copied."""
    view = memoryview(array)
    if view.format not in ("f", "<f") or not view.c_contiguous:
        raise TypeError("expected float32 values without gaps")
    kind = ctypes.c_float * (view.nbytes // 4)
    kept = kind.from_buffer_copy(view) if view.readonly else kind.from_buffer(view)
    return ctypes.addressof(kept), view.nbytes // 4, kept


def _document(code: int, pointer: ctypes.c_void_p) -> dict[str, Any]:
    text = ctypes.string_at(pointer.value).decode() if pointer.value else None
    LIB.kithara_free(pointer)
    if code:
        raise _error(code, json.loads(text) if text else None)
    assert text is not None  # a success has a document
    document: dict[str, Any] = json.loads(text)
    return document


def resample(samples: Buffer, from_hz: int, to_hz: int) -> memoryview[float]:
    """Mono samples at another rate."""
    address, n, kept = _give(samples)
    out, n_out = ctypes.c_void_p(), ctypes.c_size_t()
    _check(LIB.kithara_resample(address, n, from_hz, to_hz, out, n_out))
    del kept
    return _take(out, n_out.value)


class _Handle:
    """A handle of the library, closed at the end of `with`, by close() or with the last reference."""

    _close: ClassVar[str]

    def __init__(self) -> None:
        self._handle = ctypes.c_void_p()

    def close(self) -> None:
        getattr(LIB, self._close)(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()


class Context(_Handle):
    """kithara_t. Many threads may use one."""

    _close = "kithara_close"

    def __init__(self, *settings: str) -> None:
        """settings: NAME=value texts."""
        super().__init__()
        pairs = (ctypes.c_char_p * (len(settings) + 1))(*[pair.encode() for pair in settings], None)
        _check(LIB.kithara_open(self._handle, pairs))

    def analyze_file(self, path: str | bytes | os.PathLike[str], options: dict[str, bool] | None = None) -> dict[str, Any]:
        """The document. options: analysis_options as a dict."""
        out = ctypes.c_void_p()
        text = json.dumps(options).encode() if options is not None else None
        return _document(LIB.kithara_analyze_file(self._handle, os.fsencode(path), text, out), out)

    def analyze_samples(self, samples: Buffer, rate_hz: int, options: dict[str, bool] | None = None) -> dict[str, Any]:
        """The document of samples [frames] or [frames, channels]."""
        view, out = memoryview(samples), ctypes.c_void_p()
        address, n, kept = _give(samples)
        channels = view.shape[1] if view.shape and view.ndim == 2 else 1
        text = json.dumps(options).encode() if options is not None else None
        code = LIB.kithara_analyze_samples(self._handle, address, n // channels, rate_hz, channels, text, out)
        del kept
        return _document(code, out)

    def read_mono(self, path: str | bytes | os.PathLike[str], rate_hz: int, start_s: float = 0.0,
                  duration_s: float = 0.0) -> memoryview[float]:
        """The mean of the file's channels at this rate."""
        out, n = ctypes.c_void_p(), ctypes.c_size_t()
        _check(LIB.kithara_read_mono(self._handle, os.fsencode(path), rate_hz, start_s, duration_s, out, n))
        return _take(out, n.value)


class Frontend(_Handle):
    """kithara_frontend_t: mono samples to the input rows of an audio model. One thread at a time."""

    _close = "kithara_frontend_close"

    def __init__(self, source: str | bytes | os.PathLike[str]) -> None:
        """source: a model file, or its "input" as JSON text (models/FORMAT.md)."""
        super().__init__()
        _check(LIB.kithara_frontend_open(self._handle, os.fsencode(source)))
        self.rate_hz: int = LIB.kithara_frontend_rate(self._handle)
        self.width: int = LIB.kithara_frontend_width(self._handle)
        self.block_rows: int = LIB.kithara_frontend_block_rows(self._handle)  # 0: blocks of any length

    def rows(self, samples: Buffer) -> memoryview[float]:
        """[rows, width] of all samples."""
        address, n, kept = _give(samples)
        out, n_out = ctypes.c_void_p(), ctypes.c_size_t()
        _check(LIB.kithara_frontend_rows(self._handle, address, n, out, n_out))
        del kept
        return _take(out, n_out.value, self.width)

    def blocks(self, rows: Buffer) -> memoryview[float]:
        """[blocks, block_rows * width]: each block in the order of the graph's input."""
        address, n, kept = _give(rows)
        out, n_out = ctypes.c_void_p(), ctypes.c_size_t()
        _check(LIB.kithara_frontend_blocks(self._handle, address, n // self.width, out, n_out))
        del kept
        return _take(out, n_out.value, self.block_rows * self.width)


class Model(_Handle):
    """kithara_model_t: a model file, ready to run. One thread at a time."""

    _close = "kithara_model_close"
    _FREE, _RANK = 4, 6

    def __init__(self, path: str | bytes | os.PathLike[str], executor: str | None = None) -> None:
        """executor: "cpu", "cpu-int8" or "ref"."""
        super().__init__()
        _check(LIB.kithara_model_open(self._handle, os.fsencode(path), executor.encode() if executor else None))
        out = ctypes.c_void_p()
        self.info = _document(LIB.kithara_model_info(self._handle, out), out)

    def _sizes(self, arrays: Sequence[Buffer]) -> ctypes.Array[ctypes.c_int64]:
        """Sizes of the free dimensions, N first, by the shapes of the inputs."""
        sizes: dict[str, int | None] = dict.fromkeys(["N", *self.info["free"]])
        for row, array in zip(self.info["graph_inputs"], arrays):
            view, given = memoryview(array), row["shape"]
            if view.ndim == len(given):
                sizes |= {name: length for name, length in zip(given, view.shape or ()) if isinstance(name, str)}
            elif given[0] == "N" and all(isinstance(length, int) for length in given[1:]):
                sizes["N"] = view.nbytes // 4 // math.prod(given[1:])
        missing = [name for name, length in sizes.items() if length is None]
        if missing:
            raise ValueError(f"the sizes {missing} do not follow from the shapes of the inputs")
        return (ctypes.c_int64 * self._FREE)(*(length or 0 for length in sizes.values()))

    def run(self, *inputs: Buffer) -> list[memoryview[float]]:
        """The outputs, in the order of info["graph_outputs"]. An input has the shape of the graph, or, where all its
        dimensions but N are fixed, any shape of as many values."""
        if len(inputs) != len(self.info["graph_inputs"]):
            raise ValueError(f"the model has {len(self.info['graph_inputs'])} inputs")
        sizes, given, outputs, shapes = self._sizes(inputs), [_give(array) for array in inputs], [], []
        for row, (_, n, _) in zip(self.info["graph_inputs"], given):
            named = dict(zip(["N", *self.info["free"]], sizes))
            if n != math.prod(named.get(length, length) for length in row["shape"]):
                raise ValueError(f"input {row['name']} has {n} values for the shape {row['shape']}")
        for index in range(len(self.info["graph_outputs"])):
            dims = (ctypes.c_int64 * self._RANK)()
            rank = LIB.kithara_model_output_shape(self._handle, sizes, index, dims)
            _check(min(rank, 0))
            shapes.append(dims[:rank])
            outputs.append((ctypes.c_float * math.prod(dims[:rank]))())
        _check(LIB.kithara_model_run(self._handle, sizes, (ctypes.c_void_p * len(given))(*[a for a, _, _ in given]),
                                     (ctypes.c_void_p * len(outputs))(*[ctypes.addressof(o) for o in outputs])))
        return [memoryview(o).cast("B").cast("f", shape) for o, shape in zip(outputs, shapes)]
