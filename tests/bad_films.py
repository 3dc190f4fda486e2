"""Films that are damaged, hostile or odd, made of small good ones: boxes of MP4 that lie, EBML by hand, bombs."""
import functools
import pathlib
import random
import struct
import subprocess
import tempfile

import films

RATE = 25


@functools.lru_cache(maxsize=None)
def good(*options):
    """A good film of two shots with sound, in MP4; `options` are ffmpeg's."""
    made = films.timeline([("cut", 40), ("cut", 40)], size=(192, 108))
    with tempfile.TemporaryDirectory() as folder:
        path = films.encode(pathlib.Path(folder) / "good.mp4", made.frames, sound=films.tone(len(made.frames) / RATE),
                            options=(*films.X264, *options))
        return path.read_bytes()


@functools.lru_cache(maxsize=None)
def made(name, *arguments):
    """What ffmpeg writes for these arguments; `name` has the extension."""
    with tempfile.TemporaryDirectory() as folder:
        source, path = pathlib.Path(folder) / "good.mp4", pathlib.Path(folder) / name
        source.write_bytes(good())
        films.ffmpeg(*(str(source) if a == "GOOD" else a for a in arguments), path)
        return path.read_bytes()


def noise(count):
    return random.Random(2).randbytes(count).replace(b"\xff", b"\x55")


def patched(data, old, new, occurrence=0):
    """With the bytes `old` replaced by as many others."""
    assert len(old) == len(new)
    at = -1
    for _ in range(occurrence + 1):
        at = data.index(old, at + 1)
    return data[:at] + new + data[at + len(old):]


def overwritten(data, share=.01, pieces=8, begin=.25, end=.75):
    """With pieces of noise in the middle of the file."""
    out, length, dirt = bytearray(data), int(len(data) * share / pieces), noise(1 << 16)
    for i in range(pieces):
        at = int(len(data) * (begin + (end - begin) * (i + .5) / pieces))
        out[at:at + length] = dirt[i * length:(i + 1) * length]
    return bytes(out)


def box_grown(data, path, extra):
    """MP4 with `extra` bytes at the end of the first box of this path; the boxes around it know. The index is at the end."""
    at, end, sizes = 0, len(data), []
    for name in path:
        while data[at + 4:at + 8] != name:
            at += struct.unpack(">I", data[at:at + 4])[0]
            assert at < end, name
        sizes.append(at)
        end = at + struct.unpack(">I", data[at:at + 4])[0]
        at += {b"dref": 16, b"stsd": 16}.get(name, 8)
    out = bytearray(data[:end] + extra + data[end:])
    for at in sizes:
        struct.pack_into(">I", out, at, struct.unpack(">I", data[at:at + 4])[0] + len(extra))
    return bytes(out)


DREF = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")


def external(url):
    """MP4 whose first track says that its data are in another file: the reference's flag is cleared, its location is appended."""
    data = box_grown(good(), (*DREF, b"url "), url.encode() + b"\0")
    return patched(data, b"url \0\0\0\1", b"url \0\0\0\0")


def alias(path):
    """QuickTime's reference to another file: an alias record with an absolute path."""
    name = path.encode()
    record = bytes(150) + struct.pack(">hH", 2, len(name)) + name + (b"\0" if len(name) % 2 else b"") + struct.pack(">hH", -1, 0)
    alis = struct.pack(">I4sI", len(record) + 12, b"alis", 0) + record
    data = patched(box_grown(good(), DREF, alis), b"\0\0\0\1\0\0\0\x0curl ", b"\0\0\0\2\0\0\0\x0curl ")
    return patched(data, b"avc1" + bytes(7) + b"\1", b"avc1" + bytes(7) + b"\2")


# --- Matroska by hand ---------------------------------------------------------------------------------------------------

def ebml(name, *content):
    data = b"".join(content)
    return bytes.fromhex(name) + struct.pack(">Q", len(data) | 1 << 56) + data


def number(name, value):
    return ebml(name, struct.pack(">Q", value).lstrip(b"\0") or b"\0")


def matroska(*segment):
    return ebml("1a45dfa3", ebml("4282", b"matroska"), number("4287", 4), number("4285", 2)) + ebml("18538067", *segment)


def linked(url):
    """Says that another file comes before and after, and chapters that lie in it."""
    chapter = ebml("b6", number("73c4", 1), number("91", 0), ebml("6e67", bytes(range(16))), number("92", 10 ** 9))
    head = ebml("1549a966", number("2ad7b1", 1000000), ebml("3cb923", bytes(range(16))), ebml("3eb923", bytes(range(16, 32))),
                ebml("3c83ab", url.encode()), ebml("3e83bb", url.encode()), ebml("7384", url.encode()))
    rest = made("clip.mkv", "-i", "GOOD", "-c", "copy", "-f", "matroska", "-bitexact", "-cues_to_front", "1")
    at = rest.index(bytes.fromhex("1654ae6b"))  # from the tracks on: the good film's
    return matroska(head, ebml("1043a770", ebml("45b9", number("45dd", 1), chapter)), rest[at:])


def streams(count):
    """As many tracks as are asked for, and one block."""
    track = [ebml("ae", number("d7", i), number("73c5", i), number("83", 2), ebml("86", b"A_PCM/INT/LIT"),
                  ebml("e1", ebml("b5", struct.pack(">f", 8000)), number("9f", 1), number("6264", 16))) for i in range(1, count + 1)]
    block = ebml("a3", b"\x81\0\0\x80" + bytes(16000))
    return matroska(ebml("1549a966", number("2ad7b1", 1000000)), ebml("1654ae6b", *track), ebml("1f43b675", number("e7", 0), block))


# --- bombs --------------------------------------------------------------------------------------------------------------

def jpeg_size(width, height):
    """A film in Motion JPEG, whose pictures say that they are so large."""
    data = bytearray(made("a.avi", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"))
    at = data.find(b"\xff\xc0")
    while at > 0:
        struct.pack_into(">HH", data, at + 5, height, width)
        at = data.find(b"\xff\xc0", at + 1)
    return bytes(data)


def entry_size(width, height):
    """MP4 whose sample table says that the pictures are so large."""
    data = bytearray(good())
    struct.pack_into(">HH", data, data.index(b"avc1", data.index(b"stsd")) + 28, width, height)
    return bytes(data)


def png_size(side):
    """A film of PNG pictures that say that they have side x side pixels."""
    data = bytearray(made("png.mkv", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-c:v", "png", "-pix_fmt", "gray"))
    at = data.find(b"IHDR")
    while at > 0:
        struct.pack_into(">II", data, at + 4, side, side)
        at = data.find(b"IHDR", at + 1)
    return bytes(data)


def every_size(count=24):
    """Each picture has another resolution."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / f"{i}.h264" for i in range(count)]
        outputs = []
        for i, path in enumerate(paths):
            side = 64 + 48 * (i * 7 % count)
            outputs += ["-vf", f"scale={side}:{side + 32}", "-frames:v", "1", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path]
        films.ffmpeg("-f", "lavfi", "-i", "testsrc=r=25", *outputs)
        whole, ts = pathlib.Path(folder) / "all.h264", pathlib.Path(folder) / "all.ts"
        whole.write_bytes(b"".join(path.read_bytes() for path in paths))
        films.ffmpeg("-r", "25", "-i", whole, "-c", "copy", ts)
        return ts.read_bytes()


def silent_hour():
    """An hour of silence in some kilobytes."""
    return made("hour.flac", "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "3600", "-c:a", "flac", "-frame_size", "65535")


def still_hours():
    """Two hours of one picture, in some kilobytes."""
    return made("still.mp4", "-f", "lavfi", "-i", "color=gray:s=64x64:r=1/10", "-t", "7200", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g",
                "1000")


def nested(depth):
    """Boxes in boxes."""
    out = b""
    for _ in range(depth):
        out = struct.pack(">I4s", len(out) + 8, b"moov") + out
    return struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom") + out


# --- odd ----------------------------------------------------------------------------------------------------------------

def no_pictures(sound):
    """A fragmented file that ends after its header: with sound, that of the same length follows."""
    data = made("f.mp4", "-i", "GOOD", "-c", "copy", "-movflags", "+empty_moov+frag_keyframe+default_base_moof")
    head = data[:data.index(b"moof") - 4]
    if not sound:
        return head
    only = made("s.mp4", "-i", "GOOD", "-map", "0:a", "-c", "copy", "-movflags", "+empty_moov+frag_keyframe+default_base_moof")
    fragments = only[only.index(b"moof") - 4:]
    return head + fragments.replace(b"tfhd\0\x02\0\x38\0\0\0\1", b"tfhd\0\x02\0\x38\0\0\0\2")


def no_rate():
    """AVI whose header says 0 pictures per second."""
    data = bytearray(made("r.avi", "-i", "GOOD", "-c:v", "mpeg4", "-an"))
    struct.pack_into("<I", data, data.index(b"avih") + 8, 0)
    at = data.index(b"strh") + 8
    struct.pack_into("<II", data, at + 20, 0, 0)
    return bytes(data)


def codec_unknown(tag):
    """The sample entry of one track, avc1 or mp4a, names no codec that exists."""
    data = patched(good(), tag + bytes(7), b"zzzz" + bytes(7))
    at = data.index(b"\x04\x80\x80\x80")  # MPEG-4 systems: the type of the object
    return data if tag == b"avc1" else data[:at + 5] + b"\xfe" + data[at + 6:]


def packets(path, kind):
    """(position, size) of the stream's packets."""
    out = subprocess.run(["ffprobe", "-v", "error", "-select_streams", f"{kind}:0", "-show_entries", "packet=pos,size", "-of", "csv=p=0",
                          str(path)], check=True, capture_output=True, text=True).stdout
    return [(int(pos), int(size)) for size, pos in (line.split(",")[:2] for line in out.split())]


def packets_noise(kind, first=0, last=None, step=1, keep=0):
    """The good film with noise in packets of its stream `kind` (v or a), behind their first `keep` bytes."""
    data, dirt = bytearray(good()), noise(1 << 17)
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(data)
        file.flush()
        for pos, size in packets(file.name, kind)[first:last:step]:
            data[pos + keep:pos + size] = dirt[pos % 997:][:max(0, size - keep)]
    return bytes(data)


HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n%s\n#EXT-X-ENDLIST\n"
DASH = (b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet mimeType="video/mp4">'
        b'<Representation id="1" bandwidth="1"><BaseURL>%s</BaseURL></Representation></AdaptationSet></Period></MPD>\n')
SDP = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video %d RTP/AVP 96\na=rtpmap:96 H264/90000\n"
