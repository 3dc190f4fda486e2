#!/usr/bin/env python3
"""Fits what a model of beats adds to tempo, meter and the places of beats and bars (node/audio/rhythm/
activation_weights.def, activation_positions.def), and shows music that was left out with and without it.

    activations.py [--write] tempo REAL_LABELS REAL.jsonl GENERATED_LABELS GENERATED.jsonl [...]
    activations.py [--write] positions REAL_LABELS REAL.jsonl GENERATED_LABELS GENERATED.jsonl [...]

Features are those of `tempo_features --models FOLDER` and `positions_features --models FOLDER`. The scores without the
model stay as they are, so that without it nothing changes: the weights of the model are fitted on top of them. Those
scores are of fits that have not seen the piece (tempo.py, positions.py). The first pair is real music: each package is
left out in turn, of both fits. Of generated pieces each quarter is left out in turn.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import choice
import positions
import tempo

FOLDER = Path(__file__).resolve().parents[3] / "node/audio/rhythm"
QUARTERS = 4


def fit(data, l2, of_kind):
    """Weights of d["A"] on top of d["base"], per piece the log-probability of what is right."""
    some = [d for d in data if d["sure"] and d["right"].any()]
    deviation = np.concatenate([d["A"] for d in some]).std(0) + 1e-9
    weights = [of_kind[d["kind"]] for d in some]

    def loss(v):
        value, slope = l2 * (v @ v) * sum(weights), 2 * l2 * v * sum(weights)
        for d, weight in zip(some, weights):
            X = d["A"] / deviation
            score = d["base"] + X @ v
            p = np.exp(score - score.max())
            p /= p.sum()
            q = np.where(d["right"], p / (p[d["right"]].sum() + 1e-300), 0)
            value -= weight * np.log(p[d["right"]].sum() + 1e-12)
            slope -= weight * (X.T @ (q - p))
        return value, slope

    return minimize(loss, np.zeros(len(deviation)), jac=True, method="L-BFGS-B").x / deviation


def folds(data):
    """(fitted, left out): real pieces by package, generated ones by quarter."""
    real, made = [d for d in data if d["real"]], [d for d in data if not d["real"]]
    for group in sorted({d["group"] for d in real}):
        yield [d for d in real if d["group"] != group] + made, [d for d in real if d["group"] == group]
    for k in range(QUARTERS):
        yield real + [d for i, d in enumerate(made) if i % QUARTERS != k], made[k::QUARTERS]


def tempo_pieces(pairs):
    data = []
    for i, (labels, features) in enumerate(pairs):
        first = json.loads(Path(features).read_text().split("\n", 1)[0])
        for d in tempo.pieces(labels, features, i == 0):
            d["A"], d["X"] = d["X"][:, len(first["names"]):], d["X"][:, :len(first["names"])]
            data.append(d)
    keep = np.ones(len(first["names"]), bool)
    for fitted, left in folds(data):
        w = tempo.fitted(fitted, keep)
        for d in left:
            d["base"] = d["X"] @ w
    return data, first["activations"]


def position_pieces(pairs):
    data, roles = [], re.findall(r"KT_ACTIVATION_POSITION\((\w+)", (FOLDER / "activation_positions.def").read_text())[1:]
    for i, (labels, features) in enumerate(pairs):
        for d in positions.pieces(labels, features, i == 0):
            d["A"], d["X"] = d["X"][:, -len(roles):], d["X"][:, :-len(roles)]
            data.append(d)
    keep, weights = np.ones(len(positions.NAMES), bool), {"real": 3, "drums": .4, "generated": 1}
    for fitted, left in folds(data):
        w = choice.fit(fitted, .003, weights, keep)
        for d in left:
            d["base"] = d["X"] @ w
    return data, roles


def judge_tempo(d, score):
    p = np.exp(score - score.max())
    period = max(set(d["period"]), key=lambda x: p[d["period"] == x].sum())
    meter = d["meter"][np.flatnonzero(d["period"] == period)][np.argmax(p[d["period"] == period])]
    right = [min(abs(60 / period / x * k - 1) for x in d["tempi"]) <= tempo.SAME for k in (1, 2, .5, 3, 1 / 3)]
    return {"Acc1": right[0], "Acc2": any(right), "meter": meter == d["signature"] if d["signature"] else None}


def judge_positions(d, score):
    p = int(np.argmax(score))
    return {"beat F1": d["beat"][p], "bar": None if d["down"] is None else d["down"][p] >= .8 * d["down"].max()}


def table(title, judge, data, score, wrong):
    for kind in ("real", "generated", "drums"):
        rows = [(d, score(d)) for d in data if d["kind"] == kind and d["sure"]]
        judged = [judge(d, s) for d, s in rows]
        if not rows:
            continue
        probable = [np.log(np.exp(s - s.max())[d["right"]].sum() / np.exp(s - s.max()).sum() + 1e-12) for d, s in rows]
        cells = [f"{name} {np.mean(some):.3f} of {len(some)}" for name in judged[0]
                 if (some := [float(j[name]) for j in judged if j[name] is not None])]
        print(f"{title:22s} {kind:10s} {'  '.join(cells)}  log-probability {np.mean(probable):.3f}")
        for (d, _), j in zip(rows, judged):
            if wrong and kind == "real" and any(v is not None and v < .6 for v in j.values()):
                print(f"    {d['file']:40s} " + "  ".join(f"{n} {float(v):.2f}" for n, v in j.items() if v is not None))


def write(name, macro, names, values):
    text = (FOLDER / name).read_text()
    for key, value in zip(names, values):
        text = re.sub(rf"({macro}\({key},\s*)-?[\d.]+,", lambda m: m[1] + f"{value:.3f},", text)
    (FOLDER / name).write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="writes the weights of all pieces")
    parser.add_argument("--wrong", action="store_true", help="lists real pieces that are wrong")
    parser.add_argument("--without", nargs="*", default=[], help="leaves features out")
    parser.add_argument("--l2", type=float, help="default .01 for tempo, .03 for positions")
    parser.add_argument("--real-weight", type=float, default=2)
    parser.add_argument("--drums-weight", type=float, default=.4)
    parser.add_argument("what", choices=["tempo", "positions"])
    parser.add_argument("files", nargs="+")
    a = parser.parse_args()
    a.l2 = a.l2 or {"tempo": .01, "positions": .03}[a.what]
    pairs = list(zip(a.files[::2], a.files[1::2]))
    data, names = (tempo_pieces if a.what == "tempo" else position_pieces)(pairs)
    judge = judge_tempo if a.what == "tempo" else judge_positions
    keep = [i for i, name in enumerate(names) if name not in a.without]
    for d in data:
        d["A"] = d["A"][:, keep]
    weights = {"real": a.real_weight, "drums": a.drums_weight, "generated": 1}
    for fitted, left in folds(data):
        v = fit(fitted, a.l2, weights)
        for d in left:
            d["with"] = d["base"] + d["A"] @ v
    table("left out, without it", judge, data, lambda d: d["base"], a.wrong)
    table("left out, with it", judge, data, lambda d: d["with"], a.wrong)
    v = fit(data, a.l2, weights)
    for i, value in zip(keep, v):
        print(f"  {names[i]:12s} {value:8.3f}")
    if a.write:
        name, macro = (("activation_weights.def", "KT_ACTIVATION") if a.what == "tempo" else
                       ("activation_positions.def", "KT_ACTIVATION_POSITION"))
        write(name, macro, [names[i] for i in keep], v)


if __name__ == "__main__":
    main()
