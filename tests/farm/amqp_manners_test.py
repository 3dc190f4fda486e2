#!/usr/bin/python3
"""Manners of AMQP against a real broker: ids, properties, replies, dead letters, rights, full queues, streams, several hosts."""
import decimal
import json
import os
import pathlib
import re
import sqlite3
import struct
import sys
import time
import urllib.request

import pika.data

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), os.path.dirname(os.path.abspath(__file__))]

from amqp_rig import Rig, the_broker  # noqa: E402
from farm import Farm, wait_for  # noqa: E402
from harness import expect, main, test  # noqa: E402
from servers import free_ports  # noqa: E402


@test
def json_that_nobody_reads_refuses_no_message(folder):
    del folder
    odd = [b"18446744073709551615", b"123456789012345678901234567890", b"1e400", b'"\\u0000"', b'"\\ud800"', b'"\xff latin"', b"NaN",
           b'{"a": 1, "a": 2}', b"[" * 500 + b"]" * 500]
    with Rig("lenient") as rig:
        rig.bind()
        for n, value in enumerate(odd):
            rig.publish(b'{"message_id": "odd-%d", "file_path": "/x.mp3", "metadata": {"x": %s}, "more": %s}' % (n, value, value))
        rig.publish(b'\xef\xbb\xbf{"message_id": "mark", "file_path": "/x.mp3"}')
        rig.publish(b'{"message_id": "called", "file_path": "/x.mp3", "more": 1e400}', correlation_id="c-1")
        rig.collect_count(len(odd) + 2)
        expect(all(json.loads(got[0][0])["success"] for got in rig.got.values()), "all are jobs")
        headers = {name: got[0][1].headers.get("x-kithara-warning") for name, got in rig.got.items()}
        expect(headers["mark"] is None and headers["called"] == "no valid JSON: more (carried as text)", headers)
        expect(headers["odd-0"] == "no valid JSON: metadata.x (carried as text), more (carried as text)", headers)
        expect(rig.got["called"][0][1].correlation_id == "c-1", "beside the warning")
        expect(rig.take(rig.queue + ".dead") == [], "no dead letter")
        rig.publish(b'{"message_id": "broken", "file_path": ')
        rig.publish(b'{"message_id": "read", "file_path": "/\\ud800"}')
        rig.publish(b'{"message_id": "twice", "file_path": "/x", "file_path": "/y"}')
        rig.publish(b"nothing at all", correlation_id="c-9")
        rig.collect_count(len(odd) + 6)
        for name in ("broken", "read", "twice"):
            expect(json.loads(rig.got[name][0][0])["error"]["code"] == "EMESSAGE", name)
        expect(any(p.correlation_id == "c-9" for got in rig.got.values() for _, p in got), "an answer by another name")


@test
def a_dead_letter_is_the_original_with_all_its_properties(folder):
    del folder
    with Rig("dead") as rig:
        rig.bind()
        big = b'{"message_id": "big", "file_path": "/x", "padding": "' + b"x" * (5 << 20) + b'"}'
        rig.publish(big, message_id="p-1", correlation_id="c-1", reply_to="nobody", content_type="text/plain", content_encoding="x-none",
                    priority=3, type="t", app_id="producer", timestamp=1700000000, expiration="3600000", user_id="guest",
                    headers={"a": 1, "text": "ä", "list": [1, "b"], "table": {"c": True}, "x-kithara-error": "older"})
        rig.publish(b"\x00\xff", headers={}, delivery_mode=1)
        wait_for(lambda: rig.amqp()["rejected"] == 2 and rig.amqp()["in_flight"] == 0, "both are out")
        letters = [rig.wait_one(rig.queue + ".dead") for _ in range(2)]
        body, p = next(letter for letter in letters if letter[1].message_id)
        expect(body == big, f"whole: {len(body)}")
        for name, value in {"message_id": "p-1", "correlation_id": "c-1", "reply_to": "nobody", "content_type": "text/plain",
                            "content_encoding": "x-none", "priority": 3, "type": "t", "app_id": "producer", "timestamp": 1700000000}.items():
            expect(getattr(p, name) == value, f"{name}: {getattr(p, name)}")
        h = p.headers
        expect(h["a"] == 1 and h["text"] == "ä" and h["list"] == [1, "b"] and h["table"] == {"c": True}, h)
        expect(h["x-kithara-error"] == "EMESSAGE" and "bytes" in h["x-kithara-reason"], h)
        expect(p.expiration is None and h["x-kithara-expiration"] == "3600000", "it does not expire as a dead letter")
        expect(p.user_id is None and h["x-kithara-user-id"] == "guest", "the broker refuses the name of another user")
        body, p = next(letter for letter in letters if not letter[1].message_id)
        expect(body == b"\x00\xff" and p.content_type is None and p.delivery_mode == 2, p)


def message_of(size, message_id):
    head, tail = b'{"message_id": "%s", "file_path": "/x", "padding": "' % message_id.encode(), b'"}'
    return head + b"x" * (size - len(head) - len(tail)) + tail


@test
def bodies_of_any_size_are_answered_within_bounded_memory(folder):
    """RabbitMQ 3.10 takes messages of up to 128 MiB, more if it is told so. 2 * 84 MiB are more than is kept at once."""
    del folder
    limit, whole = 256 << 10, 128 << 20
    sizes = {"job": limit, "long": limit + 1, "large-1": 84 << 20, "large-2": 84 << 20, "cut": whole + 1}
    most = the_broker().evaluate("application:get_env(rabbit, max_message_size, 134217728).")
    the_broker().evaluate("application:set_env(rabbit, max_message_size, 536870912).")
    try:
        with Rig("sizes", start=False, ANALYZER_AMQP_HEARTBEAT=30) as rig:
            declare_all(rig, "classic")
            for name, size in sizes.items():
                rig.publish(message_of(size, name), correlation_id=name, delivery_mode=1)
            rig.farm.start(["n1"])
            letters = {p.correlation_id: (body, p.headers) for body, p in (rig.wait_one(rig.queue + ".dead") for _ in range(4))}
            expect(set(letters) == set(sizes) - {"job"}, sorted(letters))
            for name, (body, headers) in letters.items():
                size = limit if name == "cut" else sizes[name]
                expect(len(body) == size and message_of(sizes[name], name).startswith(body), f"{name}: {len(body)}")
                expect(headers["x-kithara-error"] == "EMESSAGE" and str(sizes[name]) in headers["x-kithara-reason"], headers)
                expect(("cut off" in headers["x-kithara-reason"]) == (name == "cut"), headers)
            rig.collect_count(len(sizes))
            for name, got in rig.got.items():
                expect(json.loads(got[0][0])["success"] == (name == "job") and got[0][1].correlation_id == name, name)
            with open(f"/proc/{rig.farm.coordinator.process.pid}/status") as status:
                peak, = re.findall(r"VmHWM:\s+(\d+) kB", status.read())
            expect(int(peak) < 640 << 10, f"{peak} KiB are more than four times what is kept")
            expect(rig.amqp()["in"]["losses"] == 0, f"the connection stays: {rig.amqp()}")
            rig.check_clean(1)
    finally:
        the_broker().evaluate(f"application:set_env(rabbit, max_message_size, {most}).")


@test
def the_property_message_id_counts_and_an_answer_has_its_properties(folder):
    del folder
    with Rig("ids") as rig:
        rig.bind()
        rig.publish({"file_path": "/same.mp3"}, message_id="one", correlation_id="call-1", timestamp=int(time.time()) - 60)
        rig.publish({"file_path": "/same.mp3"}, message_id="two")
        rig.publish({"file_path": "/same.mp3"}, message_id="two")
        rig.publish({"file_path": "/same.mp3", "message_id": "body"}, message_id="property")
        rig.publish({"file_path": "/same.mp3"}, message_id="l" * 200)
        rig.collect_count(4)
        expect(set(rig.got) == {"one", "two", "body", "l" * 127}, sorted(rig.got))
        expect(json.loads(rig.got["l" * 127][0][0])["success"] is False, "an id that is too long is refused, and answered")
        body, p = rig.got["one"][0]
        out = json.loads(body)
        expect(p.correlation_id == "call-1" and p.type == "kithara.result" and p.app_id == "kithara", p)
        expect(abs(p.timestamp - time.time()) < 600, p.timestamp)
        expect(p.headers["x-kithara-analysis-version"] == out["analysis_version"] and p.headers["success"] is True, p.headers)
        expect(rig.got["two"][0][1].correlation_id is None, "none came")
        wait_for(lambda: rig.amqp()["known"] == 1, "the repeated one")
        status = rig.amqp()
        expect(59 < status["time_in_queue_s"] < 600, status)
        metrics = urllib.request.urlopen(rig.farm.http + "/metrics", timeout=60).read().decode()
        expect("kithara_amqp_time_in_queue_seconds_count 1\n" in metrics, "one had a timestamp")
        buckets = dict(re.findall(r'kithara_amqp_time_in_queue_seconds_bucket{le="([^"]+)"} (\d+)', metrics))
        expect(buckets["30"] == "0" and buckets["3600"] == buckets["+Inf"] == "1", f"a minute lies between: {buckets}")


@test
def an_answer_goes_to_the_exchange_and_to_the_queue_that_the_sender_names(folder):
    del folder
    with Rig("reply") as rig:
        rig.bind()
        mine = rig.channel.queue_declare("", exclusive=True).method.queue
        rig.publish({"message_id": "a", "file_path": "/a.mp3"}, reply_to=mine, correlation_id="1")
        rig.publish({"message_id": "b", "file_path": 5}, reply_to=mine, correlation_id="2")
        rig.publish({"message_id": "c", "file_path": "/c.mp3"}, reply_to="gone")
        rig.publish({"message_id": "d", "file_path": "/d.mp3"}, reply_to=rig.queue)
        rig.collect_count(4)
        replies = {p.correlation_id: json.loads(body) for body, p in (rig.wait_one(mine), rig.wait_one(mine))}
        expect(replies["1"]["success"] and replies["2"]["success"] is False, replies)
        expect(json.loads(rig.got["a"][0][0]) == replies["1"], "the same")
        wait_for(rig.settled, "nothing goes round")
        expect(rig.amqp()["delivered"] == 4, rig.amqp())

        rig.publish({"message_id": "a", "file_path": "/a.mp3"}, reply_to=mine, correlation_id="3")
        wait_for(lambda: rig.amqp()["known"] == 1, "known")
        rig.publish({"message_id": "a", "file_path": "/a.mp3"}, reply_to=mine, correlation_id="4", headers={"x-kithara-replay": True})
        body, p = rig.wait_one(mine)
        expect(p.correlation_id == "4" and json.loads(body) == replies["1"], "its stored answer, only where it is asked for")
        rig.publish({"message_id": "new", "file_path": "/n.mp3"}, reply_to=mine, headers={"x-kithara-replay": "true"})
        expect(json.loads(rig.wait_one(mine)[0])["message_id"] == "new", "a new one is a job")
        wait_for(lambda: rig.amqp()["replayed"] == 1 and rig.settled(), "one")
        status, text = rig.farm.audit()
        expect(status == 0, text)


class Encoded(bytes):
    """A table as it goes over the wire: pika encodes no table that is nested this deeply."""


def nested_tables(depth, kind):
    """A table whose only member is a table (F) or list (A) in which is the next one, and so on."""
    value = struct.pack(">I", 0)
    for _ in range(depth):
        inner = b"\1a" + b"F" + value if kind == b"F" else b"A" + value
        value = struct.pack(">I", len(inner)) + inner
    return Encoded(value if kind == b"F" else struct.pack(">I", len(value) + 3) + b"\1aA" + value)


def encode_table(pieces, table, encode=pika.data.encode_table):
    if not isinstance(table, Encoded):
        return encode(pieces, table)
    pieces.append(bytes(table))
    return len(table)


@test
def properties_of_odd_types_and_depths_harm_no_message(folder):
    del folder
    pika.data.encode_table = encode_table
    odd = [{"correlation_id": "\0\x1b]0;x\7\n", "content_type": "\x1b", "app_id": "\0", "type": "t" * 255},
           {"headers": {"n": None, "b": b"\0\xff", "d": decimal.Decimal("1.5"), "l": [[1, [2]], {"x": [None]}], "\x1b[31m\n": 1, "": 2,
                        "timestamp_in_ms": "soon", "x-kithara-replay": {"a": 1}, "x-kithara-error": [1], "x-kithara-row": "x"}},
           {"headers": {f"k{n}": n for n in range(6000)}}, {"headers": {"x" * 200: "y" * 60000}},
           {"headers": nested_tables(17000, b"F")}, {"headers": nested_tables(25000, b"A")},
           {"content_encoding": "gzip", "timestamp": (1 << 63) - 1, "priority": 255},
           *({"reply_to": name} for name in ("amq.direct", "amq.rabbitmq.reply-to.forged", "x" * 255, "\0\x1b"))]
    with Rig("odd") as rig:
        rig.bind()
        rig.publish({"file_path": "/id.mp3"}, message_id="c\0\x1b[31m\u202e\n")
        for n, properties in enumerate(odd):
            rig.publish({"file_path": f"/{n}.mp3"}, message_id=f"odd-{n}", **properties)
        rig.collect_count(len(odd) + 1)
        answers = {name: json.loads(got[0][0])["success"] for name, got in rig.got.items()}
        expect(all(answers[f"odd-{n}"] for n in range(len(odd))) and not all(answers.values()), answers)
        wait_for(rig.settled, "nothing goes round")
        (_, letter), = rig.take(rig.queue + ".dead")
        expect(letter.headers["x-kithara-error"] == "EMESSAGE", letter)
        text = rig.farm.coordinator.text()
        expect(all(" " <= c <= "~" or c == "\n" or c > "\xa0" and c != "\u202e" for c in text), "no raw control characters in the log")


@test
def a_stream_is_refused_and_named_in_the_status(folder):
    del folder
    with Rig("stream", start=False) as rig:
        rig.channel.queue_declare(rig.queue, durable=True, arguments={"x-queue-type": "stream"})
        rig.farm.start(["n1"])
        wait_for(lambda: "stream" in (rig.amqp()["in"]["error"] or ""), "the refusal")
        expect("stream" in rig.amqp()["trouble"] and rig.queue in rig.amqp()["trouble"], rig.amqp())
        rig.wait_state("up", "out")


def make_user(rig, name, configure, write, read):
    rig.broker.evaluate(f'rabbit_auth_backend_internal:add_user(<<"{name}">>, <<"pw">>, <<"test">>).')
    rig.broker.evaluate(f'rabbit_auth_backend_internal:set_permissions(<<"{name}">>, <<"/">>, <<"{configure}">>, <<"{write}">>, <<"{read}">>,'
                        ' <<"test">>).')
    return f"amqp://{name}:pw@127.0.0.1:{rig.broker.port}/"


def declare_all(rig, kind="quorum"):
    rig.channel.exchange_declare(rig.queue + ".dead", "fanout", durable=True)
    rig.channel.queue_declare(rig.queue + ".dead", durable=True, arguments={"x-queue-type": kind})
    rig.channel.queue_bind(rig.queue + ".dead", rig.queue + ".dead")
    rig.channel.queue_declare(rig.queue, durable=True, arguments={"x-queue-type": kind})
    rig.channel.exchange_declare(rig.exchange, "topic", durable=True)
    rig.bind()


@test
def read_on_the_queue_and_write_on_the_exchange_are_enough(folder):
    del folder
    with Rig("least", start=False) as rig:
        declare_all(rig)
        rig.farm.settings["AMQP_CONNECTION_STRING"] = make_user(rig, "least", "^$", "^ex-least$", "^in-least$")
        rig.farm.start(["n1"])
        rig.wait_up()
        mine = rig.channel.queue_declare("", exclusive=True).method.queue
        rig.publish({"message_id": "bad", "file_path": 5})
        rig.jobs(0, 20)
        rig.publish({"message_id": "reply", "file_path": "/x"}, reply_to=mine)
        rig.collect_count(22)
        wait_for(lambda: "dead letters wait" in (rig.amqp()["trouble"] or ""), f"what has no right waits: {rig.amqp()}")
        rig.broker.evaluate('rabbit_auth_backend_internal:set_permissions(<<"least">>, <<"/">>, <<"^$">>, <<"^(ex-least|in-least.dead)$">>,'
                            ' <<"^in-least$">>, <<"test">>).')
        rig.farm.coordinator.kill()  # the broker caches rights with the channel, and the refusal is remembered for a minute
        rig.farm.start_coordinator()
        rig.wait_up()
        body, properties = rig.wait_one(rig.queue + ".dead")
        expect(json.loads(body)["message_id"] == "bad" and properties.headers["x-kithara-error"] == "EMESSAGE", properties)


@test
def results_go_on_while_the_queue_of_dead_letters_cannot_be_declared(folder):
    del folder
    with Rig("nodead", start=False) as rig:
        rig.channel.queue_declare(rig.queue + ".dead", durable=True, arguments={"x-queue-type": "stream"})
        rig.channel.exchange_declare(rig.exchange, "topic", durable=True)
        rig.bind()
        rig.farm.start(["n1"])
        rig.wait_up()
        rig.publish({"message_id": "bad", "file_path": 5})
        rig.jobs(0, 20)
        rig.collect_count(21)
        wait_for(lambda: "dead letters wait" in (rig.amqp()["trouble"] or ""), f"the dead letter: {rig.amqp()}")
        rig.channel.queue_delete(rig.queue + ".dead")
        rig.farm.coordinator.kill()
        rig.farm.start_coordinator()
        rig.wait_up()
        expect(json.loads(rig.wait_one(rig.queue + ".dead")[0])["message_id"] == "bad", "the dead letter follows")


@test
def nothing_declared_and_no_right_to_declare_is_named(folder):
    del folder
    with Rig("none", start=False) as rig:
        rig.farm.settings["AMQP_CONNECTION_STRING"] = make_user(rig, "none", "^$", "^ex-none$", "^in-none$")
        rig.farm.start(["n1"])
        wait_for(lambda: rig.amqp()["in"]["error"] and rig.amqp()["out"]["error"], "the refusal")
        expect("in-none" in rig.amqp()["in"]["error"] and "ex-none" in rig.amqp()["out"]["error"], rig.amqp())


@test
def a_bound_queue_that_is_full_is_called_full(folder):
    del folder
    with Rig("full") as rig:
        rig.channel.queue_declare(rig.results, durable=True, arguments={"x-max-length": 5, "x-overflow": "reject-publish"})
        rig.channel.queue_bind(rig.results, rig.exchange, "analyzer.result")
        rig.jobs(0, 50)
        rig.farm.wait_finished(50)
        wait_for(lambda: rig.amqp()["refused"] > 0 and rig.amqp()["trouble"], "refused")
        expect("full" in rig.amqp()["trouble"] and "no queue" not in rig.amqp()["trouble"], rig.amqp())
        expect("how=refused" in rig.farm.coordinator.text(), "logged")
        rig.collect_count(50)
        wait_for(lambda: rig.amqp()["trouble"] is None, "the way is open")


@test
def a_damaged_result_is_left_out_counted_and_named(folder):
    """Results that wait for a binding, one of which is changed by hand meanwhile."""
    del folder
    with Rig("damaged") as rig:
        rig.jobs(0, 3)
        rig.farm.wait_finished(3)
        expect(rig.farm.coordinator.stop() == 0, "the coordinator ends well")
        with sqlite3.connect(rig.farm.path("ledger.sqlite")) as ledger:
            ledger.execute("UPDATE results SET document = '{broken' WHERE job = 2")
        ledger.close()
        rig.farm.start_coordinator()
        rig.wait_up()
        rig.bind()
        rig.collect_count(2)
        expect(set(rig.got) == {"m0", "m2"}, sorted(rig.got))
        wait_for(lambda: rig.amqp()["damaged"] == 1, "it is counted")
        named = [line for line in rig.farm.coordinator.text().splitlines() if "LEDGER-DAMAGED" in line]
        expect(len(named) == 1 and "job=2 " in named[0] and '"m1"' in named[0], named)
        metrics = urllib.request.urlopen(rig.farm.http + "/metrics", timeout=60).read().decode()
        expect('kithara_amqp_published_total{outcome="damaged"} 1\n' in metrics, "a metric")
        rig.farm.post("/v1/jobs/2/retry?force=1")
        rig.collect_count(3)
        expect(json.loads(rig.got["m1"][0][0])["success"], "done again it is published")


@test
def the_next_host_is_used_when_one_is_gone(folder):
    del folder
    broker = the_broker()
    dead, = free_ports(1)
    hosts = f"127.0.0.1:{dead},127.0.0.1:{broker.port}"
    with Rig("hosts", AMQP_CONNECTION_STRING=f"amqp://guest:guest@{hosts}/?heartbeat=3&connection_attempts=5") as rig:
        rig.bind()
        rig.jobs(0, 10)
        rig.collect_count(10)
        text = rig.farm.coordinator.text()
        expect(f"port={broker.port}" in text and "connection_attempts" in text, text)
        expect(re.search(rf"AMQP-DOWN .*host=127.0.0.1 port={dead} ", text), f"the lost host is not named: {text}")
        expect("timeout,3}" in rig.broker.evaluate("rabbit_networking:connection_info_all([timeout]).").replace(" ", ""), "its heartbeat")
    with Rig("name", start=False, AMQP_CONNECTION_STRING="amqp://guest:guest@no-such-host.invalid/") as rig:
        rig.farm.start_coordinator()
        wait_for(lambda: "resolve" in (rig.amqp()["in"]["error"] or ""), f"the name: {rig.amqp()}")


@test
def the_wrong_part_of_an_address_is_named(folder):
    del folder
    for address, part in [("amqp://u:s3cret@h:99999/", "port"), ("http://u:s3cret@h/", "amqp://"), ("amqp://u:s3cret@/", "host"),
                          ("amqp://u:s3cret@h/?heartbeat=no", "heartbeat")]:
        with Farm(AMQP_CONNECTION_STRING=address) as farm:
            process = farm.start_coordinator(wait=False)
            expect(process.process.wait(60) != 0, "no start")
            expect(part in process.text() and "s3cret" not in process.text(), process.text())


if __name__ == "__main__":
    main()
