"""A few lines of test runner for tests that start processes: named by what holds, closing with 'N passed, N failed'."""
import os
import pathlib
import re
import subprocess
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(os.environ.get("KITHARA_BIN", ROOT / "build/bin"))
KITHARA = str(BIN / "kithara")
TESTS = []


def test(function):
    """Registers a test: a function of one argument, a fresh temporary folder."""
    TESTS.append(function)
    return function


def expect(condition, sentence):
    if not condition:
        raise AssertionError(sentence)


def environment(folder, **settings):
    """Ours, with a state folder of the test's own and none of the user's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANALYZER_", "DATABASE_", "AMQP_", "REDIS_"))}
    return {**kept, "ANALYZER_STATE_DIR": str(folder / "state"), **{k: str(v) for k, v in settings.items()}}


def kithara(folder, *arguments, timeout=120, cwd=None, **settings):
    """Runs the command line to its end; the result has returncode, stdout, stderr (text)."""
    return subprocess.run([KITHARA, *map(str, arguments)], env=environment(folder, **settings), timeout=timeout, cwd=cwd,
                          capture_output=True, text=True, errors="surrogateescape")


_started = []


def start(command, **options):
    """A process that does not outlive its test, however that ends."""
    process = subprocess.Popen(list(map(str, command)), text=True, **options)
    _started.append(process)
    return process


def end_started():
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.wait(30)
    _started.clear()


def until(condition, seconds, sentence):
    """Polls, with a deadline: for what another process does without reporting it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        expect(time.monotonic() < deadline, f"not within {seconds} s: {sentence}")
        time.sleep(0.02)  # the poll's step, not a wait for luck: the deadline decides
    return value


def of_process(pid, name):
    """A file of /proc/PID; empty where the process has ended by now."""
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def children(pid, name=None):
    """Process ids of the direct children of pid, of that program name."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found = [int(child) for task in tasks for child in of_process(pid, f"task/{task}/children").split()]
    return [child for child in found
            if name is None or os.path.basename(of_process(child, "cmdline").split(b"\0")[0].decode()) == name]


def examples(page, kind, heading):
    """The code blocks of one kind in one section of a page of docs/."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    expect(section, f"{page} has no section {heading}")
    found = re.findall(rf"^```{kind}\n(.*?)^```", section[1], re.M | re.S)
    expect(found, f"{page}, {heading}: no {kind}")
    return found


def clip(source, target, seconds=8, start=20):
    """A short piece of a real track; the extension of the target decides the codec."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-ss", str(start), "-t", str(seconds), "-i", str(source), "-vn",
                    "-bitexact", str(target)], check=True)
    return target


def main():
    import tempfile
    wanted = sys.argv[1:]
    passed = failed = 0
    for function in TESTS:
        if wanted and not any(w in function.__name__ for w in wanted):
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="kithara-test-") as folder:
            try:
                function(pathlib.Path(folder))
                passed += 1
                print(f"ok      {function.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
            except Exception as error:  # a test may fail in any way
                failed += 1
                print(f"FAILED  {function.__name__}: {error}", flush=True)
                if not isinstance(error, AssertionError):
                    traceback.print_exc()
            finally:
                end_started()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
