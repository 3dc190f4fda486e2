#!/usr/bin/env python3
"""packaging/fleet: what the files name exists, they agree with each other, and schemas where their tools are installed
(kubernetes-validate and check-jsonschema from PyPI; shellcheck). `ops/package test` executes the image's steps."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "packages"))
from containerfile import stages  # noqa: E402

FLEET = ROOT / "packaging" / "fleet"
KUBERNETES = FLEET / "kubernetes"
SETTING = re.compile(r"\b(?:ANALYZER|KITHARA|DATABASE|AMQP|REDIS|LIBROSA)_[A-Z][A-Z_]*[A-Z]\b")
OWN = {"KITHARA_SLURM_STATE", "KITHARA_NODE"}  # variables of the batch script itself
IMAGES = {"kithara-coordinator": "coordinator", "kithara-node": "node"}


def table(page):
    """The rows of a generated page, cells without their marks."""
    rows = [line.strip("|\n ").split(" | ") for line in (ROOT / "docs" / page).read_text().splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): [cell.strip("` ") for cell in row] for row in rows}


def documents():
    for path in sorted(KUBERNETES.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            yield path.name, document


def pods():
    for name, document in documents():
        template = document.get("spec", {}).get("template") if "spec" in document else None
        if template:
            yield f"{name}: {document['metadata']['name']}", document, template["spec"]


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)


class Names(unittest.TestCase):
    def test_settings_exist(self):
        known, seen = set(table("settings.md")), set()
        for folder in (FLEET, ROOT / "packaging" / "etc", ROOT / "packaging" / "systemd"):
            for path in folder.rglob("*"):
                if path.is_file():
                    names = set(SETTING.findall(path.read_text())) - OWN
                    self.assertEqual(names - known, set(), path.name)
                    seen |= names
        self.assertGreater(len(seen), 10)

    def test_metrics_of_the_autoscaler_exist_with_their_labels(self):
        known = table("metrics.md")
        scaled = next(d for _, d in documents() if d["kind"] == "ScaledObject")
        for trigger in scaled["spec"]["triggers"]:
            selectors = re.findall(r"\b(kithara_[a-z_]+)\{([a-z]+)=\"([a-z]+)\"\}", trigger["metadata"]["query"])
            self.assertTrue(selectors, "the query has a metric")
            for metric, label, value in selectors:
                self.assertIn(metric, known)
                self.assertIn(label, known[metric][3].split(", "))
                self.assertIn(value, known[metric][4])
        target = scaled["spec"]["scaleTargetRef"]
        self.assertIn((target["kind"], target["name"]), [(d["kind"], d["metadata"]["name"]) for _, d in documents() if "metadata" in d])

    def test_probes_ask_routes_that_need_no_token(self):
        routes = (ROOT / "coordinator" / "routes" / "routes.def").read_text()
        opened = set(re.findall(r'KT_ROUTE\(\w+, *GET, *"([^"]+)", NOTHING, "", OPEN', routes))
        asked = [probe["httpGet"]["path"] for _, _, pod in pods() for container in pod["containers"]
                 for key, probe in container.items() if key.endswith("Probe")]
        self.assertEqual(len(asked), 6)
        self.assertEqual(set(asked) - opened, set())
        scraped = {d["spec"]["template"]["metadata"].get("annotations", {}).get("prometheus.io/path") for _, d, _ in pods()}
        self.assertEqual(scraped - {None} - opened, set())

    def test_log_lines_that_are_named_exist(self):
        ids = set(re.findall(r'KT_LOG_ID\("([A-Z0-9-]+)"', (ROOT / "common" / "log" / "ids.def").read_text()))
        for path in FLEET.rglob("*"):
            if path.is_file():
                self.assertEqual(set(re.findall(r"\b(?:NODE|COORDINATOR|LEDGER|AUTH)-[A-Z]+\b", path.read_text())) - ids, set(), path.name)


class Kubernetes(unittest.TestCase):
    def test_images_users_and_volumes_are_those_of_the_containerfile(self):
        built = stages(FLEET / "Containerfile")
        found = 0
        for name, document, pod in pods():
            volumes = {volume["name"] for volume in pod["volumes"]}
            volumes |= {claim["metadata"]["name"] for claim in document["spec"].get("volumeClaimTemplates", [])}
            for container in pod["containers"] + pod.get("initContainers", []):
                stage = built[IMAGES[container["image"]]]
                for mount in container.get("volumeMounts", []):
                    self.assertIn(mount["name"], volumes, name)
                if container in pod["containers"]:
                    found += 1
                    self.assertEqual(stage.user, f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}", name)
                    self.assertIn(stage.env["ANALYZER_STATE_DIR"], [mount["mountPath"] for mount in container["volumeMounts"]], name)
        self.assertEqual(found, 4)

    def test_services_budgets_and_claims_select_pods_that_exist(self):
        labels = [d["spec"]["template"]["metadata"]["labels"] for _, d, _ in pods()]
        ports = {port["name"] for _, _, pod in pods() for container in pod["containers"] for port in container.get("ports", [])}
        checked = 0
        for name, document in documents():
            spec = document.get("spec", {})
            selector = spec.get("selector", {})
            selector = selector.get("matchLabels", selector)
            if selector:
                checked += 1
                self.assertTrue(any(selector.items() <= one.items() for one in labels), f"{name}: {selector}")
            for port in spec.get("ports", []):
                self.assertIn(port["targetPort"], ports)
        self.assertEqual(checked, 10)

    def test_nodes_name_every_coordinator(self):
        services = {d["metadata"]["name"] for _, d in documents() if d["kind"] == "Service"}
        for name, _, pod in pods():
            for entry in pod["containers"][0]["env"]:
                if entry["name"] == "ANALYZER_COORDINATORS":
                    hosts = re.findall(r"tcp://([a-z0-9-]+):8711", entry["value"])
                    self.assertEqual(set(hosts), {s for s in services if s.startswith("kithara-coordinator-")}, name)

    def test_the_coordinators_differ_in_their_names_alone(self):
        one, other = (yaml.safe_dump(d) for _, d, _ in pods() if d["kind"] == "Deployment")
        self.assertNotEqual(one, other)
        self.assertEqual(one, re.sub(r"\bc2\b", "c1", other))

    def test_the_kustomization_lists_files_and_the_version(self):
        listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
        version = re.search(r"project\(kithara VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        self.assertTrue(all((KUBERNETES / name).exists() for name in listed["resources"]))
        self.assertEqual({image["name"]: image["newTag"] for image in listed["images"]}, {name: version for name in IMAGES})
        used = set(re.findall(r"image: (kithara-[a-z]+):([0-9.]+)", (FLEET / "compose.yaml").read_text()))
        self.assertEqual(used, {(name, version) for name in IMAGES})

    @unittest.skipUnless(shutil.which("kubernetes-validate"), "no kubernetes-validate")
    def test_they_fit_the_schemas_of_kubernetes(self):
        for path in sorted(KUBERNETES.glob("*.yaml")):
            if path.name not in ("kustomization.yaml", "autoscaling.yaml"):  # not of Kubernetes itself
                done = run("kubernetes-validate", "--strict", str(path))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Compose(unittest.TestCase):
    def test_what_services_refer_to_exists(self):
        file = yaml.safe_load((FLEET / "compose.yaml").read_text())
        for name, service in file["services"].items():
            self.assertLessEqual(set(service.get("depends_on", [])), set(file["services"]), name)
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                self.assertTrue(source in file["volumes"] or source.startswith("${"), f"{name}: {source}")
        self.assertTrue({"coordinator", "node", "postgres", "rabbitmq"} <= set(file["services"]))

    @unittest.skipUnless(shutil.which("check-jsonschema"), "no check-jsonschema")
    def test_it_fits_the_schema_of_compose(self):
        done = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(FLEET / "compose.yaml"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Slurm(unittest.TestCase):
    script = str(FLEET / "kithara-node.sbatch")

    def started(self, **variables):
        """The command and the environment that srun is given."""
        with tempfile.TemporaryDirectory() as folder:
            srun = pathlib.Path(folder, "srun")
            srun.write_text('#!/bin/sh\nwhile [ "$1" != env ]; do echo "option $1"; shift; done\nexec "$@"\n')
            node = pathlib.Path(folder, "node")
            node.write_text("#!/bin/sh\nexec env\n")
            for path in (srun, node):
                path.chmod(0o755)
            done = run(self.script, env={"PATH": f"{folder}:{os.environ['PATH']}", "HOME": folder, "KITHARA_NODE": str(node), **variables})
            self.assertEqual(done.returncode, 0, done.stderr)
            state = pathlib.Path(folder, ".local/state/kithara-slurm", variables.get("SLURM_ARRAY_TASK_ID", "1"))
            self.assertEqual(state.stat().st_mode & 0o777, 0o700)
            return done.stdout

    def test_a_task_of_an_array_is_a_node_with_its_cores_and_memory(self):
        out = self.started(SLURM_ARRAY_TASK_ID="7", SLURM_CPUS_PER_TASK="12", SLURM_MEM_PER_NODE="16384", ANALYZER_JOIN_TOKEN="t")
        for line in ("option --cpus-per-task=12", "ANALYZER_NODE_NAME=slurm-7", "ANALYZER_WORKERS=12", "ANALYZER_MAX_MEMORY=14336",
                     "ANALYZER_JOIN_TOKEN=t"):
            self.assertIn(line + "\n", out)
        self.assertRegex(out, r"ANALYZER_STATE_DIR=.*/kithara-slurm/7\n")

    def test_a_job_without_an_array_is_one_node(self):
        self.assertIn("ANALYZER_NODE_NAME=slurm-1\n", self.started())

    def test_the_signal_comes_before_the_drain_has_to_be_over(self):
        text = pathlib.Path(self.script).read_text()
        unit = (ROOT / "packaging" / "systemd" / "kithara-node.service.in").read_text()
        self.assertGreater(int(re.search(r"^#SBATCH --signal=TERM@(\d+)", text, re.M).group(1)),
                           int(re.search(r"^TimeoutStopSec=(\d+)", unit, re.M).group(1)))

    @unittest.skipUnless(shutil.which("shellcheck"), "no shellcheck")
    def test_shellcheck_accepts_it(self):
        done = run("shellcheck", self.script)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
