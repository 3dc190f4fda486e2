"""Media for tests and benchmarks: real tracks that ops/setup installs (or one's own folder), and the oracle's environment."""
import json
import os
import pathlib
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


def tracks(count, folder=None):
    """The first `count` tracks by name that last 30 s to 10 min, from `folder`, KITHARA_MEDIA_PATH or the packaged music."""
    folder = pathlib.Path(folder or os.environ.get("KITHARA_MEDIA_PATH") or MUSIC)
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in KINDS):
        if len(found) < count and 30 <= seconds(path) <= 600:
            found.append(path)
    if not found:
        sys.exit(f"no music in {folder}: ops/setup --tests installs some, --media-path names another folder")
    return found


def oracle_python():
    """Python of an environment that has the oracle's pinned modules; made once, beside the build."""
    home = BUILD / "oracle-venv"
    python = home / "bin" / "python"
    wanted = (ROOT / "tests/oracle/requirements.txt").read_text(encoding="utf-8")
    # Essentia is AGPL guidance for people, never part of a test run.
    lines = [l for l in wanted.splitlines() if l and not l.startswith("#") and not l.startswith(("essentia", "PyYAML", "six"))]
    stamp = home / "installed.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == "\n".join(lines):
        return str(python)
    base = next((p for p in ("python3.11", "python3") if subprocess.run(["which", p], capture_output=True).returncode == 0))
    subprocess.run([base, "-m", "venv", "--clear", str(home)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *lines], check=True)
    stamp.write_text("\n".join(lines), encoding="utf-8")
    return str(python)
