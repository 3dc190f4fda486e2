#!/usr/bin/env python3
"""A hostile node with an allowed key that takes work and does none of it: the queue of the others goes on, and it is shown
where the files are.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree).
"""
import contextlib
import os
import random
import sys
import threading
import time
import unittest

import msgpack

sys.path.insert(0, os.path.dirname(__file__))
import hostile_node_test  # noqa: E402
from farm import wait_for  # noqa: E402
from hostile_node import BEAT, REFUSE, RESULT, STARTED, HostileNode  # noqa: E402

BIG, FILES = 2**64 - 1, 1000
ERRORS, document = hostile_node_test.ERRORS, hostile_node_test.document


class Played(hostile_node_test.WithStolenKey):
    """An honest node a, and a thread that plays m as long as a test wants it to."""

    @contextlib.contextmanager
    def played(self, play):
        """play(node, number) is one move of m, made again and again; its first one has been made at the beginning of the block."""
        stop, moved, failures = threading.Event(), threading.Event(), []

        def moves():
            number = 0
            try:
                with HostileNode(self.farm, "m") as node:
                    while not stop.is_set():
                        play(node, number)
                        number += 1
                        moved.set()
            except Exception as failure:  # shown by the test's own thread
                failures.append(failure)
                moved.set()

        thread = threading.Thread(target=moves)
        thread.start()
        try:
            self.assertTrue(moved.wait(60))
            yield
        finally:
            stop.set()
            thread.join(60)
        self.assertEqual(failures, [])

    def hear(self, node, seconds=0.2):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            node.receive(0.02)

    def others_finish(self, first, but=0):
        """All files but those in the hands of m, and none of them fails."""
        self.farm.submit(first, FILES)
        self.farm.wait_finished(first + FILES - but)
        self.assertEqual(self.done()[1], 0)

    def state_of(self, name):
        return next(node for node in self.farm.get("/v1/nodes")["nodes"] if node["name"] == name)


class Hoarding(Played):
    def test_floods_of_wrong_credentials_take_no_time_from_others(self):
        forged = [[job, 1, 1, 1, random.randbytes(16)] for job in range(1, 8193)]
        frame = msgpack.packb([BEAT, 0, 0, 9, False, forged, [], 0, 0, -1, 0, 0, 0, b""], use_bin_type=True)

        def flood(node, number):
            if not node.send_bytes(frame):
                node.receive(0.01)

        def enter_and_flood(node, number):
            if number == 0:
                node.enter()
            flood(node, number)

        with self.played(flood):
            self.others_finish(0)
            self.assertEqual(self.metric('kithara_credentials_refused_total{what="held"}'), 0)
        with self.played(enter_and_flood):
            self.others_finish(FILES)
            wait_for(lambda: self.metric('kithara_credentials_refused_total{what="frame"}') > 0, "frames that are not read")
        self.assertIn("CREDENTIAL-BAD node=m what=held", self.farm.coordinator.text())

    def test_files_that_it_begins_and_leaves_by_dying_cost_them_nothing_and_it_is_drained(self):
        def play(node, number):
            node.work.clear()
            node.hello(slots=64, incarnation=number + 1)
            self.hear(node, 0.1)
            node.beat(1000)
            self.hear(node)
            if node.work:
                node.send(STARTED, [node.held(job) for job in node.work])
            node.socket.close()
            node.socket, node.batch = HostileNode(self.farm, "m").socket, 0

        with self.played(play):
            rounds = 0
            while "NODE-BLACK-HOLE" not in self.farm.coordinator.text():
                self.assertLess(rounds, 30, "it is drained")
                self.others_finish(rounds * FILES)
                rounds += 1
            self.others_finish(rounds * FILES)
            wait_for(lambda: self.state_of("m")["drained_why"] == "one crash after another", "the reason")

    def test_what_it_gives_back_at_once_costs_no_attempt(self):
        def releases(node, number):
            if number == 0:
                node.enter(slots=64)
            node.work.clear()  # and the next BEAT has none of them
            node.beat(1000)
            node.live(number)
            self.hear(node)

        def refuses(node, number):
            if number == 0:
                node.enter(slots=64)
            node.beat(1000)
            self.hear(node)
            node.send(RESULT, [node.outcome(job, b"{}", err=ERRORS["EAGAIN"]) for job in node.work])
            node.work.clear()

        for first, play in ((0, releases), (FILES, refuses)):
            with self.played(play):
                self.others_finish(first)
        self.assertEqual({job["attempts"] for job in self.farm.all_jobs()}, {0})

    def test_what_it_keeps_while_its_counters_lie_is_bounded_and_shown(self):
        counters = [0, 1, 5, 4, BIG, 0, 2**63, 7]

        def play(node, number):
            if number == 0:
                node.enter(slots=4)
            node.beat(BIG, [node.held(job) for job in node.work])
            node.live(counters[number % len(counters)])
            self.hear(node, 0.1)

        with self.played(play):
            self.others_finish(0, but=16)
            wait_for(lambda: self.state_of("m")["held"] == 16, "what it keeps")
            self.assertEqual(self.done(), (FILES - 16, 0))
            kept = self.farm.all_jobs("&state=claimed")
            why = self.farm.kithara("jobs", "why", str(kept[0]["job"])).stdout
            self.assertRegex(why, r"Now it runs on node m for [0-9.]+ s")
            self.assertEqual(self.farm.kithara("keys", "revoke", "m").returncode, 0)  # the operator's remedy
            self.farm.wait_finished(FILES)
        self.assertEqual(self.done(), (FILES, 0))

    def test_results_of_long_ago_again_and_again_keep_nobody_waiting(self):
        def play(node, number):
            if number == 0:
                node.enter(slots=1)
                node.take(4, 4)
                node.send(RESULT, [node.outcome(job, document(self.farm, job)) for job in node.work])
            job = min(node.work)
            node.send(RESULT, [node.outcome(job, document(self.farm, job))] * 200)
            self.hear(node, 0.01)

        self.stop_honest()
        self.farm.submit(0, 4)
        with self.played(play):
            wait_for(lambda: self.done() == (4, 0), "its four")
            self.farm.start_node("a")
            self.others_finish(4, but=16)  # it gets files for those that it has ended
        self.farm.wait_finished(FILES + 4)
        self.assertEqual(self.done(), (FILES + 4, 0))
        self.assertEqual(self.farm.audit()[0], 0, self.farm.audit()[1])

    def test_two_hosts_with_one_key_keep_each_other_out_and_nobody_else(self):
        with HostileNode(self.farm, "m") as first, HostileNode(self.farm, "m") as second:
            first.enter(incarnation=1)

            def second_is_refused():
                first.beat(0)
                second.hello(incarnation=2)
                message = second.receive()
                return message and message[0] == REFUSE and message[1] == ERRORS["EAUTH"]

            wait_for(second_is_refused, "the refusal of the second one")
            self.others_finish(0)


class Ending(Played):
    SETTINGS = {"ANALYZER_JOB_DEADLINE": "72"}

    def test_many_slots_and_counters_that_lie_keep_files_for_half_a_deadline_at_most(self):
        def play(node, number):
            if number == 0:
                node.enter(slots=64)
            node.beat(BIG, [node.held(job) for job in node.work])
            node.live(number)
            self.hear(node, 0.1)

        with self.played(play):
            self.farm.submit(0, FILES)
            for count in (256 - 2 * 64, 2 * 64):  # what it may not have begun, then the others
                wait_for(lambda: f"NODE-HOARDS node=m jobs={count} " in self.farm.coordinator.text(), f"{count} files", 72)
            self.farm.wait_finished(FILES)
            self.assertEqual(self.done(), (FILES, 0))
            self.assertEqual({job["attempts"] for job in self.farm.all_jobs()}, {0}, "none waited for its deadline")


if __name__ == "__main__":
    unittest.main(verbosity=2)
