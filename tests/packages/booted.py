"""The packages under systemd: a Debian in a folder whose process 1 is systemd, with processes, network, names and control groups of
its own. What the pages say is done there by apt and systemctl: start, watchdog, drain, upgrade, removal. Needs root.

The network is a loopback interface alone, so everything that the packages depend on is installed before."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import children, expect  # noqa: E402

PATIENCE_S = 90
OLDER = "0.0.1"
CONF = pathlib.Path("etc/kithara")
COORDINATOR, NODE = "kithara-coordinator.service", "kithara-node.service"
KITHARA = ("kithara", "--config", f"/{CONF}/coordinator.conf")

# Process 1 before it is systemd. $1: the system's folder. /proc/sys and /sys are read-only, so that nothing outside is changed.
BOOT = """
set -e
mount --rbind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mount -t tmpfs -o mode=755 tmpfs run
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"; done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
pivot_root . .
umount -l .
exec chroot . env -i container=kithara PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target
"""


class Booted:
    def __init__(self, root):
        self.root = pathlib.Path(root)

    def __enter__(self):
        self.groups = pathlib.Path(tempfile.mkdtemp(prefix="kithara-groups-"))
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", self.groups], check=True)
        self.group = self.groups / f"kithara-test-{os.getpid()}"
        self.group.mkdir()
        self.log = open(self.root / "boot.log", "wb")
        enter = 'echo 0 >"$1/cgroup.procs" && exec unshare --cgroup --pid --fork --kill-child --mount --net --uts --ipc sh -c "$2" sh "$3"'
        self.process = subprocess.Popen(["sh", "-c", enter, "sh", self.group, BOOT, self.root], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        try:
            self.until(self.booted, "systemd has started its units")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()  # --kill-child: process 1 ends, and with it all of its name space
        self.process.wait()
        self.log.close()
        self.until(self.remove_groups, "its processes have ended")
        subprocess.run(["umount", self.groups], check=True)
        self.groups.rmdir()

    def remove_groups(self):
        try:
            for folder, _, _ in os.walk(self.group, topdown=False):
                os.rmdir(folder)
        except OSError:
            return False
        return True

    def until(self, condition, what, seconds=PATIENCE_S):
        end = time.monotonic() + seconds
        while not (value := condition()):
            expect(time.monotonic() < end, f"{what}: not within {seconds} s\n{self.journal()}")
            time.sleep(0.1)  # the poll's step
        return value

    def booted(self):
        expect(self.process.poll() is None, (self.root / "boot.log").read_text())
        return self.run("systemctl", "is-active", "multi-user.target", check=False).stdout.strip() == "active"

    def run(self, *command, check=True, **more):
        first = children(self.process.pid)
        if not first:  # not even process 1
            return subprocess.CompletedProcess(command, 1, "", "")
        done = subprocess.run(["nsenter", "--target", str(first[0]), "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd",
                               "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
                               "DEBIAN_FRONTEND=noninteractive", *map(str, command)], capture_output=True, text=True, timeout=600, **more)
        expect(not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done

    def journal(self, unit=None):
        units = ("-u", unit) if unit else ()
        return self.run("journalctl", "--no-pager", "-n", "60", "-o", "cat", *units, check=False).stdout

    def lines(self, word):
        """How many lines of the journal have this word."""
        return self.run("journalctl", "--no-pager", "-o", "cat", check=False).stdout.count(word)

    def show(self, unit, name):
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def is_active(self, unit):
        return self.show(unit, "ActiveState") == "active"

    def ask(self, path):
        """The answer of the coordinator's API, which serves on the loopback interface in there."""
        return json.loads(self.run(*KITHARA, path, "-o", "json").stdout)

    def done(self):
        return self.ask("queue")["done"]

    def apt(self, verb, *words):
        self.run("apt-get", verb, "-y", "-qq", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", *words)


def older_package(package, folder):
    """A package as one of a version before, whose settings had another last line."""
    with tempfile.TemporaryDirectory(prefix="kithara-older-") as scratch:
        tree = pathlib.Path(scratch) / "tree"
        subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
        control = tree / "DEBIAN" / "control"
        version = re.search(r"^Version: (\S+)$", control.read_text(), re.M)[1]
        control.write_text(control.read_text().replace(version, OLDER))
        for conf in (tree / CONF).glob("*.conf"):
            conf.write_text(conf.read_text() + "# of the version before\n")
        subprocess.run(["dpkg-deb", "-b", "-Znone", "--root-owner-group", tree, folder / package.name], check=True, stdout=subprocess.DEVNULL)


def settle(host, unit, text):
    """A drop-in of the unit, and the program started with it."""
    folder = host.root / "etc/systemd/system" / f"{unit}.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test.conf").write_text("[Service]\n" + text)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", unit)


def check_start(host):
    """As docs/install.md and docs/operations.md say: the coordinator serves when it is installed; a node is told its coordinator."""
    expect(host.is_active(COORDINATOR), host.journal(COORDINATOR))
    expect(host.run("systemctl", "is-enabled", NODE, check=False).stdout.strip() == "disabled", "a node is enabled without a coordinator")
    token = host.run(*KITHARA, "keys", "token", "new", "--ttl", "1h").stdout.strip()
    with (host.root / CONF / "node.conf").open("a") as conf:
        conf.write(f"ANALYZER_COORDINATORS=tcp://127.0.0.1:8711\nANALYZER_JOIN_TOKEN={token}\nANALYZER_MEDIA_ROOTS=/music\nANALYZER_WORKERS=1\n")
    host.run("systemctl", "enable", "--now", NODE)
    for unit in (COORDINATOR, NODE):
        expect(host.is_active(unit) and host.show(unit, "Type") == "notify", host.journal(unit))
    host.run(*KITHARA, "submit", "/music/song.wav")
    host.until(lambda: host.done() == 1, "the file is analysed")


def check_watchdog(host):
    """Both report to the watchdog; one that hangs is started again."""
    for unit in (COORDINATOR, NODE):
        settle(host, unit, "WatchdogSec=2\nTimeoutAbortSec=2\n")
        began = int(host.show(unit, "ExecMainStartTimestampMonotonic"))
        host.until(lambda: int(host.show(unit, "WatchdogTimestampMonotonic")) > began + 5_000_000, f"{unit} reports for 5 s")
        expect(host.show(unit, "NRestarts") == "0", host.journal(unit))
        hung = host.show(unit, "MainPID")
        host.run("systemctl", "kill", "--kill-whom=main", "-s", "STOP", unit)
        host.until(lambda: host.is_active(unit) and host.show(unit, "MainPID") not in (hung, "0"), f"{unit} is started again")
        expect(host.show(unit, "NRestarts") == "1" and "Watchdog timeout" in host.journal(unit), host.journal(unit))
        settle(host, unit, "")


def check_drain(host):
    """A node that is stopped finishes its files; a coordinator that is stopped keeps the rest."""
    before, lost = host.done(), host.lines("NODE-LOST")
    for number in range(8):
        shutil.copy(host.root / "music/song.wav", host.root / f"music/drain-{number}.wav")
    host.run(*KITHARA, "submit", *[f"/music/drain-{number}.wav" for number in range(8)])
    host.until(lambda: host.done() > before, "the first file of several")
    for unit in (NODE, COORDINATOR):
        host.run("systemctl", "stop", unit)
        expect((host.show(unit, "Result"), host.show(unit, "ExecMainStatus")) == ("success", "0"), host.journal(unit))
        expect("timed out" not in host.journal(unit), host.journal(unit))
    for unit in (COORDINATOR, NODE):
        host.run("systemctl", "start", unit)
    expect(host.lines("NODE-LOST") == lost, host.journal(COORDINATOR))
    host.until(lambda: host.done() == before + 8, "the other files")
    host.run(*KITHARA, "audit")


def check_reload(host):
    pid = host.show(COORDINATOR, "MainPID")
    host.run("systemctl", "reload", COORDINATOR)
    expect(host.is_active(COORDINATOR) and host.show(COORDINATOR, "MainPID") == pid, host.journal(COORDINATOR))


def owner(path):
    facts = path.stat()
    return f"{facts.st_mode & 0o7777:o} {facts.st_uid} {facts.st_gid}"


def stored(host):
    """The messages of all results, byte for byte."""
    return set(host.run(*KITHARA, "results", "--failed", "--history", "-o", "jsonl").stdout.splitlines())


def check_upgrade(host, packages):
    """Settings that were changed stay, others are those of the new version; both programs are new, every result is kept, and
    what waits or is in work at the upgrade ends after it."""
    kept, before, pids = stored(host), host.done(), [host.show(unit, "MainPID") for unit in (COORDINATOR, NODE)]
    for number in range(8):
        shutil.copy(host.root / "music/song.wav", host.root / f"music/upgrade-{number}.wav")
    (host.root / "music/empty.wav").touch()
    host.run(*KITHARA, "submit", "/music/empty.wav", *[f"/music/upgrade-{number}.wav" for number in range(8)])
    paths = [host.root / path for path in (CONF / "coordinator.conf", CONF / "node.conf", "var/lib/kithara-coordinator", "var/lib/kithara-node")]
    owners = [owner(path) for path in paths]
    expect("of the version before" in paths[0].read_text(), "an older version")
    host.apt("install", *packages)
    expect("of the version before" not in paths[0].read_text(), "settings that nobody changed are new")
    expect("ANALYZER_JOIN_TOKEN" in paths[1].read_text() and (host.root / CONF / "node.conf.dpkg-dist").exists(), "changed settings stay")
    expect([owner(path) for path in paths] == owners, f"{owners} {[owner(path) for path in paths]}")
    for unit, pid in zip((COORDINATOR, NODE), pids):
        host.until(lambda: host.is_active(unit), f"{unit} serves again")
        expect(host.show(unit, "MainPID") != pid, f"{unit}: the program is that of the version before")
    host.until(lambda: host.done() == before + 8 and host.ask("queue")["failed"] == 1, "what was in work ends")
    expect(len(kept) == before and kept < stored(host), f"{len(kept)} results before, of which {len(kept - stored(host))} are lost")
    host.run(*KITHARA, "audit")
    host.apt("install", "--reinstall", *packages)
    expect("ANALYZER_JOIN_TOKEN" in paths[1].read_text() and host.is_active(COORDINATOR) and host.is_active(NODE), host.journal())


def check_removal(host, packages):
    """Removed while they work: both end, settings stay until the packages are purged, jobs and users longer."""
    before, names = host.done(), [pathlib.Path(path).name.split("_")[0] for path in packages]
    host.apt("remove", *names)
    for unit in (COORDINATOR, NODE):
        expect(not host.is_active(unit), f"{unit} works without its package")
    expect((host.root / CONF / "node.conf").exists(), "removed settings")
    host.apt("install", *packages)
    host.until(lambda: host.is_active(COORDINATOR), "the coordinator works again")
    expect(host.run("systemctl", "is-enabled", NODE).stdout.strip() == "enabled", "the node would not be started at boot")
    host.run("systemctl", "start", NODE)
    expect(host.done() == before, "jobs were lost")
    host.apt("purge", *names)
    expect(not list(host.root.glob("etc/kithara/*.conf")), "settings of purged packages")
    links = [path for path in (host.root / "etc/systemd/system").rglob("kithara*") if path.is_symlink()]
    expect(not links, f"left behind: {links}")
    for name in ("kithara-coordinator", "kithara-node"):
        expect((host.root / "var/lib" / name).exists(), f"{name}: its state")
        host.run("getent", "passwd", name)


def check_booted(root, packages, older):
    """root: a system in which systemd and everything that the packages need is installed, and /music/song.wav. older: the packages
    of the version before, in the same order; they may be the same."""
    (root / "usr/sbin/policy-rc.d").unlink()  # packages may start their services
    for name in ("before", "after"):
        (root / name).mkdir()
    for package in older:
        older_package(package, root / "before")
    for package in packages:
        shutil.copy(package, root / "after")
    before, after = ([f"/{name}/{package.name}" for package in of] for name, of in (("before", older), ("after", packages)))
    with Booted(root) as host:
        host.apt("install", *before)
        check_start(host)
        check_watchdog(host)
        check_reload(host)
        check_drain(host)
        check_upgrade(host, after)
        check_removal(host, after)
