#!/usr/bin/env python3
"""Who is who: one coordinator under two addresses, a copied state folder. Real processes; HELLOs are counted.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree).
"""
import os
import shutil
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(__file__))
from farm import BIN, Farm, Process, wait_for  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop"}
WATCHED_S = float(os.environ.get("KITHARA_WATCHED", "4"))


class Identity(unittest.TestCase):
    def hellos(self, farm):
        return farm.coordinator.text().count("NODE-HELLO")

    def done(self, farm):
        return sum(node["done"] for node in farm.get("/v1/nodes")["nodes"])

    def test_one_coordinator_under_two_addresses_is_used_once(self):
        with Farm(**NOOP) as farm:
            other = farm.router.replace("127.0.0.1", "localhost")
            farm.settings["ANALYZER_COORDINATORS"] = f"{farm.router} {other}"
            farm.start(["a"])
            farm.submit(0, 2000)
            farm.wait_finished(2000)
            began, before = time.monotonic(), self.hellos(farm)
            node = farm.nodes["a"]
            wait_for(lambda: "COORDINATOR-TWICE" in node.text(), "the warning")
            time.sleep(WATCHED_S)
            watched_s, more = time.monotonic() - began, self.hellos(farm) - before
            print(f"\ndoubled address: {before} HELLOs at the start, {more * 60 / watched_s:.0f} a minute afterwards")
            self.assertEqual(node.text().count("COORDINATOR-TWICE"), 1)
            self.assertLessEqual(before, 6)
            self.assertEqual(more, 0)
            self.assertEqual(self.done(farm), 2000)
            self.assertLess(len(node.text()) + len(farm.coordinator.text()), 20000)

    def test_a_copied_state_folder_works_once_and_both_hosts_are_named(self):
        with Farm(**NOOP).start(["a"]) as farm:
            copy = farm.path("copy")
            os.mkdir(copy)
            shutil.copytree(farm.path("keys"), os.path.join(copy, "keys"))
            program = [os.path.join(BIN, "kithara-node"), "--with-parent"]
            clone = Process(program, farm.env(ANALYZER_NODE_NAME="a", ANALYZER_STATE_DIR=copy), farm.path("clone.log"))
            farm.nodes["clone"] = clone
            wait_for(lambda: "NODE-TWICE" in farm.coordinator.text(), "the warning")
            wait_for(lambda: "already works on host" in clone.text(), "the refusal")
            began, before = time.monotonic(), self.hellos(farm)
            farm.submit(0, 2000)
            farm.wait_finished(2000)
            time.sleep(WATCHED_S)
            refused = self.refused(farm)
            print(f"\ncopied state folder: {(self.hellos(farm) - before) * 60 / (time.monotonic() - began):.0f} welcomes a "
                  f"minute, {refused} refusals in all")
            self.assertEqual(self.hellos(farm), before)
            self.assertEqual((farm.coordinator.text().count("NODE-TWICE"), clone.text().count("NODE-REFUSED")), (1, 1))
            self.assertEqual(self.done(farm), 2000)
            self.assertEqual(farm.get("/v1/status")["nodes"]["live"], 1)
            self.assertTrue(farm.nodes["a"].alive() and clone.alive())

    def refused(self, farm):
        return next(line.split()[-1] for line in self.metrics(farm) if 'hellos_refused_total{reason="twin"}' in line)

    def metrics(self, farm):
        with urllib.request.urlopen(farm.http + "/metrics", timeout=10) as answer:
            return answer.read().decode().splitlines()

    def test_a_killed_node_that_starts_again_is_no_copy(self):
        with Farm(**NOOP).start(["a"]) as farm:
            farm.nodes["a"].kill()
            began = time.monotonic()
            farm.start_node("a")
            wait_for(lambda: "NODE-WELCOME" in farm.nodes["a"].text().rsplit("NODE-KEY", 1)[-1], "the return", 30)
            self.assertLess(time.monotonic() - began, 3)
            self.assertNotIn("NODE-TWICE", farm.coordinator.text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
