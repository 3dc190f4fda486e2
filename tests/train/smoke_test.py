#!/usr/bin/env python3
"""Trains each network of models/train for one epoch on a few seconds of made sound, and reads back what the run leaves.

    smoke_test.py      with KITHARA_PYTHON, or with the Python that runs it

Skipped, with a sentence, where that Python has no TensorFlow. Closes with `N passed, N failed`.
"""
import array
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("KITHARA_PYTHON", sys.executable)
BIN = pathlib.Path(os.environ.get("KITHARA_BIN", ROOT / "build/bin"))
SKIPPED, RATE, SECONDS = 77, 22050, 7
NEEDED = "import h5py, matplotlib, numpy, tensorflow, xxhash"
LABELS = {
    "genre": ("low", "high", "noise"),
    "mood": tuple({"valence": v, "arousal": a} for v, a in ((0.1, 0.9), (0.5, 0.2), (0.9, 0.5))),
    "instruments": (["a"], ["a", "b"], ["b", "c"]),
}


def sound(path, kind, number):
    """A tone in one of two octaves, or noise."""
    source = random.Random(number)
    step = 2 * math.pi * (220 if kind == 0 else 1760) * (1 + number / 50) / RATE
    value = (lambda i: source.uniform(-0.3, 0.3)) if kind == 2 else (lambda i: 0.3 * math.sin(step * i))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(array.array("h", (int(32767 * value(i)) for i in range(RATE * SECONDS))).tobytes())


class Smoke(unittest.TestCase):
    """One run of each network."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        cls.files = {f"{kind}_{number}.wav": kind for kind in range(3) for number in range(4)}
        for number, (file, kind) in enumerate(cls.files.items()):
            sound(cls.path / file, kind, number)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def train(self, task, *more):
        """The run folder."""
        labels, out = self.path / f"{task}.json", self.path / f"run-{task}"
        labels.write_text(json.dumps({file: LABELS[task][kind] for file, kind in self.files.items()}), encoding="utf-8")
        command = [PYTHON, "-m", "models.train", task, "--data", self.path, "--labels", labels, "--out", out, "--epochs", "1",
                   "--batch-size", "8", *more]
        done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True, timeout=600,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-2000:])
        return out

    def check(self, task, name, *more):
        out = self.train(task, *more)
        left = {path.name for path in out.iterdir()}
        self.assertEqual(left, {"config.json", "split.json", "history.json", "curves.png", "best.h5", "model.h5",
                                "metrics.json", f"{name}_v1.0.0.ktm"})
        metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
        self.assertLessEqual(metrics["largest_difference_from_keras"], 1e-4)
        self.assertLessEqual(metrics["largest_difference_of_input"], 1e-4)
        split = json.loads((out / "split.json").read_text(encoding="utf-8"))
        self.assertEqual(sorted(split["training"] + split["validation"]), sorted(self.files))
        self.assertEqual((out / "curves.png").read_bytes()[:4], b"\x89PNG")
        return out / f"{name}_v1.0.0.ktm", metrics

    def test_genre(self):
        models = self.path / "models"
        path, metrics = self.check("genre", "genre_classifier_3", "--register", models)
        self.assertIn("genre_classifier_3", (models / "models.yml").read_text(encoding="utf-8"))
        shown = subprocess.run([BIN / "kithara", "models", "show", path], capture_output=True, text=True, check=True).stdout
        for word in ("genre_classifier_3", "mir.genre_probabilities", "accuracy"):
            self.assertIn(word, shown)
        self.assertIn("accuracy", metrics["scores"])

    def test_mood(self):
        _, metrics = self.check("mood", "mood_detector")
        self.assertEqual(set(metrics["scores"]), {"mean_absolute_error_valence", "mean_absolute_error_arousal"})

    def test_instruments(self):
        self.check("instruments", "instrument_classifier_3")


if __name__ == "__main__":
    if subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, check=False).returncode:
        print(f"not run: {PYTHON} has not the packages of models/train/requirements.txt (KITHARA_PYTHON names another Python)")
        sys.exit(SKIPPED)
    result = unittest.TextTestRunner(verbosity=1).run(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
