#!/usr/bin/env python3
"""Incomplete, damaged and protected files through `kithara analyze`: each container, each kind of damage.

    odd_damage.py --kithara build/bin/kithara

A stationary signal of 20 s is encoded into each container. Its loudness and true peak are those that ffmpeg's `ebur128`
measures on the whole file; where a part is damaged, the rest must have the same. What is missing follows from how the file
was damaged. Closes with `N passed, N failed`.
"""
import argparse
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = 20
PULSES = "0.12*(0.4+0.6*exp(-6*mod(t,0.5)))*(sin(2*PI*220*t)+0.6*sin(2*PI*331*t)+0.5*sin(2*PI*1234*t)+0.8*(random({})-0.5))"
SOUND = ["-f", "lavfi", "-i", f"aevalsrc='{PULSES.format(0)}|{PULSES.format(1)}':s=44100:d={SECONDS}"]
FILM = ["-f", "lavfi", "-i", f"testsrc2=s=320x180:r=25:d={SECONDS}", *SOUND]
H264, FAST, RAW = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"], ["-movflags", "+faststart"], ["-write_xing", "0", "-id3v2_version", "0"]

FRAGMENTS = ["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "1000000"]

# name: (ffmpeg's arguments; whether a length is declared that a cut file still has; whether damage inside can be seen)
CONTAINERS = {
    "flac": (SOUND, True, True),
    "wav": (SOUND, True, False),
    "w64": (SOUND, True, False),
    "rf64.wav": ([*SOUND, "-rf64", "always"], True, False),
    "aiff": (SOUND, True, False),
    "caf": (SOUND, True, False),
    "cbr.mp3": ([*SOUND, "-b:a", "128k"], True, True),
    "vbr.mp3": ([*SOUND, "-q:a", "4"], True, True),
    "cbr_raw.mp3": ([*SOUND, "-b:a", "128k", *RAW], False, True),
    "vbr_raw.mp3": ([*SOUND, "-q:a", "4", *RAW], False, True),
    "ogg": ([*SOUND, "-c:a", "libvorbis"], False, True),
    "opus": ([*SOUND, "-c:a", "libopus"], False, True),
    "m4a": ([*SOUND, "-c:a", "aac"], True, True),
    "fast.m4a": ([*SOUND, "-c:a", "aac", *FAST], True, True),
    "aac": ([*SOUND, "-c:a", "aac"], False, True),
    "mka": ([*SOUND, "-c:a", "libvorbis"], True, True),
    "mp4": ([*FILM, *H264, "-c:a", "aac", *FAST], True, True),
    "mkv": ([*FILM, *H264, "-c:a", "aac"], True, True),
    "avi": ([*FILM, "-c:v", "mpeg4", "-c:a", "libmp3lame"], True, True),
    "alac.m4a": ([*SOUND, "-c:a", "alac", *FAST], True, True),
    "fragments.m4a": ([*SOUND, "-c:a", "aac", *FRAGMENTS], False, True),
    "dash.m4a": ([*SOUND, "-c:a", "aac", "-movflags", "dash+global_sidx", "-frag_duration", "1000000"], True, True),
    "oga": ([*SOUND, "-c:a", "flac", "-f", "ogg"], False, True),
    "sound.ts": ([*SOUND, "-c:a", "mp2"], False, True),
    "ts": ([*FILM, *H264, "-c:a", "aac"], False, True),
    "m2ts": ([*SOUND, "-c:a", "ac3"], False, True),
    "mpg": ([*FILM, "-c:v", "mpeg1video", "-c:a", "mp2"], False, True),
    "flv": ([*FILM, "-c:v", "flv1", "-c:a", "libmp3lame"], True, True),
    "webm": ([*SOUND, "-c:a", "libopus"], True, True),
    "wma": ([*SOUND, "-c:a", "wmav2"], True, True),
    "wv": ([*SOUND, "-c:a", "wavpack"], True, True),
    "tta": ([*SOUND, "-c:a", "tta"], True, True),
    "ac3": ([*SOUND, "-c:a", "ac3"], False, True),
    "mp2": ([*SOUND, "-c:a", "mp2"], False, True),
    "au": (SOUND, True, False),
    "adpcm.wav": ([*SOUND, "-c:a", "adpcm_ima_wav"], True, False),
}
# FFmpeg's demuxer does not find the next block or fragment behind damage: the second half is lost with it.
ENDS_AT_DAMAGE = ("wv", "fragments.m4a", "dash.m4a")

# The end is zeros, as of a download that was broken off; and where all is there and bytes of any kind follow.
TAILS = ("flac", "vbr.mp3", "ogg", "mka", "webm", "flv", "wma", "tta", "wv", "fragments.m4a", "dash.m4a", "alac.m4a")
JUNK = ("flac", "wav", "aiff", "caf", "au", "vbr.mp3", "ogg", "m4a", "fragments.m4a", "mka", "flv", "wma", "wv", "tta", "sound.ts", "avi")


def ffmpeg(*argv):
    return subprocess.run(["ffmpeg", "-hide_banner", "-nostats", "-y", *map(str, argv)], check=True, timeout=120, capture_output=True,
                          text=True).stderr


def reference(path):
    """Integrated loudness and true peak by ffmpeg."""
    text = ffmpeg("-i", path, "-map", "0:a", "-af", "ebur128=peak=true", "-f", "null", "-").split("Summary:")[1]
    return float(re.search(r"I:\s+(\S+) LUFS", text)[1]), float(re.search(r"Peak:\s+(\S+) dBFS", text)[1])


def analyse(program, paths):
    done = subprocess.run([program, "analyze", "--jsonl", *map(str, paths)], capture_output=True, timeout=600, check=False,
                          env=dict(os.environ, ANALYZER_MODEL_PATH="/nonexistent"))
    return {Path(d["file_path"]).name: d for d in map(json.loads, done.stdout.splitlines())}


def technical(document):
    return (document["features"] or {}).get("technical") or {}


def code_of(document):
    return "ok" if document["success"] else document["error"]["code"]


def sounds_like(document, loudness, peak):
    """Damaged parts feed neither loudness nor true peak: of what is left they are those of the whole."""
    found, top = document["features"]["perceptual"]["loudness"], document["quality_metrics"]["true_peak"]
    if abs(found - loudness) > 0.3:
        yield f"loudness {found}, of the whole file {loudness}"
    if top > peak + 0.3:
        yield f"true peak {top}, of the whole file {peak}"


def is_whole(document):
    if code_of(document) != "ok" or technical(document)["warnings"] or technical(document)["decoded_share"] < 0.995:
        yield f"{code_of(document)}, {technical(document).get('decoded_share')}, {technical(document).get('warnings')}"


def is_cut(document, part, declared, has_index):
    """part: of the bytes that are there."""
    t, code = technical(document), code_of(document)
    if not has_index:
        if code != "ETRUNCATED":
            yield f"{code}, not ETRUNCATED"
        return
    if not t:
        yield f"{code} without features"
        return
    want = "ETRUNCATED" if declared and part < 0.9 else "ok"
    if code != want:
        yield f"{code}, not {want}"
    if not t["warnings"]:
        yield "no warning"
    if declared and not part - 0.06 < t["decoded_share"] < part + 0.06:
        yield f"decoded_share {t['decoded_share']}, not about {part}"
    if declared and abs(t["declared_duration"] - SECONDS) > 0.1:
        yield f"declared_duration {t['declared_duration']}"
    if document["features"]["spectral"]["rms"] is None:
        yield "no features of what was read"


def is_damaged(document, reference_values, least):
    """A tenth is overwritten, and with it whatever packets and pages the ends of that tenth are in."""
    t, code = technical(document), code_of(document)
    if code != ("EDAMAGED" if t["decoded_share"] < 0.9 else "ok"):
        yield f"{code} at a share of {t['decoded_share']}"
    if not least < t["decoded_share"] < 0.92:
        yield f"decoded_share {t['decoded_share']}"
    if not t["warnings"]:
        yield "no warning"
    yield from sounds_like(document, *reference_values)


def has_lost_its_tail(document, reference_values):
    """The last fifth is overwritten. Where packets state no length of the whole, a warning says so."""
    t, code = technical(document), code_of(document)
    if code not in (("ETRUNCATED", "EDAMAGED") if t["decoded_share"] < 0.9 else ("ok",)):
        yield f"{code} at a share of {t['decoded_share']}"
    if not t["warnings"] or t["audio_duration"] * t["decoded_share"] > 0.85 * SECONDS:
        yield f"{t['audio_duration']} s, share {t['decoded_share']}, warnings {t['warnings']}"
    yield from sounds_like(document, *reference_values)


def has_junk(document, reference_values):
    """All is there, and something behind it."""
    t = technical(document)
    if code_of(document) != "ok" or t["decoded_share"] < 0.98 or abs(t["duration"] - SECONDS) > 0.1:
        yield f"{code_of(document)}, share {t.get('decoded_share')}, duration {t.get('duration')}"
    yield from sounds_like(document, *reference_values)


def patched(data, at, value):
    return data[:at] + value + data[at + len(value):]


def scaled(data, at, form, factor):
    value = struct.unpack_from(form, data, at)[0] * factor
    return patched(data, at, struct.pack(form, value if form == ">d" else int(value)))


def false_headers(good):
    """name: bytes of a whole file whose header states something else."""
    flac, mp3, wav = good["flac"], good["vbr.mp3"], good["wav"]
    head = int.from_bytes(flac[18:26], "big")
    total, rest = head & (1 << 36) - 1, head >> 36 << 36
    count, data = mp3.index(b"Xing") + 8, wav.index(b"data") + 4
    return {
        "total_6.flac": patched(flac, 18, (rest | 6).to_bytes(8, "big")),
        "total_3x.flac": patched(flac, 18, (rest | 3 * total).to_bytes(8, "big")),
        "count_7.mp3": patched(mp3, count, struct.pack(">I", 7)),
        "count_99999.mp3": patched(mp3, count, struct.pack(">I", 99999)),
        "data_6.wav": patched(wav, data, struct.pack("<I", 6)),
        "data_long.wav": patched(wav, data, struct.pack("<I", 9 << 24)),
        "data_tenth.wav": patched(wav, data, struct.pack("<I", len(wav) // 10 & ~3)),
        "data_3x.w64": scaled(good["w64"], good["w64"].index(b"data") + 16, "<Q", 3),
        "ds64_tenth.wav": scaled(good["rf64.wav"], good["rf64.wav"].index(b"ds64") + 16, "<Q", 0.1),
        "ds64_3x.wav": scaled(good["rf64.wav"], good["rf64.wav"].index(b"ds64") + 16, "<Q", 3),
        "mvhd_3x.m4a": scaled(good["fast.m4a"], good["fast.m4a"].index(b"mvhd") + 20, ">I", 3),
        "duration_3x.flv": scaled(good["flv"], good["flv"].index(b"duration") + 9, ">d", 3),
        "duration_tenth.flv": scaled(good["flv"], good["flv"].index(b"duration") + 9, ">d", 0.1),
        "duration_3x.mka": scaled(good["mka"], good["mka"].index(b"\x44\x89\x88") + 3, ">d", 3),
        "total_3x.wv": scaled(good["wv"], 12, "<I", 3),
        "play_3x.wma": scaled(good["wma"], good["wma"].index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")) + 64, "<Q", 3),
    }


def is_not_believed(document):
    t = technical(document)
    if code_of(document) != "ok" or t["declared_duration"] is not None or abs(t["duration"] - SECONDS) > 0.1:
        yield f"{code_of(document)}, declared {t.get('declared_duration')}, duration {t.get('duration')}"
    elif "declared_not_believed" not in [w["code"] for w in t["warnings"]]:
        yield f"warnings {t['warnings']}"


def protected(folder, good):
    """CENC by ffmpeg, of a film too, and the sample entry of iTunes."""
    key = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid",
           "a7e61c373e219033c21091fa607bf3b8"]
    for name in ("m4a", "mp4"):
        (folder / f"plain.{name}").write_bytes(good[name])
        ffmpeg("-i", folder / f"plain.{name}", "-c", "copy", *key, "-f", "mp4", folder / f"cenc_{name}.mp4")
        yield f"cenc_{name}.mp4"
    data = good["fast.m4a"]
    (folder / "drms.m4a").write_bytes(patched(data, data.index(b"mp4a", data.index(b"stsd")), b"drms"))
    yield "drms.m4a"
    film = good["mp4"]
    (folder / "encv.mp4").write_bytes(patched(film, film.index(b"avc1", film.index(b"stsd")), b"encv"))
    yield "encv.mp4"
    (folder / "encrypted.mka").write_bytes(encrypted_matroska(b"\x47\xe2\x84key1"))
    yield "encrypted.mka"
    (folder / "no_key_id.mka").write_bytes(encrypted_matroska(b""))
    yield "no_key_id.mka"
    for name, guid in (("encrypted.wma", "fbb3112223bdd211b4b700a0c955fc6e"), ("extended.wma", "14e68a292226174cb935dae07ee9289c")):
        (folder / name).write_bytes(encrypted_asf(good["wma"], bytes.fromhex(guid)))
        yield name
    for name, step, begin in (("sound.ts", 188, 0), ("ts", 188, 0), ("m2ts", 192, 4)):
        (folder / f"scrambled.{name}").write_bytes(scrambled(good[name], step, begin))
        yield f"scrambled.{name}"


def element(number, *content):
    """One of Matroska, with a size of eight bytes."""
    body = b"".join(content)
    return bytes.fromhex(number) + (1 << 56 | len(body)).to_bytes(8, "big") + body


def encrypted_matroska(key_id):
    """Sixteen bits of noise in blocks, which a ContentEncryption declares as encrypted by AES."""
    encryption = element("5035", element("47e1", b"\5"), key_id)
    encoding = element("6240", element("5031", b"\0"), element("5032", b"\1"), element("5033", b"\1"), encryption)
    sound = element("e1", element("b5", struct.pack(">d", 44100)), element("9f", b"\2"), element("6264", b"\x10"))
    track = element("ae", element("d7", b"\1"), element("73c5", b"\1"), element("83", b"\2"), element("86", b"A_PCM/INT/LIT"), sound,
                    element("6d80", encoding))
    blocks = [element("a3", b"\x81" + struct.pack(">h", 100 * i) + b"\x80" + random.Random(i).randbytes(17640)) for i in range(50)]
    head = element("1a45dfa3", element("4282", b"matroska"), element("4287", b"\4"), element("4285", b"\2"))
    info = element("1549a966", element("2ad7b1", struct.pack(">I", 1000000)), element("4489", struct.pack(">d", 5000)))
    return head + element("18538067", info, element("1654ae6b", track), element("1f43b675", element("e7", b"\0"), *blocks))


def encrypted_asf(data, guid):
    """A whole file with one more object in its header."""
    added = guid + struct.pack("<Q", 24 + 16) + struct.pack("<I", 4) * 4
    size, count = struct.unpack("<QI", data[16:28])
    return data[:16] + struct.pack("<QI", size + len(added), count + 1) + data[28:size] + added + data[size:]


def scrambled(data, step, begin):
    """Packets of sound and pictures, whose payload is replaced and whose control bits say odd key."""
    out, rng = bytearray(data), random.Random(7)
    for at in range(begin, len(out) - step + 1, step):
        head = 4 + (1 + out[at + 4] if out[at + 3] & 0x20 else 0)
        if (out[at + 1] & 0x1f) << 8 | out[at + 2] in (0x100, 0x101, 0x1011, 0x1100) and out[at + 3] & 0x10:
            out[at + 3] |= 0xc0
            out[at + head:at + 188] = rng.randbytes(max(0, 188 - head))
    return bytes(out)


def rows(folder):
    """(file name, the check of its document)."""
    rng, good, out = random.Random(5), {}, []
    for name, (argv, declared, seen) in CONTAINERS.items():
        path = folder / f"whole.{name}"
        ffmpeg(*argv, "-shortest", path)
        good[name] = data = path.read_bytes()
        known, n = reference(path), len(data)
        out.append((path.name, is_whole))
        index = name != "m4a"
        for part, label in ((1 / 3, "third"), (0.5, "half"), (0.95, "95")):
            (folder / f"{label}.{name}").write_bytes(data[:int(n * part) + 37])  # not by chance where a packet ends
            out.append((f"{label}.{name}", lambda d, p=part, w=declared, i=index: is_cut(d, p, w, i)))
        a, b = int(n * 0.45), int(n * 0.55)
        for label, bytes_ in (("noise", rng.randbytes(b - a)), ("zeros", bytes(b - a))):
            if seen:  # samples without a code hold any bytes: there is no damage to see
                (folder / f"{label}.{name}").write_bytes(data[:a] + bytes_ + data[b:])
                out.append((f"{label}.{name}", lambda d, k=known, s=0.4 if name in ENDS_AT_DAMAGE else 0.6: is_damaged(d, k, s)))
        if name in TAILS:
            (folder / f"tail.{name}").write_bytes(data[:int(n * 0.8)] + bytes(n - int(n * 0.8)))
            out.append((f"tail.{name}", lambda d, k=known: has_lost_its_tail(d, k)))
        if name in JUNK:
            (folder / f"junk.{name}").write_bytes(data + rng.randbytes(50000))
            out.append((f"junk.{name}", lambda d, k=known: has_junk(d, k)))
    for name, data in false_headers(good).items():
        (folder / name).write_bytes(data)
        out.append((name, is_not_believed))
    data = good["fast.m4a"]
    at = data.index(b"mdat") + 4
    (folder / "all_noise.m4a").write_bytes(data[:at] + rng.randbytes(len(data) - at))
    out.append(("all_noise.m4a", lambda d: [] if code_of(d) == "EDAMAGED" else [code_of(d)]))
    out += [(name, lambda d: [] if code_of(d) == "EPROTECTED" else [f"{code_of(d)}, not EPROTECTED"]) for name in protected(folder, good)]
    return out


def main():
    """Runs the table and prints the closing line."""
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--kithara", type=Path, required=True, help="the program under test")
    program, failed = ap.parse_args().kithara.resolve(), 0
    with tempfile.TemporaryDirectory(prefix="kithara-damage-") as name:
        folder = Path(name)
        table = rows(folder)
        found = analyse(program, [folder / file for file, _ in table])
        for file, check in table:
            faults = list(check(found[file])) if file in found else ["no document"]
            failed += bool(faults)
            print(f"{'FAILED' if faults else 'ok    '} {file}", *faults, sep="\n       " if faults else " ")
    print(f"{len(table) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
