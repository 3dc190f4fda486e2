#!/usr/bin/env python3
"""Finds the prior of two beats a bar (TWO of tempo.py): what its odds are multiplied by.

    prior.py [OPTIONS] REAL_LABELS REAL.jsonl GENERATED_LABELS GENERATED.jsonl [...] [--held LABELS FEATURES ...]

OPTIONS, labels and features as for tempo.py. Two beats a bar are a fifth of the generated pieces, and rare in real
music. A fit takes the share of its own pieces, which depends on how many one generates. Each package of the real music,
and each quarter of the generated pieces, is left out of a fit in turn. Two factors make what is right most probable
there:

- in real music, with one piece in two more, as Laplace's rule of succession has it, so that no share is 0 (the mean of
  the generated pieces in two stands for it; a piece whose meter is not known counts as one in four, as in the fit);
- in generated music.

The factor is their geometric mean: both kinds count the same, and the mean of log-odds is what is nearest to both (a
logarithmic opinion pool: the least mean Kullback-Leibler divergence from the pooled to each).

Then what is right among the pieces that were left out: first a package or a quarter judged by the factor of all others,
then by some factors. Last what is right with the weights that are built in, which have seen all but the sets of --held.
"""

import argparse
from pathlib import Path

import numpy as np

import tempo

FACTORS = np.exp(np.linspace(np.log(.03), np.log(3), 200))
SHOWN = (.15, .3, .5, .75, 1)


def log_probabilities(d, w):
    """Of what is right, for each of FACTORS; w: weights without a prior."""
    score = (d["X"] @ w)[:, None] + np.outer(d["meter"] == 2, np.log(FACTORS))
    p = np.exp(score - score.max(0))
    return np.log(p[d["right"]].sum(0) / p.sum(0) + 1e-12)


def factors(rows):
    """(of real music, of generated music, their geometric mean). rows: (piece, part, weights, log-probabilities)."""
    generated = [(d, log) for d, _, _, log in rows if d["kind"] == "generated"]
    two = np.mean([log for d, log in generated if d["signature"] == 2], 0)
    real = FACTORS[np.argmax(np.sum([log for d, _, _, log in rows if d["real"]], 0) + two)]
    made = FACTORS[np.argmax(np.sum([log for _, log in generated], 0))]
    return real, made, np.sqrt(real * made)


def left_out(data, weights_of):
    """(piece, part, weights that have not seen the part, log-probabilities) of each piece that is judged."""
    part_of = lambda d: d["group"] if d["real"] else tempo.fold_of(d)
    rows = []
    for real, part in sorted({(d["real"], part_of(d)) for d in data}, key=str):
        inside = [d for d in data if d["real"] == real and part_of(d) == part]
        w = weights_of([d for d in data if d["real"] != real or part_of(d) != part])
        rows += [(d, (real, part), w, log_probabilities(d, w)) for d in inside if d["sure"] and d["right"].any()]
    return rows


def print_left_out(rows):
    parts = sorted({part for _, part, *_ in rows}, key=str)
    own = {}
    for part in parts:
        real, made, own[part] = factors([row for row in rows if row[1] != part])
        print(f"  without {part[1]}: real {real:.3f}, generated {made:.3f}, both {own[part]:.3f}")
    for some in (None, *SHOWN):
        for kind in ("real", "generated", "drums"):
            results = [(d, *tempo.judge(d, w + tempo.prior_of(d["names"], some or own[part])))
                       for d, part, w, _ in rows if d["kind"] == kind]
            if results:
                tempo.table(f"{some or 'its own'}  {kind}, left out", results, False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tempo.add_fit_options(parser)
    parser.add_argument("--held", nargs="*", default=[], help="sets that are in no fit")
    parser.add_argument("files", nargs="+")
    a = parser.parse_args()
    a.two = 0
    pairs, held = (list(zip(files[::2], files[1::2])) for files in (a.files, a.held))
    sets = [tempo.pieces(*pair, i == 0) for i, pair in enumerate(pairs)]
    names = sets[0][0]["names"]
    rows = left_out([d for some in sets for d in some], tempo.fitter(a, names))
    real, made, both = factors(rows)
    print(f"factor of real music {real:.3f}, of generated {made:.3f}, of both {both:.3f}")
    print_left_out(rows)
    sets += [tempo.pieces(*pair, False) for pair in held]
    w = tempo.built_in(names)
    for some in (both, *SHOWN):
        for pair, data in zip(pairs + held, sets):
            results = [(d, *tempo.judge(d, w + tempo.prior_of(names, some))) for d in data if d["sure"]]
            tempo.table(f"{some:.3f}  {Path(pair[1]).stem}", results, False)


if __name__ == "__main__":
    main()
