#!/usr/bin/python3
"""The examples of docs/python.md and docs/integrate.md, as they stand there, on a folder that `kithara run` analysed."""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests"), str(ROOT / "tests/farm")]

from farm import Farm  # noqa: E402
from harness import BIN, examples, expect, kithara, main, test  # noqa: E402


def python(folder, code):
    """Runs an example as a program of its own, in a folder with song.ogg; what it printed."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "python"),
                   "ANALYZER_STATE_DIR": str(folder / "state")}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    expect(done.returncode == 0, f"{code}\n{done.stderr}")
    return done.stdout


def tone(path, hz=440):
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", f"sine=f={hz}:d=3", str(path)], check=True)
    return path


@test
def the_command_line_is_called_from_python(folder):
    tone(folder / "song.ogg")
    for code in examples("integrate.md", "python", "CLI from Python"):
        expect(float(python(folder, code)) > 100, "a centroid in hertz")


@test
def the_library_is_called_from_python(folder):
    tone(folder / "song.ogg")
    whole, = examples("integrate.md", "python", "Library")
    code, model = whole.split("with kithara.Frontend", 1)  # the rest needs a model's weights, which are not in the tree
    expect(float(python(folder, code)) > 100 and "kithara.Model" in model, "a centroid in hertz")


def shell(folder, script, **settings):
    """Runs an example with the programs on the PATH; what it printed."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **settings}
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    expect(done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}")
    return done.stdout


@test
def the_library_is_called_from_c(folder):
    tone(folder / "song.ogg")
    code, = examples("integrate.md", "c", "Library")
    (folder / "example.c").write_text(code, encoding="utf-8")
    script, = examples("integrate.md", "sh", "Library")
    expect("$(pkg-config --cflags --libs kithara)" in script, script)  # of an installation; here it is the build
    script = script.replace("$(pkg-config --cflags --libs kithara)", f"-Wall -Werror -I{ROOT}/lib -L{BIN.parent}/lib -lkithara")
    document = json.loads(shell(folder, script, LD_LIBRARY_PATH=str(BIN.parent / "lib"), KITHARA_DECODE=str(BIN / "kithara-decode")))
    expect(document["success"] and document["features"]["spectral"]["spectral_centroid"] > 100, document)


@test
def files_are_written_and_read(folder):
    tone(folder / "Music/a.wav")
    (folder / "Music/bad.flac").write_bytes(b"fLaC" + bytes(100))
    script, = examples("integrate.md", "sh", "Files")
    lines = shell(folder, script).splitlines()
    messages = [json.loads(line) for line in (folder / "music.jsonl").read_text(encoding="utf-8").splitlines()]
    expect([message["success"] for message in messages] == [True, False], messages)
    expect(len(lines) == 1 and lines[0].startswith("Music/a.wav|"), lines)


@test
def a_job_goes_in_and_its_result_comes_out_over_http(folder):
    tone(folder / "song.mp3")
    script = examples("integrate.md", "sh", "HTTP")[0]
    with Farm(ANALYZER_MEDIA_ROOTS=str(folder)) as farm:
        farm.start(["n1"])
        (folder / "http.token").write_text(farm.token(), encoding="utf-8")
        for old, new in (("http://127.0.0.1:8710", farm.http), ("/data/music/song.mp3", str(folder / "song.mp3"))):
            expect(old in script, script)
            script = script.replace(old, new)
        printed = shell(folder, f"set -e; curl() {{ command curl -w '\\n' \"$@\"; }}\n{script}")
    accepted, document = (line for line in printed.splitlines() if line)
    expect(json.loads(accepted)["results"][0]["status"] == "new", accepted)
    document = json.loads(document)
    expect(document["message_id"] == "song-1" and document["features"]["spectral"]["spectral_centroid"] > 100, document)


@test
def a_folder_becomes_a_table_and_a_parquet_file(folder):
    music = folder / "music"
    tone(music / "a.wav")
    (music / "bad.flac").write_bytes(b"fLaC" + bytes(100))
    code, = examples("python.md", "python", "A folder as a DataFrame")
    expect('"/home/me/Music"' in code, code)
    code = code.replace('"/home/me/Music"', repr(str(music)))
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        code = "\n".join(line for line in code.splitlines() if "to_parquet" not in line)
    python(folder, code + "\nassert len(table) == 2 and table.success.tolist() == [True, False]\n")


@test
def names_of_any_bytes_come_back(folder):
    code, = examples("integrate.md", "python", "Names that are not UTF-8")
    scope = {"urllib": urllib}
    exec(code, scope)  # the page's own function
    music = folder / "music"
    names = [b"x\xff.wav", b"x%FF.wav", "\u00fc.wav".encode()]
    wave = tone(folder / "one.wav")
    music.mkdir()
    for name in names:
        shutil.copyfile(os.fsencode(wave), os.path.join(os.fsencode(music), name))
    done = kithara(folder, "analyze", "--jsonl", "--options", "spectral,no_models", "-r", music)
    expect(done.returncode == 0, done.stderr)
    paths = {scope["path_of"](json.loads(line)["file_path"]) for line in done.stdout.splitlines()}
    expect(paths == {os.path.join(os.fsencode(music), name) for name in names}, paths)


@test
def the_queries_are_understood_by_sqlite(folder):
    music = folder / "music"
    tone(music / "a.wav")
    expect(kithara(folder, "run", music).returncode == 0, "analysed")
    ledger, = folder.rglob("ledger.sqlite")
    queries = [query for block in examples("integrate.md", "sql", "SQL") for query in block.split(";") if query.strip()]
    queries = [query for query in queries if "mfcc[1]" not in query and "vector" not in query.lower()]  # of PostgreSQL alone
    expect(len(queries) == 3, queries)
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as store:
        rows = [store.execute(query.replace("/srv/music/a.flac", str(music / "a.wav"))).fetchall() for query in queries]
    store.close()
    expect(len(rows[2]) == 1 and rows[2][0][0] == str(music / "a.wav"), rows[2])


if __name__ == "__main__":
    main()
