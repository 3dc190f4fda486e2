#!/usr/bin/env python3
"""Technical facts of films, against the arithmetic of ffprobe's packets and pictures on files that are made here.

    video_technical.py --kithara build/bin/kithara [--only NAME] [--keep DIR]

Each row of ROWS is one film: how ffmpeg makes it, and what is known of it because it is made so. Beside these, each
film's pictures, bit rate, mean rate, key frames and length are counted from ffprobe's lists. The same facts must come
out when no picture is decoded (`--options none`), then by its packets. Closes with `N passed, N failed`.
"""
import argparse
import json
import struct
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

NTSC, CINEMA = Fraction(30000, 1001), Fraction(24000, 1001)
ALMOST = 1e-6  # nine digits of the document


def film(size="320x180", rate="25", seconds=3):
    return ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]


def tone(seconds=3, channels=2, rate=48000):
    return ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate={rate}:duration={seconds}", "-ac", str(channels)]


H264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "12", "-threads", "1"]
MPEG2 = ["-c:v", "mpeg2video", "-g", "12", "-bf", "2", "-q:v", "5"]
MPEG4 = ["-c:v", "mpeg4", "-q:v", "5"]
AAC = ["-c:a", "aac"]
HDR10 = ["-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc",
         "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
         "log-level=none:pools=1:hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
         ":max-cll=1000,400:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"]
HLG = ["-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
       "log-level=none:pools=1:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc"]


def cut_head(path, ffmpeg):
    """Begins inside of a group of pictures: the edit list hides the pictures before."""
    whole = path.with_suffix(".whole.mp4")
    ffmpeg([*film(rate="30000/1001", seconds=5), *tone(5), *H264, *AAC, whole])
    ffmpeg(["-ss", "1.2", "-i", whole, "-c", "copy", path])


def sample_table(path, ffmpeg):
    """The sample table states 546 lines, the codec 540."""
    ffmpeg([*film("960x540"), *H264, path])
    data = bytearray(path.read_bytes())
    at = data.find(b"avc1", data.find(b"stsd"))
    assert struct.unpack_from(">2H", data, at + 28) == (960, 540)
    struct.pack_into(">2H", data, at + 28, 960, 546)
    path.write_bytes(data)


def shown_by(a, b, c, d):
    """A display matrix: 0, 1, -1, 0 is that of a telephone that is held upright."""
    def make(path, ffmpeg):
        ffmpeg([*film("180x320"), "-vf", "setsar=4/3", *MPEG4, path])
        data = bytearray(path.read_bytes())
        struct.pack_into(">9i", data, data.find(b"tkhd") + 44, a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
        path.write_bytes(data)
    return make


def transport_204(path, ffmpeg):
    plain = path.with_suffix(".plain.ts")
    ffmpeg([*film(), *tone(), *MPEG2, "-c:a", "mp2", plain])
    data = plain.read_bytes()
    path.write_bytes(b"".join(data[i:i + 188] + bytes(16) for i in range(0, len(data), 188)))


def insert_box(data, parents, entry, box):
    """An MP4 whose index is at the end, with one more box at the end of a sample entry."""
    at = data.find(entry, data.find(b"stsd")) - 4
    end = at + struct.unpack_from(">I", data, at)[0]
    for name in (*parents, entry):
        place = data.rfind(name, 0, at + 8) - 4
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(box))
    return data[:end] + box + data[end:]


def dolby_vision(path, ffmpeg):
    """HEVC with a configuration record of profile 8, level 5, whose base layer is HLG."""
    plain = path.with_suffix(".plain.mp4")
    ffmpeg([*film("320x192", seconds=1), *HLG, "-tag:v", "hvc1", plain])
    record = bytes([1, 0]) + struct.pack(">H", 8 << 9 | 5 << 3 | 0b101) + bytes([4 << 4]) + bytes(19)
    box = struct.pack(">I4s", 8 + len(record), b"dvvC") + record
    path.write_bytes(insert_box(bytearray(plain.read_bytes()), (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"), b"hvc1", box))


def damaged(path, ffmpeg):
    """Garbage over a tenth of a second in each second."""
    ffmpeg([*film("640x360", seconds=6), *H264, "-movflags", "+faststart", path])
    data, state = bytearray(path.read_bytes()), 1
    begin = data.find(b"mdat") + 4
    for at in range(begin + 20000, len(data) - 3000, (len(data) - begin) // 6):
        for i in range(at, at + 1500):
            state = (state * 1103515245 + 12345) % (1 << 31)
            data[i] = state >> 16 & 255
    path.write_bytes(data)


def two_programs(path, ffmpeg):
    """The second program's sound has more channels; it is not that of the first program's picture."""
    sound = tone()[:4]
    ffmpeg([*film("352x288"), *sound, *film("720x576"), *sound, "-map", "0", "-map", "1", "-map", "2", "-map", "3", *MPEG2,
            "-c:a", "ac3", "-ac:a:0", "2", "-ac:a:1", "6", "-program", "title=one:st=0:st=1", "-program", "title=two:st=2:st=3", "-f", "mpegts", path])


def joined(path, ffmpeg):
    """Two recordings in a row: the times begin again."""
    plain = path.with_suffix(".plain.ts")
    ffmpeg([*film("352x288"), *tone(), *MPEG2, "-c:a", "mp2", plain])
    path.write_bytes(plain.read_bytes() * 2)


def part(path, ffmpeg, begin, *arguments):
    """Bytes of a transport stream whose time stamps begin there."""
    piece = path.with_suffix(".part.ts")
    ffmpeg([*arguments, "-output_ts_offset", begin, "-muxdelay", "0", piece])
    return piece.read_bytes()


def leaps(path, ffmpeg):
    """Three recordings: the times leap ahead by half a day, then back."""
    made = [*film("352x288"), *tone(), *MPEG2, "-c:a", "mp2"]
    path.write_bytes(b"".join(part(path, ffmpeg, begin, *made) for begin in (1000, 50000, 10)))


def sizes(path, ffmpeg):
    """The second half has larger pictures."""
    path.write_bytes(part(path, ffmpeg, 1, *film("320x180"), *MPEG2) + part(path, ffmpeg, 4, *film("640x360"), *MPEG2))


def shapes(path, ffmpeg):
    """The second half has wider pixels."""
    path.write_bytes(b"".join(part(path, ffmpeg, begin, *film("720x576"), *MPEG2, "-aspect", aspect) for begin, aspect in
                              ((1, "4:3"), (4, "16:9"))))


def offset(path, ffmpeg):
    """Begins ten seconds late, which the container states as part of its length."""
    plain = path.with_suffix(".plain.mp4")
    ffmpeg([*film(), *tone(), *H264, *AAC, plain])
    ffmpeg(["-i", plain, "-c", "copy", "-output_ts_offset", "10", path])


def reference_pictures(path, ffmpeg):
    """VP8 with pictures that are never shown."""
    log = path.with_suffix(".log")
    for number, target in ((1, ["-f", "null", "-"]), (2, [path])):
        ffmpeg([*film(rate="30"), "-c:v", "libvpx", "-b:v", "300k", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-pass", number,
                "-passlogfile", log, *target])


def subtitles(path, ffmpeg):
    text = path.with_suffix(".srt")
    text.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n", encoding="utf-8")
    ffmpeg([*film(), *tone(), "-i", text, "-i", text, "-map", "0", "-map", "1", "-map", "2", "-map", "3", *H264, *AAC,
            "-c:s", "srt", "-metadata:s:a", "language=deu", "-metadata:s:s:0", "language=eng", "-metadata:s:s:1",
            "language=fra", path])


def cover(path, ffmpeg):
    """Sound beside a picture of several times its size."""
    picture = path.with_suffix(".png")
    ffmpeg(["-f", "lavfi", "-i", "testsrc2=size=1024x1024,noise=alls=100", "-frames:v", "1", picture])
    ffmpeg([*tone(6), "-i", picture, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic", path])


def silent_codec(path, ffmpeg):
    """The sound is of a codec that is not read."""
    ffmpeg([*film(), *tone(), *H264, "-c:a", "truehd", "-strict", "-2", path])


JITTER = ["-vf", "settb=1/90000,setpts='(N/25+if(mod(N,3),0.011,0)+if(mod(N,7),0,0.004))/TB'", "-vsync", "passthrough", "-enc_time_base", "1:90000"]
GAP = ["-vf", "select='not(between(n,20,24))'", "-vsync", "passthrough"]

#: name: (arguments of ffmpeg or a function, facts). `rate` is the exact frame rate; None: variable.
ROWS = {
    "ntsc.mp4": ([*film(rate="30000/1001"), *tone(), *H264, *AAC],
                 {"rate": NTSC, "container": "mp4", "codec": "h264", "audio_channels": 2, "aspect_ratio": 16 / 9, "profile": "High",
                  "pixel_format": "yuv420p", "bit_depth": 8, "interlacing": "progressive", "hdr": "none", "rotation": 0}),
    "cinema.mkv": ([*film(rate="24000/1001"), *tone(channels=6), *H264, "-c:a", "ac3"],
                   {"rate": CINEMA, "container": "matroska", "audio_channels": 6}),
    "vp8.webm": ([*film(rate="30"), *tone(), "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
                 {"rate": 30, "container": "webm", "codec": "vp8"}),
    "vp9.webm": ([*film(rate="30000/1001"), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
                 {"rate": NTSC, "container": "webm", "codec": "vp9", "has_audio": False, "audio_channels": 0}),
    "av1.mkv": ([*film(rate="24", seconds=1), "-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"],
                {"rate": 24, "codec": "av1"}),
    "b_pictures.avi": ([*film(), *tone(), *MPEG4, "-bf", "2", "-c:a", "mp3"], {"rate": 25, "container": "avi", "codec": "mpeg4"}),
    "mjpeg.avi": ([*film(rate="10"), "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"],
                  {"rate": 10, "codec": "mjpeg", "color_range": "full"}),
    "program.mpg": ([*film("352x288"), *tone(), *MPEG2, "-c:a", "mp2"],
                    {"rate": 25, "container": "mpeg", "codec": "mpeg2video", "audio_codec": "mp2", "profile": "Main", "level": "main"}),
    "program_1.mpg": ([*film("352x288", "30000/1001"), *tone(rate=44100), "-c:v", "mpeg1video", "-c:a", "mp2", "-f", "mpeg"],
                      {"rate": NTSC, "container": "mpeg", "codec": "mpeg1video"}),
    "dvd.vob": ([*film("720x576"), *tone(), "-target", "pal-dvd", "-aspect", "16:9"],
                {"rate": 25, "container": "mpeg", "aspect_ratio": 16 / 9, "resolution": [720, 576], "audio_codec": "ac3"}),
    "elementary.m2v": ([*film("352x288"), "-c:v", "mpeg2video", "-bf", "0", "-f", "mpeg2video"],
                       {"container": "mpegvideo", "codec": "mpeg2video", "has_audio": False}),
    "transport.ts": ([*film("352x288"), *tone(), *MPEG2, "-c:a", "mp2"], {"rate": 25, "container": "mpegts"}),
    "m2ts.mts": ([*film(), *tone(), *H264, "-c:a", "ac3", "-mpegts_m2ts_mode", "1", "-f", "mpegts"], {"rate": 25, "container": "mpegts"}),
    "parity.ts": (transport_204, {"rate": 25, "container": "mpegts"}),
    "wrap.ts": ([*film("352x288", seconds=6), *tone(6), *MPEG2, "-c:a", "mp2", "-output_ts_offset", "95440", "-muxdelay", "0"],
                {"rate": 25, "container": "mpegts", "duration": 6, "audio_duration": 6, "start_time": 95440, "audio_start_time": 0}),
    "theora.ogv": ([*film(), *tone(), "-c:v", "libtheora", "-q:v", "5", "-c:a", "libvorbis"],
                   {"rate": 25, "container": "ogg", "codec": "theora"}),
    "flash.flv": ([*film(), *tone(rate=44100), "-c:v", "flv", "-c:a", "mp3"], {"rate": 25, "container": "flv", "codec": "flv1"}),
    "prores.mov": ([*film(), *tone(), "-c:v", "prores", "-profile:v", "0", "-c:a", "pcm_s16le"],
                   {"rate": 25, "container": "mov", "codec": "prores", "pixel_format": "yuv422p10le", "bit_depth": 10}),
    "edit_list.mp4": (cut_head, {"rate": NTSC}),
    "sample_table.mp4": (sample_table, {"rate": 25, "resolution": [960, 540], "aspect_ratio": 16 / 9}),
    "rotated.mov": (shown_by(0, 1, -1, 0), {"rate": 25, "resolution": [180, 320], "rotation": 90, "mirrored": False,
                                            "pixel_aspect_ratio": 4 / 3, "aspect_ratio": 1 / (180 / 320 * 4 / 3)}),
    "mirrored.mov": (shown_by(-1, 0, 0, 1), {"rate": 25, "rotation": 0, "mirrored": True, "aspect_ratio": 180 / 320 * 4 / 3}),
    "upside_down.mov": (shown_by(1, 0, 0, -1), {"rate": 25, "rotation": 180, "mirrored": True}),
    "transposed.mov": (shown_by(0, 1, 1, 0), {"rate": 25, "rotation": 90, "mirrored": True, "aspect_ratio": 1 / (180 / 320 * 4 / 3)}),
    "wide_pixels.mp4": ([*film("720x576"), "-vf", "setsar=64/45", *H264], {"rate": 25, "aspect_ratio": 16 / 9, "pixel_aspect_ratio": 64 / 45}),
    "joined.ts": (joined, {"rate": 25, "frames": 150, "video_duration": 6, "duration": 6, "bit_rate": None, "keyframe_interval": None,
                           "warnings": ["times_joined"]}),
    "leaps.ts": (leaps, {"rate": 25, "frames": 225, "video_duration": 9, "duration": 9, "audio_duration": 9, "declared_duration": None,
                         "decoded_share": 1.0, "bit_rate": None, "keyframe_interval": None,
                         "warnings": ["sound_lost", "times_joined"]}),  # a frame of the sound at each joint
    "sizes.ts": (sizes, {"rate": 25, "resolution": [320, 180], "frames": None, "warnings": ["picture_size_changes"]}),
    "shapes.ts": (shapes, {"rate": 25, "aspect_ratio": 4 / 3, "frames": None, "warnings": ["pixel_shape_changes"]}),
    "crop_left.mp4": ([*film(), *H264, "-bsf:v", "h264_metadata=crop_left=18"], {"rate": 25, "resolution": [302, 180]}),
    "offset.mp4": (offset, {"rate": 25, "duration": 3}),
    "reference_pictures.webm": (reference_pictures, {"rate": 30}),
    "jitter.mp4": ([*film(), *JITTER, *H264], {"rate": None}),
    "gap.mkv": ([*film(), *GAP, *H264], {"rate": None}),
    "top.mpg": ([*film("720x576"), "-vf", "setfield=tff", *MPEG2, "-flags", "+ildct+ilme", "-top", "1"], {"rate": 25, "interlacing": "top"}),
    "bottom.mpg": ([*film("720x480", "30000/1001"), "-vf", "setfield=bff", *MPEG2, "-flags", "+ildct+ilme", "-top", "0"],
                   {"rate": NTSC, "interlacing": "bottom"}),
    "hdr10.mkv": ([*film("320x192", seconds=1), *HDR10],
                  {"rate": 25, "hdr": "hdr10", "bit_depth": 10, "color_primaries": "bt2020", "color_transfer": "smpte2084",
                   "color_space": "bt2020nc", "color_range": "limited",
                   "hdr_metadata": {"mastering_min_luminance": .005, "mastering_max_luminance": 1000, "max_content_light": 1000,
                                    "max_frame_average_light": 400}}),
    "hlg.mp4": ([*film("320x192", seconds=1), *HLG], {"rate": 25, "hdr": "hlg", "color_transfer": "arib-std-b67"}),
    "subtitles.mkv": (subtitles, {"rate": 25, "subtitle_languages": ["eng", "fra"], "streams": 4}),
    "long_sound.mp4": ([*film(seconds=2), *tone(5), *H264, *AAC], {"rate": 25, "duration": 5, "bit_rate_of": 2}),
    "short_sound.mp4": ([*film(seconds=5), *tone(2), *H264, *AAC], {"rate": 25, "duration": 5}),
    "one_picture.mp4": ([*film(), "-frames:v", "1", *H264], {"frame_rate": 25, "frames": 1, "duration": .04}),
    "sound_not_read.mkv": (silent_codec, {"rate": 25, "warnings": ["sound_not_decoded"], "has_audio": True, "duration": 3, "audio_channels": 2}),
    "picture_not_read.avi": ([*film(), *tone(), "-c:v", "asv1", "-c:a", "mp3"],
                             {"rate": 25, "warnings": ["picture_not_decoded"], "codec": "asv1", "resolution": [320, 180], "keyframe_interval": None}),
    "dolby_vision.mp4": (dolby_vision, {"rate": 25, "hdr": "hlg, dolby vision",
                                        "hdr_metadata": {"dolby_vision_profile": 8, "dolby_vision_level": 5}}),
    "damaged.mp4": (damaged, {"frame_rate": 25.0, "variable_frame_rate": False, "duration": 6,
                              "warnings": ["damaged_packets", "damaged_pictures"]}),
    "two_programs.ts": (two_programs, {"rate": 25, "resolution": [352, 288], "audio_channels": 2, "streams": 4}),
    "cover.flac": (cover, {"has_video": False, "has_cover_art": True, "audio_codec": "flac"}),
    "tone.mp3": ([*tone(4), "-b:a", "128k"], {"has_video": False, "bit_rate": 128000}),
    "tone.m4a": ([*tone(4), *AAC], {"has_video": False}),
    "tone.wav": ([*tone(4)], {"has_video": False, "bit_rate": 2 * 16 * 48000}),
    "tone.opus": ([*tone(4), "-c:a", "libopus"], {"has_video": False}),
}


def ffmpeg(arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-bitexact", *map(str, arguments)], check=True, timeout=120)


def probe(path, what, stream):
    out = subprocess.run(["ffprobe", "-v", "error", "-select_streams", stream, f"-show_{what}", "-of", "json", str(path)], check=True,
                         capture_output=True, text=True, timeout=120).stdout
    rows = json.loads(out).get(what, [])
    return [r for r in rows if r.get("media_type", r.get("codec_type")) == {"v": "video", "a": "audio"}[stream[0]]]


def counted(path, facts):
    """What ffprobe's lists of packets and pictures add up to."""
    pictures, packets = probe(path, "frames", "v:0"), probe(path, "packets", "v:0")
    times = [float(p["best_effort_timestamp_time"]) for p in pictures if "best_effort_timestamp_time" in p]
    keys = [t for t, p in zip(times, pictures) if p["key_frame"]]
    rate = facts.get("rate")
    mean = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0
    step = float(1 / Fraction(rate)) if rate else 1 / mean if mean else .04
    seconds = times[-1] - times[0] + step + step * (len(pictures) - len(times))
    want = {"frames": len(pictures), "video_duration": seconds, "bit_rate": 8 * sum(int(p["size"]) for p in packets) / seconds}
    if rate:
        want["frame_rate"], want["variable_frame_rate"] = float(rate), False
    elif mean and "rate" in facts:
        want["frame_rate"], want["variable_frame_rate"] = mean, True
    if len(keys) > 1:
        want["keyframe_interval"] = {"mean": (keys[-1] - keys[0]) / (len(keys) - 1), "max": max(b - a for a, b in zip(keys, keys[1:]))}
    return want


def counted_sound(path):
    """Bits of the sound's packets over their time."""
    packets = probe(path, "packets", "a:0")
    seconds = sum(float(p["duration_time"]) for p in packets)
    return {"bit_rate": 8 * sum(int(p["size"]) for p in packets) / seconds}


TOLERANCE = {"bit_rate": .02, "duration": .03, "audio_duration": .01, "start_time": 1e-4, "decoded_share": .01, "video_duration": .002, "keyframe_interval": .002, "frame_rate": ALMOST, "aspect_ratio": ALMOST,
             "pixel_aspect_ratio": ALMOST, "hdr_metadata": ALMOST}


def near(got, want, relative):
    if isinstance(want, dict):
        return isinstance(got, dict) and all(near(got.get(k), v, relative) for k, v in want.items())
    if isinstance(want, float) or relative:
        return isinstance(got, (int, float)) and abs(got - want) <= relative * abs(want) + 1e-9
    return got == want


def differences(technical, want):
    for name, value in want.items():
        if value is None:  # ffprobe's lists do not tell
            continue
        got = technical.get(name)
        if name == "warnings":
            got = [w["code"] for w in got]
        if not near(got, value, TOLERANCE.get(name, 0)):
            yield f"{name} is {got}, not {value}"


def analyse(kithara, path, options):
    done = subprocess.run([kithara, "analyze", "--jsonl", "--options", options, str(path)], capture_output=True, text=True, timeout=300)
    document = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    if not document.get("success"):
        raise ValueError(f"{document.get('error', {}).get('code', 'no document')}: {done.stderr.strip()[-300:]}")
    return document


def check(kithara, path, facts):
    """All that is wrong of one film."""
    known = {k: v for k, v in facts.items() if k not in ("rate", "bit_rate_of")}
    want = dict(counted_sound(path) if facts.get("has_video") is False else counted(path, facts), warnings=[], has_audio=True) | known
    if not probe(path, "streams", "a:0"):
        want["has_audio"] = False
    wrong = [f"decoded: {w}" for w in differences(analyse(kithara, path, "visual")["features"]["technical"], want)]
    if any("decoded" in w or "damaged" in w for w in want["warnings"]):  # packets do not show it
        return wrong
    # Without decoding, key frames of streams whose packets have no time of presentation are some places off.
    want = {k: v for k, v in want.items() if k not in ("interlacing", "hdr_metadata", "keyframe_interval")}
    want["warnings"] = [w for w in want["warnings"] if not w.endswith("_changes")]
    return wrong + [f"by packets: {w}" for w in differences(analyse(kithara, path, "none")["features"]["technical"], want)]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kithara", required=True)
    arguments.add_argument("--only")
    arguments.add_argument("--keep", type=Path)
    options = arguments.parse_args()
    failed = passed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(exist_ok=True)
        for name, (how, facts) in ROWS.items():
            if options.only and options.only not in name:
                continue
            path = folder / name
            try:
                if callable(how):
                    how(path, ffmpeg)
                else:
                    ffmpeg([*how, path])
                wrong = check(options.kithara, path, facts)
            except (ValueError, subprocess.SubprocessError) as problem:
                wrong = [str(problem)]
            failed, passed = failed + bool(wrong), passed + (not wrong)
            for line in wrong:
                print(f"{name}: {line}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
