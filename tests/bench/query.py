#!/usr/bin/env python3
"""ops/bench query: the first query of docs/integrate.md, files between two tempi, over stored results with features in both
ledgers: 100 ms over the slower one's median. `kithara similar` over each: 1 s over its median.

    query.py [RESULTS]    100000
"""
import json
import math
import os
import pathlib
import random
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import psycopg2
import psycopg2.extras

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from servers import Postgres  # noqa: E402

BIN = pathlib.Path(os.environ["KITHARA_BIN"])
REQUIRED_MS, SIMILAR_S = 100, 1
ROUNDS, VALUES = 7, 211
QUERY = "SELECT file_path, tempo, key, mode, loudness FROM features WHERE error IS NULL AND tempo BETWEEN 120 AND 122"


def run(*command):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=3600)
    if result.returncode:
        sys.exit(f"{command[0]}: {result.stdout}{result.stderr}")
    return result.stdout


def message(folder):
    """A message with features, whose tempo is 120.000, and the sound that it is of."""
    sound = folder / "sound.wav"
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "aevalsrc='sin(880*t)*exp(-6*mod(t,0.5))':d=12:s=44100", sound)
    document = json.loads(run(BIN / "kithara", "analyze", "--jsonl", sound))
    document["features"]["mir"]["tempo"] = "TEMPO"
    path = folder / "message.json"
    path.write_text(json.dumps(document, separators=(",", ":")).replace('"TEMPO"', "120.000"), encoding="utf-8")
    return path, sound


def ask(cursor, results):
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        cursor.execute(QUERY)
        found = len(cursor.fetchall())
        times.append((time.perf_counter() - began) * 1000)
        expected = sum(20000 <= job * 7919 % 100000 <= 22000 for job in range(1, results + 1))
        assert found == expected, f"{found} files instead of {expected}"
    return statistics.median(times), found


def similar(ledger, sound):
    """The median time of `kithara similar` of a file whose result is stored."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        near = run(BIN / "kithara", "similar", "--ledger", ledger, "-o", "jsonl", sound).splitlines()
        times.append(time.perf_counter() - began)
        assert len(near) == 10, near
    return statistics.median(times)


def directions(results, values):
    """Vectors in random directions in the place of those of one sound, and the path of the first job."""
    generator = random.Random(1)
    for job in range(1, results + 1):
        raw = [generator.gauss(0, 1) for _ in range(values)]
        length = math.sqrt(sum(x * x for x in raw))
        yield struct.pack(f"<{values}d", *(x / length for x in raw)), job


def show(name, took_ms, found, stored):
    rate = next(line for line in stored.splitlines() if line.startswith("store"))
    print(f"{name:11} {found} files in {took_ms:.1f} ms   {' '.join(rate.split())}", flush=True)


def main():
    results = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name, Postgres(settings={"shared_buffers": "256MB",
                                                                                 "max_wal_size": "2GB"}) as server:
        folder = pathlib.Path(name)
        path, sound = message(folder)
        print(f"{results} results, messages of {path.stat().st_size} bytes", flush=True)
        run(BIN / "kithara", "db", "migrate", "--ledger", server.url)
        stored = run(BIN.parent / "tests/ledger_bench", server.url, results, path)
        base = psycopg2.connect(server.url)
        base.autocommit = True
        base.cursor().execute("VACUUM ANALYZE feature_rows")
        postgres, found = ask(base.cursor(), results)
        base.autocommit = False
        psycopg2.extras.execute_batch(base.cursor(), "UPDATE vectors SET value = %s WHERE job = %s",
                                      directions(results, VALUES), page_size=1000)
        base.cursor().execute("UPDATE inputs SET file_path = %s WHERE job = 1", (str(sound),))
        base.commit()
        base.close()
        show("postgresql", postgres, found, stored)
        ledger = f"sqlite:{folder}/ledger.sqlite"
        stored = run(BIN.parent / "tests/ledger_bench", ledger, results, path)
        with sqlite3.connect(f"file:{folder}/ledger.sqlite?mode=ro", uri=True) as base:
            sqlite, found = ask(base.cursor(), results)
        show("sqlite", sqlite, found, stored)
        with sqlite3.connect(f"{folder}/ledger.sqlite") as base:
            base.executemany("UPDATE vectors SET value = ? WHERE job = ?", directions(results, VALUES))
            base.execute("UPDATE inputs SET file_path = ? WHERE job = 1", (str(sound),))
        near = {name: similar(url, sound) for name, url in (("postgresql", server.url), ("sqlite", ledger))}
        for name, took in near.items():
            print(f"similar     10 of {results} in {took:.2f} s   {name}", flush=True)
    ratio = min(REQUIRED_MS / max(postgres, sqlite), SIMILAR_S / max(near.values()))
    print(f"query ratio={ratio:.2f}")
    return 0 if ratio >= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
