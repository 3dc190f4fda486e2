#!/usr/bin/python3
"""ops/bench durable: no-op jobs from an AMQP queue through the ledger to nodes and back, results stored and published with
confirms, all servers private and on this machine. ops/bench celery: the same beside Celery.

    durable.py [--items N] [--bytes 1024,16384] [--nodes N] [--ledger postgres|sqlite]

Prints a row a document size with the CPU time that each part took for an item, and last `durable ratio=X`: items a second
with the first size over the 4,000 that are required. The clock runs from the first publishing to the last output message.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/farm")]

from cluster import Cluster, wait_for  # noqa: E402
from farm import Farm  # noqa: E402
from servers import RabbitMQ  # noqa: E402

BIN = pathlib.Path(os.environ.get("KITHARA_BIN", ROOT / "build/bin"))
REQUIRED = 4000
TICK = os.sysconf("SC_CLK_TCK")
QUIET_S = 30


def descendants(pid):
    """pid and all processes below it."""
    found = [pid]
    for at in found:
        for task in pathlib.Path(f"/proc/{at}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def cpu_of(stat):
    fields = stat.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def cpu(pid):
    """Seconds of CPU of the process and of all below it."""
    total = 0
    for one in descendants(pid):
        try:
            total += cpu_of(pathlib.Path(f"/proc/{one}/stat"))
        except OSError:
            pass
    return total


def threads(pid):
    """Seconds of CPU by thread name; those of one name together."""
    total = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            total[name] = total.get(name, 0) + cpu_of(task / "stat")
        except OSError:
            pass
    return total


class OnPostgres:
    """One coordinator and its nodes over PostgreSQL and RabbitMQ."""

    name = "postgresql"

    def __init__(self, nodes, **settings):
        self.cluster = Cluster(coordinators=1, nodes=nodes, **settings)
        self.broker = self.cluster.broker
        self.coordinator = self.cluster.coordinators[0].process.pid
        self.groups = {"postgresql": [self.cluster.database.process.pid], "nodes": [n.process.pid for n in self.cluster.nodes]}

    def status(self):
        return self.cluster.get(0, "/v1/status")

    def close(self):
        self.cluster.close()


class OnSqlite:
    name = "sqlite"

    def __init__(self, nodes, **settings):
        self.broker = RabbitMQ()
        self.farm = Farm(AMQP_CONNECTION_STRING=self.broker.url, **{k: str(v) for k, v in settings.items()})
        self.farm.start([f"n{i}" for i in range(nodes)])
        self.coordinator = self.farm.coordinator.process.pid
        self.groups = {"nodes": [n.process.pid for n in self.farm.nodes.values()]}

    def status(self):
        return self.farm.get("/v1/status")

    def close(self):
        self.farm.__exit__()
        self.broker.close()


def seconds(system):
    groups = {name: sum(map(cpu, pids)) for name, pids in system.groups.items()}
    own = {f"coordinator {name}": spent for name, spent in threads(system.coordinator).items()}
    return {**groups, **own, "broker": cpu(system.broker.process.pid)}


def measure(system, items):
    """Items a second, and the microseconds of CPU that each part took for one."""
    load = BIN.parent / "tests/amqp_load"
    sink = subprocess.Popen([load, "sink", system.broker.url, "apollonia", "analyzer.result", str(items), str(QUIET_S)],
                            stdout=subprocess.PIPE, text=True)
    assert sink.stdout.readline().strip() == "READY"
    before = seconds(system)
    start = time.monotonic()
    source = subprocess.Popen([load, "publish", system.broker.url, "analyzer_queue", str(items)], stdout=subprocess.DEVNULL)
    messages, different, _, octets = sink.stdout.readline().split()
    spent_s = time.monotonic() - start - (0 if int(different) == items else QUIET_S)
    after = seconds(system)
    if source.wait(60) or sink.wait(60) or int(different) < items:
        raise SystemExit(f"durable: {different} of {items} items came out")
    share = {name: (after[name] - before.get(name, 0)) * 1e6 / items for name in after}
    return items / spent_s, share, int(messages) - items, int(octets) / int(messages)


def row(name, rate, share, octets, twice):
    parts = ", ".join(f"{part} {us:.0f}" for part, us in sorted(share.items(), key=lambda s: -s[1]) if us >= 1)
    print(f"{name:<11} {octets:7.0f} bytes {rate:8.0f} items/s   sent twice {twice}   CPU us an item: {parts}", flush=True)


def run(ledger, items, octets, nodes, **settings):
    kind = OnSqlite if ledger == "sqlite" else OnPostgres
    system = kind(nodes, ANALYZER_TEST_FAULT=f"noop:{octets}", ANALYZER_WORKERS=1, ANALYZER_BATCH_SIZE=256,
                  **settings)
    try:
        wait_for(lambda: system.status()["amqp"]["in"]["state"] == "up" and system.status()["amqp"]["out"]["state"] == "up",
                 "the broker at the coordinator", 30)
        rate, share, twice, size = measure(system, items)
        row(system.name, rate, share, size, twice)
        return rate
    finally:
        system.close()


def arguments():
    parser = argparse.ArgumentParser(prog="ops/bench durable")
    parser.add_argument("--items", type=int, default=60000)
    parser.add_argument("--bytes", default="1024,16384")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--ledger", choices=["postgres", "sqlite"], default="postgres")
    return parser.parse_args()


def main():
    asked = arguments()
    rates = []
    for number, octets in enumerate(map(int, asked.bytes.split(","))):
        items = asked.items if number == 0 else max(asked.items // 3, 1)
        rates.append(run(asked.ledger, items, octets, asked.nodes, ANALYZER_PREFETCH_COUNT=2000))
    print(f"required: {REQUIRED} items/s with the first size")
    print(f"durable ratio={rates[0] / REQUIRED:.2f}")


if __name__ == "__main__":
    main()
