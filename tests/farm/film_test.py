#!/usr/bin/env python3
"""Films through every way of analysis: the same bytes, whoever does it, in whatever company."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import films  # noqa: E402
from farm import Farm  # noqa: E402
from harness import expect, kithara, main, test  # noqa: E402

OWN = ("message_id", "timestamp", "processing_time", "file_path")  # members of a message that are not of the file
_set = {}


def film_set(folder):
    """Films of several codecs and containers, made once; linked into a folder."""
    if not _set:
        for i, (name, options) in enumerate({
                "a.mp4": films.X264, "b.mkv": (*films.X264, "-bf", "3"), "c.avi": ("-c:v", "mpeg4", "-q:v", "5"),
                "d.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M"), "e.ts": ("-c:v", "mpeg2video", "-q:v", "5"),
                "f.mov": ("-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p")}.items()):
            made = films.timeline([("cut", 40), ("flash", 30), ("dissolve", 40), ("cut", 30 + 10 * i)], seed=20 * i)
            codec = {"webm": "libvorbis", "avi": "libmp3lame", "ts": "mp2"}.get(name.split(".")[1], "aac")
            path = films.encode(folder / name, made.frames, "25", options, films.tone(len(made.frames) / 25, codec))
            _set[name] = path.read_bytes()
    source = folder / "films"
    source.mkdir()
    for name, data in _set.items():
        (source / name).write_bytes(data)
    return [source / name for name in _set]


def by_name(lines):
    """Name -> the text of what must not depend on anything but the file."""
    found = {}
    for document in map(json.loads, lines):
        expect(document["success"], str(document.get("error")))
        found[os.path.basename(document["file_path"])] = json.dumps({k: v for k, v in document.items() if k not in OWN})
    return found


def analysed(folder, paths, *options, **settings):
    result = kithara(folder, "analyze", "--jsonl", *options, *paths, timeout=300, **settings)
    expect(result.returncode == 0, result.stderr)
    return by_name(result.stdout.splitlines())


def same(a, b, what):
    expect(a.keys() == b.keys(), f"{what}: other files")
    different = [name for name in a if a[name] != b[name]]
    if different:
        old, new = (json.loads(found[different[0]])["features"] for found in (a, b))
        fields = [f"{group}.{field}" for group in old for field in old[group] if old[group][field] != new[group].get(field)]
        expect(False, f"{what}: {different} differ, the first in {fields}")


@test
def workers_order_company_and_a_second_time_change_no_byte(folder):
    paths = film_set(folder)
    one = analysed(folder, paths, "--workers", 1)
    same(one, analysed(folder, paths, "--workers", 1), "a second time")
    same(one, analysed(folder, list(reversed(paths)) * 2, "--workers", 4), "four workers")
    for path in paths:
        same({path.name: one[path.name]}, analysed(folder, [path]), "alone")


@test
def a_farm_of_two_nodes_gives_the_bytes_of_analyze(folder):
    paths = film_set(folder)
    one = analysed(folder, paths)
    copies = 4
    with Farm(ANALYZER_MEDIA_ROOTS=str(folder), ANALYZER_BATCH_SIZE="3", ANALYZER_WORKERS="2").start(["a", "b"]) as farm:
        jobs = [{"message_id": f"{path.name}-{n}", "file_path": str(path)} for n in range(copies) for path in paths]
        farm.post("/v1/jobs", {"messages": jobs})
        farm.wait_finished(len(jobs), 180)
        for n in range(copies):
            same(one, by_name(json.dumps(farm.get(f"/v1/results/{path.name}-{n}")) for path in paths), "the farm")
        expect(farm.audit()[0] == 0, "audit")


@test
def a_run_gives_the_bytes_of_analyze_whatever_the_batches(folder):
    paths = film_set(folder)
    one = analysed(folder, paths)
    for batch in (1, 10):
        out = folder / f"{batch}.jsonl"
        result = kithara(folder, "run", paths[0].parent, "--fresh", "--out", out, timeout=300, ANALYZER_BATCH_SIZE=batch)
        expect(result.returncode == 0, result.stderr)
        same(one, by_name(out.read_text(encoding="utf-8").splitlines()), f"batches of {batch}")


@test
def the_cache_gives_the_bytes_of_the_analysis_and_asks_about_the_mode(folder):
    paths = film_set(folder)[:3]
    settings = {"LIBROSA_CACHE_DIR": folder / "cache"}
    one = analysed(folder, paths, **settings)
    second = kithara(folder, "analyze", "--debug", "--jsonl", *paths, **settings)
    expect(second.stderr.count("CACHE-HIT") == len(paths), "a second analysis is a hit")
    same(one, by_name(second.stdout.splitlines()), "the cache")
    for other in (("--options", "visual"), ("--options", "spectral")):
        third = kithara(folder, "analyze", "--debug", "--jsonl", *other, *paths, **settings)
        expect("CACHE-HIT" not in third.stderr, f"{other} is another question")
    keys = kithara(folder, "analyze", "--debug", "--jsonl", *paths, ANALYZER_VIDEO_MODE="keyframes", **settings)
    expect("CACHE-HIT" not in keys.stderr, "another mode is another question")
    modes = {json.loads(line)["features"]["visual"]["video_mode"] for line in keys.stdout.splitlines()}
    expect(modes == {"keyframes"}, f"the mode in the message: {modes}")


@test
def the_sound_of_a_film_is_analysed_as_the_sound_alone(folder):
    made, sound, silent = film_set(folder), folder / "sound.mka", folder / "silent.mp4"
    begins_at_once, film = made[:2]  # times count from where a file begins, so its pictures must
    films.ffmpeg("-i", film, "-vn", "-c", "copy", sound)
    films.ffmpeg("-i", begins_at_once, "-an", "-c", "copy", silent)
    lines = kithara(folder, "analyze", "--jsonl", film, sound, begins_at_once, silent).stdout.splitlines()
    whole, heard, shown, seen = (json.loads(line)["features"] for line in lines)
    for group in ("spectral", "mir", "perceptual"):
        expect(whole[group] == heard[group], f"{group} of the film is not that of its sound")
    expect(shown["visual"] == seen["visual"], "visual features of the film are not those of its pictures")
    expect(heard["visual"] is None, "visual features of a sound")


if __name__ == "__main__":
    main()
