#!/usr/bin/env python3
"""The first day's script on the simulated device, so that a GPU meets a script that has run.

The bundle is links to this build's programs; the documents to compare with are made by the processor first.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
import harness  # noqa: E402
from device_day.pack import make_media  # noqa: E402

RUN = TESTS / "device_day/run.py"


class Rehearsal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="kithara-day-")
        cls.bundle = pathlib.Path(cls.temporary.name) / "day"
        (cls.bundle / "bin").mkdir(parents=True)
        build = pathlib.Path(harness.BIN)
        for name, program in (("kithara", build / "kithara"), ("kithara-decode", build / "kithara-decode"),
                              ("kernel_check_gpu", build.parent / "tests/kernel_check_cuda"),
                              ("gpu_bench", build.parent / "tests/gpu_bench_sim")):
            (cls.bundle / "bin" / name).symlink_to(program)
        make_media(cls.bundle / "media", seconds=2)
        files = sorted((cls.bundle / "media").iterdir())
        done = subprocess.run([harness.KITHARA, "analyze", "--jsonl", *map(str, files)], env=cls.environment(),
                              capture_output=True, text=True, check=True)
        (cls.bundle / "golden.jsonl").write_text(done.stdout, encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def environment(cls, **more):
        return {**os.environ, "HOME": cls.temporary.name, "KITHARA_SIM_QUIET": "1",
                "KITHARA_CUDA_LIBRARY": str(pathlib.Path(harness.BIN) / "libkithara-cuda-sim.so"), **more}

    def day(self, out, **more):
        folder = pathlib.Path(self.temporary.name) / out
        done = subprocess.run([sys.executable, str(RUN), "--bundle", str(self.bundle), "--out", str(folder), "--rehearsal"],
                              env=self.environment(**more), capture_output=True, text=True, timeout=900)
        return done, json.loads((folder / "day.json").read_text(encoding="utf-8"))

    def test_every_step_passes_or_says_why_it_did_not_run(self):
        done, day = self.day("good")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        results = {s["step"]: s["result"] for s in day["steps"]}
        self.assertEqual([s for s, r in results.items() if r == "FAILED"], [])
        for step in ("host", "kernels, quick", "benchmark", "documents", "throughput", "a missing device"):
            self.assertEqual(results[step], "passed", done.stdout)
        names = {f["name"] for f in day["figures"]}
        self.assertIn("first pass, all rows, 2048: ns per frame", names)
        self.assertIn("| first pass, all rows, 2048: ns per frame |", done.stdout)

    def test_a_driver_in_trouble_stops_after_the_first_check_and_is_named(self):
        done, day = self.day("trouble", KITHARA_SIM_FAULTS="cudaGetDeviceCount:1:802")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual([s["result"] for s in day["steps"]], ["passed", "FAILED"])
        self.assertIn("cudaErrorSystemNotReady", (pathlib.Path(self.temporary.name) / "trouble/kernels.log").read_text())

    def test_a_driver_that_is_there_and_fails_is_a_failure_with_its_error_s_name(self):
        for error, name in ((3, "cudaErrorInitializationError"), (35, "cudaErrorInsufficientDriver"),
                            (802, "cudaErrorSystemNotReady"), (999, "cudaErrorUnknown")):
            done = subprocess.run([str(self.bundle / "bin/kernel_check_gpu")], capture_output=True, text=True, timeout=60,
                                  env=self.environment(KITHARA_SIM_FAULTS=f"cudaGetDeviceCount:1:{error}"))
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(name, done.stdout)

    def test_documents_that_are_apart_fail_the_step(self):
        golden = self.bundle / "golden.jsonl"
        before = golden.read_text(encoding="utf-8")
        rows = [json.loads(line) for line in before.splitlines()]
        rows[0]["features"]["perceptual"]["energy"] += 0.01
        golden.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        try:
            done, day = self.day("apart")
        finally:
            golden.write_text(before, encoding="utf-8")
        self.assertEqual(done.returncode, 1)
        self.assertEqual([s["step"] for s in day["steps"] if s["result"] == "FAILED"], ["documents"])

    def test_a_folder_without_a_bundle_is_bad_usage(self):
        done = subprocess.run([sys.executable, str(RUN), "--bundle", self.temporary.name], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("ops/device-day pack", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
