"""libkithara in Python, by ctypes: the functions of kithara.h with Python's types, and nothing that they do not do.

    with kithara.Context("ANALYZER_N_MFCC=20") as context:
        document = context.analyze_file("song.mp3")              # a dict
        samples = context.read_mono("song.mp3", 22050)           # a memoryview of float32

Arrays go in as anything with the buffer protocol and float32 values (a NumPy array, an array.array("f")) and come out
as memoryviews, which numpy.asarray takes without a copy. The library is KITHARA_LIBRARY, that of a build folder beside
this file's, or what the dynamic linker finds.
"""
import ctypes
import json
import os
import pathlib

_MAJOR = 1
_HERE = pathlib.Path(__file__).resolve().parent


class Error(Exception):
    """A failed call: `name` is the error's name (docs/errors.md), `document` the document of a failed analysis."""

    def __init__(self, code, document=None):
        self.code, self.name, self.document = code, LIB.kithara_error_name(code).decode(), document
        super().__init__(f"{self.name}: {LIB.kithara_why().decode()}")


def _load():
    own = pathlib.Path(os.environ.get("KITHARA_BUILD", _HERE.parent / "build")) / f"lib/libkithara.so.{_MAJOR}"
    path = os.environ.get("KITHARA_LIBRARY") or (str(own) if own.exists() else f"libkithara.so.{_MAJOR}")
    lib = ctypes.CDLL(path)
    code, text, size, u32, real = ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_double
    pointer, out, size_out = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t)
    rows = {
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
    }
    for name, (result, arguments) in rows.items():
        function = getattr(lib, f"kithara_{name}")
        function.restype, function.argtypes = result, arguments
    return lib


LIB = _load()


def version():
    return LIB.kithara_version().decode()


def _check(code):
    if code:
        raise Error(code)


class _Memory:
    """Floats that the library allocated; freed with the last view of them."""

    def __init__(self, pointer):
        self.pointer = pointer

    def __del__(self):
        LIB.kithara_free(self.pointer)


def _take(pointer, *shape):
    """A memoryview of what the library gave."""
    count = 1
    for length in shape:
        count *= length
    array = (ctypes.c_float * count).from_address(pointer.value)
    array.memory = _Memory(pointer)
    view = memoryview(array).cast("B")
    return view.cast("f", shape) if count else view.cast("f")


def _give(array):
    """(address, values, what keeps it alive) of a buffer of float32; a read-only one is copied."""
    view = memoryview(array)
    if view.format not in ("f", "<f") or not view.c_contiguous:
        raise TypeError("expected float32 values without gaps")
    kind = ctypes.c_float * (view.nbytes // 4)
    kept = kind.from_buffer_copy(view) if view.readonly else kind.from_buffer(view)
    return ctypes.addressof(kept), view.nbytes // 4, kept


def _document(code, pointer):
    text = ctypes.string_at(pointer.value).decode() if pointer.value else None
    LIB.kithara_free(pointer)
    if code:
        raise Error(code, json.loads(text) if text else None)
    return json.loads(text)


def resample(samples, from_hz, to_hz):
    """Mono samples at another rate."""
    address, n, kept = _give(samples)
    out, n_out = ctypes.c_void_p(), ctypes.c_size_t()
    _check(LIB.kithara_resample(address, n, from_hz, to_hz, out, n_out))
    del kept
    return _take(out, n_out.value)


class Context:
    """kithara_t. Many threads may use one."""

    def __init__(self, *settings):
        """settings: NAME=value texts."""
        self._handle = ctypes.c_void_p()
        pairs = (ctypes.c_char_p * (len(settings) + 1))(*[pair.encode() for pair in settings], None)
        _check(LIB.kithara_open(self._handle, pairs))

    def close(self):
        LIB.kithara_close(self._handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None):
            self.close()

    def analyze_file(self, path, options=None):
        """The document. options: analysis_options as a dict."""
        out = ctypes.c_void_p()
        text = json.dumps(options).encode() if options is not None else None
        return _document(LIB.kithara_analyze_file(self._handle, os.fsencode(path), text, out), out)

    def analyze_samples(self, samples, rate_hz, options=None):
        """The document of samples [frames] or [frames, channels]."""
        view, out = memoryview(samples), ctypes.c_void_p()
        address, n, kept = _give(samples)
        channels = view.shape[1] if view.ndim == 2 else 1
        text = json.dumps(options).encode() if options is not None else None
        code = LIB.kithara_analyze_samples(self._handle, address, n // channels, rate_hz, channels, text, out)
        del kept
        return _document(code, out)

    def read_mono(self, path, rate_hz, start_s=0.0, duration_s=0.0):
        """The mean of the file's channels at this rate."""
        out, n = ctypes.c_void_p(), ctypes.c_size_t()
        _check(LIB.kithara_read_mono(self._handle, os.fsencode(path), rate_hz, start_s, duration_s, out, n))
        return _take(out, n.value)
