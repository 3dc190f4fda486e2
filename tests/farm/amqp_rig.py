"""A farm at a real RabbitMQ, for tests of AMQP: the broker, the states in which a test may put it, and a farm of no-op nodes with
a queue and an exchange of its own."""
import collections
import contextlib
import json
import subprocess
import time

import pika
import pika.exceptions

from farm import Farm, wait_for
from harness import expect, until
from servers import RabbitMQ

HEARTBEAT_S = 1
END_S = 30        # of a coordinator: five seconds for messages, four for each connection, and a loaded machine
PATIENCE_S = 180  # of waits whose length is not what is tested
LOST = (pika.exceptions.AMQPError, ConnectionError, AssertionError)
_broker = []


def make_ca(folder, name):
    """A certificate authority and a server certificate for localhost."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2",
            "-subj", f"/CN={name}")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}-server.key", "-out", f"{name}-server.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", f"{name}-server.csr", "-CA", f"{name}.pem", "-CAkey", f"{name}.key", "-CAcreateserial",
            "-out", f"{name}-server.pem", "-days", "2", "-extfile", "names")
    return folder / f"{name}.pem"


class Broker(RabbitMQ):
    """A broker that takes TLS too, and the states in which a test may put it."""

    def prepare(self):
        self.ours, self.others = make_ca(self.folder, "ours"), make_ca(self.folder, "others")
        self.options["config"] = (f"listeners.ssl.1 = 127.0.0.1:{self.more_ports[2]}\nssl_options.cacertfile = {self.folder}/ours.pem\n"
                                  f"ssl_options.certfile = {self.folder}/ours-server.pem\n"
                                  f"ssl_options.keyfile = {self.folder}/ours-server.key\nssl_options.verify = verify_none\n")
        super().prepare()

    def secure(self, host="localhost"):
        return f"amqps://guest:guest@{host}:{self.more_ports[2]}/"

    @contextlib.contextmanager
    def frozen(self):
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    @contextlib.contextmanager
    def out_of_memory(self):
        self.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.00001).")
        try:
            yield
        finally:
            self.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4).")


def the_broker():
    """One broker for all tests: its start is the slowest part of them. Each test has queues of its own, which it deletes, and
    leaves the broker as it was; after one that failed in the middle it may be dead."""
    if not _broker or not _broker[0].answers(b"AMQP\0\0\x09\1"):
        while _broker:
            _broker.pop().close()
        _broker.append(Broker())
    return _broker[0]


class Rig:
    """A farm of noop nodes at a broker, with a queue, an exchange and a consumer of the test's own."""

    def __init__(self, name, nodes=("n1",), start=True, **settings):
        self.broker = the_broker()
        self.queue, self.exchange, self.results = f"in-{name}", f"ex-{name}", f"out-{name}"
        self.wait_channel()
        settings = {"AMQP_CONNECTION_STRING": self.broker.url, "ANALYZER_QUEUE_NAME": self.queue, "ANALYZER_EXCHANGE_NAME": self.exchange,
                    "ANALYZER_AMQP_HEARTBEAT": str(HEARTBEAT_S), "ANALYZER_TEST_FAULT": "noop", **settings}
        self.farm = Farm(**{k: str(v) for k, v in settings.items()})
        self.got = collections.defaultdict(list)
        self.deaths = []
        if start:
            self.farm.start(list(nodes))
            self.wait_up()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.farm.__exit__()
        try:
            if not self.channel.is_open:
                self.wait_channel()
            for queue in (self.queue, self.queue + ".dead", self.results):
                self.channel.queue_delete(queue)
            for exchange in (self.exchange, self.queue + ".dead"):
                self.channel.exchange_delete(exchange)
            self.connection.close()
        except LOST:
            pass

    def open_channel(self):
        try:
            self.connection = self.broker.connect()
            self.channel = self.connection.channel()
            self.channel.confirm_delivery()
        except LOST:
            return None
        return self.channel

    def wait_channel(self):
        return until(self.open_channel, PATIENCE_S, "a connection to the broker")

    def amqp(self):
        return self.farm.get("/v1/status")["amqp"]

    def wait_state(self, state, side=None):
        sides = [side] if side else ["in", "out"]
        wait_for(lambda: all(self.amqp()[s]["state"] == state for s in sides), f"{sides} {state}: {self.amqp()}", PATIENCE_S)

    def wait_up(self):
        self.wait_state("up")

    def bind(self):
        self.channel.queue_declare(self.results, durable=True)
        self.channel.queue_bind(self.results, self.exchange, "analyzer.result")

    def publish(self, message, message_id=None, **properties):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        properties = pika.BasicProperties(message_id=message_id, **{"delivery_mode": 2, **properties})
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.channel.basic_publish("", self.queue, body, properties, mandatory=True)
            except LOST as error:  # a quorum queue refuses for a moment after a restart
                expect(time.monotonic() < deadline, f"the broker does not take the message: {error!r}")
                self.wait_channel()

    def jobs(self, first, count, **more):
        for n in range(first, first + count):
            self.publish({"message_id": f"m{n}", "file_path": f"/music/{n}.mp3", **more})

    def collect(self, done, queue=None):
        """Takes output messages until done(self) holds; each (message_id) with its bodies."""
        deadline = time.monotonic() + PATIENCE_S
        while not done(self):
            expect(time.monotonic() < deadline, f"only {len(self.got)} output messages: {self.amqp()}")
            try:
                for method, properties, body in self.channel.consume(queue or self.results, inactivity_timeout=0.2):
                    if method is None or done(self):
                        break
                    self.got[properties.message_id].append((body, properties))
                    self.channel.basic_ack(method.delivery_tag)
                self.channel.cancel()
            except LOST:
                self.wait_channel()
        return self.got

    def collect_count(self, count):
        return self.collect(lambda rig: len(rig.got) >= count)

    def dead(self):
        """The messages in the dead-letter queue: (body, headers)."""
        return [(body, properties.headers) for body, properties in self.take(self.queue + ".dead")]

    def take(self, queue):
        """All messages of a queue: (body, properties)."""
        found = []
        while True:
            method, properties, body = self.channel.basic_get(queue, auto_ack=True)
            if method is None:
                return found
            found.append((body, properties))

    def wait_one(self, queue):
        """The next message of a queue: (body, properties)."""
        method, properties, body = until(lambda: (got := self.channel.basic_get(queue, auto_ack=True))[0] and got, PATIENCE_S,
                                         f"a message in {queue}")
        return body, properties

    def held(self):
        """Messages in the input queue, with those that a consumer has, of a lost connection too: a broker that was frozen keeps
        them until it misses a heartbeat, and then delivers them again."""
        return int(self.broker.evaluate(f"""
            {{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{self.queue}">>)),
            case amqqueue:get_type(Q) of
                rabbit_quorum_queue ->
                    {{ok, {{_, N}}, _}} = ra:leader_query(amqqueue:get_pid(Q), fun rabbit_fifo:query_messages_total/1), N;
                rabbit_classic_queue -> [{{messages, N}}] = rabbit_amqqueue:info(Q, [messages]), N
            end."""))

    def settled(self):
        """Nothing is left to deliver or settle."""
        amqp = self.amqp()
        return self.held() == 0 and amqp["in_flight"] == 0 and amqp["unsettled"] == 0

    def check_clean(self, jobs):
        """Each job exactly one outcome, each output message always the same bytes, an audit without findings, an end in time."""
        for message_id, messages in self.got.items():
            expect(len({body for body, _ in messages}) == 1, f"{message_id} came with different bytes")
        wait_for(self.settled, "the end of all traffic")
        queue = self.farm.get("/v1/queue")
        expect(queue["done"] + queue["failed"] == jobs, f"{jobs} jobs, but {queue}")
        began = time.monotonic()
        expect(self.farm.coordinator.stop() == 0, "the coordinator ends well")
        expect(time.monotonic() - began < END_S, "in time")
        status, text = self.farm.audit()
        expect(status == 0, text)
        expect(self.held() == 0, f"{self.held()} messages are left in the input queue")
