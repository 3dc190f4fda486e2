#!/usr/bin/env python3
"""Long pieces of known rhythm: are the beats of one tempo on one grid from end to end, and is a change of tempo found?

    rhythm_long.py make FOLDER [steady|mix|drift]     some 1.5 GB of FLAC in all; labels.json
    rhythm_long.py judge FOLDER RESULTS.jsonl         of kithara analyze --jsonl --options mir,no_models FOLDER/*.flac

steady: 25 minutes of one drum pattern, 18 styles and tempi. mix: 100 minutes, one track after the other, with cuts,
pauses and fades. drift: ten minutes with a tempo that wanders, slows down, speeds up or jumps.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

from truthgen import common, drum_machine

RATE = drum_machine.RATE
STEADY_S, MIX_S, DRIFT_S = 1500, 6000, 600
STEADY = [("rock", 84), ("rock", 96.5), ("rock", 110), ("rock", 127.3), ("rock", 143), ("plain", 72), ("plain", 118.8),
          ("plain", 134), ("house", 115), ("house", 124), ("house", 128), ("house", 136.4), ("breakbeat", 170),
          ("breakbeat", 174.5), ("shuffle", 104), ("shuffle", 121), ("waltz", 140), ("six", 62)]
MIX = ["house", "house", "rock", "house", "breakbeat", "rock", "plain", "waltz", "house", "shuffle"]


def beats_of(style):
    meter = drum_machine.STYLES[style][0]
    return drum_machine.BEATS.get(meter, meter)


class Sound:
    """A mono stream that voices are added to."""

    def __init__(self, seconds):
        self.x = np.zeros(int(seconds * RATE) + 1, np.float32)

    def add(self, when, samples, gain):
        begin = round(when * RATE)
        some = samples[:max(0, len(self.x) - begin)]
        if begin >= 0:
            self.x[begin:begin + len(some)] += (some * gain).astype(np.float32)


def pattern(style, rng):
    """A bar of a style, the other bar that follows some phrases, and the length of a phrase in bars."""
    return drum_machine.BARS[style](rng), drum_machine.BARS[style](rng), rng.choice([4, 8])


def play(sound, style, beat_times, rng, gain=1., bass=0.):
    """Plays a pattern on beats whose times are given; bass: gain of a bass and a chord that change with the bar."""
    voices = drum_machine.kit_of(rng, rng.choice(drum_machine.KITS))
    level = {voice: rng.uniform(.7, 1.2) for voice in voices}
    bar, other, phrase = pattern(style, rng)
    beats, swing = beats_of(style), rng.choice(drum_machine.STYLES[style][2])
    jitter, varied, fills = rng.choice([0, .003, .006]), rng.random() < .4, rng.random() < .6
    roots = [rng.choice([40, 43, 45, 48]) + step for step in rng.choice([(0, 5, 7, 0), (0, 9, 5, 7), (0, 0, 5, 7)])]
    for b in range((len(beat_times) - 1) // beats):
        now = list(other if varied and (b // phrase) % 2 else bar)
        if fills and b % phrase == phrase - 1:
            now = [h for h in now if h[0] < beats - 1] + drum_machine._fill(rng, beats, beats == 2)
        for at, voice, velocity in now:
            place = b * beats + drum_machine.swung(at, swing, drum_machine.STYLES[style][3])
            when = np.interp(place, np.arange(len(beat_times)), beat_times) + rng.gauss(0, jitter)
            sound.add(when, voices[voice], gain * velocity * level[voice])
        if bass:
            begin, end = beat_times[b * beats], beat_times[min(len(beat_times) - 1, (b + 1) * beats)]
            t = np.arange(int((end - begin) * RATE)) / RATE
            hz = 440 * 2 ** ((roots[b % 4] - 69) / 12)
            tone = sum(np.sin(2 * np.pi * hz * ratio * t) * share
                       for ratio, share in ((1, 1), (2, .3), (4, .25), (5, .2), (6, .2)))
            sound.add(begin, tone * np.minimum(1, t / .01) * np.minimum(1, (end - begin - t) / .03), gain * bass)


def write(sound, path):
    wav = path.with_suffix(".wav")
    common.write_wav(wav, common.normalise(sound.x, -1.5))
    common.encode(wav, path.with_suffix(""), "flac")
    wav.unlink()


def row(path, beats, parts):
    """parts: [(begin, end, bpm, meter)]."""
    return {"file": path.name, "beats": [round(float(t), 4) for t in beats],
            "parts": [[round(float(a), 3), round(float(b), 3), round(float(bpm), 3), meter] for a, b, bpm, meter in parts]}


def make_steady(folder, seed):
    for i, (style, bpm) in enumerate(STEADY):
        rng, sound = common.seeded(seed, "steady", style, i), Sound(STEADY_S)
        times = rng.uniform(0, .6) + np.arange(int(STEADY_S * bpm / 60)) * 60 / bpm
        play(sound, style, times, rng)
        path = folder / f"steady_{i:02d}_{style}_{bpm:g}.flac"
        write(sound, path)
        yield row(path, times[times < STEADY_S], [(0, STEADY_S, bpm, drum_machine.STYLES[style][0])])


def make_mix(folder, seed):
    rng, sound, parts, beats, at, i = common.seeded(seed, "mix"), Sound(MIX_S), [], [], 2., 0
    while at < MIX_S - 60:
        style = MIX[i % len(MIX)]
        low, high = drum_machine.STYLES[style][1]
        bpm, length = round(rng.uniform(low, high), 1), rng.uniform(120, 330)
        times = at + np.arange(int(min(length, MIX_S - 1 - at) * bpm / 60 / beats_of(style)) * beats_of(style) + 1) * 60 / bpm
        play(sound, style, times, rng, rng.uniform(.5, 1), rng.choice([0, .1, .2]))
        parts.append((times[0], times[-1], bpm, drum_machine.STYLES[style][0]))
        beats += list(times[:-1])
        at, i = times[-1] + rng.choice([0, 0, 0, rng.uniform(.1, .5), rng.uniform(1, 4), -4 * 60 / bpm]), i + 1
    path = folder / "mix.flac"
    write(sound, path)
    yield row(path, sorted(beats), parts)


def tempo_curves(rng):
    """name: BPM at a time."""
    return {"wander": lambda t: 118 * (1 + .03 * math.sin(t / 23) + .02 * math.sin(t / 7.7)),
            "live": lambda t: 104 * (1 + .012 * math.sin(t / 41) + .01 * math.sin(t / 3.1)),
            "slower": lambda t: 120 * (1 - .15 * min(1, max(0, (t - 240) / 60))),
            "faster": lambda t: 100 * (1 + .15 * min(1, max(0, (t - 300) / 60))),
            "both": lambda t: 126 * (1 + .075 * math.sin(2 * math.pi * t / 120)),
            "jump": lambda t: 96 if t < 200 else 132 if t < 400 else 110,
            "step": lambda t: 120 if t < 300 else 124}


def make_drift(folder, seed):
    for name, bpm in tempo_curves(None).items():
        rng, sound, times = common.seeded(seed, "drift", name), Sound(DRIFT_S), [.4]
        while times[-1] < DRIFT_S:
            times.append(times[-1] + 60 / bpm(times[-1]))
        play(sound, "rock", np.array(times), rng, 1, .15)
        path = folder / f"drift_{name}.flac"
        write(sound, path)
        steps = [t for t in range(0, DRIFT_S, 10)]
        yield row(path, times[:-1], [(t, t + 10, bpm(t + 5), 4) for t in steps])


SETS = {"steady": make_steady, "mix": make_mix, "drift": make_drift}


# --- judge -----------------------------------------------------------------------------------------------------------

def f1(found, truth):
    """Beats within 70 ms, each used once."""
    hits, i = 0, 0
    for t in truth:
        while i < len(found) and found[i] < t - .07:
            i += 1
        if i < len(found) and found[i] <= t + .07:
            hits, i = hits + 1, i + 1
    return 2 * hits / max(1, len(found) + len(truth))


def broken(times):
    """Intervals more than a quarter away from the usual one."""
    gaps = np.diff(times)
    return int(np.sum(np.abs(gaps / np.median(gaps) - 1) > .25)) if len(gaps) else 0


def judge_part(mir, begin, end, bpm, meter, truth):
    """(BPM found, broken intervals, F1) away from the part's borders."""
    beats = np.array([t for t in mir.get("beats") or [] if begin <= t < end])
    real = np.array([t for t in truth if begin <= t < end])
    found = 60 / np.median(np.diff(beats)) if len(beats) > 2 else 0
    return found, broken(beats), f1(beats, real)


def meters_within(changes, begin, end):
    return {c["meter"] for i, c in enumerate(changes)
            if c["time"] < end and (i + 1 == len(changes) or changes[i + 1]["time"] > begin)}


def judge(folder, results):
    labels = {r["file"]: r for r in json.loads((folder / "labels.json").read_text())}
    for line in open(results):
        document = json.loads(line)
        name = Path(document["file_path"]).name
        mir, label = document["features"]["mir"], labels.get(name)
        if not label:
            continue
        changes = mir.get("tempo_changes") or []
        print(f"{name}: tempo {mir.get('tempo')}, meter {mir.get('time_signature')}, {len(changes)} tempi, "
              f"stability {mir.get('tempo_stability')}")
        if name.startswith("drift"):
            beats = mir.get("beats") or []
            print(f"    F1 {f1(beats, label['beats']):.3f}, found {len(beats)} of {len(label['beats'])} beats")
            print("   ", ", ".join(f"{c['time']:.1f}: {c['bpm']:.1f}" for c in changes[:16]))
            continue
        for begin, end, bpm, meter in label["parts"]:
            margin = 2 if name.startswith("steady") else 4
            found, wrong, score = judge_part(mir, begin + margin, end - margin, bpm, meter, label["beats"])
            print(f"    {begin:7.1f} .. {end:7.1f}  {bpm:6.1f} BPM in {meter}: found {found:6.1f} in "
                  f"{sorted(meters_within(changes, begin + 16, end - 16))}, missing or doubled {wrong}, F1 {score:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["make", "judge"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("argument", nargs="?", help="make: one set alone; judge: the results")
    parser.add_argument("--seed", type=int, default=7)
    a = parser.parse_args()
    if a.command == "judge":
        return judge(a.folder, a.argument)
    a.folder.mkdir(parents=True, exist_ok=True)
    rows = [made for name, make in SETS.items() if a.argument in (None, name) for made in make(a.folder, a.seed)]
    (a.folder / "labels.json").write_text(json.dumps(rows) + "\n")
    return None


if __name__ == "__main__":
    sys.exit(main())
