#!/usr/bin/env python3
"""Manners of the HTTP API: wrong queries and bytes, problems, Allow, documents as objects, several ids, gzip, the
generated documents."""
import base64
import gzip
import hashlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm import BIN, Farm, wait_for  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop", "ANALYZER_LOG_LEVEL": "INFO"}
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Manners(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.farm = Farm(**NOOP)
        cls.farm.start(["a"])
        cls.farm.submit(0, 300)
        cls.farm.wait_finished(300)

    @classmethod
    def tearDownClass(cls):
        cls.farm.__exit__(None, None, None)

    def ask(self, method, path, body=None, **headers):
        """Status, headers, bytes; the path goes out as it is."""
        connection = http.client.HTTPConnection(self.farm.http_bind, timeout=20)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        text = b"" if body is None else json.dumps(body).encode()
        connection.putheader("Content-Length", str(len(text)))
        connection.endheaders()
        connection.send(text)
        answer = connection.getresponse()
        with answer:
            seen = answer.status, answer.headers, answer.read()
        connection.close()
        return seen

    def refused(self, status, method, path, body=None):
        seen, headers, text = self.ask(method, path, body)
        self.assertEqual(seen, status, (path, text))
        self.assertEqual(headers["Content-Type"], "application/problem+json")
        problem = json.loads(text)
        self.assertEqual(list(problem), ["type", "title", "status", "detail", "error"])
        self.assertEqual(problem["status"], status)
        self.assertEqual(problem["type"], "urn:kithara:" + problem["error"]["code"])
        self.assertEqual((problem["title"], problem["detail"]), (problem["error"]["text"], problem["error"]["detail"]))
        return problem["detail"], headers

    def test_what_nobody_reads_refuses_no_message(self):
        odd = [b"18446744073709551615", b"1e400", b'"\\u0000"', b'"\\ud800"', b'"\xff latin"', b"NaN", b'{"a": 1, "a": 2}',
               b"[" * 500 + b"]" * 500]
        messages = [b'{"message_id": "odd-%d", "file_path": "/x.mp3", "metadata": {"x": %s}, "more": %s}' % (n, value, value)
                    for n, value in enumerate(odd)]
        broken = [b'{"message_id": "wrong", "file_path": "/\\ud800"}', b'{"message_id": "twice", "file_path": "/a", "file_path": "/b"}',
                  b"7", b'{"message_id": "size", "file_path": "/x", "file_size": 1e400}']
        good = b'{"message_id": "plain", "file_path": "/x.mp3"}'
        body = b'\xef\xbb\xbf{"extra": NaN, "messages": [' + b",".join([*messages, *broken, good]) + b"]}"
        results = self.farm.post("/v1/jobs", body)["results"]
        self.assertEqual([one["status"] for one in results], ["new"] * len(odd) + ["error"] * len(broken) + ["new"], results)
        self.assertEqual({one["warning"] for one in results[:len(odd)]},
                         {"no valid JSON: metadata.x (carried as text), more (carried as text)"})
        self.assertEqual([one["message_id"] for one in results[len(odd):]], ["wrong", "twice", "", "size", "plain"])
        self.assertEqual({one["error"]["code"] for one in results[len(odd):-1]}, {"EMESSAGE"})
        self.assertIsNone(results[-1]["warning"])
        again = self.farm.post("/v1/jobs", body)["results"]
        self.assertEqual([one["status"] for one in again][:len(odd)], ["known"] * len(odd))
        for bad in (b'{"messages": [', b'{"messages": []}', b'{"messages": {}}', b"", b"[]", b'{"messages": [' + good + b"] x}",
                    b'{"messages": [' + b",".join([good] * 1001) + b"]}"):
            status, problem = self.farm.request("POST", "/v1/jobs", bad)
            self.assertEqual((status, problem["error"]["code"]), (400, "EMESSAGE"), bad[:40])

    def test_unknown_query_parameters_are_named(self):
        detail, _ = self.refused(400, "GET", "/v1/jobs?stat=failed")
        self.assertIn("'stat'", detail)
        self.assertIn("state", detail)
        for path in ("/v1/status?x=1", "/health?verbose", "/v1/jobs/1?limit=2", "/v1/backfills?limit=2", "/v1/queue?="):
            self.refused(400, "GET", path)
        self.refused(400, "GET", "/v1/jobs?" + "&".join(["limit=1"] * 17))
        self.assertEqual(self.ask("GET", "/v1/jobs?limit=1&state=done")[0], 200)

    def test_bytes_that_are_no_text_are_refused(self):
        for path in ("/v1/jobs?path=%ff", "/v1/jobs?path=%c3%28", "/v1/jobs?%ff=1", "/v1/results/%ff", "/v1/jobs?path=a%00b",
                     "/v1/jobs?path=%ed%a0%80"):
            self.assertIn("UTF-8", self.refused(400, "GET", path)[0])
        self.assertEqual(self.ask("GET", "/v1/jobs?path=%c3%a9")[0], 200)

    def test_allow_is_that_of_the_route(self):
        for method, path, allow in (("DELETE", "/v1/jobs", "GET, HEAD, POST"), ("PUT", "/v1/status", "GET, HEAD"),
                                    ("GET", "/v1/nodes/a/drain", "POST")):
            seen, headers, _ = self.ask(method, path, Authorization="Bearer " + pathlib.Path(self.farm.path("http.token")).read_text().strip())
            self.assertEqual((seen, headers["Allow"]), (405, allow), path)
        self.refused(404, "GET", "/v1/nothing")
        self.refused(404, "GET", "/v1/jobs/99999")

    def test_documents_are_objects_and_several_are_had_at_once(self):
        ids = [f"job-{i}" for i in (3, 1, 299)]
        status, _, text = self.ask("POST", "/v1/results", {"message_ids": ids + ["none"]})
        self.assertEqual(status, 200, text)
        answer = json.loads(text)
        self.assertEqual([row["message_id"] for row in answer["results"]], ids)
        self.assertEqual([row["document"]["message_id"] for row in answer["results"]], ids)
        self.assertEqual(answer["missing"], ["none"])
        one = self.ask("GET", "/v1/results/job-1")[2]
        self.assertIn(one, text, "the document is not byte for byte the stored one")
        for body in ({}, {"message_ids": []}, {"message_ids": "job-1"}, {"message_ids": [1]}, {"message_ids": ["x"] * 101},
                     {"message_ids": [""]}, {"message_ids": ["x" * 200]}):
            self.refused(400, "POST", "/v1/results", body)
        self.assertEqual(self.ask("POST", "/v1/results", {"message_ids": ids}, Origin="http://evil")[0], 403)

    def test_large_answers_are_compressed_for_those_who_take_it(self):
        plain = self.ask("GET", "/v1/jobs?limit=300")
        packed = self.ask("GET", "/v1/jobs?limit=300", Accept_Encoding="deflate, gzip")
        self.assertIsNone(plain[1]["Content-Encoding"])
        self.assertEqual((packed[1]["Content-Encoding"], packed[1]["Vary"]), ("gzip", "Accept-Encoding"))
        self.assertEqual(gzip.decompress(packed[2]), plain[2])
        self.assertLess(len(packed[2]), len(plain[2]) / 4)
        self.assertIsNone(self.ask("GET", "/livez", Accept_Encoding="gzip")[1]["Content-Encoding"])
        self.assertIsNone(self.ask("GET", "/v1/jobs", Accept_Encoding="gzip;q=0")[1]["Content-Encoding"])

    def test_every_route_stands_in_openapi_and_in_the_docs(self):
        page = (ROOT / "docs" / "http.md").read_text()
        told = subprocess.run([os.path.join(BIN, "kithara"), "docs", "http"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(page, told, "docs/http.md is old: kithara docs http > docs/http.md")
        served = json.loads(self.ask("GET", "/openapi.json")[2])
        self.assertEqual(served["openapi"], "3.1.0")
        routes = {(method.upper(), path.replace("{", "").replace("}", "")) for path, one in served["paths"].items() for method in one}
        for method, path in routes:
            self.assertIn(f"| `{method} {path}` |", page)
        for method, path in sorted(routes):  # each is served: another method of its path is not "no such path"
            real = path.replace("MESSAGE_ID", "job-1").replace("ID", "1").replace("NAME", "a")
            if method == "GET" and path != "/v1/events":  # which does not end
                self.assertNotEqual(self.ask("GET", real)[0], 405, path)
                self.assertNotIn(b"no such path", self.ask("GET", real)[2])

    def test_a_stored_message_fits_the_schema(self):
        schema = json.loads(self.ask("GET", "/openapi.json")[2])["components"]["schemas"]["output"]
        told = subprocess.run([os.path.join(BIN, "kithara"), "docs", "schema-output"], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(told.stdout), schema)
        document = json.loads(self.ask("GET", "/v1/results/job-1")[2])
        fits(schema, document, "output")


class Page(unittest.TestCase):
    """What the page at / needs of the server; page_test.py has it in a browser."""

    @classmethod
    def setUpClass(cls):
        cls.farm = Farm(**NOOP)
        cls.farm.start(["a"])

    @classmethod
    def tearDownClass(cls):
        cls.farm.__exit__(None, None, None)

    ask = Manners.ask

    def test_it_is_static_guarded_and_validated(self):
        status, headers, text = self.ask("GET", "/")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        digests = {kind: base64.b64encode(hashlib.sha256(text.split(f"<{kind}>".encode())[1].split(f"</{kind}>".encode())[0]).digest()).decode()
                   for kind in ("script", "style")}
        for rule in ("default-src 'none'", f"script-src 'sha256-{digests['script']}';", f"style-src 'sha256-{digests['style']}';",
                     "frame-ancestors 'none'", "require-trusted-types-for 'script'"):
            self.assertIn(rule, headers["Content-Security-Policy"])
        self.assertEqual((headers["X-Content-Type-Options"], headers["Referrer-Policy"]), ("nosniff", "no-referrer"))
        self.assertEqual(headers["Cache-Control"], "no-cache")
        again = self.ask("GET", "/", If_None_Match=headers["ETag"])
        self.assertEqual((again[0], again[2]), (304, b""))
        self.assertEqual(self.ask("GET", "/", If_None_Match='W/"other"')[0], 200)
        self.assertEqual(self.ask("HEAD", "/")[2], b"")
        packed = self.ask("GET", "/", Accept_Encoding="gzip")
        self.assertEqual((packed[1]["Content-Encoding"], gzip.decompress(packed[2])), ("gzip", text))
        self.assertEqual(self.ask("GET", "/page/icon.svg")[1]["Content-Type"], "image/svg+xml")
        self.assertEqual(self.ask("GET", "/page/none.js")[0], 404)
        self.assertEqual(self.ask("POST", "/")[0], 405)

    def test_orders_come_from_its_own_origin_alone_and_need_the_token(self):
        token, here = "Bearer " + self.farm.token(), self.farm.http
        order = lambda **headers: self.ask("POST", "/v1/nodes/a/undrain", {}, **headers)[0]  # noqa: E731
        self.assertEqual(order(Origin=here, Authorization=token), 200)
        self.assertEqual(order(Origin=here, Sec_Fetch_Site="same-origin", Authorization=token), 200)
        self.assertEqual(order(Origin="https://proxy.example", Sec_Fetch_Site="same-origin", Authorization=token), 200)
        self.assertEqual(order(Origin=here), 401)
        self.assertEqual(order(Origin=here, Sec_Fetch_Site="same-origin", Authorization="Bearer wrong"), 401)
        for origin in ("http://evil", "null", "", here + ".evil", here.replace("http", "https://x@", 1)):
            self.assertEqual(order(Origin=origin, Authorization=token), 403, origin)
        for site in ("cross-site", "same-site", "none", ""):
            self.assertEqual(order(Origin=here, Sec_Fetch_Site=site, Authorization=token), 403, site)
            self.assertEqual(order(Sec_Fetch_Site=site, Authorization=token), 403, site)

    def test_events_tell_outcomes_and_continue_after_a_loss(self):
        events = []

        def listen(last=None, until=None):
            connection = http.client.HTTPConnection(self.farm.http_bind, timeout=20)
            connection.request("GET", "/v1/events", headers={"Last-Event-ID": last} if last else {})
            answer = connection.getresponse()
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/event-stream"))
            fields, seen = {}, []
            while not (seen and until(seen[-1])):
                line = answer.readline().decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "event" in fields:
                    seen.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
                    fields = {}
            connection.close()
            return seen

        events += listen(until=lambda e: e[1] == "state")
        self.farm.submit(0, 3)
        self.farm.wait_finished(3)
        missed = listen(last=events[-1][0], until=lambda e: e[1] == "state" and e[2]["done"] == 3)
        jobs = [e[2] for e in missed if e[1] == "job"]
        self.assertEqual(sorted(j["message_id"] for j in jobs), ["job-0", "job-1", "job-2"])
        self.assertEqual({(j["state"], j["error"], j["node"]) for j in jobs}, {("done", None, "a")})
        ids = [int(e[0]) for e in events + missed]
        self.assertEqual(ids, list(range(ids[0], ids[0] + len(ids))))
        old = listen(last="1", until=lambda e: e[1] != "lost")
        self.assertEqual((old[0][1], old[0][2]), ("lost", {"since": 2}))

    def test_listeners_that_never_read_harm_nobody_and_are_bounded(self):
        silent = []

        def one_more():  # those of the test before go within a second
            one = socket.create_connection(self.farm.http_bind.split(":"), timeout=20)
            silent.append(one)
            one.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if b" 200 " not in one.recv(64):  # and no more is read
                silent.pop().close()
            return silent and silent[-1] is one

        try:
            for _ in range(64):
                wait_for(one_more, "a listener")
            status, _, text = self.ask("GET", "/v1/events")
            self.assertEqual(status, 503, text)
            self.assertIn(b"64 listeners", text)
            began = time.monotonic()
            self.farm.submit(1000, 2000)
            self.farm.wait_finished(2000)
            self.assertEqual(self.ask("GET", "/livez")[0], 200)
            self.assertLess(time.monotonic() - began, 60)
        finally:
            for one in silent:
                one.close()
        wait_for(one_more, "a place after listeners have gone")
        silent.pop().close()

    def test_the_history_has_the_work_of_a_span(self):
        for span, step in (("hour", 10), ("day", 240)):
            seen = json.loads(self.ask("GET", "/v1/history?span=" + span)[2])
            self.assertEqual(list(seen), ["step_s", "at_ms", "waiting", "in_work", "done", "failed", "live", "absent"])
            self.assertEqual(seen["step_s"], step)
            self.assertEqual({len(seen[name]) for name in list(seen)[1:]}, {len(seen["at_ms"])})
            self.assertGreaterEqual(len(seen["at_ms"]), 1)
        self.assertEqual(self.ask("GET", "/v1/history?span=year")[0], 400)


class Logs(unittest.TestCase):
    def test_json_lines_have_numbers_sentences_and_the_names_of_a_job(self):
        with Farm(ANALYZER_LOG_LEVEL="INFO", ANALYZER_LOG_FORMAT="json") as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = farm.folder
            farm.start(["a"])
            path = farm.path('a "quoted" name.mp3')
            farm.post("/v1/jobs", {"messages": [{"message_id": "the-id", "file_path": path}]})
            farm.wait_finished(1)
            job = farm.get("/v1/jobs")["jobs"][0]
            node = farm.get("/v1/nodes")["nodes"][0]
            lines = [json.loads(line) for line in farm.coordinator.text().splitlines() if line.startswith("{")]
            failed = next(line for line in lines if line["id"] == "JOB-FAILED")
            self.assertEqual({key: failed[key] for key in ("job", "run", "message_id", "path", "err")},
                             {"job": job["job"], "run": job["run"], "message_id": "the-id", "path": path, "err": "ENOFILE"})
            self.assertEqual((failed["level"], failed["msg"]), ("INFO", "a job has failed"))
            hello = next(line for line in lines if line["id"] == "NODE-HELLO")
            self.assertEqual((hello["node"], hello["incarnation"]), (node["name"], node["incarnation"]))
            self.assertIsInstance(hello["slots"], int)
            self.assertLessEqual({line["level"] for line in lines}, {"DEBUG", "INFO", "WARNING", "ERROR"})


KINDS = {"string": str, "number": (int, float), "integer": int, "boolean": bool, "object": dict, "array": list, "null": type(None)}


def fits(schema, value, where):
    """The parts of JSON Schema that Kithara's schemas use."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert any(isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in kinds), (where, value)
    if isinstance(value, dict):
        assert set(schema.get("required", [])) <= set(value), where
        for key, one in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            assert inner or "properties" not in schema, f"{where}.{key} is not in the schema"
            if inner:
                fits(inner, one, f"{where}.{key}")
    if isinstance(value, list) and "items" in schema:
        assert len(value) <= schema["maxItems"], where
        for one in value:
            fits(schema["items"], one, where)


if __name__ == "__main__":
    unittest.main(verbosity=2)
