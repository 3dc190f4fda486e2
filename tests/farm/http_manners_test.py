#!/usr/bin/env python3
"""Manners of the HTTP API: wrong queries and bytes, problems, Allow, documents as objects, several ids, gzip, the
generated documents."""
import gzip
import http.client
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm import BIN, Farm  # noqa: E402

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
            if method == "GET":
                self.assertNotEqual(self.ask("GET", real)[0], 405, path)
                self.assertNotIn(b"no such path", self.ask("GET", real)[2])

    def test_a_stored_message_fits_the_schema(self):
        schema = json.loads(self.ask("GET", "/openapi.json")[2])["components"]["schemas"]["output"]
        told = subprocess.run([os.path.join(BIN, "kithara"), "docs", "schema-output"], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(told.stdout), schema)
        document = json.loads(self.ask("GET", "/v1/results/job-1")[2])
        fits(schema, document, "output")


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
