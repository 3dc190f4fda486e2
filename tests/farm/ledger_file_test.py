#!/usr/bin/env python3
"""The file of a SQLite ledger under a working coordinator: moved, replaced, copied over, copied the right way. Real processes.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree).
"""
import contextlib
import os
import pathlib
import shutil
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from farm import Farm, wait_for  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop"}


class LedgerFile(unittest.TestCase):
    def expect_end(self, farm, why):
        """It stops by itself, with a status, and names the reason."""
        self.assertEqual(farm.coordinator.process.wait(20), 1, farm.coordinator.text())
        self.assertIn("LEDGER-REPLACED", farm.coordinator.text())
        self.assertIn(why, farm.coordinator.text())

    def jobs(self, path):
        with sqlite3.connect(path) as ledger:
            return ledger.execute("SELECT count(*) FROM jobs WHERE state = 2").fetchone()[0]

    def audit(self, farm, *path):
        done = farm.kithara("audit", "--ledger", "sqlite:" + farm.path(*path))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @contextlib.contextmanager
    def farm_with(self, jobs, **settings):
        """A coordinator and a node that finished these jobs."""
        with Farm(**NOOP, **settings).start(["a"]) as farm:
            self.finish(farm, 0, jobs)
            yield farm

    def finish(self, farm, first, jobs):
        farm.submit(first, jobs)
        farm.wait_finished(first + jobs)

    def backup(self, farm, *path):
        done = farm.kithara("db", "backup", farm.path(*path))
        self.assertEqual(done.returncode, 0, done.stderr)
        return farm.path(*path)

    def expect_start_with(self, farm, jobs):
        farm.start_coordinator()
        self.assertEqual(farm.finished(), jobs)

    def test_a_ledger_that_is_moved_stops_the_coordinator_and_keeps_every_job(self):
        with self.farm_with(300) as farm:
            os.rename(farm.path("ledger.sqlite"), farm.path("moved.sqlite"))
            self.expect_end(farm, "the file is gone")
            self.assertEqual(self.jobs(farm.path("moved.sqlite")), 300)
            self.audit(farm, "moved.sqlite")
            os.rename(farm.path("moved.sqlite"), farm.path("ledger.sqlite"))
            self.expect_start_with(farm, 300)

    def test_a_ledger_that_cannot_be_written_for_longer_than_the_lease_costs_no_job_an_attempt(self):
        """As a slow disk and large messages do it: nobody else can take the lease of a SQLite ledger."""
        with Farm(ANALYZER_LEASE="1000", **NOOP).start(["a"]) as farm:
            farm.submit(0, 50)
            farm.wait_finished(50)
            writer = sqlite3.connect(farm.path("ledger.sqlite"), isolation_level=None, timeout=10)
            writer.execute("BEGIN IMMEDIATE")
            wait_for(lambda: "LEDGER-DOWN" in farm.coordinator.text(), "a call that waits")
            wait_for(lambda: farm.get("/v1/status")["uptime_s"] > 0, "the status")
            down = time.monotonic()
            wait_for(lambda: time.monotonic() - down > 2.5, "longer than the lease")
            writer.execute("ROLLBACK")
            writer.close()
            farm.submit(50, 50)
            farm.wait_finished(100)
            self.assertNotIn("LEASE-LOST", farm.coordinator.text())
            self.audit(farm, "ledger.sqlite")

    def test_another_file_in_its_place_is_noticed_and_left_alone(self):
        with Farm(**NOOP).start(["a"]) as farm:
            other = self.backup(farm, "other.sqlite")
            self.finish(farm, 0, 100)
            before = pathlib.Path(other).read_bytes()
            os.rename(other, farm.path("ledger.sqlite"))
            self.expect_end(farm, "another file is in its place")
            self.assertEqual(pathlib.Path(farm.path("ledger.sqlite")).read_bytes(), before)
            self.expect_start_with(farm, 0)

    def test_a_backup_that_is_copied_over_it_is_noticed(self):
        with self.farm_with(200) as farm:
            self.backup(farm, "copy.sqlite")
            self.finish(farm, 200, 200)
            shutil.copyfile(farm.path("copy.sqlite"), farm.path("ledger.sqlite"))  # the same inode
            self.expect_end(farm, "written over it")
            self.audit(farm, "ledger.sqlite")
            self.expect_start_with(farm, 200)
            self.assertTrue(any("-wal.replaced-" in name for name in os.listdir(farm.folder)))

    def test_a_link_that_leads_to_another_ledger_is_noticed(self):
        with Farm(**NOOP) as farm:
            for name in ("one", "two"):
                os.mkdir(farm.path(name))
            os.symlink("one", farm.path("current"))
            farm.settings["DATABASE_URL"] = "sqlite:" + farm.path("current", "ledger.sqlite")
            farm.start(["a"])
            self.finish(farm, 0, 200)
            self.backup(farm, "two", "ledger.sqlite")
            self.finish(farm, 200, 100)
            os.symlink("two", farm.path("next"))
            os.rename(farm.path("next"), farm.path("current"))
            self.expect_end(farm, "another file is in its place")
            self.audit(farm, "one", "ledger.sqlite")
            self.assertEqual([self.jobs(farm.path(name, "ledger.sqlite")) for name in ("one", "two")], [300, 200])

    def test_a_log_that_is_removed_costs_no_job(self):
        with self.farm_with(200) as farm:
            os.unlink(farm.path("ledger.sqlite-wal"))
            self.expect_end(farm, "its write-ahead log is gone")
            self.audit(farm, "ledger.sqlite")
            self.expect_start_with(farm, 200)

    def test_a_backup_that_sqlite_restores_into_it_is_noticed(self):
        with self.farm_with(200) as farm:
            self.backup(farm, "copy.sqlite")
            farm.submit(200, 20)  # within the second, so that no renewal of the lease is between
            copy, ledger = sqlite3.connect(farm.path("copy.sqlite")), sqlite3.connect(farm.path("ledger.sqlite"), timeout=20)
            copy.backup(ledger)
            copy.close()
            ledger.close()
            self.expect_end(farm, "another state was restored")
            self.audit(farm, "ledger.sqlite")
            self.expect_start_with(farm, 200)

    def test_a_ledger_that_is_cut_is_noticed(self):
        with self.farm_with(10) as farm:
            os.truncate(farm.path("ledger.sqlite"), os.path.getsize(farm.path("ledger.sqlite")) // 2)
            self.expect_end(farm, "the file was cut")

    def test_a_backup_of_a_working_ledger_is_whole_and_disturbs_nobody(self):
        with Farm(**NOOP).start(["a"]) as farm:
            farm.submit(0, 3000)
            nowhere = farm.kithara("db", "backup", farm.path("none", "copy.sqlite"))
            self.assertRegex(nowhere.stderr, "^kithara: ENOFILE: db backup: '.*/none/copy.sqlite.part' cannot be created: No such file")
            copy = self.backup(farm, "copy.sqlite")
            self.audit(farm, "copy.sqlite")
            self.assertEqual(os.stat(copy).st_mode & 0o777, 0o600)
            self.assertNotEqual(farm.kithara("db", "backup", copy).returncode, 0)  # it exists
            self.assertNotEqual(farm.kithara("db", "backup", farm.path("none", "copy")).returncode, 0)
            full = farm.kithara("db", "backup", "/dev/full/x")
            self.assertEqual((full.returncode, os.path.exists(farm.path("copy.sqlite.part"))), (1, False))
            farm.wait_finished(3000)
            self.assertEqual(farm.coordinator.stop(), 0)
            self.audit(farm, "ledger.sqlite")

    def test_reading_and_writing_by_a_shell_is_no_replacement(self):
        with self.farm_with(300, ANALYZER_LEASE="1000") as farm:
            for _ in range(8):
                with sqlite3.connect(farm.path("ledger.sqlite"), timeout=10) as ledger:
                    ledger.execute("UPDATE counters SET retried = retried + 0")
                    ledger.commit()
                    ledger.execute("PRAGMA wal_checkpoint").fetchall()
                wait_for(lambda: farm.get("/v1/status")["ledger"]["up"], "the ledger")
            self.finish(farm, 300, 300)
            self.assertTrue(farm.coordinator.alive())


if __name__ == "__main__":
    unittest.main(verbosity=2)
