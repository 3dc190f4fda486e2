#!/usr/bin/python3
"""Private servers end with the test that started them, also when it is killed and can clean up nothing."""
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys

from harness import expect, main, start, test, until

HERE = pathlib.Path(__file__).resolve().parent
START_S = 90
GONE_S = 10
HOST = """
import json, signal, sys
sys.path.insert(0, sys.argv[1])
import servers
server = getattr(servers, sys.argv[2])()
if sys.argv[3] == "frozen":
    server.freeze()
print(json.dumps({"pid": server.process.pid, "port": server.port, "folder": str(server.folder),
                  "epmd": server.epmd.pid if sys.argv[2] == "RabbitMQ" else 0}), flush=True)
signal.pause()
"""


def processes():
    """Of each process that runs: pid -> (parent, session, start time)."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state, parent, _, session, *more = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if state not in "ZX":
            found[int(entry.name)] = (int(parent), int(session), more[15])
    return found


def family(pid):
    """The process, its session and all its descendants: pid -> start time."""
    every = processes()
    kin = {p for p, (_, session, _) in every.items() if pid in (p, session)}
    while more := {p for p, (parent, _, _) in every.items() if parent in kin} - kin:
        kin |= more
    return {p: every[p][2] for p in kin}


def alive(kin):
    now = processes()
    return [p for p, began in kin.items() if p in now and now[p][2] == began]


def free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT hold no port
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def has_spoken(host):
    """Whether the process has printed something, or has ended."""
    return select.select([host.stdout], [], [], 0)[0]


def goes_with_a_killed_test(server, state, least):
    host = start([sys.executable, "-c", HOST, HERE, server, state], stdout=subprocess.PIPE)
    until(lambda: has_spoken(host), START_S, f"{server} starts")
    line = host.stdout.readline()
    expect(line, f"{server} does not start")
    said = json.loads(line)
    kin = family(said["pid"])
    if said["epmd"]:
        kin |= family(said["epmd"])
    expect(len(kin) >= least, f"{server} has {len(kin)} processes, at least {least} were expected")
    expect(not free(said["port"]), f"{server} does not hold its port")
    try:
        host.send_signal(signal.SIGKILL)
        host.wait(GONE_S)
        until(lambda: not alive(kin), GONE_S, f"no process of {server} is left: {sorted(kin)} were there")
        until(lambda: free(said["port"]), GONE_S, f"the port of {server} is free")
        until(lambda: not os.path.exists(said["folder"]), GONE_S, f"the folder of {server} is gone")
    finally:
        for pid in alive(kin):  # where the test fails
            os.kill(pid, signal.SIGKILL)


@test
def a_broker_goes_with_the_test_that_is_killed(folder):
    del folder
    goes_with_a_killed_test("RabbitMQ", "running", 4)  # shell, Erlang, its helper, epmd


@test
def a_frozen_database_goes_with_all_its_processes(folder):
    del folder
    goes_with_a_killed_test("Postgres", "frozen", 5)


@test
def a_frozen_cache_goes_as_well(folder):
    del folder
    goes_with_a_killed_test("Redis", "frozen", 1)


if __name__ == "__main__":
    main()
