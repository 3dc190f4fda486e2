#!/usr/bin/env python3
"""Formats and their odd beginnings through `kithara analyze`: what is read, what is named, and what is kept of the tags.

    odd_formats.py --kithara build/bin/kithara

Each row of ROWS is one file, made here with ffmpeg or byte by byte, and what its document holds. What is true of a file is
counted by another program: rate and channels by `ffprobe`, the number of samples in what `ffmpeg` decodes of the sound alone,
before anything odd was put around it. Closes with `N passed, N failed`.
"""
import argparse
import io
import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

RATE = 44100
SECONDS = 3
RANDOM = random.Random(11)
FOLDER = None


def ffmpeg(*argv):
    """Standard output of ffmpeg."""
    return subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, argv)], check=True, timeout=60, capture_output=True).stdout


# --- sound ------------------------------------------------------------------------------------------------------------

CACHE = {}


def encoded(suffix, codec, *options):
    """Three seconds of a tone with overtones in stereo, encoded."""
    key = (suffix, codec, options)
    if key not in CACHE:
        path = FOLDER / f"made{len(CACHE)}.{suffix}"
        ffmpeg("-f", "lavfi", "-i", f"aevalsrc='.4*sin(2*PI*220*t)+.1*sin(2*PI*660*t)':s={RATE}:d={SECONDS}", "-ac", 2, "-c:a", codec,
               *options, path)
        CACHE[key] = path.read_bytes()
    return CACHE[key]


def mp3():
    """Frames of 417 and 418 bytes, without a tag and without a count."""
    return encoded("mp3", "libmp3lame", "-b:a", "128k", "-id3v2_version", 0, "-write_xing", 0)


def flac():
    return encoded("flac", "flac")


def ogg(*options):
    return encoded("ogg", "libvorbis", *options)


def opus():
    return encoded("opus", "libopus", "-ar", 48000)


def decoded_seconds(data, suffix):
    """What ffmpeg decodes of it; ffprobe states the rate and the channels."""
    path = FOLDER / f"truth.{suffix}"
    path.write_bytes(data)
    said = json.loads(subprocess.run(["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_streams", "-of", "json", path],
                                     check=True, capture_output=True, timeout=60).stdout)["streams"][0]
    samples = len(ffmpeg("-i", path, "-map", "0:a:0", "-f", "f32le", "-")) // 4 // said["channels"]
    return samples / int(said["sample_rate"]), int(said["sample_rate"]), said["channels"], said["codec_name"]


def silent_ape():
    """Monkey's Audio 3.99, one frame that is marked as silence in both channels: there is no encoder at hand."""
    words = struct.pack("<III", 0x80000000, 3, 0) + bytes(8)
    blocks = RATE * SECONDS
    header = struct.pack("<HHIIIHHI", 2000, 32, 294912, blocks, 1, 16, 2, RATE)
    data_at = 52 + len(header) + 4
    return (struct.pack("<4sHHIIIIIII", b"MAC ", 3990, 0, 52, len(header), 4, 0, len(words), 0, 0) + bytes(16) + header +
            struct.pack("<I", data_at) + words)


def padded(valid, bits, order="<", channels=1):
    """Whole samples of `valid` bits at the top of `bits`."""
    values = [int(0.5 * 2**31 * math.sin(2 * math.pi * 220 * i / RATE)) >> (32 - valid) << (32 - valid) for i in range(RATE * SECONDS)]
    part = slice(4 - bits // 8, 4) if order == "<" else slice(0, bits // 8)
    return b"".join(struct.pack(order + "i", v)[part] * channels for v in values)


def wav_format(valid, bits, channels=1, plain=False):
    align = channels * bits // 8
    form = struct.pack("<HHIIHH", 1 if plain else 0xFFFE, channels, RATE, RATE * align, align, valid if plain else bits)
    if not plain:
        form += struct.pack("<HHI", 22, valid, 0) + struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    return form


def padded_rf64(valid, bits):
    data, form = padded(valid, bits), wav_format(valid, bits)
    sizes = struct.pack("<QQQI", 4 + 36 + 8 + len(form) + 8 + len(data), len(data), RATE * SECONDS, 0)
    return (b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", 28) + sizes + b"fmt " + struct.pack("<I", len(form)) + form + b"data\xff\xff\xff\xff" +
            data)


def padded_w64(valid, bits):
    data, form = padded(valid, bits), wav_format(valid, bits)
    guid = lambda name: name + bytes.fromhex("f3acd3118cd100c04f8edb8a")
    chunk = lambda name, body: guid(name) + struct.pack("<Q", 24 + len(body)) + body + bytes(-len(body) % 8)
    body = guid(b"wave") + chunk(b"fmt ", form) + chunk(b"data", data)
    return b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000") + struct.pack("<Q", 24 + len(body)) + body


def padded_caf(valid, bits, order):
    data = padded(valid, bits, order)
    desc = struct.pack(">d4sIIIII", RATE, b"lpcm", 2 if order == "<" else 0, bits // 8, 1, 1, valid)
    return (b"caff" + struct.pack(">HH", 1, 0) + b"desc" + struct.pack(">q", len(desc)) + desc + b"data" + struct.pack(">q", 4 + len(data)) + bytes(4) +
            data)


def sowt(bits):
    """AIFF-C, little-endian."""
    data = padded(bits, bits)
    comm = struct.pack(">hIh", 1, RATE * SECONDS, bits) + b"\x40\x0e\xac\x44" + bytes(6) + b"sowt\0\0"
    body = b"AIFCCOMM" + struct.pack(">I", len(comm)) + comm + b"SSND" + struct.pack(">I", 8 + len(data)) + bytes(8) + data
    return b"FORM" + struct.pack(">I", len(body)) + body


def padded_wav(valid, bits, channels=1, plain=False):
    data, form = padded(valid, bits, "<", channels), wav_format(valid, bits, channels, plain)
    return (b"RIFF" + struct.pack("<I", 20 + len(form) + len(data)) + b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" +
            struct.pack("<I", len(data)) + data)


# --- tags -------------------------------------------------------------------------------------------------------------

def synchsafe(n):
    return bytes(n >> shift & 127 for shift in (21, 14, 7, 0))


def frame(name, content, version=3):
    return name + (synchsafe(len(content)) if version == 4 else struct.pack(">I", len(content))) + b"\0\0" + content


def text(name, value, version=3):
    return frame(name, b"\3" + value if version == 4 else b"\0" + value, version)


def id3(body, size=None, version=3):
    return b"ID3" + bytes([version, 0, 0]) + synchsafe(len(body) if size is None else size) + body


def quiet_bytes(n):
    """Random, without a byte that may begin a frame."""
    return RANDOM.randbytes(n).replace(b"\xff", b"\xfe").replace(b"\x0b", b"\x0c")


SONG = text(b"TIT2", b"Song") + text(b"TPE1", b"Somebody")
TITLE = {"title": "Song", "artist": "Somebody"}


def art(n=300_000):
    return frame(b"APIC", b"\0image/jpeg\0\3\0" + quiet_bytes(n))


def ape_tag(item, front):
    """APEv2, with a header."""
    body = struct.pack("<II", len(item[1]), 0) + item[0] + b"\0" + item[1]
    mark = lambda flags: b"APETAGEX" + struct.pack("<IIII", 2000, len(body) + 32, 1, flags) + bytes(8)
    return mark(0xA0000000) + body + mark(0x80000000 if front else 0xA0000000 & ~0x20000000)


def ape_values(sound, **values):
    """Sound with an APEv2 tag at its end; values of one key are separated by zeros."""
    items = [struct.pack("<II", len(v.encode()), 0) + k.encode() + b"\0" + v.encode() for k, v in values.items()]
    return sound + b"".join(items) + b"APETAGEX" + struct.pack("<IIII", 2000, sum(map(len, items)) + 32, len(items), 0) + bytes(8)


def box(name, *content):
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + name + body


def ilst_values(*items):
    """M4A whose list of tags has these items, and its index at the end, so that nothing it refers to moves."""
    data = bytearray(encoded("m4a", "aac", "-metadata", "title=Song"))
    added, at = b"".join(items), data.index(b"ilst") - 4
    end = at + struct.unpack_from(">I", data, at)[0]
    for name in (b"ilst", b"meta", b"udta", b"moov"):
        place = data.rindex(name, 0, at + 8) - 4
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(added))
    return bytes(data[:end] + added + data[end:])


def item(name, *values, key=None):
    free = [box(b"mean", bytes(4), b"com.apple.iTunes"), box(b"name", bytes(4), key)] if key else []
    return box(name, *free, *(box(b"data", struct.pack(">II", 1, 0), v) for v in values))


def asf_values(*pairs):
    """WMA with one more extended content description."""
    wide = lambda text: (text + "\0").encode("utf-16-le")
    fields = b"".join(struct.pack("<H", len(wide(k))) + wide(k) + struct.pack("<HH", 0, len(wide(v))) + wide(v) for k, v in pairs)
    body = struct.pack("<H", len(pairs)) + fields
    added = bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850") + struct.pack("<Q", 24 + len(body)) + body
    data = encoded("wma", "wmav2")
    size, count = struct.unpack("<QI", data[16:28])
    return data[:16] + struct.pack("<QI", size + len(added), count + 1) + data[28:size] + added + data[size:]


def matroska_values(*pairs):
    """A segment without a size, as into a pipe, with tags before the first cluster."""
    element = lambda number, body: bytes.fromhex(number) + (1 << 56 | len(body)).to_bytes(8, "big") + body
    tag = b"".join(element("67c8", element("45a3", k.encode()) + element("4487", v.encode())) for k, v in pairs)
    data = ffmpeg("-f", "lavfi", "-i", f"sine=220:d={SECONDS}:r={RATE}", "-c:a", "libvorbis", "-f", "matroska", "-")
    at = data.index(bytes.fromhex("1f43b675"))
    return data[:at] + element("1254c367", element("7373", element("63c0", b"") + tag)) + data[at:]


def many(count, kind):
    """A tag of very many frames, and the title at its end."""
    make = {"keys": lambda i: frame(b"TXXX", b"\3key%05d\0v" % i, 4), "one key": lambda i: frame(b"TXXX", b"\3k\0v", 4),
            "comments": lambda i: frame(b"COMM", b"\3eng%05d\0v" % i, 4), "private": lambda i: frame(b"PRIV", b"o%05d\0v" % i, 4)}[kind]
    return id3(b"".join(make(i) for i in range(count)) + text(b"TIT2", b"Song", 4), version=4)


def many_comments(count):
    """FLAC with that many Vorbis comments."""
    return comments(*(b"key%05d=v" % i for i in range(count)))


def comments(*texts):
    body = struct.pack("<I", 1) + b"x" + struct.pack("<I", len(texts))
    body += b"".join(struct.pack("<I", len(text)) + text for text in texts)
    data = flac()
    return data[:4] + b"\0" + data[5:42] + b"\x84" + struct.pack(">I", len(body))[1:] + body + data[data.index(b"\xff\xf8"):]


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.mp3", mp3())
    return out.getvalue()


# --- the table --------------------------------------------------------------------------------------------------------
# Name: (the bytes, what is expected). A dict: of technical; `of`: the sound alone and its suffix, whose length, rate, channels
# and codec are asked for; `tags`: those that must be there; `valid`: bits_per_sample. A pair: the error's code and a part of its
# detail.

def fine(make, suffix, **more):
    return make, dict(of=(make, suffix), **more)


ROWS = {
    # formats that are enabled
    "WavPack": fine(lambda: encoded("wv", "wavpack"), "wv", container="wavpack"),
    "TTA": fine(lambda: encoded("tta", "tta"), "tta", container="tta"),
    "Monkey's Audio": (silent_ape, {"container": "ape", "codec": "ape", "duration": SECONDS, "sample_rate": RATE, "audio_channels": 2}),
    "AU, 16 bits": fine(lambda: encoded("au", "pcm_s16be"), "au", container="au"),
    "AU, mu-law": fine(lambda: encoded("au", "pcm_mulaw"), "au"),
    "AU, float": fine(lambda: encoded("au", "pcm_f32be"), "au"),
    "WMA 1": fine(lambda: encoded("wma", "wmav1"), "wma", container="asf"),
    "WMA 2": fine(lambda: encoded("wma", "wmav2"), "wma"),
    "AC-3": fine(lambda: encoded("ac3", "ac3"), "ac3", container="ac3"),
    "AC-3, 32 kHz": fine(lambda: encoded("ac3", "ac3", "-ar", 32000, "-b:a", "96k"), "ac3"),
    "E-AC-3": fine(lambda: encoded("eac3", "eac3"), "eac3", container="eac3"),
    "MPEG-TS, MPEG audio": fine(lambda: encoded("ts", "mp2"), "ts", container="mpegts"),
    "MPEG-TS, AAC": fine(lambda: encoded("ts", "aac"), "ts"),
    "MPEG-TS, LATM": fine(lambda: encoded("ts", "aac", "-mpegts_flags", "latm"), "ts"),
    "MPEG-TS, AC-3": fine(lambda: encoded("ts", "ac3"), "ts"),
    "M2TS": fine(lambda: encoded("m2ts", "ac3"), "m2ts"),
    # samples with fewer valid bits than bytes
    "WAV, 24 bits in 32": (lambda: padded_wav(24, 32), {"duration": SECONDS, "bits_per_sample": 24, "codec": "pcm_s32le"}),
    "WAV, 20 bits in 32": (lambda: padded_wav(20, 32), {"duration": SECONDS, "bits_per_sample": 20, "codec": "pcm_s32le"}),
    "WAV, 24 bits in 32, stereo": (lambda: padded_wav(24, 32, 2), {"duration": SECONDS, "bits_per_sample": 24, "audio_channels": 2}),
    "WAV, 24 bits in 32, old header": (lambda: padded_wav(24, 32, 1, True), {"duration": SECONDS, "bits_per_sample": 24}),
    "WAV, 20 bits in 24": (lambda: padded_wav(20, 24), {"duration": SECONDS, "codec": "pcm_s24le"}),
    "WAV, 12 bits in 16": (lambda: padded_wav(12, 16), {"duration": SECONDS, "codec": "pcm_s16le"}),
    "WAV, 32 bits": (lambda: padded_wav(32, 32), {"duration": SECONDS, "codec": "pcm_s32le", "bits_per_sample": 32}),
    "RF64, 24 bits in 32": (lambda: padded_rf64(24, 32), {"duration": SECONDS, "bits_per_sample": 24, "codec": "pcm_s32le", "warnings": []}),
    "W64, 24 bits in 32": (lambda: padded_w64(24, 32), {"duration": SECONDS, "bits_per_sample": 24, "codec": "pcm_s32le", "warnings": []}),
    "W64, 20 bits in 24": (lambda: padded_w64(20, 24), {"duration": SECONDS, "codec": "pcm_s24le", "warnings": []}),
    "CAF, 24 bits in 32": (lambda: padded_caf(24, 32, ">"), {"duration": SECONDS, "bits_per_sample": 24, "codec": "pcm_s32be", "warnings": []}),
    "CAF, 24 bits in 32, little-endian": (lambda: padded_caf(24, 32, "<"), {"duration": SECONDS, "bits_per_sample": 24, "codec": "pcm_s32le"}),
    "CAF, 24 bits": (lambda: padded_caf(24, 24, ">"), {"duration": SECONDS, "bits_per_sample": 24, "codec": "pcm_s24be", "warnings": []}),
    "AIFF-C, little-endian, 32 bits": (lambda: sowt(32), {"duration": SECONDS, "bits_per_sample": 32, "codec": "pcm_s32le", "warnings": []}),
    "AIFF-C, little-endian, 24 bits": (lambda: sowt(24), {"duration": SECONDS, "bits_per_sample": 24, "codec": "pcm_s24le", "warnings": []}),
    "AIFF-C, little-endian, 16 bits": (lambda: sowt(16), {"duration": SECONDS, "bits_per_sample": 16, "codec": "pcm_s16le", "warnings": []}),
    # beginnings that say nothing, or something untrue
    "a tag": (lambda: id3(SONG) + mp3(), {"of": (mp3, "mp3"), "tags": TITLE}),
    "a tag that claims more than the file": (lambda: id3(SONG, 5_000_000) + mp3(), {"of": (mp3, "mp3"), "tags": TITLE}),
    "a tag that claims a part of the sound": (lambda: id3(SONG, len(SONG) + 20_000) + mp3(), {"of": (mp3, "mp3"), "tags": TITLE}),
    "a tag that claims less than it has": (lambda: id3(SONG, 10) + mp3(), {"of": (mp3, "mp3")}),
    "a tag of no bytes": (lambda: id3(SONG, 0) + mp3(), {"of": (mp3, "mp3")}),
    "a tag of 300 KB": (lambda: id3(SONG + art()) + mp3(), {"of": (mp3, "mp3"), "tags": TITLE, "has_cover_art": True}),
    "300 KB of art behind a small size": (lambda: id3(SONG + art(), 100) + mp3(), {"of": (mp3, "mp3"), "tags": TITLE}),
    "300 KB of art behind a large size": (lambda: id3(SONG + art(), 9_000_000) + mp3(), {"of": (mp3, "mp3"), "tags": TITLE}),
    "a size that is not synchsafe": (lambda: b"ID3\3\0\0" + struct.pack(">I", 200_000) + SONG.ljust(200_000, b"\0") + mp3(),
                                     {"of": (mp3, "mp3"), "tags": TITLE}),
    "an APE tag in front": (lambda: ape_tag((b"Title", b"Song"), True) + mp3(), {"of": (mp3, "mp3")}),
    "100 KB of zeros": (lambda: bytes(100_000) + mp3(), {"of": (mp3, "mp3")}),
    "3 MB of zeros": (lambda: bytes(3 << 20) + mp3(), {"of": (mp3, "mp3")}),
    "300 KB of anything": (lambda: quiet_bytes(300_000) + mp3(), {"of": (mp3, "mp3")}),
    "a picture in front": (lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0" + quiet_bytes(300_000) + b"\xff\xd9" + mp3(), {"of": (mp3, "mp3")}),
    "the answer of a server": (lambda: b"ICY 200 OK\r\nicy-name: x\r\n\r\n" + mp3(), {"of": (mp3, "mp3")}),
    "zeros, a tag, frames": (lambda: bytes(5000) + id3(SONG) + mp3(), {"of": (mp3, "mp3")}),
    "two frames": (lambda: mp3()[:835], {"of": (lambda: mp3()[:835], "mp3")}),
    "two frames behind a tag": (lambda: id3(SONG) + mp3()[:835], {"of": (lambda: mp3()[:835], "mp3"), "tags": TITLE}),
    "two frames behind padding": (lambda: id3(SONG + bytes(2000)) + mp3()[:835], {"of": (lambda: mp3()[:835], "mp3"), "tags": TITLE}),
    "two frames before an ID3v1 tag": (lambda: mp3()[:835] + (b"TAG" + b"Song").ljust(128, b"\0"),
                                       {"of": (lambda: mp3()[:835], "mp3"), "tags": {"title": "Song"}}),
    "three frames before an APE tag": (lambda: mp3()[:1253] + ape_tag((b"Title", b"Song" * 50), False), {"of": (lambda: mp3()[:1253], "mp3")}),
    "FLAC behind anything": (lambda: quiet_bytes(3000) + flac(), {"of": (flac, "flac")}),
    "FLAC behind zeros": (lambda: bytes(2000) + flac(), {"of": (flac, "flac")}),
    "FLAC behind a tag": (lambda: id3(SONG) + flac(), {"of": (flac, "flac"), "tags": TITLE}),
    "FLAC behind a tag of a wrong size": (lambda: id3(SONG, 100 << 20) + flac(), {"of": (flac, "flac"), "tags": TITLE}),
    **{f"{suffix} behind a tag": (lambda s=suffix, c=codec: id3(SONG) + encoded(s, c), {
        "of": (lambda s=suffix, c=codec: encoded(s, c), suffix), "tags": TITLE})
       for suffix, codec in (("wv", "wavpack"), ("tta", "tta"), ("wav", "pcm_s16le"), ("ogg", "libvorbis"), ("ac3", "ac3"),
                             ("au", "pcm_s16be"), ("wma", "wmav2"))},
    "Monkey's Audio behind a tag": (lambda: id3(SONG) + silent_ape(), {"duration": SECONDS, "tags": TITLE}),
    # tags
    "several values of one key, 2.4": (lambda: id3(text(b"TPE1", b"A\0B\0C", 4) + text(b"TCON", b"17\0Jazz", 4), version=4) + mp3(),
                                       {"tags": {"artist": "A;B;C", "genre": "Rock;Jazz"}}),
    "several values in UTF-16": (lambda: id3(frame(b"TPE1", b"\1" + "\u00c4".encode("utf-16") + b"\0\0" + "\u03a9".encode("utf-16"), 4),
                                             version=4) + mp3(), {"tags": {"artist": "\u00c4;\u03a9"}}),
    "several values of a key of the user": (lambda: id3(frame(b"TXXX", b"\3Mood\0calm\0dark", 4), version=4) + mp3(),
                                            {"tags": {"mood": "calm;dark"}}),
    "several values, APEv2, WavPack": (lambda: ape_values(encoded("wv", "wavpack"), Artist="A\0B\0\u00dc", Genre="Rock\0Jazz", Title="Song"),
                                       {"tags": {"artist": "A;B;\u00dc", "genre": "Rock;Jazz", "title": "Song"}}),
    "several values, APEv2, MP3": (lambda: id3(SONG) + ape_values(mp3(), Artist="A\0B", Album="C\0D"),
                                   {"tags": {"artist": "Somebody", "album": "C;D"}}),
    "several values, APEv2, TTA": (lambda: ape_values(encoded("tta", "tta"), Artist="A\0B"), {"tags": {"artist": "A;B"}}),
    "several values, APEv2 before ID3v1": (lambda: ape_values(mp3(), Artist="A\0B") + (b"TAG" + b"Song").ljust(128, b"\0"),
                                           {"tags": {"artist": "A;B", "title": "Song"}}),
    "several values, MP4": (lambda: ilst_values(item(b"\xa9ART", b"A", b"B", "\u00dc".encode()), item(b"\xa9gen", b"Rock", b"Jazz"),
                                                item(b"----", b"calm", b"dark", key=b"MOOD")),
                            {"tags": {"title": "Song", "artist": "A;B;\u00dc", "genre": "Rock;Jazz", "mood": "calm;dark"}}),
    "several items of one name, MP4": (lambda: ilst_values(item(b"aART", b"A"), item(b"aART", b"B")), {"tags": {"album_artist": "A;B"}}),
    "several values, ASF": (lambda: asf_values(("Author", "A"), ("WM/Genre", "Rock"), ("WM/Genre", "Jazz"), ("Author", "B"), ("WM/Mood", "x")),
                            {"tags": {"artist": "A;B", "genre": "Rock;Jazz", "wm/mood": "x"}}),
    "several values, Matroska": (lambda: matroska_values(("ARTIST", "A"), ("ARTIST", "B"), ("TITLE", "Song"), ("MOOD", "calm"), ("MOOD", "dark")),
                                 {"tags": {"artist": "A;B", "title": "Song", "mood": "calm;dark"}}),
    "several values, Vorbis comments": (lambda: comments(b"ARTIST=A", b"ARTIST=B", b"TITLE=Song"), {"tags": {"artist": "A;B", "title": "Song"}}),
    "the title behind 300 others": (lambda: many(300, "keys") + mp3(), {"tags": {"title": "Song"}, "tag_count": 256}),
    **{f"60,000 frames in a tag, {kind}": (lambda k=kind: many(60_000, k) + mp3(), {"of": (mp3, "mp3"), "tags": {"title": "Song"}})
       for kind in ("keys", "one key", "comments", "private")},
    "300 Vorbis comments": (lambda: many_comments(300), {"of": (flac, "flac"), "tag_count": 256}),
    "120,000 Vorbis comments": (lambda: many_comments(120_000), ("EDECCPU", "very many tags")),
    # one Ogg behind another
    "chained, the same": (lambda: ogg() + ogg(), {"duration": 2 * SECONDS, "warnings": []}),
    "chained, another rate": (lambda: ogg() + ogg("-ar", 22050), {"duration": 2 * SECONDS, "sample_rate": RATE, "warnings": []}),
    "chained, other channels": (lambda: ogg() + ogg("-ac", 1), {"duration": 2 * SECONDS, "audio_channels": 2, "warnings": []}),
    **{f"chained, {name}": (lambda p=parts: b"".join(part() for part in p()), {"duration": seconds, "warnings": ["chained_part_left_out"]})
       for name, parts, seconds in (
           ("Vorbis and Opus", lambda: (ogg, opus), SECONDS), ("Opus and Vorbis", lambda: (opus, ogg), SECONDS),
           ("Vorbis and FLAC", lambda: (ogg, lambda: encoded("oga", "flac", "-f", "ogg")), SECONDS),
           ("Vorbis, Opus, Vorbis", lambda: (ogg, opus, ogg), 2 * SECONDS))},
    # known, and not read
    "DTS": (lambda: encoded("dts", "dca", "-strict", -2), ("EFORMAT", "DTS audio: not enabled")),
    "TrueHD": (lambda: encoded("thd", "truehd", "-strict", -2, "-ar", 48000), ("EFORMAT", "Dolby TrueHD audio: not enabled")),
    "MIDI": (lambda: b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk\0\0\0\4\0\xff\x2f\0", ("EFORMAT", "MIDI: not enabled")),
    "a module, XM": (lambda: b"Extended Module: x".ljust(400, b"\0"), ("EFORMAT", "tracker module (XM): not enabled")),
    "a module, IT": (lambda: b"IMPM".ljust(400, b"\0"), ("EFORMAT", "tracker module (IT): not enabled")),
    "a module, S3M": (lambda: bytes([1]) * 44 + b"SCRM".ljust(400, b"\0"), ("EFORMAT", "tracker module (S3M): not enabled")),
    "a module, MOD": (lambda: b"song".ljust(1080, b"\0") + b"M.K.".ljust(2000, b"\0"), ("EFORMAT", "tracker module (MOD): not enabled")),
    "Musepack": (lambda: b"MPCKSH\x0b" + bytes(100), ("EFORMAT", "Musepack audio: not enabled")),
    "TAK": (lambda: b"tBaK" + bytes(100), ("EFORMAT", "TAK audio: not enabled")),
    "DSF": (lambda: b"DSD \x1c" + bytes(100), ("EFORMAT", "DSD audio (DSF): not enabled")),
    "RealMedia": (lambda: b".RMF" + bytes(100), ("EFORMAT", "RealMedia: not enabled")),
    "AMR": (lambda: b"#!AMR\n" + bytes(range(200)), ("EFORMAT", "AMR audio: not enabled")),
    "Musepack behind a tag": (lambda: id3(SONG) + b"MPCKSH\x0b" + bytes(100), ("EFORMAT", "Musepack audio: not enabled")),
    "an archive of music": (zipped, ("EFORMAT", "ZIP archive: not a media file")),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + quiet_bytes(1000), ("EFORMAT", "PNG picture: not a media file")),
    "a tag and nothing": (lambda: id3(SONG), ("ETRUNCATED", "nothing behind it")),
    "a tag and no sound": (lambda: id3(SONG) + quiet_bytes(5000), ("ETRUNCATED", "no known format in the 5000 bytes behind it")),
    "zeros": (lambda: bytes(5000), ("EFORMAT", "zeros at the beginning, and no known format in the first 5000 bytes")),
    "anything": (lambda: quiet_bytes(5000), ("EFORMAT", "no known format in the first 5000 bytes")),
}


# --- the judgement ----------------------------------------------------------------------------------------------------

def faults_of(document, want):
    """The faults of a document."""
    if isinstance(want, tuple):
        error = document.get("error") or {}
        if error.get("code") != want[0] or want[1] not in error.get("detail", ""):
            yield f"{error.get('code')} '{error.get('detail')}', not {want[0]} '{want[1]}'"
        return
    if not document["success"]:
        yield f"{document['error']}"
        return
    technical = document["features"]["technical"]
    want = dict(want)
    if "of" in want:
        make, suffix = want.pop("of")
        seconds, rate, channels, codec = decoded_seconds(make(), suffix)
        want.update(sample_rate=rate, audio_channels=channels, codec=codec)
        if abs(technical["duration"] - seconds) > 1.5 / rate:
            yield f"duration is {technical['duration']}, not {seconds}"
    tags = technical["tags"] or {}
    for key, value in want.pop("tags", {}).items():
        if tags.get(key) != value:
            yield f"the tag {key} is {tags.get(key)!r}, not {value!r}"
    if len(tags) != want.pop("tag_count", len(tags)):
        yield f"{len(tags)} tags"
    codes = [warning["code"] for warning in technical["warnings"]]
    expected = want.pop("warnings", None)
    if expected is not None and not (set(expected) <= set(codes) if expected else not codes):
        yield f"warnings are {codes}, not {expected}"
    if "duration" in want and abs(technical["duration"] - want.pop("duration")) > 0.03:  # Vorbis parts have no exact seam
        yield f"duration is {technical['duration']}"
    for key, value in want.items():
        if technical[key] != value:
            yield f"{key} is {technical[key]!r}, not {value!r}"


def judge(program, number, made, want):
    path = FOLDER / f"row{number}.bin"  # the name says nothing
    path.write_bytes(made())
    done = subprocess.run([program, "analyze", "--jsonl", "--options", "none", path], capture_output=True, timeout=120, check=False,
                          env=dict(os.environ, ANALYZER_DECODER_STALL="100000"))  # on a busy machine, where the limit of processor time counts
    if done.returncode not in (0, 1) or not done.stdout:
        return [f"exit {done.returncode}: {done.stderr.decode()[-200:]}"]
    return list(faults_of(json.loads(done.stdout), want))


def main():
    """Runs the table and prints the closing line."""
    global FOLDER  # pylint: disable=global-statement
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--kithara", type=Path, required=True, help="the program under test")
    program = ap.parse_args().kithara.resolve()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kithara-formats-") as folder:
        FOLDER = Path(folder)
        for number, (name, (made, want)) in enumerate(ROWS.items()):
            faults = judge(program, number, made, want)
            failed += bool(faults)
            print(f"{'FAILED' if faults else 'ok    '} {name}", *faults, sep="\n       " if faults else " ")
    print(f"{len(ROWS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
