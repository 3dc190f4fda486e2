#!/usr/bin/python3
"""AMQP against a real broker: input messages become output messages despite failures of broker, queue, exchange or coordinator."""
import collections
import json
import os
import pathlib
import subprocess
import sys
import time
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "python"), os.path.dirname(os.path.abspath(__file__))]

from amqp_rig import END_S, HEARTBEAT_S, PATIENCE_S, Rig, the_broker  # noqa: E402
from farm import Farm, wait_for  # noqa: E402
from harness import examples, expect, kithara, main, test  # noqa: E402
from kithara import amqp as package_amqp  # noqa: E402

def tone(path, seconds=3):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(22050)
        out.writeframes(b"".join(((i * 257) % 4096 - 2048).to_bytes(2, "little", signed=True) for i in range(22050 * seconds)))


@test
def the_specification_s_message_comes_out_as_an_output_message(folder):
    tone(folder / "song.wav")
    message = {
        "message_id": "uuid", "file_path": str(folder / "song.wav"), "media_id": "media_uuid", "file_format": "mp3", "file_size": 8394752,
        "metadata": {"title": "Song Title", "artist": "Artist Name", "duration": 240.5},
        "analysis_options": {"extract_spectral": True, "extract_mir": True, "extract_perceptual": True, "similarity_analysis": True,
                             "quality_assessment": True},
        "priority": "normal", "timestamp": "2024-01-01T12:00:00Z"}
    with Rig("example", ANALYZER_TEST_FAULT="", ANALYZER_MEDIA_ROOTS=folder) as rig:
        rig.bind()
        rig.publish(message)
        (body, properties), = rig.collect_count(1)["uuid"]
        out = json.loads(body)
        expect(out["message_id"] == "uuid" and out["media_id"] == "media_uuid" and out["success"] is True, out)
        expect(out["analysis_version"] == "1.1.0" and out["processing_time"] > 0 and out["timestamp"].endswith("Z"), out)
        expect(set(out["features"]) >= {"spectral", "mir", "perceptual", "technical"}, out["features"].keys())
        expect(out["features"]["spectral"]["spectral_centroid"] > 0, out["features"]["spectral"])
        expect({"quality_metrics", "similarity_vectors", "model_versions"} <= set(out), out.keys())
        expect(properties.content_type == "application/json" and properties.delivery_mode == 2, properties)
        expect(properties.headers["success"] is True, properties.headers)
        rig.check_clean(1)


@test
def the_example_of_the_page_and_the_functions_of_the_package_send_and_receive(folder):
    tone(folder / "song.wav")
    code, = examples("integrate.md", "python", "AMQP messages from Python")
    with Rig("page", ANALYZER_TEST_FAULT="", ANALYZER_MEDIA_ROOTS=folder, ANALYZER_QUEUE_NAME="analyzer_queue",
             ANALYZER_EXCHANGE_NAME="apollonia") as rig:
        rig.queue, rig.exchange, rig.results = "analyzer_queue", "apollonia", "answers"  # deleted at the end
        for old, new in (("amqps://user:PASSWORD@broker/", rig.broker.url), ("/data/music/song.mp3", str(folder / "song.wav"))):
            expect(old in code, code)
            code = code.replace(old, new)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S)
        expect(done.stdout == "song-1 True\n", done.stdout + done.stderr)

        files = [{"file_path": str(folder / "song.wav")}, {"message_id": "song-3", "file_path": str(folder / "none.wav")}]
        ids = package_amqp.submit(rig.broker.url, files)
        answers = package_amqp.results(rig.broker.url, "answers", timeout_s=PATIENCE_S)
        got = {one["message_id"]: one["success"] for one in (next(answers), next(answers))}
        answers.close()
        expect(len(ids) == 2 and ids[1] == "song-3" and got == {ids[0]: True, "song-3": False}, (ids, got))


@test
def duplicates_clashes_and_malformed_messages_all_get_their_answer(folder):
    del folder
    count = 2000
    with Rig("mixed", nodes=("n1", "n2")) as rig:
        rig.bind()
        for n in range(count):
            rig.publish({"message_id": f"m{n}", "file_path": f"/music/{n}.mp3"})
            if n % 7 == 0:
                rig.publish({"file_path": f"/music/{n}.mp3", "message_id": f"m{n}", "timestamp": "2024-01-01T12:00:00Z"})
            if n % 100 == 0:
                rig.publish({"message_id": f"m{n}", "file_path": "/another.mp3"})
            if n % 200 == 0:
                rig.publish(b"hello \xff\x00 world", message_id=f"bad-{n}")
                rig.publish({"message_id": f"typed-{n}", "file_path": 5})
                rig.publish(b"[]")
        rig.publish(b'{"message_id":"big","file_path":"/x","padding":"' + b"x" * 300000 + b'"}', message_id="big")
        asked = count + 10 + 10 + 1
        rig.collect(lambda r: len(r.got) >= asked and sum(len({b for b, _ in r.got[f"m{n}"]}) for n in range(0, count, 100)) >= 40)
        wait_for(lambda: rig.amqp()["unsettled"] == 0, "all settled")
        dead = rig.dead()
        codes = collections.Counter(headers["x-kithara-error"] for _, headers in dead)
        expect(codes["ECLASH"] == count // 100 and codes["EMESSAGE"] == 31, codes)
        expect(all(headers["x-kithara-reason"] for _, headers in dead), "a reason with each")
        expect(sum(body == b"hello \xff\x00 world" for body, _ in dead) == 10, "byte for byte")
        expect(any(len(body) > 300000 and "300" in headers["x-kithara-reason"] for body, headers in dead), "the big one is whole")
        for message_id in [f"bad-{n}" for n in range(0, count, 200)] + ["typed-0", "big"]:
            out = json.loads(rig.got[message_id][0][0])
            expect(out["success"] is False and out["error"]["code"] == "EMESSAGE" and out["message_id"] == message_id, out)
        for n in range(0, count, 100):  # the job's own message, and the refusal of the other
            outs = [json.loads(body) for body, _ in rig.got.pop(f"m{n}")]
            expect({out["success"] for out in outs} == {True, False}, outs)
        expect(rig.amqp()["known"] >= count // 7, rig.amqp())
        expect("INTAKE-REJECTED" in rig.farm.coordinator.text(), "logged")
        rig.check_clean(count)


@test
def a_broker_that_is_killed_or_restarted_under_load_loses_and_doubles_nothing(folder):
    del folder
    with Rig("killed") as rig:
        broker = rig.broker
        rig.bind()
        broker.save_declarations()
        for turn in range(3):
            rig.jobs(turn * 400, 400)
            if turn == 0:
                broker.kill()
                broker.start()
            elif turn == 1:
                broker.restart()
            rig.wait_channel()
            rig.collect_count((turn + 1) * 400)
        expect(rig.amqp()["out"]["losses"] >= 2 and rig.amqp()["in"]["losses"] >= 2, rig.amqp())
        rig.wait_up()
        rig.check_clean(1200)


@test
def a_frozen_broker_is_given_up_within_two_heartbeats_and_taken_back(folder):
    del folder
    with Rig("frozen") as rig:
        rig.bind()
        rig.jobs(0, 300)
        with rig.broker.frozen():
            wait_for(lambda: all(rig.amqp()[s]["losses"] for s in ("in", "out")), "the loss is seen", 2 * HEARTBEAT_S + 15)
            expect(rig.farm.get("/health")["status"] != "unhealthy", "the farm goes on")
            rig.farm.submit(10000, 100)
            rig.farm.wait_finished(100)
        rig.wait_channel()
        rig.collect_count(400)
        rig.wait_up()
        rig.check_clean(400)


@test
def a_publisher_that_is_stuck_in_a_full_socket_is_freed(folder):
    del folder
    with Rig("stuck", ANALYZER_TEST_FAULT="noop:32000") as rig:
        rig.bind()
        rig.jobs(0, 10)
        rig.collect_count(10)
        with rig.broker.frozen():
            rig.farm.submit(10000, 1000)  # 32 MB of output messages against sockets that are not read
            rig.farm.wait_finished(1010)
            wait_for(lambda: rig.amqp()["out"]["losses"], "the loss is seen", 4 * HEARTBEAT_S + 15)
        rig.wait_channel()
        rig.collect_count(1010)
        rig.wait_up()
        rig.check_clean(1010)


@test
def a_coordinator_beside_a_frozen_broker_ends_within_its_bounds(folder):
    del folder
    with Rig("ending") as rig:
        rig.jobs(0, 50)
        with rig.broker.frozen():
            began = time.monotonic()
            expect(rig.farm.coordinator.stop() == 0, "the coordinator ends well")
            expect(time.monotonic() - began < END_S, f"{time.monotonic() - began:.1f} s")


@test
def a_deleted_queue_is_declared_again(folder):
    del folder
    with Rig("deleted") as rig:
        rig.bind()
        rig.jobs(0, 50)
        rig.collect_count(50)
        rig.channel.queue_delete(rig.queue)
        wait_for(lambda: rig.amqp()["in"]["connects"] >= 2 and rig.amqp()["in"]["state"] == "up", "the new queue")
        rig.jobs(50, 50)
        rig.collect_count(100)
        rig.check_clean(100)


@test
def a_deleted_exchange_closes_the_channel_and_is_declared_again(folder):
    del folder
    with Rig("exchange") as rig:
        rig.bind()
        rig.jobs(0, 20)
        rig.collect_count(20)
        rig.channel.exchange_delete(rig.exchange)
        rig.jobs(20, 20)
        wait_for(lambda: "NOT_FOUND" in rig.farm.coordinator.text(), "the broker closes the channel")
        rig.wait_up()
        wait_for(lambda: rig.amqp()["returned"] > 0, "no queue is bound now")
        rig.bind()
        rig.collect_count(40)
        rig.check_clean(40)


@test
def messages_that_no_queue_takes_wait_until_one_is_bound(folder):
    del folder
    with Rig("unbound") as rig:
        rig.jobs(0, 500)
        wait_for(lambda: rig.amqp()["returned"] >= 500 and rig.amqp()["unroutable"], "all are returned")
        expect(rig.farm.coordinator.text().count("AMQP-RETURNED") == 1, "logged once a minute")
        rig.farm.wait_finished(500)
        rig.farm.coordinator.kill()  # what waits outlives the process
        rig.farm.start_coordinator()
        rig.wait_up()
        wait_for(lambda: rig.amqp()["returned"] >= 500, "tried again")
        returned = rig.amqp()["returned"]
        rig.bind()
        rig.collect_count(500)
        expect(rig.amqp()["returned"] < returned + 500, f"few probes, not all again and again: {rig.amqp()}")
        wait_for(lambda: not rig.amqp()["unroutable"], "the way is open")
        rig.check_clean(500)


@test
def a_broker_out_of_memory_blocks_the_outlet_and_is_honoured(folder):
    del folder
    with Rig("alarm") as rig:
        rig.bind()
        rig.jobs(0, 50)
        rig.collect_count(50)
        with rig.broker.out_of_memory():
            rig.farm.submit(10000, 300)
            rig.farm.wait_finished(350)
            rig.wait_state("blocked", "out")
            before = rig.amqp()
            time_over = time.monotonic() + 4 * HEARTBEAT_S
            wait_for(lambda: time.monotonic() > time_over, "several heartbeats")
            now = rig.amqp()
            expect(now["out"]["state"] == "blocked" and now["out"]["connects"] == before["out"]["connects"], f"it stays, with heartbeats: {now}")
            expect(now["confirmed"] == before["confirmed"], "nothing is published meanwhile")
        rig.collect_count(350)
        rig.wait_up()
        rig.check_clean(350)


@test
def wrong_credentials_are_named_and_stop_nothing_else(folder):
    del folder
    with Rig("credentials", start=False, AMQP_CONNECTION_STRING=f"amqp://guest:wr0ng@127.0.0.1:{the_broker().port}/") as rig:
        rig.farm.start(["n1"])
        wait_for(lambda: rig.amqp()["out"]["error"] and rig.amqp()["in"]["error"], "the refusal")
        expect("ACCESS_REFUSED" in rig.amqp()["out"]["error"], rig.amqp())
        expect("ACCESS_REFUSED" in rig.amqp()["trouble"] and rig.amqp()["state"] != "up", rig.amqp())
        rig.farm.submit(0, 10)
        rig.farm.wait_finished(10)
        expect("wr0ng" not in rig.farm.coordinator.text(), "no password in the log")
        expect(rig.farm.get("/v1/status")["amqp"]["confirmed"] == 0, "nothing went out")
        expect(rig.farm.coordinator.stop() == 0, "the coordinator ends well")


@test
def an_address_that_is_none_is_refused_at_the_start(folder):
    del folder
    with Farm(AMQP_CONNECTION_STRING="amqp:/guest:s3cret@nowhere") as farm:
        process = farm.start_coordinator(wait=False)
        expect(process.process.wait(20) != 0, "no start")
        expect("AMQP_CONNECTION_STRING" in process.text() and "s3cret" not in process.text(), process.text())


@test
def a_queue_of_another_kind_is_used_as_it_is(folder):
    del folder
    with Rig("classic", start=False) as rig:
        rig.channel.queue_declare(rig.queue, durable=True, arguments={"x-max-length": 100000})
        rig.channel.exchange_declare(rig.exchange, "fanout")
        rig.farm.start(["n1"])
        rig.wait_up()
        expect("AMQP-AS-FOUND" in rig.farm.coordinator.text(), "logged")
        rig.channel.queue_declare(rig.results, durable=True)
        rig.channel.queue_bind(rig.results, rig.exchange)
        rig.jobs(0, 20)
        rig.collect_count(20)
        rig.check_clean(20)


@test
def an_exchange_type_that_does_not_exist_is_named_and_stops_nothing_else(folder):
    del folder
    with Rig("type", start=False, ANALYZER_EXCHANGE_TYPE="polka") as rig:
        rig.farm.start(["n1"])
        wait_for(lambda: rig.amqp()["out"]["error"], "the refusal")
        expect("polka" in rig.amqp()["out"]["error"], rig.amqp())
        rig.wait_state("up", "in")
        rig.jobs(0, 20)
        rig.farm.wait_finished(20)
        rig.channel.exchange_declare(rig.exchange, "topic", durable=True)
        rig.bind()
        rig.collect_count(20)
        rig.check_clean(20)


@test
def a_coordinator_that_is_killed_or_drained_under_load_loses_and_doubles_nothing(folder):
    del folder
    rounds, each = 4, 800
    with Rig("torn", ANALYZER_PREFETCH_COUNT=50) as rig:
        rig.bind()
        for turn in range(rounds):
            before = rig.farm.finished()
            rig.jobs(turn * each, each)
            wait_for(lambda: rig.farm.finished() > before, "a first outcome")
            if turn % 2:
                expect(rig.farm.coordinator.stop() == 0, "a drain ends well")
            else:
                rig.farm.coordinator.kill()
            rig.farm.start_coordinator()
        rig.wait_up()
        rig.collect_count(rounds * each)
        rig.check_clean(rounds * each)


@test
def tls_is_used_with_the_right_authority_and_refused_with_a_wrong_one_or_another_name(folder):
    del folder
    broker = the_broker()
    with Rig("tls", AMQP_CONNECTION_STRING=broker.secure(), ANALYZER_AMQP_CA=broker.ours) as rig:
        rig.bind()
        rig.jobs(0, 20)
        rig.collect_count(20)
        rig.check_clean(20)
    for address, authority in [(broker.secure(), broker.others), (broker.secure("127.0.0.1"), broker.ours), (broker.secure(), "")]:
        with Rig("tls-bad", start=False, AMQP_CONNECTION_STRING=address, ANALYZER_AMQP_CA=authority) as rig:
            rig.farm.start_coordinator()
            wait_for(lambda: rig.amqp()["in"]["error"] and rig.amqp()["out"]["error"], "the refusal")
            expect(rig.amqp()["in"]["connects"] == 0 and "SSL" in rig.amqp()["in"]["error"], rig.amqp())


@test
def connections_that_an_operator_closes_come_back(folder):
    del folder
    with Rig("closed") as rig:
        rig.bind()
        rig.jobs(0, 200)
        rig.broker.evaluate("[rabbit_networking:close_connection(P, \"tested\") || P <- rabbit_networking:connections()], ok.")
        rig.wait_channel()
        rig.jobs(200, 200)
        rig.collect_count(400)
        wait_for(lambda: rig.amqp()["in"]["connects"] >= 2 and rig.amqp()["out"]["connects"] >= 2, "both came back")
        expect("CONNECTION_FORCED" in rig.farm.coordinator.text(), "the broker's words")
        rig.check_clean(400)


@test
def a_private_farm_leaves_the_queue_of_the_others_alone(folder):
    tone(folder / "song.wav")
    with Rig("private", start=False) as rig:
        rig.channel.queue_declare(rig.queue, durable=True)
        rig.jobs(0, 5)
        done = kithara(folder, "run", folder / "song.wav", "--out", folder / "out.jsonl", AMQP_CONNECTION_STRING=rig.broker.url,
                       ANALYZER_QUEUE_NAME=rig.queue)
        expect(done.returncode == 0, done.stderr)
        expect(rig.held() == 5, f"{rig.held()} of 5 messages are left")


if __name__ == "__main__":
    main()
