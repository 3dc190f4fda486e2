#!/usr/bin/env python3
"""A backfill of a million paths, killed twice, audited: ops/bench backfill [--paths N] [--sqlite].

The tree is made of hard links to a few tiny files, 1,000 names a folder, so that listing pays for a real walk and a
stat of each path; the nodes analyse nothing (ANALYZER_TEST_FAULT=noop). The coordinator is killed (kill -9) while it
lists and while it feeds, and started again: resume is the time from its start until the backfill has got further. The
ledger is a private PostgreSQL where that works, else SQLite. The last line is the worst of 10 s over the resume time and
256 MB over the coordinator's peak RSS.
"""
import argparse
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "farm"), str(HERE.parent)]
os.environ.setdefault("KITHARA_BIN", str(HERE.parents[1] / "build/bin"))
from farm import BIN, Farm, wait_for  # noqa: E402
import subprocess  # noqa: E402

RESUME_S, RSS_MB, LINKS = 10, 256, 30000


def make_tree(root, count):
    """count distinct paths; each real file has at most LINKS names, which any file system permits."""
    os.makedirs(root)
    for number in range(count):
        if number % 1000 == 0:
            folder = os.path.join(root, f"{number // 1000:05}")
            os.mkdir(folder)
        if number % LINKS == 0:
            source = os.path.join(root, f".source-{number // LINKS}")
            with open(source, "w") as out:
                out.write("tiny")
        os.link(source, os.path.join(folder, f"{number:08}.mp3"))


def postgres():
    """A private server, and its URL with the schema in it; None where that does not work."""
    try:
        import servers
        server = servers.Postgres()
    except Exception as error:  # no server installed, or none that starts
        print(f"PostgreSQL does not start ({error}): SQLite instead")
        return None
    made = subprocess.run([os.path.join(BIN, "kithara"), "db", "migrate"], capture_output=True, text=True,
                          env={**os.environ, "DATABASE_URL": server.url})
    if made.returncode == 0:
        return server
    print(f"PostgreSQL is not used ({made.stderr.strip()[:200]}): SQLite instead")
    server.close()
    return None


class Bench:
    def __init__(self, farm, count):
        self.farm, self.count, self.peak_mb, self.resumes = farm, count, 0, []

    def kithara(self, *arguments, **options):
        return subprocess.run([os.path.join(BIN, "kithara"), *arguments], env=self.farm.env(), capture_output=True,
                              text=True, **options)

    def state(self):
        return self.farm.get(f"/v1/backfills/{self.id}")

    def note_memory(self):
        with open(f"/proc/{self.farm.coordinator.process.pid}/status") as lines:
            peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        self.peak_mb = max(self.peak_mb, peak / 1024)

    def kill_and_resume(self, what, member):
        """Kills the coordinator, and waits until `member` of the backfill has grown again."""
        before = self.state()[member]
        self.note_memory()
        self.farm.coordinator.kill()
        began = time.monotonic()
        self.farm.start_coordinator()
        wait_for(lambda: self.state()[member] > before, f"progress after the kill while {what}", 120)
        self.resumes.append(time.monotonic() - began)
        print(f"killed while {what:<8} at {before:>9,}: goes on {self.resumes[-1]:.2f} s after its start", flush=True)

    def run(self, folder):
        began = time.monotonic()
        started = self.kithara("backfill", "start", folder, "-o", "json", timeout=60)
        assert started.returncode == 0, started.stderr
        self.id = self.farm.get("/v1/backfills")["backfills"][-1]["id"]
        wait_for(lambda: self.state()["listed"] > self.count * 0.3, "a part of the listing", 600)
        self.kill_and_resume("listing", "listed")
        wait_for(lambda: self.state()["listed_all"], "the listing", 1800)
        listed_s = time.monotonic() - began
        print(f"listed {self.count:,} paths in {listed_s:.1f} s, one kill included: {self.count / listed_s:,.0f} a second")
        wait_for(lambda: self.state()["done"] > self.count * 0.5, "half of the files", 3600)
        self.kill_and_resume("feeding", "done")
        wait_for(lambda: self.state()["state"] == "done", "the end", 7200)
        total_s = time.monotonic() - began
        self.note_memory()
        print(f"all done in {total_s:.1f} s: {self.count / total_s:,.0f} files a second")
        print(f"coordinator's peak RSS {self.peak_mb:.0f} MB")

    def check(self):
        """Every path exactly one result; the ledger's audit finds nothing."""
        end = self.state()
        assert (end["listed"], end["done"], end["failed"]) == (self.count, self.count, 0), end
        assert self.farm.get("/stats")["processed_files"] == self.count
        assert self.farm.coordinator.stop(60) == 0
        began = time.monotonic()
        audit = self.kithara("audit", timeout=3600)
        print(f"audit: {audit.stdout.strip().splitlines()[-1]} in {time.monotonic() - began:.1f} s")
        assert audit.returncode == 0, audit.stdout[:3000] + audit.stderr[:1000]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--paths", type=int, default=1000000)
    arguments.add_argument("--sqlite", action="store_true")
    asked = arguments.parse_args()
    server = None if asked.sqlite else postgres()
    settings = {"DATABASE_URL": server.url} if server else {}
    with Farm(ANALYZER_TEST_FAULT="noop", **settings) as farm:
        folder = farm.path("music")
        farm.settings.update(ANALYZER_MEDIA_ROOTS=folder, ANALYZER_HTTP_URL=farm.http)
        began = time.monotonic()
        make_tree(folder, asked.paths)
        print(f"{asked.paths:,} hard links made in {time.monotonic() - began:.1f} s; ledger: "
              f"{'PostgreSQL' if server else 'SQLite'}", flush=True)
        farm.start(["a"])
        bench = Bench(farm, asked.paths)
        bench.run(folder)
        bench.check()
    if server:
        server.close()
    ratio = min(RESUME_S / max(bench.resumes), RSS_MB / bench.peak_mb)
    print(f"backfill ratio={ratio:.2f}")


if __name__ == "__main__":
    main()
