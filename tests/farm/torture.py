"""Torture: two coordinators, three nodes, RabbitMQ and PostgreSQL under load while all of them are killed, frozen and
partitioned at random; then everything is healed, and each message must have exactly one stored outcome, at least one
output message, all its output messages the same bytes, and `kithara audit` must find nothing.

    torture.py [--runs N] [--seed S] [--messages N]      ops/test --torture N

What happens is drawn from the seed; when it happens to the processes is up to them."""
import argparse
import collections
import json
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import pika  # noqa: E402

from cluster import Cluster, wait_for  # noqa: E402

QUEUE, EXCHANGE = "analyzer_queue", "apollonia"
FAULTS_A_RUN = (3, 7)
OUTCOMES_S = 120  # after the healing


class Collector:
    """The clients of the broker: publish input messages with confirms and consume output messages, despite all failures
    of the broker."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.seen = collections.defaultdict(set)  # message_id -> distinct bodies
        self.copies = collections.Counter()
        self.connection = None

    def channel(self):
        if self.connection is None or self.connection.is_closed:
            self.connection = self.cluster.broker.connect()
            channel = self.connection.channel()
            channel.confirm_delivery()
            channel.queue_declare("torture-results", durable=True, arguments={"x-queue-type": "quorum"})
            channel.exchange_declare(EXCHANGE, "topic", durable=True)
            channel.queue_bind("torture-results", EXCHANGE, "#")
            self.open = channel
        return self.open

    def again(self, action):
        """Repeats until the broker confirms; after a lost confirm the message is published twice, which must be harmless."""
        until = time.monotonic() + OUTCOMES_S
        while True:
            try:
                return action(self.channel())
            except (pika.exceptions.AMQPError, OSError) as error:
                self.connection = None
                if time.monotonic() > until:
                    raise AssertionError(f"the broker does not answer: {error}") from error
                time.sleep(0.2)  # the poll's step; the deadline decides

    def publish(self, messages):
        properties = pika.BasicProperties(delivery_mode=2)
        for message in messages:
            body = json.dumps(message).encode()
            self.again(lambda channel: channel.basic_publish("", QUEUE, body, properties))

    def collect(self):
        """Consumes the waiting messages."""
        def take(channel):
            while True:
                method, _, body = channel.basic_get("torture-results")
                if method is None:
                    return
                self.note(body)
                channel.basic_ack(method.delivery_tag)
        self.again(take)

    def note(self, body):
        message_id = json.loads(body)["message_id"]
        self.seen[message_id].add(body)
        self.copies[message_id] += 1


class Torturer:
    def __init__(self, cluster, draw):
        self.cluster, self.draw = cluster, draw
        self.done = collections.Counter()

    def programs(self):
        return [("coordinator", p) for p in self.cluster.coordinators] + [("node", p) for p in self.cluster.nodes]

    def servers(self):
        return [("broker", self.cluster.broker), ("database", self.cluster.database)]

    def strike(self):
        """One fault; what repairs it, and when (seconds from now)."""
        kind = self.draw.choice(["kill", "kill", "freeze", "partition"])
        if kind == "partition":
            return self.partition()
        name, target = self.draw.choice(self.programs() + self.servers())
        self.done[f"{kind} {name}"] += 1
        if kind == "kill":
            target.kill()
            return self.draw.uniform(0, 2), lambda: self.start_again(target)
        target.freeze()
        return self.draw.uniform(0.5, 6), target.thaw

    @staticmethod
    def start_again(target):
        if target.process.poll() is not None:
            target.start()

    def partition(self):
        name, proxy = self.draw.choice(sorted(self.cluster.proxies.items()))
        how = self.draw.choice(["cut", "hold", "hold up", "hold down"])
        self.done[f"partition {name.split('-')[0]} {how}"] += 1
        if how == "cut":
            proxy.cut()
        else:
            proxy.hold(up=how != "hold down", down=how != "hold up")
        return self.draw.uniform(0.5, 6), proxy.release

    def torture(self, faults):
        """Faults one after another, some overlapping, each repaired in its time."""
        repairs = []
        next_at = time.monotonic() + self.draw.uniform(0, 0.5)
        while faults or repairs:
            now = time.monotonic()
            if faults and now >= next_at:
                delay, repair = self.strike()
                repairs.append((now + delay, repair))
                faults -= 1
                next_at = now + self.draw.uniform(0.1, 1.5)
            for entry in [r for r in repairs if r[0] <= now]:
                repairs.remove(entry)
                entry[1]()
            time.sleep(0.02)  # the step of the schedule
        self.cluster.heal()


def messages(run, count, draw):
    made = [{"message_id": f"run{run}-{n}", "file_path": f"/music/{run}/{n}.mp3", "media_id": f"m{n}",
             "priority": draw.choice(["low", "normal", "high"])} for n in range(count)]
    return made + draw.sample(made, count // 20)  # some come twice


def one_run(cluster, collector, run, draw, count, totals):
    wanted = {f"run{run}-{n}" for n in range(count)}
    torturer = Torturer(cluster, draw)
    batch = messages(run, count, draw)
    half = len(batch) // 2
    collector.publish(batch[:half])
    torturer.torture(draw.randint(*FAULTS_A_RUN))
    collector.publish(batch[half:])

    def all_out():
        collector.collect()
        return wanted <= collector.seen.keys()
    try:
        wait_for(all_out, "an output message of each job", OUTCOMES_S)
    except AssertionError as error:
        lost = sorted(wanted - collector.seen.keys())
        raise AssertionError(f"{error}: {len(lost)} missing, {lost[:3]}") from error
    finally:
        totals.update(torturer.done)
    differing = [m for m in wanted if len(collector.seen[m]) != 1]
    if differing:
        raise AssertionError(f"output messages of one job that differ: {differing[:3]}")
    rows = cluster.database.sql("SELECT message_id, count(*) FROM inputs JOIN results USING (job) "
                                "WHERE message_id LIKE %s GROUP BY message_id", f"run{run}-%")
    if {m for m, _ in rows} != wanted or any(n != 1 for _, n in rows):
        raise AssertionError(f"{len(rows)} jobs with outcomes of {len(wanted)}, doubled: {[m for m, n in rows if n != 1][:3]}")
    audit(cluster)
    for message_id in wanted:
        del collector.seen[message_id]


def audit(cluster):
    """What is still being confirmed may wait; anything else that the audit finds is a failure."""
    result = cluster.kithara("audit", check=False)
    if result.returncode:
        raise AssertionError(f"audit: {result.stdout}{result.stderr}")


def settle(cluster, collector):
    """Queues and bindings are there and on disk. RabbitMQ writes definitions a moment after it has confirmed them, and
    one that is killed within that moment loses a queue with all that was confirmed in it, which the farm cannot repair."""
    wait_for(lambda: "analyzer_queue\t" in cluster.broker.control("-q", "list_queues", "name", "type"), "the queue", 60)
    collector.channel()
    cluster.broker.restart()


def explain(cluster):
    for what in ("state, count(*) FROM jobs GROUP BY 1", "kind, confirmed_ms > 0, count(*) FROM outbox GROUP BY 1, 2"):
        print(f"--- {what}:", cluster.database.sql(f"SELECT {what}"))
    print("--- queues:", cluster.broker.control("-q", "list_queues", "name", "type", "messages").split("\n"))
    for program in [*cluster.coordinators, *cluster.nodes]:
        print(f"--- {program.name} ({'alive' if program.alive() else 'dead'})", *program.text().splitlines()[-25:], sep="\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages", type=int, default=300)
    options = parser.parse_args()
    totals, passed = collections.Counter(), 0
    with Cluster(proxied=True, ANALYZER_TEST_FAULT="noop", ANALYZER_WORKERS=2, ANALYZER_AMQP_HEARTBEAT=2) as cluster:
        collector = Collector(cluster)
        settle(cluster, collector)
        for run in range(options.runs):
            began = time.monotonic()
            try:
                one_run(cluster, collector, run, random.Random(f"{options.seed}.{run}"), options.messages, totals)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                explain(cluster)
                print(f"FAILED  torture run {run} of seed {options.seed}: {error}", flush=True)
                break
            passed += 1
            print(f"ok      torture run {run} ({time.monotonic() - began:.1f} s)", flush=True)
        doubled = sum(n - 1 for n in collector.copies.values())
        print(f"faults: {', '.join(f'{n} {what}' for what, n in sorted(totals.items()))}")
        print(f"{sum(collector.copies.values())} output messages, {doubled} of them repeated with the same bytes")
    failed = int(passed < options.runs)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed)


if __name__ == "__main__":
    main()
