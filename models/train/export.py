"""From a fitted Keras network to a model file that gives the same predictions in the node."""

import hashlib
import os
import subprocess
from pathlib import Path

import numpy as np

from . import frontend
from .errors import TrainError

LIMIT = 1e-4  # of any prediction, between Keras and the node's executor
ROOT = Path(__file__).resolve().parents[2]


def file_name(name, version):
    return f"{name}_v{version}.ktm"


def _graph(loader, h5):
    """The graph of the network's file, and the tensors of the input's normalisation."""
    from readers import keras_h5

    graph = keras_h5.read(h5, "mel")[0].graph()
    graph.tensor(frontend.MEAN, loader.mean)
    graph.tensor(frontend.INVERSE_STD, loader.inverse_std)
    return graph


def _header(task, loader, options, graph, metrics):
    name = options.set or Path(options.data).resolve().name
    measured = f"{name}, {len(loader.validation)} files that were not trained on"
    return {
        "name": options.name or task.file_name(loader.classes),
        "version": options.version,
        "licence": options.licence,
        "attribution": options.attribution,
        "source": {"package": "models.train", "file": "model.h5", "sha256": ""},
        "input": frontend.normalised(),
        "outputs": [{"value": value} | row for value, row in zip(graph.outputs, task.outputs(loader.classes))],
        "accuracy": [{"measure": measure, "value": round(value, 4), "set": measured, "source": "models.train"}
                     for measure, value in metrics.items()],
        "notes": f"Trained on {len(loader.training)} files of {name}.",
    }


def flat(predicted):
    """Predictions of any of the networks as [n, classes]."""
    return np.concatenate(predicted, axis=1) if isinstance(predicted, list) else np.asarray(predicted)


def per_file(loader, examples, predicted):
    """(predicted, expected) per file: the mean over its blocks, as the node reduces them."""
    _, rows = loader.indices(examples)
    means = np.stack([predicted[rows == row].mean(axis=0) for row in range(len(examples))])
    return means, np.stack([loader.task.encode(example.label, loader.classes) for example in examples])


def compare(loader, model, path, examples):
    """Predictions of the model file by the node's executor for the blocks of the examples. TrainError where its input
    differs from the training's, or its predictions from Keras's."""
    import kithara

    indices, _ = loader.indices(examples)
    ours = loader.inputs(indices)
    expected = flat(model.predict(ours, verbose=0))
    with kithara.Model(path) as served:
        got = flat([np.asarray(output) for output in served.run(np.ascontiguousarray(ours.transpose(0, 3, 1, 2)))])
    worst = float(np.abs(got - expected).max())
    if not worst <= LIMIT:
        raise TrainError(f"{path}: predictions differ from Keras's by {worst:.2g}; at most {LIMIT:g}")
    first = examples[0].file
    with kithara.Context() as context, kithara.Frontend(path) as front:
        samples = context.read_mono(loader.data / first, front.rate_hz, 0, loader.duration)
        blocks = np.asarray(front.blocks(front.rows(samples)))
    input_worst = float(np.abs(blocks.reshape(-1, frontend.BANDS, frontend.FRAMES) -
                               loader.inputs(np.array(loader.blocks.span[first]))[..., 0]).max())
    if not input_worst <= LIMIT:
        raise TrainError(f"{path}: its input differs from the training's by {input_worst:.2g}; at most {LIMIT:g}")
    return got, worst, input_worst


def export(task, loader, model, options, out):
    """Writes the file twice: the metrics that it states are measured through it. Returns (path, metrics)."""
    import ktm

    h5 = Path(out) / "model.h5"
    graph = _graph(loader, h5)
    header = _header(task, loader, options, graph, {})
    path = Path(out) / file_name(header["name"], options.version)
    header["source"]["sha256"] = hashlib.sha256(h5.read_bytes()).hexdigest()
    try:
        ktm.write(path, graph, header)
        predicted, worst, input_worst = compare(loader, model, path, loader.validation)
        scores = task.score(*per_file(loader, loader.validation, predicted), loader.classes)
        header["accuracy"] = _header(task, loader, options, graph, scores)["accuracy"]
        ktm.write(path, graph, header)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path, {"files": len(loader.validation), "scores": scores, "largest_difference_from_keras": worst,
                  "largest_difference_of_input": input_worst}


def register(path, folder):
    """Runs `kithara models register` for the coordinator, or where a folder is given, in it."""
    built = Path(os.environ.get("KITHARA_BIN", ROOT / "build" / "bin")) / "kithara"
    where = ["--folder", folder] if folder else []
    command = [built if built.exists() else "kithara", "models", "register", *where, path]
    if subprocess.run(command, check=False).returncode:
        raise TrainError(f"{path} was not registered")
