#!/usr/bin/env python3
"""What all commands of the command line have in common: help, names and suggestions, exit codes, formats, --out, closed
pipes and full disks. Needs nothing but the program.

    command_cli.py --kithara build/bin/kithara
"""
import argparse
import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import wave
from pathlib import Path

PROGRAM = None
COMMANDS = ("analyze run up submit backfill status nodes queue jobs keys results similar models audit plot db doctor docs "
            "help version").split()


class Command(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kithara-command-")
        cls.folder = Path(cls.scratch.name)
        cls.env = dict(os.environ, ANALYZER_STATE_DIR=str(cls.folder / "state"), HOME=str(cls.folder),
                       DATABASE_URL=f"sqlite:{cls.folder}/ledger.sqlite")
        assert cls.kithara("db", "migrate")[0] == 0

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def kithara(cls, *argv, **more):
        done = subprocess.run([PROGRAM, *map(str, argv)], stdout=more.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, timeout=60, check=False, env=cls.env, **more)
        return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()

    def refused(self, *argv):
        code, out, err = self.kithara(*argv)
        self.assertEqual((code, out), (2, ""), (argv, out, err))
        self.assertEqual(err.count("\n"), 1, err)
        return err

    def test_every_command_has_help_and_names_its_options_and_verbs(self):
        code, out, _ = self.kithara("--help")
        self.assertEqual(code, 0)
        for name in COMMANDS:
            self.assertIn(f"\n  {name} ", out)
            texts = {self.kithara(*argv) for argv in (("help", name), (name, "--help"), (name, "-h"), ("-h", name))}
            self.assertEqual(len(texts), 1, name)
            code, text, err = texts.pop()
            self.assertEqual((code, err), (0, ""))
            self.assertTrue(text.startswith(f"kithara {name} -- "), text)
            self.assertIn("\nExample:\n  ", text)
            self.assertTrue(all(len(line) <= 120 for line in text.splitlines()), max(text.splitlines(), key=len))

    def test_help_and_version_have_their_usual_names(self):
        versions = {self.kithara(*argv) for argv in (("version",), ("--version",), ("-V",))}
        self.assertEqual(len(versions), 1)
        code, out, err = versions.pop()
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"^kithara \d+\.\d+\.\d+( \(with test faults\))?\n$")
        self.assertEqual(self.kithara("help"), self.kithara("-h"))

    def test_a_command_that_needs_a_verb_shows_its_help(self):
        for name in ("keys", "db", "docs", "backfill"):
            code, out, err = self.kithara(name)
            self.assertEqual((code, out, err), (2, self.kithara("help", name)[1], ""))

    def test_unknown_names_are_named_with_a_suggestion(self):
        for argv, name, close in ((("jobz",), "jobz", "jobs"), (("statsu",), "statsu", "status"), (("help", "doc"), "doc", "doc"),
                                  (("keys", "lst"), "lst", "list"), (("db", "migrat"), "migrat", "migrate"),
                                  (("docs", "error"), "error", "errors"), (("models", "shwo"), "shwo", "show"),
                                  (("backfill", "strat"), "strat", "start"), (("jobs", "--stat", "x"), "--stat", "--state"),
                                  (("results", "--limti", "3"), "--limti", "--limit"), (("run", "--debgu", "."), "--debgu", "--debug")):
            err = self.refused(*argv)
            self.assertIn(f"'{name}'", err)
            self.assertIn(f"did you mean {close}", err)
        self.assertNotIn("did you mean", self.refused("xyzzy"))
        self.assertIn("unknown option '-z'", self.refused("jobs", "-z"))

    def test_abbreviations_are_refused(self):
        for argv in (("results", "--fail"), ("results", "--fail=only"), ("analyze", "--json", "x"), ("run", "--fres", "."),
                     ("db", "--led", "x", "status"), ("similar", "--out", "x"[:0] or "y", "--ru", "z", "f")):
            self.assertIn("unknown option", self.refused(*argv))

    def test_wrong_values_are_usage_errors(self):
        for argv, text in ((("status", "-o", "tabel"), "table, wide, json, jsonl, csv"), (("results", "--limit", "x"), "'x'"),
                           (("results", "--limit"), "needs a value"), (("results", "--failed=maybe"), "--failed=maybe"),
                           (("jobs", "--watch=1"), "takes no value"), (("similar", "-n", "0", "f"), "-n"),
                           (("submit", "--priority", "urgent", "f"), "urgent"), (("analyze", "-o", "xml", "f"), "xml"),
                           (("backfill", "status", "--name", "x"), "--name is not for backfill status"),
                           (("models", "list", "--int8"), "--int8 is not for models list"), (("version", "x"), "'x'"),
                           (("--set",), "no value"), (("results", "more"), "'more'")):
            self.assertIn(text, self.refused(*argv))

    def test_wrong_settings_exit_as_wrong_usage(self):
        (self.folder / "bad.conf").write_text("ANALYZER_NOTHING=1\n")
        for argv in (("--set", "ANALYZER_WORKERS=-4", "results"), ("--set=ANALYZER_NONE=1", "results"), ("--set", "x", "results"),
                     ("--set", "ANALYZER_WORKERS=2") * 65 + ("results",),
                     ("--config", str(self.folder / "bad.conf"), "results"), ("--config", "/nowhere/x", "results")):
            code, out, err = self.kithara(*argv)
            self.assertEqual((code, out), (2, ""), err)

    def test_one_vocabulary_of_formats_and_one_shape_of_json(self):
        rows = json.loads(self.kithara("db", "status", "-o", "json")[1])
        self.assertIsInstance(rows, list)
        lines = [json.loads(line) for line in self.kithara("db", "status", "-o", "jsonl")[1].splitlines()]
        self.assertEqual(rows, lines)
        table = list(csv.DictReader(io.StringIO(self.kithara("db", "status", "-o", "csv")[1])))
        self.assertEqual([row["name"] for row in table], [row["name"] for row in rows])
        self.assertEqual(self.kithara("results", "-o", "json")[1], "[]\n")
        self.assertEqual(self.kithara("results", "-o", "jsonl")[1], "")
        for form in ("table", "wide"):
            self.assertEqual(len(self.kithara("db", "status", "-o", form)[1].splitlines()), len(rows) + 1)

    def test_out_writes_a_file_whole_or_not_at_all(self):
        out = self.folder / "status.json"
        self.assertEqual(self.kithara("db", "status", "-o", "json", "--out", out), (0, "", ""))
        self.assertEqual(out.read_text(), self.kithara("db", "status", "-o", "json")[1])
        out.write_text("kept")
        self.assertEqual(self.kithara("results", "--ledger", f"sqlite:{self.folder}/none/x", "--out", out)[0], 1)
        self.assertEqual(self.kithara("db", "nothing", "--out", out)[0], 2)
        self.assertEqual(out.read_text(), "kept")
        code, _, err = self.kithara("db", "status", "--out", self.folder / "none" / "x")
        self.assertEqual(code, 2)
        self.assertIn("none/x", err)
        self.assertEqual(self.kithara("docs", "errors", "--out", "-"), self.kithara("docs", "errors"))
        self.assertEqual([path.name for path in self.folder.glob("*.part")], [])

    def test_a_full_disk_is_reported(self):
        with open("/dev/full", "wb") as full:
            for argv in (("docs", "features"), ("db", "status"), ("results",), ("--help",), ("version",), ("audit",)):
                code, _, err = self.kithara(*argv, stdout=full)
                self.assertEqual(code, 1, argv)
                self.assertIn("EDISK", err, argv)
        code, _, err = self.kithara("docs", "errors", "--out", "/dev/full")
        self.assertEqual(code, 1)
        self.assertIn("/dev/full", err)

    def test_a_closed_pipe_ends_a_command_without_a_word(self):
        for argv in (("docs", "features"), ("results", "-o", "csv"), ("db", "status"), ("audit",)):
            read, write = os.pipe()
            os.close(read)
            code, _, err = self.kithara(*argv, stdout=write)
            os.close(write)
            self.assertEqual((code, err), (-signal.SIGPIPE, ""), argv)

    def test_errors_name_the_place_and_the_remedy_once(self):
        never = self.folder / "never run"
        never.mkdir()
        for command in ("results", "audit"):
            code, _, err = self.kithara(command, "--run", never)
            self.assertEqual(code, 1)
            self.assertIn("never run: this folder was never analysed by `kithara run`", err)
        self.assertIn("no such file", self.kithara("results", "--run", "/nowhere")[2])
        before = self.env["ANALYZER_STATE_DIR"]
        self.env["ANALYZER_STATE_DIR"] = "/proc/none"
        try:
            for argv in (("up",), ("run", never)):
                code, _, err = self.kithara(*argv)
                self.assertEqual(code, 1)
                self.assertRegex(err, "^kithara: EWRITE: /proc/none\\S*: cannot be written: set ANALYZER_STATE_DIR")
            code, _, err = self.kithara("keys", "token", "new")
            self.assertEqual(code, 1)
            self.assertRegex(err, "^kithara: EWRITE: keys: cannot be written: /proc/none/keys/allowed: give this user the right to write there")
        finally:
            self.env["ANALYZER_STATE_DIR"] = before

    def test_what_cannot_be_written_is_named_with_the_remedy(self):
        """/sys takes no file, not even from root."""
        song = self.folder / "tone.wav"
        with wave.open(str(song), "wb") as out:
            out.setparams((1, 2, 22050, 0, "NONE", ""))
            out.writeframes(b"\0\1" * 22050)
        remedy = "give this user the right to write there, or name another place"
        for argv, name in ((("analyze", "--frames", "/sys/none", song), "/sys/none"),
                           (("analyze", "--click", "/sys/none.wav", song), "/sys/none.wav"),
                           (("plot", song, "--out", "/sys/none.png"), "/sys/none.png"),
                           (("keys", "new", "--out", "/sys/none"), "/sys/none/node")):
            code, _, err = self.kithara(*argv)
            self.assertNotEqual(code, 0)
            self.assertRegex(err, f"(?m)^kithara: EWRITE: {name}: cannot be written: (.*: )?{remedy}$")

    def doctor(self, **settings):
        """Exit code and {subject: (word, text)}."""
        env = {**self.env, "ANALYZER_HTTP_URL": "http://127.0.0.1:9", "ANALYZER_HTTP_BIND": "127.0.0.1:0",
               "ANALYZER_ROUTER_BIND": "tcp://127.0.0.1:0", **settings}
        done = subprocess.run([PROGRAM, "doctor"], capture_output=True, text=True, timeout=60, check=False, env=env)
        lines = [line.split(None, 2) for line in done.stdout.splitlines()]
        self.assertEqual(done.stderr, "")
        return done.returncode, {subject: (word, text) for subject, word, text in lines}

    def test_the_doctor_has_a_line_for_each_subject_and_names_what_is_wrong(self):
        code, lines = self.doctor()
        self.assertEqual(list(lines), ["coordinator", "database", "broker", "state", "keys", "roots", "decoder", "clock", "gpu"])
        self.assertEqual((code, {word for word, _ in lines.values()}), (0, {"ok"}), lines)
        state = self.folder / "sick"
        (state / "keys").mkdir(parents=True)
        secret = state / "keys" / "node.secret"
        secret.write_text("x")
        secret.chmod(0o644)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            cases = (({"ANALYZER_STATE_DIR": str(state)}, "keys", "chmod 600"),
                     ({"ANALYZER_HTTP_BIND": f"127.0.0.1:{port}"}, "coordinator", "ANALYZER_HTTP_BIND"),
                     ({"ANALYZER_ROUTER_BIND": "tcp://127.0.0.1:99999"}, "coordinator", "65535"),
                     ({"ANALYZER_MEDIA_ROOTS": "/nowhere"}, "roots", "/nowhere"),
                     ({"DATABASE_URL": "postgresql://u:secret@127.0.0.1:9/x"}, "database", "refused"),
                     ({"AMQP_CONNECTION_STRING": "amqp://u:secret@127.0.0.1:9/v"}, "broker", "127.0.0.1:9"),
                     ({"AMQP_CONNECTION_STRING": f"amqp://u:secret@127.0.0.1:{port}"}, "broker", f"127.0.0.1:{port} fails"),
                     ({"AMQP_CONNECTION_STRING": "nonsense"}, "broker", "amqp://USER"))
            for settings, subject, text in cases:
                code, lines = self.doctor(**settings)
                wrong = [name for name, (word, _) in lines.items() if word == "WRONG"]
                self.assertEqual((code, wrong), (1, [subject]), (settings, lines))
                self.assertIn(text, lines[subject][1])
                self.assertNotIn("secret@", str(lines))

    def test_the_doctor_warns_of_a_server_elsewhere_without_tls_and_refuses_it_on_request(self):
        elsewhere = {"REDIS_URL": "redis://:secret@cache.example"}
        code, lines = self.doctor(**elsewhere)
        self.assertEqual((code, lines["tls"][0]), (0, "WARN"), lines)
        self.assertIn("cache.example", lines["tls"][1])
        code, lines = self.doctor(ANALYZER_REQUIRE_TLS="true", **elsewhere)
        self.assertEqual((code, lines["tls"][0]), (1, "WRONG"), lines)
        code, lines = self.doctor(ANALYZER_REQUIRE_TLS="true", REDIS_URL="redis://127.0.0.1")
        self.assertEqual((code, "tls" in lines), (0, False), lines)
        self.assertNotIn("secret", str(lines))

    def test_a_missing_file_is_not_submitted(self):
        self.env["ANALYZER_HTTP_URL"] = "http://127.0.0.1:9"
        for more in ((), ("--wait",), ("-o", "wide")):
            code, out, err = self.kithara("submit", *more, self.folder / "missing.mp3")
            self.assertEqual((code, out), (1, ""))
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertIn("missing.mp3", err)
            self.assertIn("ENOFILE", err)
        self.assertEqual(self.kithara("submit", "-o", "json", self.folder / "missing.mp3")[:2], (1, "[]\n"))

    def test_several_coordinators_are_asked_in_turn(self):
        self.env["ANALYZER_HTTP_URL"] = "http://127.0.0.1:9,http://127.0.0.1:11"
        code, _, err = self.kithara("status")
        self.assertEqual(code, 1)
        self.assertIn("EUNREACHABLE", err)


def main():
    global PROGRAM
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kithara", default="build/bin/kithara")
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.abspath(arguments.kithara)
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
