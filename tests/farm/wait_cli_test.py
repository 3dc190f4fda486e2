#!/usr/bin/env python3
"""Commands that wait: --watch and --wait outlive a coordinator that is silent, and say so; progress keeps to the terminal; jobs are
filtered and changed in numbers."""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest
import wave

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm import BIN, Farm, wait_for  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop", "ANALYZER_LOG_LEVEL": "INFO"}
KITHARA = os.path.join(BIN, "kithara")


class Running:
    """A command whose outputs go to files."""

    def __init__(self, farm, *argv):
        self.out, self.err = farm.path("command.out"), farm.path("command.err")
        env = farm.env(ANALYZER_HTTP_URL=farm.http)
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen([KITHARA, *argv], env=env, stdout=out, stderr=err)

    def text(self, path):
        with open(path) as file:
            return file.read()

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(20)


class Waiting(unittest.TestCase):
    def test_a_watched_view_outlives_a_restart_and_has_one_header(self):
        with Farm(**NOOP).start(["a"]) as farm:
            watch = Running(farm, "queue", "--watch", "-o", "csv")
            wait_for(lambda: watch.text(watch.out).count("\n") >= 2, "the first rows")
            farm.coordinator.stop()
            wait_for(lambda: "does not answer" in watch.text(watch.err), "the notice")
            rows = watch.text(watch.out).count("\n")
            farm.start_coordinator()
            wait_for(lambda: watch.text(watch.out).count("\n") > rows + 1, "more rows")
            self.assertIn("answers again", watch.text(watch.err))
            self.assertEqual(watch.end(), 0)
            self.assertEqual(watch.text(watch.out).count("waiting,"), 1)

    def test_a_wait_says_that_nobody_answers_and_goes_on(self):
        with Farm(ANALYZER_LOG_LEVEL="INFO") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            farm.start(["a"])
            with wave.open(farm.path("silence.wav"), "wb") as out:
                out.setparams((1, 2, 8000, 0, "NONE", ""))
                out.writeframes(bytes(16000 * 4))
            farm.nodes["a"].process.send_signal(signal.SIGSTOP)
            wait = Running(farm, "submit", "--wait", farm.path("silence.wav"))
            wait_for(lambda: farm.get("/v1/jobs")["jobs"], "the job")
            farm.coordinator.process.send_signal(signal.SIGSTOP)
            wait_for(lambda: "does not answer" in wait.text(wait.err), "the notice", 20)
            self.assertIsNone(wait.process.poll())
            farm.coordinator.process.send_signal(signal.SIGCONT)
            farm.nodes["a"].process.send_signal(signal.SIGCONT)
            self.assertEqual(wait.process.wait(40), 0, wait.text(wait.err))
            self.assertIn("answers again", wait.text(wait.err))

    def test_a_wait_says_that_nobody_answers_from_the_first_request_on(self):
        with Farm(**NOOP, ANALYZER_MEDIA_ROOTS="/").start(["a"]) as farm:
            os.mkdir(farm.path("music"))
            with open(farm.path("music", "x.mp3"), "wb") as file:
                file.write(b"ID3")
            for argv in (("submit", "--wait", farm.path("music")), ("backfill", "start", "--wait", farm.path("music"))):
                farm.coordinator.process.send_signal(signal.SIGSTOP)
                wait = Running(farm, *argv)
                wait_for(lambda: "does not answer" in wait.text(wait.err), f"the notice of {argv[0]}", 20)
                farm.coordinator.process.send_signal(signal.SIGCONT)
                self.assertEqual(wait.process.wait(40), 0, wait.text(wait.err))
                self.assertIn("answers again", wait.text(wait.err))
            self.assertEqual(farm.get("/v1/queue")["done"], 2, "one job each")

    def test_a_view_without_a_coordinator_fails_at_once(self):
        done = subprocess.run([KITHARA, "queue", "--watch"], env=dict(os.environ, ANALYZER_HTTP_URL="http://127.0.0.1:9"),
                              capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn("EUNREACHABLE", done.stderr)


class Progress(unittest.TestCase):
    def test_it_keeps_to_the_width_of_the_terminal(self):
        with Farm(**NOOP) as farm:
            names = [farm.path(f"a name that is longer than the terminal is wide {i}.wav") for i in range(4)]
            for name in names:
                with wave.open(name, "wb") as out:
                    out.setparams((2, 2, 44100, 0, "NONE", ""))
                    out.writeframes(os.urandom(44100 * 4 * 60) * 3)  # long enough to be seen in work
            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
            process = subprocess.Popen([KITHARA, "analyze", "--workers", "1", "-o", "csv", *names], stdout=subprocess.DEVNULL, stderr=slave)
            os.close(slave)
            seen, began = b"", time.monotonic()
            while time.monotonic() - began < 60:
                try:
                    part = os.read(master, 4096)
                except OSError:
                    break
                if not part:
                    break
                seen += part
            self.assertEqual(process.wait(60), 0, seen)
            lines = [line for line in re.split(r"\r|\x1b\[K", seen.decode()) if line.strip()]
            self.assertTrue(any("/4 files" in line and "a name that" in line for line in lines), lines[:3])
            self.assertLessEqual(max(map(len, lines)), 59)
            os.close(master)


class Jobs(unittest.TestCase):
    def test_jobs_are_filtered_sorted_and_changed_in_numbers(self):
        with Farm(ANALYZER_LOG_LEVEL="INFO") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            farm.start(["a", "b"])

            def jobs(*argv, code=0):
                done = subprocess.run([KITHARA, "jobs", *argv], env=farm.env(ANALYZER_HTTP_URL=farm.http), capture_output=True, text=True,
                                      stdin=subprocess.DEVNULL, timeout=30)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)
                return done

            def numbers(*argv):
                return [row["job"] for row in json.loads(jobs("-o", "json", *argv).stdout)]

            with open(farm.path("text.mp3"), "w") as file:
                file.write("bread, butter, two lemons\n" * 99)
            names = ["text.mp3", *(f"missing{i}.mp3" for i in range(4))]
            farm.post("/v1/jobs", {"messages": [{"file_path": farm.path(name)} for name in names]})
            farm.wait_finished(5)
            self.assertEqual(numbers(), [5, 4, 3, 2, 1])
            self.assertEqual(numbers("--sort", "oldest", "--limit", "2"), [1, 2])
            self.assertEqual(numbers("--after", "3"), [2, 1])
            self.assertEqual(numbers("--error", "ETEXT"), [1])
            self.assertEqual(numbers("--error", "ENOFILE", "--state", "failed", "--limit", "2"), [5, 4])
            self.assertEqual(numbers("--state", "failed"), [5, 4, 3, 2, 1])
            self.assertEqual(numbers("--state", "queued"), [])
            self.assertEqual(numbers("--since", "1h"), [5, 4, 3, 2, 1])
            self.assertEqual(numbers("--since", "2999-01-01"), [])
            created = {row["job"]: row["created"] for row in json.loads(jobs("-o", "json").stdout)}
            self.assertEqual(numbers("--since", created[1]), [5, 4, 3, 2, 1])  # the form of our own tables
            self.assertEqual(numbers("--since", "2024-02-29T12:00:00.5+02:00"), [5, 4, 3, 2, 1])
            for wrong in ("2024-02-30", "2023-02-29", "2024-01-01T00:00:00+2:00", "2024-01-01T00:00:00+15:00", "2024-01-01.5",
                          "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+02:00Z"):
                self.assertIn("is no time", jobs("--since", wrong, code=2).stderr, wrong)
            by_node = {name: numbers("--node", name) for name in ("a", "b", "c")}
            self.assertEqual(sorted(by_node["a"] + by_node["b"]), [1, 2, 3, 4, 5])
            self.assertEqual(by_node["c"], [])

            for argv in (("--state", "bad"), ("--error", "ENOTHING"), ("--since", "yesterday"), ("--sort", "size"), ("--limit", "0"),
                         ("--limit", "1001"), ("--after", "x"), ("retry",), ("retry", "x"), ("retry", "1", "--error", "ETEXT"),
                         ("why", "1", "2"), ("retyr", "1"), ("why", "1", "--state", "done"), ("retry", "1", "--limit", "1"),
                         ("retry", "1", "--watch"), ("retry", "--state", "done", "--yes"), ("retry", "--state", "queued", "--yes"),
                         ("cancel", "--state", "failed", "--yes"), ("retry", "--error", "ENOFILE")):
                self.assertIn("EUSAGE", jobs(*argv, code=2).stderr, argv)
            self.assertIn("4 jobs match", jobs("retry", "--error", "ENOFILE", code=2).stderr)
            farm.nodes["a"].process.send_signal(signal.SIGSTOP)
            farm.nodes["b"].process.send_signal(signal.SIGSTOP)
            self.assertIn("2 jobs match", jobs("retry", "--error", "ENOFILE", "--limit", "2", code=2).stderr)
            self.assertIn("1 job matches", jobs("retry", "--error", "ENOFILE", "--after", "3", code=2).stderr)
            done = jobs("retry", "--error", "ENOFILE", "--yes")
            self.assertIn("4 jobs match", done.stderr)
            self.assertIn("4 of 4 jobs: queued again", done.stdout)
            self.assertEqual([run["run"] for run in json.loads(jobs("-o", "json").stdout)], [2, 2, 2, 2, 1])
            done = jobs("cancel", "2", "3", "99", "2", code=1)
            self.assertIn("2 of 3 jobs: cancelled", done.stdout)
            self.assertIn("job 99", done.stderr)
            self.assertEqual(numbers("--error", "ECANCELLED"), [3, 2])
            rows = json.loads(jobs("cancel", "4", "99", "-o", "json", code=1).stdout)
            self.assertEqual([(row["job"], row["result"], (row["error"] or {}).get("code")) for row in rows],
                             [(4, "cancelled", None), (99, "refused", "ENOTFOUND")])
            self.assertEqual(json.loads(jobs("retry", "4", "-o", "jsonl").stdout), {"job": 4, "result": "queued again", "error": None})
            self.assertEqual(json.loads(jobs("retry", "--path", "/nowhere", "--yes", "-o", "json").stdout), [])
            self.assertEqual(jobs("retry", "4", "-o", "csv", code=1).stdout.splitlines()[0], "job,result,error.code,error.detail")
            refused = jobs("retry", "4", "-o", "json", code=1)
            why = "the job is (queued already|in work: wait)"
            self.assertRegex(refused.stderr, why)
            self.assertRegex(json.loads(refused.stdout)[0]["error"]["detail"], why)
            self.assertIn("the job has failed: there is nothing to cancel", jobs("cancel", "1", code=1).stderr)
            farm.nodes["a"].process.send_signal(signal.SIGCONT)
            farm.nodes["b"].process.send_signal(signal.SIGCONT)
            self.assertIn("0 jobs match", jobs("cancel", "--path", "/nowhere", "--yes").stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
