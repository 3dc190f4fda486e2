#!/usr/bin/env python3
"""The farm as processes: jobs finish, kills lose nothing, unknown keys are rejected, errors name their cause.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree). Needs only the standard library.
"""
import os
import signal
import struct
import subprocess
import sys
import unittest
import urllib.request
import wave

sys.path.insert(0, os.path.dirname(__file__))
from farm import BIN, Farm, wait_for  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop"}


class Work(unittest.TestCase):
    def test_every_job_is_done_once_and_a_repeated_message_is_known(self):
        with Farm(**NOOP).start(["a", "b"]) as farm:
            self.assertEqual({r["status"] for r in farm.submit(0, 5000)}, {"new"})
            farm.wait_finished(5000)
            self.assertEqual({r["status"] for r in farm.submit(0, 1000)}, {"known"})
            clash = farm.post("/v1/jobs", {"messages": [{"message_id": "job-1", "file_path": "/other"}]})["results"][0]
            self.assertEqual((clash["status"], clash["error"]["code"]), ("clash", "ECLASH"))
            jobs = farm.all_jobs()
            self.assertEqual(len(jobs), 5000)
            self.assertEqual({job["state"] for job in jobs}, {"done"})
            self.assertEqual({job["node"] for job in jobs}, {"a", "b"})
            document = farm.get(f"/v1/jobs/{jobs[7]['job']}/document")
            self.assertEqual((document["message_id"], document["success"]), (jobs[7]["message_id"], True))
            stats = farm.get("/stats")
            self.assertEqual((stats["processed_files"], stats["success_rate"]), (5000, 1.0))
            self.assertEqual(farm.get("/health")["status"], "healthy")
            self.assertEqual(farm.nodes["a"].stop(), 0)
            wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 1, "the goodbye")
            self.assertEqual(farm.coordinator.stop(), 0)
            self.assertEqual(farm.audit()[0], 0, farm.audit()[1])

    def test_kills_in_the_middle_lose_nothing_and_double_nothing(self):
        rounds, each = 8, 3000
        with Farm(**NOOP).start(["a", "b"]) as farm:
            def kill_node(number):
                name = "ab"[number // 2 % 2]
                farm.nodes[name].kill()
                farm.start_node(name)

            farm.submit_under_kills(rounds, each, kill_node)
            farm.wait_finished(rounds * each)
            jobs = farm.all_jobs()
            self.assertEqual(len(jobs), rounds * each)
            self.assertEqual({job["state"] for job in jobs}, {"done"})
            self.assertEqual(farm.coordinator.stop(), 0)
            status, text = farm.audit()
            self.assertEqual(status, 0, text)

    def test_a_frozen_node_is_lost_its_files_run_elsewhere_and_it_may_come_back(self):
        with Farm(**NOOP).start(["a", "b"]) as farm:
            frozen = farm.nodes["a"].process
            frozen.send_signal(signal.SIGSTOP)
            farm.submit(0, 2000)
            farm.wait_finished(2000)
            wait_for(lambda: "NODE-LOST node=a" in farm.coordinator.text(), "the loss")
            frozen.send_signal(signal.SIGCONT)
            wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 2, "the return")
            farm.submit(2000, 2000)
            farm.wait_finished(4000)
            self.assertEqual({job["state"] for job in farm.all_jobs()}, {"done"})
            self.assertEqual(farm.coordinator.stop(), 0)
            self.assertEqual(farm.audit()[0], 0, farm.audit()[1])

    def test_a_file_that_crashes_the_analysis_fails_alone(self):
        with Farm(ANALYZER_TEST_FAULT="crash:boom", ANALYZER_WORKERS="2") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            names = [f"tone-{i}.wav" for i in range(11)] + ["boom.wav"]
            for name in names:
                write_tone(farm.path(name))
            farm.start(["a"])
            farm.post("/v1/jobs", {"messages": [{"message_id": n, "file_path": farm.path(n)} for n in names]})

            def finished():
                if not farm.nodes["a"].alive():  # as its supervisor would
                    farm.start_node("a")
                return farm.finished() >= len(names)

            wait_for(finished, "all files", 60)
            failed = [job for job in farm.all_jobs() if job["state"] != "done"]
            self.assertEqual([(job["message_id"], job["error"]) for job in failed], [("boom.wav", "ECRASH")])
            self.assertIn("SIGABRT", failed[0]["detail"])
            document = farm.get(f"/v1/jobs/{failed[0]['job']}/document")
            self.assertEqual((document["success"], document["error"]["code"]), (False, "ECRASH"))


class Control(unittest.TestCase):
    def test_a_drained_node_gets_nothing_until_it_is_undrained(self):
        with Farm(**NOOP).start(["a"]) as farm:
            farm.post("/v1/nodes/a/drain")
            wait_for(lambda: farm.get("/v1/nodes")["nodes"][0]["state"] == "draining", "the drain")
            farm.submit(0, 100)
            farm.coordinator.kill()
            farm.start_coordinator()  # it sticks
            wait_for(lambda: farm.get("/v1/nodes")["nodes"], "the node")
            self.assertEqual(farm.finished(), 0)
            farm.post("/v1/nodes/a/undrain")
            farm.wait_finished(100)

    def test_a_waiting_job_can_be_cancelled_and_tried_again(self):
        with Farm(**NOOP) as farm:
            farm.start_coordinator()
            job = farm.submit(0, 1)[0]["job"]
            farm.post(f"/v1/jobs/{job}/cancel")
            wait_for(lambda: farm.get(f"/v1/jobs/{job}")["state"] == "cancelled", "the cancellation")
            farm.post(f"/v1/jobs/{job}/retry")
            self.assertEqual(farm.get(f"/v1/jobs/{job}")["run"], 2)
            self.assertEqual(farm.request("POST", "/v1/jobs/99/cancel")[0], 404)

    def test_a_done_job_is_done_again_only_by_force_and_is_not_cancelled(self):
        with Farm(**NOOP) as farm:
            farm.start(["a"])
            job = farm.submit(0, 1)[0]["job"]
            farm.wait_finished(1)
            for verb in ("retry", "cancel"):
                status, answer = farm.request("POST", f"/v1/jobs/{job}/{verb}")[:2]
                self.assertEqual(status, 409, verb)
                self.assertIn("the job is done: ", str(answer))
            farm.nodes["a"].stop()
            before = farm.get(f"/v1/jobs/{job}/document")
            farm.post(f"/v1/jobs/{job}/retry?force=1")
            self.assertEqual(farm.get(f"/v1/jobs/{job}")["run"], 2)
            self.assertEqual(farm.get(f"/v1/jobs/{job}/document"), before, "until the new one is stored")

    def test_bad_requests_are_named(self):
        with Farm(**NOOP) as farm:
            farm.start_coordinator()
            self.assertEqual(farm.request("GET", "/nothing")[0], 404)
            self.assertEqual(farm.request("POST", "/health")[0], 405)
            self.assertEqual(farm.request("GET", "/v1/jobs/1/cancel")[0], 405)
            self.assertEqual(farm.request("GET", "/v1/jobs/1")[0], 404)
            self.assertEqual(farm.request("GET", "/v1/jobs?state=odd")[0], 400)
            self.assertEqual(farm.request("GET", "/v1/jobs?limit=0")[0], 400)
            status, answer = farm.request("POST", "/v1/jobs", b"{nothing")
            self.assertEqual((status, answer["error"]["code"]), (400, "EMESSAGE"))
            self.assertEqual(farm.request("POST", "/v1/jobs", {"messages": []})[0], 400)
            self.assertEqual(farm.request("POST", "/v1/jobs", {"messages": [{}] * 1001})[0], 400)
            self.assertEqual(farm.request("POST", "/v1/jobs", b" " * (9 << 20))[0], 413)
            mixed = farm.post("/v1/jobs", {"messages": [{"file_path": "/x.mp3"}, {"file_path": 7}, 3]})["results"]
            self.assertEqual([r["status"] for r in mixed], ["new", "error", "error"])
            self.assertEqual(mixed[1]["error"]["code"], "EMESSAGE")


def metrics(farm):
    with urllib.request.urlopen(farm.http + "/metrics", timeout=10) as answer:
        return answer.read().decode()


class Keys(unittest.TestCase):
    def test_an_unknown_key_stays_out_and_a_revoked_one_is_put_out(self):
        with Farm(**NOOP).start(["a"]) as farm:
            stranger = farm.start_node("stranger")
            wait_for(lambda: "ZAP-REFUSED" in farm.coordinator.text(), "the refusal")
            self.assertEqual([n["name"] for n in farm.get("/v1/nodes")["nodes"]], ["a"])
            stranger.kill()
            with open(farm.path("keys", "allowed"), "w"):
                pass
            wait_for(lambda: "AUTH-REVOKED" in farm.coordinator.text(), "the revocation")
            wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 0, "the end of the node")

    def test_a_key_cannot_speak_for_another_name(self):
        with Farm(**NOOP).start(["a"]) as farm:
            farm.allow(farm.make_key("b"), "c")
            wait_for(lambda: "keys=2" in farm.coordinator.text(), "the key")
            node = farm.start_node("b")
            wait_for(lambda: "NODE-REFUSED" in node.text(), "the refusal")
            self.assertIn("AUTH-NAME-FOREIGN", farm.coordinator.text())
            self.assertRegex(metrics(farm), r'kithara_hellos_refused_total\{reason="name"\} [1-9]')


class Start(unittest.TestCase):
    def refused(self, farm, *words, **settings):
        other = farm.start_coordinator(wait=False, log="other.log", **settings)
        self.assertEqual(other.process.wait(20), 1)
        for word in words:
            self.assertIn(word, other.text())

    def test_a_second_coordinator_on_the_same_ledger_is_refused(self):
        with Farm(**NOOP) as farm:
            farm.start_coordinator()
            self.refused(farm, "kithara-coordinator: ELOCKED:", ANALYZER_ROUTER_BIND="tcp://127.0.0.1:0",
                         ANALYZER_HTTP_BIND="127.0.0.1:0")

    def test_a_busy_port_is_named_with_the_remedy(self):
        with Farm(**NOOP) as farm:
            farm.start_coordinator()
            self.refused(farm, "EPORT", farm.router, "ANALYZER_ROUTER_BIND", DATABASE_URL="memory:",
                         ANALYZER_HTTP_BIND="127.0.0.1:0")
            self.refused(farm, "EPORT", farm.http, "ANALYZER_HTTP_BIND", DATABASE_URL="memory:",
                         ANALYZER_ROUTER_BIND="tcp://127.0.0.1:0")

    def test_bad_usage_and_bad_settings_are_named(self):
        program = os.path.join(BIN, "kithara-node")
        odd = subprocess.run([program, "--odd"], capture_output=True, text=True, timeout=20)
        self.assertEqual((odd.returncode, "EUSAGE" in odd.stderr), (2, True))
        wrong = subprocess.run([program, "--set", "ANALYZER_WORKERS=0"], capture_output=True, text=True, timeout=20)
        self.assertEqual((wrong.returncode, "ANALYZER_WORKERS" in wrong.stderr), (2, True))
        shown = subprocess.run([program, "--print-config", "--set", "ANALYZER_WORKERS=3"], capture_output=True,
                               text=True, timeout=20)
        self.assertEqual((shown.returncode, "ANALYZER_WORKERS=3" in shown.stdout), (0, True))


def write_tone(path):
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(22050)
        out.writeframes(b"".join(struct.pack("<h", (i * 440 % 22050) - 11025) for i in range(22050)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
