"""Programmed pieces of bands: fast beats (165 to 200 BPM), slow pieces of the same styles, bars of two beats.

A piece has phrases of eight bars that repeat (A A B A), fills, a melody of two rhythmic cells, and chords that last
half a bar to four bars. A row is a bar in steps, four per beat: `x` a hit, `X` an accent, `o` a soft one, `.` nothing,
`-` the note before goes on. Bass: `r` root, `f` fifth, `t` third, `u` octave, `a` a step below the next root. The beat
is the pulse on which kick and snare (or bass and chord, up to 200 BPM) alternate, or the kick of every beat.
"""

from . import drum_machine, drums, keys
from .midi import Note
from .patterns import MAJOR_LOOPS, MINOR_LOOPS, Piece, chord

DRUMS = {"kick": 36, "snare": 38, "rim": 37, "clap": 39, "hat": 42, "open": 46, "ride": 51, "crash": 49, "pedal": 44,
         "tom": 45, "bassdrum": 35, "cymbals": 57, "shaker": 70, "tambourine": 54, "surdo": 41}
VELOCITY = {"x": 88, "X": 108, "o": 52}
HATS, RIDES, SIXTEENTHS = {"hat": "X.x." * 4}, {"ride": "X.x." * 4}, {"hat": "XoxoXoxoXoxoXoxo"}
BACKBEAT = "....X.......X..."
CELLS = ["x.x.x.x.x---....", "x---x-x-x---x---", "x-x-x---x-x-x---", "..x-x-x-x---x-x-", "x--x--x-x---x---",
         "x-------x-x-x-x-", "x.xxx.x.x.xxx.x.", "xxx-x-x-xxx-x-x-", "x-----x-x-------", "x--x--x--x--x-x-"]
RUNS = ["xxxxxxxxxxxxxxxx", "x.xxxxxxx.xxxxxx", "xxxxx.x.xxxxx.x.", "x-xxx-xxx-xxx-x-"]

#: meter, tempi, swing (place of the off-beat), bars per chord, then choices of drums, bass, chords, melody, and General
#: MIDI programs of melody, chords, bass
STYLES = {
    "punk": ("4/4", (165, 200), [.5], [.5, 1, 1, 2],
        [{"kick": "X.....x.X.......", "snare": BACKBEAT, **HATS},
         {"kick": "X.......X.x.....", "snare": BACKBEAT, **RIDES},
         {"kick": "X..x..x.X.......", "snare": BACKBEAT, "open": "X...X...X...X..."},
         {"kick": "X...X...X...X...", "snare": BACKBEAT, **HATS}],
        ["r.r.r.r.r.r.r.r.", "r.r.r.r.r.r.f.a."],
        ["x.x.x.x.x.x.x.x.", "x---------------", "x-x-x-x-x-x-x-x-"],
        CELLS, [29, 30, 27], [29, 30], [34, 33]),
    "metal": ("4/4", (165, 200), [.5], [1, 1, 2],
        [{"kick": "x.x.x.x.x.x.x.x.", "snare": BACKBEAT, **RIDES},
         {"kick": "xxxxxxxxxxxxxxxx", "snare": BACKBEAT, "open": "X...X...X...X..."},
         {"kick": "X.....x.X.x.....", "snare": BACKBEAT, **HATS},
         {"kick": "x.xxx.xxx.xxx.xx", "snare": BACKBEAT, "crash": "X...X...X...X..."}],
        ["r.rrr.rrr.rrr.rr", "rrrrrrrrrrrrrrrr", "r.r.r.r.r.r.r.r."],
        ["x.xxx.xxx.xxx.xx", "x.x.x.x.x.x.x.x.", "x---------------", "xxxxxxxxxxxxxxxx"],
        CELLS + RUNS, [30, 29, 81], [30, 29], [34, 33]),
    "blast": ("4/4", (165, 200), [.5], [1, 2],
        [{"kick": "X.......X.......", "snare": BACKBEAT, **RIDES},
         {"kick": "x.x.x.x.x.x.x.x.", "snare": ".x.x.x.x.x.x.x.x", "ride": "X...X...X...X..."},
         {"kick": "xxxxxxxxxxxxxxxx", "snare": BACKBEAT, "ride": "X...X...X...X..."}],
        ["r.r.r.r.r.r.r.r.", "rrrrrrrrrrrrrrrr"],
        ["xxxxxxxxxxxxxxxx", "x.x.x.x.x.x.x.x."],
        CELLS + RUNS, [30, 48], [30, 29], [34]),
    "heavy": ("4/4", (72, 128), [.5], [1, 2, 2],
        [{"kick": "X.....x.X.......", "snare": BACKBEAT, **HATS},
         {"kick": "X.xxX.xxX.xxX.xx", "snare": BACKBEAT, "open": "X...X...X...X..."},
         {"kick": "xxxxxxxxxxxxxxxx", "snare": BACKBEAT, **RIDES},
         {"kick": "X..x..x...x.....", "snare": BACKBEAT, "ride": "X...X...X...X..."}],
        ["r.rrr.rrr.rrr.rr", "r---r---r---r---", "r..r..r...r....."],
        ["x.xxx.xxx.xxx.xx", "x..x..x...x-----", "x---------------"],
        CELLS + RUNS, [30, 29, 81], [30, 29], [34, 33]),
    "drum and bass": ("4/4", (165, 185), [.5, .5, .53], [1, 2, 4],
        [{"kick": "X.........x.....", "snare": BACKBEAT, **HATS},
         {"kick": "X.........x.....", "snare": "....X..o.o..X...", **SIXTEENTHS},
         {"kick": "X.....x...x.....", "snare": "....X..o....X..o", **RIDES}],
        ["r---------u---..", "r-----r---r-----", "r---------------"],
        ["x---------------", "....x-......x-..", "..x.....x..x...."],
        CELLS, [81, 4, 11], [88, 90, 4], [38, 39]),
    "boom bap": ("4/4", (76, 104), [.5, .56, .6], [1, 2, 4],
        [{"kick": "X......x..x.....", "snare": BACKBEAT, **HATS},
         {"kick": "X.x.......x..x..", "snare": BACKBEAT, **SIXTEENTHS},
         {"kick": "X.....x.x.......", "snare": "....X..o....X...", **HATS}],
        ["r-----r---r-----", "r---..f-r-....a-", "r-------........"],
        ["x---------------", "..x...x...x...x.", "....x-......x-.."],
        CELLS, [4, 11, 73], [4, 0, 16], [33, 38]),
    "reel": ("4/4", (165, 200), [.5, .5, .54], [.5, 1, 1, 2],
        [{"kick": "X.......X.......", "snare": "....x.......x..."},
         {"kick": "X...x...X...x...", "tambourine": "..x...x...x...x."}, {},
         {"kick": "X.......X.......", "snare": "o.o.X.o.o.o.X.oo"}],
        ["r-......f-......", "r-..r-..f-..f-..", "r-......f-..r-a-"],
        ["....x.......x...", "..x...x...x...x.", "x.x.xox.x.x.xox."],
        ["x.x.x.x.x.x.x.x.", "x-x.x.x.x-x.x.x.", "x.x.x.x.x---x---"],
        [40, 105, 21, 110, 73], [25, 24, 21], [32, 33]),
    "country": ("4/4", (84, 150), [.5, .5, .58], [1, 1, 2],
        [{"kick": "X.......X.......", "snare": BACKBEAT, **HATS},
         {"kick": "X.......X.x.....", "rim": BACKBEAT, **HATS},
         {"kick": "X...X...X...X...", "snare": "x.oxX.oxx.oxX.ox"}],
        ["r---....f---....", "r---r---f---f---"],
        ["....x.......x...", "..x...x...x...x.", "x-x-x-x-x-x-x-x-"],
        CELLS, [25, 40, 22], [25, 24], [32, 33]),
    "fast swing": ("4/4", (165, 200), [.6, .64, .667], [.5, 1, 1, 2],
        [{"ride": "X...X.x.X...X.x.", "pedal": BACKBEAT, "bassdrum": "o...o...o...o..."},
         {"ride": "X...X.x.X...X.x.", "pedal": BACKBEAT, "snare": "..o.......o...o."},
         {"hat": "X...X.x.X...X.x.", "snare": "....x.......x...", "bassdrum": "x...x...x...x..."}],
        ["r---t---f---a---", "r---f---u---a---", "r---t---f---t---"],
        ["x-....x.........", "....x.......x...", "......x-......x-", "x.......x......."],
        ["x-x-x-x-x---....", "..x-x-x-x---x-x-", "x-----x-x---..x-", "x-x-x-x-x-x-x-x-"],
        [66, 65, 56, 11], [0, 26], [32]),
    "swing": ("4/4", (92, 160), [.6, .64, .667], [.5, 1, 1, 2],
        [{"ride": "X...X.x.X...X.x.", "pedal": BACKBEAT, "bassdrum": "o...o...o...o..."},
         {"hat": "X...X.x.X...X.x.", "snare": "....x.......x...", "bassdrum": "x.......x......."}],
        ["r---t---f---a---", "r---f---u---a---", "r-------f-------"],
        ["x-....x.........", "....x.......x...", "......x-......x-"],
        ["x-x-x-x-x---....", "..x-x-x-x---x-x-", "x-----x-x---..x-"],
        [66, 65, 56, 11], [0, 26], [32]),
    "chip": ("4/4", (165, 200), [.5], [.5, 1, 1, 2],
        [{"kick": "X.......X.x.....", "snare": BACKBEAT, **HATS},
         {"kick": "X.....x.X.......", "snare": BACKBEAT, **SIXTEENTHS},
         {"kick": "X...X...X...X...", "snare": BACKBEAT, "hat": "..x...x...x...x."}],
        ["r.u.r.u.r.u.r.u.", "r.r.r.r.r.r.r.r.", "r-..r-r-..r-r-..", "r-------f-------"],
        ["xxxxxxxxxxxxxxxx", "x.x.x.x.x.x.x.x.", "..x...x...x...x."],
        CELLS + RUNS, [80], [80, 81], [38]),
    "slow chip": ("4/4", (96, 160), [.5, .5, .6], [.5, 1, 1, 2],
        [{"kick": "X.......X.x.....", "snare": BACKBEAT, **HATS},
         {"kick": "X.....x.X.......", "snare": BACKBEAT, **SIXTEENTHS},
         {"kick": "X...X...X...X...", "snare": BACKBEAT, "hat": "..x...x...x...x."},
         {"kick": "X..x..x.X..x..x.", "snare": BACKBEAT}],
        ["r.u.r.u.r.u.r.u.", "r.rrr.rrr.rrr.rr", "r-..r-r-..r-r-..", "r-------f-------"],
        ["xxxxxxxxxxxxxxxx", "x.x.x.x.x.x.x.x.", "x..x..x.x..x..x."],
        CELLS + RUNS, [80], [80, 81], [38]),
    "hardcore": ("4/4", (165, 200), [.5], [1, 2, 2, 4],
        [{"kick": "X...X...X...X...", "open": "..X...X...X...X.", "clap": BACKBEAT},
         {"kick": "X...X...X...X...", "open": "..X...X...X...X."},
         {"kick": "X...X...X...X...", "hat": "xoXoxoXoxoXoxoXo", "snare": BACKBEAT}],
        ["..r...r...r...r.", "..rr..rr..rr..rr", ".rrr.rrr.rrr.rrr"],
        ["..x...x...x...x.", "x--x--x-x--x--x-", "x---------------", "x.xx.xx.x.xx.x.x"],
        CELLS + RUNS, [81, 87], [90, 62, 81], [38, 39]),
    "house": ("4/4", (116, 150), [.5], [1, 2, 2, 4],
        [{"kick": "X...X...X...X...", "open": "..X...X...X...X.", "clap": BACKBEAT},
         {"kick": "X...X...X...X...", "open": "..X...X...X...X."},
         {"kick": "X...X...X...X...", "hat": "xoXoxoXoxoXoxoXo", "snare": BACKBEAT}],
        ["..r...r...r...r.", "..rr..rr..rr..rr", ".rrr.rrr.rrr.rrr", "r..r..r.r..r..r."],
        ["..x...x...x...x.", "x--x--x-x--x--x-", "x---------------", "x.xx.xx.x.xx.x.x"],
        CELLS + RUNS, [81, 87], [90, 62, 81], [38, 39]),
    "ska": ("4/4", (165, 190), [.5, .54], [.5, 1, 1, 2],
        [{"kick": "X.......X.......", "snare": BACKBEAT, **HATS}, {"kick": BACKBEAT, "rim": BACKBEAT, **HATS},
         {"kick": "X...X...X...X...", "snare": BACKBEAT, "hat": "..X...X...X...X."}],
        ["r-t-f-t-r-t-f-a-", "r---t---f---t---", "r-r-f-f-r-r-f-f-"],
        ["..x...x...x...x."],
        CELLS, [56, 65, 57], [27, 16], [33]),
    "ballad": ("4/4", (60, 92), [.5, .5, .6], [.5, 1, 1, 2],
        [{"kick": "X.......X.x.....", "snare": BACKBEAT, **HATS},
         {"kick": "X.....x.X.......", "rim": BACKBEAT, **SIXTEENTHS}, {}],
        ["r-------f-------", "r-----r-r-----a-", "r---------------"],
        ["x---x---x---x---", "x---------------", "xxxxxxxxxxxxxxxx", "x.x.x.x.x.x.x.x."],
        CELLS, [0, 73, 27], [0, 4, 24, 48], [33, 32]),
    "polka": ("2/4", (104, 134), [.5], [1, 2, 2, 4],
        [{"bassdrum": "X...x...", "snare": "..x...x."},
         {"bassdrum": "X...x...", "snare": "..x...x.", "cymbals": "X......."}, {},
         {"bassdrum": "X...x...", "snare": "..x...xx"}],
        ["r-..f-..", "r-..f-..", "r-..r-.."],
        ["..x...x."],
        ["x.xxx.x.", "xxxxx.x.", "x.x.xxxx", "x---x.x.", "x.xxx---"],
        [21, 71, 56, 72], [21, 61, 0], [58, 32]),
    "march": ("2/4", (98, 126), [.5], [1, 2, 2, 4],
        [{"bassdrum": "X...x...", "cymbals": "X...x...", "snare": "..x...xx"},
         {"bassdrum": "X...x...", "snare": "X.xxX.xx"},
         {"bassdrum": "X...x...", "snare": "xoxxxoxx", "cymbals": "X......."},
         {"bassdrum": "X.......", "snare": "..x.X.x."}],
        ["r-..f-..", "r-..f-..", "r---f---", "r---r---"],
        ["..x...x.", "..x...x.", "..x.xx.x"],
        ["x---x---", "x--xx---", "x-x-x---", "x-------", "x..xx..x", "x---x-x-"],
        [56, 72, 60, 61], [61, 60], [58]),
    "galop": ("2/4", (138, 164), [.5], [1, 2, 4],
        [{"bassdrum": "X...x...", "snare": "..x...x."}, {"bassdrum": "X.......", "snare": "..xxx.x."}, {}],
        ["r-..f-..", "r-..r-..", "r-......"],
        ["..x...x.", "..x.x.x."],
        ["x.xxx.xx", "xxxxxxxx", "x.x.x.x.", "x---x.x.", "x.xxx---"],
        [71, 73, 56, 0], [61, 48, 0], [58, 43]),
    "samba": ("2/4", (88, 116), [.5, .53], [1, 2, 2, 4],
        [{"surdo": "o...X...", "shaker": "XooxXoox", "rim": "x.x..x.x"},
         {"surdo": "o...X..x", "shaker": "XooxXoox", "tambourine": "XxoxXxox"},
         {"bassdrum": "x..xx..x", "hat": "X.x.X.x.", "rim": "x..x..x."}],
        ["r-.rf-.f", "r--rf--f", "....r---"],
        ["x.x..x.x", "x..x..x.", ".x.xx.x."],
        ["x.xx.x.x", "x-x--x-x", "..x-x-x-", "x--x--x-", "x-xxx-x-"],
        [73, 24, 65], [24, 25, 0], [32, 33]),
    "viennese": ("3/4", (108, 195), [.5], [1, 2, 2, 4],
        [{"bassdrum": "X...........", "snare": "....x...x..."}, {},
         {"kick": "X...........", "pedal": "....x...x...", "ride": "X...x...x..."}],
        ["r---........", "r-----------"],
        ["....x...x..."],
        ["x---x---x---", "x-------x---", "x-----x-x---", "x-x-x-x-x-x-", "x-----------"],
        [40, 21, 73, 71], [48, 21, 0], [32, 43]),
}
BLOCK = ["punk", "heavy", "house", "polka", "drum and bass", "boom bap", "slow chip", "ballad", "reel", "march",
         "viennese", "country", "chip", "swing", "heavy", "samba", "slow chip", "hardcore", "house", "ska", "ballad",
         "metal", "country", "swing", "galop", "blast", "slow chip", "fast swing", "boom bap", "viennese"]
#: Styles whose lead and chords are played with a fifth and the octave alone.
POWER = {"punk", "metal", "blast", "heavy"}


def spans(row):
    """[(step, length in steps, letter)] of a row."""
    out = []
    for i, letter in enumerate(row):
        if letter == "-" and out and out[-1][0] + out[-1][1] == i:
            out[-1][1] += 1
        elif letter not in ".-":
            out.append([i, 1, letter])
    return out


class _Phrase:
    """Eight bars: what every player repeats, and the melody's pitches."""

    def __init__(self, style, rng, tonic, mode):
        _, _, _, lasting, kits, basses, comps, cells, *_ = STYLES[style]
        self.kit, self.bass, self.comp = rng.choice(kits), rng.choice(basses), rng.choice(comps)
        self.length = rng.choice(lasting)
        self.loop = [chord(36 + tonic, mode, d) for d in rng.choice(MAJOR_LOOPS if mode == "major" else MINOR_LOOPS)]
        self.cells, self.resting = rng.sample(cells, 2), rng.random() < .2
        walk, self.steps = rng.randrange(7, 11), []
        for _ in range(64):
            walk = max(4, min(14, walk + rng.choice([-2, -1, -1, 0, 1, 1, 2])))
            self.steps.append(walk)

    def chord_at(self, bar, part):
        return self.loop[int((bar + part) / self.length + 1e-6) % len(self.loop)]


def _bass_pitch(letter, now, after):
    root = now[0] if now[0] < 47 else now[0] - 12
    following = after[0] if after[0] < 47 else after[0] - 12
    fifth = root + 7 if root < 43 else root - 5
    return {"r": root, "f": fifth, "t": root + now[1] - now[0], "u": root + 12, "a": following - 1}[letter]


def _fill(rng, beats, put, bar):
    for i in range(4):
        if rng.random() < .8:
            put(bar * beats + beats - 1 + i / 4, .2, DRUMS[rng.choice(["snare", "tom"])], rng.randint(80, 108), "drums")


def _play_bar(style, phrase, bar, players, beats, put, scale):
    """One bar; bar counts in the piece, players are who plays."""
    def at(row):
        return [(step / 4, length / 4, letter) for step, length, letter in spans(row)]

    start, inside = bar * beats, bar % 8
    if "drums" in players:
        for drum, row in phrase.kit.items():
            for when, _, letter in at(row):
                put(start + when, .2, DRUMS[drum], VELOCITY[letter], "drums")
    if "bass" in players:
        for when, length, letter in at(phrase.bass):
            now, after = phrase.chord_at(inside, when / beats), phrase.chord_at(inside + 1, 0)
            put(start + when, length * .95, _bass_pitch(letter, now, after), 92, "bass")
    if "chords" in players:
        for i, (when, length, letter) in enumerate(at(phrase.comp)):
            now = phrase.chord_at(inside, when / beats)
            voiced = [now[0], now[0] + 7, now[0] + 12] if style in POWER else [48 + (p - 48) % 12 for p in now]
            if len(spans(phrase.comp)) > 8 and style not in POWER:
                voiced = [voiced[i % 3] + 12]
            for pitch in voiced:
                put(start + when, length * .9, pitch, VELOCITY[letter] - 14, "chords")
    if "lead" in players and not (phrase.resting and inside % 4 == 3):
        for i, (when, length, _) in enumerate(at(phrase.cells[inside % 2])):
            step = phrase.steps[(inside % 4 * 16 + i) % 64]
            pitch = scale[step]
            if when % 1 == 0:
                tones = {p % 12 for p in phrase.chord_at(inside, when / beats)}
                pitch = min((p for p in scale if p % 12 in tones), key=lambda p: abs(p - pitch))
            put(start + when, length * .9, pitch, 100, "lead")


def make(style, rng, seconds, tonic, mode):
    """A Piece of a style, `seconds` long."""
    meter, (low, high), swings, *_, leads, comps, basses = STYLES[style]
    beats = drums.beats_per_bar(meter)
    tempo, swing = round(rng.uniform(low, high), 2), rng.choice(swings)
    jitter, lead_in, accents = rng.choice([0, 0, .003, .006]), rng.uniform(0, .6), rng.choice([.3, .7, 1])
    unit = .5 if style in ("drum and bass", "boom bap", "samba") else 1
    notes = []

    def put(beat, length, pitch, velocity, part):
        when = lead_in + drum_machine.swung(beat, swing, unit) * 60 / tempo + rng.gauss(0, jitter)
        loud = 96 + (velocity - 96) * accents + rng.randint(-5, 5) if part == "drums" else velocity
        notes.append(Note(max(0, when), length * 60 / tempo, pitch, loud, part))

    a, b = _Phrase(style, rng, tonic, mode), _Phrase(style, rng, tonic, mode)
    steps = keys.MAJOR_STEPS if mode == "major" else [0, 2, 3, 5, 7, 8, 11]
    scale = [48 + tonic + 12 * o + s for o in range(3) for s in steps]
    has_lead, intro, fills = rng.random() < .8, rng.choice([0, 0, 0, 2, 4]), rng.random() < .7
    absent = rng.choice([{"drums"}, {"lead"}, {"bass", "lead"}, {"chords"}])
    for bar in range(int(seconds * tempo / 60 / beats) + 1):
        players = {"drums", "bass", "chords"} | ({"lead"} if has_lead else set())
        players -= absent if bar < intro else set()
        phrase = b if bar // 8 % 4 == 2 else a
        _play_bar(style, phrase, bar, players, beats, put, scale)
        if "drums" in players and phrase.kit:
            if fills and bar % 8 == 7:
                _fill(rng, beats, put, bar)
            if bar % 8 == 0 and rng.random() < .8:
                put(bar * beats, .5, DRUMS["crash"], 92, "drums")
    programs = {"bass": rng.choice(basses), "chords": rng.choice(comps), "lead": rng.choice(leads)}
    if not has_lead:
        del programs["lead"]
    return Piece(notes=notes, programs=programs, tempo=tempo, meter=meter, tonic=tonic, mode=mode, first_beat=lead_in,
                 first_downbeat=lead_in, style=style, swing=swing, has_drums=bool(a.kit or b.kit))


def specs(recipe, rng):
    """(style, tonic, mode, whether a tracker plays it) of each piece."""
    out = []
    for i in range(recipe.get("bands", 0)):
        style = BLOCK[i % len(BLOCK)]
        out.append((style, rng.randrange(12), rng.choice(["major", "minor"]), "chip" in style or rng.random() < .5))
    return out
