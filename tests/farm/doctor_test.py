#!/usr/bin/env python3
"""kithara doctor with one thing broken at a time: its line is WRONG, it names the thing, and the exit code is 1."""
import os
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import expect, kithara, main, test  # noqa: E402
from servers import free_ports  # noqa: E402


def line(folder, subject, **settings):
    """The state and the text of one line, and the exit code."""
    http, router = free_ports(2)
    done = kithara(folder, "doctor", **{"ANALYZER_HTTP_BIND": f"127.0.0.1:{http}", "ANALYZER_ROUTER_BIND": f"tcp://127.0.0.1:{router}",
                                        "ANALYZER_HTTP_URL": f"http://127.0.0.1:{http}", **settings})
    found = [text.split(None, 2)[1:] for text in done.stdout.splitlines() if text.startswith(subject + " ")]
    expect(len(found) == 1, f"one line of {subject}: {done.stdout}{done.stderr}")
    return (*found[0], done.returncode)


def wrong(folder, subject, part, **settings):
    state, text, code = line(folder, subject, **settings)
    expect(state == "WRONG" and part in text and code == 1, f"{subject}, {part}: {state} {text}, exit code {code}")


@test
def the_two_ports_differ(folder):
    port, = free_ports(1)
    wrong(folder, "coordinator", f"same port {port}", ANALYZER_HTTP_BIND=f"127.0.0.1:{port}", ANALYZER_ROUTER_BIND=f"tcp://127.0.0.1:{port}")
    expect(line(folder, "coordinator")[0] == "ok", "two free ports")


@test
def each_host_of_the_broker_is_tried(folder):
    dead, = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        # With TLS a connection is all that is tried, so that a socket that listens stands for a broker.
        state, text, code = line(folder, "broker", AMQP_CONNECTION_STRING=f"amqps://u:s3cret@127.0.0.1:{port},127.0.0.1:{dead}/")
        expect((state, code) == ("WARN", 0) and f":{port} answers" in text and f":{dead} fails" in text, f"{state} {text} {code}")
        expect("s3cret" not in text, text)
        state, text, code = line(folder, "broker", AMQP_CONNECTION_STRING=f"amqps://u:s3cret@127.0.0.1:{port}/")
        expect((state, code) == ("ok", 0), f"{state} {text} {code}")
    wrong(folder, "broker", f":{dead} fails", AMQP_CONNECTION_STRING=f"amqp://u:s3cret@127.0.0.1:{dead}/")
    wrong(folder, "broker", "amqp://USER", AMQP_CONNECTION_STRING=f"http://u:s3cret@127.0.0.1:{dead}/")


@test
def a_key_that_is_empty_or_open_is_named(folder):
    keys = folder / "state/keys"
    keys.mkdir(parents=True)
    secret = keys / "coordinator.secret"
    secret.write_text("")
    secret.chmod(0o600)
    wrong(folder, "keys", "is empty")
    secret.write_text("x" * 40)
    expect(line(folder, "keys")[0] == "ok", "a key of this user only")
    secret.chmod(0o644)
    wrong(folder, "keys", "chmod 600")


@test
def the_disk_of_a_ledger_elsewhere_is_looked_at(folder):
    small = pathlib.Path("/proc/self/fd")  # a file system without a free block
    part = "0.0 GiB free" if os.access(small, os.W_OK) else "cannot be written"
    wrong(folder, "database", part, DATABASE_URL=f"sqlite:{small}/ledger.sqlite")


if __name__ == "__main__":
    main()
