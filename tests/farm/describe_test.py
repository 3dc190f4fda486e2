#!/usr/bin/env python3
"""What describes a farm to other programs: OpenAPI (validated, and tried with wrong requests by schemathesis), AsyncAPI,
the alert rules and the dashboard. Tools that are not installed are skipped: openapi-spec-validator and schemathesis come
from PyPI, promtool from Debian's prometheus."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm import Farm  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
MONITORING = ROOT / "packaging" / "monitoring"
NOOP = {"ANALYZER_TEST_FAULT": "noop", "ANALYZER_LOG_LEVEL": "INFO"}
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
METRIC = re.compile(r"\b(?:kithara|process)_[a-z_]+")


def tool(name):
    """Beside this Python, or in the path."""
    beside = pathlib.Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def run(*command, cwd=None, timeout=600):
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=cwd)


class Described(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.farm = Farm(**NOOP)
        cls.farm.start(["a"])
        cls.farm.submit(0, 20)
        cls.farm.wait_finished(20)

    @classmethod
    def tearDownClass(cls):
        cls.farm.__exit__(None, None, None)

    @unittest.skipUnless(tool("openapi-spec-validator"), "no openapi-spec-validator")
    def test_openapi_is_valid(self):
        path = self.farm.path("openapi.json")
        pathlib.Path(path).write_text(json.dumps(self.farm.get("/openapi.json")))
        done = run(tool("openapi-spec-validator"), path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @unittest.skipUnless(tool("schemathesis"), "no schemathesis")
    def test_answers_fit_openapi_and_nothing_ends_in_a_server_error(self):
        done = run(tool("schemathesis"), "run", self.farm.http + "/openapi.json", "--exclude-path", "/v1/events",  # which does not end
                   "-H", "Authorization: Bearer " + self.farm.token(), "--phases", "examples,coverage",
                   "--checks", CHECKS, "--seed", "1", cwd=self.farm.folder)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:])
        self.assertEqual(self.farm.get("/livez")["alive"], True)

    def test_asyncapi_points_at_what_it_has(self):
        document = self.farm.get("/asyncapi.json")
        self.assertEqual(document["asyncapi"], "3.0.0")
        pointers = re.findall(r'"\$ref": "(#/[^"]+)"', json.dumps({k: v for k, v in document.items() if k != "components"}))
        self.assertEqual(len(pointers), 4)
        for pointer in pointers:
            found = document
            for part in pointer[2:].split("/"):
                found = found[part]
        schemas = self.farm.get("/openapi.json")["components"]["schemas"]
        messages = document["components"]["messages"]
        self.assertEqual([messages[name]["payload"]["schema"] for name in ("job", "result")], [schemas["input"], schemas["output"]])


class Monitoring(unittest.TestCase):
    def known(self):
        text = (ROOT / "docs" / "metrics.md").read_text()
        names = {}
        for name, kind in re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", text, re.M):
            names.update({name + suffix: kind for suffix in {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(kind, ("",))})
        return names

    def test_rules_and_dashboard_name_metrics_that_exist(self):
        board = json.loads((MONITORING / "grafana.json").read_text())
        shown = {name for panel in board["panels"] for target in panel["targets"] for name in METRIC.findall(target["expr"])}
        alerts = set(METRIC.findall((MONITORING / "alerts.yml").read_text()))
        self.assertGreater(len(shown), 15)
        self.assertEqual((shown | alerts) - set(self.known()), set())
        self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
        for panel in board["panels"]:
            self.assertLessEqual(panel["gridPos"]["x"] + panel["gridPos"]["w"], 24, panel["title"])

    @unittest.skipUnless(tool("promtool"), "no promtool")
    def test_promtool_accepts_the_rules_and_each_alert_fires_in_its_case(self):
        for command in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
            done = run(tool("promtool"), *command, cwd=MONITORING)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        names = re.findall(r"- alert: (\w+)", (MONITORING / "alerts.yml").read_text())
        tried = (MONITORING / "alerts_test.yml").read_text()
        for name in names:
            self.assertIn(f'alertname="{name}"', tried)


if __name__ == "__main__":
    unittest.main(verbosity=2)
