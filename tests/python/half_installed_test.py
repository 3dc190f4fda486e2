#!/usr/bin/python3
"""python/kithara where something is missing: an older Python, a library or a program that is absent, damaged or older, a
module that a function needs. Each says what is missing; what needs nothing of it works."""
import ast
import os
import pathlib
import shutil
import subprocess
import sys
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from harness import BIN, expect, main, test  # noqa: E402

LIBRARY = pathlib.Path(os.environ["KITHARA_LIBRARY"])
FOUND = {name: None for name in ("KITHARA_LIBRARY", "KITHARA_PROGRAM", "KITHARA_DECODE")}  # how the build is found


def run(folder, code, **settings):
    """Runs code after `import kithara`, with song.wav in the folder. KITHARA_BUILD is an empty folder."""
    with wave.open(str(folder / "song.wav"), "wb") as out:
        out.setparams((1, 2, 22050, 0, "NONE", ""))
        out.writeframes(bytes(44100))
    values = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "KITHARA_BUILD": str(folder), **FOUND, **settings}
    values = {name: str(value) for name, value in values.items() if value is not None}
    return subprocess.run([sys.executable, "-c", f"import kithara\n{code}"], env=values, cwd=folder, capture_output=True, text=True, timeout=60)


def fails(folder, code, *words, **settings):
    done = run(folder, code, **settings)
    last = done.stderr.split("Error: ", 1)[-1]
    expect(done.returncode == 1 and all(word in last for word in words), f"{words} expected:\n{done.stderr}")


@test
def an_older_python_is_named(folder):
    source = (ROOT / "python/kithara/__init__.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))  # so that an older Python comes as far as its check
    expect(source.index("sys.version_info <") < source.index("from ."), "the check comes before the other modules")
    code = f"import sys; sys.version_info = (3, 9, 2, 'final', 0); sys.path.insert(0, {str(ROOT / 'python')!r}); import kithara"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    expect("ImportError: kithara needs Python 3.11 or later; this is Python 3.9" in done.stderr, done.stderr)


@test
def nothing_but_the_package_is_needed_to_import_it(folder):
    done = run(folder, "print(len(kithara.columns()))", KITHARA_PROGRAM="/nowhere/kithara", KITHARA_LIBRARY="/nowhere/libkithara.so.1")
    expect(done.returncode == 0 and int(done.stdout) > 150, done.stderr)


@test
def a_library_that_is_absent_damaged_or_older_is_named(folder):
    damaged = folder / "libkithara.so.1"
    damaged.touch()
    for code in ("kithara.analyze('song.wav')", "kithara.analyze_samples(memoryview(bytes(400)).cast('f'), 22050)", "kithara.Context()"):
        fails(folder, code, "ESYSTEM: /nowhere/libkithara.so.1 cannot be loaded", "No such file", KITHARA_LIBRARY="/nowhere/libkithara.so.1")
        fails(folder, code, f"ESYSTEM: {damaged} cannot be loaded", "file too short", KITHARA_LIBRARY=damaged)
        fails(folder, code, "EVERSION", "no function kithara_", "older than this package", KITHARA_LIBRARY="libc.so.6")
    # A damaged one where the linker looks is not taken for one that is not installed.
    fails(folder, "kithara.analyze('song.wav')", "ESYSTEM: libkithara.so.1 cannot be loaded", "file too short", LD_LIBRARY_PATH=folder)


@test
def without_the_library_files_are_analysed_by_the_program(folder):
    probe = subprocess.run([sys.executable, "-c", "import ctypes; ctypes.CDLL('libkithara.so.1')"], capture_output=True, check=False)
    if probe.returncode == 0:
        print("not run: libkithara1 is installed here", file=sys.stderr)
        return
    done = run(folder, "print(kithara.analyze('song.wav', options={'use_models': False})['success'])", KITHARA_PROGRAM=BIN / "kithara")
    expect(done.stdout == "True\n", done.stderr)
    fails(folder, "kithara.analyze_samples(memoryview(bytes(400)).cast('f'), 22050)", "ENOFILE", "install libkithara1")
    fails(folder, "kithara.analyze('song.wav')", "ENOFILE", "install kithara-cli", KITHARA_PROGRAM="/nowhere/kithara")


@test
def a_missing_decoder_is_named_by_the_library_and_by_the_program(folder):
    for source, target in ((LIBRARY, "lib/libkithara.so.1"), (BIN / "kithara", "bin/kithara")):
        (folder / target).parent.mkdir()
        shutil.copy(source, folder / target)
    fails(folder, "kithara.analyze('song.wav')", "ENOFILE", "no kithara-decode beside", KITHARA_LIBRARY=folder / "lib/libkithara.so.1")
    for call in ("features", "frames"):
        fails(folder, f"kithara.{call}('song.wav')", "ENOFILE", "DECODER-START", "kithara-decode", "No such file",
              KITHARA_PROGRAM=folder / "bin/kithara")


@test
def a_program_that_lacks_a_library_is_named(folder):
    program = folder / "kithara"
    program.write_text('#!/bin/sh\necho "$0: error while loading shared libraries: libodd.so.1: cannot open shared object file" >&2\nexit 127\n')
    program.chmod(0o755)
    for call in ("features", "frames"):
        fails(folder, f"kithara.{call}('song.wav')", "libodd.so.1", KITHARA_PROGRAM=program)


@test
def a_module_that_a_function_needs_is_named_with_its_packages(folder):
    absent = "import sys\nsys.modules[{!r}] = None\n"
    for module, call, words in (
            ("pandas", "kithara.features('song.wav')", ("pip install pandas", "python3-pandas")),
            ("pandas", "kithara.read('song.jsonl')", ("pip install pandas",)),
            ("numpy", "kithara.frames('song.wav')", ("pip install numpy", "python3-numpy")),
            ("pyarrow", "kithara.to_parquet(None, 'song.parquet')", ("pip install pyarrow",)),
            ("psycopg2", "kithara.read('postgresql://nowhere/')", ("pip install psycopg2-binary", "python3-psycopg2")),
            ("pika", "kithara.amqp.submit('amqp://nowhere/', [])", ("pip install pika", "python3-pika")),
            ("pika", "next(kithara.amqp.results('amqp://nowhere/', 'answers'))", ("pip install pika",))):
        (folder / "song.jsonl").touch()
        fails(folder, absent.format(module) + call, f"needs {module}", *words, KITHARA_PROGRAM=BIN / "kithara")
    broken = folder / "broken"
    broken.mkdir()
    (broken / "pandas.py").write_text("raise ImportError('numpy.core.multiarray failed to import')\n")
    fails(folder, "kithara.features('song.wav')", "pandas cannot be imported: numpy.core.multiarray failed", KITHARA_PROGRAM=BIN / "kithara",
          PYTHONPATH=f"{ROOT / 'python'}:{broken}")


if __name__ == "__main__":
    main()
