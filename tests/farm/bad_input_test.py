#!/usr/bin/env python3
"""Bad files, bad settings, bad environments: each has a specific code and sentence, and other files are not affected."""
import json
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import media  # noqa: E402
from farm import Farm, wait_for  # noqa: E402
from harness import BIN, KITHARA, clip, environment, expect, kithara, main, test  # noqa: E402

RATE = 44100


def wav(seconds, declared=None, riff=None):
    """A mono 16-bit WAV whose sizes may lie."""
    rng = random.Random(1)
    data = b"".join(struct.pack("<h", rng.randrange(-9000, 9000)) for _ in range(int(seconds * RATE)))
    declared = len(data) if declared is None else declared
    riff = declared + 36 if riff is None else riff
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", riff & 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16, b"data",
                       declared & 0xFFFFFFFF) + data


def make_bad(folder):
    """name -> (expected code, or None for success)."""
    rng = random.Random(2)
    noise = bytes(rng.randrange(0, 255) for _ in range(65536))
    good = clip(media.tracks(1)[0], folder / "good.mp3", 4)
    m4a = clip(media.tracks(1)[0], folder / "whole.m4a", 4).read_bytes()
    (folder / "whole.m4a").unlink()
    files = {
        "empty.mp3": (b"", "EEMPTY"),
        "random.wav": (noise, "EFORMAT"),
        "random.mp3": (noise[::-1], "EFORMAT"),
        "zeros.flac": (bytes(65536), "EFORMAT"),
        "text.mp3": (b"This is a shopping list: bread, butter, two lemons.\n" * 40, "ETEXT"),
        "notes.txt": (b"just notes\n", "ETEXT"),
        "page.mp4": (b"<!doctype html><html><body>404</body></html>\n" * 9, "ETEXT"),
        "list.m3u": (b"#EXTM3U\nhttp://127.0.0.1:9/a.mp3\n", "EPLAYLIST"),
        "hls.mp3": (b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n", "EPLAYLIST"),
        "concat.mp4": (b"ffconcat version 1.0\nfile /etc/hostname\n", "EPLAYLIST"),
        "half.m4a": (m4a[:len(m4a) // 2], "ETRUNCATED"),
        "header_only.wav": (wav(0), "ETRUNCATED"),
        "mp3_inside.wav": (good.read_bytes(), None),
        "half.mp3": (good.read_bytes()[:good.stat().st_size // 2], "ETRUNCATED"),
        "lying_long.wav": (wav(2, 0xFFFFFFFF, 0xFFFFFFFF), None),
        "lying_short.wav": (wav(2, RATE * 2), None),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    ten = [word for k in range(10) for word in ("-f", "lavfi", "-t", "2", "-i", f"sine=frequency={200 + 60 * k}")]
    maps = [word for k in range(10) for word in ("-map", str(k))]
    subprocess.run(["ffmpeg", "-v", "error", *ten, *maps, "-c:a", "libvorbis", str(folder / "ten.mkv")], check=True)
    return {"good.mp3": None, "ten.mkv": None, **{name: code for name, (_, code) in files.items()}}


@test
def each_bad_file_has_its_own_code_and_its_neighbours_are_unharmed(folder):
    expected = make_bad(folder)
    (folder / "a folder.mp3").mkdir()
    expected |= {"a folder.mp3": "EDIRECTORY", "missing.mp3": "ENOFILE"}
    os.mkfifo(folder / "pipe.mp3")
    expected["pipe.mp3"] = "ENOTREGULAR"
    names = list(expected)
    result = kithara(folder, "analyze", "--jsonl", *(folder / n for n in names))
    expect(result.returncode == 1, f"exit {result.returncode}")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    expect([os.path.basename(d["file_path"]) for d in found] == names, "not one document a file, in the order given")
    for name, document in zip(names, found):
        code = None if document["success"] else document["error"]["code"]
        expect(code == expected[name], f"{name}: {code}, not {expected[name]} ({document.get('error')})")
        if code:
            expect(f"kithara: {code}: " in result.stderr and name in result.stderr, f"{name} is not said on stderr")


@test
def bad_files_in_a_folder_cost_its_good_ones_nothing(folder):
    source = folder / "music"
    source.mkdir()
    expected = make_bad(source)
    result = kithara(folder, "run", "--all", source, "--out", folder / "out.jsonl")
    expect(result.returncode == 1, f"exit {result.returncode}: {result.stderr}")
    found = {os.path.basename(d["file_path"]): d for d in map(json.loads, (folder / "out.jsonl").read_text().splitlines())}
    expect(found.keys() == expected.keys(), f"{set(expected) ^ set(found)}")
    for name, document in found.items():
        code = None if document["success"] else document["error"]["code"]
        expect(code == expected[name], f"{name}: {code}, not {expected[name]}")
    expect(kithara(folder, "audit", "--run", source).returncode == 0, "audit")


@test
def a_name_that_is_no_utf8_is_analysed_and_a_tag_that_is_none_is_harmless(folder):
    source = folder / "music"
    source.mkdir()
    good = clip(media.tracks(1)[0], source / "good.mp3", 3)
    shutil.copy(good, os.fsencode(source) + b"/latin-\xe9.mp3")
    tagged = good.read_bytes()
    tag = b"TIT2" + struct.pack(">IHB", 6, 0, 3) + b"ab\xff\xfec"
    (source / "tagged.mp3").write_bytes(b"ID3\x03\x00\x00" + bytes([0, 0, 0, len(tag)]) + tag + tagged)
    result = kithara(folder, "run", source, "--out", folder / "out.jsonl")
    found = {os.path.basename(d["file_path"]): d for d in map(json.loads, (folder / "out.jsonl").read_text().splitlines())}
    expect(result.returncode == 0 and len(found) == 3, f"{result.returncode} {list(found)} {result.stderr}")
    expect(found["latin-%E9.mp3"]["success"], str(list(found)))
    expect(found["tagged.mp3"]["success"] and found["good.mp3"]["success"], "a good file failed")


@test
def an_unreadable_file_and_one_outside_the_roots_are_told_apart(folder):
    inside, outside = folder / "in", folder / "out"
    inside.mkdir()
    outside.mkdir()
    clip(media.tracks(1)[0], outside / "out.mp3", 3)
    (inside / "link.mp3").symlink_to(outside / "out.mp3")
    result = kithara(folder, "analyze", "--jsonl", outside / "out.mp3", inside / "link.mp3", inside / ".." / "out" / "out.mp3",
                     ANALYZER_MEDIA_ROOTS=inside)
    codes = [json.loads(line)["error"]["code"] for line in result.stdout.splitlines()]
    expect(codes == ["EROOT"] * 3, str(codes))
    if os.getuid() != 0:
        (outside / "out.mp3").chmod(0)
        result = kithara(folder, "analyze", "--jsonl", outside / "out.mp3")
    else:  # root may read everything: somebody else asks, with programs that he can reach
        (outside / "out.mp3").chmod(0)
        folder.chmod(0o755)
        for program in ("kithara", "kithara-decode"):
            shutil.copy(BIN / program, folder)
        result = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", folder / "kithara", "analyze", "--jsonl", outside / "out.mp3"],
                                env=environment(folder), capture_output=True, text=True, timeout=60)
    expect("EACCESS" in result.stderr and json.loads(result.stdout)["error"]["code"] == "EACCESS", result.stdout + result.stderr)


@test
def settings_out_of_range_or_unknown_are_named(folder):
    for name, value, words in (("ANALYZER_WORKERS", "0", ("ANALYZER_WORKERS", "1", "256")), ("ANALYZER_WORKERS", "many", ("many",)),
                               ("ANALYZER_N_FFT", "1000", ("ANALYZER_N_FFT", "power of two")),
                               ("ANALYZER_WORKRES", "4", ("ANALYZER_WORKRES", "ANALYZER_WORKERS"))):
        result = kithara(folder, "status", **{name: value})
        expect(result.returncode == 2 and "ESETTING" in result.stderr, f"{name}={value}: {result.returncode} {result.stderr}")
        expect(all(w in result.stderr for w in words), f"{name}={value}: {result.stderr}")


@test
def a_busy_port_is_named_with_its_remedy(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for name, value in (("ANALYZER_ROUTER_BIND", f"tcp://127.0.0.1:{port}"), ("ANALYZER_HTTP_BIND", f"127.0.0.1:{port}")):
            other = {"ANALYZER_ROUTER_BIND": "tcp://127.0.0.1:0", "ANALYZER_HTTP_BIND": "127.0.0.1:0"} | {name: value}
            result = subprocess.run([str(BIN / "kithara-coordinator")], env=environment(folder, **other), capture_output=True, text=True,
                                    timeout=30)
            expect(result.returncode == 1 and "EPORT" in result.stderr, f"{result.returncode} {result.stderr}")
            expect(str(port) in result.stderr and name in result.stderr, result.stderr)


@test
def a_second_coordinator_on_the_same_ledger_is_refused(folder):
    settings = {"ANALYZER_ROUTER_BIND": "tcp://127.0.0.1:0", "ANALYZER_HTTP_BIND": "127.0.0.1:0"}
    ready, theirs = os.pipe()
    first = subprocess.Popen([str(BIN / "kithara-coordinator"), "--ready-fd", str(theirs)], env=environment(folder, **settings),
                             pass_fds=[theirs], stderr=subprocess.DEVNULL)
    os.close(theirs)
    try:
        expect(b"http" in os.read(ready, 4096), "the first did not start")
        second = subprocess.run([str(BIN / "kithara-coordinator")], env=environment(folder, **settings), capture_output=True, text=True,
                                timeout=30)
        expect(second.returncode == 1 and "ELOCKED" in second.stderr and "ledger.sqlite" in second.stderr, second.stderr)
    finally:
        first.terminate()
        first.wait(30)
        os.close(ready)


@test
def a_full_disk_is_named_and_nothing_stored_is_lost(folder):
    """A file-size limit simulates a full disk: SQLite gets the same error when its file grows."""
    source = folder / "music"
    source.mkdir()
    for i in range(6):
        clip(media.tracks(6)[i], source / f"{i}.mp3", 3)
    command = f"ulimit -f 60; exec {KITHARA} run {source}"
    limited = subprocess.Popen(["bash", "-c", command], env=environment(folder), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        limited.communicate(timeout=12)
    except subprocess.TimeoutExpired:
        limited.terminate()
        try:
            _, err = limited.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            limited.kill()
            raise
        expect("EDISK" in err or "no space" in err.lower(), err[-2000:])
    result = kithara(folder, "run", source, "--out", folder / "out.jsonl")
    expect(result.returncode == 0, result.stderr)
    expect(len((folder / "out.jsonl").read_text().splitlines()) == 6, "not six results")
    expect(kithara(folder, "audit", "--run", source).returncode == 0, "audit")


@test
def a_wrong_number_of_workers_is_refused_before_a_farm_starts(folder):
    (folder / "a.mp3").write_bytes(b"x")
    for command in ("run", "up", "analyze"):
        for value in ("0", "x", "257"):
            result = kithara(folder, command, folder, "--workers", value, timeout=60)
            expect(result.returncode == 2 and "EUSAGE: --workers needs" in result.stderr, f"{command} {value}: {result.stderr}")


@test
def a_wrong_port_is_refused_and_a_name_that_does_not_resolve_is_named(folder):
    del folder
    for name, value in [("ANALYZER_ROUTER_BIND", "tcp://127.0.0.1:99999"), ("ANALYZER_HTTP_BIND", "127.0.0.1:99999"),
                        ("ANALYZER_HTTP_BIND", "127.0.0.1:"), ("ANALYZER_ROUTER_BIND", "tcp://127.0.0.1")]:
        with Farm(**{name: value}) as farm:
            farm.settings[name] = value
            process = farm.start_coordinator(wait=False, **{name: value})
            expect(process.process.wait(60) == 2, f"{name}={value}: {process.process.returncode}")
            expect(name in process.text() and "port" in process.text(), process.text())
    with Farm() as farm:
        farm.start_coordinator()
        node = farm.start_node("far", ANALYZER_COORDINATORS="tcp://127.0.0.1:99999")
        expect(node.process.wait(60) == 2 and "port" in node.text(), node.text())
        node = farm.start_node("lost", ANALYZER_COORDINATORS="tcp://no-such-host.invalid:8711")
        wait_for(lambda: "NAME-UNRESOLVED" in node.text() and "no-such-host.invalid" in node.text(), "the name")


if __name__ == "__main__":
    main()
