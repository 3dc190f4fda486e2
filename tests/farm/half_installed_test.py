#!/usr/bin/env python3
"""Programs of which some are missing, or lack a library: each says what is missing, and ends."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import wave

BIN = pathlib.Path(os.environ.get("KITHARA_BIN", pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))
NOBODY = 65534
# What the dynamic linker does where it finds no library.
UNLINKED = '#!/bin/sh\necho "$0: error while loading shared libraries: libodd.so.1: cannot open shared object file" >&2\nexit 127\n'


class HalfInstalled(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="kithara-half-")
        self.addCleanup(self.folder.cleanup)
        self.prefix = pathlib.Path(self.folder.name) / "bin"
        self.prefix.mkdir()
        self.install("kithara")
        self.music = pathlib.Path(self.folder.name) / "music"
        self.music.mkdir()
        with wave.open(str(self.music / "silence.wav"), "wb") as out:
            out.setparams((1, 2, 22050, 0, "NONE", ""))
            out.writeframes(bytes(44100))

    def install(self, *names):
        for name in names:
            shutil.copy(BIN / name, self.prefix)

    def install_unlinked(self, name):
        (self.prefix / name).write_text(UNLINKED)
        (self.prefix / name).chmod(0o755)

    def fails(self, *arguments):
        """Its standard error; it must end by itself with status 1."""
        env = {"PATH": os.environ["PATH"], "HOME": self.folder.name, "XDG_STATE_HOME": self.folder.name + "/state"}
        done = subprocess.run([self.prefix / "kithara", *arguments], capture_output=True, text=True, timeout=100, env=env)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_run_and_up_name_the_program_that_is_missing(self):
        for missing in ("kithara-coordinator", "kithara-node"):
            for command in (("run", str(self.music)), ("up", str(self.music))):
                self.assertIn(f"{missing}, which belongs beside kithara, cannot be started (No such file or directory)", self.fails(*command))
            self.install(missing)

    def test_analyze_names_the_decoder_that_is_missing_and_a_library_that_it_lacks(self):
        self.assertRegex(self.fails("analyze", str(self.music / "silence.wav")), r"DECODER-START .*kithara-decode\" reason=\"No such file")
        self.install_unlinked("kithara-decode")
        self.assertRegex(self.fails("analyze", str(self.music / "silence.wav")),
                         r"libodd\.so\.1(.*\n)+.*DECODER-START .*a library that it needs is missing")

    def test_run_ends_when_the_node_cannot_start(self):
        self.install("kithara-coordinator")
        self.install_unlinked("kithara-node")
        self.assertRegex(self.fails("run", str(self.music)), r"libodd\.so\.1(.*\n)+kithara: ESYSTEM: kithara-node: it ended itself at each start")

    def test_run_ends_when_the_decoder_cannot_start(self):
        self.install("kithara-coordinator", "kithara-node")
        self.install_unlinked("kithara-decode")
        self.assertRegex(self.fails("run", str(self.music)), r"DECODER-START(.*\n)+kithara: ESYSTEM: kithara-node: it ended itself at each start")

    def test_a_prefix_that_is_read_only_is_enough_and_a_state_folder_that_is_read_only_is_named(self):
        self.install("kithara-coordinator", "kithara-node", "kithara-decode")
        home = pathlib.Path(self.folder.name) / "home"
        home.mkdir()
        writers = []
        if os.geteuid() == 0:  # root may write everywhere
            os.chown(home, NOBODY, NOBODY)
            writers = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        for folder, mode in ((self.folder.name, 0o755), (self.music, 0o755), (self.prefix, 0o555)):
            os.chmod(folder, mode)

        def run(command):
            return subprocess.run([*writers, self.prefix / "kithara", *command], capture_output=True, text=True, timeout=100, cwd=self.prefix,
                                  env={"PATH": os.environ["PATH"], "HOME": str(home)})
        for command in (("analyze", str(self.music / "silence.wav")), ("run", str(self.music))):
            done = run(command)
            self.assertEqual(done.returncode, 0, done.stderr)
        shutil.rmtree(home / ".local")
        os.chmod(home, 0o555)
        for command in (("run", str(self.music)), ("up", str(self.music))):
            done = run(command)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, r"EWRITE: \S+/kithara\S*: cannot be written: set ANALYZER_STATE_DIR")
        os.chmod(self.prefix, 0o755)


if __name__ == "__main__":
    unittest.main(verbosity=2)
