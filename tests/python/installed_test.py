#!/usr/bin/python3
"""ops/check python: the package as its users have it, installed by pip into an environment of its own.

KITHARA_FIX=yes stores new outputs in docs/python.ipynb.

The lines of docs/python.md are followed as they stand there; the types are checked; the notebook is executed; the beets plugin
sets fields with beets of Debian 12 and of PyPI. Exit code 77 without a network for the packages.
"""
import json
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import media  # noqa: E402
from harness import BIN, examples, expect, main, test  # noqa: E402

SKIPPED = 77
MYPY = "mypy==2.4.1\nnumpy==2.4.6\npandas-stubs==3.1.0.261029\n"
NOTEBOOK = "nbclient\nipykernel\nmatplotlib\npandas==3.1.1\npyarrow==26.0.1\n"
BEETS = {"beets-1.6": "beets==1.6.0\n", "beets-2": "beets==2.14.1\n"}
PIECES = 6
PITCHES = {"A": 220.0, "B": 246.94, "C#": 277.18, "D": 293.66, "E": 329.63, "F": 349.23, "F#": 369.99, "G#": 415.30}


def python_of(name, wanted):
    """Python of an environment with these modules and a fresh installation of the package."""
    python = media.environment(name, wanted)
    if not python:
        print(f"not run: no environment {name}", file=sys.stderr)
        sys.exit(SKIPPED)
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--force-reinstall", "--no-deps", copy_of_package()],
                   check=True, timeout=300)
    return python


def copy_of_package():
    """pip builds in the source folder, so it gets a copy."""
    copy = media.BUILD / "python-package"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "python", copy, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    return copy


def settings(folder, **more):
    """The programs on the PATH and nothing else that finds them, as after an installation."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KITHARA_", "ANALYZER_", "PYTHON"))}
    return {**kept, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), **more}


def run(command, folder, **more):
    done = subprocess.run([str(word) for word in command], cwd=folder, env=settings(folder, **more), capture_output=True, text=True,
                          timeout=600)
    expect(done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done.stdout


@test
def the_types_are_strict(folder):
    python = python_of("python-mypy", MYPY)
    print(run([python, "-m", "mypy", "--cache-dir", folder / "cache"],
              media.BUILD / "python-package").strip(), file=sys.stderr)


@test
def a_new_user_follows_the_page(folder):
    shutil.copytree(ROOT / "python", folder / "clone/python", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    music = folder / "Music"
    music.mkdir()
    for track in media.tracks(2):
        (music / track.name).symlink_to(track)
    (music / "damaged.flac").write_bytes(b"fLaC" + bytes(100))
    script, = examples("python.md", "sh", "Install")
    code, = examples("python.md", "python", "A folder as a DataFrame")
    (folder / "table.py").write_text(code.replace("/home/me/Music", str(music)) + f"""
assert not kithara.__file__.startswith({str(ROOT)!r}), kithara.__file__
assert len(table) == 3 and table.success.sum() == 2 and len(kithara.read({str(music)!r} + "/../messages.jsonl")) == 3
""", encoding="utf-8")
    script += "cd ~\nkithara analyze --jsonl -r Music > messages.jsonl || true  # one file is damaged\npython table.py\n"
    run(["bash", "-e", "-c", script], folder / "clone", HOME=str(folder))
    expect((folder / "music.parquet").stat().st_size > 10000, "the Parquet file")


def pictures_and_text(cell):
    """What a cell shows, without its pictures' bytes."""
    shown = []
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        shown.append((output["output_type"], output.get("text") or data.get("text/plain") if "image/png" not in data else "picture"))
    return shown


@test
def the_notebook_gives_its_outputs(folder):
    python, page = python_of("python-notebook", NOTEBOOK), ROOT / "docs/python.ipynb"
    music = folder / "music"
    music.mkdir()
    for track in media.tracks(PIECES, media.MUSIC):
        (music / track.name).symlink_to(track)
    code = f"""
import nbformat
from nbclient import NotebookClient
book = nbformat.read({str(page)!r}, 4)
NotebookClient(book, timeout=300, kernel_name="python3", record_timing=False).execute()
nbformat.write(book, "executed.ipynb")
"""
    run([python, "-c", code], folder, MUSIC=str(music), MPLBACKEND="module://matplotlib_inline.backend_inline")
    text = (folder / "executed.ipynb").read_text(encoding="utf-8")
    expect(len(text) < 100000 and str(folder) not in text and str(ROOT) not in text, f"{len(text)} bytes, or a path of this machine")
    if os.environ.get("KITHARA_FIX") == "yes":
        page.write_text(text, encoding="utf-8")
    before, after = (json.loads(book)["cells"] for book in (page.read_text(encoding="utf-8"), text))
    for old, new in zip(before, after, strict=True):
        expect(pictures_and_text(old) == pictures_and_text(new), f"{''.join(old['source'])}\n{pictures_and_text(old)}\n{pictures_and_text(new)}")
    expect(sum(len(pictures_and_text(cell)) for cell in after) >= 5, "outputs")


def song(path, bpm, chords):
    """24 s of chords, four beats each, with strokes on the beats."""
    rate, noise, samples = 22050, random.Random(1), []
    for number in range(24 * rate):
        at = number / rate
        beat = int(at * bpm / 60)
        since = at - beat * 60 / bpm
        strings = sum(math.sin(2 * math.pi * PITCHES[name] * at) for name in chords[beat // 4 % len(chords)])
        stroke = noise.gauss(0, 1) * math.exp(-60 * since) * (7000 if beat % 4 == 0 else 4500)
        samples.append(max(-32767, min(32767, int(strings * math.exp(-3 * since) * 3000 + stroke))))
    wav = path.with_suffix(".wav")
    with wave.open(str(wav), "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
    subprocess.run(["ffmpeg", "-v", "error", "-i", wav, "-metadata", f"title={path.stem}", "-metadata", "artist=Nobody", path], check=True)
    wav.unlink()


def beets_sets_fields(folder, name):
    python = python_of(name, BEETS[name])
    beet = pathlib.Path(python).with_name("beet")
    (folder / "in").mkdir()
    song(folder / "in/sharp.flac", 100, (("F#", "A", "C#"), ("B", "D", "F#"), ("C#", "F", "G#"), ("F#", "A", "C#")))
    song(folder / "in/plain.flac", 120, (("A", "C#", "E"), ("D", "F#", "A"), ("E", "G#", "B"), ("A", "C#", "E")))
    (folder / "config.yaml").write_text(f"plugins: kithara\ndirectory: {folder}/library\nimport: {{copy: yes, write: yes}}\n", encoding="utf-8")
    beets = {"BEETSDIR": str(folder), "LC_ALL": "C.UTF-8"}
    shown = ("ls", "-f", "$title $bpm $initial_key", "title+")

    run([beet, "import", "-q", "-A", "-s", folder / "in"], folder, **beets)
    expect(run([beet, *shown], folder, **beets).split("\n") == ["plain 120 A", "sharp 100 F#m", ""], "the fields after an import")
    expect(run([beet, "ls", "-f", "$title", "kithara_loudness:-60..-5", "kithara_tempo:90..110"], folder, **beets) == "sharp\n", "a query by numbers")
    plain = run([beet, "ls", "-f", "$path", "title:plain"], folder, **beets).strip()
    run([beet, "modify", "-y", "-W", "title:plain", "bpm=7"], folder, **beets)
    run([beet, "kithara"], folder, **beets)
    expect("plain 7 A" in run([beet, *shown], folder, **beets), "a field that is set stays")
    expect("bpm=120 initial_key=A" in run([beet, "kithara", "-f", "-p", "title:plain"], folder, **beets), "pretend")
    expect("plain 7 A" in run([beet, *shown], folder, **beets), "pretend sets nothing")
    os.truncate(plain, 100)
    run([beet, "kithara", "-f"], folder, **beets)
    expect(run([beet, *shown], folder, **beets).split("\n") == ["plain 7 A", "sharp 100 F#m", ""], "a damaged file keeps its fields")
    tags = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format_tags", next((folder / "library").rglob("sharp.flac"))],
                          check=True, capture_output=True, text=True).stdout
    expect(re.search(r"TAG:BPM=100\b", tags) and "TAG:INITIALKEY=F#m" in tags, tags)
    done = subprocess.run([beet, "kithara", "-f"], cwd=folder, env=settings(folder, **beets, KITHARA_PROGRAM="/nowhere/kithara"),
                          capture_output=True, text=True, check=False, timeout=60)
    expect(done.returncode == 1 and "ENOFILE: no program /nowhere/kithara: install kithara-cli" in done.stderr, done.stderr)


@test
def beets_of_debian_12_gets_fields(folder):
    beets_sets_fields(folder, "beets-1.6")


@test
def beets_2_gets_fields(folder):
    beets_sets_fields(folder, "beets-2")


if __name__ == "__main__":
    main()
