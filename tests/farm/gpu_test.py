#!/usr/bin/env python3
"""Nodes that compute on a GPU: the simulated one, with the library and the kernels as a real one has them.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree).
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import media  # noqa: E402
from farm import BIN, Farm, wait_for  # noqa: E402
from documents_agree import beyond  # noqa: E402

LIBRARY = os.path.join(BIN, "libkithara-cuda-sim.so")
CLIPS = (("a.wav", 3), ("b.ogg", 2), ("c.mp3", 2.5), ("d.flac", 1))


def kithara(*arguments, env):
    command = [os.path.join(BIN, "kithara"), *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)


class Gpu(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="kithara-gpu-")
        cls.music = pathlib.Path(cls.temporary.name)
        tracks = media.tracks(len(CLIPS))
        cls.clips = [harness.clip(tracks[i % len(tracks)], cls.music / name, seconds=seconds)
                     for i, (name, seconds) in enumerate(CLIPS)]
        done = kithara("analyze", "--jsonl", *cls.clips, env=harness.environment(cls.music))
        assert done.returncode == 0, done.stderr
        cls.cpu = {m["file_path"]: m for m in map(json.loads, done.stdout.splitlines())}

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def farm(self, **settings):
        return Farm(**{"ANALYZER_MEDIA_ROOTS": str(self.music), "ANALYZER_WORKERS": "2", "KITHARA_CUDA_LIBRARY": LIBRARY,
                       "KITHARA_SIM_QUIET": "1", "ANALYZER_GPU_FILES": "all", **settings})

    def submit_all(self, farm):
        farm.post("/v1/jobs", {"messages": [{"file_path": str(clip)} for clip in self.clips]})
        farm.wait_finished(len(self.clips), 300)

    def check_documents(self, farm):
        self.devices = []
        jobs = farm.all_jobs()
        self.assertEqual([job["state"] for job in jobs], ["done"] * len(self.clips), jobs)
        for job in jobs:
            document = farm.get(f"/v1/jobs/{job['job']}/document")
            self.devices.append(document.get("device"))
            self.assertEqual(beyond(self.cpu[document["file_path"]], document), [], document["file_path"])

    def test_documents_of_a_gpu_are_those_of_the_processor(self):
        for seed in ("0", "6"):
            with self.farm(KITHARA_SIM_SEED=seed, KITHARA_SIM_ABORT="1").start(["a"]) as farm:
                self.assertTrue(farm.get("/health")["gpu_available"])
                self.submit_all(farm)
                self.check_documents(farm)
                log = farm.nodes["a"].text()
                self.assertIn("GPU-OPEN", log)
                self.assertNotIn("GPU-LOST", log)
                status = farm.nodes["a"].stop()
                self.assertEqual(status, 0, "86: the simulator has something to report\n" + farm.nodes["a"].text())
                did = re.search(r"GPU-CLOSE .* frames=(\d+) on_cpu=0", farm.nodes["a"].text())
                self.assertTrue(did and int(did[1]) > 1000, "all of it was the GPU's work\n" + farm.nodes["a"].text())

    def test_a_node_may_leave_files_to_its_processor_and_says_how_many(self):
        with self.farm(ANALYZER_GPU_FILES="shared", KITHARA_SIM_ABORT="1").start(["a"]) as farm:
            self.submit_all(farm)
            self.check_documents(farm)
            row = lambda: farm.get("/v1/nodes")["nodes"][0]  # noqa: E731
            wait_for(lambda: row()["gpu_files"] + row()["cpu_files"] == len(self.clips), "the last beat")
            shown = row()
            self.assertGreaterEqual(shown["gpu_files"], 1, "without a queue the GPU takes a file")
            self.assertEqual(sum(d is not None and d.startswith("cuda: Simulated GPU") for d in self.devices),
                             shown["gpu_files"], self.devices)
            self.assertEqual(self.devices.count(None), shown["cpu_files"], self.devices)
            with urllib.request.urlopen(farm.http + "/metrics", timeout=10) as answer:
                metrics = answer.read().decode()
            for place in ("gpu", "cpu"):
                self.assertIn(f'kithara_node_gpu_files_total{{node="a",place="{place}"}} {shown[place + "_files"]}', metrics)
            self.assertEqual(farm.nodes["a"].stop(), 0)
            did = re.search(r"GPU-CLOSE .* on_cpu=0 .* files=(\d+) cpu_files=(\d+)", farm.nodes["a"].text())
            self.assertTrue(did, farm.nodes["a"].text())
            self.assertEqual((int(did[1]), int(did[2])), (shown["gpu_files"], shown["cpu_files"]))

    def test_doctor_names_the_gpu_or_why_there_is_none(self):
        env = {**os.environ, "KITHARA_CUDA_LIBRARY": LIBRARY}
        for more, arguments, status, words in (
                ({}, ["doctor"], 0, "ok     cuda: Simulated GPU"),
                ({"KITHARA_SIM_DEVICES": "0"}, ["doctor"], 0, "no NVIDIA driver"),
                ({"KITHARA_SIM_DEVICES": "0"}, ["--gpu", "doctor"], 1, "WRONG"),
                ({"KITHARA_SIM_FAULTS": "cudaGetDeviceCount:1:802"}, ["--gpu", "doctor"], 1, "cudaErrorSystemNotReady"),
                ({}, ["doctor", "more"], 2, "'more' is not expected")):
            done = kithara(*arguments, env={**env, **more})
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
            self.assertIn(words, done.stdout + done.stderr)

    def test_a_live_stream_on_a_gpu_is_bad_usage(self):
        done = kithara("--gpu", "analyze", "-", env={**os.environ, "KITHARA_CUDA_LIBRARY": LIBRARY})
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("processor alone", done.stderr)

    def test_what_a_node_computes_on_is_shown(self):
        with self.farm().start(["a"]) as farm:
            row = lambda: farm.get("/v1/nodes")["nodes"][0]  # noqa: E731
            wait_for(lambda: row()["gpu_celsius"], "NVML's word")
            shown = row()
            self.assertTrue(shown["device"].startswith("cuda: Simulated GPU"), shown)
            self.assertEqual((shown["gpus"], shown["gpus_lost"], shown["gpu_memory_total_mb"]), (1, 0, 4096))
            self.assertGreaterEqual(shown["gpu_percent"], 0)
            wide = kithara("nodes", "-o", "wide", env=farm.env(ANALYZER_HTTP_URL=farm.http))
            self.assertEqual(wide.returncode, 0, wide.stderr)
            for word in ("cuda: Simulated GPU", "GPUS", "GPU MB", "GPU C", "4096"):
                self.assertIn(word, wide.stdout)

    def test_a_gpu_lost_in_work_is_followed_by_the_processor(self):
        with self.farm(KITHARA_SIM_FAULTS="cudaLaunchKernel:7:719:79").start(["a"]) as farm:
            self.submit_all(farm)
            self.check_documents(farm)
            wait_for(lambda: not farm.get("/health")["gpu_available"], "the word of the loss")
            node = farm.get("/v1/nodes")["nodes"][0]
            self.assertEqual((node["gpus"], node["gpus_lost"], node["gpu_percent"]), (0, 1, None))
            self.assertTrue(node["device"].startswith("cpu-"), node)
            log = farm.nodes["a"].text()
            self.assertEqual((log.count("GPU-LOST"), log.count("GPU-NONE")), (1, 1), log)
            wait_for(lambda: "xid=79" in farm.nodes["a"].text(), "the word of the XID")
            self.assertEqual(farm.nodes["a"].stop(), 0)

    def test_a_node_that_shall_not_do_without_leaves_and_its_jobs_run_elsewhere(self):
        with self.farm(ANALYZER_WORKERS="1").start(["b"]) as farm:
            farm.nodes["b"].stop()
            farm.allow(farm.make_key("a"), "a")
            farm.coordinator.process.send_signal(1)
            farm.start_node("a", ANALYZER_GPU_LOST="leave", KITHARA_SIM_FAULTS="cudaLaunchKernel:3:719:79")
            wait_for(lambda: any(n["name"] == "a" for n in farm.get("/v1/nodes")["nodes"]), "node a")
            farm.post("/v1/jobs", {"messages": [{"file_path": str(clip)} for clip in self.clips]})
            wait_for(lambda: not farm.nodes["a"].alive(), "its leave", 120)
            self.assertEqual(farm.nodes["a"].process.returncode, 1, farm.nodes["a"].text())
            self.assertIn("GPU lost", farm.nodes["a"].text())
            farm.start_node("b", ANALYZER_GPU_ENABLED="false")
            farm.wait_finished(len(self.clips), 120)
            self.check_documents(farm)
            self.assertEqual(farm.coordinator.stop(), 0)
            status, text = farm.audit()
            self.assertEqual(status, 0, text)

    def test_a_host_without_a_gpu_says_so_once(self):
        for settings, why in (({"KITHARA_SIM_DEVICES": "0"}, "no NVIDIA driver"), ({"ANALYZER_GPU_ENABLED": "false"}, "is false"),
                              ({"KITHARA_CUDA_LIBRARY": "/nowhere.so"}, "/nowhere.so"),
                              ({"ANALYZER_GPU_DEVICES": "5"}, "names '5'"),
                              ({"KITHARA_SIM_FAULTS": "cudaGetDeviceCount:1:35"}, "insufficient")):
            with self.farm(**settings).start(["a"]) as farm:
                self.assertFalse(farm.get("/health")["gpu_available"])
                self.assertTrue(farm.get("/v1/nodes")["nodes"][0]["device"].startswith("cpu-"))
                lines = [line for line in farm.nodes["a"].text().splitlines() if "GPU-NONE" in line]
                # The log of its first start, which made its key, and that of the second.
                self.assertEqual(len(lines), 2, lines)
                self.assertIn(why, lines[-1])

    def test_analyze_takes_a_gpu_when_it_is_asked_to(self):
        env = {**harness.environment(self.music), "KITHARA_CUDA_LIBRARY": LIBRARY, "KITHARA_SIM_ABORT": "1"}
        done = kithara("--gpu", "analyze", "--jsonl", self.clips[3], env=env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(beyond(self.cpu[str(self.clips[3])], json.loads(done.stdout)), [])
        done = kithara("--gpu", "analyze", self.clips[3], env={**env, "KITHARA_SIM_DEVICES": "0"})
        self.assertEqual(done.returncode, 1)
        self.assertIn("no NVIDIA driver", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
