"""The images of packaging/fleet/Containerfile: their steps in copies of a clean Debian, then a coordinator and a node from
them as their users, with the keys as Kubernetes mounts a secret, a join token, and a file analysed.

The base is debootstrap's minimal system instead of debian:12-slim; processes and network are those of this machine."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

from containerfile import execute, stages

CONTAINERFILE = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "fleet" / "Containerfile"
PATIENCE_S = 60


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Container:
    """A program of an image: the environment, the user and the entry point are the image's."""

    def __init__(self, stage, chroot, **environment):
        self.stage, self.chroot = stage, chroot
        self.environment = {**stage.env, **environment}
        self.process = None

    def words(self, command):
        uid, gid = self.stage.user.split(":")
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        return ["chroot", self.chroot.root, "env", "-i", "PATH=/usr/bin:/bin", "HOME=/nonexistent", "setpriv", "--reuid", uid, "--regid", gid,
                "--clear-groups", "--no-new-privs", "--bounding-set=-all", "env", *settings, *command]

    def start(self):
        log = open(self.chroot.root / "log", "ab")
        self.process = subprocess.Popen(self.words(self.stage.entrypoint), stdout=log, stderr=subprocess.STDOUT)

    def run(self, *command):
        done = subprocess.run(self.words(command), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def text(self):
        return (self.chroot.root / "log").read_text(errors="replace")

    def stop(self):
        """SIGTERM, as container runtimes do; the exit status."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            return self.process.wait(90)
        return self.process.returncode if self.process else None


def ask(port, path, token=None, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", None if body is None else json.dumps(body).encode())
    if token:
        request.add_header("Authorization", "Bearer " + token)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except (urllib.error.URLError, ConnectionError) as error:
        return getattr(error, "code", 0), {}


def until(condition, what, containers):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE_S} s\n" + "\n".join(one.text()[-3000:] for one in containers)
        time.sleep(0.1)


def mount_keys(coordinator):
    """A pair of keys as a volume of a secret: root's, readable by the group, behind links, in a folder that is read-only."""
    made = coordinator.chroot.root / "made"
    made.mkdir(mode=0o700)
    os.chown(made, *map(int, coordinator.stage.user.split(":")))
    coordinator.run("/usr/bin/kithara", "keys", "new", "--out", "/made")
    keys = coordinator.chroot.root / coordinator.environment["ANALYZER_STATE_DIR"].lstrip("/") / "keys"
    (keys / "..data").mkdir(parents=True)
    gid = int(coordinator.stage.user.split(":")[1])
    for kind in ("public", "secret"):
        target = keys / "..data" / f"coordinator.{kind}"
        shutil.move(made / f"node.{kind}", target)
        os.chown(target, 0, gid)
        target.chmod(0o440)
        (keys / f"coordinator.{kind}").symlink_to(f"..data/coordinator.{kind}")
    for folder in (keys, keys / "..data"):
        os.chown(folder, 0, gid)
        folder.chmod(0o550)


def check_farm(coordinator, node, song):
    """A join token from the coordinator's container, a node that enters with it, a file, the order to end."""
    http, router = free_ports(2)
    both = (coordinator, node)
    token = "token-of-the-secret-" + os.urandom(8).hex()
    coordinator.environment.update(ANALYZER_HTTP_BIND=f"127.0.0.1:{http}", ANALYZER_ROUTER_BIND=f"tcp://127.0.0.1:{router}",
                                   ANALYZER_HTTP_TOKEN=token, ANALYZER_HTTP_URL=f"http://127.0.0.1:{http}", ANALYZER_COORDINATOR_NAME="c1")
    mount_keys(coordinator)
    coordinator.start()
    until(lambda: ask(http, "/readyz")[0] == 200, "the coordinator is ready", [coordinator])
    coordinator.run("/usr/bin/kithara", "status")  # the health check of compose.yaml
    join = coordinator.run("/usr/bin/kithara", "keys", "token", "new", "--ttl", "1h").strip()
    shutil.copy(song, node.chroot.root / "media" / "song.wav")
    node.environment.update(ANALYZER_COORDINATORS=f"tcp://127.0.0.1:{router}", ANALYZER_JOIN_TOKEN=join, ANALYZER_NODE_NAME="kithara-node-0",
                            ANALYZER_WORKERS="1")
    node.start()
    (node.chroot.root / "media").chmod(0o755)
    ask(http, "/v1/jobs", token, {"messages": [{"message_id": "song", "file_path": "/media/song.wav"}]})
    until(lambda: ask(http, "/v1/queue", token)[1].get("done") == 1, "the file is analysed", both)
    document = ask(http, "/v1/results/song", token)[1]
    assert document["success"] and document["features"]["mir"], document
    assert (node.stop(), coordinator.stop()) == (0, 0), [one.text()[-2000:] for one in both]


def check_images(new_chroot, packages, song):
    """new_chroot(): a context of a fresh Chroot. packages: the folder of packages."""
    built = stages(CONTAINERFILE)
    with new_chroot() as first, new_chroot() as second:
        execute(built["coordinator"], first, packages)
        target = "node-cuda" if list(pathlib.Path(packages).glob("kithara-cuda_*.deb")) else "node"
        execute(built[target], second, packages)
        coordinator, node = Container(built["coordinator"], first), Container(built[target], second)
        try:
            check_farm(coordinator, node, song)
        finally:
            for one in (node, coordinator):
                one.stop()
    return target
