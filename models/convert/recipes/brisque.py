"""BRISQUE (Mittal, Moorthy, Bovik), as packaged by brisque: quality of a picture from 36 features. The specification
calls it quality_assessor.

A support vector regression with radial basis functions: sum of c_i exp(-gamma |x - v_i|^2) - rho, with x scaled to
-1..1. The squared distance is written out, so that the products with all vectors v_i are one dense layer.
"""

import pickle

import numpy as np

from errors import BadFile, Missing, Unsafe, Unsupported
from ktm import Graph
from recipe import Recipe, Wheel, member

FEATURES = 36
SVM, RANGES = "brisque/models/svm.txt", "brisque/models/normalize.pickle"
WHEEL = Wheel("brisque", "0.2.0", "brisque-0.2.0-py3-none-any.whl",
              "56f1839e5179a294d0598d63b2ee488fcbedeac7cee3e32c7c8d06c30a6269e1")
VECTORS = 10_000


class _Plain(pickle.Unpickler):
    """Lists and numbers only."""

    def find_class(self, module, name):
        raise Unsafe(f"the pickle names {module}.{name}")


def _ranges(path):
    try:
        with open(path, "rb") as file:
            ranges = _Plain(file).load()
        low, high = (np.array(ranges[name], np.float64) for name in ("min_", "max_"))
    except (OSError, pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise BadFile(f"{path}: {error!r}") from None
    if low.shape != (FEATURES,) or high.shape != (FEATURES,) or not (high > low).all():
        raise BadFile(f"{path} does not hold {FEATURES} ranges")
    return low, high


def _svm(path):
    """(gamma, rho, coefficients, vectors) of libsvm's text form."""
    try:
        head, _, body = open(path, encoding="ascii").read().partition("SV\n")
        facts = dict(line.split(maxsplit=1) for line in head.splitlines() if line)
        rows = [line.split() for line in body.splitlines() if line]
        if (facts.get("svm_type"), facts.get("kernel_type")) != ("epsilon_svr", "rbf") or len(rows) > VECTORS:
            raise Unsupported(f"{path} is not a regression with radial basis functions, or too large")
        vectors = np.zeros((len(rows), FEATURES))
        for vector, row in zip(vectors, rows):
            for index, value in (word.split(":") for word in row[1:]):
                if not 1 <= int(index) <= FEATURES:
                    raise BadFile(f"{path}: feature {index}")
                vector[int(index) - 1] = float(value)
        return float(facts["gamma"]), float(facts["rho"]), np.array([float(row[0]) for row in rows]), vectors
    except (OSError, KeyError, ValueError) as error:
        raise BadFile(f"{path}: {error!r}") from None


def build(files):
    low, high = _ranges(member(files, RANGES))
    gamma, rho, coefficients, vectors = _svm(member(files, SVM))
    graph = Graph()
    scale = 2 / (high - low)
    x = graph.node("scale", graph.input("x", ["N", FEATURES]), graph.tensor("range_scale", scale),
                   graph.tensor("range_shift", -1 - low * scale))
    # exp(2 gamma x v - gamma v^2 - gamma x^2)
    products = graph.node("dense", x, graph.tensor("vectors", 2 * gamma * vectors),
                          graph.tensor("squares", -gamma * (vectors ** 2).sum(axis=1)))
    square = graph.node("affine", graph.node("reduce_sum", graph.node("mul", x, x), axes=[1], keep=True), alpha=-gamma)
    kernel = graph.node("exp", graph.node("add", products, square))
    # The terms are up to 1,024 and cancel: they are summed in groups, which halves the rounding error.
    group = next(n for n in range(int(len(vectors) ** .5), 0, -1) if len(vectors) % n == 0)
    terms = graph.node("scale", kernel, graph.tensor("coefficients", coefficients),
                       graph.tensor("zero", np.zeros(len(vectors))))
    sums = graph.node("reduce_sum", graph.node("reshape", terms, shape=[0, -1, group]), axes=[2])
    graph.output(graph.node("affine", graph.node("reduce_sum", sums, axes=[1], keep=True), beta=-rho, out="score"))
    return graph, {
        "licence": "Apache-2.0",
        "attribution": "BRISQUE: Mittal, Moorthy, Bovik (2012); packaged by brisque 0.2.0",
        "input": {"kind": "picture_features", "features": "brisque"},
        "outputs": [{"name": "score", "value": "score", "per": "image", "reduce": "mean", "classes": ["brisque"]}],
        "accuracy": [],
        "notes": "About 0 (good) to 100 (bad), for photographs and films of them: drawings, screens of a computer and "
                 "faces before a smooth background get high scores without damage.",
    }


def reference(files, inputs):
    low, high = _ranges(member(files, RANGES))
    gamma, rho, coefficients, vectors = _svm(member(files, SVM))
    x = -1 + 2 / (high - low) * (inputs["x"].astype(np.float64) - low)
    distance = ((x[:, None] - vectors[None]) ** 2).sum(axis=2)
    return {"score": np.exp(-gamma * distance) @ coefficients[:, None] - rho}


def original(files, inputs):
    raise Missing("libsvm is not used: the regression is one formula, see reference")


def sample(generator):
    """Features in the middle of their ranges: shape and deviation of the map, then shape, mean and deviations of four
    products of neighbours, at two scales."""
    low, high = 2 * ([1.5, .1] + 4 * [.5, -.1, 0, 0]), 2 * ([4, .5] + 4 * [1, .1, .3, .3])
    return {"x": generator.uniform(low, high, (32, FEATURES)).astype(np.float32)}


RECIPES = [Recipe(
    name="quality_assessor", type="video", version="1.1.0", wheel=WHEEL, licence="Apache-2.0",
    members={SVM: "19526fb799c4c7992ccc109fcfecddb25976ba024b194cd3ee275d27e8909c8d",
             RANGES: "a91753fe7088efe0b40e4d091315201fdb067966fc6785cf465e1eab060acda9"},
    build=build, sample=sample, original=original, reference=reference)]
