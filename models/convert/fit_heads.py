"""Fits the constants of heads.py on outputs of the models and prints what the heads give on packages left out.

    fit_heads.py OUTPUTS TRACKS.json [--write]

OUTPUTS is a folder with ID.npz per track (tests/oracle/model_outputs.py): msd_musicnn, mtt_musicnn: tags of up to 8 blocks
[blocks, 50], events: probabilities per 10 ms [frames, 3]. TRACKS.json has the labels and the package of each.
Only the base rates, a temperature, and the two scales
of each mood come from data; exponent and tables are chosen by reasoning and checked here, never fitted to a track.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import execute
import heads
import ktm

EXPONENT = 1.0   # the lift over the base rate; .5 leaves "electronic" and "ambient" in front of what the tags of a track say
SMALLEST = 0.02  # added to each base rate: rare tags are not known more precisely
TEMPERATURES = (0.5, 0.6, 0.7, 0.8, 1.0, 1.3)
LEAST = 0.05     # added to each sum of tags of a mood before the logarithm
HALF = 0.225     # evidence of a voice at which instrumentalness is .5
MOOD_SPAN = {"arousal": 0.9, "valence": 0.8}  # from the 5th to the 95th percentile
THRESHOLDS = (0.4, 0.5, 0.5)
# Rows of the report that a head's file states, the most telling one first.
STATED = {"genre_classifier": ["genre top-1", "genre top-3"],
          "mood_detector": ["battle above sad, arousal (AUC)"],
          "instrument_classifier": ["solo instrument in the first three"],
          "speech_detector": ["speech found", "music taken for speech"],
          "vocal_detector": ["instrumental against sung, speech left out (AUC)", "sung found", "instrumental taken for sung"]}


def load(folder, track=None):
    out = []
    for path in sorted(Path(folder).glob("*.npz")):
        with np.load(path) as data:
            events = data["events"].astype(np.float32)
            blocks = np.concatenate([data["msd_musicnn"], data["mtt_musicnn"]], axis=1)
        out.append({"id": path.stem, "tags": blocks.mean(0), "clear": np.sqrt((blocks ** 2).mean(0)), "mean": events.mean(0), "share": (events > THRESHOLDS).mean(0),
                    "sure": (events > heads.SURE).mean(0)})
    return out


def run(name, fit, tracks):
    """Outputs of a head for all tracks, by the numpy executor."""
    graph, header = heads.build(name, fit)
    parts = {"genre_classifier": ["clear"], "mood_detector": ["tags"], "instrument_classifier": ["tags", "mean"],
             "speech_detector": ["share"], "vocal_detector": ["tags", "sure"]}[name]
    x = np.array([np.concatenate([track[part] for part in parts]) for track in tracks], np.float32)
    model = ktm.Model({"graph": graph.describe(), "tensors": []}, graph.tensors)
    return execute.run(model, {"x": x})


def fit_genre(music, temperature=1.0):
    x = np.array([track["clear"] for track in music])
    score = 1 - np.prod(1 - heads.weights(heads.GENRES.values())[None] * x[:, None, :], axis=2)
    base = [round(float(rate) + SMALLEST, 4) for rate in score.mean(0)]
    return {"base_rates": dict(zip(heads.GENRES, base)), "exponent": EXPONENT, "temperature": temperature}


def fit_mood(music):
    """Middle and slope of the log ratio, so that the 5th to 95th percentile of the music has the span."""
    x, out = np.array([track["tags"] for track in music]), {"least": LEAST}
    w = heads.weights([heads.ACTIVE, heads.CALM, heads.PLEASANT, heads.UNPLEASANT])
    logs = np.log(x @ w.T + LEAST)
    for i, name in enumerate(("arousal", "valence")):
        ratio = logs[:, 2 * i] - logs[:, 2 * i + 1]
        low, middle, high = np.percentile(ratio, [5, 50, 95])
        edge = np.log((1 + MOOD_SPAN[name]) / (1 - MOOD_SPAN[name]))
        out[name] = {"middle": round(float(middle), 3), "slope": round(float(2 * edge / (high - low)), 3)}
    return out


def fit_all(music, temperature=1.0):
    return {"genre_classifier": fit_genre(music, temperature), "mood_detector": fit_mood(music),
            "instrument_classifier": {"least": LEAST}, "speech_detector": {}, "vocal_detector": {"half": HALF}}


def left_out(name, tracks, temperature=1.0):
    """Outputs for each track by a head that was fitted without the track's package."""
    merged = {}
    for package in sorted({track["package"] for track in tracks}):
        mine = [i for i, track in enumerate(tracks) if track["package"] == package]
        fit = fit_all([t for t in tracks if t["package"] != package and t["music"]], temperature)
        for key, values in run(name, fit, [tracks[i] for i in mine]).items():
            merged.setdefault(key, np.zeros((len(tracks), values.shape[1])))[mine] = values
    return merged


def auc(above, below):
    return np.mean([(a > b) + 0.5 * (a == b) for a in above for b in below]) if len(above) and len(below) else None


def report(tracks, temperature):
    rows, names = [], list(heads.GENRES)
    label = lambda key: np.array([track["labels"].get(key) for track in tracks], object)
    genre, mood, vocals, solo = label("genre"), label("mood"), label("vocals"), label("solo")
    speech, music = label("speech") == "yes", np.array([track["music"] for track in tracks])
    p = left_out("genre_classifier", tracks, temperature)["probabilities"]
    known = [i for i, g in enumerate(genre) if g]
    place = {i: [names[k] for k in np.argsort(-p[i])].index(genre[i]) for i in known}
    rows += [(f"genre top-{n}", np.mean([place[i] < n for i in known]), len(known)) for n in (1, 3)]
    for name in ("classical", "metal"):
        rows.append((f"genre top-1 ({name})", np.mean([place[i] == 0 for i in known if genre[i] == name]),
                     int((genre == name).sum())))
    value = {key: x[:, 0] for key, x in left_out("speech_detector", tracks).items()}["speechiness"]
    rows += [("speech found", (value[speech] > .5).mean(), int(speech.sum())),
             ("music taken for speech", (value[music] > .5).mean(), int(music.sum()))]
    sung, plain = vocals == "yes", (vocals == "no") & ~speech
    value = left_out("vocal_detector", tracks)["instrumentalness"][:, 0]
    rows += [("instrumental against sung, speech left out (AUC)", auc(value[plain], value[sung]), int((plain | sung).sum())),
             ("sung found", (value[sung] < .5).mean(), int(sung.sum())),
             ("instrumental taken for sung", (value[plain] < .5).mean(), int(plain.sum()))]
    moods = left_out("mood_detector", tracks)
    for name in ("arousal", "valence"):
        for low in ("sad", "calm"):
            a, b = moods[name][mood == "battle", 0], moods[name][mood == low, 0]
            rows.append((f"battle above {low}, {name} (AUC)", auc(a, b), len(a) + len(b)))
    found, same = [], {"drum_kit": "drums", "snare_drum": "drums", "flute_traversiere": "flute"}
    fit = {"instrument_classifier": {"least": LEAST}}
    classes = [*heads.INSTRUMENTS, "singing_voice", "speech", "acoustic_guitar", "electric_guitar"]
    values = run("instrument_classifier", fit, tracks)["probabilities"]
    for i, name in enumerate(solo):
        if same.get(name, name) in classes:
            found.append(same.get(name, name) in [classes[k] for k in np.argsort(-values[i])[:3]])
    rows.append(("solo instrument in the first three", np.mean(found), len(found)))
    return rows


def best_temperature(tracks):
    """By the left-out likelihood of the labels."""
    known = [(i, list(heads.GENRES).index(t["labels"]["genre"])) for i, t in enumerate(tracks) if t["labels"].get("genre")]
    loss = {}
    for temperature in TEMPERATURES:
        p = left_out("genre_classifier", tracks, temperature)["probabilities"]
        loss[temperature] = -np.mean([np.log(p[i, k]) for i, k in known])
        print(f"temperature {temperature}: mean -log p of the label {loss[temperature]:.3f}")
    return min(loss, key=loss.get)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outputs", type=Path)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    facts = {track["id"]: track for track in json.loads(options.tracks.read_text())["tracks"]}
    tracks = [track for track in load(options.outputs) if track["id"] in facts]
    for track in tracks:
        fact = facts[track["id"]]
        track["package"] = fact["package"]
        track["labels"] = {key: value["value"] for key, value in fact["labels"].items()}
        track["music"] = track["labels"].get("speech") != "yes" and not track["labels"].get("solo")
    music = [track for track in tracks if track["music"]]
    temperature = best_temperature(tracks)
    rows = {name: (float(value), judged) for name, value, judged in report(tracks, temperature)}
    for name, (value, judged) in rows.items():
        print(f"{name:52}{value:7.3f}{judged:6}")
    fit = fit_all(music, temperature)
    for head, names in STATED.items():
        fit[head]["accuracy"] = [
            {"measure": name, "value": round(rows[name][0], 3),
             "set": f"{rows[name][1]} labelled real recordings, each package left out of the fit",
             "source": "models/convert/fit_heads.py"} for name in names]
    print(f"{len(tracks)} tracks, {len(music)} of music")
    if options.write:
        heads.FIT.write_text(json.dumps(fit, indent=1) + "\n")


if __name__ == "__main__":
    main()
