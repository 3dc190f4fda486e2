#!/usr/bin/env python3
"""Models on their way: registered and deployed at a coordinator, fetched by nodes while they work, rolled back.

Needs python3-numpy and python3-xxhash (models/convert/ktm.py writes the files).
"""
import hashlib
import os
import subprocess
import sys
import time
import unittest
import wave

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "models", "convert"))
import ktm  # noqa: E402
from farm import BIN, Farm, wait_for  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop"}
ACCURACY = {"measure": "top-1", "value": 0.75, "set": "tests", "source": "made up"}


def write_model(path, name="tags", version="1.0.0", classes=3, values=4):
    """A dense layer: values inputs, one output per class. Returns the SHA-256."""
    graph = ktm.Graph()
    x = graph.input("x", ["N", values])
    weights = np.random.default_rng(int(version.replace(".", ""))).random((classes, values), np.float32)
    y = graph.node("dense", x, graph.tensor("w", weights), out="y")
    graph.output(y)
    header = {"name": name, "version": version, "licence": "MIT", "attribution": "tests",
              "source": {"package": "tests", "file": "none", "sha256": "0" * 64}, "input": {"kind": "outputs", "from": []},
              "outputs": [{"name": "tags", "value": "y", "per": "block", "reduce": "mean",
                           "classes": [f"class {i}" for i in range(classes)]}],
              "accuracy": [ACCURACY], "notes": ""}
    return hashlib.sha256(ktm.write(path, graph, header)).hexdigest()


def write_audio_model(path, version):
    """An audio model that gives two instruments a value per second; the weights depend on the version."""
    graph = ktm.Graph()
    x = graph.input("x", ["N", 1, 50, 8])
    mean = graph.node("reduce_mean", x, out="mean", axes=[1, 2])
    weights = np.full((2, 8), 0.01 * int(version.replace(".", "")) / 100, np.float32)
    graph.output(graph.node("sigmoid", graph.node("dense", mean, graph.tensor("w", weights), out="z"), out="y"))
    header = {"name": "small_instruments", "version": version, "licence": "MIT", "attribution": "tests",
              "source": {"package": "tests", "file": "none", "sha256": "0" * 64},
              "input": {"kind": "audio", "rate_hz": 16000, "frame": {"length": 512, "hop": 320, "window": "hann"}, "spectrum": "power",
                        "bands": {"kind": "mel_slaney", "count": 8, "low_hz": 0, "high_hz": 8000},
                        "log": {"kind": "log10", "scale": 10000, "offset": 1}, "layout": "N1TF",
                        "blocks": {"frames": 50, "hop": 50, "tail": "drop"}},
              "outputs": [{"name": "instruments", "value": "y", "per": "block", "reduce": "mean",
                           "classes": ["guitar", "piano"], "feature": "instruments.probabilities"}],
              "accuracy": [], "notes": ""}
    ktm.write(path, graph, header)


def write_sound(path, seconds):
    noise = np.random.default_rng(1).integers(-9000, 9000, 22050 * seconds, np.int16)
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(22050)
        out.writeframes(noise.tobytes())


class ModelFarm(Farm):
    """A farm whose coordinator has a model folder of its own; its nodes have none."""

    def start(self, names):
        os.makedirs(self.path("none"), exist_ok=True)
        self.settings["ANALYZER_MODEL_PATH"] = self.path("none")
        self.coordinator_settings = {"ANALYZER_MODEL_PATH": self.path("models")}
        return super().start(names)

    def start_coordinator(self, wait=True, log="coordinator.log", **more):
        return super().start_coordinator(wait, log, **{**self.coordinator_settings, **more})

    def models(self, *arguments):
        done = self.kithara("models", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def deploy(self, version, **options):
        path = self.path(f"{version}.ktm")
        sha256 = write_model(path, version=version, **options)
        self.models("register", path)
        self.models("deploy", options.get("name", "tags"), version)
        return sha256

    def model(self, name):
        return next(model for model in self.get("/models")["models"] if model["name"] == name)

    def digests(self):
        return {node["name"]: node["models"] for node in self.get("/v1/nodes")["nodes"] if node["state"] == "live"}

    def wait_used(self, digest=None):
        """Until every node says that it uses the coordinator's set; its digest."""
        digest = digest or self.get("/v1/models")["digest"]
        wait_for(lambda: set(self.digests().values()) == {digest}, f"the set {digest}")
        return digest

    def cached(self, node):
        folder = self.path("models", node)
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


class Models(unittest.TestCase):
    def test_a_deployed_version_reaches_running_nodes_and_is_rolled_back(self):
        with ModelFarm(**NOOP).start(["a", "b"]) as farm:
            missing = farm.get("/models")
            self.assertEqual(({model["status"] for model in missing["models"]}, missing["total_models"]), ({"missing"}, 5))
            self.assertEqual(farm.get("/health")["models_loaded"], 0)
            first = farm.deploy("1.0.0")
            one = farm.wait_used()
            second = farm.deploy("1.1.0", values=700_000)  # 8 MB: many parts
            two = farm.wait_used()
            self.assertNotEqual(one, two)
            self.assertIn(second + ".ktm", farm.cached("a"))
            shown = farm.model("tags")
            self.assertEqual((shown["version"], shown["status"], shown["sha256"]), ("1.1.0", "loaded", second))
            self.assertEqual((shown["accuracy"], shown["accuracy_set"], shown["classes"]),
                             (0.75, "tests", ["class 0", "class 1", "class 2"]))
            self.assertEqual([(v["version"], v["status"]) for v in shown["versions"]],
                             [("1.0.0", "replaced"), ("1.1.0", "deployed")])
            self.assertEqual(farm.get("/health")["models_loaded"], 1)
            self.assertEqual(farm.get("/models")["memory_usage_mb"], 9)
            self.assertIn("1.0.0", farm.models("rollback", "tags"))
            self.assertEqual(farm.wait_used(), one)
            self.assertIn(first + ".ktm", farm.cached("b"))
            for name in "ab":
                self.assertTrue(farm.nodes[name].alive())
                self.assertNotIn("MODELS-NOT-USED", farm.nodes[name].text())

    def test_results_name_the_version_that_made_them(self):
        with ModelFarm(ANALYZER_WORKERS="1", ANALYZER_BATCH_SIZE="5") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            farm.start(["a"])
            versions = ["1.0.0", "1.1.0"]
            for version in versions:
                write_audio_model(farm.path(version + ".ktm"), version)
                farm.models("register", farm.path(version + ".ktm"))
            sound = farm.path("sound.wav")
            write_sound(sound, 4)

            def submit(first, count):
                for n in range(first, first + count):  # each a file of its own: a result is not taken from a cache
                    os.link(sound, farm.path(f"{n}.wav"))
                farm.submit(first, count, farm.path("{}.wav"))

            def made(first, count):
                documents = [farm.get(f"/v1/results/job-{n}") for n in range(first, first + count)]
                for document in documents:
                    self.assertTrue(document["success"], document)
                return [(document["model_versions"].get("small_instruments"),
                         document["features"]["instruments"]["probabilities"]["guitar"]) for document in documents]

            farm.models("deploy", "small_instruments", "1.0.0")
            farm.wait_used()
            submit(0, 3)
            farm.wait_finished(3)
            old = made(0, 3)
            self.assertEqual({version for version, _ in old}, {"1.0.0"}, old)
            submit(3, 60)
            wait_for(lambda: farm.finished() > 8, "some results")
            farm.models("deploy", "small_instruments", "1.1.0")
            farm.wait_used()
            farm.wait_finished(63)
            submit(63, 3)
            farm.wait_finished(66)
            new = made(63, 3)
            self.assertEqual({version for version, _ in new}, {"1.1.0"}, new)
            self.assertEqual((len({old[0], *old}), len({new[0], *new})), (1, 1))
            self.assertNotEqual(old[0][1], new[0][1])
            between = made(3, 60)
            self.assertLessEqual(set(between), {old[0], new[0]})  # nothing is made of both
            self.assertIn(old[0], between)
            farm.models("rollback", "small_instruments")
            farm.wait_used()
            submit(66, 1)
            farm.wait_finished(67)
            self.assertEqual(made(66, 1), [old[0]])

    def test_a_backfill_does_again_what_came_from_an_older_model(self):
        with ModelFarm(ANALYZER_WORKERS="1") as farm:
            music = farm.path("music")
            os.mkdir(music)
            farm.settings["ANALYZER_MEDIA_ROOTS"] = music
            farm.start(["a"])
            for version in ("1.0.0", "1.1.0"):
                write_audio_model(farm.path(version + ".ktm"), version)
                farm.models("register", farm.path(version + ".ktm"))
            for n in range(3):
                write_sound(os.path.join(music, f"{n}.wav"), 3 + n)

            def run(*options):
                number = farm.post("/v1/backfills", {"folder": music, "token": str(time.monotonic_ns()), **dict(options)})["id"]
                wait_for(lambda: farm.get(f"/v1/backfills/{number}")["state"] == "done", "the end of the backfill")
                row = farm.get(f"/v1/backfills/{number}")
                return row["skipped"], row["done"]

            farm.models("deploy", "small_instruments", "1.0.0")
            farm.wait_used()
            self.assertEqual((run(), run()), ((0, 3), (3, 0)))
            farm.models("deploy", "small_instruments", "1.1.0")
            farm.wait_used()
            write_sound(os.path.join(music, "new.wav"), 2)
            self.assertEqual((run(), run()), ((0, 4), (4, 0)), "all results were of the older model")
            made = [farm.get(f"/v1/results/{job['message_id']}")["model_versions"]["small_instruments"] for job in farm.all_jobs()]
            self.assertEqual(sorted(made), ["1.0.0"] * 3 + ["1.1.0"] * 4)
            plain = ("options", "spectral,no_models")
            self.assertEqual(run(plain), (0, 4))
            farm.models("rollback", "small_instruments")
            farm.wait_used()
            self.assertEqual(run(plain), (4, 0), "results without models stay")

    def test_a_file_that_runs_isolated_has_the_models_too(self):
        with ModelFarm(ANALYZER_WORKERS="2", ANALYZER_TEST_FAULT="crash:boom") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            farm.start(["a"])
            write_audio_model(farm.path("m.ktm"), "1.0.0")
            farm.models("register", farm.path("m.ktm"))
            farm.models("deploy", "small_instruments", "1.0.0")
            farm.wait_used()
            write_sound(farm.path("0.wav"), 120)  # is being analysed when the other one crashes
            os.link(farm.path("0.wav"), farm.path("boom.wav"))
            farm.post("/v1/jobs", {"messages": [{"message_id": name, "file_path": farm.path(name + ".wav")}
                                                for name in ("0", "boom")]})
            wait_for(lambda: not farm.nodes["a"].alive(), "the crash")
            farm.start_node("a")
            farm.wait_finished(2)
            self.assertEqual({job["message_id"]: job["state"] for job in farm.all_jobs()}, {"0": "done", "boom": "failed"})
            self.assertEqual(farm.get("/v1/results/0")["model_versions"], {"small_instruments": "1.0.0"})

    def test_what_cannot_be_deployed_is_refused_by_name_and_the_old_version_stays(self):
        with ModelFarm(**NOOP).start(["a"]) as farm:
            farm.deploy("1.0.0")
            digest = farm.wait_used()
            broken = farm.path("broken.ktm")
            write_model(broken, version="1.1.0")
            with open(broken, "r+b") as file:
                file.seek(-3, os.SEEK_END)
                file.write(b"\x55")
            cases = [("EMODEL", ("register", broken)), ("ENOTFOUND", ("deploy", "tags", "1.1.0")),
                     ("ENOTFOUND", ("rollback", "nothing")), ("EINVAL", ("rollback", "tags")),
                     ("EINVAL", ("retire", "tags", "1.0.0")), ("ENOFILE", ("register", farm.path("nothing.ktm")))]
            for code, arguments in cases:
                done = farm.kithara("models", *arguments)
                self.assertEqual((done.returncode, code in done.stderr), (1, True), (arguments, done.stderr))
            mood = farm.path("mood.ktm")
            write_model(mood, name="mood_detector", classes=3)
            done = farm.kithara("models", "register", mood)
            self.assertEqual((done.returncode, "2 output classes, the file has 3" in done.stderr), (1, True), done.stderr)
            # A registered file that is damaged on the coordinator's disk.
            write_model(farm.path("x.ktm"), version="1.2.0")
            farm.models("register", farm.path("x.ktm"))
            with open(farm.path("models", "tags_v1.2.0.ktm"), "r+b") as file:
                file.write(b"damaged")
            done = farm.kithara("models", "deploy", "tags", "1.2.0")
            self.assertEqual((done.returncode, "EMODEL" in done.stderr and "SHA-256" in done.stderr), (1, True), done.stderr)
            self.assertEqual(farm.model("tags")["version"], "1.0.0")
            self.assertEqual(farm.digests(), {"a": digest})

    def test_changes_need_the_token_and_uploads_are_bounded(self):
        with ModelFarm(**NOOP).start(["a"]) as farm:
            sha = "ab" * 32
            self.assertEqual(farm.request("POST", f"/v1/models/files?sha256={sha}&offset=5", b"x")[0], 409)
            self.assertEqual(farm.request("POST", f"/v1/models/files?sha256={sha}&offset=-1", b"x")[0], 400)
            self.assertEqual(farm.request("POST", f"/v1/models/files?sha256={sha}", b"x" * (5 << 20))[0], 413)
            self.assertEqual(farm.request("POST", "/v1/models/files?sha256=../../x", b"x")[0], 400)
            self.assertEqual(farm.post(f"/v1/models/files?sha256={sha}", b"12345")["received"], 5)
            status, answer = farm.request("POST", f"/v1/models?sha256={sha}")
            self.assertEqual((status, answer["error"]["code"]), (400, "EMODEL"))
            for i in range(8):
                self.assertEqual(farm.request("POST", f"/v1/models/files?sha256={i:064x}", b"x")[0], 200)
            self.assertEqual(farm.request("POST", f"/v1/models/files?sha256={9:064x}", b"x")[0], 413)
            token = farm.path("http.token")
            os.rename(token, token + ".away")
            self.assertEqual(farm.request("POST", "/v1/models/tags/rollback")[0], 401)

    def test_a_node_that_cannot_fetch_keeps_its_set_and_a_restart_keeps_it_too(self):
        with ModelFarm(**NOOP).start(["a"]) as farm:
            farm.deploy("1.0.0")
            digest = farm.wait_used()
            folder = farm.path("models", "a")
            os.rename(folder, folder + ".away")  # the node can make no folder in its place
            with open(folder, "w"):
                pass
            farm.deploy("1.1.0")
            wait_for(lambda: "MODELS-NOT-USED" in farm.nodes["a"].text(), "the failure")
            self.assertEqual(farm.digests(), {"a": digest})
            farm.submit(0, 100)
            farm.wait_finished(100)
            os.remove(folder)
            os.rename(folder + ".away", folder)
            farm.nodes["a"].kill()
            farm.start_node("a")
            farm.wait_used()

    def test_a_coordinator_that_is_killed_leaves_a_valid_catalogue(self):
        with ModelFarm(**NOOP).start(["a"]) as farm:
            farm.deploy("1.0.0")
            for i in range(4):
                path = farm.path("big.ktm")
                write_model(path, version=f"2.0.{i}", values=1_000_000)
                env = farm.env(ANALYZER_HTTP_URL=farm.http)
                with subprocess.Popen([os.path.join(BIN, "kithara"), "models", "register", path], env=env,
                                      stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
                    wait_for(lambda: os.listdir(farm.path("models", "uploads")), "the upload")
                    farm.coordinator.kill()
                farm.start_coordinator()
                self.assertEqual(farm.model("tags")["version"], "1.0.0")
                farm.kithara("models", "register", path)  # again: complete, or known already
                self.assertIn(f"2.0.{i}", [v["version"] for v in farm.model("tags")["versions"]])
            farm.models("deploy", "tags", "2.0.3")
            farm.wait_used()

    def test_a_changed_models_yml_is_read_and_an_invalid_one_changes_nothing(self):
        with ModelFarm(**NOOP).start(["a"]) as farm:
            farm.deploy("1.0.0")
            digest = farm.wait_used()
            path = farm.path("models", "models.yml")
            with open(path) as file:
                text = file.read()
            with open(path, "w") as file:
                file.write(text + "surprise: 1\n")
            wait_for(lambda: "unknown key 'surprise'" in farm.coordinator.text(), "the error")
            self.assertEqual(farm.get("/v1/models")["digest"], digest)
            with open(path, "w") as file:
                file.write(text + "feature_extraction:\n  audio: {hop_length: 256}\n")
            wait_for(lambda: "hop_length 256 but ANALYZER_HOP_LENGTH is 512" in farm.coordinator.text(), "the warning")

    def test_a_folder_needs_no_farm(self):
        with Farm() as farm:
            model, folder = farm.path("m.ktm"), farm.path("folder")
            write_model(model)

            def models(*arguments):
                command = [os.path.join(BIN, "kithara"), "models", *arguments, "--folder", folder]
                return subprocess.run(command, env=farm.env(), capture_output=True, text=True, timeout=60)

            self.assertEqual(models("register", model).stdout, "tags 1.0.0: registered\n")
            self.assertEqual(models("deploy", "tags", "1.0.0").stdout, "tags 1.0.0: deployed\n")
            self.assertIn("EINVAL", models("deploy", "tags", "1.0.0").stderr)
            table = models("list")
            self.assertEqual(table.returncode, 0, table.stderr)
            self.assertIn("tags", table.stdout)
            self.assertIn("genre_classifier", table.stdout)
            env = dict(farm.env(), ANALYZER_MODEL_PATH=folder, ANALYZER_HTTP_URL="http://127.0.0.1:1")
            done = subprocess.run([os.path.join(BIN, "kithara"), "models"], env=env, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (0, table.stdout), done.stderr)
            self.assertIn("no coordinator at http://127.0.0.1:1", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
