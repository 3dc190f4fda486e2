#!/usr/bin/env python3
"""`kithara tag` on files of all formats: what is written is read back by Mutagen, the sound stays the same packet by
packet by FFmpeg's hashes, and bad files, a full disk or a kill leave every file whole."""
import base64
import hashlib
import json
import os
import pathlib
import resource
import shutil
import signal
import stat
import subprocess
import sys
import wave

import mutagen
import mutagen.apev2
import mutagen.asf
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import media  # noqa: E402
from harness import KITHARA, environment, expect, kithara, main, start, test, until  # noqa: E402

RATE, SECONDS, BPM = 44100, 12, 120
# Suffix -> what FFmpeg is told beside it.
FORMATS = {"mp3": [], "flac": [], "ogg": [], "opus": [], "m4a": [], "wav": [], "aiff": ["-write_id3v2", "1"], "wma": ["-c:a", "wmav2"],
           "mp4": ["-c:a", "alac"], "oga": ["-c:a", "flac"]}
GAIN, PEAK = "REPLAYGAIN_TRACK_GAIN", "REPLAYGAIN_TRACK_PEAK"
APPLE = "----:com.apple.iTunes:"
# Format -> what Mutagen calls tempo, key, gain and peak.
NAMES = {
    "mp3": ("TBPM", "TKEY", f"TXXX:{GAIN}", f"TXXX:{PEAK}"),
    "wav": ("TBPM", "TKEY", f"TXXX:{GAIN}", f"TXXX:{PEAK}"),
    "aiff": ("TBPM", "TKEY", f"TXXX:{GAIN}", f"TXXX:{PEAK}"),
    "flac": ("BPM", "INITIALKEY", GAIN, PEAK),
    "ogg": ("BPM", "INITIALKEY", GAIN, PEAK),
    "opus": ("BPM", "INITIALKEY", "R128_TRACK_GAIN", None),
    "oga": ("BPM", "INITIALKEY", GAIN, PEAK),
    "m4a": ("tmpo", APPLE + "initialkey", APPLE + "replaygain_track_gain", APPLE + "replaygain_track_peak"),
    "mp4": ("tmpo", APPLE + "initialkey", APPLE + "replaygain_track_gain", APPLE + "replaygain_track_peak"),
    "wma": ("WM/BeatsPerMinute", "WM/InitialKey", GAIN, PEAK),
}
_masters = {}


def samples():
    """A chord of A minor with a click on every beat."""
    t = numpy.arange(RATE * SECONDS) / RATE
    sound = sum(0.08 * numpy.sin(2 * numpy.pi * hz * t) / (1 + k) for hz in (220, 261.63, 329.63) for k in (0, 1))
    period = RATE * 60 // BPM
    click = 0.6 * numpy.random.default_rng(1).standard_normal(600) * numpy.exp(-numpy.arange(600) / 120)
    for beat in range(0, len(t) - 600, period):
        sound[beat:beat + 600] += click * (1 if beat // period % 4 == 0 else 0.6)
    return (numpy.clip(sound, -1, 1) * 32767).astype("<i2")


def master(suffix):
    """A file of each format with a title, made once."""
    if suffix not in _masters:
        home = pathlib.Path(media.BUILD) / "tag-clips"
        home.mkdir(parents=True, exist_ok=True)
        source, path = home / "source.wav", home / f"song.{suffix}"
        if not source.exists():
            with wave.open(str(home / "part.wav"), "wb") as out:
                out.setparams((1, 2, RATE, 0, "NONE", ""))
                out.writeframes(samples().tobytes())
            (home / "part.wav").rename(source)
        if not path.exists():
            part = home / f"part.{suffix}"
            subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", source, *FORMATS[suffix], "-bitexact", "-metadata",
                            "title=A title", part], check=True)
            part.rename(path)
        _masters[suffix] = path
    return _masters[suffix]


def copy(folder, *suffixes, name="song"):
    folder.mkdir(exist_ok=True)
    for suffix in suffixes:
        shutil.copyfile(master(suffix), folder / f"{name}.{suffix}")
    return folder


def packets(path):
    """FFmpeg's hash over the packets of the sound."""
    return subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:a", "-c", "copy", "-f", "streamhash",
                           "-"], check=True, capture_output=True, text=True).stdout


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def value(tags, name):
    """One tag as text; None: it is not there."""
    if tags is None or name not in tags:
        return None
    found = tags[name]
    found = found.text[0] if isinstance(found, mutagen.id3.TextFrame) else found[0]
    return found.decode() if isinstance(found, bytes) else str(found)


def names(path):
    """Of the tags; without empty ones, which TagLib adds to WMA as its standard has them."""
    return sorted(name for name, found in mutagen.File(path).items() if path.suffix != ".wma" or str(found[0]))


def tag(folder, *arguments, **options):
    """The rows as JSON."""
    result = kithara(folder, "tag", "-o", "json", *arguments, **options)
    return result, json.loads(result.stdout or "[]")


def left_over(folder):
    return [path.name for path in folder.rglob(".kithara-tag-*")]


def expect_failure(result, sentence, code=1):
    expect(result.returncode == code, f"{result.returncode}: {result.stdout}{result.stderr}")
    expect(sentence in result.stderr, result.stderr)
    expect("Traceback" not in result.stderr and "Assert" not in result.stderr, result.stderr)


@test
def tags_are_read_back_and_the_sound_stays_the_same(folder):
    songs = copy(folder / "songs", *FORMATS)
    files = sorted(songs.iterdir())
    before = {path.name: (digest(path), packets(path), path.stat().st_mtime_ns) for path in files}
    keys = {path.name: names(path) for path in files}
    result, rows = tag(folder, "--dry-run", songs)
    expect(result.returncode == 0 and "nothing was written" in result.stderr, result.stderr)
    expect({row["result"] for row in rows} == {"would be written"}, rows)
    expect(all(digest(path) == before[path.name][0] for path in files), "a dry run writes")
    planned = {(row["file"], row["tag"]): row["new"] for row in rows}
    result, rows = tag(folder, songs)
    expect(result.returncode == 0, result.stderr)
    expect({(row["file"], row["tag"]): row["new"] for row in rows} == planned, "the dry run shows other values")
    for path in files:
        tags = mutagen.File(path)
        bpm, key, gain, peak = NAMES[path.suffix[1:]]
        expect(packets(path) == before[path.name][1], f"{path.name}: other packets")
        expect(digest(path) != before[path.name][0], f"{path.name}: unchanged")
        expect(abs(float(value(tags, bpm)) - BPM) < 0.1, f"{path.name}: {value(tags, bpm)} BPM")
        expect(value(tags, key) == "Am", f"{path.name}: {value(tags, key)}")
        if path.suffix == ".opus":
            expect(value(tags, gain) == str(int(value(tags, gain))), value(tags, gain))
            expect(value(tags, GAIN) is None and value(tags, PEAK) is None, "Opus has ReplayGain")
            opus = int(value(tags, gain)) / 256 + 5  # to -18 LUFS
        else:
            expect(value(tags, gain).endswith(" dB"), value(tags, gain))
            expect(0.3 < float(value(tags, peak)) < 1.3, value(tags, peak))
            others = float(value(tags, gain)[:-3])
    expect(abs(opus - others) < 0.5, f"{opus} {others} dB")
    expect_undone(folder, songs, before, keys)


def expect_undone(folder, songs, before, keys):
    result, rows = tag(folder, songs)
    expect({row["result"] for row in rows} == {"kept"} and "kept" in result.stderr, rows)
    undo = list((folder / "state/tags").iterdir())
    expect(len(undo) == 1 and stat.S_IMODE(undo[0].stat().st_mode) == 0o600, undo)
    result, rows = tag(folder, "--undo", undo[0])
    expect(result.returncode == 0, result.stderr)
    expect({row["result"] for row in rows} == {"restored"} and {row["new"] for row in rows} == {None}, rows)
    for path in songs.iterdir():
        expect(names(path) == keys[path.name], f"{path.name}: {names(path)}")
        expect(packets(path) == before[path.name][1], f"{path.name}: other packets")
        expect(path.stat().st_mtime_ns == before[path.name][2], f"{path.name}: another time")
    result, rows = tag(folder, "--undo", undo[0])
    expect_failure(result, "changed since it was tagged")
    expect(not left_over(songs), left_over(songs))


LYRICS, COVER = "la \u266a " * 50000, b"\x89PNG\r\n\x1a\n" + os.urandom(300000)


def picture():
    """The cover as a block of FLAC."""
    block = mutagen.flac.Picture()
    block.data, block.type, block.mime = COVER, 3, "image/png"
    return block


def add_cover_and_lyrics(path):
    tags = mutagen.File(path)
    if tags.tags is None:
        tags.add_tags()
    if path.suffix in (".mp3", ".wav", ".aiff"):
        tags.tags.add(mutagen.id3.APIC(encoding=0, mime="image/png", type=3, desc="", data=COVER))
        tags.tags.add(mutagen.id3.USLT(encoding=3, lang="eng", desc="", text=LYRICS))
    elif path.suffix in (".m4a", ".mp4"):
        tags["covr"] = [mutagen.mp4.MP4Cover(COVER, mutagen.mp4.MP4Cover.FORMAT_PNG)]
        tags["\xa9lyr"] = LYRICS
    elif path.suffix == ".wma":
        tags["WM/Picture"] = mutagen.asf.ASFByteArrayAttribute(COVER)
        tags["WM/Lyrics"] = LYRICS
    else:
        if path.suffix == ".flac":
            tags.add_picture(picture())
        else:
            tags["METADATA_BLOCK_PICTURE"] = base64.b64encode(picture().write()).decode()
        tags["LYRICS"] = LYRICS
    tags.save()


def others(path):
    """All tags and pictures but those that `kithara tag` writes, as text; without empty ones, which TagLib adds to WMA."""
    tags, written = mutagen.File(path), {name.upper() for name in NAMES[path.suffix[1:]] if name}
    found = {name: str(value) for name, value in tags.items() if name.upper() not in written and (path.suffix != ".wma" or str(value[0]))}
    return found, [block.data for block in getattr(tags, "pictures", ())]


@test
def covers_and_long_lyrics_stay(folder):
    songs = copy(folder / "songs", "mp3", "flac", "ogg", "m4a", "aiff", "wma")  # one of each way to hold them
    for path in songs.iterdir():
        add_cover_and_lyrics(path)
    before = {path: (others(path), packets(path)) for path in songs.iterdir()}
    result, rows = tag(folder, "--fields", "key", songs)
    expect(result.returncode == 0 and {row["result"] for row in rows} == {"written"} and len(rows) == 6, result.stderr)
    undo = next((folder / "state/tags").iterdir())
    expect({path: (others(path), packets(path)) for path in songs.iterdir()} == before, "another tag or picture changed")
    expect(tag(folder, "--undo", undo)[0].returncode == 0, "undo")
    expect({path: (others(path), packets(path)) for path in songs.iterdir()} == before, "after undo")


@test
def the_gain_is_that_of_the_loudness(folder):
    songs = copy(folder / "songs", "flac")
    document = json.loads(kithara(folder, "analyze", "--jsonl", songs / "song.flac").stdout)
    tag(folder, songs)
    tags = mutagen.File(songs / "song.flac")
    loudness = document["features"]["perceptual"]["loudness"]
    expect(value(tags, GAIN) == f"{-18 - loudness:.2f} dB", f"{value(tags, GAIN)} of {loudness} LUFS")
    peak = 10 ** (document["quality_metrics"]["true_peak"] / 20)
    expect(abs(float(value(tags, PEAK)) - peak) < 1e-6, value(tags, PEAK))


def id3(path):
    return mutagen.id3.ID3(path, translate=False)


@test
def only_what_is_asked_for_changes(folder):
    songs = copy(folder / "songs", "mp3")
    path, picture = songs / "song.mp3", os.urandom(200000)
    tags = mutagen.id3.ID3(path)
    tags.add(mutagen.id3.APIC(encoding=0, mime="image/png", type=3, desc="", data=picture))
    tags.add(mutagen.id3.TXXX(encoding=3, desc="replaygain_track_gain", text=["+1.00 dB"]))
    tags.add(mutagen.id3.COMM(encoding=3, lang="deu", desc="", text=["schön"]))
    tags.add(mutagen.id3.TKEY(encoding=3, text=["Cm", "Dm"]))
    tags.add(mutagen.id3.PRIV(owner="x", data=b"\0\1\2"))
    ape = mutagen.apev2.APEv2()
    ape["Album"] = "An album"
    ape.save(path)
    tags.save(path, v1=2, v2_version=3)
    before = {frame.HashKey: frame for frame in id3(path).values()}
    result, rows = tag(folder, "--fields", "bpm", path)
    expect([row["tag"] for row in rows] == ["TBPM"] and result.returncode == 0, rows)
    tags = id3(path)
    expect(tags.version == (2, 3, 0), f"{tags.version}")
    expect({k: v for k, v in tags.items() if k != "TBPM"} == before, sorted(tags.keys()))
    expect(path.read_bytes()[-128:-125] == b"TAG" and mutagen.apev2.APEv2(path)["Album"] == "An album", "ID3v1 or APEv2")
    result, rows = tag(folder, "--fields", "key,replaygain", "--overwrite", "--key-format", "camelot", path)
    after = id3(path)
    expect(after["TKEY"].text[0] == "8A", after["TKEY"])
    expect([k for k in after if k.upper().endswith("TRACK_GAIN")] == ["TXXX:replaygain_track_gain"], sorted(after))
    expect(after["APIC:"].data == picture and after["COMM::deu"].text == ["schön"], "other frames")
    expect({row["tag"]: row["old"] for row in rows}["TXXX:REPLAYGAIN_TRACK_GAIN"] == "+1.00 dB", rows)
    undo = [path for path in (folder / "state/tags").iterdir() if "TRACK_GAIN" in path.read_text()]
    result, rows = tag(folder, "--undo", undo[0])
    expect(result.returncode == 0, result.stderr)
    restored = id3(path)
    expect({k: v for k, v in restored.items() if k != "TBPM"} == before, "the old values")


@test
def moods_and_genres_are_written_when_they_are_asked_for(folder):
    songs = copy(folder / "songs", "flac", "m4a")
    result, rows = tag(folder, "--fields", "mood,genre", songs)
    expect(result.returncode == 0, result.stderr)
    expect({row["field"] for row in rows} == {"mood", "genre"}, rows)
    expect(all(row["result"] in ("written", "no value") and (row["new"] or row["why"]) for row in rows), rows)


@test
def what_is_not_sure_is_not_written(folder):
    songs = copy(folder / "songs", "flac")
    result, rows = tag(folder, "--fields", "bpm,key", "--min-confidence", "1", songs)
    expect({row["result"] for row in rows} == {"no value"} and all("not sure" in row["why"] for row in rows), rows)
    expect(not (folder / "state/tags").exists(), "an undo file without a change")
    with wave.open(str(songs / "silence.wav"), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(bytes(2 * RATE * 5))
    result, rows = tag(folder, songs / "silence.wav")
    expect({row["result"] for row in rows if "PEAK" not in row["tag"]} == {"no value"}, rows)


@test
def mode_attributes_links_and_names_are_kept(folder):
    songs = copy(folder / "songs", "mp3", "flac")
    strange = songs / "a\nb \x1b[31m%41.flac"
    (songs / "song.flac").rename(strange)
    raw = os.fsencode(songs) + b"/\xff\xfe.mp3"
    os.rename(songs / "song.mp3", raw)
    os.symlink(strange.name, songs / "link.flac")
    os.chmod(strange, 0o640)
    try:
        os.setxattr(strange, "user.rating", b"5")
        has_attributes = True
    except OSError:
        has_attributes = False
    time = strange.stat().st_mtime_ns
    result, rows = tag(folder, "--keep-time", songs)
    expect(result.returncode == 0, result.stderr)
    expect(strange.stat().st_mtime_ns == time and stat.S_IMODE(strange.stat().st_mode) == 0o640, strange.stat())
    expect(not has_attributes or os.getxattr(strange, "user.rating") == b"5", "the attribute is lost")
    expect((songs / "link.flac").is_symlink() and value(mutagen.File(strange), "INITIALKEY") == "Am", rows)
    expect("\x1b" not in kithara(folder, "tag", songs).stdout, "a control character in the table")
    for undo in (folder / "state/tags").iterdir():
        result, rows = tag(folder, "--undo", undo)
        expect(result.returncode == 0, result.stderr)
    expect(value(mutagen.File(strange), "INITIALKEY") is None, "not restored")
    with open(raw, "rb") as file:
        expect(value(mutagen.File(file), "TKEY") is None, "not restored")


@test
def files_that_cannot_be_tagged_are_named_and_cost_the_others_nothing(folder):
    songs = copy(folder / "songs", "flac", "mp3", "wav", "ogg")
    os.link(songs / "song.flac", folder / "elsewhere.flac")
    os.symlink(folder / "elsewhere.flac", songs / "out.flac")
    os.chmod(songs / "song.wav", 0o444)
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine=300:d=1", songs / "other.wv"], check=True)
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc=d=2:s=64x64", "-i", master("wav"), "-t", "2",
                    songs / "film.mp4"], check=True)
    (songs / "empty.mp3").touch()
    (songs / "text.mp3").write_text("no music\n" * 100)
    tags = mutagen.id3.ID3(songs / "song.mp3")
    tags.add(mutagen.id3.TALB(encoding=0, text=["x" * 50]))
    tags.save(songs / "song.mp3", padding=lambda _: 0)
    damaged = bytearray((songs / "song.mp3").read_bytes())
    at = damaged.index(b"TALB")
    damaged[at:at + 4] = b"\x01\xff\x02\xfe"
    (songs / "damaged.mp3").write_bytes(damaged)
    (songs / "name.flac").write_bytes(master("flac").read_bytes().replace(b"title=", b"t~tle="))
    (songs / "cut.flac").write_bytes(master("flac").read_bytes()[:30000])
    before = {path: digest(path) for path in songs.iterdir()}
    result, rows = tag(folder, songs)
    expect(result.returncode == 1, result.stderr)
    for name, sentence in (("song.flac", "2 hard links"), ("out.flac", "a link out of its folder"), ("song.wav", "read-only"),
                           ("other.wv", "tags of WavPack"), ("film.mp4", "only music is tagged"), ("empty.mp3", "EEMPTY"),
                           ("text.mp3", "EFORMAT"), ("damaged.mp3", "what follows would be lost"), ("cut.flac", "ETRUNCATED"),
                           ("name.flac", "another would be lost: 't~tle'")):
        expect(any(name in line and sentence in line for line in result.stderr.splitlines()), f"{name}: {result.stderr}")
        expect(digest(songs / name) == before[songs / name], f"{name} was changed")
    expect({pathlib.Path(row["file"]).name for row in rows} == {"song.mp3", "song.ogg"}, rows)
    expect({row["result"] for row in rows} == {"written"} and not left_over(songs), rows)


def limited(folder, size, *arguments):
    """`kithara tag` that may write files of that size at most."""
    return subprocess.run([KITHARA, "tag", *map(str, arguments)], env=environment(folder), capture_output=True, text=True,
                          timeout=120, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))


@test
def a_tag_of_100_mb_is_written_or_the_full_disk_is_named(folder):
    songs = copy(folder / "songs", "mp3", "ogg")
    path, picture = songs / "song.mp3", os.urandom(1000) * 100000
    tags = mutagen.id3.ID3(path)
    tags.add(mutagen.id3.APIC(encoding=0, mime="image/png", type=3, desc="", data=picture))
    tags.save(path, padding=lambda _: 0)
    sound, before, size = packets(path), {path: digest(path) for path in songs.iterdir()}, path.stat().st_size
    for most in (70 << 20, size + 100):  # while copying; while TagLib inserts. More than the decoder's ring
        expect_failure(limited(folder, most, path), "EDISK")
    result = kithara(folder, "tag", "--undo-file", "/dev/full", songs / "song.ogg")
    expect_failure(result, "EDISK")
    expect({path: digest(path) for path in songs.iterdir()} == before, "a file was changed")
    expect(not left_over(songs), left_over(songs))
    result, rows = tag(folder, path)
    expect(result.returncode == 0, result.stderr)
    tags = mutagen.id3.ID3(path)
    expect(tags["APIC:"].data == picture and tags["TKEY"].text == ["Am"] and packets(path) == sound, rows)


@test
def a_killed_command_leaves_every_file_old_or_new(folder):
    songs = folder / "songs"
    songs.mkdir()
    for i in range(24):
        shutil.copyfile(master("ogg" if i % 2 else "mp3"), songs / f"{i:02d}.{'ogg' if i % 2 else 'mp3'}")
    old = {digest(songs / "00.mp3"), digest(songs / "01.ogg")}
    new = set()
    for suffix in ("mp3", "ogg"):
        one = copy(folder / "one", suffix)
        tag(folder, one / f"song.{suffix}")
        new.add(digest(one / f"song.{suffix}"))
    undo = folder / "undo.jsonl"
    for wanted in (1, 7, 14):
        process = start([KITHARA, "tag", "--workers", "1", "--undo-file", undo, songs], env=environment(folder), stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL)
        until(lambda: process.poll() is not None or (undo.exists() and undo.read_text().count("\n") >= wanted), 60, "some files")
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        states = {path: digest(path) for path in songs.iterdir() if not path.name.startswith(".")}
        expect(set(states.values()) <= old | new, "half a file")
        tagged = {str(path) for path, state in states.items() if state in new}
        recorded = {json.loads(line)["path"] for line in undo.read_text().splitlines()}
        expect(tagged <= recorded, f"without a record: {tagged - recorded}")
    (songs / (".kithara-tag-" + hashlib.sha256(b"23.ogg").hexdigest()[:16])).write_text("of a killed process")
    result, _ = tag(folder, "--undo-file", undo, songs)
    expect(result.returncode == 0 and not left_over(songs), f"{left_over(songs)} {result.stderr}")
    expect({digest(path) for path in songs.iterdir()} == new, "not all are tagged")
    result, rows = tag(folder, "--undo", undo)
    expect(all(value(mutagen.File(path), "TKEY" if path.suffix == ".mp3" else "INITIALKEY") is None for path in songs.iterdir()),
           "not all are restored")


@test
def a_run_takes_tagged_files_as_unchanged_and_gives_their_values(folder):
    songs = copy(folder / "songs", "mp3", "flac", "opus", "m4a")
    expect(kithara(folder, "run", songs).returncode == 0, "the first run")
    result, rows = tag(folder, "--run", songs)
    expect("0 analysed, 4 by stored results" in result.stderr, result.stderr)
    run = kithara(folder, "run", songs)
    expect("4 unchanged" in run.stderr, run.stderr)
    result, rows = tag(folder, "--run", songs, "--overwrite", "--key-format", "open-key")
    expect("0 analysed, 4 by stored results" in result.stderr, result.stderr)
    expect({row["new"] for row in rows if row["field"] == "key"} == {"1m"}, rows)
    expect("4 unchanged" in kithara(folder, "run", songs).stderr, "after the second time")
    for undo in sorted((folder / "state/tags").iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        expect(tag(folder, "--undo", undo)[0].returncode == 0, "undo")
    expect("4 unchanged" in kithara(folder, "run", songs).stderr, "after undo")
    shutil.copyfile(master("flac"), songs / "song.flac")  # another file as far as one can know
    result, rows = tag(folder, "--run", songs)
    expect("1 analysed, 3 by stored results" in result.stderr, result.stderr)
    run = kithara(folder, "run", songs)
    expect("1 analysed" in run.stderr and "3 unchanged" in run.stderr, run.stderr)
    expect_failure(kithara(folder, "tag", "--run", folder), "ENOTFOUND")


@test
def wrong_usage_is_explained(folder):
    songs = copy(folder / "songs", "flac")
    for arguments, sentence in (((), "a folder or file is missing"), (("--fields", "bpm,artist", songs), "no list of"),
                                (("--key-format", "german", songs), "not musical, camelot or open-key"),
                                (("--min-confidence", "2", songs), "from 0 to 1"), (("--workers", "0", songs), "--workers"),
                                (("--run", songs, "--ledger", "sqlite:x", songs), "exclude"),
                                (("--undo", "x", songs), "not expected"), (("--dry", songs), "unknown option")):
        expect_failure(kithara(folder, "tag", *arguments), sentence, 2)
    expect_failure(kithara(folder, "tag", folder / "missing"), "ENOFILE")
    expect_failure(kithara(folder, "tag", "--undo", folder / "missing"), "ENOFILE")
    (folder / "bad.jsonl").write_text('{"path":"relative","before":{},"after":{},"tags":[]}\n')
    expect_failure(kithara(folder, "tag", "--undo", folder / "bad.jsonl"), "EMESSAGE")
    expect_failure(kithara(folder, "tag", "--ledger", f"sqlite:{folder}/missing.sqlite", songs), "kithara: E")


if __name__ == "__main__":
    main()
