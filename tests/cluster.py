"""The production set-up on one machine, of real processes: PostgreSQL, RabbitMQ, coordinators, nodes; each coordinator
reaches the servers, and each node the coordinators, through a proxy of its own where `proxied`."""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from proxy import Proxy
from servers import Postgres, RabbitMQ, free_ports

BIN = pathlib.Path(os.environ.get("KITHARA_BIN", pathlib.Path(__file__).resolve().parents[1] / "build/bin"))
START_S = 30
FOREIGN = ("ANALYZER_", "DATABASE_", "AMQP_", "REDIS_")


def wait_for(condition, what, timeout):
    """Polls until it holds, and returns its value; a refused connection counts as not yet."""
    until = time.monotonic() + timeout
    while True:
        try:
            if value := condition():
                return value
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {timeout:.0f} s")
        select.select([], [], [], 0.05)  # the poll's step; the deadline decides


class Program:
    """One of our programs: started, killed, frozen, started again with the same settings and log."""

    def __init__(self, name, command, settings, log):
        self.name, self.command, self.settings, self.log = name, command, settings, pathlib.Path(log)
        self.process = None
        self.frozen = False

    def start(self):
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(self.command, env=self.settings, stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def send(self, number):
        if self.alive():
            self.process.send_signal(number)

    def kill(self):
        self.send(signal.SIGKILL)
        self.frozen = False
        if self.process:
            self.process.wait(START_S)

    def freeze(self):
        self.send(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self.send(signal.SIGCONT)
        self.frozen = False

    def stop(self, timeout=90):
        """SIGTERM, and the exit status."""
        self.thaw()
        self.send(signal.SIGTERM)
        return self.process.wait(timeout) if self.process else 0

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Cluster:
    """with Cluster(coordinators=2, nodes=3, ANALYZER_WORKERS=2) as cluster: everything runs and the nodes are in."""

    def __init__(self, coordinators=2, nodes=3, proxied=False, media="/", **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kithara-cluster-"))
        self.proxied, self.proxies = proxied, {}
        self.more = {k: str(v) for k, v in settings.items()}
        self.database = self.broker = None
        self.coordinators, self.nodes = [], []
        try:
            self.database, self.broker = Postgres(), RabbitMQ()
            self.plan(coordinators, nodes, media)
            self.kithara("db", "migrate")
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for program in [*self.nodes, *self.coordinators]:
            program.kill()
        for proxy in self.proxies.values():
            proxy.__exit__()
        for server in (self.broker, self.database):
            if server:
                server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        return {**kept, "ANALYZER_STATE_DIR": str(self.folder / "state"), "DATABASE_URL": self.database.url,
                "AMQP_CONNECTION_STRING": self.broker.url, **self.more, **more}

    def through(self, name, port):
        """The port by which `name` goes to `port`."""
        if not self.proxied:
            return port
        self.proxies[name] = Proxy(port)
        return self.proxies[name].port

    def plan(self, coordinators, nodes, media):
        ports = free_ports(2 * coordinators)
        self.routers, self.https = ports[:coordinators], ports[coordinators:]
        for i in range(coordinators):
            name = f"coordinator-{i + 1}"
            database = self.through(f"{name} to database", self.database.port)
            broker = self.through(f"{name} to broker", self.broker.port)
            settings = self.environment(
                ANALYZER_COORDINATOR_NAME=name, ANALYZER_ROUTER_BIND=f"tcp://127.0.0.1:{self.routers[i]}",
                ANALYZER_HTTP_BIND=f"127.0.0.1:{self.https[i]}",
                DATABASE_URL=self.database.url.replace(str(self.database.port), str(database)),
                AMQP_CONNECTION_STRING=self.broker.url.replace(str(self.broker.port), str(broker)))
            self.coordinators.append(Program(name, [str(BIN / "kithara-coordinator"), "--with-parent"], settings,
                                             self.folder / f"{name}.log"))
        for i in range(nodes):
            name = f"node-{i + 1}"
            links = [self.through(f"{name} to coordinator-{c + 1}", port) for c, port in enumerate(self.routers)]
            settings = self.environment(
                ANALYZER_NODE_NAME=name, ANALYZER_MEDIA_ROOTS=media,
                ANALYZER_COORDINATORS=" ".join(f"tcp://127.0.0.1:{port}" for port in links))
            self.nodes.append(Program(name, [str(BIN / "kithara-node"), "--with-parent"], settings, self.folder / f"{name}.log"))

    def start(self):
        self.coordinators[0].start()  # makes the key pair that the coordinators of this machine share
        wait_for(lambda: self.answers(0, "/readyz"), "the first coordinator", START_S)
        for coordinator in self.coordinators[1:]:
            coordinator.start()
        for i in range(len(self.coordinators)):
            wait_for(lambda: self.answers(i, "/readyz"), self.coordinators[i].name, START_S)
        for node in self.nodes:
            node.start()
            key = wait_for(lambda: self.public_key(node), f"the key of {node.name}", START_S)
            self.kithara("keys", "allow", key, node.name)
        self.wait_nodes()

    def public_key(self, node):
        path = self.folder / "state/keys" / f"{node.name}.public"
        path = path if path.exists() else path.with_name(f"node-{node.name}.public")
        return path.read_text().strip() if path.exists() else None

    def wait_nodes(self, timeout=START_S):
        for i in range(len(self.coordinators)):
            wait_for(lambda: self.get(i, "/v1/status")["nodes"]["live"] == len(self.nodes),
                     f"the nodes at {self.coordinators[i].name}", timeout)

    def answers(self, i, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.https[i]}{path}", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.HTTPError, urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def get(self, i, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.https[i]}{path}", timeout=5) as answer:
            return json.load(answer)

    def kithara(self, *arguments, check=True, timeout=120):
        """The command line as the operator of the first coordinator's host uses it."""
        settings = self.environment(ANALYZER_HTTP_URL=f"http://127.0.0.1:{self.https[0]}")
        return subprocess.run([str(BIN / "kithara"), *map(str, arguments)], env=settings, check=check, capture_output=True,
                              text=True, timeout=timeout)

    def heal(self):
        """Everything runs, nothing is held."""
        for proxy in self.proxies.values():
            proxy.release()
        for server in (self.database, self.broker):
            server.thaw() if server.process.poll() is None else server.start()
        for program in [*self.coordinators, *self.nodes]:
            program.thaw() if program.alive() else program.start()
