#!/usr/bin/env python3
"""Fits the weights of tempo and meter (node/audio/rhythm/weights.def), and shows what they do on music that was left out.

    tempo.py [--write] [--without NAME ...] [--only NAME ...] [--on-top NAME ... [--to GENERATED.jsonl ...]]
             REAL_LABELS REAL.jsonl GENERATED_LABELS GENERATED.jsonl [...] [--held GENERATED_LABELS GENERATED.jsonl ...]

Labels are those of the sets (labels.json), features those of `tempo_features FILE... > NAME.jsonl`. The first pair is
real music: each package is left out in turn. The other pairs are generated: each quarter is left out in turn, a score
in all sets at once. Those of --held are in no fit.

A conditional logit: the probability of the right hypotheses of each piece; L2 on standardised features. A piece whose
meter is not known counts as right in four, as 20 of the 22 real ones are whose meter is known. Pieces whose beat is not
sure are not fitted.

With --only the weights of all other features stay as weights.def has them. These have seen the music of their own
fit, so that what is shown of music in it is too good; --held shows what is not. With --on-top nothing that is built in
counts: the other features are fitted without these, then these on top, to the real music and the sets of --to.

The weight of a piece is that of its kind (KINDS); the shares of two beats a bar and of tempi from 165 BPM by weight are
printed. To the weights a prior of the meter is added (--two): bars of two are a fifth of the generated pieces, and rare
in real music, so their odds are multiplied by a number, which prior.py finds. With 0 nothing is added: the share of two
is that of the pieces by weight.
"""

import argparse
import json
import re
import zlib
from pathlib import Path

import numpy as np

from choice import fit

WEIGHTS = Path(__file__).resolve().parents[3] / "node/audio/rhythm/weights.def"
SAME = .04
L2, KINDS = .003, {"real": 4, "drums": 2, "generated": 1, "bands": .3}
TWO = .383  # what the odds of two beats a bar are multiplied by, found by prior.py
KIND_OF = {"drums": "drums", "band": "bands"}  # by the group of a row of labels.json
FOLDS, FAST_BPM = 4, 165


def pieces(labels, features, real):
    """One dict per piece: periods, meters, features X, which hypotheses are right, group."""
    rows = {Path(row["file"]).name: row for row in json.loads(Path(labels).read_text())["files"]
            if row["truth"].get("tempo")}
    out = []
    for line in Path(features).read_text().splitlines():
        row = json.loads(line)
        label = rows.get(row["file"])
        if not label or not row["hypotheses"]:
            continue
        truth = label["truth"]
        table = np.array(row["hypotheses"])
        meter = truth.get("time_signature")
        tempi = truth.get("tempi", [truth["tempo"]])
        tempo = np.any([np.abs(60 / table[:, 0] / x - 1) <= SAME for x in tempi], axis=0)
        right = tempo & (table[:, 1] == (meter or 4))
        out.append({"file": row["file"], "names": row["names"], "period": table[:, 0], "meter": table[:, 1].astype(int),
                    "X": table[:, 2:], "right": right, "tempi": tempi, "signature": meter, "real": real,
                    "set": str(features),
                    "style": truth.get("style"),
                    "kind": "real" if real else KIND_OF.get(label.get("group"), "generated"),
                    "sure": truth.get("sure", True),
                    "group": source_of(truth, row["file"], real)})
    return out


def source_of(truth, file, real):
    """What is left out at once: a package of real music, a score in all its versions, or a programmed piece."""
    source = str(truth.get("source", file))
    return source.split(":")[0] if real else source if "/" in source else file


def fold_of(d):
    return zlib.crc32(d["group"].encode()) % FOLDS


def prior_of(names, two):
    """What is added to the weights for odds of two beats a bar that are `two` times as high; 0: nothing."""
    return np.where([name == "TWO" for name in names], np.log(two) if two else 0, 0)


def built_in(names):
    """The weights of weights.def without the prior."""
    found = dict(re.findall(r"KT_WEIGHT\((\w+),\s*(-?[\d.]+)", WEIGHTS.read_text()))
    return np.array([float(found[name]) for name in names]) - prior_of(names, TWO)


def fitted(data, keep, l2=L2, kinds=KINDS, others=None, two=TWO):
    """The weights of a fit, with the prior. others: of features that are not kept; None: 0."""
    return fit(data, l2, kinds, keep, others) + prior_of(data[0]["names"], two)


def print_shares(data, kinds):
    some = [d for d in data if d["sure"]]
    total = sum(kinds[d["kind"]] for d in some)
    two = sum(kinds[d["kind"]] for d in some if d["signature"] == 2)
    fast = sum(kinds[d["kind"]] for d in some if d["tempi"][0] >= FAST_BPM)
    print(f"by weight: two beats a bar {two / total:.3f}, {FAST_BPM} BPM and more {fast / total:.3f}")


def add_fit_options(parser):
    parser.add_argument("--l2", type=float, default=L2)
    parser.add_argument("--two", type=float, default=TWO, help="multiplies the odds of two beats a bar; 0: as fitted")
    parser.add_argument("--real-weight", type=float, default=KINDS["real"])
    parser.add_argument("--drums-weight", type=float, default=KINDS["drums"])
    parser.add_argument("--generated-weight", type=float, default=KINDS["generated"])
    parser.add_argument("--bands-weight", type=float, default=KINDS["bands"])
    parser.add_argument("--without", nargs="*", default=[], help="leaves features out")
    parser.add_argument("--only", nargs="*", default=[], help="fits these on top of the others as they are built in")
    parser.add_argument("--on-top", nargs="*", default=[], help="fits these on top of a fit of the others")
    parser.add_argument("--to", nargs="*", default=[], help="the generated sets of that second fit; without: all")


def kinds_of(a):
    return {"real": a.real_weight, "drums": a.drums_weight, "generated": a.generated_weight, "bands": a.bands_weight}


def fitter(a, names):
    """The function from pieces to weights that the options ask for."""
    keep = np.array([name in a.only if a.only else name not in a.without for name in names])
    top = np.array([name in a.on_top for name in names])
    kinds = kinds_of(a)

    def run(data):
        if not a.on_top:
            return fitted(data, keep, a.l2, kinds, built_in(names) if a.only else None, a.two)
        some = [d for d in data if d["real"] or not a.to or d["set"] in a.to]
        return fitted(some, top, a.l2, kinds, fit(data, a.l2, kinds, keep & ~top), a.two)

    return run


def judge(d, w):
    """(BPM, meter, share of the period), as kt_tempo_judge."""
    p = np.exp(d["X"] @ w - (d["X"] @ w).max())
    p /= p.sum()
    period = max(set(d["period"]), key=lambda x: p[d["period"] == x].sum())
    here = d["period"] == period
    return 60 / period, d["meter"][np.flatnonzero(here)][np.argmax(p[here])], p[here].sum()


def table(title, results, show):
    near = [min(abs(bpm / x * k - 1) for x in d["tempi"] for k in (1, 2, .5, 3, 1 / 3)) <= SAME for d, bpm, *_ in results]
    right = [min(abs(bpm / x - 1) for x in d["tempi"]) <= SAME for d, bpm, *_ in results]
    meters = [meter == d["signature"] for d, _, meter, _ in results if d["signature"]]
    both = np.mean([good and meter == d["signature"] for (d, _, meter, _), good in zip(results, right) if d["signature"]])
    print(f"{title:28s} {len(results):4d}  Acc1 {np.mean(right):.3f}  Acc2 {np.mean(near):.3f}  "
          f"meter {np.mean(meters):.3f} of {len(meters)}  both {both:.3f}", flush=True)
    for (d, bpm, meter, share), good in zip(results, right):
        if show and (not good or (d["signature"] and meter != d["signature"])):
            print(f"    {d['file']:36s} {d['tempi'][0]:6.1f} {d['signature']}: {bpm:6.1f} {meter}  {share:.2f}")


def reliability(title, results):
    """Share of right tempi by the share of the period, in steps of a tenth; the lowest ones together."""
    rows = {}
    for d, bpm, _, share in results:
        right = min(abs(bpm / x - 1) for x in d["tempi"]) <= SAME
        rows.setdefault(max(.4, int(min(share, .999) * 10) / 10), []).append((share, right))
    for low, row in sorted(rows.items()):
        print(f"  {title} {low if low > .4 else 0:.1f} .. {low + .1:.1f}  pieces {len(row):3d}  mean {np.mean(row, 0)[0]:.2f}  "
              f"right {np.mean(row, 0)[1]:.2f}")


def write(names, w):
    text = WEIGHTS.read_text()
    for name, value in zip(names, w):
        text = re.sub(rf"(KT_WEIGHT\({name},\s*)-?[\d.]+,", lambda m: f"{m[1].rstrip()}".ljust(27) + f"{value:8.3f},", text)
    WEIGHTS.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="writes the weights of all pieces into weights.def")
    parser.add_argument("--wrong", action="store_true", help="lists what is wrong")
    add_fit_options(parser)
    parser.add_argument("--held", nargs="*", default=[], help="sets that are judged by the weights of all others")
    parser.add_argument("files", nargs="+")
    a = parser.parse_args()
    pairs = list(zip(a.files[::2], a.files[1::2]))
    data = [d for i, pair in enumerate(pairs) for d in pieces(*pair, i == 0)]
    real, made = [d for d in data if d["real"]], [d for d in data if not d["real"]]
    names = data[0]["names"]
    weights_of = fitter(a, names)
    left = []
    for group in sorted({d["group"] for d in real}):
        w = weights_of([d for d in real if d["group"] != group] + made)
        left += [(d, *judge(d, w)) for d in real if d["group"] == group and d["sure"]]
    table("real, its package left out", left, a.wrong)
    reliability("confidence", left)
    left = []
    for k in range(FOLDS):
        w = weights_of([d for d in made if fold_of(d) != k] + real)
        left += [(d, *judge(d, w)) for d in made if fold_of(d) == k]
    for kind in ("generated", "bands", "drums"):
        if some := [row for row in left if row[0]["kind"] == kind]:
            table(f"{kind}, left out", some, a.wrong)
            reliability("confidence", some)
    for kind, style in sorted({(d["kind"], d["style"]) for d in made if d["kind"] != "generated"}):
        table(f"  {style}", [row for row in left if row[0]["kind"] == kind and row[0]["style"] == style], False)
    print_shares(data, kinds_of(a))
    w = weights_of(data)
    table("real, fitted", [(d, *judge(d, w)) for d in real if d["sure"]], False)
    table("generated, fitted", [(d, *judge(d, w)) for d in made], False)
    held = [d for pair in zip(a.held[::2], a.held[1::2]) for d in pieces(*pair, False)]
    if held:
        table("generated, in no fit", [(d, *judge(d, w)) for d in held], a.wrong)
    spread = np.concatenate([d["X"] for d in data]).std(0)
    for name, value, scale in sorted(zip(names, w, spread), key=lambda row: abs(row[1] * row[2])):
        print(f"  {name:16s} {value:8.3f}  standardised {value * scale:6.2f}")
    if a.write:
        write(names, w)


if __name__ == "__main__":
    main()
