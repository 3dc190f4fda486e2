#!/usr/bin/env python3
"""ops/bench query: the first query of docs/integrate.md, files between two tempi, over stored results with features in both
ledgers: 100 ms over the slower one's median. `kithara similar` over each: 1 s over its median. The
rows are those of one stored message, multiplied by SQL with other tempi and vectors in random directions.

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
    expected = sum(20000 <= job * 7919 % 100000 <= 22000 for job in range(1, results + 1))
    for _ in range(ROUNDS):
        began = time.perf_counter()
        cursor.execute(QUERY)
        found = len(cursor.fetchall())
        times.append((time.perf_counter() - began) * 1000)
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


# Of each table the columns that differ from the first job's row to job g's.
ROWS = {"inputs": {"job": "g", "message_id": "'m' || g", "file_path": "PATH"}, "jobs": {"id": "g"},
        "results": {"job": "g", "document": "''"}, "feature_rows": {"job": "g", "file_path": "PATH", "tempo": "TEMPO"},
        "vectors": {"job": "g"}}
PATH = "'/srv/music/artist/album/' || g || '.flac'"
TEMPO = "100 + (g * 7919 % 100000) / 1000.0"


def multiply(cursor, results, columns, numbers):
    """The first job's rows for every job up to `results`; columns(table): names; numbers: a table with the jobs as g."""
    for table, other in ROWS.items():
        names = columns(table)
        values = [other.get(name, f'"{name}"').replace("PATH", PATH).replace("TEMPO", TEMPO) for name in names]
        key = next(iter(other))
        quoted = ", ".join(f'"{name}"' for name in names)
        cursor.execute(f"INSERT INTO {table}({quoted}) SELECT {', '.join(values)} FROM {table}, {numbers.format(results)}"
                       f" WHERE {key} = 1")


def directions(results, values):
    """Vectors in random directions in the place of those of one sound."""
    generator = random.Random(1)
    for job in range(2, results + 1):
        raw = [generator.gauss(0, 1) for _ in range(values)]
        length = math.sqrt(sum(x * x for x in raw))
        yield struct.pack(f"<{values}d", *(x / length for x in raw)), job


def fill_postgres(url, results, sound):
    base = psycopg2.connect(url)
    cursor = base.cursor()

    def columns(table):
        cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
                       " ORDER BY attnum", (table,))
        return [name for name, in cursor.fetchall()]

    multiply(cursor, results, columns, "generate_series(2, {}) AS n(g)")
    psycopg2.extras.execute_batch(cursor, "UPDATE vectors SET value = %s WHERE job = %s", directions(results, VALUES), page_size=1000)
    cursor.execute("UPDATE inputs SET file_path = %s WHERE job = 1", (str(sound),))
    base.commit()
    base.autocommit = True
    cursor.execute("VACUUM ANALYZE")
    return base


def fill_sqlite(path, results, sound):
    base = sqlite3.connect(path)

    def columns(table):
        return [row[1] for row in base.execute(f"PRAGMA table_info({table})")]

    multiply(base.cursor(), results, columns,
             "(WITH RECURSIVE n(g) AS (SELECT 2 UNION ALL SELECT g + 1 FROM n WHERE g < {}) SELECT g FROM n) AS n")
    base.executemany("UPDATE vectors SET value = ? WHERE job = ?", directions(results, VALUES))
    base.execute("UPDATE inputs SET file_path = ? WHERE job = 1", (str(sound),))
    base.commit()
    return base


def main():
    results = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    slowest, longest = 0, 0
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name, Postgres(settings={"shared_buffers": "256MB",
                                                                                 "max_wal_size": "2GB"}) as server:
        folder = pathlib.Path(name)
        path, sound = message(folder)
        print(f"{results} results, messages of {path.stat().st_size} bytes", flush=True)
        run(BIN / "kithara", "db", "migrate", "--ledger", server.url)
        for kind, url in (("postgresql", server.url), ("sqlite", f"sqlite:{folder}/ledger.sqlite")):
            run(BIN.parent / "tests/ledger_bench", url, 1, path)
            base = fill_postgres(url, results, sound) if kind == "postgresql" else fill_sqlite(folder / "ledger.sqlite", results, sound)
            took_ms, found = ask(base.cursor(), results)
            base.close()
            near = similar(url, sound)
            print(f"{kind:11} {found} files in {took_ms:.1f} ms   similar 10 of {results} in {near:.2f} s", flush=True)
            slowest, longest = max(slowest, took_ms), max(longest, near)
    ratio = min(REQUIRED_MS / slowest, SIMILAR_S / longest)
    print(f"query ratio={ratio:.2f}")
    return 0 if ratio >= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
