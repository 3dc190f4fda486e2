#!/usr/bin/env python3
"""The fleet: allowed and revoked keys, names, unknown programs on the port, files that all crash, several coordinators on one
PostgreSQL. Real processes; servers of their own (tests/servers.py).

KITHARA_BIN is the folder of the programs (default: build/bin of this tree).
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest
import urllib.request
import wave

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from farm import BIN, Farm, Process, free_port, wait_for  # noqa: E402
from servers import Postgres  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop"}
PATIENT = {"ANALYZER_NODE_SILENCE": "20000"}  # a node of a loaded machine is not lost


def write_tone(path, seconds):
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(44100)
        out.writeframes(b"".join(struct.pack("<h", (i * 440 % 20000) - 10000) for i in range(int(44100 * seconds))))


def write_silence(path, seconds):
    """A sparse file of any length: it takes no space on the disk."""
    write_tone(path, 0)
    size = 88200 * seconds
    with open(path, "r+b") as out:
        out.write(struct.pack("<4sI", b"RIFF", size + 36))
        out.seek(40)
        out.write(struct.pack("<I", size))
        out.truncate(44 + size)


def key_of(farm, name):
    with open(farm.path("keys", f"node-{name}.public")) as key:
        return key.read().strip()


class Keys(unittest.TestCase):
    def test_a_key_that_is_allowed_after_the_first_knock_gets_in_within_two_seconds(self):
        with Farm(**NOOP) as farm:
            farm.start_coordinator()
            node = farm.start_node("late")
            wait_for(lambda: "KEY-REFUSED" in node.text(), "the refusal")
            began = time.monotonic()
            done = farm.kithara("keys", "allow", key_of(farm, "late"), "late")
            self.assertEqual(done.returncode, 0, done.stderr)
            wait_for(lambda: "NODE-WELCOME" in node.text(), "the welcome", 30)
            self.assertLess(time.monotonic() - began, 3.0)  # one second until the file is read, one between two attempts
            farm.submit(0, 200)
            farm.wait_finished(200)

    def test_a_key_that_begins_with_a_dash_is_no_option(self):
        with Farm() as farm:
            farm.start_coordinator()
            key = "-" + "a" * 39
            for arguments in (["allow", key, "dash"], ["revoke", key]):
                done = farm.kithara("keys", *arguments)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_revoked_node_is_put_out_and_its_work_goes_elsewhere(self):
        with Farm(**NOOP).start(["a", "b"]) as farm:
            farm.submit(0, 2000)
            self.assertEqual(farm.kithara("keys", "revoke", key_of(farm, "a")).returncode, 0)
            farm.coordinator.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "AUTH-REVOKED node=a" in farm.coordinator.text(), "the revocation")
            wait_for(lambda: "NODE-REFUSED" in farm.nodes["a"].text(), "the refusal")
            farm.submit(2000, 2000)
            farm.wait_finished(4000)
            self.assertEqual([n["name"] for n in farm.get("/v1/nodes")["nodes"]], ["b"])
            again = farm.kithara("keys", "revoke", key_of(farm, "a"))
            self.assertEqual((again.returncode, "ENOTFOUND" in again.stderr), (1, True))
            self.assertEqual(farm.kithara("keys", "allow", key_of(farm, "a"), "a").returncode, 0)
            wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 2, "the return", 30)
            self.assertEqual(farm.coordinator.stop(), 0)
            self.assertEqual(farm.audit()[0], 0, farm.audit()[1])

    def test_the_command_line_makes_lists_and_refuses_keys(self):
        with Farm(**NOOP) as farm:
            made = farm.kithara("keys", "new", "--out", farm.path("pair"), "-o", "json")
            self.assertEqual(made.returncode, 0, made.stderr)
            pair = json.loads(made.stdout)
            self.assertEqual(os.stat(pair["secret_file"]).st_mode & 0o777, 0o600)
            self.assertEqual(farm.kithara("keys", "new", "--out", farm.path("pair")).returncode, 1)
            self.assertEqual(farm.kithara("keys", "allow", pair["public_key"], "gpu7").returncode, 0)
            listed = json.loads(farm.kithara("keys", "list", "-o", "json").stdout)
            self.assertEqual([(key["key"], key["name"]) for key in listed], [(pair["public_key"], "gpu7")])
            bad = farm.kithara("keys", "allow", "short")
            self.assertEqual((bad.returncode, "EUSAGE" in bad.stderr), (2, True))


    def test_mistakes_at_the_command_line_are_named(self):
        with Farm(**NOOP).start(["a"]) as farm:
            for order in ("why", "retry", "cancel"):
                odd = farm.kithara("jobs", order, "seven")
                self.assertEqual((odd.returncode, "'seven' is not a job number" in odd.stderr), (2, True), odd.stderr)
            self.assertEqual(farm.kithara("nodes", "drain", "a").stdout, "a: drains\n")
            self.assertIn("no node with that name", farm.kithara("nodes", "drain", "typo").stdout)
            for order, what in ((("jobs", "why", "99"), "job 99"), (("nodes", "forget", "typo"), "typo"), (("keys", "revoke", "typo"), "typo"),
                                (("backfill", "status", "99"), "backfill 99"), (("backfill", "pause", "99"), "backfill 99"),
                                (("backfill", "export", "99"), "backfill 99")):
                none = farm.kithara(*order)
                self.assertEqual(none.returncode, 1, order)
                self.assertRegex(none.stderr, f"^kithara: ENOTFOUND: {what}: no such", order)
            for order in (("results", "--ledger", "foo://x"), ("db", "status", "--ledger", "foo://x")):
                self.assertEqual(farm.kithara(*order).returncode, 2, order)
            for verb in ("status", "pause", "resume", "cancel", "retry", "export"):
                odd = farm.kithara("backfill", verb, "x")
                self.assertEqual((odd.returncode, "'x' is not the number of a backfill" in odd.stderr), (2, True), odd.stderr)
            full = subprocess.run(f"{os.path.join(BIN, 'kithara')} docs errors >/dev/full", shell=True, capture_output=True, text=True, check=False)
            self.assertEqual((full.returncode, full.stderr), (1, "kithara: EDISK: standard output: no space left on disk\n"))
            elsewhere = farm.kithara("backfill", "start", "/nowhere")
            self.assertRegex(elsewhere.stderr, "^kithara: ENOFILE: /nowhere: no such file: the coordinator does not see this folder: send a list")
            unheard = farm.kithara("keys", "list", "-o", "json", ANALYZER_HTTP_URL="http://127.0.0.1:1")
            self.assertEqual([key["name"] for key in json.loads(unheard.stdout)], ["a"], unheard.stderr)
            locked = farm.kithara("keys", "revoke", "a", ANALYZER_HTTP_URL="http://127.0.0.1:1")
            self.assertRegex(locked.stderr, "^kithara: ELOCKED: keys: another coordinator .process")

    def test_every_list_has_every_format_and_goes_to_a_file(self):
        with Farm(**NOOP).start(["a"]) as farm:
            farm.submit(0, 2)
            farm.wait_finished(2)
            for order in ("status", "nodes", "queue", "jobs", "jobs why 1", "keys list", "backfill status", "db status", "models list", "results",
                          "doctor"):
                words = order.split()
                for form in ("table", "wide", "csv"):
                    self.assertTrue(farm.kithara(*words, "-o", form).stdout, (order, form))
                whole = farm.kithara(*words, "-o", "json").stdout
                lines = farm.kithara(*words, "-o", "jsonl").stdout.splitlines()
                rows = json.loads(whole)
                self.assertEqual(len(rows) if isinstance(rows, list) else 1, len(lines), order)
                kept = farm.kithara(*words, "-o", "csv", "--out", farm.path("list.csv"))
                self.assertEqual(kept.stdout, "", order)
                with open(farm.path("list.csv")) as text:
                    self.assertGreaterEqual(len(text.read().splitlines()), 1, order)
                os.remove(farm.path("list.csv"))

    def test_what_a_path_holds_does_not_steer_the_terminal(self):
        with Farm(**NOOP).start(["a"]) as farm:
            farm.post("/v1/jobs", {"messages": [{"message_id": "m", "file_path": "/\x1b[31m\n\u009b1mx\u00e9.mp3"}]})
            shown = farm.kithara("jobs").stdout
            self.assertIn("/?[31m???1mx\u00e9.mp3", shown)
            self.assertEqual(len(shown.splitlines()), 2, shown)
            done = farm.kithara("nodes", "drain", "\x1b[31m\n\u202e\u061cx")
            self.assertEqual((done.returncode, done.stdout.split()[0], done.stdout.count("\n")), (0, "?[31m??????x:", 1), done.stdout)


class Verdicts(unittest.TestCase):
    """What one node does not find may be there on another one."""

    def test_a_node_without_its_mount_fails_no_job_and_is_drained_with_the_reason(self):
        with Farm(**NOOP, **PATIENT).start(["a", "b"]) as farm:
            os.mkdir(farm.path("empty"))
            farm.allow(farm.make_key("unfit"), "unfit")
            farm.coordinator.process.send_signal(signal.SIGHUP)
            farm.start_node("unfit", ANALYZER_TEST_FAULT="", ANALYZER_MEDIA_ROOTS=farm.path("empty"))
            wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 3, "the nodes")
            sent = 0
            while "NODE-BLACK-HOLE node=unfit" not in farm.coordinator.text() and sent < 20000:
                farm.submit(sent, 1000)
                sent += 1000
                farm.wait_finished(sent)
            self.assertIn("files failed here with EROOT, and not on other nodes", farm.coordinator.text())
            self.assertIn("JOB-DOUBTED", farm.coordinator.text())
            queue = farm.get("/v1/queue")
            self.assertEqual((queue["done"], queue["failed"]), (sent, 0))
            wait_for(lambda: "EROOT" in json.dumps(farm.get("/v1/nodes")), "the reason, which comes with the ledger's list")

    def test_two_of_three_nodes_without_their_mounts_fail_no_job(self):
        with Farm(**NOOP, **PATIENT) as farm:
            os.mkdir(farm.path("empty"))
            farm.start(["a"])
            for name in ("unfit", "unwell"):
                farm.allow(farm.make_key(name), name)
            farm.coordinator.process.send_signal(signal.SIGHUP)
            for name in ("unfit", "unwell"):
                farm.start_node(name, ANALYZER_TEST_FAULT="", ANALYZER_MEDIA_ROOTS=farm.path("empty"))
            wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 3, "the nodes")
            jobs = 0
            while jobs < 9000 and "JOB-DOUBTED" not in farm.coordinator.text():  # the good node may take a whole batch
                farm.submit(jobs, 300)
                jobs += 300
                farm.wait_finished(jobs)
            queue = farm.get("/v1/queue")
            self.assertEqual((queue["done"], queue["failed"]), (jobs, 0))
            self.assertIn("JOB-DOUBTED", farm.coordinator.text())

    def test_a_file_that_two_nodes_do_not_find_has_failed(self):
        with Farm(ANALYZER_MEDIA_ROOTS="/nowhere", **PATIENT).start(["a", "b"]) as farm:
            farm.submit(0, 3)
            farm.wait_finished(3)
            self.assertEqual(farm.get("/v1/queue")["failed"], 3)
            self.assertEqual(farm.coordinator.text().count("JOB-DOUBTED"), 3)


class Strangers(unittest.TestCase):
    def test_garbage_on_the_port_harms_nobody(self):
        with Farm(**NOOP).start(["a"]) as farm:
            port = int(farm.router.rsplit(":", 1)[1])
            greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\1CURVE" + bytes(15) + bytes(32)
            payloads = [b"GET / HTTP/1.1\r\n\r\n", bytes(4096), os.urandom(65536), greeting + os.urandom(4096),
                        greeting + b"\4\xc8\5HELLO" + bytes(193), greeting + b"\2" + b"\xff" * 8 + os.urandom(1 << 20)]
            for payload in payloads * 5:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as stranger:
                    stranger.sendall(payload)
            farm.submit(0, 1000)
            farm.wait_finished(1000)
            self.assertTrue(farm.coordinator.alive() and farm.nodes["a"].alive())
            self.assertNotIn("NODE-LOST", farm.coordinator.text())


class Story(unittest.TestCase):
    def now(self, farm, job):
        """What `jobs why` says of the present, and what to do."""
        told = farm.kithara("jobs", "why", str(job))
        self.assertEqual(told.returncode, 0, told.stderr)
        return told.stdout[told.stdout.index("Now it ") :]

    def test_waiting_jobs_say_what_they_wait_for_with_nodes_that_are_busy_drained_and_doubtful(self):
        with Farm(ANALYZER_WORKERS="1", ANALYZER_NODE_SILENCE="20000") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            write_silence(farm.path("long.wav"), 6 * 3600)
            farm.start(["a"])
            farm.submit(0, 12, farm.path("long.wav"))
            wait_for(lambda: "runs on node a for" in self.now(farm, 1), "the first file")
            wait_for(lambda: "is with node a for" in self.now(farm, 2), "a file that waits on the node")
            self.assertRegex(self.now(farm, 2), r"s, not begun yet\.\nWhat to do: nothing: it goes on by itself")
            turn = r"waits: its turn has not come: \d+ jobs are queued, the nodes have room for 0 more"
            wait_for(lambda: re.search(turn, self.now(farm, 12)), "one that no node has")
            farm.post("/v1/nodes/a/drain")
            wait_for(lambda: "all 1 nodes are drained or leaving" in self.now(farm, 12), "the drain")
            self.assertIn("What to do: `kithara nodes undrain NAME`, or start another node", self.now(farm, 12))
            farm.post("/v1/nodes/a/undrain")
            wait_for(lambda: "its turn has not come" in self.now(farm, 12), "the return")
            # A failure that may be of node b waits for a, which is busy.
            farm.allow(farm.make_key("b"), "b")
            farm.coordinator.process.send_signal(signal.SIGHUP)
            farm.start_node("b", ANALYZER_MEDIA_ROOTS=farm.path("keys"))  # not where the files are
            doubted = "failed on node b with EROOT, which may be of the node, so another one decides"
            wait_for(lambda: any(doubted in self.now(farm, job["job"]) for job in farm.all_jobs("&state=claimed")), "the doubt")
            self.assertEqual(farm.get("/v1/queue")["failed"], 0)

    def test_a_jobs_story_says_what_it_waits_for_what_failed_and_what_became_of_it(self):
        with Farm(ANALYZER_TEST_FAULT="crash:boom", ANALYZER_WORKERS="1") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            farm.start_coordinator()
            farm.allow(farm.make_key("a"), "a")
            write_tone(farm.path("boom.wav"), 1)
            farm.post("/v1/jobs", {"messages": [{"message_id": "boom", "file_path": farm.path("boom.wav")}]})
            waiting = farm.kithara("jobs", "why", "1")
            self.assertEqual(waiting.returncode, 0, waiting.stderr)
            self.assertIn("waits: no node is here.\nWhat to do: start a node", waiting.stdout)

            def finished():
                if "a" not in farm.nodes or not farm.nodes["a"].alive():
                    farm.start_node("a")
                return farm.finished() == 1

            wait_for(finished, "the failure", 60)
            told = json.loads(farm.kithara("jobs", "why", "1", "-o", "json").stdout)
            lines = told["story"]
            self.assertEqual([line["what"] for line in lines], ["accepted", "attempt", "outcome"])
            self.assertEqual((lines[1]["code"], lines[1]["crash"], lines[1]["name"]), ("ENODELOST", True, "a"))
            self.assertIn("runs alone", lines[1]["meaning"])
            self.assertEqual((lines[2]["code"], lines[2]["name"]), ("ECRASH", "a"))
            self.assertIn("ended", lines[2]["meaning"])
            self.assertEqual(told["now"]["state"], "failed")
            table = farm.kithara("jobs", "why", "1").stdout
            lines = table.splitlines()
            self.assertEqual(lines[:3], [f"Job 1: {farm.path('boom.wav')}", "message_id boom", ""])
            self.assertRegex(lines[3], r"^\S+Z +The job was accepted; it is in the ledger")
            self.assertRegex(lines[4], r"^\S+Z +Attempt 1 on node a failed: the node was lost .*\(ENODELOST\).* runs alone next time\.$")
            self.assertRegex(lines[5], r"^\S+Z +Attempt 2 on node a failed: .*\(ECRASH\).* another attempt would give the same\.$")
            self.assertEqual(lines[6:], ["", "Now it has failed: the analysis crashed on this file in an isolated process.",
                                         "What to do: report the file; `kithara jobs retry 1` runs it again."])
            wide = farm.kithara("jobs", "why", "1", "-o", "wide").stdout
            for word in ("ENODELOST", "ECRASH", "failed attempts", "MEANING", "what to do"):
                self.assertIn(word, wide)
            farm.nodes["a"].kill()
            self.assertEqual(farm.kithara("jobs", "retry", "1").returncode, 0)
            again = farm.kithara("jobs", "why", "1").stdout.splitlines()
            self.assertEqual((again[6].strip(), again[-2][:7]), ("It was queued again: run 2.", "Now it "), again)


CRASHING = """
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void end(void) { if (getpid() != 1) abort(); }  // 1: the server itself, behind its PID namespace
__attribute__((constructor)) static void begin(void) { pthread_atfork(NULL, NULL, end); }
"""


def crashing_programs(folder):
    """A copy of the node whose decoder's children all die as soon as they are forked."""
    os.mkdir(folder)
    source = os.path.join(folder, "crash.c")
    with open(source, "w") as out:
        out.write(CRASHING)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", os.path.join(folder, "crash.so"), source], check=True)
    shutil.copy(os.path.join(BIN, "kithara-node"), folder)
    wrapper = os.path.join(folder, "kithara-decode")
    with open(wrapper, "w") as out:
        out.write(f"#!/bin/sh\nLD_PRELOAD={folder}/crash.so exec {os.path.abspath(BIN)}/kithara-decode \"$@\"\n")
    os.chmod(wrapper, 0o755)
    return os.path.join(folder, "kithara-node")


def processes_of(pid):
    """It and all below it, dead ones that nobody waited for too."""
    below = [pid]
    for parent in below:
        with contextlib.suppress(OSError):  # one that is gone by now has no folder
            tasks = list(pathlib.Path(f"/proc/{parent}/task").iterdir())  # each thread has its own children
            for task in tasks:
                with contextlib.suppress(OSError):
                    below += map(int, (task / "children").read_text().split())
    return below


def held_by(pid):
    """Descriptors, processes below it and resident memory."""
    below = processes_of(pid)
    with open(f"/proc/{pid}/status") as status:
        kb = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return {"descriptors": len(os.listdir(f"/proc/{pid}/fd")), "processes": len(below), "mb": kb >> 10}


class Crashes(unittest.TestCase):
    FILES = int(os.environ.get("KITHARA_CRASHES", "1000"))  # 10000 on request: the same, longer

    def crash(self, farm, first, last):
        """Waits until `last` files have ended; the bound is that of a few hundred, not of all."""
        step = max(1, min(250, self.FILES // 10))
        for count in (*range(first + step, last, step), last):
            farm.wait_finished(count)

    def test_files_that_all_crash_their_decoder_each_fail_alone(self):
        with Farm(ANALYZER_WORKERS="2") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            farm.node_program = crashing_programs(farm.path("bin"))
            write_tone(farm.path("boom.wav"), 0.05)
            farm.start_coordinator()
            for name in ("a", "b"):
                farm.allow(farm.make_key(name), name)
                farm.nodes[name] = Process([farm.node_program, "--with-parent"], farm.env(ANALYZER_NODE_NAME=name),
                                           farm.path(name + ".log"))
            farm.submit(0, self.FILES, farm.path("boom.wav"))
            self.crash(farm, 0, self.FILES // 4)
            before = {name: held_by(node.process.pid) for name, node in farm.nodes.items()}
            self.crash(farm, self.FILES // 4, self.FILES)
            after = {name: held_by(node.process.pid) for name, node in farm.nodes.items()}
            print(f"\n{self.FILES} crashes; descriptors, processes, MB after a quarter {before}, at the end {after}")
            for name in after:
                for kind, room in (("descriptors", 8), ("processes", 4), ("mb", 16)):
                    self.assertLessEqual(after[name][kind], before[name][kind] + room, kind)
            jobs = farm.all_jobs()
            other = [job["job"] for job in jobs if (job["error"], job["attempts"]) != ("EDECODER", 0)]
            self.assertEqual([farm.get(f"/v1/jobs/{job}/story") for job in other[:3]], [])
            self.assertIn("killed by signal 6", jobs[0]["detail"])
            self.assertTrue(farm.nodes["a"].alive() and farm.nodes["b"].alive())
            self.assertEqual(farm.coordinator.stop(), 0)
            self.assertEqual(farm.audit()[0], 0, farm.audit()[1])


class Children(unittest.TestCase):
    SECRET = "s3cret-of-this-test"
    SECRETS = {"ANALYZER_HTTP_TOKEN": SECRET, "PGPASSWORD": SECRET, "REDIS_URL": f"redis://:{SECRET}@127.0.0.1:1",
               "AMQP_CONNECTION_STRING": f"amqp://u:{SECRET}@127.0.0.1:1/", "CLOUD_SECRET_KEY": SECRET}

    def test_no_child_of_a_node_has_its_passwords_or_its_descriptors(self):
        """Of decoders, and of the process that a suspected file runs in alone, which hangs here."""
        with Farm(ANALYZER_TEST_FAULT="hang:boom", ANALYZER_WORKERS="1") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            farm.start(["a"])
            farm.nodes["a"].kill()
            write_tone(farm.path("boom.wav"), 1)
            farm.start_node("a", **self.SECRETS)
            farm.post("/v1/jobs", {"messages": [{"message_id": "boom", "file_path": farm.path("boom.wav")}]})
            wait_for(lambda: farm.get("/v1/status")["running"], "the file's beginning")
            farm.nodes["a"].kill()
            node = farm.start_node("a", **self.SECRETS).process.pid

            def of(pid, name):
                with contextlib.suppress(OSError):  # it has ended
                    return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
                return b""

            def descriptors_of(pid):  # a program that begins has a library open for a moment
                with contextlib.suppress(OSError):  # it has ended
                    return len(os.listdir(f"/proc/{pid}/fd"))
                return 0

            def alone():
                return [pid for pid in processes_of(node) if b"--solo-child" in of(pid, "cmdline")]

            wait_for(lambda: alone() and len(processes_of(alone()[0])) > 1, "the process of its own and its decoder")
            for pid in processes_of(node)[1:]:
                self.assertNotIn(self.SECRET.encode(), of(pid, "environ"))
                wait_for(lambda pid=pid: descriptors_of(pid) <= 7, f"few descriptors of {pid}")  # of the node: more than 20
            text = of(alone()[0], "fd/4")  # its settings
            self.assertIn(b"ANALYZER_MEDIA_ROOTS", text)
            self.assertNotIn(self.SECRET.encode(), text)


class Pair(Farm):
    """Two coordinators on one PostgreSQL; each node serves both. The members of Farm are those of the first one."""

    def __init__(self, database, **settings):
        super().__init__(DATABASE_URL=database.url, **settings)
        self.database = database
        self.routers = [self.router, f"tcp://127.0.0.1:{free_port()}"]
        self.binds = [self.http_bind, f"127.0.0.1:{free_port()}"]
        self.settings["ANALYZER_COORDINATORS"] = " ".join(self.routers)
        self.coordinators = [None, None]
        done = self.kithara("db", "migrate")
        assert done.returncode == 0, done.stderr

    def __exit__(self, *what):
        for coordinator in self.coordinators:
            if coordinator and coordinator.alive():
                coordinator.process.send_signal(signal.SIGCONT)
                coordinator.kill()
        super().__exit__(*what)

    def start_one(self, i):
        self.coordinators[i] = self.start_coordinator(log=f"coordinator-{i}.log", ANALYZER_COORDINATOR_NAME=f"c{i}",
                                                      ANALYZER_ROUTER_BIND=self.routers[i], ANALYZER_HTTP_BIND=self.binds[i])
        self.coordinator = self.coordinators[0]

    def start_pair(self, names):
        for i in (0, 1):
            self.start_one(i)
        for name in names:
            self.allow(self.make_key(name), name)
        for coordinator in self.coordinators:
            coordinator.process.send_signal(signal.SIGHUP)
        for name in names:
            self.start_node(name)
        for i in (0, 1):
            wait_for(lambda: self.ask(i, "/v1/status")["nodes"]["live"] == len(names), f"the nodes at {i}")
        return self

    def ask(self, i, path):
        with urllib.request.urlopen(f"http://{self.binds[i]}{path}", timeout=20) as answer:
            return json.load(answer)

    def control(self, i, path):
        """POST by the command line's means."""
        saved, self.http = self.http, f"http://{self.binds[i]}"
        try:
            return self.post(path)
        finally:
            self.http = saved

    def sums(self):
        return {state: count for state, count in self.database.sql("SELECT state, count(*) FROM jobs GROUP BY state")}

    def outcomes(self):
        return self.database.sql("SELECT count(*), count(DISTINCT job) FROM results")[0]

    def wait_outcomes(self, count, timeout=60):
        wait_for(lambda: self.outcomes()[0] >= count, f"{count} outcomes", timeout)

    def audit(self):
        done = self.kithara("audit")
        return done.returncode, done.stdout + done.stderr


class Coordinators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.database = Postgres(settings={"fsync": "off"})

    @classmethod
    def tearDownClass(cls):
        cls.database.close()

    def setUp(self):
        self.database.sql("DROP SCHEMA public CASCADE")
        self.database.sql("CREATE SCHEMA public")

    def expect_all_done(self, farm, count):
        self.assertEqual(farm.outcomes(), (count, count))
        status, text = farm.audit()
        self.assertEqual(status, 0, text)

    def test_both_work_and_each_job_is_done_once(self):
        with Pair(self.database, **NOOP).start_pair(["a", "b"]) as farm:
            farm.submit(0, 6000)
            farm.wait_outcomes(6000)
            self.expect_all_done(farm, 6000)
            logs = [coordinator.text() for coordinator in farm.coordinators]
            self.assertTrue(all("LEASE-OPEN" in log for log in logs))

    def test_a_killed_coordinators_work_is_taken_over(self):
        with Pair(self.database, **NOOP).start_pair(["a", "b"]) as farm:
            for round_number in range(4):
                victim = round_number % 2
                first = round_number * 3000
                farm.submit(first, 3000)
                wait_for(lambda: farm.outcomes()[0] > first + 300, "a first outcome")
                farm.coordinators[victim].kill()
                farm.wait_outcomes(first + 3000, 30)
                farm.start_one(victim)
            self.expect_all_done(farm, 12000)

    def test_a_frozen_coordinator_is_fenced_when_it_thaws(self):
        with Pair(self.database, **NOOP).start_pair(["a", "b"]) as farm:
            farm.submit(0, 8000)
            wait_for(lambda: farm.outcomes()[0] > 200, "a first outcome")
            farm.coordinators[1].process.send_signal(signal.SIGSTOP)
            wait_for(lambda: self.database.sql("SELECT count(*) FROM leases")[0][0] == 1, "the end of its lease")
            farm.wait_outcomes(8000, 40)
            farm.coordinators[1].process.send_signal(signal.SIGCONT)
            wait_for(lambda: "LEASE-LOST" in farm.coordinators[1].text(), "the zombie's awakening")
            wait_for(lambda: farm.coordinators[1].text().count("LEASE-OPEN") == 2, "its new lease")
            farm.submit(8000, 2000)
            farm.wait_outcomes(10000)
            self.expect_all_done(farm, 10000)

    def test_a_drain_at_one_is_known_to_the_other(self):
        with Pair(self.database, **NOOP).start_pair(["a"]) as farm:
            farm.post("/v1/nodes/a/drain")
            for i in (0, 1):
                wait_for(lambda: farm.ask(i, "/v1/nodes")["nodes"][0]["state"] == "draining", f"the drain at {i}", 30)
            farm.control(1, "/v1/nodes/a/undrain")
            for i in (0, 1):
                wait_for(lambda: farm.ask(i, "/v1/nodes")["nodes"][0]["state"] == "live", f"the return at {i}", 30)

    def test_a_token_of_one_lets_a_node_in_at_both_and_a_revoked_name_is_out_at_both(self):
        with Pair(self.database, **NOOP).start_pair(["a"]) as farm:
            token = farm.kithara("keys", "token", "new").stdout.strip()
            host = farm.path("host")
            os.mkdir(host)
            farm.nodes["n"] = Process([os.path.join(BIN, "kithara-node"), "--with-parent", "--join", token],
                                      farm.env(ANALYZER_NODE_NAME="n", ANALYZER_STATE_DIR=host), farm.path("n.log"))
            for i in (0, 1):
                wait_for(lambda: farm.ask(i, "/v1/status")["nodes"]["live"] == 2, f"the new node at {i}")
            farm.submit(0, 1000)
            farm.wait_outcomes(1000)
            farm.nodes["n"].kill()
            for i in (0, 1):
                wait_for(lambda: farm.ask(i, "/v1/status")["nodes"]["summary"] == "1 of 2 nodes", f"its absence at {i}")
            self.assertEqual(farm.kithara("keys", "revoke", "n").returncode, 0)
            for i in (0, 1):
                wait_for(lambda: farm.ask(i, "/v1/status")["nodes"]["summary"] == "1 of 1 node", f"the revocation at {i}", 30)
            self.expect_all_done(farm, 1000)

    def test_a_long_job_is_cancelled_through_the_other_coordinator(self):
        with Pair(self.database, ANALYZER_WORKERS="2") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            write_silence(farm.path("long.wav"), 3600)
            farm.start_pair(["a"])
            farm.post("/v1/jobs", {"messages": [{"message_id": "long", "file_path": farm.path("long.wav")}]})

            def runner():
                for i in (0, 1):
                    if farm.ask(i, "/v1/status")["running"]:
                        return [i]
                return []

            wait_for(runner, "the job's beginning")
            owner = runner()[0]
            job = farm.ask(0, "/v1/jobs")["jobs"][0]["job"]
            told = farm.ask(1 - owner, f"/v1/jobs/{job}/story")["now"]["sentence"]
            self.assertIn("another coordinator", told)
            farm.control(1 - owner, f"/v1/jobs/{job}/cancel")
            wait_for(lambda: not farm.ask(owner, "/v1/status")["running"], "the end of the work", 30)
            self.assertEqual(farm.ask(owner, f"/v1/jobs/{job}")["state"], "cancelled")


if __name__ == "__main__":
    unittest.main(verbosity=2)
