"""A classifier of one's own: logistic regression on the 200 values that msd_musicnn computes of a piece. Few pieces are
enough, if they are by many artists: an artist's sound is easier to learn than a genre's, so that pieces of one artist
are never on both sides of the cross-validation, and a class of fewer than five artists is refused."""

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import embeddings, export, pieces as collection
from .errors import TrainError

FOLDS = 5
EMBEDDING, TABLE = "msd_musicnn", "genre_classifier"


@dataclass(frozen=True)
class Options:
    task: str
    data: str
    out: str
    version: str = "1.0.0"
    set: str = ""
    licence: str = "LicenseRef-unknown"
    attribution: str = ""
    seed: int = 1
    tags: bool = False
    models: str = None
    name: str = "genre_head"


def folds(pieces, seed):
    """[(training, test)] as indices: no artist on both sides, classes spread as evenly as that permits."""
    from sklearn.model_selection import StratifiedGroupKFold

    cut = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    labels = [piece.label for piece in pieces]
    return list(cut.split(labels, labels, [piece.artist.casefold() for piece in pieces]))


class Head:
    """Logistic regression on standardised values; weights and bias for the values as they are."""

    def __init__(self, values, labels):
        from sklearn.linear_model import LogisticRegression

        mean, deviation = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
        regression = LogisticRegression(C=0.1, max_iter=5000, class_weight="balanced")
        fitted = regression.fit((values - mean) / deviation, labels)
        weights, bias = fitted.coef_, fitted.intercept_
        if len(fitted.classes_) == 2:  # one row, of the second class
            weights, bias = np.concatenate([np.zeros_like(weights), weights]), np.concatenate([[0.0], bias])
        self.weights = weights / deviation
        self.bias = bias - self.weights @ mean

    def probabilities(self, values):
        scores = values.astype(np.float64) @ self.weights.T + self.bias
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)


def measure(predicted, labels):
    """{measure: value}: share of pieces, and the mean of the classes' shares."""
    right = predicted == labels
    return {"accuracy": float(right.mean()),
            "mean_of_classes": float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))}


def validate(pieces, values, classes, seed):
    """The class that each piece gets by a head that has not heard its artist."""
    labels = np.array([classes.index(piece.label) for piece in pieces])
    predicted = np.full(len(pieces), -1)
    for training, test in folds(pieces, seed):
        if len(np.unique(labels[training])) < len(classes):
            raise TrainError("the artists cannot be divided so that each part has every class")
        predicted[test] = Head(values[training], labels[training]).probabilities(values[test]).argmax(axis=1)
    return predicted, labels


def spelled(name):
    return "_".join(name.casefold().replace("&", " ").replace("-", " ").replace("/", " ").split())


def table(extractor, pieces, outputs, classes):
    """The class by the genre model of the folder, among those it knows: (predicted, known classes), or why there is
    no such figure. outputs: those of EMBEDDING, which are not computed again."""
    try:
        model, _ = extractor.model(TABLE)
        parts = model.info["input"].get("from", [])
        if not parts or any("above" in part for part in parts):
            return f"{TABLE} is not made of the outputs of other models"
        names = [spelled(name) for name in model.info["outputs"][0]["classes"]]
        known = [i for i, name in enumerate(classes) if spelled(name) in names]
        if len(known) < 2:
            return f"{TABLE} has {len(known)} of the classes"
        vectors = []
        for piece, own in zip(pieces, outputs):
            of = {EMBEDDING: own}
            for name in {part["model"] for part in parts} - {EMBEDDING}:
                of[name] = extractor.outputs(piece.path, name)
            vectors.append(np.concatenate([of[part["model"]][part["output"]] for part in parts]))
    except TrainError as error:
        return str(error)
    scores = np.asarray(model.run(np.stack(vectors).astype(np.float32))[0])
    return np.array(known)[scores[:, [names.index(spelled(classes[i])) for i in known]].argmax(axis=1)], known


def report(pieces, classes, predicted, labels, ours):
    """Prints the head's figure, the table's beside it, and the share of each class. Returns the figures."""
    figures = {"head": measure(predicted, labels), "table": None, "both": None}
    print(f"{len(pieces)} pieces, {len(classes)} classes; by {FOLDS} parts without common artists:")
    print(f"  head               {figures['head']['accuracy']:.2f}   mean of classes "
          f"{figures['head']['mean_of_classes']:.2f}")
    if isinstance(ours, str):
        print(f"  tag table          none: {ours}")
    else:
        by_table, known = ours
        both = np.isin(labels, known)
        figures["table"] = measure(by_table[both], labels[both]) | {"classes": [classes[i] for i in known]}
        figures["both"] = measure(predicted[both], labels[both])
        print(f"  of the {int(both.sum())} pieces of the {len(known)} classes that the tag table has:")
        print(f"    tag table        {figures['table']['accuracy']:.2f}   mean of classes "
              f"{figures['table']['mean_of_classes']:.2f}")
        print(f"    head             {figures['both']['accuracy']:.2f}   mean of classes "
              f"{figures['both']['mean_of_classes']:.2f}")
    for i, name in enumerate(classes):
        mine = labels == i
        artists = len({piece.artist.casefold() for piece in pieces if piece.label == name})
        print(f"  {name:18s} {float((predicted[mine] == i).mean()):.2f}   {int(mine.sum())} pieces, {artists} artists")
    return figures


def write(path, head, classes, options, figures, pieces):
    """The model file: softmax of the regression over the embedding."""
    import ktm

    graph = ktm.Graph()
    x = graph.input("embedding", ["N", head.weights.shape[1]])
    scores = graph.node("dense", x, graph.tensor("weights", head.weights), graph.tensor("bias", head.bias))
    graph.output(graph.node("softmax", scores, out="genres"))
    name = options.set or Path(options.data).resolve().name
    content = hashlib.sha256(head.weights.tobytes() + head.bias.tobytes()).hexdigest()
    ktm.write(path, graph, {
        "name": options.name,
        "version": options.version,
        "licence": options.licence,
        "attribution": options.attribution,
        "source": {"package": "models.train", "file": "head", "sha256": content},
        "input": {"kind": "outputs", "from": [{"model": EMBEDDING, "output": "embedding"}]},
        "outputs": [{"name": "genres", "value": "genres", "per": "block", "reduce": "mean", "classes": classes,
                     "feature": "mir.genre_probabilities"}],
        "accuracy": [{"measure": measure_name, "value": round(value, 4), "source": "models.train",
                      "set": f"{name}, {len(pieces)} pieces, cross-validated by artist"}
                     for measure_name, value in figures["head"].items()],
        "notes": f"A head over {EMBEDDING}, trained on {len(pieces)} pieces of {name}.",
    })


def compare(path, head, values):
    import kithara

    with kithara.Model(path) as served:
        got = np.asarray(served.run(np.ascontiguousarray(values))[0])
    worst = float(np.abs(got - head.probabilities(values)).max())
    if not worst <= export.LIMIT:
        path.unlink()
        raise TrainError(f"{path}: the executor differs by {worst:.2g}; at most {export.LIMIT:g}")
    return worst


def extract(extractor, pieces):
    """(pieces, outputs of EMBEDDING) without those that cannot be read or are too short."""
    import kithara

    kept, outputs = [], []
    for piece in pieces:
        try:
            row, why = extractor.outputs(piece.path, EMBEDDING), "shorter than 3 s"
        except kithara.Error as error:
            row, why = None, str(error)
        if row is None:
            print(f"left out: {piece.path}: {why}", file=sys.stderr)
            continue
        kept.append(piece)
        outputs.append(row)
    return kept, outputs


def run(options):
    """Measures, trains on everything, writes and checks the model file. Returns its path."""
    folder = options.models or os.environ.get("ANALYZER_MODEL_PATH", "/models")
    pieces = collection.from_tags(options.data) if options.tags else collection.from_folders(options.data)
    collection.check(pieces)
    embeddings.deployed(folder, EMBEDDING)
    import kithara

    with kithara.Context() as context:
        extractor = embeddings.Extractor(context, folder)
        pieces, outputs = extract(extractor, pieces)
        classes = collection.check(pieces)
        values = np.stack([row["embedding"] for row in outputs]).astype(np.float32)
        predicted, labels = validate(pieces, values, classes, options.seed)
        figures = report(pieces, classes, predicted, labels, table(extractor, pieces, outputs, classes))
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    head, path = Head(values, labels), out / export.file_name(options.name, options.version)
    write(path, head, classes, options, figures, pieces)
    figures["largest_difference_from_training"] = compare(path, head, values)
    (out / "metrics.json").write_text(json.dumps(figures | {"classes": classes}, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")
    return path
