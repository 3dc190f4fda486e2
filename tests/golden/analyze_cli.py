#!/usr/bin/env python3
"""The contract of `kithara analyze` besides its numbers: order, streaming, formats, exit codes, messages, matrices.

    analyze_cli.py --kithara build/bin/kithara

Needs nothing but the program: its input is made here. Closes with `N passed, N failed`.
"""
import argparse
import csv
import io
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import wave
from pathlib import Path

RATE = 22050
PROGRAM = None


def tone(path, seconds, hertz=440, channels=1):
    """A WAV file with a sine."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(RATE)
        values = (int(8000 * math.sin(2 * math.pi * hertz * i / RATE)) for i in range(int(seconds * RATE)))
        out.writeframes(b"".join(struct.pack("<h", v) * channels for v in values))


def kithara(*argv, **more):
    """The program's exit code and outputs."""
    done = subprocess.run([PROGRAM, "analyze", *map(str, argv)], capture_output=True, timeout=120, check=False, **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def kithara_bytes(content, *argv):
    """The same with these bytes on standard input."""
    done = subprocess.run([PROGRAM, "analyze", *argv], input=content, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Analyze(unittest.TestCase):
    """One folder of files, many command lines."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kithara-analyze-")
        cls.folder = Path(cls.scratch.name)
        cls.files = [cls.folder / f"tone {i}.wav" for i in range(6)]
        for i, path in enumerate(cls.files):
            tone(path, 6 - i, 200 + 100 * i)  # the first takes longest

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_a_stream_that_fails_gives_its_document_too(self):
        for content, code in ((b"not media\n" * 300, "ETEXT"), (bytes(5000), "EFORMAT")):
            exit_code, out, err = kithara_bytes(content, "--jsonl", "-")
            document = json.loads(out)
            self.assertEqual((exit_code, document["success"], document["error"]["code"]), (1, False, code))
            self.assertEqual(document["file_path"], "-")
            self.assertIn(code, err)

    def test_output_stands_in_the_order_given_whoever_is_first(self):
        code, out, err = kithara("--jsonl", "--workers", 3, *self.files)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual([json.loads(line)["file_path"] for line in out.splitlines()], [str(p) for p in self.files])

    def test_features_do_not_depend_on_workers_or_order(self):
        def features(*argv):
            documents = map(json.loads, kithara("--jsonl", *argv)[1].splitlines())
            return {d["file_path"]: json.dumps([d["message_id"], d["features"]]) for d in documents}
        one = features("--workers", 1, *self.files)
        self.assertEqual(len(one), len(self.files))
        self.assertEqual(one, features("--workers", 4, *reversed(self.files)))

    def test_a_failed_file_is_told_and_the_others_are_unharmed(self):
        missing = self.folder / "none.wav"
        code, out, err = kithara("-o", "jsonl", self.files[4], missing, self.files[5])
        self.assertEqual(code, 1)
        self.assertEqual(err, f"kithara: ENOFILE: {missing}: no such file\n")
        documents = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([d["success"] for d in documents], [True, False, True])
        self.assertEqual(documents[1]["error"]["code"], "ENOFILE")

    def test_csv_has_a_header_and_a_row_a_file(self):
        code, out, _ = kithara("-o", "csv", *self.files, self.folder)
        rows = list(csv.DictReader(io.StringIO(out)))
        self.assertEqual((code, len(rows)), (1, 7))
        self.assertAlmostEqual(float(rows[2]["duration"]), 4)
        self.assertGreater(float(rows[5]["spectral_centroid"]), float(rows[0]["spectral_centroid"]))
        self.assertIn("mfcc_13", rows[0])
        self.assertEqual(rows[6]["error"], "EDIRECTORY")
        self.assertEqual((rows[0]["success"], rows[6]["success"], rows[0]["has_video"]), ("true", "false", "false"))
        for name in ("analysis_version", "timestamp", "quality_score"):
            self.assertTrue(rows[0][name], name)
        self.assertNotIn("quality_quality_score", rows[0])

    def test_csv_leaves_out_what_is_empty_in_every_row(self):
        header = lambda *options: kithara("-o", "csv", *options, self.files[0])[1].split("\r\n")[0].split(",")  # noqa: E731
        short, whole = header(), header("--all-columns")
        self.assertNotIn("media_id", short)
        self.assertNotIn("frame_rate", short)
        for name in ("media_id", "artist", "title", "album", "frame_rate", "warnings", "error"):
            self.assertIn(name, whole)
        self.assertEqual([name for name in whole if name in short], short)
        self.assertEqual(len(set(whole)), len(whole))
        self.assertFalse([name for name in whole if name.endswith("_median")])
        statistics = header("--statistics")
        for name in ("spectral_centroid_std", "rms_max", "mfcc_2_median", "mfcc_2_min"):
            self.assertIn(name, statistics)

    def test_units_are_a_second_line_of_the_header(self):
        code, out, _ = kithara("-o", "csv", "--units", self.files[0])
        names, units, values = list(csv.reader(io.StringIO(out)))
        self.assertEqual(code, 0)
        self.assertEqual(len(names), len(units))
        self.assertEqual(len(names), len(values))
        found = dict(zip(names, units))
        self.assertEqual((found["duration"], found["loudness"], found["file_path"]), ("s", "LUFS", ""))

    def test_the_summary_is_plain_where_nobody_sees_colours(self):
        code, out, _ = kithara(self.files[0])
        self.assertEqual(code, 0)
        self.assertNotIn("\033", out)
        for word in ("0:06.00", "22050 Hz", "spectral_centroid", "median", "onset_strength"):
            self.assertIn(word, out)

    def test_wrong_usage_is_two(self):
        for argv in ([], ["--nonsense", "a"], ["-o", "xml", "a"], ["--every", "5", "a"],
                     ["--every", "0", "-"], ["-", "a"], ["--frames", "x", "-"], ["--every", "5", "-o", "csv", "-"],
                     ["--pcm", "f32", "a"], ["--pcm", "s16", "--rate", "1", "--channels", "1", "a"],
                     ["--rate", "8000", "a"], ["--workers", "0", "a"], ["--options", "colour", "a"]):
            code, out, err = kithara(*argv)
            self.assertEqual((code, out), (2, ""), argv)
            self.assertTrue(err.startswith("kithara: E"), err)

    def test_two_dashes_end_the_options(self):
        tone(self.folder / "--jsonl", 0.2)
        code, out, _ = kithara("-o", "jsonl", "--", "--jsonl", cwd=self.folder)
        self.assertEqual((code, json.loads(out)["file_path"]), (0, "--jsonl"))

    def test_raw_samples_equal_the_file(self):
        with wave.open(str(self.files[5]), "rb") as source:
            shorts = struct.unpack(f"<{source.getnframes()}h", source.readframes(source.getnframes()))
        raw = self.folder / "raw.f32"
        raw.write_bytes(struct.pack(f"<{len(shorts)}f", *(s / 32768 for s in shorts)))
        _, a, _ = kithara("--jsonl", self.files[5])
        code, b, _ = kithara("--jsonl", "--pcm", "f32", "--rate", RATE, "--channels", 1, raw)
        self.assertEqual(code, 0)
        self.assertEqual(json.loads(a)["features"]["spectral"], json.loads(b)["features"]["spectral"])

    def test_options_leave_out_what_is_not_asked_for(self):
        _, out, _ = kithara("--jsonl", "--options", "mir,quality", self.files[5])
        self.assertEqual(set(json.loads(out)["features"]["spectral"].values()), {None})

    def test_matrices_are_numpy_files_named_by_feature(self):
        frames = self.folder / "frames"
        code, _, _ = kithara("--frames", frames, self.files[5])
        self.assertEqual(code, 0)
        names = sorted(p.name for p in frames.iterdir())
        self.assertEqual(len(names), 13)
        data = (frames / "tone 5.wav.mfcc.npy").read_bytes()
        columns = 1 + RATE // 512
        self.assertIn(f"'fortran_order': True, 'shape': (13, {columns})".encode(), data[:128])
        self.assertEqual(len(data), 128 + 13 * columns * 4)
        self.assertEqual(kithara("--frames", self.files[0] / "x", self.files[5])[0], 2)

    def test_a_reader_that_leaves_ends_it_quietly(self):
        with subprocess.Popen([PROGRAM, "analyze", "--jsonl", *self.files * 20], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as running:
            self.assertTrue(running.stdout.readline())
            running.stdout.close()
            self.assertEqual(running.stderr.read(), b"")
            self.assertEqual(running.wait(60), 0)

    def test_a_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "analyze", "--jsonl", self.files[5]], stdout=full, stderr=subprocess.PIPE,
                                  timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"kithara: EDISK: standard output", done.stderr)

    def test_roots_hold_for_the_command_line_too(self):
        env = dict(os.environ, ANALYZER_MEDIA_ROOTS=str(self.folder))
        self.assertEqual(kithara(self.files[5].name, cwd=self.folder, env=env)[0], 0)
        code, _, err = kithara("/etc/hostname", env=env)
        self.assertEqual(code, 1)
        self.assertIn("EROOT", err)


def main():
    """Runs them and prints the closing line."""
    global PROGRAM  # pylint: disable=global-statement
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--kithara", type=Path, required=True, help="the program under test")
    PROGRAM = ap.parse_args().kithara.resolve()
    result = unittest.TextTestRunner(verbosity=1).run(unittest.defaultTestLoader.loadTestsFromTestCase(Analyze))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
