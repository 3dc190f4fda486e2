"""A node that follows no rule: a DEALER with an allowed key (python3-zmq, python3-msgpack) whose messages tests write."""
import time

import msgpack
import zmq

HELLO, LIVE, BEAT, STARTED, RESULT, BYE, FETCH = 1, 2, 3, 4, 5, 6, 7
WHO, WELCOME, BATCH, ACK, NACK, CANCEL, REFUSE = 32, 33, 34, 35, 36, 37, 39


def errors(docs):
    """Names and codes of docs/errors.md."""
    rows = (line.split("|") for line in open(docs) if line.startswith("| E"))
    return {row[1].strip(): int(row[2]) for row in rows}


class HostileNode:
    def __init__(self, farm, name, routing_id=None):
        self.name, self.work, self.batch = name, {}, 0
        with open(farm.path("keys", f"node-{name}.secret")) as file:
            secret = file.read().strip().encode()
        with open(farm.path("keys", "coordinator.public")) as file:
            coordinator = file.read().strip().encode()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.curve_secretkey = secret
        self.socket.curve_publickey = zmq.curve_public(secret)
        self.socket.curve_serverkey = coordinator
        if routing_id is not None:
            self.socket.setsockopt(zmq.ROUTING_ID, routing_id)
        self.socket.connect(farm.router)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *fields):
        self.send_bytes(msgpack.packb(fields, use_bin_type=True))

    def send_bytes(self, *frames):
        """False when nobody takes it: the connection is closed, or its queue is full."""
        try:
            self.socket.send_multipart(frames, zmq.NOBLOCK)
            return True
        except zmq.Again:
            return False

    def receive(self, timeout_s=0.2):
        """The next message; None when there is none. Files that were given are noted with their credentials."""
        if not self.socket.poll(timeout_s * 1000):
            return None
        message = msgpack.unpackb(self.socket.recv(), raw=False)
        if message[0] == BATCH:
            self.batch = max(self.batch, message[1])
            for item in message[2]:
                self.work[item[0]] = {"run": item[1], "attempt": item[2], "body": item[3], "credential": item[10]}
        return message

    def expect(self, kind, timeout_s=20):
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            message = self.receive()
            if message and message[0] == kind:
                return message
        raise AssertionError(f"{self.name} got no message {kind}")

    def hello(self, wire=2, incarnation=1, slots=4, name=None):
        self.send(HELLO, wire, wire, name or self.name, incarnation, "host", "9.9", "", "cpu", slots, b"")

    def enter(self, **more):
        self.hello(**more)
        return self.expect(WELCOME)

    def beat(self, free=0, held=(), kept=(), seen=None, leaving=False):
        seen = self.batch if seen is None else seen
        self.send(BEAT, seen, free, 9, leaving, list(held), list(kept), 0, 0, -1, 0, 0, 0, b"")

    def live(self, count):
        self.send(LIVE, [[count]])

    def held(self, of, started=1, **changes):
        """An entry about the file `of` that was given; changes: what it states instead."""
        item = {"job": of, **self.work[of], **changes}
        return [item["job"], item["run"], item["attempt"], started, item["credential"]]

    def outcome(self, of, document, err=0, detail="", us=1000, **changes):
        item = {"job": of, **self.work[of], **changes}
        return [item["job"], item["run"], item["attempt"], err, detail, us, [], b"", document, item["credential"]]

    def take(self, n, free):
        """Asks for files until it has n."""
        until = time.monotonic() + 20
        while len(self.work) < n and time.monotonic() < until:
            self.beat(free, [self.held(job) for job in self.work])
            self.live(int(time.monotonic() * 1000))
            while self.receive(0.05):
                pass
        assert len(self.work) >= n, f"{len(self.work)} files, not {n}"
