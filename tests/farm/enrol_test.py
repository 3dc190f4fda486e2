#!/usr/bin/env python3
"""How nodes come and go: join tokens, revoked names, absent nodes that stay in the list, drains with their reason. Real
processes on a SQLite file; two coordinators on one PostgreSQL where the servers are installed.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree).
"""
import json
import os
import pathlib
import sqlite3
import sys
import unittest
import urllib.request
import wave

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from farm import BIN, Farm, Process, wait_for  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop"}


def metrics(farm):
    with urllib.request.urlopen(farm.http + "/metrics", timeout=10) as answer:
        return answer.read().decode()


def rows(farm):
    return {row["name"]: row for row in farm.get("/v1/nodes")["nodes"]}


class Host:
    """A machine with nothing on it: a state folder of its own."""

    def __init__(self, farm, name, *arguments, **settings):
        self.folder = farm.path("host-" + name)
        os.makedirs(self.folder, exist_ok=True)
        self.start = lambda: Process([os.path.join(BIN, "kithara-node"), "--with-parent", *arguments],
                                     farm.env(ANALYZER_NODE_NAME=name, ANALYZER_STATE_DIR=self.folder, **settings),
                                     farm.path(name + ".log"))
        self.node = farm.nodes[name] = self.start()


class Enrolment(unittest.TestCase):
    def token(self, farm, *arguments):
        made = farm.kithara("keys", "token", "new", *arguments)
        self.assertEqual(made.returncode, 0, made.stderr)
        return made.stdout.strip()

    def test_a_token_brings_up_a_host_and_is_not_needed_after_that(self):
        with Farm(**NOOP) as farm:
            farm.start_coordinator()
            token = self.token(farm, "--ttl", "1h")
            self.assertRegex(token, "^[-0-9a-z]+$")
            first = Host(farm, "a", ANALYZER_JOIN_TOKEN=token)
            Host(farm, "b", "--join", token)
            wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 2, "both nodes")
            farm.submit(0, 500)
            farm.wait_finished(500)
            listed = json.loads(farm.kithara("keys", "list", "-o", "json").stdout)
            self.assertEqual(sorted(str(key["name"]) for key in listed if key["kind"] == "node"), ["a", "b"])
            first.node.kill()
            again = Host(farm, "a")  # without the token
            wait_for(lambda: "NODE-WELCOME" in again.node.text().rsplit("NODE-KEY", 1)[-1], "the return")
            self.assertNotIn(token[13:77], farm.coordinator.text() + again.node.text())
            farm.coordinator.kill()
            farm.start_coordinator()
            wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 2, "both nodes after a restart")

    def test_a_token_made_before_the_coordinator_runs_lets_a_host_in(self):
        with Farm(**NOOP) as farm:
            token = self.token(farm, "--ttl", "1h")
            farm.start_coordinator()
            Host(farm, "early", "--join", token)
            wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 1, "the host")
            listed = farm.kithara("keys", "list", "--out", farm.path("keys.txt"))
            self.assertEqual((listed.returncode, listed.stdout), (0, ""), listed.stderr)
            with open(farm.path("keys.txt")) as text:
                self.assertRegex(text.read(), r"KEY +NODE +KIND +EXPIRES\n(.*\n)?.* early +node +-\n")

    def test_a_token_that_is_unknown_or_expired_lets_nobody_in(self):
        with Farm(**NOOP) as farm:
            farm.start_coordinator()
            token = self.token(farm)
            with sqlite3.connect(farm.path("ledger.sqlite"), timeout=10) as ledger:
                ledger.execute("UPDATE node_keys SET expires_ms = 1 WHERE kind = 1")
            wait_for(lambda: not farm.get("/v1/keys")["keys"], "the end of the token")
            late = Host(farm, "late", ANALYZER_JOIN_TOKEN=token)
            wait_for(lambda: "JOIN-REFUSED" in late.node.text(), "the refusal")
            wrong = Host(farm, "wrong", ANALYZER_JOIN_TOKEN="kithara-join-1234")
            self.assertEqual(wrong.node.process.wait(20), 2)
            self.assertIn("is no join token", wrong.node.text())
            self.assertEqual(farm.get("/v1/keys")["keys"], [])
            for ttl in ("10s", "31d", "soon", ""):
                self.assertEqual(farm.kithara("keys", "token", "new", "--ttl", ttl).returncode, 2)

    def test_a_token_does_not_take_a_name_that_another_key_has(self):
        with Farm(**NOOP).start(["a"]) as farm:
            self.assertEqual(farm.kithara("keys", "allow", self.key_of(farm, "a"), "a").returncode, 0)
            thief = Host(farm, "a", ANALYZER_JOIN_TOKEN=self.token(farm))
            wait_for(lambda: "has another key" in thief.node.text(), "the refusal")
            self.assertEqual(farm.get("/v1/status")["nodes"]["live"], 1)

    def key_of(self, farm, name):
        with open(farm.path("keys", f"node-{name}.public")) as key:
            return key.read().strip()

    def test_a_name_is_revoked_and_its_row_goes_a_hexadecimal_key_brings_it_back(self):
        with Farm(**NOOP).start(["a", "b"]) as farm:
            hexadecimal = next(key["hex"] for key in farm.get("/v1/keys")["keys"] if key["name"] == "a")
            self.assertEqual(farm.kithara("keys", "revoke", "a").returncode, 0)
            wait_for(lambda: "AUTH-REVOKED node=a" in farm.coordinator.text(), "the revocation")
            wait_for(lambda: list(rows(farm)) == ["b"], "one row")
            gone = farm.kithara("keys", "revoke", "a")
            self.assertEqual((gone.returncode, "ENOTFOUND" in gone.stderr), (1, True))
            self.assertEqual(farm.kithara("keys", "allow", hexadecimal, "a").returncode, 0)
            wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 2, "the return", 30)

    def test_keys_are_changed_without_a_coordinator_too(self):
        with Farm(**NOOP) as farm:
            key = json.loads(farm.kithara("keys", "new", "--out", farm.folder, "-o", "json").stdout)["public_key"]
            self.assertEqual(farm.kithara("keys", "allow", key, "a").returncode, 0)
            self.assertEqual(json.loads(farm.kithara("keys", "list", "-o", "json").stdout)[0]["name"], "a")
            self.assertEqual(farm.kithara("keys", "revoke", "a").returncode, 0)
            self.assertEqual(farm.kithara("keys", "revoke", "a").returncode, 1)
            os.makedirs(farm.path("keys"), exist_ok=True)
            farm.allow(key, "a")  # the file does not overrule the ledger
            farm.start_coordinator()
            wait_for(lambda: farm.get("/v1/keys")["keys"] == [], "the ledger's word")


class Rows(unittest.TestCase):
    def test_a_killed_node_stays_in_the_list_until_it_is_forgotten(self):
        with Farm(**NOOP).start(["a", "b"]) as farm:
            self.assertEqual(farm.get("/health")["status"], "healthy")
            farm.nodes["b"].kill()
            wait_for(lambda: rows(farm)["b"]["state"] == "absent", "the loss")
            self.assertTrue(rows(farm)["b"]["absent_since"].startswith("20"))
            self.assertEqual(farm.get("/v1/status")["nodes"]["summary"], "1 of 2 nodes")
            health, ready = farm.get("/health"), farm.get("/readyz")
            self.assertEqual((health["status"], health["reasons"]), ("degraded", ["1 of 2 nodes is absent: b"]))
            self.assertEqual((ready["ready"], ready["degraded"]), (True, ["1 of 2 nodes is absent: b"]))
            for line in ('kithara_node_up{node="a"} 1', 'kithara_node_up{node="b"} 0', 'kithara_nodes{state="absent"} 1'):
                self.assertIn(line, metrics(farm))
            farm.coordinator.kill()
            farm.start_coordinator()
            wait_for(lambda: rows(farm).get("b", {}).get("absent_since"), "the row after a restart")
            wait_for(lambda: rows(farm)["a"]["state"] == "live", "the other one")
            self.assertEqual(farm.kithara("nodes", "forget", "a").returncode, 1)  # it is connected
            self.assertEqual(farm.kithara("nodes", "forget", "b").returncode, 0)
            wait_for(lambda: list(rows(farm)) == ["a"], "one row", 30)
            self.assertNotIn('node="b"', metrics(farm))
            wait_for(lambda: farm.get("/health")["status"] == "healthy", "health")
            self.assertEqual(farm.kithara("nodes", "forget", "nobody").returncode, 1)
            farm.start_node("b")
            wait_for(lambda: rows(farm).get("b", {}).get("state") == "live", "the return")

    def test_a_drained_node_says_who_when_and_why(self):
        with Farm(**NOOP).start(["a"]) as farm:
            self.assertEqual(farm.kithara("nodes", "drain", "a", "--why", "a new disk").returncode, 0)
            wait_for(lambda: rows(farm)["a"]["drained_why"] == "a new disk", "the reason", 30)
            row = rows(farm)["a"]
            self.assertEqual(row["state"], "draining")
            self.assertIn("@", row["drained_by"])
            self.assertTrue(row["drained_since"].startswith("20"))
            self.assertRegex(farm.kithara("nodes").stdout, "drained by .*@.* since 20.*: a new disk")
            farm.nodes["a"].kill()
            wait_for(lambda: rows(farm)["a"]["state"] == "absent", "the loss")
            self.assertRegex(farm.kithara("nodes").stdout, "absent since 20.*, drained by .*@.* since 20.*: a new disk")
            farm.start_node("a")
            wait_for(lambda: rows(farm)["a"]["state"] == "draining", "the return")
            self.assertEqual(farm.kithara("nodes", "undrain", "a").returncode, 0)
            wait_for(lambda: rows(farm)["a"]["drained_why"] is None, "the end of it", 30)
            self.assertEqual(farm.kithara("nodes", "undrain", "a", "--why", "x").returncode, 2)
            self.assertEqual(farm.kithara("status", "--why", "x").returncode, 2)

    def test_a_job_that_no_node_holds_is_not_in_work(self):
        with Farm(ANALYZER_TEST_FAULT="hang:stay") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            farm.settings["ANALYZER_WORKERS"] = "1"
            with wave.open(farm.path("stay.wav"), "wb") as tone:
                tone.setnchannels(1)
                tone.setsampwidth(2)
                tone.setframerate(44100)
                tone.writeframes(bytes(range(256)) * 1000)
            farm.start(["a"])
            farm.submit(0, 1, farm.path("stay.wav"))
            wait_for(lambda: farm.get("/v1/status")["jobs"]["in_work"] == 1, "the work")
            farm.nodes["a"].kill()
            wait_for(lambda: farm.get("/v1/status")["jobs"]["in_work"] == 0, "the loss")
            self.assertEqual(farm.get("/v1/status")["jobs"]["waiting"], 1)
            self.assertEqual(farm.get("/stats")["queue_metrics"]["processing"], 0)
            self.assertIn("0 of 1 node", farm.kithara("status").stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
