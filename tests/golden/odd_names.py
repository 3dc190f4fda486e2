#!/usr/bin/env python3
"""Names through the command line: any bytes in a name, links, folders that repeat, and the files that are written of them.

    odd_names.py --kithara build/bin/kithara

Each name of NAMES is a file that is analysed by `analyze` and by `run`: with the text of its path in JSON, CSV and the ledger,
distinct from all others, and from which its bytes come back. Closes with `N passed, N failed`.
"""
import argparse
import csv
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import wave
from pathlib import Path

PROGRAM = None
NAMES = [
    b"plain.wav", b"x\xff.wav", b"x\xfe.wav", b"x%FF.wav", b"x\xef\xbf\xbd.wav", "\u00fc \u00a0\U0001f3b5.wav".encode(),
    "u\u0308.wav".encode(), b"new\nline.wav", b"tab\tquote\"comma,.wav", b"back\\slash.wav", b"-dash.wav", b"100%.wav", b"%41.wav",
    b"caf\xe9 100%.wav", b"n" * 247 + b".wav", b"m" * 251 + b".wav", ("\u00fc" * 125).encode() + b".wav", b"A: 1/01.wav",
    b"B/01.wav", b"lat\xe9/01.wav", b"back\\slash/01.wav", b"line\nbreak/01.wav", b"file:/x%FF.wav", b"a.b:c/d:e.wav", b"~.wav", b"*?[a].wav",
]


def tone(path):
    """Half a second."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with wave.open(os.fsdecode(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"".join((i * 999 % 8000).to_bytes(2, "little") for i in range(4000)))


def bytes_of(text):
    """The path that a message means, as docs/integrate.md says."""
    if text.lower().startswith("file:"):
        return urllib.parse.unquote_to_bytes(text[7:] if text.startswith("file:///") else text[5:])
    return text.encode()


class Names(unittest.TestCase):
    """One folder of odd names."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kithara-names-")
        cls.home = os.fsencode(os.path.realpath(cls.scratch.name))
        cls.library = cls.home + b"/a: library"
        cls.paths = [cls.library + b"/" + name for name in NAMES]
        for path in cls.paths:
            tone(path)
        cls.environment = dict(os.environ, XDG_STATE_HOME=cls.scratch.name + "/state", LC_ALL="C.UTF-8")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def kithara(self, *argv, **more):
        """Exit code and outputs as text."""
        done = subprocess.run([PROGRAM, *argv], capture_output=True, timeout=300, check=False, env=self.environment, **more)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def folder(self, name, *files):
        """A folder with tones."""
        path = self.home + b"/" + name
        for file in files:
            tone(path + b"/" + file)
        return path

    def test_each_name_has_a_text_of_its_own_from_which_its_bytes_come_back(self):
        code, out, err = self.kithara("analyze", "--jsonl", "--options", "none", *self.paths)
        self.assertEqual((code, err), (0, ""))
        texts = [json.loads(line)["file_path"] for line in out.split("\n") if line]
        self.assertEqual([bytes_of(text) for text in texts], self.paths)
        self.assertEqual(len(set(texts)), len(texts))
        for text, path in zip(texts, self.paths):
            try:
                self.assertEqual(text, path.decode())
            except UnicodeDecodeError:
                self.assertTrue(text.startswith("file:///"))

    def test_csv_has_the_same_texts(self):
        code, out, _ = self.kithara("analyze", "-o", "csv", "--options", "none", *self.paths)
        self.assertEqual(code, 0)
        rows = list(csv.DictReader(io.StringIO(out, newline="")))
        self.assertEqual([bytes_of(row["file_path"]) for row in rows], self.paths)

    def test_a_text_can_be_given_instead_of_the_name(self):
        code, out, _ = self.kithara("analyze", "--jsonl", "--options", "none", self.library + b"/x\xff.wav")
        text = json.loads(out)["file_path"]
        self.assertEqual(text, "file://" + os.fsdecode(self.library) + "/x%FF.wav")
        self.assertEqual(self.kithara("analyze", "--jsonl", "--options", "none", text)[0], 0)
        code, out, _ = self.kithara("analyze", "--jsonl", "--options", "none", b"x\xff.wav", cwd=self.library)
        self.assertEqual((code, json.loads(out)["file_path"]), (0, "file:x%FF.wav"))

    def test_errors_name_the_file_as_text(self):
        code, _, err = self.kithara("analyze", "--jsonl", self.home + b"/none\xff.wav")
        self.assertEqual(code, 1)
        self.assertIn("none%FF.wav: no such file", err)

    def test_run_takes_them_all_and_the_ledger_has_them(self):
        out_path = os.fsdecode(self.home) + "/out.jsonl"
        code, table, err = self.kithara("run", self.library, "--out", out_path)
        self.assertEqual(code, 0, err)
        self.assertIn(f"{len(NAMES)} files, {len(NAMES)} analysed, 0 failed", err)
        documents = [json.loads(line) for line in Path(out_path).read_text().split("\n") if line]
        self.assertEqual({bytes_of(d["file_path"]) for d in documents}, set(self.paths))
        self.assertTrue(all(d["success"] for d in documents))
        shown = [line[:line.index("   0:0")].rstrip() for line in table.splitlines()[1:]]
        self.assertEqual(len(set(shown)), len(NAMES), "two rows of the table look alike")
        self.assertIn("A: 1/01.wav", shown)
        self.assertIn("file:lat%E9/01.wav", shown)
        stored = set()  # of all runs of this test
        for ledger in Path(self.scratch.name, "state").rglob("ledger.sqlite"):
            with sqlite3.connect(ledger) as database:
                stored |= {bytes_of(row[0]) for row in database.execute("select file_path from inputs")}
        self.assertLessEqual(set(self.paths), stored)
        code, rows, _ = self.kithara("results", "--run", self.library, "-o", "csv")
        self.assertEqual({bytes_of(row["file_path"]) for row in csv.DictReader(io.StringIO(rows, newline=""))}, set(self.paths))

    def test_a_folder_of_any_name_is_a_root(self):
        for name in (b"a:b", b"c\\:d", b"e\nf", b"g\xff", b":", b"\\", b"x\\x41"):
            path = self.folder(b"roots/" + name, b"a.wav")
            code, _, err = self.kithara("run", path)
            self.assertEqual(code, 0, f"{name}: {err}")
            self.assertIn("1 file, 1 analysed, 0 failed", err)

    def test_a_home_of_any_name_is_the_root_of_up(self):
        home = self.folder(b"ho:me\\x", b"music/a.wav")
        environment = dict(self.environment, HOME=os.fsdecode(home), ANALYZER_HTTP_BIND="127.0.0.1:0", ANALYZER_ROUTER_BIND="tcp://127.0.0.1:*")
        with subprocess.Popen([PROGRAM, "up"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as farm:
            said = farm.stdout.readline()
            url = re.search(r"HTTP at (\S+),", said)[1]
            self.assertIn("ho\\:me", said)
            done = subprocess.run([PROGRAM, "submit", "--wait", home + b"/music/a.wav"], capture_output=True, timeout=120,
                                  check=False, env=dict(environment, ANALYZER_HTTP_URL=url if "://" in url else "http://" + url))
            farm.send_signal(signal.SIGINT)
            farm.wait(60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_absolute_links_within_the_library_are_followed(self):
        path = self.folder(b"links", b"in/a.wav")
        outside = self.folder(b"elsewhere", b"o.wav")
        os.symlink(path + b"/in/a.wav", path + b"/absolute.wav")
        os.symlink(b"in/a.wav", path + b"/relative.wav")
        os.symlink(path + b"/absolute.wav", path + b"/twice.wav")
        os.symlink(outside + b"/o.wav", path + b"/outside.wav")
        os.symlink(b"/nowhere/x.wav", path + b"/nowhere.wav")
        code, out, err = self.kithara("run", path, "-o", "jsonl")
        self.assertEqual(code, 1)
        found = {os.path.basename(d["file_path"]): d["success"] or d["error"]["code"] for d in map(json.loads, out.splitlines())}
        self.assertEqual(found, {"a.wav": True, "absolute.wav": True, "relative.wav": True, "twice.wav": True,
                                 "outside.wav": "EROOT", "nowhere.wav": "EROOT"}, err)

    def test_folders_that_repeat_are_taken_once(self):
        path = self.folder(b"repeat", b"a.wav", b"sub/b.wav", b"sub/deep/c.wav")
        os.symlink(path, self.home + b"/repeat again")
        for argv in ((path, path), (path, path + b"/sub"), (path + b"/sub", path), (path, path + b"/sub/b.wav"),
                     (path + b"/a.wav", path + b"/a.wav", path), (path, self.home + b"/repeat again"), (path + b"/sub/deep", path, path + b"/sub")):
            code, _, err = self.kithara("run", "--fresh", *argv)
            self.assertEqual(code, 0, err)
            self.assertIn("3 files, 3 analysed, 0 failed", err, argv)
            code, out, _ = self.kithara("analyze", "-r", "--jsonl", "--options", "none", *argv)
            self.assertEqual(code, 0)
            names = sorted(os.path.basename(json.loads(line)["file_path"]) for line in out.splitlines())
            self.assertEqual(names, ["a.wav", "b.wav", "c.wav"], argv)

    def test_matrices_of_one_name_in_several_folders_mirror_them(self):
        out = self.home + b"/frames"
        code, _, err = self.kithara("analyze", "--jsonl", "--options", "spectral", "--frames", out, *self.paths)
        self.assertEqual((code, err), (0, ""))
        made = {os.path.relpath(os.path.join(where, name), out) for where, _, names in os.walk(out) for name in names if name.endswith(b".mfcc.npy")}
        self.assertEqual(len(made), len(NAMES))
        self.assertLessEqual({b"A: 1/01.wav.mfcc.npy", b"B/01.wav.mfcc.npy", b"lat\xe9/01.wav.mfcc.npy", b"x\xff.wav.mfcc.npy"}, made)
        self.assertTrue(all(len(os.path.basename(name)) <= 255 for name in made))

    def test_matrices_of_one_folder_are_not_put_into_another(self):
        out = self.home + b"/flat"
        code, _, err = self.kithara("analyze", "--jsonl", "--options", "spectral", "--frames", out, self.library + b"/plain.wav", b"./100%.wav",
                                    cwd=self.library)
        self.assertEqual((code, err), (0, ""))
        self.assertLessEqual({b"plain.wav.mfcc.npy", b"100%.wav.mfcc.npy"}, set(os.listdir(out)))

    def test_a_folder_is_mirrored_by_r(self):
        out = self.home + b"/walked"
        path = self.folder(b"walk", b"a.wav", b"sub/a.wav")
        code, _, err = self.kithara("analyze", "-r", "--jsonl", "--options", "spectral", "--frames", out, path)
        self.assertEqual(code, 0, err)
        self.assertTrue(os.path.exists(out + b"/a.wav.mfcc.npy") and os.path.exists(out + b"/sub/a.wav.mfcc.npy"))

    def test_a_file_given_twice_would_be_written_twice(self):
        code, _, err = self.kithara("analyze", "--frames", self.home + b"/twice", self.library + b"/B/01.wav", self.library + b"/A: 1/../B/01.wav")
        self.assertEqual(code, 2)
        self.assertIn("given twice", err)


def main():
    """Runs the tests and prints the closing line."""
    global PROGRAM  # pylint: disable=global-statement
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--kithara", type=Path, required=True, help="the program under test")
    PROGRAM = ap.parse_args().kithara.resolve()
    result = unittest.main(module=Names.__module__, argv=[sys.argv[0]], exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
