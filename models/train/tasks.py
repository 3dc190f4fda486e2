"""What differs between genre, mood and instruments: the form of a label, the loss, the meaning of the outputs."""

from dataclasses import dataclass
from typing import Callable

import numpy as np

from .errors import TrainError

MOST_GENRES, MOST_INSTRUMENTS = 13, 20
MOOD = ("valence", "arousal")
PRESENT = 0.5  # the threshold of an instrument


@dataclass(frozen=True)
class Task:
    """classes(labels): names of the outputs. encode(label, classes): [classes]. targets(rows): what Keras takes.

    loss, metrics: arguments of compile; metrics is a function, because Keras's metrics have a state. score(predicted,
    expected, classes): {measure: value} of files, both [files, classes].
    """

    name: str
    model: str  # name in the specification, for which kithara expects `size` values; function in architectures.py
    size: int
    outputs: Callable
    classes: Callable
    encode: Callable
    targets: Callable
    loss: object
    metrics: Callable
    score: Callable

    def file_name(self, classes):
        """The model's own name where it has the specification's number of classes, else one that says its number."""
        return self.model if len(classes) == self.size else f"{self.model}_{len(classes)}"


def _names(labels, most, what):
    names = sorted(set(labels))
    if not 2 <= len(names) <= most:
        raise TrainError(f"{len(names)} {what}; 2 to {most} are possible")
    return names


def _texts(labels):
    for label in labels:
        if not isinstance(label, str):
            raise TrainError(f"a genre is a text, not {label!r}")
    return labels


def _lists(labels):
    for label in labels:
        if not isinstance(label, list) or not all(isinstance(name, str) for name in label):
            raise TrainError(f"instruments are a list of texts, not {label!r}")
    return [name for label in labels for name in label]


def _moods(labels):
    for label in labels:
        good = isinstance(label, dict) and all(isinstance(label.get(name), (int, float)) for name in MOOD)
        if not good or not all(0 <= label[name] <= 1 for name in MOOD):
            raise TrainError(f'a mood is {{"valence": 0..1, "arousal": 0..1}}, not {label!r}')
    return list(MOOD)


def _accuracy(predicted, expected, _):
    order = np.argsort(-predicted, axis=1)
    right = expected.argmax(axis=1)
    return {"accuracy": float((order[:, 0] == right).mean()),
            "top_3_accuracy": float((order[:, :3] == right[:, None]).any(axis=1).mean())}


def _regression(predicted, expected, classes):
    error = np.abs(predicted - expected).mean(axis=0)
    return {f"mean_absolute_error_{name}": float(value) for name, value in zip(classes, error)}


def _multi_label(predicted, expected, _):
    present, there = predicted >= PRESENT, expected >= 0.5
    hits = float((present & there).sum())
    return {"precision": hits / max(1.0, float(present.sum())), "recall": hits / max(1.0, float(there.sum()))}


def _genre_metrics():
    import keras

    return ["accuracy", keras.metrics.TopKCategoricalAccuracy(3, name="top_3_accuracy")]


def _instrument_metrics():
    import keras

    return [keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.AUC(multi_label=True, name="auc")]


def _output(name, feature, **more):
    return {"name": name, "per": "block", "reduce": "mean", "feature": feature} | more


TASKS = {task.name: task for task in (
    Task("genre", "genre_classifier", MOST_GENRES,
         outputs=lambda classes: [_output("genres", "mir.genre_probabilities", classes=classes)],
         classes=lambda labels: _names(_texts(labels), MOST_GENRES, "genres"),
         encode=lambda label, classes: np.array([name == label for name in classes], np.float32),
         targets=lambda rows: rows, loss="categorical_crossentropy", metrics=_genre_metrics, score=_accuracy),
    Task("mood", "mood_detector", len(MOOD),
         outputs=lambda classes: [_output(name, f"mood.{name}") for name in classes],
         classes=_moods, encode=lambda label, classes: np.array([label[name] for name in classes], np.float32),
         targets=lambda rows: (rows[:, :1], rows[:, 1:]), loss=["mse", "mse"], metrics=lambda: [["mae"], ["mae"]],
         score=_regression),
    Task("instruments", "instrument_classifier", MOST_INSTRUMENTS,
         outputs=lambda classes: [_output("instruments", "instruments.probabilities", classes=classes,
                                          thresholds=[PRESENT] * len(classes))],
         classes=lambda labels: _names(_lists(labels), MOST_INSTRUMENTS, "instruments"),
         encode=lambda label, classes: np.array([name in label for name in classes], np.float32),
         targets=lambda rows: rows, loss="binary_crossentropy", metrics=_instrument_metrics, score=_multi_label),
)}
