"""Private servers for tests: PostgreSQL, RabbitMQ, Redis, each in a folder of its own on a free loopback port, ended by
its own process id. They can be killed, frozen, stopped and started again on the same port with the same data.

    with Postgres() as database, RabbitMQ() as broker:
        environment(DATABASE_URL=database.url, AMQP_CONNECTION_STRING=broker.url)
"""
import atexit
import ctypes
import glob
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_S = 180  # a broker needs 5 s, and 45 s on a machine whose cores are shared by ten
STOP_S = 60
_running = []


def die_with_parent():
    """In the child: end when the test does, however it ends (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


# A shell that waits for the end of the test on its standard input. A line means that the server has already ended. End of file
# without a line means that the test was killed: the shell kills the server ($1), its process group and its direct children
# (PostgreSQL's lead sessions of their own), and removes the folder ($2). Children are listed before the first signal, because
# an orphan cannot be found by its parent. SIGKILL also ends a frozen process.
WATCH = """read line && exit
kill -s KILL -- -$1 $1 $(cat /proc/$1/task/*/children)
for turn in 1 2 3 4 5; do rm -rf -- "$2" && exit; sleep 0.2; done  # again while an ending process still creates files
"""


def watch(pid, folder):
    """Starts a process that ends the server `pid` when this process ends for any reason. It has its own session, so that a
    signal to the test's group does not end it first."""
    return subprocess.Popen(["/bin/sh", "-c", WATCH, "watch", str(pid), str(folder)], stdin=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


@atexit.register
def close_all():
    for server in list(_running):
        server.close()


def free_ports(count):
    """Ports that were free a moment ago; all held together, so that they differ."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Server:
    """Common life: a folder, a process (in a group of its own, with its children), a port that answers."""

    user = None  # the user for a program that refuses to run as root

    def __init__(self, **options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kithara-server-"))
        self.process = None
        self.watcher = None
        self.port, *self.more_ports = free_ports(4)
        _running.append(self)
        self.prepare()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def as_user(self):
        """Options of Popen that drop root for `user`, and give it the folder."""
        if os.getuid() or not self.user:
            return {}
        entry = pwd.getpwnam(self.user)
        for path in [self.folder, *self.folder.rglob("*")]:
            os.chown(path, entry.pw_uid, entry.pw_gid)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), env=self.environment(), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.folder, **self.as_user())
        self.watcher = watch(self.process.pid, self.folder)
        deadline = time.monotonic() + START_S
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{type(self).__name__} does not start:\n{self.text()[-3000:]}")
            time.sleep(0.05)  # the poll's step; the deadline decides

    def send(self, number):
        os.killpg(self.process.pid, number)

    def kill(self):
        """kill -9 of all of it; the data stays."""
        if self.process and self.process.poll() is None:
            self.send(signal.SIGKILL)
        if self.process:
            self.process.wait(STOP_S)
        if self.watcher:
            self.watcher.communicate(b"ended\n", STOP_S)
            self.watcher = None

    def stop(self):
        """An orderly end; the data stays."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    stop_signal = signal.SIGTERM

    def restart(self):
        self.stop()
        self.start()

    def freeze(self):
        self.send(signal.SIGSTOP)

    def thaw(self):
        self.send(signal.SIGCONT)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self in _running:
            _running.remove(self)

    def text(self):
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def environment(self):
        return {**os.environ, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}

    def prepare(self):
        pass

    def sign(self, name, more):
        """A key and a certificate, NAME.key and NAME.pem in the folder; more: what openssl req is told beside it."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-keyout", self.folder / f"{name}.key", "-out", self.folder / f"{name}.pem", *more],
                       check=True, capture_output=True)

    def answers(self, greeting=b"", port=None):
        """Whether the port accepts a connection and answers a greeting."""
        try:
            with socket.create_connection(("127.0.0.1", port or self.port), 1) as probe:
                probe.settimeout(1)
                probe.sendall(greeting)
                return bool(probe.recv(1)) if greeting else True
        except OSError:
            return False


class Postgres(Server):
    """options: settings=dict of postgresql.conf."""

    user = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown: does not wait for clients

    def programs(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not found:
            raise RuntimeError("PostgreSQL is not installed: ops/setup --tests")
        return pathlib.Path(found[-1])

    def prepare(self):
        (self.folder / "data").mkdir()
        subprocess.run([self.programs() / "initdb", "-D", self.folder / "data", "-U", "kithara", "-A", "trust", "-E", "UTF8",
                        "--locale=C.UTF-8", "--no-sync"], check=True, capture_output=True, cwd=self.folder, **self.as_user())

    def command(self):
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder,
                    "max_connections": 50, **self.options.get("settings", {})}
        return [self.programs() / "postgres", "-D", self.folder / "data", *[f"--{k}={v}" for k, v in settings.items()]]

    def everyone(self):
        """The postmaster and its children, each of which leads a session of its own."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, children.read_text().split())] if children.exists() else []

    def send(self, number):
        """To all of them: the postmaster first, so that it starts no more."""
        for pid in self.everyone():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def ready(self):
        return subprocess.run([self.programs() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0

    @property
    def url(self):
        return f"postgresql://kithara@127.0.0.1:{self.port}/postgres"

    def connect(self):
        import psycopg2
        connection = psycopg2.connect(self.url, connect_timeout=5)
        connection.autocommit = True
        return connection

    def sql(self, text, *values):
        """Rows of one statement."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


class RabbitMQ(Server):
    """options: config=text of rabbitmq.conf beside ours. epmd runs beside it, in the foreground, and ends with it."""

    def prepare(self):
        self.epmd = None
        config = f"listeners.tcp.1 = 127.0.0.1:{self.port}\nloopback_users.guest = true\n" + self.options.get("config", "")
        (self.folder / "rabbitmq.conf").write_text(config)
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / ".erlang.cookie").write_text("kitharatest")
        (self.folder / ".erlang.cookie").chmod(0o400)

    def environment(self):
        return {**super().environment(), "ERL_EPMD_PORT": str(self.more_ports[0]), "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODENAME": f"kithara{self.port}@localhost", "RABBITMQ_DIST_PORT": str(self.more_ports[1]),
                "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"), "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
                "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"), "RABBITMQ_LOGS": "-",
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}"}

    def start(self):
        if not self.epmd or self.epmd.poll() is not None:
            self.epmd = subprocess.Popen(["epmd", "-port", str(self.more_ports[0]), "-address", "127.0.0.1"],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                         preexec_fn=die_with_parent)
            deadline = time.monotonic() + START_S  # without one that listens Erlang starts a daemon, which would stay
            while not self.answers(port=self.more_ports[0]) and time.monotonic() < deadline:
                time.sleep(0.02)  # the poll's step; the deadline decides
        super().start()
        if self.seen:
            self.elect()

    def elect(self):
        """After a restart RabbitMQ 3.10 on a single node may leave a quorum queue without a leader for ever
        (rabbitmq-server issue 10070); an operator's remedy is this."""
        deadline = time.monotonic() + START_S
        while self.evaluate("""
                length([Q || Q <- rabbit_amqqueue:list(), amqqueue:get_type(Q) =:= rabbit_quorum_queue, begin
                    Id = {element(1, amqqueue:get_pid(Q)), node()},
                    Led = element(1, ra:members(Id, 1000)) =:= ok,
                    Led orelse ra:trigger_election(Id),
                    not Led
                end]).""") != "0":
            if time.monotonic() > deadline:
                raise RuntimeError(f"a queue has no leader:\n{self.text()[-3000:]}")

    def command(self):
        return ["/usr/lib/rabbitmq/bin/rabbitmq-server"]

    def ready(self):
        return "Server startup complete" in self.text()[self.seen:] and self.answers(b"AMQP\0\0\x09\1")

    seen = 0

    def kill(self):
        super().kill()
        self.seen = len(self.text())

    def close(self):
        self.kill()
        if self.epmd:
            self.epmd.kill()
            self.epmd.wait(STOP_S)
        super().close()

    @property
    def url(self):
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def control(self, *arguments):
        """rabbitmqctl; takes seconds."""
        return subprocess.run(["/usr/lib/rabbitmq/bin/rabbitmqctl", *arguments], env=self.environment(), check=True,
                              capture_output=True, text=True, timeout=START_S).stdout

    def evaluate(self, expression):
        """The value of an Erlang expression in the broker, as text. Takes milliseconds."""
        deadline = time.monotonic() + STOP_S
        while True:
            done = subprocess.run(["erl_call", "-sname", f"kithara{self.port}@localhost", "-c", "kitharatest", "-e"],
                                  env=self.environment(), input=expression + "\n", capture_output=True, text=True,
                                  timeout=START_S, check=False)
            # 1 and no value: refused while an earlier call, of the same name, is still connected. Nothing was evaluated.
            if done.returncode != 1 or done.stdout or time.monotonic() > deadline:
                break
            time.sleep(0.1)  # the step of a poll with a deadline
        value = re.fullmatch(r"\{ok, (.*)\}", done.stdout.strip(), re.DOTALL)
        if not value:
            raise RuntimeError(f"{expression}: {done.stdout}{done.stderr}")
        return value.group(1)

    def save_declarations(self):
        """Queues, exchanges and bindings reach the disk seconds after they are declared (Mnesia's log, Ra's directory of queues): a
        broker that is killed before that has lost them, and the messages of such a queue. Confirmed messages do not wait."""
        self.evaluate("mnesia:sync_log(), [dets:sync(Table) || Table <- dets:all()], ok.")

    def connect(self):
        """A connection without heartbeats: a test that waits for something else does not serve it."""
        import pika
        return pika.BlockingConnection(pika.URLParameters(self.url + "?socket_timeout=10&heartbeat=0"))


class Redis(Server):
    """tls=True: a second port, tls_port, speaks TLS with a certificate of localhost that `authority` has signed."""

    def prepare(self):
        if self.options.get("tls"):
            self.tls_port = self.more_ports[0]
            self.authority = self.folder / "authority.pem"
            self.sign("authority", ["-addext", "basicConstraints=critical,CA:TRUE"])
            self.sign("server", ["-addext", "subjectAltName=DNS:localhost", "-CA", self.authority, "-CAkey", self.folder / "authority.key"])

    def command(self):
        tls = ["--tls-port", str(self.tls_port), "--tls-cert-file", "server.pem", "--tls-key-file", "server.key",
               "--tls-ca-cert-file", "authority.pem", "--tls-auth-clients", "no"] if self.options.get("tls") else []
        return ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self.folder), *tls]

    def ready(self):
        return self.answers(b"PING\r\n")

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"
