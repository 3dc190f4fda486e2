#!/usr/bin/env python3
"""docs/operations.md: rolling upgrade, backup and restore, disaster drill, with real servers. Nodes analyse nothing (noop)."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1]))
from cluster import Cluster, wait_for  # noqa: E402
from farm import Farm  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop", "ANALYZER_LOG_LEVEL": "INFO"}
WAIT_S = 60


class Drill(unittest.TestCase):
    """One cluster for all, as its servers take their time; each test leaves it whole."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(coordinators=2, nodes=2, media="/x", **NOOP)
        cls.submitted = 0

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def tearDown(self):
        self.cluster.heal()
        self.cluster.wait_nodes(WAIT_S)
        self.done(self.submitted)
        audit = self.cluster.kithara("audit", check=False)
        self.assertEqual(audit.returncode, 0, audit.stdout + audit.stderr)

    def submit(self, count):
        messages = [{"message_id": f"drill-{i}", "file_path": f"/x/{i}.mp3"} for i in range(self.submitted, self.submitted + count)]
        type(self).submitted += count
        token = (self.cluster.folder / "state" / "http.token").read_text().strip()
        request = urllib.request.Request(f"http://127.0.0.1:{self.cluster.https[0]}/v1/jobs", json.dumps({"messages": messages}).encode(),
                                         {"Authorization": "Bearer " + token})
        with urllib.request.urlopen(request, timeout=20) as answer:
            self.assertEqual({one["error"] for one in json.load(answer)["results"]}, {None})

    def done(self, count):
        wait_for(lambda: self.cluster.get(0, "/v1/queue")["done"] == count, f"{count} jobs", WAIT_S)

    def metric(self, name):
        text = self.text(0, "/metrics")
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))

    def text(self, i, path):

        with urllib.request.urlopen(f"http://127.0.0.1:{self.cluster.https[i]}{path}", timeout=5) as answer:
            return answer.read().decode()

    def node(self, name):
        return next(node for node in self.cluster.get(0, "/v1/nodes")["nodes"] if node["name"] == name)

    def test_a_rolling_upgrade_of_nodes_and_coordinators_loses_nothing(self):
        for program in self.cluster.nodes:
            self.submit(200)
            self.cluster.kithara("nodes", "drain", program.name, "--why", "upgrade")
            wait_for(lambda: self.node(program.name)["held"] == 0, "the drained node is empty", WAIT_S)
            self.assertEqual(program.stop(), 0)
            program.start()
            wait_for(lambda: self.node(program.name)["state"] not in ("absent", "lost"), "the new node", WAIT_S)
            wait_for(lambda: self.node(program.name)["drained_since"], "the drain outlives the restart", 30)
            self.cluster.kithara("nodes", "undrain", program.name)
        for coordinator in self.cluster.coordinators:
            self.submit(200)
            self.assertEqual(coordinator.stop(), 0)
            coordinator.start()
            wait_for(lambda: self.cluster.answers(self.cluster.coordinators.index(coordinator), "/readyz"), coordinator.name, WAIT_S)

    def test_killed_programs_are_missed_and_their_work_is_done(self):
        self.submit(300)
        self.cluster.nodes[0].kill()
        wait_for(lambda: self.node(self.cluster.nodes[0].name)["state"] == "absent", "the absent node", 30)
        self.cluster.coordinators[1].kill()
        self.submit(100)

    def test_without_a_database_nothing_is_ready_and_nothing_is_lost(self):
        self.submit(100)
        self.cluster.database.kill()
        wait_for(lambda: not self.cluster.answers(0, "/readyz"), "readyz without a ledger", WAIT_S)
        self.cluster.database.start()
        wait_for(lambda: self.cluster.answers(0, "/readyz"), "readyz with its ledger", WAIT_S)

    def test_without_a_broker_results_wait_in_the_outbox(self):
        connection = self.cluster.broker.connect()
        channel = connection.channel()
        channel.queue_declare("drill", durable=True)
        channel.queue_bind("drill", "apollonia", "#")
        connection.close()
        self.done(self.submitted)
        wait_for(lambda: self.metric("kithara_outbox_waiting_messages") == 0, "what was there is published", WAIT_S)
        self.cluster.broker.save_declarations()
        self.cluster.broker.kill()
        self.submit(50)
        self.done(self.submitted)
        wait_for(lambda: self.metric("kithara_outbox_waiting_messages") == 50, "the outbox", WAIT_S)
        self.cluster.broker.start()
        try:
            wait_for(lambda: self.metric("kithara_outbox_waiting_messages") == 0, "the empty outbox", WAIT_S)
        except AssertionError:
            for program in self.cluster.coordinators:
                print(f"--- {program.name}", *[line for line in program.text().splitlines() if " AMQP-" in line][-25:], sep="\n")
            raise

    def test_a_dump_is_restored_and_what_came_later_is_submitted_again(self):
        self.submit(100)
        self.done(self.submitted)
        dump = str(self.cluster.folder / "ledger.dump")
        url = self.cluster.database.url
        subprocess.run(["pg_dump", "-Fc", "-d", url, "-f", dump], check=True)
        self.submit(70)
        self.done(self.submitted)
        for coordinator in self.cluster.coordinators:
            coordinator.stop()
        subprocess.run(["pg_restore", "--clean", "--if-exists", "-d", url, dump], check=True)
        for coordinator in self.cluster.coordinators:
            coordinator.start()
        self.cluster.wait_nodes(WAIT_S)
        type(self).submitted -= 70
        self.done(self.submitted)
        self.assertEqual(self.cluster.kithara("audit", check=False).returncode, 0)
        self.submit(70)


class SqliteBackup(unittest.TestCase):
    def test_a_copy_taken_at_work_is_restored(self):
        with Farm(**NOOP) as farm, tempfile.TemporaryDirectory() as folder:
            farm.start(["a"])
            farm.submit(0, 100)
            farm.wait_finished(100)
            copy = os.path.join(folder, "ledger.sqlite")
            self.assertEqual(farm.kithara("db", "backup", copy).returncode, 0)
            farm.submit(100, 50)
            farm.wait_finished(150)
            self.assertEqual(farm.coordinator.stop(), 0)
            for rest in ("-wal", "-shm"):
                pathlib.Path(farm.path("ledger.sqlite" + rest)).unlink(missing_ok=True)
            shutil.copyfile(copy, farm.path("ledger.sqlite"))
            farm.start_coordinator()
            self.assertEqual(farm.finished(), 100)
            self.assertEqual(farm.audit()[0], 0)
            farm.submit(100, 50)
            farm.wait_finished(150)

    def test_a_copied_pair_and_token_serve_a_new_state_folder(self):
        with Farm(**NOOP) as farm:
            farm.start(["a"])
            token, key = farm.token(), farm.ready["public_key"]
            farm.coordinator.process.send_signal(signal.SIGTERM)
            farm.coordinator.process.wait(60)
            kept = tempfile.mkdtemp(dir=farm.folder)
            for name in ("keys", "http.token"):
                shutil.move(farm.path(name), kept)
            pathlib.Path(farm.path("ledger.sqlite")).unlink()
            for name in ("keys", "http.token"):
                shutil.move(os.path.join(kept, name), farm.folder)
            farm.start_coordinator()
            self.assertEqual((farm.token(), farm.ready["public_key"]), (token, key))
            farm.submit(0, 5)
            farm.wait_finished(5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
