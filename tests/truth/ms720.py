#!/usr/bin/env python3
"""Whether visual.motion and visual.shots measure what moves.

With --pictures, a camera moves over each picture at a known speed; the clips are coded by codecs with and without motion
vectors, and a row gives the error of each. With --films, each film that has vectors is analysed as it is and as Motion
JPEG, which has none, so that blocks are matched: a row compares both.

    motion_speeds.py [--pictures PICTURE...] [--films FILM...] [--kithara build/bin/kithara] [--work DIR] [--seconds 60]
"""
import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTH, HEIGHT, RATE, PICTURES = 720, 528, 25, 60
CODECS = {
    "H.264": ("mp4", "-c:v", "libx264", "-preset", "medium", "-pix_fmt", "yuv420p"),
    "H.264, P only": ("mp4", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-pix_fmt", "yuv420p"),
    "MPEG-4": ("avi", "-c:v", "mpeg4", "-q:v", "5"),
    "MPEG-2": ("mpg", "-c:v", "mpeg2video", "-q:v", "5", "-bf", "2"),
    "VP8": ("webm", "-c:v", "libvpx", "-b:v", "1M", "-cpu-used", "8"),
    "VP9": ("webm", "-c:v", "libvpx-vp9", "-b:v", "1M", "-cpu-used", "8", "-deadline", "realtime"),
    "Motion JPEG": ("avi", "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"),
}
WITHOUT_VECTORS = ("avi", "-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p")
# Name: value in the list of shots, its truth per second, filter. A window twice as large moves, then is halved, so that
# there are steps of half a pixel.
HALF = f"crop={2 * WIDTH}:{2 * HEIGHT}:{{x}}:{{y}},scale={WIDTH}:{HEIGHT}:flags=area"
PER_PIXEL = 100 * RATE / WIDTH


def window(x="300", y="300"):
    return f"scale=3200:2400:force_original_aspect_ratio=increase,{HALF.format(x=x, y=y)}"


def zoom(growth):
    """The middle of a picture that grows or shrinks; the crop filter does not see the new size by itself."""
    n = "n" if growth > 1 else f"(n-{PICTURES})"
    wide, high = (f"2*trunc({side}*pow({growth},{n})/2)" for side in (2 * WIDTH, 2 * HEIGHT))
    return (f"scale={2 * WIDTH}:{2 * HEIGHT}:force_original_aspect_ratio=increase,crop={2 * WIDTH}:{2 * HEIGHT},"
            f"scale=w='{wide}':h='{high}':eval=frame:flags=bicubic,"
            f"crop={WIDTH}:{HEIGHT}:x='({wide}-{WIDTH})/2':y='({high}-{HEIGHT})/2'")


MOVES = {
    "still": ("pan", 0, window()),
    "pan 0.5 px": ("pan", .5 * PER_PIXEL, window(x="300+n")),
    "pan 1.5 px": ("pan", 1.5 * PER_PIXEL, window(x="300+3*n")),
    "pan 4 px": ("pan", 4 * PER_PIXEL, window(x="300+8*n")),
    "pan 12 px": ("pan", 12 * PER_PIXEL, window(x="200+24*n")),
    "pan -3 px": ("pan", -3 * PER_PIXEL, window(x="1000-6*n")),
    "tilt 2 px": ("tilt", 2 * PER_PIXEL, window(y="600-4*n")),
    "zoom in 1 %": ("zoom", 1 * RATE, zoom(1.01)),
    "zoom out 1 %": ("zoom", -1 * RATE, zoom(.99)),
    "each twice, 4 px": ("pan", 2 * PER_PIXEL, window(x="300+8*trunc(n/2)")),
}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr[-400:]}")
    return done.stdout


def encode(inputs, codec, filters, out):
    if not out.exists():
        part = out.with_name("part." + out.name)
        run(["ffmpeg", "-nostdin", "-v", "error", "-y", *inputs, "-an", "-vf", filters, *codec[1:], "-threads", "1", part])
        part.rename(out)
    return out


def analyse(kithara, files):
    """The visual features and methods of each file."""
    out = {}
    for line in run([kithara, "analyze", "--jsonl", "--options", "visual", *files]).splitlines():
        message = json.loads(line)
        out[Path(message["file_path"]).name] = message["features"]["visual"], message["methods"]
    return out


def measure_moves(pictures, kithara, work):
    files = {}
    for p, picture in enumerate(pictures):
        inputs = ["-loop", "1", "-framerate", str(RATE), "-t", str(PICTURES / RATE), "-i", picture]
        for m, (move, (_, _, filters)) in enumerate(MOVES.items()):
            for c, (codec, options) in enumerate(CODECS.items()):
                files[move, codec, p] = encode(inputs, options, filters, work / f"move{p}_{m}_{c}.{options[0]}")
    found = analyse(kithara, files.values())
    print("largest error of the speed in percent of it (still: speed), over the pictures")
    print("move".ljust(18) + "".join(codec.rjust(15) for codec in CODECS))
    for move, (name, truth, _) in MOVES.items():
        row = move.ljust(18)
        for codec in CODECS:
            errors = []
            for p in range(len(pictures)):
                visual, _ = found[files[move, codec, p].name]
                value = max(visual["shots"], key=lambda shot: shot["end"] - shot["begin"])[name]
                errors.append(visual["motion"] if truth == 0 else 100 * (value / truth - 1))
            row += f"{max(errors, key=abs):+.2f}".rjust(15)
        print(row)
    methods = {codec: found[files["pan 4 px", codec, 0].name][1]["motion"] for codec in CODECS}
    print("methods: " + ", ".join(f"{codec}: {method}" for codec, method in methods.items()))


def correlation(a, b):
    n = min(len(a), len(b))
    if n < 3 or len(set(a[:n])) < 2 or len(set(b[:n])) < 2:
        return math.nan
    return statistics.correlation(a[:n], b[:n])


def compare_methods(films, kithara, work, seconds):
    print(f"{'film':24}{'vectors':>10}{'blocks':>10}{'ratio':>8}{'seconds r':>11}{'pan':>16}{'tilt':>16}{'static':>14}")
    ratios = []
    for film in films:
        part = ["-t", str(seconds), "-i", film]
        as_it_is = work / ("is_" + film.name)
        if not as_it_is.exists():
            run(["ffmpeg", "-nostdin", "-v", "error", "-y", *part, "-map", "0:v:0", "-c", "copy", as_it_is])
        blocks = encode(part, WITHOUT_VECTORS, "crop=trunc(iw/2)*2:trunc(ih/2)*2", work / f"blocks_{film.name}.avi")
        found = analyse(kithara, [as_it_is, blocks])
        (a, methods), (b, others) = found[as_it_is.name], found[blocks.name]
        if methods.get("motion") != "codec vectors" or others.get("motion") != "block matching":
            print(f"{film.name:24}  {methods.get('motion')}, {others.get('motion')}: not compared")
            continue
        ratios.append(a["motion"] / max(b["motion"], 1e-3))
        pairs = "".join(f"{a['camera'][k]:8.2f}{b['camera'][k]:8.2f}" for k in ("pan", "tilt"))
        print(f"{film.name[:23]:24}{a['motion']:10.2f}{b['motion']:10.2f}{ratios[-1]:8.2f}"
              f"{correlation(a['motion_vectors'], b['motion_vectors']):11.2f}{pairs}"
              f"{a['static_share']:7.2f}{b['static_share']:7.2f}")
    if ratios:
        print(f"ratio: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} films")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", nargs="*", type=Path, default=[])
    parser.add_argument("--films", nargs="*", type=Path, default=[])
    parser.add_argument("--kithara", default="build/bin/kithara")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        if args.pictures:
            measure_moves(args.pictures, args.kithara, work)
        if args.films:
            compare_methods(args.films, args.kithara, work, args.seconds)


if __name__ == "__main__":
    main()
