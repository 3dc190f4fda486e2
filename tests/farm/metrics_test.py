#!/usr/bin/env python3
"""What people alert on: the histograms, the oldest job, decoder deaths, cache hits. Real processes, real text.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree).
"""
import os
import re
import sys
import unittest
import urllib.request
import wave

sys.path.insert(0, os.path.dirname(__file__))
from farm import Farm, wait_for  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop"}


def scrape(farm):
    with urllib.request.urlopen(farm.http + "/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {name: float(value) for name, value in re.findall(r"^([a-z][^ ]*(?:{[^}]*})?) (\S+)$", text, re.M)}, text


def write_tone(path):
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(22050)
        out.writeframes(bytes(range(256)) * 200)


class Metrics(unittest.TestCase):
    def expect_histogram(self, values, name, count):
        """Buckets grow to +Inf, which is the count."""
        buckets = [value for key, value in values.items() if key.startswith(name + "_bucket{le=")]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual((values[name + '_bucket{le="+Inf"}'], values[name + "_count"]), (count, count))
        self.assertGreaterEqual(values[name + "_sum"], 0)

    def test_times_of_jobs_are_histograms_and_every_family_is_declared_once(self):
        with Farm(**NOOP).start(["a"]) as farm:
            farm.submit(0, 500)
            farm.wait_finished(500)
            wait_for(lambda: scrape(farm)[0]["kithara_end_to_end_seconds_count"] == 500, "all outcomes")
            values, text = scrape(farm)
            for name in ("kithara_queue_seconds", "kithara_end_to_end_seconds"):
                self.expect_histogram(values, name, 500)
            self.assertEqual(values["kithara_oldest_queued_seconds"], 0)
            declared = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)
            self.assertEqual(len(declared), len(dict(declared)))
            families = dict(declared)
            for key in values:
                family = key.split("{")[0]
                base = re.sub("_(bucket|sum|count)$", "", family)
                self.assertTrue(family in families or families.get(base) == "histogram", key)

    def test_the_oldest_job_ages_while_no_node_takes_it(self):
        with Farm(**NOOP) as farm:
            farm.start_coordinator()
            farm.submit(0, 3)
            wait_for(lambda: scrape(farm)[0]["kithara_oldest_queued_seconds"] > 0.5, "its age")
            self.assertLess(scrape(farm)[0]["kithara_oldest_queued_seconds"], 20)

    def test_cache_hits_decoder_deaths_and_codes_are_counted(self):
        with Farm(ANALYZER_WORKERS="1", ANALYZER_DECODER_MEMORY="64") as farm:
            farm.settings.update(ANALYZER_MEDIA_ROOTS=farm.folder, LIBROSA_CACHE_DIR=farm.path("cache"))
            write_tone(farm.path("tone.wav"))
            farm.start(["a"])
            farm.submit(0, 3, farm.path("tone.wav"))
            farm.submit(3, 1, farm.path("missing.wav"))
            farm.wait_finished(4, 60)
            values, _ = scrape(farm)
            self.assertEqual(values['kithara_failures_total{code="ENOFILE"}'], 1)
            self.assertEqual(values["kithara_node_cache_hits_total"], 2)
            self.expect_histogram(values, "kithara_processing_seconds", 3)
            self.assertEqual(values['kithara_stage_seconds_count{stage="decode"}'], 1)
            for reason in ("crash", "memory", "cpu", "stall"):
                self.assertEqual(values[f'kithara_decoder_deaths_total{{reason="{reason}"}}'], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
