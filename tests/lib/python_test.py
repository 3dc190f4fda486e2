#!/usr/bin/env python3
"""python/kithara/library.py over the built library, without a module that Python does not bring. Closes with `N passed, N failed`."""
import array
import gc
import math
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RATE = 44100
sys.path.insert(0, str(ROOT / "python"))
import kithara  # noqa: E402  pylint: disable=wrong-import-position


def tone(seconds, channels=1):
    """Interleaved float32 samples."""
    frames = (0.3 * math.sin(2 * math.pi * 440 * i / RATE) for i in range(int(seconds * RATE)))
    return array.array("f", (value for frame in frames for value in [frame] * channels))


class Library(unittest.TestCase):
    """The analysis part."""

    def setUp(self):
        self.context = kithara.Context()

    def tearDown(self):
        self.context.close()

    def test_samples_become_a_document(self):
        document = self.context.analyze_samples(tone(3), RATE)
        self.assertTrue(document["success"])
        self.assertGreater(document["features"]["spectral"]["spectral_centroid"], 0)

    def test_channels_are_the_second_dimension(self):
        stereo = memoryview(tone(3, 2)).cast("B").cast("f", (3 * RATE, 2))
        two, one = (self.context.analyze_samples(samples, RATE)["features"] for samples in (stereo, tone(3)))
        self.assertEqual(two["spectral"]["spectral_centroid"], one["spectral"]["spectral_centroid"])
        self.assertEqual(two["technical"]["audio_channels"], 2)

    def test_options_are_a_dict(self):
        features = self.context.analyze_samples(tone(2), RATE, {"extract_mir": False})["features"]
        self.assertIsNone(features["mir"]["onset_rate"])
        self.assertIsNotNone(features["spectral"]["spectral_centroid"])

    def test_an_error_has_its_name_and_the_document(self):
        with self.assertRaises(kithara.Error) as caught:
            self.context.analyze_file("/no/such/file")
        self.assertEqual(caught.exception.name, "ENOFILE")
        self.assertFalse(caught.exception.document["success"])

    def test_wrong_settings_and_types_are_refused(self):
        with self.assertRaisesRegex(kithara.Error, "ESETTING.*ANALYZER_NO_SUCH"):
            kithara.Context("ANALYZER_NO_SUCH=1")
        with self.assertRaises(TypeError):
            self.context.analyze_samples(array.array("d", [0.0] * 100), RATE)

    def test_resampling_keeps_the_length(self):
        self.assertEqual(len(kithara.resample(tone(1), RATE, 22050)), 22050)
        self.assertEqual(len(kithara.resample(array.array("f"), RATE, RATE)), 0)

    def test_memory_lives_as_long_as_its_last_view(self):
        part = kithara.resample(tone(1), RATE, RATE)[100:200]
        gc.collect()
        self.assertAlmostEqual(part[0], 0.3 * math.sin(2 * math.pi * 440 * 100 / RATE), places=6)

    def test_memory_is_given_back(self):
        samples = tone(2)
        for _ in range(20):
            kithara.resample(samples, RATE, RATE)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(500):  # 176 MB
            kithara.resample(samples, RATE, RATE)
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 20_000)

    def test_threads_work_at_the_same_time(self):
        found = []

        def work():
            found.append(self.context.analyze_samples(tone(2), RATE)["features"]["spectral"]["spectral_centroid"])

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(found), 3)
        self.assertEqual(len(set(found)), 1)


class Prefix(unittest.TestCase):
    """An installation in another folder."""

    def test_the_decoder_is_found_from_the_library(self):
        build = pathlib.Path(kithara.library.LIB._name).resolve().parents[1]  # pylint: disable=protected-access
        with tempfile.TemporaryDirectory() as prefix:
            for folder, target in (("lib/any-arch", build / "lib/libkithara.so.1"), ("libexec", build / "bin/kithara-decode")):
                (pathlib.Path(prefix) / folder).mkdir(parents=True)
                (pathlib.Path(prefix) / folder / target.name).hardlink_to(target.resolve())
            environment = {key: value for key, value in os.environ.items() if key != "KITHARA_DECODE"}
            environment |= {"KITHARA_LIBRARY": f"{prefix}/lib/any-arch/libkithara.so.1", "PYTHONPATH": str(ROOT / "python")}
            code = "import kithara; kithara.Context().close()"
            subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)


if __name__ == "__main__":
    names = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(verbosity=1).run(names)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
