#!/usr/bin/python3
"""ops/bench celery: no-op jobs through Celery (from PyPI, in an environment beside the build) and through Kithara, on the
same RabbitMQ and the same PostgreSQL, in one run. Celery as it has to be run for the same guarantee: late acknowledgement,
persistent messages, results in the database; then without results, as it is faster. Each job gives a message of 1 KiB.

    celery_peer.py [--items N] [--celery-items N]

Prints a row each and last `celery ratio=X`: our items a second over Celery's with results and late acknowledgement.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import durable  # noqa: E402
from media import environment  # noqa: E402

WANTED = "celery==5.4.0\nsqlalchemy==2.0.36\npsycopg2-binary==2.9.10\n"
SKIPPED = 77
WORKERS = 2

APP = """
import os
from celery import Celery
app = Celery("peer", broker=os.environ["PEER_BROKER"], backend=os.environ.get("PEER_RESULTS") or None)
app.conf.update(task_acks_late=True, task_ignore_result=not os.environ.get("PEER_RESULTS"), task_default_queue="peer",
                worker_prefetch_multiplier=500, broker_connection_retry_on_startup=True)
DOCUMENT = "x" * 1000

@app.task
def analyze(number):
    with_count = os.environ.get("PEER_COUNT")
    if with_count:
        os.write(int(with_count), b"x")
    return {"message_id": "load-%d" % number, "document": DOCUMENT}
"""

SEND = """
import sys
from app import app, analyze
with app.pool.acquire(block=True) as connection, app.amqp.Producer(connection) as producer:
    for number in range(int(sys.argv[1])):
        analyze.apply_async((number,), producer=producer)
"""


def count_results(database):
    try:
        return database.sql("SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'")[0][0]
    except Exception:  # the table comes with the first result
        return 0


def run_celery(python, system, items, results):
    """Tasks a second. Without results each worker writes a byte into a pipe, which costs it nothing beside the rest."""
    database = system.cluster.database
    with tempfile.TemporaryDirectory(prefix="kithara-celery-") as folder:
        (pathlib.Path(folder) / "app.py").write_text(APP)
        (pathlib.Path(folder) / "send.py").write_text(SEND)
        told, tell = os.pipe()
        os.set_blocking(told, False)
        url = database.url.replace("postgresql://", "db+postgresql://")
        settings = {**os.environ, "PEER_BROKER": system.broker.url + "/", "PEER_RESULTS": url if results else "",
                    "PEER_COUNT": "" if results else str(tell), "C_FORCE_ROOT": "1", "PYTHONPATH": folder}
        worker = subprocess.Popen([python, "-m", "celery", "-A", "app", "worker", "--concurrency", str(WORKERS), "--loglevel", "ERROR",
                                   "--without-gossip", "--without-mingle", "--without-heartbeat"], cwd=folder, env=settings,
                                  pass_fds=[tell], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = 0
        try:
            subprocess.run([python, "send.py", "10"], cwd=folder, env=settings, check=True, pass_fds=[tell])

            def done():
                nonlocal seen
                if results:
                    return count_results(database)
                try:
                    seen += len(os.read(told, 1 << 20))
                except BlockingIOError:
                    pass
                return seen

            durable.wait_for(lambda: done() >= 10, "the first tasks", 60)
            start = time.monotonic()
            subprocess.run([python, "send.py", str(items)], cwd=folder, env=settings, check=True, pass_fds=[tell])
            durable.wait_for(lambda: done() >= items + 10, "all tasks", 300)
            return items / (time.monotonic() - start)
        finally:
            worker.terminate()
            worker.wait(60)
            os.close(told)
            os.close(tell)


def main():
    parser = argparse.ArgumentParser(prog="ops/bench celery")
    parser.add_argument("--items", type=int, default=30000)
    parser.add_argument("--celery-items", type=int, default=2000)
    asked = parser.parse_args()
    python = environment("celery", WANTED)
    if not python:
        print("celery: not available here")
        sys.exit(SKIPPED)
    system = durable.OnPostgres(2, ANALYZER_TEST_FAULT="noop:1024", ANALYZER_WORKERS=1, ANALYZER_BATCH_SIZE=256,
                                ANALYZER_PREFETCH_COUNT=2000)
    try:
        durable.wait_for(lambda: system.status()["amqp"]["in"]["state"] == "up", "the broker at the coordinator", 30)
        peer = run_celery(python, system, asked.celery_items, True)
        print(f"celery, late acknowledgement, results in PostgreSQL {peer:8.0f} items/s", flush=True)
        bare = run_celery(python, system, asked.celery_items, False)
        print(f"celery, late acknowledgement, no results            {bare:8.0f} items/s", flush=True)
        rate, share, twice, octets = durable.measure(system, asked.items)
        durable.row("kithara", rate, share, octets, twice)
    finally:
        system.close()
    print(f"celery ratio={rate / peer:.1f}")


if __name__ == "__main__":
    main()
