#!/usr/bin/env python3
"""Labels, splits, folders of a head: the parts of models/train that need nothing but Python. Closes with `N passed, N failed`."""
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from models.train import labels, pieces  # noqa: E402  pylint: disable=wrong-import-position
from models.train.errors import TrainError  # noqa: E402  pylint: disable=wrong-import-position


def examples(**counts):
    """So many files of each label."""
    return [labels.Example(f"{label}/{i}.wav", label, f"file {label}/{i}.wav") for label, n in counts.items() for i in range(n)]


class Split(unittest.TestCase):
    """By file or group, per label, repeatable."""

    def test_each_file_is_on_one_side(self):
        everything = examples(rock=10, jazz=20)
        training, validation = labels.split(everything, 0.2, 1)
        self.assertEqual(sorted(training + validation, key=str), sorted(everything, key=str))
        self.assertFalse(set(training) & set(validation))

    def test_each_label_has_its_share(self):
        _, validation = labels.split(examples(rock=10, jazz=20, folk=2), 0.2, 1)
        count = {name: sum(example.label == name for example in validation) for name in ("rock", "jazz", "folk")}
        self.assertEqual(count, {"rock": 2, "jazz": 4, "folk": 1})

    def test_a_seed_gives_one_split(self):
        everything = examples(rock=10, jazz=20)
        self.assertEqual(labels.split(everything, 0.2, 7), labels.split(everything, 0.2, 7))
        self.assertNotEqual(labels.split(everything, 0.2, 7), labels.split(everything, 0.2, 8))

    def test_the_order_of_the_files_does_not_matter(self):
        everything = examples(rock=10)
        sides = [{example.file for example in side} for side in labels.split(everything, 0.2, 7)]
        again = [{example.file for example in side} for side in labels.split(everything[::-1], 0.2, 7)]
        self.assertEqual(sides, again)

    def test_a_group_is_not_separated(self):
        grouped = [labels.Example(f"{i}.wav", "rock", f"group {i % 5}") for i in range(30)]
        training, validation = labels.split(grouped, 0.2, 1)
        self.assertFalse({example.group for example in training} & {example.group for example in validation})
        self.assertEqual(len(validation), 6)

    def test_the_only_file_of_a_label_is_trained_on(self):
        training, validation = labels.split(examples(rock=4, folk=1), 0.5, 1)
        self.assertIn("folk", {example.label for example in training})
        self.assertNotIn("folk", {example.label for example in validation})

    def test_one_file_cannot_be_split(self):
        with self.assertRaises(TrainError):
            labels.split(examples(rock=1), 0.2, 1)


class Read(unittest.TestCase):
    """labels.json"""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        for name in ("a.wav", "b.wav"):
            (self.path / name).touch()

    def tearDown(self):
        self.folder.cleanup()

    def read(self, content):
        text = content if isinstance(content, str) else json.dumps(content)
        (self.path / "labels.json").write_text(text, encoding="utf-8")
        return labels.read(self.path / "labels.json", self.path)

    def test_labels_of_each_kind(self):
        mood = {"valence": 0.2, "arousal": 0.7}
        found = self.read({"b.wav": {"label": ["piano"], "group": "x"}, "a.wav": mood})
        self.assertEqual([(example.file, example.label, example.group) for example in found],
                         [("a.wav", mood, "file a.wav"), ("b.wav", ["piano"], "group x")])

    def test_a_missing_file_is_named(self):
        with self.assertRaisesRegex(TrainError, "1 files are not in .*no.wav"):
            self.read({"a.wav": "rock", "no.wav": "rock"})

    def test_what_is_not_labels_is_an_error(self):
        for content in ("[1]", "{}", "{", '"text"'):
            with self.assertRaises(TrainError):
                self.read(content)


class Pieces(unittest.TestCase):
    """Collections for a head."""

    def test_folders_are_class_and_artist(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("rock/A/x/1.ogg", "rock/B/2.mp3", "rock/B/cover.jpg", "jazz/C/3.wav"):
                (pathlib.Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                (pathlib.Path(folder) / name).touch()
            found = [(piece.label, piece.artist, piece.path.name) for piece in pieces.from_folders(folder)]
            self.assertEqual(found, [("jazz", "C", "3.wav"), ("rock", "A", "1.ogg"), ("rock", "B", "2.mp3")])
            (pathlib.Path(folder) / "rock/4.ogg").touch()
            with self.assertRaisesRegex(TrainError, "4.ogg has no folder of its artist"):
                pieces.from_folders(folder)

    @staticmethod
    def collection(**artists):
        return [pieces.Piece(pathlib.Path(f"{label}/{i}"), label, f"artist {i}") for label, n in artists.items() for i in range(n)]

    def test_a_class_of_few_artists_is_refused(self):
        self.assertEqual(pieces.check(self.collection(rock=5, jazz=6)), ["jazz", "rock"])
        with self.assertRaisesRegex(TrainError, "fewer of jazz: 4$"):
            pieces.check(self.collection(rock=5, jazz=4))
        with self.assertRaisesRegex(TrainError, "two classes"):
            pieces.check(self.collection(rock=5))

    def test_many_pieces_of_one_artist_are_one_artist(self):
        same = [pieces.Piece(pathlib.Path(str(i)), "rock", "One" if i % 2 else "ONE") for i in range(20)]
        with self.assertRaisesRegex(TrainError, "rock: 1"):
            pieces.check(same + self.collection(jazz=5))


class Program(unittest.TestCase):
    """Usage errors of the program."""

    def test_a_mistake_is_one_line(self):
        from models.train import __main__ as program

        for arguments in (["genre", "--data", "/no/such", "--labels", "/no/such.json", "--out"],
                          ["head", "--models", "/no/such", "--data", "/no/such", "--out"]):
            with tempfile.TemporaryDirectory() as out, contextlib.redirect_stderr(io.StringIO()):
                sys.argv = ["train", *arguments, out]
                with self.assertRaises(SystemExit) as left:
                    program.main()
                self.assertRegex(str(left.exception.code), "^train: [^\n]+$")

    def test_the_command_line_starts_it(self):
        program = pathlib.Path(os.environ.get("KITHARA_BIN", ROOT / "build/bin")) / "kithara"
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([program, "models", "train-head", "--data", folder, "--out", folder], cwd=folder,
                                  env=os.environ | {"KITHARA_PYTHON": sys.executable}, capture_output=True, text=True,
                                  timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^train: (there must be two classes|No module)")


if __name__ == "__main__":
    result = unittest.TextTestRunner(verbosity=1).run(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
