#!/usr/bin/env python3
"""ops/bench ledger: rows a second of the PostgreSQL and the SQLite ledger on one connection over what is required (40,000
and 20,000), with 1 KiB documents and an outbox; ops/bench intake: messages a second into PostgreSQL through the actor
over 20,000. A private server with its durability on."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from servers import Postgres  # noqa: E402

BIN = pathlib.Path(os.environ["KITHARA_BIN"])
REQUIRED = {"postgresql": 40000, "sqlite": 20000}
ROWS = {"insert": 2, "store": 3}  # that a job writes: job and message; result, job and outbox
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "2GB"}


def run(*command):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=1800)
    if result.returncode:
        sys.exit(f"{command[0]}: {result.stdout}{result.stderr}")
    return result.stdout


def migrated(server):
    run(BIN / "kithara", "db", "migrate", "--ledger", server.url)
    return server.url


def rates(url, jobs):
    text = run(BIN.parent / "tests/ledger_bench", url, jobs, 1024, "publish")
    return {name: float(rate) for name, rate in re.findall(r"^(\w+) +(\d+) (?:jobs|rows)/s", text, re.M)}


def show(name, found):
    for phase, rate in found.items():
        rows = f"{ROWS[phase] * rate:10.0f} rows/s" if phase in ROWS else ""
        print(f"{name:12} {phase:8} {rate:10.0f} {'rows' if phase == 'audit' else 'jobs'}/s {rows}")
    return min(rows * found[phase] for phase, rows in ROWS.items()) / REQUIRED[name]


def ledger(jobs):
    with Postgres(settings=SETTINGS) as server:
        ratios = [show("postgresql", rates(migrated(server), jobs))]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        ratios.append(show("sqlite", rates(f"sqlite:{folder}/ledger.sqlite", jobs)))
    return min(ratios)


def intake(jobs):
    with Postgres(settings=SETTINGS) as server:
        text = run(BIN.parent / "tests/intake_bench", migrated(server), jobs)
    print(text, end="")
    return float(text.split()[1]) / 20000


def main():
    name = sys.argv[1]
    jobs = int(sys.argv[2]) if len(sys.argv) > 2 else 200000
    ratio = {"ledger": ledger, "intake": intake}[name](jobs)
    print(f"{name} ratio={ratio:.2f}")
    return 0 if ratio >= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
