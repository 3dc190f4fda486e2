"""A training run of one of the specification's models, into a run folder:

    config.json     everything that the run depends on: data, options, classes, versions
    split.json      the files of both sides, and those that could not be read
    history.json    losses, metrics and learning rate per epoch; curves.png shows them
    best.h5         the checkpoint of the epoch with the least validation loss; model.h5 the same, finished
    NAME_vVERSION.ktm   the model file, checked against model.h5
    metrics.json    measured through the model file on the validation files
"""

import json
import logging
import os
import platform
import resource
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from . import curves, export
from .errors import TrainError
from .loader import AudioDataLoader
from .tasks import TASKS


@dataclass(frozen=True)
class Options:
    task: str
    data: str
    labels: str
    out: str
    version: str = "1.0.0"
    epochs: int = 100
    batch_size: int = 32
    validation: float = 0.2
    duration: float = 30.0
    learning_rate: float = 0.001
    seed: int = 1
    name: str = ""  # of the model file; "": that of the specification where the number of classes is its own
    set: str = ""  # a name of the data set, for the model file; "": the name of its folder
    licence: str = "LicenseRef-unknown"
    attribution: str = ""


def _write(path, content):
    Path(path).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _build(task, loader, options):
    import keras

    from . import architectures

    build = getattr(architectures, task.model)
    model = build() if task.name == "mood" else build(num_classes=len(loader.classes))
    model.compile(optimizer=keras.optimizers.Adam(options.learning_rate), loss=task.loss, metrics=task.metrics())
    return model


def _fit(model, training, validation, options, out):
    """Fits and leaves the weights of the best epoch in the model."""
    import keras

    callbacks = [
        keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(str(out / "best.h5"), save_best_only=True),
        keras.callbacks.ReduceLROnPlateau(patience=5),
        keras.callbacks.TerminateOnNaN(),
    ]
    history = model.fit(training, validation_data=validation, epochs=options.epochs, callbacks=callbacks, verbose=2)
    losses = {name: [float(value) for value in values] for name, values in history.history.items()}
    if not np.isfinite(losses["loss"]).all():
        raise TrainError("the loss is not finite: use a smaller --learning-rate")
    return losses


def _versions():
    import keras
    import kithara
    import tensorflow

    return {"python": platform.python_version(), "tensorflow": tensorflow.__version__, "keras": keras.__version__,
            "numpy": np.__version__, "libkithara": kithara.version()}


def run(options):
    """Trains, exports and measures. Returns the path of the model file."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    logging.getLogger("absl").setLevel(logging.ERROR)  # else it advises against .h5 at each checkpoint

    began, out, task = time.monotonic(), Path(options.out), TASKS[options.task]
    if out.exists() and any(out.iterdir()):
        raise TrainError(f"{out} is not empty: a run has a folder of its own")
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(options.seed)
    loader = AudioDataLoader(task, options.data, options.labels, out, duration=options.duration)
    training, validation = loader.create_datasets(options.batch_size, options.validation, options.seed)
    prepared = time.monotonic()
    _write(out / "config.json", asdict(options) | {"classes": loader.classes, "versions": _versions()})
    _write(out / "split.json", {"training": [example.file for example in loader.training],
                                "validation": [example.file for example in loader.validation],
                                "skipped": loader.skipped})
    model = _build(task, loader, options)
    model.summary()
    history = _fit(model, training, validation, options, out)
    _write(out / "history.json", history)
    curves.draw(history, out / "curves.png",
                f"{task.model}: {len(loader.training)} files of training, {len(loader.validation)} of validation")
    model.save(out / "model.h5")
    fitted = time.monotonic()
    path, metrics = export.export(task, loader, model, options, out)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    metrics["seconds"] = {"prepare": round(prepared - began, 1), "fit": round(fitted - prepared, 1),
                          "export": round(time.monotonic() - fitted, 1),
                          "cpu": round(usage.ru_utime + usage.ru_stime, 1)}
    _write(out / "metrics.json", metrics)
    loader.blocks.path.unlink()
    print(json.dumps(metrics, indent=1))
    return path
