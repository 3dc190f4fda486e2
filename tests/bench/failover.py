#!/usr/bin/env python3
"""How long the farm is interrupted by a failure: failover.py [--minutes M]. Rows of what was allowed and what was
measured; closes with the worst ratio of the two. --minutes: how long busy nodes are watched for a false death."""
import argparse
import os
import pathlib
import select
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "farm"), str(ROOT)]
from farm import Farm, wait_for  # noqa: E402
from fleet_test import NOOP, Pair, write_silence  # noqa: E402
from servers import Postgres  # noqa: E402

rows = []
SILENCE = {"ANALYZER_NODE_SILENCE": "2500"}  # the default; the farm tests have a shorter one


def row(what, allowed, measured):
    rows.append(allowed / max(measured, 1e-3))
    print(f"{what:62} {measured:6.2f} s (at most {allowed:g} s)", flush=True)


def measure(condition, what, limit=30):
    began = time.monotonic()
    wait_for(condition, what, limit)
    return time.monotonic() - began


class HalfDead:
    """A proxy whose present connections can be made to carry nothing more in one direction, unnoticed by both ends. New
    ones pass."""

    def __init__(self, port):
        self.target, self.listener = ("127.0.0.1", port), socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.links = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.target)
            link = {"up": True, "down": True}
            self.links.append(link)
            for name, source, sink in (("up", client, server), ("down", server, client)):
                threading.Thread(target=self.carry, args=(link, name, source, sink), daemon=True).start()

    @staticmethod
    def carry(link, name, source, sink):
        try:
            while data := source.recv(65536):
                if link[name]:
                    sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def kill(self, direction):
        for link in self.links:
            link[direction] = False


def media(farm, count, hours=3):
    farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
    paths = [farm.path(f"long-{i}.wav") for i in range(count)]
    for path in paths:
        write_silence(path, hours * 3600)
    return {"messages": [{"message_id": os.path.basename(p), "file_path": p} for p in paths]}


def where(farm, count):
    """Which node runs each job, or None."""
    return [farm.get(f"/v1/jobs/{job}/story")["now"] for job in range(1, count + 1)]


def node_killed():
    with Farm(ANALYZER_WORKERS="4", **SILENCE) as farm:
        work = media(farm, 2)
        farm.start(["a", "b", "c"])  # a suspect at a time on each of those that are left
        farm.post("/v1/jobs", work)
        wait_for(lambda: all(now["state"] == "running" for now in where(farm, 2)), "the beginning")
        victim = where(farm, 2)[0]["node"]
        moved = [i for i, now in enumerate(where(farm, 2)) if now["node"] == victim]
        farm.nodes[victim].kill()
        began = time.monotonic()
        states = lambda: {n["name"]: n["state"] for n in farm.get("/v1/nodes")["nodes"]}  # noqa: E731
        wait_for(lambda: states().get(victim, "absent") == "absent", "the loss")
        row("kill -9 of a node: noticed", 3, time.monotonic() - began)

        def elsewhere():
            now = where(farm, 2)
            return all(now[i]["state"] == "running" and now[i]["node"] != victim for i in moved)

        wait_for(elsewhere, "the files elsewhere")
        row(f"kill -9 of a node: its {len(moved)} files run elsewhere", 5, time.monotonic() - began)


def coordinator_killed():
    database = Postgres(settings={"fsync": "off"})
    try:
        with Pair(database, **NOOP, **SILENCE).start_pair(["a", "b"]) as farm:
            farm.submit(0, 30000)
            wait_for(lambda: farm.outcomes()[0] > 1000, "a first outcome")
            epoch = database.sql("SELECT epoch FROM leases WHERE coordinator = 'c1'")[0][0]
            claimed = lambda: [job for job, in database.sql(  # noqa: E731
                "SELECT id FROM jobs WHERE epoch = %s AND state = 1", epoch)]
            held = []
            while not held:  # until the moment of the kill: no-op jobs are over soon
                held = claimed()
            farm.coordinators[1].kill()
            began = time.monotonic()
            left = lambda: len(held) - database.sql(  # noqa: E731
                "SELECT count(*) FROM results WHERE job = ANY(%s)", held)[0][0]
            wait_for(lambda: left() == 0, "what it held")
            row(f"kill -9 of a coordinator: all {len(held)} jobs that it held are done by the other", 5, time.monotonic() - began)
            farm.wait_outcomes(30000, 60)
            assert farm.audit()[0] == 0, farm.audit()[1]
    finally:
        database.close()


def busy_node(minutes):
    seconds = 60 * minutes if minutes else 20
    with Farm(ANALYZER_WORKERS=str(2 * os.cpu_count()), **SILENCE) as farm:
        work = media(farm, 4 * os.cpu_count(), 12)
        farm.start(["a"])
        farm.post("/v1/jobs", work)
        burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * os.cpu_count())]
        try:
            until = time.monotonic() + seconds
            longest = 0
            while time.monotonic() < until:
                longest = max([longest] + [n["silent_ms"] for n in farm.get("/v1/nodes")["nodes"]])
                select.select([], [], [], 0.1)
        finally:
            for burner in burners:
                burner.kill()
                burner.wait()
        assert "NODE-LOST" not in farm.coordinator.text(), "a busy node was taken for lost"
        row(f"a busy node, {len(burners)} processes beside it, {seconds:.0f} s: longest silence", 2.5, longest / 1000)


def half_dead(direction):
    with Farm(**NOOP, **SILENCE) as farm:
        farm.start_coordinator()
        proxy = HalfDead(int(farm.router.rsplit(":", 1)[1]))
        farm.allow(farm.make_key("a"), "a")
        farm.start_node("a", ANALYZER_COORDINATORS=f"tcp://127.0.0.1:{proxy.port}")
        wait_for(lambda: farm.get("/v1/status")["nodes"]["live"] == 1, "the node")
        hellos = lambda: farm.coordinator.text().count("NODE-HELLO node=a")  # noqa: E731
        before = hellos()
        proxy.kill(direction)
        took = measure(lambda: hellos() > before, "the return")
        farm.submit(0, 100)
        farm.wait_finished(100)
        row(f"a connection that carries nothing {'from' if direction == 'up' else 'to'} the node: it is back", 5, took)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=0)
    arguments = parser.parse_args()
    node_killed()
    coordinator_killed()
    for direction in ("up", "down"):
        half_dead(direction)
    busy_node(arguments.minutes)
    print(f"failover ratio={min(rows):.2f}")


if __name__ == "__main__":
    main()
