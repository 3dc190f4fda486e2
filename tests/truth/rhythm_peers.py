#!/usr/bin/env python3
"""Tempo, beats and meter beside other programs, on any set whose labels.json holds tempi and beats.

    rhythm_peers.py run OUT.jsonl FILE...                            # asks the peers, a file after the other
    rhythm_peers.py judge LABELS KITHARA.jsonl PEERS.jsonl [--wrong] # Kithara's results as of `analyze --jsonl`
    rhythm_peers.py reliability LABELS KITHARA.jsonl [LABELS KITHARA.jsonl ...]

`run` needs the modules essentia and librosa, appends to OUT.jsonl and skips what is there. `--wrong` lists each clip
where a peer is better: its tempo is right and Kithara's is not, or its beat F1 is higher by .1. `reliability` prints the
share of right answers by the confidence in the message, of all pairs together. Pieces whose beat is not sure (truth.sure
false) are left out. Tolerances as in score.py: 4 %, 70 ms; a missing answer is a wrong one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from truthscore import metrics

STEPS = (0, .5, .6, .7, .8, .9, 1.01)
BEATS = ("Kithara", "multifeature", "degara", "librosa")


def samples(path, rate):
    import numpy as np
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-ac", "1", "-ar", str(rate), "-"]
    return np.frombuffer(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, "<f4").copy()


def ask(path):
    """{system: {tempo, beats}} of one file."""
    import essentia
    import essentia.standard
    import librosa
    essentia.log.infoActive = essentia.log.warningActive = False
    out, mono = {}, samples(path, 44100)
    for method in ("multifeature", "degara"):
        bpm, ticks, *_ = essentia.standard.RhythmExtractor2013(method=method)(mono)
        out[method] = {"tempo": float(bpm), "beats": [round(float(t), 3) for t in ticks]}
    out["percival"] = {"tempo": float(essentia.standard.PercivalBpmEstimator()(mono))}
    tempo, beats = librosa.beat.beat_track(y=samples(path, 22050), sr=22050, units="time")
    out["librosa"] = {"tempo": float(tempo if getattr(tempo, "ndim", 0) == 0 else tempo[0]),
                      "beats": [round(float(t), 3) for t in beats]}
    return {"file": Path(path).name, "peers": out}


def run(out, files):
    done = {json.loads(line)["file"] for line in Path(out).read_text().splitlines()} if Path(out).exists() else set()
    with open(out, "a") as to:
        for path in files:
            if Path(path).name not in done:
                to.write(json.dumps(ask(path)) + "\n")
                to.flush()


def results_of(path):
    """{file name: features.mir of the message}."""
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return {Path(d.get("file_path") or d.get("file") or "").name: (d.get("features") or {}).get("mir") or {} for d in rows}


def truths_of(labels):
    rows = json.loads(Path(labels).read_text())["files"]
    return {Path(r["file"]).name: r["truth"] for r in rows
            if r["truth"].get("tempo") and r["truth"].get("beats") and r["truth"].get("sure", True)
            and r.get("kind") != "similarity"}


def hits(answer, truth):
    tempi = [metrics.tempo_hits(answer.get("tempo"), t) for t in truth.get("tempi", [truth["tempo"]])]
    return any(t[0] for t in tempi), any(t[1] for t in tempi)


def beat_f1(answer, truth):
    found = answer.get("beats") or []
    return metrics.f1(metrics.matched(found, truth["beats"], .07)[0], len(found), len(truth["beats"]))[2]


def right_meter(answer, truth):
    return metrics.meter_value(answer.get("time_signature")) == truth["time_signature"]


def judge(labels, kithara, peers, wrong):
    truths = truths_of(labels)
    systems = {"Kithara": results_of(kithara)}
    for line in Path(peers).read_text().splitlines():
        row = json.loads(line)
        for name, answer in row["peers"].items():
            systems.setdefault(name, {})[row["file"]] = answer
    metered = [name for name, t in truths.items() if t.get("time_signature")]
    print(f"{'':14s} Acc1 ({len(truths)})  Acc2   beat F1  meter exact ({len(metered)})")
    for system, answers in systems.items():
        tempo = [hits(answers.get(name, {}), t) for name, t in truths.items()]
        first, second = (sum(h[i] for h in tempo) / len(tempo) for i in (0, 1))
        beats = sum(beat_f1(answers.get(name, {}), t) for name, t in truths.items()) / len(truths)
        meter = sum(right_meter(answers.get(name, {}), truths[name]) for name in metered) / max(1, len(metered))
        print(f"{system:14s} {first:.3f}      {second:.3f}  {f'{beats:.3f}' if system in BEATS else '-':8s} "
              f"{f'{meter:.3f}' if system == 'Kithara' else '-'}")
    always = sum(truths[name]["time_signature"] == 4 for name in metered) / max(1, len(metered))
    print(f"{'always 4':14s} {'-':10s} {'-':6s} {'-':8s} {always:.3f}")
    for name, truth in truths.items() if wrong else ():
        ours, f1 = hits(systems["Kithara"].get(name, {}), truth), beat_f1(systems["Kithara"].get(name, {}), truth)
        better = []
        for system, answers in list(systems.items())[1:]:
            answer = answers.get(name, {})
            theirs = beat_f1(answer, truth) if system in BEATS else 0
            if hits(answer, truth)[0] and not ours[0] or theirs > f1 + .1:
                better.append(f"{system} {answer.get('tempo') or 0:.1f}" + (f" F1 {theirs:.2f}" if system in BEATS else ""))
        if better:
            tempo = systems["Kithara"].get(name, {}).get("tempo") or 0
            print(f"  {name:36s} truth {truth['tempo']:6.1f}  Kithara {tempo:6.1f} F1 {f1:.2f}; better: {', '.join(better)}")


def reliability(pairs):
    rows = [(results_of(kithara).get(name, {}), truth) for labels, kithara in pairs
            for name, truth in truths_of(labels).items()]
    tempo = [(a["tempo_confidence"], hits(a, t)[0]) for a, t in rows if a.get("tempo_confidence") is not None]
    meter = [(a["time_signature_confidence"], right_meter(a, t)) for a, t in rows
             if t.get("time_signature") and a.get("time_signature_confidence") is not None]
    for title, some in (("tempo", tempo), ("meter", meter)):
        for low, high in zip(STEPS, STEPS[1:]):
            row = [(c, r) for c, r in some if low <= c < high]
            if row:
                print(f"{title} confidence {low:.1f} .. {min(1, high):.1f}  pieces {len(row):3d}  "
                      f"mean {sum(c for c, _ in row) / len(row):.2f}  right {sum(r for _, r in row) / len(row):.2f}")


def main():
    args, wrong = [a for a in sys.argv[1:] if a != "--wrong"], "--wrong" in sys.argv
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    what = args[0] if args else ""
    if what == "run" and len(args) > 2:
        run(args[1], args[2:])
    elif what == "judge" and len(args) == 4:
        judge(*args[1:], wrong)
    elif what == "reliability" and len(args) > 2 and len(args) % 2:
        reliability(list(zip(args[1::2], args[2::2])))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
