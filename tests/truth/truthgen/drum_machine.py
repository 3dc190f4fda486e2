"""Drums without pitch: synthesised kits play patterns at known tempi, with swing, fills and human timing.

The beat is the pulse on which kick and snare alternate, or the kick of every beat; the dotted quarter in 6/8. A
half-time beat may also be tapped twice as fast: `tempi` holds what counts as right.
"""

from pathlib import Path

import numpy as np

from . import common

RATE = 44100
KITS = ["analog", "acoustic", "hard", "soft", "small"]

#: style: upper number of the meter, tempo range, swing (place of the off-beat eighth; of the sixteenth), where what swings
STYLES = {
    "rock": (4, (80, 160), [.5, .5, .52], 1),
    "plain": (4, (70, 180), [.5], 1),
    "house": (4, (112, 138), [.5, .5, .54, .57], .5),
    "breakbeat": (4, (165, 180), [.5, .5, .53], .5),
    "shuffle": (4, (78, 150), [.62, .65, .667, .69], 1),
    "half-time": (4, (60, 90), [.5, .5, .56], .5),
    "waltz": (3, (84, 180), [.5, .5, .62, .667], 1),
    "six": (6, (48, 112), [.5], 1),
    "clicks": (4, (60, 180), [.5], 1),
    "clicks in three": (3, (84, 190), [.5], 1),
}
BEATS = {6: 2}


# --- patterns: one bar as [(position in beats, voice, velocity)] -----------------------------------------------------

def _every(step, beats, voice, velocity, offset=0., accent=.2):
    return [(offset + i * step, voice, velocity * (1 + accent * (abs((offset + i * step) % 1) < 1e-6)))
            for i in range(round((beats - offset) / step - 1e-6) or 1)]


def _at(voice, velocity, *positions):
    return [(p, voice, velocity) for p in positions]


def _rock(rng):
    kicks = rng.choice([(0, 2), (0, 2, 2.5), (0, 1.5, 2), (0, 2.5), (0, .5, 2), (0, 1.5, 2.5), (0, 1, 2, 3), (0, 2, 3.5)])
    time = rng.choice([_every(.5, 4, "hat", .5), _every(1, 4, "ride", .5), _every(.5, 4, "ride", .45),
                       _every(.25, 4, "hat", .35), _every(1, 4, "open", .5)])
    return time + _at("kick", 1, *kicks) + _at("snare", .95, 1, 3) + (_at("snare", .25, 1.75) if rng.random() < .3 else [])


def _plain(rng):
    return _at("kick", 1, 0, 2) + _at("snare", rng.uniform(.7, 1), 1, 3)


def _house(rng):
    bar = _at("kick", 1, 0, 1, 2, 3)
    bar += rng.choice([[], _at("clap", .8, 1, 3), _at("clap", .8, 1, 3), _at("snare", .7, 1, 3)])
    bar += rng.choice([_at("open", .6, .5, 1.5, 2.5, 3.5), _at("open", .6, .5, 1.5, 2.5, 3.5), _every(.25, 4, "hat", .35),
                       _at("open", .5, .5, 1.5, 2.5, 3.5) + _every(.25, 4, "hat", .25)])
    return bar + rng.choice([[], [], _at("rim", .5, .75, 1.5, 2.75, 3.5), _at("tom", .5, 2.75, 3.25)])


def _breakbeat(rng):
    kicks = rng.choice([(0, 2.5), (0, 2.5), (0, 1.5, 2.5), (0, .5, 2.5), (0, 2.5, 3.5)])
    ghosts = rng.choice([(), (1.75, 2.25), (2.25,), (1.75, 3.75)])
    return (rng.choice([_every(.5, 4, "hat", .45), _every(.5, 4, "ride", .4), _every(.25, 4, "hat", .3)])
            + _at("kick", 1, *kicks) + _at("snare", 1, 1, 3) + _at("snare", .25, *ghosts))


def _shuffle(rng):
    kicks = rng.choice([(0, 2), (0, 1.5, 2), (0, 2, 3.5), (0, 1, 2, 3), (0, 1.5, 2, 3.5)])
    return (_every(.5, 4, rng.choice(["hat", "ride"]), .5) + _at("kick", 1, *kicks) + _at("snare", .95, 1, 3)
            + (_at("snare", .25, .5, 2.5) if rng.random() < .3 else []))


def _half_time(rng):
    kicks = rng.choice([(0, 2), (0, .75, 2), (0, 1.25, 2.75), (0, .25, 2, 2.75), (0, 1.75, 2.5)])
    time = rng.choice([_every(.25, 4, "hat", .4), _every(.25, 4, "hat", .4), _every(.5, 4, "hat", .5)])
    rolls = _every(.125, 4, "hat", .3, 3.5) if rng.random() < .3 else []
    return time + rolls + _at("kick", 1, *kicks) + _at(rng.choice(["snare", "clap"]), .95, 1, 3)


def _waltz(rng):
    back = rng.choice(["snare", "hat", "rim"])
    time = rng.choice([_every(1, 3, "ride", .4), _every(.5, 3, "hat", .3), [], _at("ride", .5, 0, 1, 1.5, 2)])
    return time + _at("kick", 1, 0) + _at(back, .7, 1, 2) + (_at("kick", .5, 2.5) if rng.random() < .2 else [])


def _six(rng):
    third = 1 / 3
    kicks = rng.choice([(0,), (0, 5 * third), (0, 2 * third), (0, 1 + 2 * third, 2 * third)])
    return _every(third, 2, rng.choice(["hat", "hat", "ride"]), .5) + _at("kick", 1, *kicks) + _at("snare", .95, 1)


def _clicks(rng, beats=4):
    """A metronome: a click on each beat, the first of a bar marked."""
    voice = rng.choice(["beep", "rim", "hat", "clap", "beep"])
    first = rng.choice([_at("kick", 1, 0), _at("open", .8, 0), _at(voice, .5, 0)])
    return first + _at(voice, .5, *range(beats))


BARS = {"rock": _rock, "plain": _plain, "house": _house, "breakbeat": _breakbeat, "shuffle": _shuffle,
        "half-time": _half_time, "waltz": _waltz, "six": _six,
        "clicks": _clicks, "clicks in three": lambda rng: _clicks(rng, 3)}


def _fill(rng, beats, six):
    """The last beat of a phrase: sixteenths (or thirds) on snare and toms in place of the pattern."""
    step = 1 / 3 if six else rng.choice([.25, .5])
    return [(beats - 1 + i * step, rng.choice(["snare", "tom"]), rng.uniform(.5, .9)) for i in range(round(1 / step))]


# --- kits ------------------------------------------------------------------------------------------------------------

def _decay(seconds, length, attack=.001):
    t = np.arange(int(length * RATE)) / RATE
    return t, np.minimum(1, t / attack) * np.exp(-t / seconds)


def _band(x, low, high):
    """Noise between two frequencies, with soft edges."""
    f = np.fft.rfftfreq(len(x), 1 / RATE)
    gain = 1 / np.sqrt(1 + (low / np.maximum(f, 1)) ** 6) / np.sqrt(1 + (f / high) ** 6)
    return np.fft.irfft(np.fft.rfft(x) * gain, len(x))


def _kick(rng, noise, kit):
    low, high = {"analog": (45, 110), "acoustic": (58, 150), "hard": (50, 260), "soft": (55, 90), "small": (80, 200)}[kit]
    t, env = _decay({"analog": .16, "acoustic": .09, "hard": .12, "soft": .10, "small": .06}[kit] * rng.uniform(.8, 1.3), .5,
                    .004 if kit == "soft" else .001)
    pitch = low * rng.uniform(.9, 1.1) + high * np.exp(-t / rng.uniform(.012, .03))
    x = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * env
    click = _band(noise(len(t)), 1500, 6000) * np.exp(-t / .004)
    x += {"analog": .05, "acoustic": .35, "hard": .2, "soft": .03, "small": .3}[kit] * click
    return np.tanh(3 * x) if kit == "hard" else x


def _snare(rng, noise, kit):
    t, env = _decay({"analog": .1, "acoustic": .09, "hard": .13, "soft": .12, "small": .05}[kit] * rng.uniform(.8, 1.3), .5,
                    .012 if kit == "soft" else .001)
    tone = np.sin(2 * np.pi * rng.uniform(170, 240) * t) * np.exp(-t / .05)
    hiss = _band(noise(len(t)), rng.uniform(700, 1500), 4500 if kit == "soft" else 9000) * env
    return (.2 if kit == "soft" else .5) * tone + .5 * hiss


def _clap(rng, noise, kit):
    t, env = _decay(.08, .4)
    bursts = sum(np.where(t >= d, np.exp(-(t - d).clip(0) / .006), 0) for d in (0, .011, .022)) + env
    return .45 * _band(noise(len(t)), 800, 3500) * bursts


def _metal(rng, noise, kit, seconds, tonal):
    t, env = _decay(seconds * rng.uniform(.8, 1.25), min(1.2, 6 * seconds))
    base = rng.uniform(300, 460)
    rings = sum(np.sign(np.sin(2 * np.pi * base * r * t)) for r in (1, 1.48, 1.86, 2.35, 2.91, 3.57)) / 6
    x = (tonal * rings + (1 - tonal) * noise(len(t))) * env
    return .5 * _band(x, 5000 if kit != "small" else 7000, 9000 if kit == "soft" else 16000)


def _tom(rng, noise, kit):
    t, env = _decay(.14, .5)
    return np.sin(2 * np.pi * np.cumsum(rng.uniform(90, 160) * (1 + .5 * np.exp(-t / .03))) / RATE) * env * .8


def _rim(rng, noise, kit):
    t, env = _decay(.012, .1)
    return (np.sin(2 * np.pi * rng.uniform(1500, 1900) * t) + .4 * noise(len(t))) * env * .5


def _beep(rng, noise, kit):
    t, env = _decay(.006, .06)
    return np.sin(2 * np.pi * rng.uniform(800, 3000) * t) * env * .5


def kit_of(rng, kit):
    """{voice: samples} of one kit."""
    numbers = np.random.default_rng(rng.getrandbits(63))
    noise = numbers.standard_normal
    return {"kick": _kick(rng, noise, kit), "snare": _snare(rng, noise, kit), "clap": _clap(rng, noise, kit),
            "hat": _metal(rng, noise, kit, .03, .5), "open": _metal(rng, noise, kit, .12, .5),
            "ride": _metal(rng, noise, kit, .25, .8), "crash": _metal(rng, noise, kit, .4, .4),
            "tom": _tom(rng, noise, kit), "rim": _rim(rng, noise, kit), "beep": _beep(rng, noise, kit)}


# --- pieces ----------------------------------------------------------------------------------------------------------

def swung(position, swing, unit):
    """Moves the second half of each `unit` beats to `swing` of it."""
    whole, part = divmod(position / unit + 1e-9, 1)
    return unit * (whole + (part * 2 * swing if part < .5 else swing + (part - .5) * 2 * (1 - swing)))


def hits(style, tempo, seconds, rng, lead_in):
    """[(seconds, voice, velocity)] of a piece."""
    meter, _, swings, unit = STYLES[style]
    beats, swing = BEATS.get(meter, meter), rng.choice(swings)
    jitter, spread, phrase = rng.choice([0, .003, .006, .01]), rng.choice([0, .05, .12]), rng.choice([4, 8])
    bar, other = BARS[style](rng), BARS[style](rng)
    varied, fills, crashes = rng.random() < .4 and style != "plain", rng.random() < .6, rng.random() < .5
    if style.startswith("clicks"):
        varied = fills = crashes = False
    out = []
    for b in range(int(seconds * tempo / 60 / beats) + 1):
        now = list(other if varied and (b // phrase) % 2 else bar)
        if fills and b % phrase == phrase - 1:
            now = [h for h in now if h[0] < beats - 1] + _fill(rng, beats, meter == 6)
        if crashes and b % phrase == 0:
            now.append((0, "crash", .5))
        for at, voice, velocity in now:
            when = lead_in + (b * beats + swung(at, swing, unit)) * 60 / tempo + rng.gauss(0, jitter)
            out.append((max(0, when), voice, velocity * max(.1, 1 + rng.gauss(0, spread))))
    return out


def samples(played, seconds, rng, kit):
    """The sound of hits, mono, with a short room in half of the pieces."""
    voices, out = kit_of(rng, kit), np.zeros(int(seconds * RATE) + 1)
    level = {voice: rng.uniform(.7, 1.2) for voice in voices}
    for when, voice, velocity in played:
        begin = round(when * RATE)
        x = voices[voice][:max(0, len(out) - begin)]
        out[begin:begin + len(x)] += x * velocity * level[voice]
    if rng.random() < .5:
        tail = np.random.default_rng(rng.getrandbits(63)).standard_normal(RATE // 3)
        tail *= np.exp(-np.arange(len(tail)) / RATE / rng.uniform(.03, .09))
        size = 1 << (len(out) + len(tail)).bit_length()
        wet = np.fft.irfft(np.fft.rfft(out, size) * np.fft.rfft(tail, size), size)[:len(out)]
        out += rng.uniform(.1, .3) * wet / (common.rms(wet) / common.rms(out))
    return common.normalise(out, -1.5)


def clip(style, tempo, seconds, rng, path, kit=None):
    """Writes one piece as FLAC; returns its row of labels.json."""
    meter = STYLES[style][0]
    beats, lead_in = BEATS.get(meter, meter), rng.uniform(0, .6)
    kit = kit or rng.choice(KITS)
    wav = Path(path).with_suffix(".wav")
    common.write_wav(wav, samples(hits(style, tempo, seconds, rng, lead_in), seconds, rng, kit))
    path = common.encode(wav, Path(path).with_suffix(""), "flac")
    wav.unlink()
    times = [round(lead_in + i * 60 / tempo, 4) for i in range(int((seconds - lead_in) * tempo / 60) + 1)]
    return common.entry(path, "drums", "drums", tempo=tempo, tempi=[tempo, 2 * tempo] if style == "half-time" else [tempo],
                        time_signature=meter, meter=f"{meter}/{8 if meter == 6 else 4}", beats=times, downbeats=times[::beats],
                        style=style, kit=kit)


def _job(style, index, recipe, out):
    rng = common.seeded(recipe["seed"], "drums", style, index)
    low, high = STYLES[style][1]
    return clip(style, round(rng.uniform(low, high), 2), rng.randint(20, 40), rng, out / f"drums_{style.replace(' ', '-')}_{index:03d}.x")


def jobs(recipe, out, small):
    """All jobs of the drums: (function, arguments)."""
    out = Path(out) / "drums"
    out.mkdir(parents=True, exist_ok=True)
    return [(_job, (style, i, recipe, out)) for style in STYLES for i in range(1 if small else recipe.get("drums", 12))]
