#!/usr/bin/env python3
"""What the prior of two beats a bar does (TWO of tempo.py), with the weights that are built in.

    prior.py REAL_LABELS REAL.jsonl GENERATED_LABELS GENERATED.jsonl [...]

Labels and features as for tempo.py. First the share of bars of two in the real music, estimated from the pieces
themselves: the mean of their probabilities, which the share changes in turn, until it stays (Saerens et al. 2002); a
piece whose meter is known counts as that. Each meter has one piece more, so that no share is 0. Then, for some shares, how
much is right in each set.
"""

import sys
from pathlib import Path

import numpy as np

import tempo

SHARES = (.03, .06, .08, .1, .15, .2)
METERS = 6


def with_share(w, names, share):
    out = w.copy()
    out[names.index("TWO")] += np.log(share / tempo.FITTED_TWO)
    return out


def probability_of_two(d, w):
    score = d["X"] @ w
    p = np.exp(score - score.max())
    return p[d["meter"] == 2].sum() / p.sum()


def estimated(data, w):
    names, share = data[0]["names"], tempo.FITTED_TWO
    while True:
        now = with_share(w, names, share)
        twos = sum(d["signature"] == 2 if d["signature"] else probability_of_two(d, now) for d in data)
        after = (1 + twos) / (METERS + len(data))
        if abs(after - share) < 1e-5:
            return after
        share = after


def main():
    if len(sys.argv) < 3 or len(sys.argv) % 2 == 0:
        sys.exit(__doc__)
    pairs = list(zip(sys.argv[1::2], sys.argv[2::2]))
    sets = [[d for d in tempo.pieces(*pair, i == 0) if d["sure"]] for i, pair in enumerate(pairs)]
    names = sets[0][0]["names"]
    w = tempo.built_in(names)
    groups = sorted({d["group"] for d in sets[0]})
    others = [estimated([d for d in sets[0] if d["group"] != group], w) for group in groups]
    print(f"estimated share of bars of two {estimated(sets[0], w):.3f}, without one package {min(others):.3f} to "
          f"{max(others):.3f}")
    for share in SHARES:
        now = with_share(w, names, share)
        for pair, data in zip(pairs, sets):
            tempo.table(f"{share:.2f}  {Path(pair[1]).stem}", [(d, *tempo.judge(d, now)) for d in data], False)


if __name__ == "__main__":
    main()
