"""Notes to audio as tracker modules sound: few channels, each note cuts the one before, dry, hard left and right.

Instruments are single samples of 8 bits, played faster or slower for each pitch; drums are kits of drum_machine.
"""

import numpy as np

from . import common, drum_machine

RATE = common.RATE
SAMPLE_PITCH = 60  # of which the samples are
#: Drums of General MIDI -> (voice of a kit, level).
VOICES = {36: ("kick", 1), 35: ("kick", .9), 38: ("snare", 1), 37: ("rim", 1), 39: ("clap", 1), 42: ("hat", .8),
          44: ("hat", .7), 46: ("open", .8), 49: ("crash", .8), 57: ("crash", .7), 51: ("ride", .8), 45: ("tom", 1),
          41: ("tom", 1.1), 70: ("hat", .5), 54: ("open", .5)}
#: part -> timbres
TIMBRES = {"bass": ["saw bass", "sine", "square", "plucked"],
           "chords": ["square", "narrow", "guitar", "organ", "plucked", "pad"],
           "lead": ["square", "narrow", "saw", "bell", "organ", "guitar"]}


def _waves(timbre, t):
    """One second and a half of a timbre at 261.6 Hz."""
    f = 261.63
    harmonics = np.arange(1, 28)[:, None]
    weights = {"square": (harmonics % 2) / harmonics, "narrow": np.sin(np.pi * harmonics * .2) / harmonics,
               "saw": 1 / harmonics, "plucked": 1 / harmonics, "guitar": 1 / harmonics,
               "saw bass": np.exp(-harmonics / 6) / harmonics, "pad": np.exp(-harmonics / 8) / harmonics,
               "organ": np.isin(harmonics, [1, 2, 3, 4, 8]) / np.sqrt(harmonics)}
    if timbre == "sine":
        return np.sin(2 * np.pi * f * t)
    if timbre == "bell":
        return np.sin(2 * np.pi * f * t + 2 * np.exp(-t / .3) * np.sin(2 * np.pi * 3.5 * f * t)) * np.exp(-t / .5)
    decay = np.exp(-t * harmonics * 1.2) if timbre == "plucked" else 1
    x = (weights[timbre] * np.sin(2 * np.pi * f * harmonics * t) * decay).sum(0)
    if timbre == "guitar":
        x = np.tanh(6 * x)
    if timbre == "pad":
        x = x * np.minimum(1, t / .12)
    return x


def instrument(timbre):
    """A sample of 8 bits."""
    t = np.arange(int(1.5 * RATE)) / RATE
    x = _waves(timbre, t)
    return np.round(127 * x / np.abs(x).max()) / 127


def _note(sample, pitch, length, decay):
    """A sample at another pitch, looped where it is too short, until the note is cut."""
    speed = 2 ** ((pitch - SAMPLE_PITCH) / 12)
    n = int(length * RATE)
    loop = RATE * 1.0
    at = np.arange(n) * speed
    at = np.where(at < loop, at, loop / 2 + (at - loop) % (loop / 2))
    x = np.interp(at, np.arange(len(sample)), sample)
    edge = min(n, 60)
    x[n - edge:] *= np.linspace(1, 0, edge)
    return x * np.exp(-np.arange(n) / RATE / decay) if decay else x


def _channels(notes):
    """{(part, index): notes in order}: simultaneous notes of a part on channels of their own."""
    out = {}
    for n in sorted(notes, key=lambda n: (n.start, n.pitch)):
        index = 0
        while out.get((n.part, index)) and abs(out[n.part, index][-1].start - n.start) < .02:
            index += 1
        out.setdefault((n.part, index), []).append(n)
    return out


def render(notes, seconds, rng):
    """Stereo samples of exactly the given length."""
    out = np.zeros((int(seconds * RATE), 2))
    kit = drum_machine.kit_of(rng, rng.choice(drum_machine.KITS))
    timbre = {part: instrument(rng.choice(TIMBRES[part])) for part in TIMBRES}
    decay = {part: rng.choice([0, .25, .6]) for part in TIMBRES}
    level = {"drums": rng.uniform(.5, .9), "bass": rng.uniform(.3, .55), "chords": rng.uniform(.12, .25),
             "lead": rng.uniform(.2, .4)}
    wide, cache = rng.uniform(.5, 1), {}
    for number, ((part, index), row) in enumerate(sorted(_channels(notes).items())):
        side = wide if (number + index) % 2 else 1 - wide
        pan = np.array([.5, .5]) if part == "bass" else np.array([side, 1 - side]) * .6 + .2
        for n, following in zip(row, row[1:] + [None]):
            begin = round(n.start * RATE)
            if part == "drums":
                voice, loud = VOICES[n.pitch]
                x = kit[voice] * loud
            else:
                end = n.start + n.length if not following else min(n.start + n.length, following.start)
                key = part, n.pitch, round(max(.03, end - n.start), 3)
                if key not in cache:
                    cache[key] = _note(timbre[part], n.pitch, key[2], decay[part])
                x = cache[key]
            x = x[:max(0, len(out) - begin)] * (max(1, n.velocity) / 127 * level[part])
            out[begin:begin + len(x)] += x[:, None] * pan
    return common.fade(common.normalise(out, -2.0))
