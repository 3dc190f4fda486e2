#!/usr/bin/env python3
"""Bad films: each has its code or what can be saved of it, costs its own file alone, and makes nobody open another file or a
connection."""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import bad_films as bad  # noqa: E402
import films  # noqa: E402
from harness import KITHARA, children, environment, expect, kithara, main, of_process, start, test, until  # noqa: E402

SOUND = ("spectral", "mir", "perceptual")


def value(document, path):
    for step in path.split("."):
        document = (document or {}).get(step)
    return document


def documents(result):
    return {os.path.basename(d["file_path"]): d for d in map(json.loads, result.stdout.splitlines())}


def code_of(document):
    return None if document["success"] else document["error"]["code"]


# --- what the document of a file that is not refused must hold -----------------------------------------------------------

def pictures_alone(document, _):
    expect(value(document, "features.visual.brightness") is not None, "no features of its pictures")
    expect(all(v is None for group in SOUND for v in document["features"][group].values()), "features of sound that there is not")


def sound_alone(document, _):
    expect(value(document, "features.spectral.rms") is not None, "no features of its sound")
    expect(value(document, "features.visual.brightness") is None, "features of pictures that there are not")


def both(document, _):
    expect(value(document, "features.visual.brightness") is not None and value(document, "features.spectral.rms") is not None,
           "features of its sound or its pictures are missing")


def as_the_good_one(document, good):
    both(document, good)
    expect(document["features"]["visual"] == good["features"]["visual"], "not the features of the same pictures")


def damage_is_counted(document, good):
    """Counted; a damaged picture is not taken for a cut."""
    counted = value(document, "features.technical.damaged_packets") or 0
    warned = value(document, "features.technical.warnings") or []
    expect(counted > 0 or warned, "damaged packets are not counted, and nothing warns of them")
    cuts, true = value(document, "features.visual.scene_changes"), value(good, "features.visual.scene_changes")
    expect(set(cuts) <= set(true), f"cuts at {cuts}, of the good film at {true}")


def half_decoded(document, _):
    both(document, _)
    share = value(document, "features.technical.decoded_share")
    expect(share is not None and 0.2 < share < 0.9, f"decoded_share {share}")


def an_hour(document, _):
    expect(abs(value(document, "features.technical.duration") - 3600) < 1, "duration")


def two_hours(document, _):
    expect(abs(value(document, "features.technical.duration") - 7200) < 11, "duration")
    expect(value(document, "features.visual.scene_changes") == [], "cuts in one picture")


def own_size(document, _):
    expect(value(document, "features.technical.resolution") == [192, 108], "the resolution is that of the sample table")


def at_25(document, _):
    expect(abs(value(document, "features.technical.frame_rate") - 25) < 0.1, f"{value(document, 'features.technical.frame_rate')} Hz")


# name: (maker of the bytes, codes of which it has one (None: success), what its document holds)
FILES = {
    "empty.mp4": (lambda: b"", ["EEMPTY"], None),
    "random.mp4": (lambda: bad.noise(65536), ["EFORMAT"], None),
    "page.mp4": (lambda: b"<!doctype html><html><body><h1>404 Not Found</h1></body></html>\n" * 20, ["ETEXT"], None),
    "header_only.mp4": (lambda: bad.good()[:40], ["ETRUNCATED"], None),
    "no_index.mp4": (lambda: bad.good()[:len(bad.good()) * 2 // 3], ["ETRUNCATED"], None),
    "half_fast.mp4": (lambda: half(bad.good("-movflags", "+faststart")), ["ETRUNCATED"], half_decoded),
    "half.mkv": (lambda: half(bad.made("h.mkv", "-i", "GOOD", "-c", "copy")), ["ETRUNCATED"], half_decoded),
    "half.ts": (lambda: half(bad.made("h.ts", "-i", "GOOD", "-c", "copy")), [None], both),
    "mp4_inside.avi": (bad.good, [None], as_the_good_one),
    "overwritten.mp4": (lambda: bad.overwritten(bad.good()), ["EDAMAGED"], damage_is_counted),
    "pictures_damaged.mp4": (lambda: bad.packets_noise("v", 20, 60, 6, keep=8), [None], damage_is_counted),
    "sound_damaged.mp4": (lambda: bad.packets_noise("a", 10, -10, 2), ["EDAMAGED"], as_the_good_one),
    "codec_of_sound.mp4": (lambda: bad.codec_unknown(b"mp4a"), [None], pictures_alone),
    "codec_of_pictures.mp4": (lambda: bad.codec_unknown(b"avc1"), [None], sound_alone),
    "noise_for_pictures.mp4": (lambda: bad.packets_noise("v"), ["EDAMAGED"], sound_alone),
    "no_pictures.mp4": (lambda: bad.no_pictures(False), ["ETRUNCATED"], None),
    "no_pictures_but_sound.mp4": (lambda: bad.no_pictures(True), [None], sound_alone),
    "no_rate.avi": (bad.no_rate, [None], at_25),
    "large_entry.mp4": (lambda: bad.entry_size(64000, 64000), [None], own_size),
    "large_jpeg.avi": (lambda: bad.jpeg_size(64000, 64000), ["EDAMAGED", "ECODEC", "ESTREAM"], None),
    "large_png.mkv": (lambda: bad.png_size(16000), ["EDAMAGED", "ECODEC", "ESTREAM"], None),
    "y4m.mp4": (lambda: b"YUV4MPEG2 W64000 H64000 F25:1 Ip A1:1 C420\nFRAME\n" + bytes(4096), ["EFORMAT", "ESTREAM", "ETEXT"], None),
    "every_size.ts": (bad.every_size, [None], None),
    "streams.mkv": (lambda: bad.streams(10000), ["EFORMAT"], None),
    "hour.flac": (bad.silent_hour, [None], an_hour),
    "still.mp4": (bad.still_hours, [None], two_hours),
    "nested.mp4": (lambda: bad.nested(10000), ["EDAMAGED", "ETRUNCATED", "EFORMAT"], None),
}


def half(data):
    return data[:len(data) // 2]


@test
def each_bad_film_has_its_own_code_or_what_can_be_saved_of_it(folder):
    good = folder / "good.mp4"
    good.write_bytes(bad.good())
    for name, (maker, _, _) in FILES.items():
        (folder / name).write_bytes(maker())
    result = kithara(folder, "analyze", "--jsonl", "--workers", 2, good, *(folder / name for name in FILES), good, timeout=300)
    found, wrong = documents(result), []
    first, last = (json.loads(result.stdout.splitlines()[i]) for i in (0, -1))
    expect(first["success"] and first["features"] == last["features"], "the good film before and behind them differs")
    for name, (_, codes, holds) in FILES.items():
        document = found.get(name)
        code = code_of(document) if document else "no document"
        if code not in codes:
            wrong.append(f"{name}: {code}, not {codes} ({document and document.get('error')})")
            continue
        try:
            if holds:
                holds(document, first)
        except (AssertionError, TypeError) as problem:
            wrong.append(f"{name}: {problem}")
    expect(not wrong, "\n        ".join(["", *wrong]))


# --- other files and connections -------------------------------------------------------------------------------------------

class Watch:
    """Sees whether one of these files is opened or read."""

    OPEN, ACCESS = 0x20, 0x1

    def __init__(self, *paths):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK)
        self.paths = {self.libc.inotify_add_watch(self.fd, os.fsencode(path), self.OPEN | self.ACCESS): path for path in paths}

    def seen(self):
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return []
        out, at = [], 0
        while at < len(data):
            watch, _, _, length = struct.unpack_from("iIII", data, at)
            out.append(str(self.paths[watch]))
            at += 16 + length
        return out

    def close(self):
        os.close(self.fd)


@test
def no_film_makes_anybody_open_another_file_or_a_connection(folder):
    near, far = folder / "near.mp4", folder / "elsewhere" / "far.mp4"
    far.parent.mkdir()
    for path in (near, far):
        path.write_bytes(bad.good())
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        rows = {  # name: bytes, codes
            "hls.mp4": (bad.HLS % str(far).encode(), ["EPLAYLIST"]), "hls_url.mp4": (bad.HLS % url.encode(), ["EPLAYLIST"]),
            "hls_near.ts": (bad.HLS % b"near.mp4", ["EPLAYLIST"]), "list.m3u8": (f"#EXTM3U\n{url}\n".encode(), ["EPLAYLIST"]),
            "dash.mp4": (bad.DASH % b"near.mp4", ["EPLAYLIST"]), "dash_url.mp4": (bad.DASH % url.encode(), ["EPLAYLIST"]),
            "concat.mp4": (b"ffconcat version 1.0\nfile near.mp4\n", ["EPLAYLIST"]),
            "concat_far.mkv": (b"ffconcat version 1.0\nfile '%s'\n" % str(far).encode(), ["EPLAYLIST"]),
            "subfile.mp4": (b"subfile,,start,0,end,9999,,:%s\n" % str(near).encode(), ["ETEXT", "EPLAYLIST", "EFORMAT"]),
            "subfile,,start,0,end,0,,:near.mp4": (b"", ["EEMPTY"]), "sdp.mp4": (bad.SDP % 9, ["ETEXT", "EPLAYLIST", "EFORMAT"]),
            "smil.mp4": (b"<smil><body><video src='near.mp4'/></body></smil>\n", ["ETEXT", "EPLAYLIST"]),
            "external.mp4": (bad.external(f"file://{near}"), [None, "EDAMAGED", "ECODEC"]),
            "external_url.mp4": (bad.external(url), [None, "EDAMAGED", "ECODEC"]),
            "alias.mov": (bad.alias(str(near)), [None, "EDAMAGED", "ECODEC"]), "linked.mkv": (bad.linked("near.mp4"), [None]),
            "attached.mkv": (bad.made("a.mkv", "-i", "GOOD", "-c", "copy", "-attach", bad.__file__, "-metadata:s:t",
                                      "mimetype=application/x-truetype-font", "-metadata:s:t", f"filename={near}"), [None]),
        }
        for name, (data, _) in rows.items():
            (folder / name).write_bytes(data)
        watch = Watch(near, far)
        result = kithara(folder, "analyze", "--jsonl", "--workers", 2, *(name for name in rows), cwd=folder)
        seen = watch.seen()
        expect(not seen, f"opened: {seen}")
        for name in ("concat:near.mp4|near.mp4", "subfile,,start,0,end,0,,:near.mp4x", "file:near.mp4", "crypto:near.mp4"):
            alone = kithara(folder, "analyze", "--jsonl", name, cwd=folder)
            expect(alone.returncode == 1 and not watch.seen(), f"{name}: {alone.returncode} {alone.stderr}")
        watch.close()
        try:
            server.accept()
            expect(False, "somebody connected")
        except BlockingIOError:
            pass
    found = documents(result)
    wrong = [f"{name}: {code_of(found[name])}, not {codes}" for name, (_, codes) in rows.items() if code_of(found[name]) not in codes]
    expect(not wrong, "; ".join(wrong))


# --- while it runs ---------------------------------------------------------------------------------------------------------

def long_film(path, seconds=300):
    """The good film looped."""
    source = path.with_name("source.mp4")
    source.write_bytes(bad.good())
    films.ffmpeg("-stream_loop", -1, "-i", source, "-t", seconds, "-c", "copy", "-movflags", "+faststart", path)
    return path


def decoders(process):
    """The decoder's processes of one file: children of the fork server, which behind a PID namespace is a child itself."""
    begun = children(process.pid, "kithara-decode")
    inside = [server for shim in begun for server in children(shim) if b"\nNSpid:\t%d\t1\n" % server in of_process(server, "status")]
    return [child for server in inside or begun for child in children(server)]


@test
def a_stopped_decoder_ends_at_its_deadline_and_alone(folder):
    film, good = long_film(folder / "long.mp4", 1200), folder / "good.mp4"
    good.write_bytes(bad.good())
    process = start([KITHARA, "analyze", "--jsonl", "--workers", "1", film, good], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    env=environment(folder, ANALYZER_DECODER_STALL=1000))
    child = until(lambda: decoders(process), 30, "a decoder")[0]
    os.kill(child, signal.SIGSTOP)
    began = time.monotonic()
    first, second = map(json.loads, process.communicate(timeout=60)[0].splitlines())
    expect(code_of(first) == "EDECWALL" and time.monotonic() - began < 20, f"{code_of(first)} after {time.monotonic() - began:.1f} s")
    expect(second["success"], str(second.get("error")))
    expect(of_process(child, "stat").split()[2:3] in ([], [b"X"], [b"Z"]), "it still exists")


@test
def a_killed_decoder_costs_its_own_film_alone(folder):
    film, good = long_film(folder / "long.mp4", 1200), folder / "good.mp4"
    good.write_bytes(bad.good())
    process = start([KITHARA, "analyze", "--jsonl", "--workers", "1", film, good], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    env=environment(folder))
    os.kill(until(lambda: decoders(process), 30, "a decoder")[0], signal.SIGSEGV)
    first, second = map(json.loads, process.communicate(timeout=60)[0].splitlines())
    expect(code_of(first) == "EDECODER" and second["success"], f"{code_of(first)} {second.get('error')}")


@test
def a_film_that_changes_while_it_is_read_is_an_answer_about_what_was_read(folder):
    """Cut, overwritten or grown: an error of its own or the message of what could be read; the other film is unharmed."""
    good = folder / "good.mp4"
    good.write_bytes(bad.good())
    whole = long_film(folder / "whole.mp4", 150).read_bytes()
    for how in ("cut", "overwritten", "grown"):
        film = folder / f"{how}.mp4"
        film.write_bytes(whole)
        process = start([KITHARA, "analyze", "--jsonl", "--workers", "1", film, good], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                        env=environment(folder))
        until(lambda p=process: decoders(p), 30, "a decoder")
        with open(film, "r+b") as file:
            if how == "cut":
                file.truncate(len(whole) // 3)
            elif how == "overwritten":
                file.seek(len(whole) // 3)
                file.write(bad.noise(4096) * (len(whole) // 3 // 4096))
            else:
                file.seek(0, os.SEEK_END)
                file.write(bad.noise(65536))
        first, second = map(json.loads, process.communicate(timeout=120)[0].splitlines())
        expect(code_of(first) in (None, "ETRUNCATED", "EDAMAGED", "EIO"), f"{how}: {code_of(first)}")
        expect(second["success"], f"{how}: {second.get('error')}")


@test
def bad_films_in_a_folder_cost_its_good_ones_nothing(folder):
    source = folder / "films"
    source.mkdir()
    names = ("no_index.mp4", "overwritten.mp4", "codec_of_pictures.mp4", "large_jpeg.avi", "nested.mp4", "streams.mkv", "page.mp4")
    for name in names:
        (source / name).write_bytes(FILES[name][0]())
    for i in range(3):
        (source / f"good{i}.mp4").write_bytes(bad.good())
    result = kithara(folder, "run", source, "--out", folder / "out.jsonl", timeout=300)
    expect(result.returncode == 1, f"exit {result.returncode}: {result.stderr}")
    found = {os.path.basename(d["file_path"]): d for d in map(json.loads, (folder / "out.jsonl").read_text().splitlines())}
    expect(len(found) == len(names) + 3, f"{sorted(found)}")
    for name in names:
        expect(code_of(found[name]) in FILES[name][1], f"{name}: {code_of(found[name])}")
    expect(all(found[f"good{i}.mp4"]["features"] == found["good0.mp4"]["features"] for i in range(3)), "good films differ")
    expect(kithara(folder, "audit", "--run", source).returncode == 0, "audit")
    shutil.rmtree(source)


if __name__ == "__main__":
    main()
