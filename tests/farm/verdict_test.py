#!/usr/bin/env python3
"""Nodes on which files fail for what the machine lacks, beside one that lacks nothing: no good file fails, the node that stands
out is drained with the reason, and works again after `undrain`. Real processes and real mounts, users, codecs and clocks.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree). Needs root for mounts and users.
"""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from farm import BIN, Farm, Process, wait_for  # noqa: E402
from fleet_test import write_tone  # noqa: E402

FILES = 12
ROUNDS_S = 90
NOBODY = 65534
NO_FLAC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libavcodec/avcodec.h>
const AVCodec *av_codec_iterate(void **at)
{
    const AVCodec *(*real)(void **) = dlsym(RTLD_NEXT, "av_codec_iterate"), *codec;
    while ((codec = real(at)) && codec->id == AV_CODEC_ID_FLAC)
        ;
    return codec;
}
"""


@unittest.skipIf(os.geteuid(), "needs root")
class Verdicts(unittest.TestCase):
    """Node a has all; node b is what a test makes of it."""

    def setUp(self):
        self.farm = Farm(ANALYZER_WORKERS="1", ANALYZER_NODE_SILENCE="10000")
        self.addCleanup(self.farm.__exit__)
        self.media = self.farm.path("media")
        self.farm.settings["ANALYZER_MEDIA_ROOTS"] = self.media
        os.mkdir(self.media)
        os.chmod(self.farm.folder, 0o755)
        write_tone(self.farm.path("tone.wav"), 1)
        self.submitted = 0
        self.farm.start(["a"])
        self.farm.allow(self.farm.make_key("b"), "b")
        self.farm.coordinator.process.send_signal(signal.SIGHUP)

    def start_b(self, *before, **settings):
        program = [*before, os.path.abspath(os.path.join(BIN, "kithara-node")), "--with-parent"]
        self.farm.nodes["b"] = Process(program, self.farm.env(ANALYZER_NODE_NAME="b", **settings), self.farm.path("b.log"))
        self.wait_b("live", "busy")

    def wait_b(self, *states):
        wait_for(lambda: any(n["name"] == "b" and n["state"] in states for n in self.farm.get("/v1/nodes")["nodes"]), f"b {states}")

    def b(self):
        return next(n for n in self.farm.get("/v1/nodes")["nodes"] if n["name"] == "b")

    def analyse(self, suffix=".wav", mode=0o644):
        """New files, all of which succeed, whichever node gets them first."""
        messages = []
        for number in range(self.submitted, self.submitted + FILES):
            path = os.path.join(self.media, f"{number}{suffix}")
            shutil.copy(self.farm.path("tone" + suffix), path)
            os.chmod(path, mode)
            messages.append({"message_id": f"job-{number}", "file_path": path})
        self.submitted += FILES
        self.farm.post("/v1/jobs", {"messages": messages})
        self.farm.wait_finished(self.submitted)
        self.assertEqual({job["state"] for job in self.farm.all_jobs()}, {"done"}, self.farm.all_jobs("&state=failed")[:2])

    def analyse_until(self, seen, **how):
        """New files until it is seen: which node takes how many of them is chance."""
        until = time.monotonic() + ROUNDS_S
        while not seen() and time.monotonic() < until:
            self.analyse(**how)

    def analyse_until_drained(self, why, **how):
        self.analyse_until(lambda: self.b()["drained_why"], **how)
        self.assertRegex(self.b()["drained_why"] or "not drained", why)
        shown = self.farm.kithara("nodes", "-o", "wide").stdout
        self.assertRegex(shown, why)

    def undrain(self):
        self.assertEqual(self.farm.kithara("nodes", "undrain", "b").returncode, 0)
        self.wait_b("live", "busy")

    def b_works(self, **how):
        before = self.b()["done"]
        self.analyse_until(lambda: self.b()["done"] > before, **how)
        self.assertGreater(self.b()["done"], before)
        wait_for(lambda: self.b()["drained_why"] is None, "b without a drain")

    def test_a_codec_that_one_node_lacks(self):
        subprocess.run(["ffmpeg", "-v", "error", "-i", self.farm.path("tone.wav"), self.farm.path("tone.flac")], check=True)
        with open(self.farm.path("lacks.c"), "w") as out:
            out.write(NO_FLAC)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.farm.path("lacks.so"), self.farm.path("lacks.c"), "-ldl"], check=True)
        wrapper = self.farm.path("decode")
        with open(wrapper, "w") as out:
            out.write(f"#!/bin/sh\nLD_PRELOAD={self.farm.path('lacks.so')} exec {os.path.abspath(BIN)}/kithara-decode \"$@\"\n")
        os.chmod(wrapper, 0o755)
        self.start_b(KITHARA_DECODE=wrapper)
        self.b_works()  # other formats
        self.analyse_until_drained("ECODEC|codec", suffix=".flac")

    def test_a_mount_that_goes_away_and_comes_back(self):
        self.start_b("unshare", "--mount", "--propagation", "private")
        self.b_works()
        inside = ["nsenter", "--mount", "--target", str(self.farm.nodes["b"].process.pid)]
        subprocess.run([*inside, "mount", "-t", "tmpfs", "none", self.media], check=True)
        self.analyse_until_drained("ENOFILE|no such file")
        subprocess.run([*inside, "umount", self.media], check=True)
        self.undrain()
        self.b_works()

    def test_rights_by_a_group_that_the_nodes_user_is_not_in(self):
        for folder, _, names in os.walk(self.farm.path("keys")):
            for name in names:
                if name.startswith("node-b"):
                    os.chown(os.path.join(folder, name), NOBODY, NOBODY)
        state = self.farm.path("state-b")
        shutil.copytree(self.farm.path("keys"), os.path.join(state, "keys"))
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", state], check=True)
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}"]
        self.start_b(*user, "--clear-groups", ANALYZER_STATE_DIR=state)
        self.b_works()
        self.analyse_until_drained("EACCES|permission", mode=0o640)
        self.farm.nodes["b"].stop()
        self.start_b_again(*user, "--groups=0", ANALYZER_STATE_DIR=state)
        self.undrain()
        self.b_works(mode=0o640)

    def start_b_again(self, *before, **settings):
        program = [*before, os.path.abspath(os.path.join(BIN, "kithara-node")), "--with-parent"]
        self.farm.nodes["b"] = Process(program, self.farm.env(ANALYZER_NODE_NAME="b", **settings), self.farm.path("b2.log"))
        self.wait_b("live", "busy", "draining")

    def test_full_folders_of_state_cache_and_temporary_files(self):
        full = self.farm.path("full")
        os.mkdir(full)
        script = f"mount -t tmpfs -o size=16k none {full}; dd if=/dev/zero of={full}/x bs=4k 2>/dev/null; exec \"$@\""
        self.start_b("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", TMPDIR=full, LIBROSA_CACHE_DIR=full,
                     XDG_CACHE_HOME=full)
        self.b_works()

    @unittest.skipUnless(os.path.exists("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1") or os.environ.get("KITHARA_FAKETIME"),
                         "needs libfaketime")
    def test_clocks_that_are_wrong_and_leap(self):
        library = os.environ.get("KITHARA_FAKETIME", "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
        clock = self.farm.path("clock")
        for offset in ("+1d", "-365d"):
            with open(clock, "w") as out:
                out.write(offset)
            self.start_b(LD_PRELOAD=library, FAKETIME_TIMESTAMP_FILE=clock, FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1")
            self.b_works()
            for leap in ("+30d", "-30d"):
                with open(clock, "w") as out:
                    out.write(leap)
                self.b_works()
            self.assertEqual(self.farm.nodes["b"].stop(), 0)
            wait_for(lambda: self.farm.get("/v1/status")["nodes"]["live"] == 1, "its end")
        self.assertEqual(self.farm.audit()[0], 0, self.farm.audit()[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
