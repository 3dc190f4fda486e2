"""Media for tests and benchmarks: real tracks that ops/setup installs (or one's own folder), and the oracle's environment."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
MUSIC = pathlib.Path("/usr/share/games/wesnoth/1.16/data/core/music")
BUILD = pathlib.Path(os.environ.get("KITHARA_BUILD", ROOT / "build"))
KINDS = {".ogg", ".mp3", ".flac", ".wav", ".m4a", ".opus"}


def seconds(path):
    out = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "json", str(path)], check=True,
                         capture_output=True, text=True).stdout
    return float(json.loads(out)["format"]["duration"])


def music():
    """The folder of real music: KITHARA_MEDIA_PATH or what ops/setup installs."""
    return pathlib.Path(os.environ.get("KITHARA_MEDIA_PATH") or MUSIC)


def tracks(count, folder=None):
    """The first `count` tracks by name that last 30 s to 10 min, from `folder`, KITHARA_MEDIA_PATH or the packaged music."""
    folder = pathlib.Path(folder) if folder else music()
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in KINDS):
        if len(found) < count and 30 <= seconds(path) <= 600:
            found.append(path)
    if not found:
        sys.exit(f"no music in {folder}: ops/setup --tests installs some, --media-path names another folder")
    return found


def environment(name, wanted):
    """Python of an environment with these requirements, made once beside the build. None (and a message) when they cannot be installed."""
    home = BUILD / f"{name}-venv"
    python, stamp, listed = home / "bin/python", home / "installed.txt", BUILD / f"{name}-requirements.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return str(python)
    print(f"making the environment of {name} (once)", file=sys.stderr, flush=True)
    base = shutil.which("python3.11") or sys.executable
    try:
        listed.write_text(wanted, encoding="utf-8")
        subprocess.run([base, "-m", "venv", "--clear", home], check=True, timeout=300)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", listed], check=True, timeout=1200)
    except (subprocess.SubprocessError, OSError) as problem:
        print(f"no environment of {name}: {problem}", file=sys.stderr)
        return None
    stamp.write_text(wanted, encoding="utf-8")
    return str(python)


def requirements():
    """The oracle's pinned modules; what only Essentia needs."""
    return (ROOT / "tests/oracle/requirements.txt").read_text(encoding="utf-8").split("# only for essentia")


def oracle_python():
    """Python that has librosa; KITHARA_ORACLE_PYTHON names another. None when the packages cannot be had."""
    return os.environ.get("KITHARA_ORACLE_PYTHON") or environment("oracle", requirements()[0])


def essentia_python():
    """Python that has Essentia: AGPL, a peer for benchmarks, never part of a test run or of the product."""
    numpy = next(line for line in requirements()[0].splitlines() if line.startswith("numpy"))
    return environment("essentia", numpy + "\n#" + requirements()[1])
