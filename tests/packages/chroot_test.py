#!/usr/bin/python3
"""Packages in a clean Debian: installed by apt, used, half installed, removed; then started, upgraded and removed by systemd
(booted.py). Needs root, debootstrap and a mirror.

    chroot_test.py FOLDER-OF-PACKAGES [FOLDER-OF-OLDER-PACKAGES]      (run by `ops/package test`)

The clean system is made once by debootstrap, with this system's apt sources, and copied for each run.
"""
import contextlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import wave

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from booted import check_booted  # noqa: E402
from images import ask, check_images, free_ports  # noqa: E402

APT = ["etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/apt.conf.d", "etc/apt/keyrings", "etc/apt/auth.conf.d", "etc/resolv.conf",
       "etc/ssl/certs"]
FEATURES = ("spectral", "mir", "perceptual")


def say(text):
    print(text, flush=True)


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def mirror():
    out = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"], check=True,
                         capture_output=True, text=True).stdout
    release = next(line.split("=")[1].strip() for line in open("/etc/os-release") if line.startswith("VERSION_CODENAME="))
    return release, next(uri for uri, name in (line.split() for line in out.splitlines()) if name == release)


def clean_system(folder):
    """A minimal Debian, kept for the next run."""
    if (folder / "complete").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    release, uri = mirror()
    subprocess.run(["debootstrap", "--variant=minbase", release, folder, uri], check=True, stdout=subprocess.DEVNULL)
    (folder / "complete").touch()


def copy_apt(root):
    for name in APT:
        source, target = pathlib.Path("/") / name, root / name
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, symlinks=False, ignore_dangling_symlinks=True)
        elif source.exists():
            target.unlink(missing_ok=True)
            shutil.copy(source, target)
    policy = root / "usr/sbin/policy-rc.d"  # no service is started by a package: there is no systemd
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)


class Chroot:
    def __init__(self, root):
        self.root = root

    def __enter__(self):
        for name in ("proc", "dev"):
            subprocess.run(["mount", "--rbind", f"/{name}", self.root / name], check=True)
            subprocess.run(["mount", "--make-rslave", self.root / name], check=True)
        return self

    def __exit__(self, *_):
        for name in ("dev", "proc"):
            subprocess.run(["umount", "-l", self.root / name], check=True)

    def run(self, *command, user=None, check=True, **more):
        words = ["runuser", "-u", user, "--", *command] if user else list(command)
        done = subprocess.run(["chroot", self.root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
                               "DEBIAN_FRONTEND=noninteractive", *words], capture_output=True, text=True, timeout=900, **more)
        expect(not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done


@contextlib.contextmanager
def fresh(base):
    """A copy of the clean system."""
    with tempfile.TemporaryDirectory(prefix="kithara-chroot-") as folder:
        root = pathlib.Path(folder) / "root"
        subprocess.run(["cp", "-a", base, root], check=True)
        copy_apt(root)
        with Chroot(root) as chroot:
            yield chroot


def song(path, seconds=20):
    """Two notes and a click on each half second."""
    rate = 22050
    samples = []
    for i in range(seconds * rate):
        beat = i % (rate // 2)
        note = (i // (2 * rate)) % 2
        wave_at = (i * (440, 660)[note] * 2 // rate) % 2 * 2 - 1
        samples.append(int(3000 * wave_at + (20000 * (-1) ** i if beat < 200 else 0)))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def installed(chroot):
    return set(chroot.run("dpkg-query", "-W", "-f", "${Package}\n").stdout.split())


def install(chroot, packages, *more):
    chroot.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *more, *[f"/packages/{path.name}" for path in packages])


def check_alone(chroot, began, before):
    """A file by the command line alone; what needs the other packages names them."""
    music = chroot.root / "music"
    music.mkdir()
    song(music / "song.wav")
    document = json.loads(chroot.run("kithara", "analyze", "--jsonl", "/music/song.wav").stdout)
    expect(document["success"], document)
    say(f"apt install of kithara-cli to a finished analysis: {time.monotonic() - began:.0f} s, {len(installed(chroot) - before)} packages pulled")
    done = chroot.run("kithara", "run", "/music", check=False)
    expect(done.returncode == 1 and "packages: install kithara-coordinator" in done.stderr, done.stderr)


def check_hidden_library(chroot):
    """A library of the decoder that is gone is named."""
    library = next((chroot.root / "usr/lib").rglob("libavformat.so.59"))
    library.rename(library.with_name("hidden"))
    done = chroot.run("kithara", "analyze", "/music/song.wav", check=False)
    library.with_name("hidden").rename(library)
    expect(done.returncode == 1 and "libavformat.so.59" in done.stderr and "a library that it needs is missing" in done.stderr, done.stderr)


def check_models(chroot):
    """The fetcher has its own manual page, and finds the program that it checks."""
    expect("kithara-models fetch" in chroot.run("kithara-models", "--help").stdout, "kithara-models")
    expect((chroot.root / "usr/share/man/man8/kithara-models.8.gz").exists(), "its manual page")
    (chroot.root / "python").write_text("#!/bin/sh\necho \"$@\"\n")
    (chroot.root / "python").chmod(0o755)
    done = chroot.run("env", "KITHARA_PYTHON=/python", "kithara-models", "check").stdout.split()
    program = done[done.index("--kithara") + 1]
    expect(program == "/usr/bin/kithara", program)


def check_monitoring(chroot):
    folder = chroot.root / "usr/share/kithara"
    expect(json.loads((folder / "monitoring/grafana.json").read_text())["panels"], "the dashboard")
    expect("groups:" in (folder / "monitoring/alerts.yml").read_text(), "the alert rules")
    expect(os.access(folder / "fleet/kithara-node.sbatch", os.X_OK) and (folder / "fleet/kubernetes/coordinator.yaml").exists(), "fleet files")


def check_use(chroot):
    """A folder of music, with a farm on this machine."""
    done = chroot.run("kithara", "analyze", "--jsonl", "/music/song.wav")
    document = json.loads(done.stdout)
    expect(document["success"] and all(document["features"].get(group) for group in FEATURES), f"features: {done.stdout[:300]}")
    expect("test faults" not in chroot.run("kithara", "--version").stdout, "no test faults in packages")
    done = chroot.run("kithara", "--set", "ANALYZER_TEST_FAULT=noop", "analyze", "/music/song.wav", check=False)
    expect(done.returncode == 2 and "no test faults" in done.stderr, done.stderr)
    done = chroot.run("kithara", "run", "/music")
    expect("song.wav" in done.stdout, done.stdout)
    expect("kithara-run" in chroot.run("kithara", "docs", "man").stdout, "pages")
    expect((chroot.root / "usr/share/man/man1/kithara-run.1.gz").exists() or (chroot.root / "usr/share/man/man5").exists(), "man pages")


def check_services(chroot):
    """Users, folders, modes and units."""
    chroot.run("systemd-sysusers")
    chroot.run("systemd-tmpfiles", "--create", "kithara-coordinator.conf", "kithara-node.conf")
    for name in ("coordinator", "node"):
        conf = (chroot.root / f"etc/kithara/{name}.conf").stat()
        state = (chroot.root / f"var/lib/kithara-{name}").stat()
        expect(conf.st_mode & 0o777 == 0o640 and state.st_mode & 0o777 == 0o700, f"{name}: modes {conf.st_mode:o} {state.st_mode:o}")
        expect(conf.st_gid == state.st_gid != 0 and state.st_uid != 0 == conf.st_uid, f"{name}: owners")
    units = [f"/lib/systemd/system/kithara-{name}.service" for name in ("coordinator", "node", "node@")]
    done = chroot.run("systemd-analyze", "verify", "--man=no", *units, check=False)
    expect("kithara" not in done.stderr or done.returncode == 0, done.stderr)
    for unit in units:
        text = chroot.run("systemd-analyze", "security", "--offline=true", "--threshold=30", unit).stdout
        say(text.strip().splitlines()[-1])


def service(chroot, name, *settings):
    """The program of a unit, with its file of settings and its user."""
    words = [word for setting in settings for word in ("--set", setting)]
    return subprocess.Popen(["chroot", chroot.root, "env", "-i", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "setpriv", "--reuid", name, "--regid", name,
                             "--clear-groups", name, "--config", f"/etc/kithara/{name.removeprefix('kithara-')}.conf", *words],
                            stdout=subprocess.DEVNULL, stderr=open(chroot.root / f"{name}.log", "ab"))


def check_hosts(chroot, hosts=20):
    """docs/operations.md, Node: one token, the same lines in node.conf on each host. Hosts are processes with state of their own."""
    http, router = free_ports(2)
    (chroot.root / "etc/kithara/coordinator.conf").open("a").write(f"ANALYZER_HTTP_BIND=127.0.0.1:{http}\nANALYZER_ROUTER_BIND=tcp://127.0.0.1:{router}\n")
    cli = ("kithara", "--config", "/etc/kithara/coordinator.conf", "--set", f"ANALYZER_HTTP_URL=http://127.0.0.1:{http}")
    began, nodes = time.monotonic(), []
    coordinator = service(chroot, "kithara-coordinator")
    try:
        wait_until(lambda: ask(http, "/readyz")[0] == 200, chroot, "the coordinator is ready")
        token = chroot.run(*cli, "keys", "token", "new", "--ttl", "1h").stdout.strip()
        (chroot.root / "etc/kithara/node.conf").open("a").write(
            f"ANALYZER_COORDINATORS=tcp://127.0.0.1:{router}\nANALYZER_JOIN_TOKEN={token}\nANALYZER_MEDIA_ROOTS=/music\nANALYZER_WORKERS=1\n")
        nodes = [service(chroot, "kithara-node", f"ANALYZER_NODE_NAME=host-{i}", f"ANALYZER_STATE_DIR=/var/lib/kithara-node/{i}") for i in range(hosts)]
        wait_until(lambda: ask(http, "/v1/status")[1].get("nodes", {}).get("live") == hosts, chroot, f"{hosts} nodes")
        say(f"{hosts} hosts with one join token: {time.monotonic() - began:.1f} s from the coordinator's start")
        chroot.run(*cli, "submit", "/music/song.wav")
        wait_until(lambda: ask(http, "/v1/queue")[1].get("done") == 1, chroot, "the file is analysed")
    finally:
        for process in [*nodes, coordinator]:
            process.terminate()
        for process in [*nodes, coordinator]:
            process.wait(60)


def wait_until(condition, chroot, what):
    end = time.monotonic() + 120
    while not condition():
        expect(time.monotonic() < end, what + "\n" + "".join(path.read_text()[-2000:] for path in chroot.root.glob("kithara-*.log")))
        time.sleep(0.1)


def check_removal(chroot):
    names = sorted(name for name in installed(chroot) if "kithara" in name)
    chroot.run("apt-get", "purge", "-y", "-qq", *names)
    left = [str(path.relative_to(chroot.root)) for folder in ("usr", "etc", "lib") for path in (chroot.root / folder).rglob("*kithara*")
            if "share/doc" not in str(path)]
    expect(not left, f"left behind: {left}")


def package_of(packages, name):
    return next(path for path in packages if path.name.split("_")[0] == name)


def served_of(packages):
    return [package_of(packages, f"kithara-{name}") for name in ("cli", "coordinator", "node", "decode")]


def check_half_installed(chroot, packages):
    """Packages that are not configured, or whose other half was removed by force: what is missing is named, and apt completes them."""
    cli, decode, node = (package_of(packages, f"kithara-{name}") for name in ("cli", "decode", "node"))

    def expect_named():
        done = chroot.run("kithara", "analyze", "/music/song.wav", check=False)
        expect(done.returncode == 1 and "kithara-decode" in done.stderr, done.stderr)

    chroot.run("dpkg", "--unpack", f"/packages/{cli.name}", f"/packages/{node.name}")
    expect_named()
    done = chroot.run("dpkg", "--configure", "-a", check=False)
    expect(done.returncode != 0 and "depends on kithara-decode" in done.stderr, done.stderr)
    install(chroot, [decode], "--fix-broken")
    states = chroot.run("dpkg-query", "-W", "-f", "${Package} ${Status}\n", "kithara-*").stdout.splitlines()
    expect(len([state for state in states if state.endswith("install ok installed")]) == 3, states)
    chroot.run("kithara", "analyze", "/music/song.wav")
    chroot.run("dpkg", "--purge", "--force-depends", "kithara-decode")
    expect_named()
    install(chroot, [decode], "--fix-broken")
    chroot.run("kithara", "analyze", "/music/song.wav")


def main():
    packages = sorted(pathlib.Path(sys.argv[1]).glob("*.deb"))
    older = sorted(pathlib.Path(sys.argv[-1]).glob("*.deb"))
    expect(packages and older, f"no packages in {sys.argv[1:]}: ops/package deb builds them")
    if os.getuid() != 0 or not shutil.which("debootstrap"):
        say("not run: needs root and debootstrap")
        sys.exit(77)
    base = pathlib.Path(sys.argv[1]) / "clean-system"
    clean_system(base)
    with fresh(base) as chroot:
        root = chroot.root
        (root / "packages").mkdir()
        wanted = [path for path in packages if "kithara-cuda" not in path.name]
        for path in wanted:
            shutil.copy(path, root / "packages")
        chroot.run("apt-get", "update", "-qq")
        before, began = installed(chroot), time.monotonic()
        install(chroot, [path for path in wanted if path.name.split("_")[0] in ("kithara-cli", "kithara-decode")])
        check_alone(chroot, began, before)
        install(chroot, [path for path in wanted if path.name.split("_")[0] not in ("libkithara-dev", "kithara-models")])
        check_use(chroot)
        install(chroot, wanted, "systemd")
        check_services(chroot)
        check_hosts(chroot)
        check_monitoring(chroot)
        check_hidden_library(chroot)
        check_models(chroot)
        check_removal(chroot)
        check_half_installed(chroot, wanted)
        check_removal(chroot)
        check_booted(root, served_of(wanted), served_of(older))
        say(f"ok: started, watched, drained, upgraded from {'older code' if older != packages else 'the same code'} and removed by systemd")
    with tempfile.TemporaryDirectory(prefix="kithara-song-") as folder:
        song(pathlib.Path(folder) / "song.wav")
        target = check_images(lambda: fresh(base), sys.argv[1], pathlib.Path(folder) / "song.wav")
    say(f"ok: the steps of the images coordinator and {target}, and a file analysed by them")
    say("ok: installed, used, half installed, removed")


if __name__ == "__main__":
    main()
