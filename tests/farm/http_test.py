#!/usr/bin/env python3
"""The HTTP side of a real coordinator: shapes, metrics, probes, the token, limits, and the result cache in Redis."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1]))
from farm import BIN, Farm, wait_for  # noqa: E402
from servers import Redis  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop", "ANALYZER_LOG_LEVEL": "INFO"}
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
SUFFIXES = {"counter": ("",), "gauge": ("",), "summary": ("_sum", "_count"), "histogram": ("_bucket", "_sum", "_count")}


def parse_metrics(text):
    """The text format 0.0.4, strictly: name -> (type, {labels: value}). Any departure from it is an AssertionError."""
    families, current = {}, None
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    for line in lines:
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            assert current not in families, f"{current} comes twice"
            assert line.split(" ", 3)[3], line
            families[current] = [None, {}]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and families[name][0] is None and not families[name][1] and kind in SUFFIXES, line
            families[name][0] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            kind = families[current][0]
            assert kind and any(name == current + suffix for suffix in SUFFIXES[kind]), line
            found, at = [name], 0
            while labels is not None and at < len(labels):
                label = LABEL.match(labels, at)
                assert label, line
                found.append(label.groups())
                at = label.end()
            key = tuple(found)
            assert len({pair[0] for pair in found[1:]}) == len(found) - 1 and key not in families[current][1], line
            families[current][1][key] = float(value)
            assert kind == "gauge" or float(value) >= 0, line
    assert all(kind and samples for kind, samples in families.values()), "a family without type or samples"
    return families


def scrape(farm):
    with urllib.request.urlopen(farm.http + "/metrics", timeout=20) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", answer.headers
        return parse_metrics(answer.read().decode())


def value(families, name, *labels):
    return families[name][1].get((name, *labels), 0)


def raw(farm, method, path, headers=None, body=None):
    """Status, headers and text, with exactly these headers."""
    request = urllib.request.Request(farm.http + path, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def cli(farm, *arguments, **settings):
    env = farm.env(ANALYZER_HTTP_URL=farm.http, **settings)
    return subprocess.run([os.path.join(BIN, "kithara"), *arguments], env=env, capture_output=True, text=True, timeout=60)


class Shapes(unittest.TestCase):
    def test_health_models_and_stats_have_the_shapes_of_the_specification(self):
        number, whole = (int, float), int
        health = {"status": str, "version": str, "models_loaded": whole, "queue_size": whole, "processing_active": bool,
                  "gpu_available": bool, "memory_usage": {"used_mb": whole, "total_mb": whole, "percentage": number}}
        models = {"models": list, "total_models": whole, "memory_usage_mb": number}
        stats = {"processed_files": whole, "average_processing_time": number, "success_rate": number, "error_rate": number,
                 "queue_metrics": {"pending": whole, "processing": whole, "completed_today": whole},
                 "feature_extraction_times": dict}

        def check(shape, found, where):
            self.assertEqual(list(found), list(shape), where)
            for key, kind in shape.items():
                if isinstance(kind, dict):
                    check(kind, found[key], where + "." + key)
                else:
                    self.assertIsInstance(found[key], kind, where + "." + key)
                    self.assertTrue(kind is bool or not isinstance(found[key], bool), where + "." + key)

        with Farm(**NOOP).start(["a"]) as farm:
            farm.submit(0, 10)
            farm.wait_finished(10)
            check(health, farm.get("/health"), "health")
            check(models, farm.get("/models"), "models")
            check(stats, farm.get("/stats"), "stats")
            seen = farm.get("/stats")
            self.assertEqual((seen["processed_files"], seen["success_rate"], seen["error_rate"]), (10, 1.0, 0.0))
            self.assertEqual(seen["queue_metrics"]["completed_today"], 10)
            self.assertTrue(all(isinstance(v, float) for v in seen["feature_extraction_times"].values()))
            self.assertEqual(farm.get("/health")["status"], "healthy")


class Metrics(unittest.TestCase):
    def test_the_text_is_strictly_the_format_and_counters_only_grow(self):
        with Farm(**NOOP).start(["a", "b"]) as farm:
            before = scrape(farm)
            farm.submit(0, 200)
            farm.submit(0, 1)
            farm.wait_finished(200)
            farm.get("/v1/jobs/1")
            raw(farm, "POST", "/v1/jobs/1/cancel")
            raw(farm, "GET", "/nothing")
            after = scrape(farm)
            for name, (kind, samples) in before.items():
                for key, old in samples.items():
                    if kind != "gauge":
                        self.assertGreaterEqual(after[name][1][key], old, key)
            self.assertEqual(value(after, "kithara_outcomes_total", ("outcome", "done")), 200)
            self.assertEqual(value(after, "kithara_submitted_total", ("how", "new")), 200)
            self.assertEqual(value(after, "kithara_submitted_total", ("how", "known")), 1)
            self.assertEqual(value(after, "kithara_jobs", ("state", "done")), 200)
            self.assertEqual(value(after, "kithara_jobs", ("state", "queued")), 0)
            self.assertEqual(sum(v for k, v in after["kithara_nodes"][1].items() if k[1][1] in ("live", "busy")), 2)
            done = [value(after, "kithara_node_files_total", ("node", n), ("outcome", "done")) for n in "ab"]
            self.assertEqual(sum(done), 200)
            self.assertEqual(value(after, "kithara_lease_held"), 1)
            self.assertGreaterEqual(value(after, "kithara_lease_epoch"), 1)
            requests = after["kithara_http_requests_total"][1]
            route = lambda method, path, status: requests[("kithara_http_requests_total", ("method", method),  # noqa: E731
                                                           ("route", path), ("status", status))]
            self.assertEqual(route("GET", "/v1/jobs/ID", "200"), 1)
            self.assertEqual(route("POST", "/v1/jobs/ID/cancel", "401"), 1)
            self.assertEqual(route("other", "other", "404"), 1)
            start = value(after, "process_start_time_seconds")
            self.assertLess(abs(time.time() - start), 60)
            self.assertGreater(value(after, "process_resident_memory_bytes"), 1 << 20)
            self.assertNotIn("job-", json.dumps([list(map(str, s)) for _, s in after.values()]))

    def test_failures_are_counted_by_their_code(self):
        with Farm(ANALYZER_LOG_LEVEL="INFO") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            with open(farm.path("text.mp3"), "w") as file:
                file.write("This is a shopping list: bread, butter, two lemons.\n" * 40)
            farm.start(["a"])
            farm.post("/v1/jobs", {"messages": [{"file_path": farm.path(n)} for n in ("text.mp3", "missing.mp3", "gone.mp3")]})
            farm.wait_finished(3)
            seen = scrape(farm)
            self.assertEqual(value(seen, "kithara_failures_total", ("code", "ENOFILE")), 2)
            self.assertEqual(value(seen, "kithara_failures_total", ("code", "ETEXT")), 1)
            self.assertEqual(value(seen, "kithara_outcomes_total", ("outcome", "failed")), 3)

    def test_a_stranger_s_key_is_counted(self):
        with Farm(**NOOP).start(["a"]) as farm:
            farm.start_node("stranger")
            wait_for(lambda: value(scrape(farm), "kithara_keys_refused_total") >= 1, "the refusal")

    def test_every_metric_stands_in_the_docs(self):
        page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text()
        told = subprocess.run([os.path.join(BIN, "kithara"), "docs", "metrics"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(page, told, "docs/metrics.md is old: kithara docs metrics > docs/metrics.md")
        with Farm(**NOOP).start(["a"]) as farm:
            for name in scrape(farm):
                self.assertIn(f"| `{name}` |", page)


class Probes(unittest.TestCase):
    def test_they_tell_alive_from_ready(self):
        with Farm(**NOOP) as farm:
            farm.start_coordinator()
            self.assertEqual(farm.get("/livez"), {"alive": True, "reason": None})
            wait_for(lambda: farm.request("GET", "/readyz")[0] == 200, "readiness")
            farm.start_node("a")
            farm.coordinator.process.send_signal(signal.SIGSTOP)
            try:
                with self.assertRaises((TimeoutError, urllib.error.URLError)):
                    urllib.request.urlopen(farm.http + "/livez", timeout=2)
            finally:
                farm.coordinator.process.send_signal(signal.SIGCONT)
            wait_for(lambda: farm.request("GET", "/livez")[0] == 200, "life")

    def test_the_end_is_told_before_it_comes(self):
        with Farm(ANALYZER_TEST_FAULT="hang:stuck", ANALYZER_LOG_LEVEL="INFO") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=1", farm.path("stuck.wav")], check=True)
            farm.start(["a"])
            farm.post("/v1/jobs", {"messages": [{"file_path": farm.path("stuck.wav")}]})
            wait_for(lambda: farm.get("/v1/queue")["running"] == 1, "the start")
            farm.coordinator.process.terminate()
            wait_for(lambda: farm.request("GET", "/readyz")[0] == 503, "the word of the end")
            self.assertIn("ending", farm.request("GET", "/readyz")[1]["reason"])
            self.assertEqual(farm.request("GET", "/livez")[0], 200)


class Token(unittest.TestCase):
    def test_orders_need_it_and_the_command_line_has_it(self):
        with Farm(**NOOP).start(["a"]) as farm:
            path = pathlib.Path(farm.path("http.token"))
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            status, headers, text = raw(farm, "POST", "/v1/nodes/a/drain")
            self.assertEqual((status, headers["WWW-Authenticate"]), (401, 'Bearer realm="kithara"'))
            error = json.loads(text)["error"]
            self.assertEqual(error["code"], "EAUTH")
            self.assertIn("http.token", error["detail"])
            bearer = {"Authorization": "Bearer " + path.read_text().strip()}
            self.assertEqual(raw(farm, "POST", "/v1/nodes/a/drain", {"Authorization": bearer["Authorization"][:-1]})[0], 401)
            self.assertEqual(raw(farm, "POST", "/v1/nodes/a/drain", {**bearer, "Origin": "http://elsewhere.test"})[0], 403)
            self.assertEqual(raw(farm, "POST", "/v1/nodes/a/drain", {"Origin": farm.http})[0], 401, "the page needs the token")
            self.assertEqual(raw(farm, "GET", "/v1/status")[0], 200)
            self.assertEqual(farm.get("/v1/nodes")["nodes"][0]["state"], "live", "a refused order took effect")
            self.assertEqual(raw(farm, "POST", "/v1/nodes/a/drain", {**bearer, "Origin": farm.http})[0], 200)
            self.assertEqual(raw(farm, "POST", "/v1/nodes/a/drain", bearer)[0], 200)
            self.assertEqual(cli(farm, "nodes", "undrain", "a").returncode, 0)
            wrong = cli(farm, "nodes", "drain", "a", ANALYZER_HTTP_TOKEN="wrong")
            self.assertEqual(wrong.returncode, 1)
            self.assertIn("EAUTH", wrong.stderr)
            self.assertIn("ANALYZER_HTTP_TOKEN", wrong.stderr)
            before = path.read_text()
            farm.coordinator.stop()
            farm.start_coordinator()
            self.assertEqual(path.read_text(), before, "a restart made another token")
            self.assertNotIn(before.strip(), farm.coordinator.text(), "the token is in the log")

    def test_over_the_network_reading_needs_it_too(self):
        with Farm(**NOOP, ANALYZER_HTTP_TOKEN="of-the-operator") as farm:
            farm.start_coordinator(ANALYZER_HTTP_BIND="0.0.0.0:" + farm.http_bind.split(":")[1])
            self.assertFalse(os.path.exists(farm.path("http.token")))
            for path in ("/livez", "/health", "/metrics"):
                self.assertEqual(raw(farm, "GET", path)[0], 200, path)
            self.assertNotEqual(raw(farm, "GET", "/readyz")[0], 401)
            for path in ("/v1/status", "/v1/jobs", "/stats", "/models", "/nothing", "/v1/results/x"):
                self.assertEqual(raw(farm, "GET", path)[0], 401, path)
            self.assertEqual(raw(farm, "GET", "/v1/status", {"Authorization": "Bearer of-the-operator"})[0], 200)
            self.assertEqual(cli(farm, "status").returncode, 0)
            self.assertEqual(cli(farm, "status", ANALYZER_HTTP_TOKEN="other").returncode, 1)


class Limits(unittest.TestCase):
    def test_a_thousand_connections_stop_neither_the_farm_nor_a_reader(self):
        with Farm(**NOOP).start(["a"]) as farm:
            host, port = farm.http_bind.split(":")
            flood = []
            try:
                farm.submit(0, 2000)
                for n in range(1000):
                    connection = socket.socket()
                    connection.setblocking(False)
                    connection.connect_ex((host, int(port)))
                    flood.append(connection)
                for connection in flood:
                    try:
                        connection.send(b"GET /v1/status HTTP/1.1\r\nX: ")  # and never an end
                    except OSError:
                        pass
                wait_for(lambda: farm.request("GET", "/livez")[0] == 200, "an answer", 25)  # less than a turn: the crowd makes room
                farm.wait_finished(2000, 30)
                seen = scrape(farm)
                self.assertLessEqual(value(seen, "kithara_http_connections"), 256)
                self.assertGreater(value(seen, "kithara_http_connections_ended_total"), 0)
                self.assertEqual(value(seen, "kithara_ledger_up"), 1)
            finally:
                for connection in flood:
                    connection.close()

    def test_a_slow_sender_is_ended(self):
        with Farm(**NOOP) as farm:
            farm.start_coordinator()
            host, port = farm.http_bind.split(":")
            began = time.monotonic()
            with socket.create_connection((host, int(port))) as slow:
                slow.settimeout(60)
                try:  # one byte per second is never idle: only the deadline of the whole request ends it
                    while time.monotonic() - began < 60:
                        slow.sendall(b"x")
                        slow.settimeout(1)
                        try:
                            if slow.recv(100) == b"":
                                break
                        except TimeoutError:
                            continue
                except OSError:
                    pass
            self.assertLess(time.monotonic() - began, 45)

    def test_many_ask_at_once(self):
        with Farm(**NOOP).start(["a"]) as farm:
            answers = []

            def ask():
                for _ in range(20):
                    answers.append(raw(farm, "GET", "/v1/status")[0])

            threads = [threading.Thread(target=ask) for _ in range(50)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            self.assertEqual(answers, [200] * 1000)


class Cache(unittest.TestCase):
    def redis_get(self, server, key):
        with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
            connection.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key.encode()))
            stream = connection.makefile("rb")
            length = int(stream.readline()[1:])
            return None if length < 0 else stream.read(length)

    def test_results_are_found_in_redis_first_and_in_the_ledger_else(self):
        with Redis() as server, Farm(**NOOP, REDIS_URL=server.url) as farm:
            farm.start(["a"])
            farm.submit(0, 50)
            farm.wait_finished(50)
            wait_for(lambda: value(scrape(farm), "kithara_cache_writes_total", ("outcome", "stored")) == 50, "the writes")
            stored = raw(farm, "GET", "/v1/jobs/1/document")[2]
            self.assertEqual(self.redis_get(server, "kithara:result:job-0").decode(), stored)
            self.assertEqual(raw(farm, "GET", "/v1/results/job-0")[::2], (200, stored))
            self.assertEqual(value(scrape(farm), "kithara_cache_reads_total", ("outcome", "hit")), 1)
            self.assertEqual(raw(farm, "GET", "/v1/results/unknown")[0], 404)
            self.assertEqual(value(scrape(farm), "kithara_cache_reads_total", ("outcome", "miss")), 1)
            server.kill()
            self.assertEqual(raw(farm, "GET", "/v1/results/job-0")[::2], (200, stored))
            server.start()
            wait_for(lambda: value(scrape(farm), "kithara_cache_up") == 1, "the way back", 30)
            farm.submit(50, 1)
            wait_for(lambda: self.redis_get(server, "kithara:result:job-50"), "the write after the way back", 30)

    def test_another_run_takes_the_place_of_the_earlier_result(self):
        with Redis() as server, Farm(ANALYZER_LOG_LEVEL="INFO", REDIS_URL=server.url) as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            farm.start(["a"])
            farm.post("/v1/jobs", {"messages": [{"message_id": "m", "file_path": farm.path("tone.wav")}]})
            wait_for(lambda: self.redis_get(server, "kithara:result:m"), "the failure")
            self.assertFalse(farm.get("/v1/results/m")["success"])
            subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=2", farm.path("tone.wav")], check=True)
            farm.post("/v1/jobs/1/retry")
            wait_for(lambda: farm.get("/v1/results/m")["success"], "the second run")
            self.assertEqual(farm.get("/v1/results/m"), farm.get("/v1/jobs/1/document"))

    def rate(self, farm, first, count):
        began = time.monotonic()
        farm.submit(first, count)
        farm.wait_finished(first + count)
        return count / (time.monotonic() - began)

    def test_a_frozen_redis_slows_nothing(self):
        with Redis() as server, Farm(**NOOP, REDIS_URL=server.url) as farm:
            farm.start(["a"])
            self.rate(farm, 0, 2000)
            well = self.rate(farm, 2000, 8000)
            server.freeze()
            frozen = self.rate(farm, 10000, 8000)
            print(f"files a second: {well:.0f} with Redis, {frozen:.0f} with a frozen one", file=sys.stderr)
            # Waiting for Redis would cost two seconds for each 64 files; the rest is the noise of a shared machine.
            self.assertGreater(frozen, max(well / 4, 500))
            began = time.monotonic()
            self.assertEqual(raw(farm, "GET", "/v1/results/job-10000")[0], 200)
            self.assertLess(time.monotonic() - began, 2)
            wait_for(lambda: value(scrape(farm), "kithara_cache_up") == 0, "the notice")
            began = time.monotonic()
            farm.coordinator.stop()
            self.assertLess(time.monotonic() - began, 10)

    def test_passwords_and_databases_are_those_of_the_url(self):
        with Redis() as server, Farm(**NOOP) as farm:
            with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
                connection.sendall(b"CONFIG SET requirepass s3cret\r\n")
                self.assertEqual(connection.recv(100), b"+OK\r\n")
            farm.settings["REDIS_URL"] = f"redis://:wrong@127.0.0.1:{server.port}/3"
            farm.start_coordinator()
            wait_for(lambda: "CACHE-DOWN" in farm.coordinator.text(), "the refusal")
            self.assertIn("WRONGPASS", farm.coordinator.text())
            farm.coordinator.stop()
            farm.settings["REDIS_URL"] = f"redis://:s3cret@127.0.0.1:{server.port}/3"
            farm.start(["a"])
            farm.submit(0, 1)
            wait_for(lambda: value(scrape(farm), "kithara_cache_writes_total", ("outcome", "stored")) == 1, "the write")
            self.assertNotIn("s3cret", farm.coordinator.text())

    def test_tls_is_spoken_with_a_server_whose_certificate_names_it_and_with_no_other(self):
        with Redis(tls=True) as server, Farm(**NOOP, SSL_CERT_FILE=str(server.authority)) as farm:
            farm.settings["REDIS_URL"] = f"rediss://localhost:{server.tls_port}/2"
            farm.start(["a"])
            wait_for(lambda: value(scrape(farm), "kithara_cache_up") == 1, "Redis")
            farm.submit(0, 500)
            wait_for(lambda: value(scrape(farm), "kithara_cache_writes_total", ("outcome", "stored")) == 500, "the writes")
            self.assertEqual(farm.get("/v1/results/job-7")["message_id"], "job-7")
            self.assertGreater(value(scrape(farm), "kithara_cache_reads_total", ("outcome", "hit")), 0)
            server.kill()
            wait_for(lambda: value(scrape(farm), "kithara_cache_up") == 0, "the notice")
            server.start()
            wait_for(lambda: value(scrape(farm), "kithara_cache_up") == 1, "the way back", 30)
            self.assertEqual(farm.coordinator.stop(), 0)
            for url, trusted, why in ((f"rediss://127.0.0.1:{server.tls_port}", server.authority, "IP address mismatch"),
                                      (f"rediss://localhost:{server.tls_port}", "/dev/null", "self-signed certificate in certificate chain|unable to get"),
                                      (f"rediss://localhost:{server.port}", server.authority, "TLS: the handshake")):
                with Farm(**NOOP, SSL_CERT_FILE=str(trusted), REDIS_URL=url) as other:
                    other.start_coordinator()
                    wait_for(lambda: "CACHE-DOWN" in other.coordinator.text(), "the refusal")
                    self.assertRegex(other.coordinator.text(), why)
                    self.assertEqual(other.coordinator.stop(), 0)


class Plain(unittest.TestCase):
    """Servers on other machines (an address of documentation, RFC 5737) without TLS."""

    ELSEWHERE = {"DATABASE_URL": "postgresql://u:s3cret@192.0.2.1/db", "AMQP_CONNECTION_STRING": "amqp://u:s3cret@192.0.2.1/",
                 "REDIS_URL": "redis://:s3cret@192.0.2.1"}

    def start(self, **settings):
        farm = Farm(**NOOP, **settings)
        self.addCleanup(farm.__exit__)
        farm.coordinator = farm.start_coordinator(wait=False)
        return farm.coordinator

    def test_they_are_named_at_the_start_before_any_password_is_sent(self):
        for setting, url in self.ELSEWHERE.items():
            process = self.start(**{setting: url})
            wait_for(lambda: f"TLS-MISSING setting={setting} host=192.0.2.1" in process.text(), setting)
            self.assertNotIn("s3cret", process.text())

    def test_they_are_refused_where_tls_is_required(self):
        for setting, url in self.ELSEWHERE.items():
            process = self.start(ANALYZER_REQUIRE_TLS="true", **{setting: url})
            self.assertEqual(process.process.wait(60), 2, process.text())
            self.assertIn(f"{setting} leads to 192.0.2.1 without TLS, which ANALYZER_REQUIRE_TLS refuses", process.text())
            self.assertNotIn("s3cret", process.text())
        process = self.start(ANALYZER_REQUIRE_TLS="true", REDIS_URL="redis://127.0.0.1:1")
        wait_for(lambda: "COORDINATOR-READY" in process.text(), "loopback is no other machine")


if __name__ == "__main__":
    unittest.main(verbosity=2)
