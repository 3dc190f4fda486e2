#!/usr/bin/env python3
"""Backfills as an operator meets them: folders, lists, standard input; paused, cancelled, tried again, exported; and
killed anywhere, after which no path is lost and none is doubled.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree). Runs with the standard library alone.
"""
import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import unittest
import wave

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from farm import BIN, Farm, free_port, wait_for  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop"}
KITHARA = os.path.join(BIN, "kithara")


class Backfills(Farm):
    """A farm whose media root is the folder `music` in its own."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.music = self.path("music")
        os.mkdir(self.music)
        self.settings = {"ANALYZER_MEDIA_ROOTS": self.music, "ANALYZER_HTTP_URL": self.http, **self.settings}

    def make_tree(self, count, folders=20):
        """count names below `music`: hard links to one tiny file."""
        source = self.path("source")
        with open(source, "w") as out:
            out.write("tiny")
        for number in range(count):
            folder = os.path.join(self.music, f"d{number % folders:03}")
            if number < folders:
                os.mkdir(folder)
            os.link(source, os.path.join(folder, f"{number:06}.mp3"))

    def tool(self, *arguments, data=None, timeout=60):
        return subprocess.run([KITHARA, *arguments], env=self.env(), input=data, capture_output=True, timeout=timeout)

    def start_backfill(self, *arguments, data=None):
        """Its number."""
        done = self.tool("backfill", "start", "-o", "json", *arguments, data=data)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["id"]

    def state(self, number):
        return self.get(f"/v1/backfills/{number}")

    def wait_ended(self, number, timeout=120):
        wait_for(lambda: self.state(number)["state"] == "done", f"the end of backfill {number}", timeout)
        return self.state(number)

    def admit(self, name, *coordinators):
        """Starts a node whose key these coordinators allow."""
        self.allow(self.make_key(name), name)
        for process in coordinators:
            process.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "keys=1" in process.text(), "the key")
        self.start_node(name)

    def export(self, number, *arguments):
        done = self.tool("backfill", "export", str(number), *arguments, timeout=300)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


def write_tone(path, hz=440):
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(22050)
        out.writeframes(b"".join(struct.pack("<h", (i * hz % 22050) - 11025) for i in range(11025)))


class Sources(unittest.TestCase):
    def test_a_folder_is_listed_by_the_coordinator_and_every_path_gets_one_result(self):
        with Backfills(**NOOP) as farm:
            farm.make_tree(3000)
            for extra in ("cover.jpg", "._a.mp3", ".hidden.mp3", "a\nb.mp3"):
                open(farm.path("music", extra), "w").close()
            open(os.fsencode(farm.music) + b"/bad\xff.mp3", "w").close()
            farm.start(["a", "b"])
            number = farm.start_backfill(farm.music)
            end = farm.wait_ended(number)
            self.assertEqual((end["listed"], end["done"], end["refused"], end["left_out"]), (3003, 3003, 0, 2))
            rows = farm.export(number)
            paths = [row["file_path"] for row in rows]
            self.assertEqual(len(set(paths)), 3003)
            self.assertIn(farm.path("music", "a\nb.mp3"), paths)
            self.assertIn("file://" + farm.path("music", "bad%FF.mp3"), paths)
            self.assertTrue(all(row["success"] for row in rows))
            self.assertEqual(farm.export(number, "--failed"), [])
            csv = farm.tool("backfill", "export", str(number), "-o", "csv").stdout.decode()
            self.assertTrue(csv.startswith("message_id,file_path,success"))
            self.assertEqual(farm.get("/stats")["processed_files"], 3003)
            self.assertEqual(farm.coordinator.stop(), 0)
            self.assertEqual(farm.audit()[0], 0, farm.audit()[1])

    def test_a_folder_that_is_submitted_gives_the_same_files_and_counts(self):
        with Backfills(**NOOP) as farm:
            farm.make_tree(5, folders=1)
            os.mkdir(farm.path("music", "@eaDir"))
            for extra in ("list.m3u", "._a.mp3", "...Baby.mp3", "@eaDir/b.mp3"):
                open(farm.path("music", extra), "w").close()
            os.symlink(farm.music, farm.path("music", "loop"))
            farm.start(["a"])
            done = farm.tool("submit", "--wait", "-o", "jsonl", farm.music)
            self.assertEqual(done.returncode, 0, done.stderr)
            paths = [json.loads(line)["file_path"] for line in done.stdout.splitlines()]
            want = [farm.path("music", "...Baby.mp3")] + [farm.path("music", f"d000/{i:06}.mp3") for i in range(5)]
            self.assertEqual(paths, want)
            counts = json.loads(next(line for line in done.stderr.splitlines() if line.startswith(b"{")))
            self.assertEqual(counts, {"left_out": {"playlists": 1, "hidden": 1, "system folders": 1, "repeated folders": 1},
                                      "unreadable_folders": 0})
            end = farm.wait_ended(farm.start_backfill(farm.music))
            self.assertEqual((end["listed"], end["left_out"], end["unreadable_folders"]), (6, 4, 0))
            self.assertEqual(end["left_out_kinds"], counts["left_out"])
            shown = farm.tool("backfill", "status", str(end["id"])).stdout.decode()
            self.assertRegex(shown, r"left out by kind +1 playlist, 1 hidden, 1 system folder, 1 repeated folder")

    def test_a_list_comes_from_a_file_or_standard_input_and_names_each_path_once(self):
        with Backfills(**NOOP) as farm:
            farm.start(["a"])
            lines = [f"/other/{i}.mp3" for i in range(40000)] + ["/other/7.mp3", "", "relative.mp3"]
            with open(farm.path("list"), "w") as out:
                out.write("\r\n".join(lines))
            end = farm.wait_ended(farm.start_backfill(farm.path("list"), "--name", "a list"))
            self.assertEqual((end["name"], end["listed"], end["done"], end["repeated"]), ("a list", 40001, 40001, 1))
            self.assertEqual(len({row["file_path"] for row in farm.export(end["id"])}), 40001)
            data = b"/x/line\nbreak.mp3\0/x/bad\xff.mp3\0/x/b\xc3\xa9.mp3\0file:///x/bad%ff.mp3\0"
            end = farm.wait_ended(farm.start_backfill("-", data=data))
            self.assertEqual((end["listed"], end["done"], end["refused"], end["repeated"]), (3, 3, 0, 1))
            rows = farm.export(end["id"])
            self.assertEqual(rows[0]["file_path"], "/x/line\nbreak.mp3")
            self.assertIn("file:///x/bad%FF.mp3", [row["file_path"] for row in rows])
            self.assertEqual(farm.coordinator.stop(), 0)
            self.assertEqual(farm.audit()[0], 0, farm.audit()[1])

    def test_mistakes_are_named(self):
        with Backfills() as farm:
            farm.start_coordinator()
            write_tone(farm.path("tone.wav"))
            open(farm.path("empty"), "w").close()

            def refusal(*arguments, data=b""):
                done = farm.tool("backfill", *arguments, data=data)
                self.assertNotEqual(done.returncode, 0)
                return done.stderr.decode()

            self.assertIn("EROOT", refusal("start", "/etc"))
            self.assertIn("ANALYZER_MEDIA_ROOTS", refusal("start", "/etc"))
            self.assertIn("ENOFILE", refusal("start", "/nowhere"))
            self.assertIn("kithara backfill start -", refusal("start", "/nowhere"))
            self.assertIn("ENOFILE", refusal("start", "nowhere"))
            self.assertIn("not a list of paths", refusal("start", farm.path("tone.wav")))
            self.assertIn("EEMPTY", refusal("start", farm.path("empty")))
            self.assertIn("EEMPTY", refusal("start", "-", data=b"\n\n"))
            self.assertIn("EUSAGE", refusal("start", farm.music, "--priority", "soon"))
            self.assertIn("EUSAGE", refusal("begin"))
            for verb in ("pause", "resume", "cancel", "retry", "export", "status"):
                self.assertIn("ENOTFOUND", refusal(verb, "99"))
            self.assertEqual(farm.get("/v1/backfills")["backfills"], [])
            number = farm.start_backfill(farm.music)
            farm.wait_ended(number)
            self.assertIn("not in a state", refusal("pause", str(number)))
            self.assertEqual(farm.request("POST", f"/v1/backfills/{number}/cancel")[0], 409)
            self.assertEqual(farm.request("POST", f"/v1/backfills/{number}/list?chunk=0", b"/x\n")[0], 409)
            self.assertEqual(farm.request("POST", "/v1/backfills", {"folder": farm.music})[0], 400)
            self.assertEqual(farm.request("POST", "/v1/backfills", b"{")[0], 400)
            self.assertEqual(farm.request("GET", "/v1/backfills/1/results?limit=x")[0], 400)


class Steering(unittest.TestCase):
    def test_pause_feeds_no_more_resume_goes_on_and_cancel_takes_back_what_is_queued(self):
        with Backfills(**NOOP) as farm:
            farm.start_coordinator()
            data = "\n".join(f"/m/{i}" for i in range(12000)).encode()
            number = farm.start_backfill("-", data=data)
            wait_for(lambda: farm.state(number)["open"] == 5000, "the window")
            self.assertEqual(farm.state(number)["waiting"], 7000)
            farm.post(f"/v1/backfills/{number}/pause")
            farm.admit("a", farm.coordinator)
            wait_for(lambda: farm.state(number)["done"] == 5000, "what is open to end")
            self.assertEqual((farm.state(number)["state"], farm.state(number)["waiting"]), ("paused", 7000))
            farm.nodes["a"].kill()
            self.assertEqual(farm.tool("backfill", "resume", str(number)).returncode, 0)
            wait_for(lambda: farm.state(number)["open"] == 5000, "the window again")
            self.assertIn(b"cancelled", farm.tool("backfill", "cancel", str(number)).stdout)
            wait_for(lambda: farm.get("/v1/queue")["queued"] == 0, "an empty queue")
            farm.start_node("a")  # what was claimed for it comes to its end
            wait_for(lambda: farm.state(number)["open"] == 0, "the rest")
            end = farm.state(number)
            self.assertEqual(end["done"] + end["cancelled"], 10000)
            self.assertEqual((end["state"], end["waiting"]), ("cancelled", 2000))
            table = farm.tool("backfill", "status").stdout.decode()
            self.assertIn("cancelled", table)
            self.assertEqual(farm.coordinator.stop(), 0)
            self.assertEqual(farm.audit()[0], 0, farm.audit()[1])

    def test_failures_alone_run_again_and_two_over_one_folder_are_said(self):
        with Backfills() as farm:
            names = [farm.path("music", f"{i}.wav") for i in range(6)]
            for i in range(3):
                write_tone(names[i])
            farm.start(["a"])
            data = "\n".join(names).encode()
            end = farm.wait_ended(farm.start_backfill("-", "--options", "none", data=data))
            self.assertEqual((end["done"], end["failed"]), (3, 3))
            failed = farm.export(end["id"], "--failed")
            self.assertEqual({row["error"]["code"] for row in failed}, {"ENOFILE"})
            for name in names[3:5]:
                write_tone(name, 550)
            again = farm.tool("backfill", "retry", str(end["id"]))
            self.assertIn(b"3 failed files run again", again.stdout)
            end = farm.wait_ended(end["id"])
            self.assertEqual((end["done"], end["failed"]), (5, 1))
            self.assertEqual([row["file_path"] for row in farm.export(end["id"], "--failed")], names[5:])
            for node in farm.nodes.values():
                node.kill()
            farm.start_backfill(farm.music, "--force")
            second = farm.tool("backfill", "start", farm.music)
            self.assertIn(b"of the same source is running", second.stderr)
            self.assertEqual(farm.coordinator.stop(), 0)
            self.assertEqual(farm.audit()[0], 0, farm.audit()[1])


class Refused(unittest.TestCase):
    def test_a_bad_row_is_refused_and_counted_and_stops_no_other(self):
        with Backfills(**NOOP) as farm:
            farm.start(["a"])
            rows = [b"/m/first.mp3", b"http://me:s3cret@host/x.mp3", b"/m/" + b"n" * 5000, b"https://host/ok.mp3",
                    b"ftp://me:s3cret@host/y.mp3", b"/m/last.mp3"]
            done = farm.tool("backfill", "start", "--wait", "-", data=b"\xef\xbb\xbf" + b"\r\n".join(rows) + b"\n", timeout=120)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(b"3 done, 0 failed, 3 refused", done.stderr)
            end = farm.get("/v1/backfills")["backfills"][0]
            self.assertEqual((end["state"], end["done"], end["refused"], end["waiting"]), ("done", 3, 3, 0))
            table = farm.tool("backfill", "status").stdout.decode()
            self.assertIn("REFUSED", table)
            results = farm.export(end["id"])
            self.assertIn("/m/first.mp3", [row["file_path"] for row in results], "without the mark")
            refused = farm.export(end["id"], "--failed")
            self.assertLessEqual({"http://host/x.mp3", "ftp://host/y.mp3"}, {row["file_path"] for row in refused})
            utf16 = farm.tool("backfill", "start", "-", data="/m/wide.mp3\n".encode("utf-16"), timeout=120)
            self.assertEqual((utf16.returncode, b"UTF-8" in utf16.stderr), (1, True), utf16.stderr)
            self.assertEqual(farm.coordinator.stop(), 0)
            stored = b"".join(open(os.path.join(farm.folder, name), "rb").read() for name in os.listdir(farm.folder)
                              if os.path.isfile(os.path.join(farm.folder, name)))
            self.assertNotIn(b"s3cret", stored, "no password in the ledger or the log")
            self.assertEqual(farm.audit()[0], 0, farm.audit()[1])


class Skipping(unittest.TestCase):
    def test_what_is_unchanged_is_skipped_by_time_or_by_content(self):
        with Backfills() as farm:
            names = [farm.path("music", f"{i}.wav") for i in range(4)]
            for i, name in enumerate(names):
                write_tone(name, 400 + 10 * i)
            farm.start(["a"])

            def run(*arguments):
                end = farm.wait_ended(farm.start_backfill(farm.music, "--options", "none", *arguments))
                return end["skipped"], end["done"]

            self.assertEqual(run(), (0, 4))
            self.assertEqual(run(), (4, 0))
            self.assertEqual(run("--force"), (0, 4))
            os.utime(names[0])
            self.assertEqual(run(), (3, 1), "touched")
            write_tone(names[1], 777)
            self.assertEqual(run("--digest"), (3, 1), "changed")
            os.rename(names[2], farm.path("music", "renamed.wav"))
            os.utime(names[3])
            self.assertEqual(run("--digest"), (4, 0), "renamed and touched, the content is the same")
            number = farm.get("/v1/backfills")["backfills"][-1]["id"]
            self.assertEqual([row["success"] for row in farm.export(number)], [True] * 4)
            self.assertEqual(farm.start_backfill(farm.music, "--options", "quality"), number + 1)
            self.assertEqual(farm.wait_ended(number + 1)["done"], 4, "other options are another analysis")
            self.assertEqual(farm.coordinator.stop(), 0)
            self.assertEqual(farm.audit()[0], 0, farm.audit()[1])


class Kills(unittest.TestCase):
    COUNT = 20000

    def check(self, farm, number, count):
        end = farm.state(number)
        self.assertEqual((end["listed"], end["done"], end["failed"]), (count, count, 0))
        self.assertEqual(len({row["file_path"] for row in farm.export(number)}), count)
        self.assertEqual(farm.get("/stats")["processed_files"], count)
        self.assertEqual(farm.coordinator.stop(), 0)
        self.assertEqual(farm.audit()[0], 0, farm.audit()[1])

    def test_a_coordinator_killed_while_it_lists_and_while_it_feeds_goes_on(self):
        with Backfills(**NOOP) as farm:
            farm.make_tree(self.COUNT)
            farm.start(["a"])
            number = farm.start_backfill(farm.music)
            for step in range(8):
                member = "listed" if step < 3 else "done"
                before = farm.state(number)
                if before["state"] == "done" or (member == "listed" and before["listed_all"]):
                    continue
                least = before[member] + self.COUNT // 10
                wait_for(lambda: farm.state(number)[member] >= least or farm.state(number)["listed_all"], "progress")
                farm.coordinator.kill()
                farm.start_coordinator()
            farm.wait_ended(number)
            self.check(farm, number, self.COUNT)

    def test_a_list_that_was_not_sent_to_its_end_is_sent_on_by_the_same_command(self):
        with Backfills(**NOOP) as farm:
            farm.start(["a"])
            lines = [f"/a/rather/long/folder/so/that/there/are/more/chunks/of/it/{i:06}.mp3\n" for i in range(50000)]
            command = [KITHARA, "backfill", "start", "-", "--name", "nightly"]
            half = subprocess.Popen(command, env=farm.env(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            half.stdin.write("".join(lines[:40000]).encode())
            half.stdin.flush()
            wait_for(lambda: any(b["chunks"] >= 2 for b in farm.get("/v1/backfills")["backfills"]), "two chunks")
            farm.coordinator.kill()
            half.kill()
            half.wait()
            half.stdin.close()
            farm.start_coordinator()
            self.assertEqual(farm.get("/v1/backfills")["backfills"][0]["state"], "spooling")
            done = farm.tool("backfill", "start", "-", "--name", "nightly", data="".join(lines).encode())
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(b"resuming the interrupted upload", done.stderr)
            self.assertEqual(len(farm.get("/v1/backfills")["backfills"]), 1)
            farm.wait_ended(1)
            self.check(farm, 1, 50000)

    def test_another_list_under_the_name_of_an_unfinished_one_is_refused_until_that_is_cancelled(self):
        with Backfills() as farm:
            farm.start_coordinator()
            made = farm.post("/v1/backfills", {"list": "-", "token": "one"})
            farm.post(f"/v1/backfills/{made['id']}/list?chunk=0", b"/a\n/b\n")
            self.assertEqual(farm.request("POST", f"/v1/backfills/{made['id']}/list?chunk=0", b"/c\n")[0], 409)
            self.assertEqual(farm.post("/v1/backfills", {"list": "-", "token": "one"})["id"], made["id"])
            farm.post(f"/v1/backfills/{made['id']}/cancel")
            self.assertNotEqual(farm.post("/v1/backfills", {"list": "-", "token": "one"})["id"], made["id"])

    def test_another_coordinator_takes_over_a_backfill_when_its_own_dies(self):
        try:
            from servers import Postgres
            server = Postgres()
        except Exception as error:
            self.skipTest(f"no PostgreSQL: {error}")
        router, http = f"tcp://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        with server, Backfills(DATABASE_URL=server.url, **NOOP) as farm, contextlib.ExitStack() as later:
            self.assertEqual(farm.tool("db", "migrate").returncode, 0)
            farm.make_tree(self.COUNT)
            farm.settings["ANALYZER_COORDINATORS"] = f"{farm.router} {router}"
            first = farm.start_coordinator(ANALYZER_COORDINATOR_NAME="one")
            second = farm.start_coordinator(log="second.log", ANALYZER_COORDINATOR_NAME="two",
                                            ANALYZER_ROUTER_BIND=router, ANALYZER_HTTP_BIND=http)
            later.callback(lambda: [process.kill() for process in (first, second) if process.alive()])
            farm.admit("a", first, second)
            number = farm.start_backfill(farm.music)
            wait_for(lambda: farm.state(number)["done"] > self.COUNT // 5, "a part of it", 60)
            both = [process for process in (first, second) if "BACKFILL-LISTS" in process.text()]
            self.assertEqual(len(both), 1, "one of them lists it")
            both[0].kill()
            farm.coordinator = second if both[0] is first else first
            if both[0] is first:
                farm.http = "http://" + http
            before = farm.state(number)["done"]
            wait_for(lambda: farm.state(number)["done"] > before, "the other to go on", 30)
            end = farm.wait_ended(number)
            self.assertEqual((end["listed"], end["done"]), (self.COUNT, self.COUNT))
            self.assertEqual(farm.coordinator.stop(), 0)
            audit = farm.tool("audit")
            self.assertEqual(audit.returncode, 0, audit.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
