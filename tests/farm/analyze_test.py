#!/usr/bin/env python3
"""The functions around the analysis: live streams, cache, output formats, plot."""
import json
import os
import re
import struct
import subprocess
import sys
import time
import wave
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import harness  # pylint: disable=wrong-import-position
import media  # pylint: disable=wrong-import-position
from harness import expect, kithara, test  # pylint: disable=wrong-import-position

RATE = 44100
GROUPS = ("spectral", "mir", "perceptual", "mood", "instruments", "statistics")


def track():
    return media.tracks(1)[0]


def cut(source, target, seconds):
    """The first seconds of a WAV file."""
    with wave.open(str(source), "rb") as a, wave.open(str(target), "wb") as b:
        b.setparams(a.getparams())
        b.writeframes(a.readframes(int(seconds * a.getframerate())))
    return target


def same_sound(a, b, what):
    """Two messages of the same samples: every feature, byte for byte."""
    for group in GROUPS:
        expect(json.dumps(a["features"].get(group)) == json.dumps(b["features"].get(group)), f"{what}: {group} differs")
    for group in ("quality_metrics", "similarity_vectors"):
        expect(json.dumps(a[group]) == json.dumps(b[group]), f"{what}: {group} differs")
    methods = [{k: v for k, v in m["methods"].items() if k not in m["features"]["technical"]} for m in (a, b)]
    expect(methods[0] == methods[1], f"{what}: methods differ")


def document(folder, path, *arguments, **settings):
    done = kithara(folder, "analyze", "--jsonl", *arguments, path, **settings)
    expect(done.returncode == 0, f"analyze {path}: {done.stderr}")
    return json.loads(done.stdout)


def live(folder, path, *arguments):
    """The output lines for a file read through a pipe."""
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as source:
        done = subprocess.run([harness.KITHARA, "analyze", "-", *map(str, arguments)], stdin=source.stdout, timeout=120,
                              env=harness.environment(folder), capture_output=True, text=True)
        source.stdout.close()
    return done


@test
def a_stream_ends_with_the_message_of_the_file(folder):
    for name in ("a.wav", "a.ogg", "a.mp3", "a.flac"):
        path = harness.clip(track(), folder / name, seconds=13)
        done = live(folder, path, "--every", 5)
        expect(done.returncode == 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        expect([line.get("snapshot") for line in lines] == [True, True, None], f"{name}: two snapshots and an end")
        same_sound(lines[-1], document(folder, path), name)
        technical = lines[-1]["features"]["technical"]
        expect(technical["duration"] == document(folder, path)["features"]["technical"]["duration"], "duration")
        expect(technical["file_size"] is None, "a stream has no size")


@test
def a_snapshot_is_the_message_of_what_came_so_far(folder):
    path = harness.clip(track(), folder / "a.wav", seconds=9)
    lines = [json.loads(line) for line in live(folder, path, "--every", 2.5).stdout.splitlines()]
    expect([line["features"]["technical"]["duration"] for line in lines] == [2.5, 5, 7.5, 9], "at the sample")
    for seconds, line in zip((2.5, 5, 7.5), lines):
        same_sound(line, document(folder, cut(path, folder / "cut.wav", seconds)), f"{seconds} s")


@test
def snapshots_change_nothing_at_the_end(folder):
    path = harness.clip(track(), folder / "a.ogg", seconds=10)
    often = json.loads(live(folder, path, "--every", 0.5).stdout.splitlines()[-1])
    never = json.loads(live(folder, path, "-o", "jsonl").stdout)
    same_sound(often, never, "with and without")


@test
def raw_samples_are_a_stream_too_and_come_out_while_it_runs(folder):
    path = harness.clip(track(), folder / "a.wav", seconds=6)
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-"], capture_output=True, check=True).stdout
    with subprocess.Popen([harness.KITHARA, "analyze", "-", "--every", "2", "--pcm", "f32", "--rate", str(RATE), "--channels", "2"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=harness.environment(folder)) as running:
        running.stdin.write(raw[: 3 * RATE * 8])
        running.stdin.flush()
        first = json.loads(running.stdout.readline())  # the writer waits with the rest
        expect(first["snapshot"] and first["features"]["technical"]["duration"] == 2, "a snapshot while the stream runs")
        running.stdin.write(raw[3 * RATE * 8:])
        running.stdin.close()
        last = json.loads(running.stdout.read().splitlines()[-1])
        expect(running.wait(60) == 0, "exit code")
    same_sound(last, document(folder, path), "raw")


@test
def what_cannot_be_read_from_a_pipe_is_told(folder):
    late = harness.clip(track(), folder / "late.m4a", seconds=3)
    done = live(folder, late, "--every", 1)
    expect(done.returncode == 1 and "ENOTREGULAR" in done.stderr and "index" in done.stderr, done.stderr)
    text = folder / "text"
    text.write_text("words and words\n" * 9)
    done = live(folder, text)
    expect(done.returncode == 1 and "ETEXT: standard input" in done.stderr, done.stderr)


@test
def a_reader_that_leaves_ends_a_stream_quietly(folder):
    with subprocess.Popen([harness.KITHARA, "analyze", "-", "--every", "1", "--pcm", "f32", "--rate", "8000", "--channels", "1"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=harness.environment(folder)) as running:
        second = b"\0" * 32000
        running.stdin.write(second * 3)
        running.stdin.flush()
        expect(running.stdout.readline(), "a snapshot")
        running.stdout.close()
        try:
            running.stdin.write(second * 60)
            running.stdin.close()
        except BrokenPipeError:
            pass
        expect(running.stderr.read() == b"" and running.wait(60) == 0, "no word about it")


def tail(message):
    """The document without the members that identify the job."""
    return message[message.index('"features"'):message.index('"timestamp"')]


@test
def a_second_analysis_is_a_hit_with_the_same_bytes(folder):
    settings = {"LIBROSA_CACHE_DIR": folder / "cache"}
    path = harness.clip(track(), folder / "a.ogg", seconds=60, start=0)
    other = folder / "other name.ogg"
    os.link(path, other)
    began = time.monotonic()
    first = kithara(folder, "analyze", "--debug", "--jsonl", path, **settings)
    cold = time.monotonic() - began
    second = kithara(folder, "analyze", "--debug", "--jsonl", other, **settings)
    expect("CACHE-HIT" not in first.stderr and "CACHE-HIT" in second.stderr, "the second one hits")
    expect(tail(first.stdout) == tail(second.stdout), "the same bytes")
    message = json.loads(second.stdout)
    expect(message["file_path"] == str(other), "the job's own path")
    expect(message["processing_time"] < json.loads(first.stdout)["processing_time"] / 4, "for the price of a digest")
    print(f"        cold {cold * 1e3:.0f} ms with its start; hit {message['processing_time'] * 1e3:.1f} ms in the worker")
    third = kithara(folder, "analyze", "--debug", "--jsonl", "--options", "spectral", path, **settings)
    expect("CACHE-HIT" not in third.stderr, "other options are another question")


@test
def a_damaged_entry_is_analysed_anew_and_failures_are_not_kept(folder):
    settings = {"LIBROSA_CACHE_DIR": folder / "cache"}
    path = harness.clip(track(), folder / "a.ogg", seconds=3)
    first = kithara(folder, "analyze", "--jsonl", path, **settings)
    entry, = [p for p in (folder / "cache").rglob("*") if p.is_file()]
    data = bytearray(entry.read_bytes())
    data[len(data) // 2] ^= 1
    entry.write_bytes(data)
    second = kithara(folder, "analyze", "--jsonl", path, **settings)
    expect("CACHE-DAMAGED" in second.stderr and tail(first.stdout) == tail(second.stdout), "read, refused, analysed")
    third = kithara(folder, "analyze", "--debug", "--jsonl", path, **settings)
    expect("CACHE-HIT" in third.stderr, "written anew")
    text = folder / "text.mp3"
    text.write_text("no music\n" * 20)
    expect(kithara(folder, "analyze", text, **settings).returncode == 1, "a failure")
    expect(len([p for p in (folder / "cache").rglob("*") if p.is_file()]) == 1, "no entry of a failure")


@test
def quality_alone_computes_no_transform(folder):
    path = harness.clip(track(), folder / "a.wav", seconds=60, start=0)

    def spectral_us(options):
        done = kithara(folder, "analyze", "--debug", "--jsonl", "--options", options, path)
        return int(re.search(r"audio_spectral_us=(\d+)", done.stderr)[1])
    expect(spectral_us("quality") * 10 < spectral_us("spectral"), "rows that nobody reads are not computed")


@test
def spotify_has_its_thirteen_fields(folder):
    path = harness.clip(track(), folder / "a b.wav", seconds=12)
    message = document(folder, path)
    done = kithara(folder, "analyze", "-o", "spotify", path, folder / "none.wav")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    expect(done.returncode == 1 and lines[1]["error"]["code"] == "ENOFILE" and lines[1]["tempo"] is None, "what failed says why")
    expect(lines[1]["file_path"].endswith("/none.wav") and lines[0]["file_path"] == str(path), "whose values these are")
    mine, music, feel = lines[0], message["features"]["mir"], message["features"]["perceptual"]
    expect(set(mine) == {"acousticness", "danceability", "duration_ms", "energy", "instrumentalness", "key", "liveness",
                         "loudness", "mode", "speechiness", "tempo", "time_signature", "valence", "type", "id", "uri", "file_path", "media_id"}, str(mine))
    for name in ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "loudness", "speechiness", "valence"):
        expect(mine[name] == feel[name], name)
    names = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
    expect(mine["key"] == (names.index(music["key"]) if music["key"] else -1), "key")
    expect(mine["mode"] == {"major": 1, "minor": 0, None: None}[music["mode"]], "mode")
    expect(mine["duration_ms"] == 12000 and mine["type"] == "audio_features", "duration and type")
    expect(mine["uri"].startswith("file:///") and mine["uri"].endswith("/a%20b.wav"), mine["uri"])
    silent = folder / "silence.wav"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "anullsrc=d=2", silent], check=True)
    nothing = json.loads(kithara(folder, "analyze", "-o", "spotify", silent).stdout)
    expect(nothing["key"] == -1 and nothing["loudness"] is None and nothing["tempo"] is None, "what is unknown stays unknown")


@test
def essentia_has_the_layout_of_its_extractor(folder):
    path = harness.clip(track(), folder / "a.flac", seconds=12)
    message = document(folder, path)
    mine = json.loads(kithara(folder, "analyze", "-o", "essentia", path).stdout)
    expect(set(mine) == {"lowlevel", "rhythm", "tonal", "metadata"}, str(set(mine)))
    spectral, statistics = message["features"]["spectral"], message["features"]["statistics"]
    expect(mine["lowlevel"]["mfcc"]["mean"] == spectral["mfcc"], "mfcc")
    centroid = mine["lowlevel"]["spectral_centroid"]
    expect(centroid["mean"] == spectral["spectral_centroid"] and centroid["stdev"] == statistics["spectral_centroid"]["std"], "centroid")
    expect(abs(centroid["var"] - centroid["stdev"] ** 2) < 1e-6 * centroid["var"], "variance")
    expect(mine["metadata"]["audio_properties"]["lossless"] and mine["metadata"]["audio_properties"]["codec"] == "flac", "codec")
    expect(mine["metadata"]["tags"]["file_name"] == "a.flac", "tags")
    expect(all(isinstance(v, list) for k, v in mine["metadata"]["tags"].items() if k != "file_name"), "a tag is a list")
    if (dance := message["features"]["perceptual"]["danceability"]) is not None:
        theirs = 1.09 * (dance / (1 - dance)) ** 0.15
        expect(abs(mine["rhythm"]["danceability"] - theirs) < 1e-6 * theirs, "danceability on their scale")
    if message["features"]["mir"]["key"]:
        expect(mine["tonal"]["key_edma"]["key"] == message["features"]["mir"]["key"], "key")
    expect("null" not in json.dumps(mine), "what is unknown is left out")


def png(path):
    """Width, height and the number of different rows of pixels; every checksum right."""
    data, at, pixels, size = Path(path).read_bytes(), 8, b"", None
    expect(data[:8] == b"\x89PNG\r\n\x1a\n", "a PNG")
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        expect(zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0], "checksum")
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        pixels += body if kind == b"IDAT" else b""
        at += 12 + length
    rows = zlib.decompress(pixels)
    step = len(rows) // size[1]
    return *size, len({rows[i:i + step] for i in range(0, len(rows), step)})


@test
def a_plot_is_one_page(folder):
    path = harness.clip(track(), folder / "a.ogg", seconds=30)
    done = kithara(folder, "plot", path, "--out", folder / "page.png")
    expect(done.returncode == 0 and done.stdout.strip() == str(folder / "page.png"), done.stderr)
    width, height, different = png(folder / "page.png")
    expect(width > 1000 and height > 1000 and different > height / 2, f"{width} x {height}, {different} rows")


@test
def a_plot_copes_with_silence_moments_and_hours(folder):
    for name, source, seconds in (("silence", "anullsrc", 2), ("moment", "sine=440", 0.05), ("long", "anoisesrc=a=0.1:r=8000", 1900)):
        path = folder / f"{name}.wav"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-t", str(seconds), path], check=True)
        done = kithara(folder, "plot", path, "--out", folder / f"{name}.png")
        expect(done.returncode == 0, done.stderr)
        expect(png(folder / f"{name}.png")[0] > 1000, name)


@test
def a_plot_has_the_format_of_its_extension_and_several_files_make_a_sheet(folder):
    music = folder / "music"
    music.mkdir()
    for i in range(3):
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"sine={440 + i}:d=2", music / f"{i}.wav"], check=True)
    for name, magic in (("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")):
        done = kithara(folder, "plot", music / "0.wav", "--out", folder / name)
        expect(done.returncode == 0 and (folder / name).read_bytes().startswith(magic), f"{name}: {done.stderr}")
    standard = subprocess.run([harness.KITHARA, "plot", music / "0.wav", "--out", "-"], capture_output=True, timeout=60)
    expect(standard.returncode == 0 and standard.stdout == (folder / "a.png").read_bytes(), str(standard.stderr))
    expect(kithara(folder, "plot", music / "0.wav", music / "1.wav", "--out", folder / "two.png").returncode == 0, "two files")
    expect(png(folder / "two.png")[0] > 2 * png(folder / "a.png")[0], "not side by side")
    done = kithara(folder, "plot", music, "--out", folder / "sheet.png")
    expect(done.returncode == 0 and png(folder / "sheet.png")[0] > 1000, done.stderr)
    (music / "broken.wav").write_bytes(b"RIFF")
    done = kithara(folder, "plot", music, "--out", folder / "sheet.png")
    expect(done.returncode == 1 and "broken.wav" in done.stderr and done.stdout, f"{done.stdout}{done.stderr}")
    done = kithara(folder, "plot", music / "0.wav", "--out", folder / "a.jpg")
    expect(done.returncode == 2 and ".svg" in done.stderr and not (folder / "a.jpg").exists(), done.stderr)


@test
def a_plot_that_cannot_be_made_is_told(folder):
    path = harness.clip(track(), folder / "a.ogg", seconds=2)
    done = kithara(folder, "plot", path, "--out", folder / "none/page.png")
    expect(done.returncode == 1 and "ENOFILE: " in done.stderr and "none/page.png: No such file" in done.stderr, done.stderr)
    expect(kithara(folder, "plot", folder / "none.ogg").returncode == 1, "no file")
    expect(kithara(folder, "plot").returncode == 2, "wrong usage")


def pulses(folder, seconds=12, bpm=120):
    """A WAV file of ticks, and where they are."""
    frames = [0] * (seconds * RATE)
    times = [.25 + i * 60 / bpm for i in range(int((seconds - .5) * bpm / 60))]
    for t in times:
        for i in range(600):
            frames[int(t * RATE) + i] = int(9000 * (1 - i / 600) * (1 if i // 20 % 2 else -1))
    path = folder / "pulses.wav"
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(struct.pack(f"<{len(frames)}h", *frames))
    return path, times


def samples(path):
    with wave.open(str(path), "rb") as w:
        expect(w.getframerate() == RATE and w.getsampwidth() == 2 and w.getnchannels() == 1, "the file's own shape")
        return struct.unpack(f"<{w.getnframes()}h", w.readframes(w.getnframes()))


@test
def clicks_are_mixed_into_the_sound_on_the_beats(folder):
    path, _ = pulses(folder)
    out = folder / "clicked.wav"
    message = document(folder, path, "--click", out)
    music, clicked = samples(path), samples(out)
    expect(len(music) == len(clicked), "as long as the sound")
    added = [c - .7 * m for c, m in zip(clicked, music)]
    near = set()
    beats = message["features"]["mir"]["beats"]
    expect(len(beats) > 15, f"{len(beats)} beats")
    for beat in beats:
        first = round(beat * RATE)
        expect(max(map(abs, added[first:first + RATE // 50])) > 2000, f"no click at {beat}")
        near.update(range(first - 1, first + RATE // 25))
    expect(all(abs(x) <= 1 for i, x in enumerate(added) if i not in near), "only the clicks are added")


@test
def clicks_need_one_file_a_beat_and_another_name(folder):
    path, _ = pulses(folder)
    before = path.read_bytes()
    for arguments in ((path, path), ("-r", folder), ("--options", "spectral", path), ("-",)):
        done = kithara(folder, "analyze", "--click", folder / "out.wav", *arguments)
        expect(done.returncode == 2 and "--click" in done.stderr, f"{arguments}: {done.returncode} {done.stderr}")
    done = kithara(folder, "analyze", "--click", path, path)
    expect(done.returncode == 2 and "overwrite" in done.stderr, done.stderr)
    expect(path.read_bytes() == before and not (folder / "out.wav").exists(), "nothing is written")
    silence = folder / "silence.wav"
    with wave.open(str(silence), "wb") as w:
        w.setparams((1, 2, RATE, 0, "NONE", ""))
        w.writeframes(bytes(RATE * 8))
    done = kithara(folder, "analyze", "--click", folder / "out.wav", silence)
    expect(done.returncode == 1 and "no beat" in done.stderr, f"{done.returncode} {done.stderr}")
    expect(not (folder / "out.wav").exists(), "no file without clicks")



if __name__ == "__main__":
    harness.main()
