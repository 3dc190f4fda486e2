#!/usr/bin/env python3
"""A stored result that somebody changed by hand, through the programs: every reader leaves it out, counts and names it, and
gives all others. And `similar` of the HTTP API, which is the search that `kithara similar` has."""
import csv
import io
import json
import math
import os
import sqlite3
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm import Farm, wait_for  # noqa: E402

JOBS = 6
BAD = 2  # its document
BAD_VECTOR = 5


class Damaged(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.farm = Farm(ANALYZER_TEST_FAULT="noop:400", ANALYZER_LOG_LEVEL="INFO")
        cls.farm.start(["a"])
        cls.farm.submit(1, JOBS)
        cls.farm.wait_finished(JOBS)
        with sqlite3.connect(cls.farm.path("ledger.sqlite"), timeout=30) as ledger:
            for job in range(1, JOBS + 1):
                ledger.execute("INSERT INTO vectors(job, run, method, value) VALUES (?, 1, 'signal-1', ?)",
                               (job, struct.pack("<2d", math.cos(job / 9), math.sin(job / 9))))
            ledger.execute("UPDATE vectors SET value = x'0011' WHERE job = ?", (BAD_VECTOR,))
            ledger.execute("UPDATE vectors SET method = 'older' WHERE job = ?", (JOBS,))
            ledger.execute("UPDATE results SET document = substr(document, 1, 40) WHERE job = ?", (BAD,))
        ledger.close()

    @classmethod
    def tearDownClass(cls):
        cls.farm.__exit__(None, None, None)

    def local(self, *arguments):
        return self.farm.kithara(*arguments, "--ledger", "sqlite:" + self.farm.path("ledger.sqlite"))

    def test_results_leave_it_out_and_end_with_1(self):
        for format in ("jsonl", "json", "csv", "table"):
            done = self.local("results", "-o", format)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(f"skipped 1 damaged results, the first of job {BAD}", done.stderr)
            self.assertNotIn(f"/music/{BAD}.mp3", done.stdout)
            for job in {*range(1, JOBS + 1)} - {BAD}:
                self.assertIn(f"{job}.mp3", done.stdout, format)
        self.assertEqual(len(json.loads(self.local("results", "-o", "json").stdout)), JOBS - 1)

    def test_results_without_it_end_with_0(self):
        done = self.local("results", "-o", "jsonl", "--after", str(BAD))
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, JOBS - BAD), done.stderr)

    def test_audit_names_it_in_every_format(self):
        wrong = {BAD, BAD_VECTOR}
        text = self.local("audit")
        self.assertEqual(text.returncode, 1)
        self.assertIn("no JSON object", text.stdout)
        self.assertRegex(text.stdout, r"\d+ rows read, \d+ findings\n$")
        rows = json.loads(self.local("audit", "-o", "json").stdout)
        self.assertEqual({row["job"] for row in rows}, wrong, rows)
        self.assertTrue(all(set(row) == {"job", "run", "finding"} for row in rows))
        lines = self.local("audit", "-o", "jsonl")
        self.assertEqual([json.loads(line) for line in lines.stdout.splitlines()], rows)
        self.assertIn("rows read", lines.stderr)
        table = list(csv.DictReader(io.StringIO(self.local("audit", "-o", "csv").stdout)))
        self.assertEqual([row["finding"] for row in table], [row["finding"] for row in rows])
        self.assertEqual(self.local("audit", "-o", "xml").returncode, 2)

    def test_http_says_that_it_is_damaged(self):
        status, answer = self.farm.request("GET", f"/v1/jobs/{BAD}/document")
        self.assertGreaterEqual(status, 400)
        self.assertIn("`kithara audit` names it", answer["detail"])
        self.assertEqual(self.farm.get("/v1/jobs/1/document")["message_id"], "job-1")
        status, answer = self.farm.request("GET", f"/v1/results/job-{BAD}")
        self.assertGreaterEqual(status, 400)
        rows = self.farm.post("/v1/results", {"message_ids": [f"job-{n}" for n in range(1, JOBS + 1)]})["results"]
        for n, row in enumerate(rows, 1):
            self.assertEqual(row.get("damaged", False), n == BAD, row)
            self.assertEqual(row["document"] is None, n == BAD, row)
        jobs = self.farm.get("/v1/jobs?limit=100")["jobs"]
        self.assertEqual(len(jobs), JOBS)
        self.assertEqual(self.farm.get(f"/v1/jobs/{BAD}")["state"], "done")

    def test_similar_is_the_ledgers_search(self):
        answer = self.farm.get("/v1/jobs/1/similar?limit=50")
        self.assertEqual([row["job"] for row in answer["similar"]], [2, 3, 4])
        distances = [row["distance"] for row in answer["similar"]]
        self.assertEqual(distances, sorted(distances))
        self.assertEqual([row["file_path"] for row in answer["similar"]], [f"/music/{n}.mp3" for n in (2, 3, 4)])
        self.assertEqual({name: answer[name] for name in ("compared", "other_methods", "damaged", "more")},
                         {"compared": 4, "other_methods": 1, "damaged": 1, "more": False})
        self.assertEqual([row["job"] for row in self.farm.get("/v1/jobs/4/similar?limit=1")["similar"]], [3])

    def test_similar_of_a_job_without_a_vector_is_404(self):
        for job in (BAD_VECTOR, JOBS + 1, 2**62):
            status, answer = self.farm.request("GET", f"/v1/jobs/{job}/similar")
            self.assertEqual(status, 404, answer)
        for limit in ("0", "51", "x", "-1", ""):
            self.assertEqual(self.farm.request("GET", f"/v1/jobs/1/similar?limit={limit}")[0], 400, limit)


class Waiting(unittest.TestCase):
    def test_a_job_whose_row_is_not_that_of_its_message_fails_once_and_holds_nobody_up(self):
        """Every outcome of its message is refused, as one of another file; without an end it would be analysed again and again."""
        with Farm(ANALYZER_TEST_FAULT="noop:400", ANALYZER_LOG_LEVEL="INFO") as farm:
            farm.start(["a"])
            farm.nodes["a"].stop()
            farm.submit(1, 9)
            farm.coordinator.stop()
            with sqlite3.connect(farm.path("ledger.sqlite"), timeout=30) as ledger:
                ledger.execute("UPDATE inputs SET file_path = '/music/other.mp3' WHERE job = 2")
                ledger.execute("UPDATE inputs SET message_id = 'another' WHERE job = 3")
                ledger.execute("UPDATE inputs SET body = '{' WHERE job = 4")
                ledger.execute("UPDATE inputs SET body = substr(body, 1, length(body) - 1) || printf(',\"x\":\"%.300000c\"}', 'x') WHERE job = 5")
            ledger.close()
            farm.start_coordinator()
            farm.start_node("a")
            farm.wait_finished(9)
            jobs = {job["job"]: job for job in farm.get("/v1/jobs")["jobs"]}
            self.assertEqual({n: jobs[n]["error"] for n in (2, 3, 4, 5)},
                             {2: "EBADDATA", 3: "EBADDATA", 4: "EMESSAGE", 5: "EMESSAGE"})
            self.assertEqual({jobs[n]["state"] for n in (1, *range(6, 10))}, {"done"})
            self.assertEqual(farm.coordinator.text().count("JOB-FAILED job=2 "), 3, "the node's, and two of the coordinator's")


class Export(unittest.TestCase):
    def test_an_export_leaves_it_out(self):
        with Farm(ANALYZER_TEST_FAULT="noop:400") as farm:
            farm.start(["a"])
            with open(farm.path("list.txt"), "w") as paths:
                paths.write("".join(f"/music/{n}.flac\n" for n in range(4)))
            done = farm.kithara("backfill", "start", farm.path("list.txt"), "--name", "four")
            self.assertEqual(done.returncode, 0, done.stderr)
            wait_for(lambda: farm.finished() == 4, "the backfill")
            with sqlite3.connect(farm.path("ledger.sqlite"), timeout=30) as ledger:
                ledger.execute("UPDATE results SET document = '[]' WHERE job = 3")
            ledger.close()
            done = farm.kithara("backfill", "export", "1")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("skipped 1 damaged results, the first of job 3", done.stderr)
            self.assertEqual(len(done.stdout.splitlines()), 3, done.stdout)
            rows = farm.get("/v1/backfills/1/results")["results"]
            self.assertEqual([row.get("damaged", False) for row in rows].count(True), 1, rows)


if __name__ == "__main__":
    unittest.main()
