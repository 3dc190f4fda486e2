#!/usr/bin/env python3
"""A hostile node with an allowed key against a real coordinator: it spoils only what it was given and ends nothing.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree).
"""
import json
import os
import random
import re
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(__file__))
import hostile_node  # noqa: E402
from farm import Farm, wait_for  # noqa: E402
from hostile_node import ACK, CANCEL, REFUSE, RESULT, STARTED, WHO, HostileNode  # noqa: E402

ERRORS = hostile_node.errors(os.path.join(os.path.dirname(__file__), "..", "..", "docs", "errors.md"))
NOOP = {"ANALYZER_TEST_FAULT": "noop"}
BIG = 2**64 - 1


def document(farm, job, **changes):
    message = {"message_id": f"job-{job - 1}", "file_path": f"/music/{job - 1}.mp3", "processing_status": "SUCCESS"}
    return json.dumps({**message, **changes}).encode()


class WithStolenKey(unittest.TestCase):
    """An honest node a, and the key of m, in the hands of the test."""
    SETTINGS = {}

    def setUp(self):
        self.farm = Farm(**NOOP, ANALYZER_NODE_SILENCE="4000", **self.SETTINGS).start(["a"])  # moves of m wait for answers of HTTP
        self.addCleanup(self.farm.__exit__)
        self.farm.allow(self.farm.make_key("m"), "m")
        self.farm.nodes.pop("m")
        self.farm.coordinator.process.send_signal(1)
        wait_for(lambda: re.search(r'keys"?[=:]2\b', self.farm.coordinator.text()), "the keys")

    def metric(self, name):
        with urllib.request.urlopen(self.farm.http + "/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name) and not line.startswith("#"))

    def honest_node_works(self, first, count):
        """The coordinator is the same process, and the honest node still finishes what comes."""
        before = self.farm.finished()
        self.farm.submit(first, count)
        wait_for(lambda: self.farm.finished() >= before + count, "the honest node's files")
        self.assertTrue(self.farm.coordinator.alive(), self.farm.coordinator.text()[-2000:])

    def stop_honest(self):
        self.farm.nodes["a"].stop()
        wait_for(lambda: self.farm.get("/v1/status")["nodes"]["live"] == 0, "no node")

    def done(self):
        queue = self.farm.get("/v1/queue")
        return queue["done"], queue["failed"]


class Hostile(WithStolenKey):
    def test_what_it_was_not_given_it_neither_stores_nor_fails_nor_holds(self):
        self.stop_honest()
        self.farm.submit(0, 100)
        with HostileNode(self.farm, "m") as node:
            node.enter()
            forged = [[job, 1, attempt, err, "", 5, [], b"", document(self.farm, job), credential]
                      for job in range(1, 101) for attempt in (1, 1001) for err in (0, ERRORS["EFORMAT"])
                      for credential in (b"", b"\0" * 16, random.randbytes(16), b"x" * 32)]
            for start in range(0, len(forged), 200):
                node.send(RESULT, forged[start : start + 200])
            node.send(STARTED, [[job, 1, 1, 1, random.randbytes(16)] for job in range(1, 101)])
            held = [[job, 1, 1, 1, random.randbytes(16)] for job in range(1, 8193)]

            def told(times):  # again and again: what comes too often is dropped
                node.beat(0, held, [[job, 1] for job in range(1, 8193)])
                return self.metric('kithara_credentials_refused_total{what="held"}') >= times * 8192

            wait_for(lambda: told(3), "the count")
            self.assertEqual(self.metric('kithara_credentials_refused_total{what="outcome"}'), len(forged))
            self.assertEqual(self.metric('kithara_credentials_refused_total{what="started"}'), 100)
            self.assertEqual(self.done(), (0, 0))
            self.assertEqual(self.farm.get("/v1/queue")["queued"] + self.farm.get("/v1/queue")["claimed"], 100)
            self.farm.start_node("a")
            self.farm.wait_finished(100)
            self.assertEqual(self.done(), (100, 0))
        self.assertEqual(self.farm.audit()[0], 0, self.farm.audit()[1])

    def test_credentials_are_of_one_attempt_of_one_run_on_one_node(self):
        self.stop_honest()
        self.farm.submit(0, 8)
        with HostileNode(self.farm, "m") as node:
            node.enter(slots=1)
            node.take(4, 4)
            given, other = sorted(node.work)[:2]
            before = self.metric("kithara_credentials_refused_total")
            wrong = [node.outcome(given, document(self.farm, 7), job=7), node.outcome(given, document(self.farm, given), run=2),
                     node.outcome(given, document(self.farm, given), attempt=2),
                     node.outcome(given, document(self.farm, given), credential=node.work[other]["credential"]),
                     node.outcome(given, document(self.farm, given), attempt=BIG)]
            node.send(RESULT, wrong)
            node.send(STARTED, [node.held(given, job=7), node.held(given, run=9), node.held(given, attempt=1001)])
            wait_for(lambda: self.metric("kithara_credentials_refused_total") >= before + len(wrong) + 3, "the refusals")
            self.assertEqual(self.done(), (0, 0))
            right = node.outcome(given, document(self.farm, given))
            node.send(RESULT, [right])
            node.expect(ACK)
            node.send(RESULT, [right] * 500)  # the same again
            wait_for(lambda: self.metric("kithara_late_results_total") or self.done()[0] == 1, "the repetition")
        self.farm.coordinator.kill()
        self.farm.start_coordinator()
        with HostileNode(self.farm, "m") as node:  # and after a restart
            node.enter(incarnation=2)
            node.send(RESULT, [right] * 100)
            node.expect(ACK)
        self.farm.start_node("a")
        self.farm.wait_finished(8)
        self.assertEqual(self.done(), (8, 0))
        self.assertEqual(self.farm.audit()[0], 0, self.farm.audit()[1])

    def test_it_gets_a_few_files_whatever_it_asks_for_and_others_finish_the_rest(self):
        self.stop_honest()
        self.farm.submit(0, 3000)
        with HostileNode(self.farm, "m") as node:
            node.enter(slots=4)
            for free in (2**63, BIG, 2**32 - 1, 2**31):
                node.beat(free, [node.held(job) for job in node.work])
                while node.receive(0.3):
                    pass
            self.assertEqual(len(node.work), 16)
            self.farm.start_node("a")
            until = time.monotonic() + 60
            while self.farm.finished() < 3000 - 16 and time.monotonic() < until:
                node.beat(BIG, [node.held(job) for job in node.work])
                time.sleep(0.1)
            node.beat(BIG, [node.held(job) for job in node.work])
            self.assertEqual(self.done(), (3000 - 16, 0))
        self.farm.wait_finished(3000)

    def test_numbers_at_their_ends_and_documents_of_all_kinds_end_nothing(self):
        self.stop_honest()
        self.farm.submit(0, 40)
        with HostileNode(self.farm, "m") as node:
            node.enter(slots=BIG, incarnation=BIG)
            node.take(40, 100)
            jobs = sorted(node.work)
            documents = [b"", b"[" * 900000, b"{" * 100000, b'{"a":' * 100000, b"null", b"[]", b'"x"', b"\xff\xfe{}", b"{}\0{}",
                         document(self.farm, 39), document(self.farm, 1, message_id="another"), b"{" + b" " * 1000000 + b"}",
                         b'{"message_id":1e999}', b'{"a":1,"a":2}', b'{"tempo":"\\u0000"}']
            for job, text in zip(jobs, documents):
                node.send(RESULT, [node.outcome(job, text)])
            for job, err in zip(jobs[len(documents):], (1, 2**32, 2**31, -(2**31), 2**62, -1, -999, ERRORS["ENODELOST"])):
                node.send(RESULT, [node.outcome(job, b"{}", err=err, detail="\x1b[2J\r\n\u202e", us=BIG)])
            node.send(RESULT, [node.outcome(jobs[0], b"x" * (1 << 20) + b"y")])  # a bad frame
            node.beat(BIG, seen=BIG)
            node.beat(BIG, [node.held(job) for job in jobs], seen=BIG)
            node.live(BIG)
            node.send(hostile_node.FETCH, b"x" * 32, BIG)
            node.send(hostile_node.BYE, "\x1b]0;x\x07")
        self.farm.start_node("a")
        self.honest_node_works(40, 100)
        self.assertNotIn("\x1b", self.farm.coordinator.text())
        shown = self.farm.kithara("results", "-o", "jsonl")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        for line in shown.stdout.splitlines():
            json.loads(line)
        for job in self.farm.all_jobs():
            self.assertIn(job["state"], ("done", "failed", "queued", "claimed"))
        self.assertEqual(self.farm.audit()[0], 0, self.farm.audit()[1])

    def test_garbage_and_storms_on_an_allowed_connection_stop_no_work(self):
        self.farm.submit(0, 50)
        seed = random.Random(7)
        with HostileNode(self.farm, "m") as node:
            node.enter()
            frames = [b"", b"\xc1", b"\x93\x03", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff" * 9, b"\x91" * 60000,
                      b"\x92\x05\xdd\x00\x00\x20\x00", b"\xc6\xff\xff\xff\xff", *(seed.randbytes(seed.randrange(2000)) for _ in range(500))]
            for frame in frames:
                node.send_bytes(frame)
            node.send_bytes(b"\x01", b"\x02", b"\x03")  # several parts
            node.send_bytes(*[b"x"] * 500)
            storm = [[job, 1, 1, 1, b"c" * 16] for job in range(1024)]
            for _ in range(300):
                node.send(STARTED, storm)
            for number in range(500):
                node.hello(incarnation=number)
            node.send_bytes(b"x" * ((4 << 20) + 1))  # over the bound: the connection ends
            self.honest_node_works(50, 500)
        self.assertGreater(self.metric("kithara_bad_frames_total"), 100)

    def test_hundreds_of_connections_and_chosen_routing_ids_keep_nobody_out(self):
        seed = random.Random(8)
        ids = [None] * 100 + [b"one"] * 50 + [b"\0" + seed.randbytes(4) for _ in range(100)] + [b"\0\0\0\0\1", b"z" * 255]
        nodes = [HostileNode(self.farm, "m", routing_id) for routing_id in ids]
        try:
            for number, node in enumerate(nodes):
                node.hello(incarnation=number)
            self.honest_node_works(0, 200)
            self.farm.nodes["a"].stop()
            self.farm.start_node("a")
            self.honest_node_works(200, 200)
        finally:
            for node in nodes:
                node.socket.close()
        self.honest_node_works(400, 100)

    def test_other_names_and_old_versions_are_refused_in_clear_text(self):
        with HostileNode(self.farm, "m") as node:
            node.hello(name="a")
            self.assertEqual(node.expect(REFUSE)[1], ERRORS["EAUTH"])
            for name in ("", "a b", "x" * 64, "../m", "m\nNODE-HELLO node=z"):
                node.send(hostile_node.HELLO, 2, 2, name, 1, "h", "", "", "cpu", 1, b"")
            node.hello(wire=1)
            until, texts = time.monotonic() + 20, []
            while time.monotonic() < until and not any("version" in text for text in texts):
                message = node.receive()
                if message and message[0] == REFUSE:
                    texts.append(message[2])
            self.assertTrue(any("version" in text and "update" in text for text in texts), texts)
            node.send(RESULT, [[1, 1, 1, 0, "", 5, [], b"", b"{}", b"x" * 16]])  # without a HELLO that was taken
            node.expect(WHO)
        self.honest_node_works(0, 20)
        self.assertNotIn("node=z", self.farm.coordinator.text().replace('"', ""))

    def test_a_cancelled_or_kept_file_of_another_is_not_its_own(self):
        self.stop_honest()
        self.farm.submit(0, 4)
        with HostileNode(self.farm, "m") as node:
            node.enter(slots=1)
            node.take(4, 4)
            stolen = node.work[1]
            self.assertEqual(self.farm.request("POST", "/v1/jobs/1/cancel")[0], 200)
            node.expect(CANCEL)
            node.send(RESULT, [node.outcome(1, document(self.farm, 1))])
            self.farm.allow(self.farm.make_key("o"), "o")
            self.farm.nodes.pop("o")
            self.farm.coordinator.process.send_signal(1)
            wait_for(lambda: re.search(r'keys"?[=:]3\b', self.farm.coordinator.text()), "the keys")
            with HostileNode(self.farm, "o") as other:  # a second one with the first one's credential
                other.enter()
                other.work = {2: node.work[2]}
                before = self.metric("kithara_credentials_refused_total")
                other.send(RESULT, [other.outcome(2, document(self.farm, 2))])
                wait_for(lambda: self.metric("kithara_credentials_refused_total") > before, "the refusal")
            self.assertEqual(self.done(), (0, 0))
            self.assertTrue(stolen)
        self.farm.start_node("a")
        self.farm.wait_finished(3)
        self.assertEqual(self.done(), (3, 0))


if __name__ == "__main__":
    unittest.main()
