"""A farm of real processes for tests: one coordinator, some nodes, their logs, in a temporary folder and on loopback."""
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE_S = 60  # of waits whose length is not what is tested: a loaded machine needs ten times what an idle one does
BIN = os.environ.get("KITHARA_BIN", os.path.join(os.path.dirname(__file__), "..", "..", "build", "bin"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A program whose output goes to a file, for which tests can wait."""

    def __init__(self, arguments, env, log, pass_fds=()):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(arguments, env=env, stderr=out, stdout=out, pass_fds=pass_fds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=PATIENCE_S):
        """SIGTERM, and the exit status."""
        self.process.terminate()
        return self.process.wait(timeout)

    def alive(self):
        return self.process.poll() is None

    def text(self):
        with open(self.log, errors="replace") as log:
            return log.read()


class Farm:
    def __init__(self, **settings):
        self.folder = tempfile.mkdtemp(prefix="kithara-farm-")
        self.router = f"tcp://127.0.0.1:{free_port()}"
        self.http_bind = f"127.0.0.1:{free_port()}"
        self.http = "http://" + self.http_bind
        self.settings = settings
        self.coordinator = None
        self.nodes = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [*self.nodes.values(), self.coordinator]:
            if process and process.alive():
                process.kill()
        shutil.rmtree(self.folder)

    def env(self, **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANALYZER_", "DATABASE_", "AMQP_", "REDIS_"))}
        return {
            **kept,
            "ANALYZER_STATE_DIR": self.folder,
            "ANALYZER_ROUTER_BIND": self.router,
            "ANALYZER_HTTP_BIND": self.http_bind,
            "ANALYZER_COORDINATORS": self.router,
            "ANALYZER_NODE_SILENCE": "1000",
            **self.settings,
            **more,
        }

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def start_coordinator(self, wait=True, log="coordinator.log", **more):
        ready, told = os.pipe()
        program = [os.path.join(BIN, "kithara-coordinator"), "--ready-fd", str(told), "--with-parent"]
        process = Process(program, self.env(**more), self.path(log), [told])
        os.close(told)
        with os.fdopen(ready) as pipe:
            if wait:
                assert select.select([pipe], [], [], PATIENCE_S)[0], "the coordinator is not ready"
                line = pipe.readline()
                assert line, process.text()
                self.ready = json.loads(line)
                self.coordinator = process
        return process

    def start_node(self, name, **more):
        program = [os.path.join(BIN, "kithara-node"), "--with-parent"]
        self.nodes[name] = Process(program, self.env(ANALYZER_NODE_NAME=name, **more), self.path(name + ".log"))
        return self.nodes[name]

    def make_key(self, name):
        """A node creates its key pair at its first start; here that start cannot reach a coordinator."""
        node = self.start_node(name, ANALYZER_COORDINATORS="tcp://127.0.0.1:1")
        wait_for(lambda: "NODE-KEY" in node.text(), f"the key of {name}")
        node.kill()
        with open(self.path("keys", f"node-{name}.public")) as key:
            return key.read().strip()

    def allow(self, key, name):
        with open(self.path("keys", "allowed"), "a") as allowed:
            allowed.write(f"{key} {name}\n")

    def start(self, names):
        """A coordinator and allowed nodes, all known to each other."""
        self.start_coordinator()
        for name in names:
            self.allow(self.make_key(name), name)
        self.coordinator.process.send_signal(signal.SIGHUP)
        wait_for(lambda: re.search(rf'keys"?[=:]{len(names)}\b', self.coordinator.text()), "the keys")
        for name in names:
            self.start_node(name)
        wait_for(lambda: self.get("/v1/status")["nodes"]["live"] == len(names), "the nodes")
        return self

    def submit_under_kills(self, rounds, each, kill):
        """Submits jobs in rounds; during every second round kills and restarts the coordinator, else calls kill(number)."""
        for number in range(rounds):
            before = self.finished()
            self.submit(number * each, each)
            wait_for(lambda: self.finished() > before + each // 20, "a first outcome")
            if number % 2:
                self.coordinator.kill()
                self.start_coordinator()
            else:
                kill(number)

    def token(self):
        """What control needs: the setting, or what the coordinator wrote into its state folder; "" before its start."""
        try:
            with open(self.path("http.token")) as file:
                return self.settings.get("ANALYZER_HTTP_TOKEN") or file.read().strip()
        except FileNotFoundError:
            return self.settings.get("ANALYZER_HTTP_TOKEN", "")

    def request(self, method, path, body=None):
        """Status and JSON."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        token = self.token()
        headers = {"Authorization": "Bearer " + token} if token else {}
        request = urllib.request.Request(self.http + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def answer_of(self, method, path, body=None):
        """The answer; asks again while the ledger has not answered in time, as the answer says to."""
        end = time.monotonic() + PATIENCE_S
        while True:
            status, answer = self.request(method, path, body)
            late = status == 503 and answer["error"]["code"] == "ETIME" and time.monotonic() < end
            if not late:
                assert status == 200, (status, answer)
                return answer

    def get(self, path):
        return self.answer_of("GET", path)

    def post(self, path, body=b""):
        return self.answer_of("POST", path, body)

    def submit(self, first, count, path="/music/{}.mp3"):
        """Jobs with the numbers first, first + 1, ...; the coordinator's result for each."""
        results = []
        for start in range(first, first + count, 1000):
            numbers = range(start, min(start + 1000, first + count))
            messages = [{"message_id": f"job-{n}", "file_path": path.format(n)} for n in numbers]
            results += self.post("/v1/jobs", {"messages": messages})["results"]
        return results

    def finished(self):
        queue = self.get("/v1/queue")
        return queue["done"] + queue["failed"]

    def wait_finished(self, count, timeout=PATIENCE_S):
        wait_for(lambda: self.finished() >= count, f"{count} outcomes", timeout)

    def all_jobs(self, query=""):
        jobs, after = [], 0
        while after is not None:
            page = self.get(f"/v1/jobs?limit=1000&after={after}{query}")
            jobs += page["jobs"]
            after = page["next"]
        return jobs

    def kithara(self, *arguments, **settings):
        """Runs the command line to its end; the result has returncode, stdout, stderr (text)."""
        return subprocess.run([os.path.join(BIN, "kithara"), *arguments], capture_output=True, text=True, timeout=60,
                              env=self.env(**{"ANALYZER_HTTP_URL": self.http, **settings}))

    def audit(self):
        """Exit status and output of the ledger's audit."""
        program = [os.path.join(BIN, "..", "tests", "ledger_audit"), self.path("ledger.sqlite")]
        done = subprocess.run(program, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr


def wait_for(condition, what, timeout=PATIENCE_S):
    """Asks again until it holds; a refused connection counts as not yet."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        try:
            if condition():
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        select.select([], [], [], 0.02)
    raise AssertionError(f"{what}: not within {timeout} s")
