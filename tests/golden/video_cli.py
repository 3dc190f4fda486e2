#!/usr/bin/env python3
"""What the command line says and draws about films: summary, edit lists, pictures of shots, the plot.

    video_cli.py --kithara build/bin/kithara

Makes its clips with FFmpeg. Edit lists are read by OpenTimelineIO, from the Python package index, where it installs.
Closes with `N passed, N failed[, N skipped]`.
"""
import argparse
import csv
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = None
LENGTHS = (45, 60, 75, 30)  # pictures of the shots, at 30000/1001 Hz
SOURCES = ("testsrc=s=320x240", "mandelbrot=s=320x240:start_scale=1", "smptebars=s=320x240", "testsrc2=s=320x240")


def ffmpeg(*argv):
    """Runs FFmpeg."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, argv)], check=True, timeout=300)


def make_film(path, *more, rate="30000/1001"):
    """Four shots with sound."""
    inputs = []
    for source, pictures in zip(SOURCES, LENGTHS):
        inputs += ["-f", "lavfi", "-t", pictures * 1001 / 30000 if "/" in rate else pictures / float(rate), "-i",
                   f"{source}:r={rate}"]
    cut = "".join(f"[{i}:v]trim=end_frame={n},format=yuv420p,setsar=1[v{i}];" for i, n in enumerate(LENGTHS))
    joined = "".join(f"[v{i}]" for i in range(len(LENGTHS))) + f"concat=n={len(LENGTHS)}[v]"
    ffmpeg(*inputs, "-f", "lavfi", "-t", 7, "-i", "sine=440:r=48000", "-filter_complex", cut + joined, "-map", "[v]",
           "-map", f"{len(LENGTHS)}:a", "-c:v", "libx264", "-preset", "ultrafast", "-crf", 23, "-c:a", "aac", "-shortest", *more,
           path)


def make_cuts(path, shots, pictures=8):
    """Many short shots, each a board of 8 x 6 random squares that drifts."""
    numbers, frames = random.Random(1), bytearray()
    for _ in range(shots):
        board = numbers.randbytes(48)
        frames += b"".join(bytes(min(255, b + i) for b in board) for i in range(pictures))
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "8x6", "-r", "25", "-i",
                    "/dev/stdin", "-vf", "scale=128:96:flags=neighbor,format=yuv420p", "-c:v", "libx264", "-preset", "ultrafast",
                    str(path)], input=bytes(frames), check=True, timeout=300)


def kithara(*argv, env=None):
    """The program's exit code and outputs."""
    done = subprocess.run([PROGRAM, *map(str, argv)], capture_output=True, timeout=300, check=False,
                          env=dict(os.environ, ANALYZER_MODEL_PATH="/nonexistent", **(env or {})))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def png_size(path):
    """Width and height by the header."""
    head = Path(path).read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", head[16:24])


def curve_columns(path):
    """Columns of the panel of loudness, from its left edge, that have a blue pixel: of a curve."""
    width, height = png_size(path)
    raw = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                         capture_output=True, check=True, timeout=60).stdout
    end = height - 70 - 130 - 46  # margin, faces and text, gap (coordinator/cli/plot/page.h, film.h)
    return [x - 110 for x in range(110, 1630)
            if any(raw[at + 2] - raw[at] > 60 for at in range(3 * ((end - 209) * width + x), 3 * ((end - 1) * width + x), 3 * width))]


def opentimelineio(folder):
    """The module, installed into the folder if it is not there; None where it cannot be."""
    try:
        import opentimelineio as otio  # pylint: disable=import-outside-toplevel
        return otio
    except ImportError:
        pass
    done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", folder,
                           "OpenTimelineIO==0.18.1", "otio-cmx3600-adapter==1.0.0"], capture_output=True, timeout=300, check=False)
    if done.returncode != 0:
        return None
    sys.path.insert(0, str(folder))
    import opentimelineio as otio  # pylint: disable=import-outside-toplevel
    return otio


class Video(unittest.TestCase):
    """One folder of clips, many command lines."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kithara-video-")
        cls.folder = Path(cls.scratch.name)
        cls.film = cls.folder / "four shots.mp4"
        cls.sound = cls.folder / "sound.wav"
        make_film(cls.film)
        ffmpeg("-f", "lavfi", "-t", 2, "-i", "sine=440", cls.sound)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def document(self, *argv, env=None):
        """The message of the film."""
        code, out, err = kithara("analyze", "--jsonl", "--options", "visual,no_models", *argv, self.film, env=env)
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def test_the_summary_of_a_film_has_its_picture_its_sound_and_its_shots(self):
        code, out, _ = kithara("analyze", self.film)
        self.assertEqual(code, 0)
        for text in ("h264 and aac in mp4", "320 x 240 px, shown at 4:3, 29.97 Hz, 210 pictures", "aac, 48000 Hz, mono",
                     "4, 1.75 s on average: 3 cuts", "brightness 0.", "spectral_centroid"):
            self.assertIn(text, out)
        self.assertEqual(out.count("\n  absent\n"), 1)

    def test_the_summary_of_sound_has_no_lines_of_pictures(self):
        code, out, _ = kithara("analyze", self.sound)
        self.assertEqual(code, 0)
        self.assertNotIn("\n  visual\n", out)
        self.assertNotIn("picture  ", out)

    def test_a_row_of_csv_has_the_columns_of_pictures(self):
        code, out, _ = kithara("analyze", "-o", "csv", self.film, self.sound)
        rows = list(csv.DictReader(io.StringIO(out)))
        self.assertEqual(code, 0)
        self.assertEqual((rows[0]["resolution_1"], rows[0]["resolution_2"], rows[0]["frames"]), ("320", "240", "210"))
        self.assertGreater(float(rows[0]["brightness"]), 0)
        self.assertEqual(rows[1]["brightness"], "")
        self.assertNotIn("transitions", rows[0])  # lists of objects have no place in a row

    def test_an_edl_counts_pictures_in_drop_frame_timecode(self):
        code, out, err = kithara("analyze", "-o", "edl", self.film)
        self.assertEqual((code, err), (0, ""))
        lines = out.splitlines()
        self.assertEqual(lines[:2], ["TITLE: four shots.mp4", "FCM: DROP FRAME"])
        events = [line.split() for line in lines if line[:3].isdigit()]
        self.assertEqual([e[0] for e in events], ["001", "002", "003", "004"])
        self.assertEqual([(e[4], e[5]) for e in events],
                         [("00:00:00;00", "00:00:01;15"), ("00:00:01;15", "00:00:03;15"),
                          ("00:00:03;15", "00:00:06;00"), ("00:00:06;00", "00:00:07;00")])
        self.assertEqual([e[4:6] for e in events], [e[6:8] for e in events])

    def test_edit_lists_are_read_by_opentimelineio(self):
        code, out, _ = kithara("analyze", "-o", "otio", self.film)
        self.assertEqual(code, 0)
        otio = opentimelineio(self.folder / "packages")
        if not otio:
            self.skipTest("OpenTimelineIO cannot be installed")
        timeline = otio.adapters.read_from_string(out, "otio_json")
        clips = list(timeline.find_clips())
        self.assertEqual([int(c.source_range.duration.value) for c in clips], list(LENGTHS))
        self.assertEqual([int(c.range_in_parent().start_time.value) for c in clips], [0, 45, 105, 180])
        self.assertEqual(clips[0].source_range.start_time.rate, 30000 / 1001)
        self.assertEqual(timeline.duration().value, 210)
        self.assertEqual(clips[0].media_reference.target_url, self.film.as_uri())
        again = otio.adapters.read_from_string(otio.adapters.write_to_string(timeline, "otio_json"), "otio_json")
        self.assertTrue(timeline.is_equivalent_to(again))
        edl = otio.adapters.read_from_string(kithara("analyze", "-o", "edl", self.film)[1], "cmx_3600", rate=30000 / 1001)
        self.assertEqual([c.trimmed_range() for c in edl.find_clips()], [c.source_range for c in clips])

    def test_an_edl_of_1500_shots_is_read_by_opentimelineio(self):
        film = self.folder / "cuts.mp4"
        make_cuts(film, 1500)
        code, out, err = kithara("analyze", "-o", "edl", film)
        self.assertEqual((code, err), (0, ""))
        events = [line.split() for line in out.splitlines() if line[:1].isdigit()]
        self.assertGreater(len(events), 1400)
        self.assertEqual([int(e[0]) for e in events], list(range(1, len(events) + 1)))
        otio = opentimelineio(self.folder / "packages")
        if not otio:
            self.skipTest("OpenTimelineIO cannot be installed")
        clips = list(otio.adapters.read_from_string(out, "cmx_3600", rate=25).find_clips())
        self.assertEqual(len(clips), len(events))
        self.assertEqual(sum(c.duration().value for c in clips), 12000)

    def test_a_file_without_pictures_is_a_named_error_and_the_others_are_written(self):
        lists = self.folder / "lists"
        code, out, err = kithara("analyze", "-o", "otio", "--out", lists, self.sound, self.film)
        self.assertEqual((code, out), (1, ""))
        self.assertEqual(err.count("\n"), 1)
        self.assertTrue(err.startswith(f"kithara: ENOVIDEO: {self.sound}: no decodable video stream"), err)
        self.assertEqual([p.name for p in lists.iterdir()], ["four shots.mp4.otio"])
        self.assertEqual(json.loads((lists / "four shots.mp4.otio").read_text())["OTIO_SCHEMA"], "Timeline.1")

    def test_what_would_overwrite_or_mix_files_is_refused(self):
        other = self.folder / "other"
        other.mkdir()
        os.link(self.film, other / self.film.name)
        for argv in (["-o", "edl", self.film, self.sound], ["--out", other, self.film],
                     ["--thumbnails", other, "--options", "mir", self.film],
                     ["-o", "edl", "--out", other, self.film, self.film]):
            code, out, err = kithara("analyze", *argv)
            self.assertEqual((code, out), (2, ""), argv)
            self.assertTrue(err.startswith("kithara: EUSAGE"), err)
        self.assertEqual([p.name for p in other.iterdir()], [self.film.name])

    def test_thumbnails_of_films_of_one_name_lie_in_folders_like_theirs(self):
        again, shots = self.folder / "again", self.folder / "two films"
        again.mkdir()
        os.link(self.film, again / self.film.name)
        code, _, err = kithara("analyze", "--thumbnails", shots, self.film, again / self.film.name)
        self.assertEqual((code, err), (0, ""))
        names = sorted(str(p.relative_to(shots)) for p in shots.rglob("*.png"))
        self.assertEqual(len(names), 2 * len(LENGTHS), names)
        self.assertEqual(sum(name.startswith("again/") for name in names), len(LENGTHS), names)
        lists = self.folder / "two lists"
        code, _, err = kithara("analyze", "-o", "edl", "--out", lists, self.film, again / self.film.name)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(len(list(lists.glob("*.edl"))), 1)
        self.assertEqual(len(list((lists / "again").glob("*.edl"))), 1)

    def test_each_shot_has_a_picture_near_its_middle(self):
        shots = self.folder / "shots"
        code, _, err = kithara("analyze", "--thumbnails", shots, self.film)
        self.assertEqual((code, err), (0, ""))
        names = sorted(p.name for p in shots.iterdir())
        self.assertEqual([n[:-len("0.000s.png")] for n in names], [f"four shots.mp4-{i:04}-" for i in range(1, 5)])
        begin = 0
        for name, pictures in zip(names, LENGTHS):
            at, length = float(name.rsplit("-", 1)[1][:-5]), pictures * 1001 / 30000
            self.assertLessEqual(abs(at - begin - length / 2), max(0.5, length / 32), name)
            self.assertEqual(png_size(shots / name), (320, 240))
            begin += length

    def test_pictures_are_shown_upright_and_with_square_pixels(self):
        turned, wide = self.folder / "turned.mp4", self.folder / "wide.mp4"
        ffmpeg("-i", self.film, "-c", "copy", "-metadata:s:v", "rotate=90", turned)
        ffmpeg("-i", self.film, "-vf", "setsar=3/2", "-preset", "ultrafast", wide)
        shots = self.folder / "shown"
        code, _, err = kithara("analyze", "--thumbnails", shots, turned, wide)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual({png_size(p) for p in shots.glob("turned*")}, {(240, 320)})
        self.assertEqual({png_size(p) for p in shots.glob("wide*")}, {(480, 240)})

    def test_a_file_without_pictures_leaves_no_picture_and_says_so(self):
        empty = self.folder / "empty"
        code, out, err = kithara("analyze", "--thumbnails", empty, self.sound)
        self.assertEqual(code, 0)
        self.assertIn("no pictures of shots", err)
        self.assertIn("spectral_centroid", out)
        self.assertEqual(list(empty.iterdir()), [])

    def test_the_plot_of_a_film_has_its_own_page_and_sound_keeps_its(self):
        pages = {}
        for path, argv in ((self.film, []), (self.sound, []), (self.film, ["--options", "visual,no_models"])):
            page = self.folder / "page.png"
            code, out, err = kithara("plot", path, "--out", page, *argv)
            self.assertEqual((code, out, err), (0, f"{page}\n", ""))
            pages[path.name + "".join(argv)] = png_size(page)
        self.assertEqual(pages["sound.wav"], (1760, 1604))
        self.assertEqual(pages["four shots.mp4"][0], 1760)
        self.assertNotEqual(pages["four shots.mp4"], pages["sound.wav"])
        self.assertEqual(kithara("plot", self.film, "--options", "colour")[0], 2)

    def test_sound_that_begins_late_or_early_is_drawn_where_it_begins(self):
        late, early, page = self.folder / "late.mkv", self.folder / "early.mkv", self.folder / "late.png"
        ffmpeg("-i", self.film, "-itsoffset", 3, "-i", self.sound, "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "flac", late)
        ffmpeg("-itsoffset", 1, "-i", self.film, "-i", self.sound, "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "flac", early)
        for film, start, length, drawn in ((late, 3, 7, (3, 5)), (early, 0, 8, (0, 2))):
            code, out, _ = kithara("analyze", "--jsonl", "--options", "visual,no_models", film)
            self.assertEqual(code, 0)
            self.assertAlmostEqual(json.loads(out)["features"]["technical"]["audio_start_time"], start, delta=0.01)
            self.assertEqual(kithara("plot", film, "--out", page)[0], 0)
            columns = curve_columns(page)  # a dash of the line of the integrated loudness may cover its end
            self.assertAlmostEqual(columns[0] / 1520 * length, drawn[0], delta=0.1)
            self.assertAlmostEqual(columns[-1] / 1520 * length, drawn[1], delta=0.1)

    def test_key_frames_have_no_motion_however_near_they_are(self):
        near = self.folder / "near.mp4"
        ffmpeg("-i", self.film, "-g", 12, "-preset", "ultrafast", near)
        code, out, err = kithara("analyze", "--jsonl", "--options", "visual,no_models", near, env={"ANALYZER_VIDEO_MODE": "keyframes"})
        self.assertEqual((code, err), (0, ""))
        document = json.loads(out)
        for feature in ("motion", "motion_vectors", "motion_directions", "camera", "static_share"):
            self.assertIsNone(document["features"]["visual"][feature])
            self.assertEqual(document["reasons"][feature], "key frames alone were decoded")
        self.assertGreater(len(document["features"]["visual"]["scene_changes"]), 0)

    def test_the_mode_of_decoding_is_said_and_is_part_of_the_cache_key(self):
        env = {"LIBROSA_CACHE_DIR": str(self.folder / "cache")}
        for mode in ("full", "keyframes", "sampled", "full"):
            document = self.document(env=dict(env, ANALYZER_VIDEO_MODE=mode))
            self.assertEqual(document["features"]["visual"]["video_mode"], mode)
        code, _, err = kithara("analyze", self.film, env={"ANALYZER_VIDEO_MODE": "some"})
        self.assertNotEqual(code, 0)
        self.assertIn("full,sampled,keyframes", err)


def main():
    """Runs them and prints the closing line."""
    global PROGRAM  # pylint: disable=global-statement
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--kithara", type=Path, required=True, help="the program under test")
    ap.add_argument("--only", help="tests whose name contains this")
    options = ap.parse_args()
    PROGRAM = options.kithara.resolve()
    loader = unittest.defaultTestLoader
    loader.testNamePatterns = [f"*{options.only}*"] if options.only else None
    result = unittest.TextTestRunner(verbosity=1).run(loader.loadTestsFromTestCase(Video))
    failed, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    print(f"{result.testsRun - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
