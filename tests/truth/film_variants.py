#!/usr/bin/env python3
"""Makes variants of labelled films whose results should equal those of the films: bars, frames, graphics, rotations.

    film_variants.py FOLDER OUT [--kinds LIST] [--files LIST]

FOLDER has films and labels.json, of real films (group `real`) or of the generated set (group `scenes`). Each kind
becomes OUT/KIND with the films and a labels.json whose times are those of the original and whose boxes, resolution and
aspect ratio are those of the variant: score_real.py and score.py judge it. ffmpeg 5.1 or later with libx264.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"


def even(x):
    return int(x / 2 + .5) * 2


class Plan:
    """A filter graph and what it does to boxes: x' = x * scale_x + left, y' = y * scale_y + top, in shown pixels."""

    def __init__(self, graph, size, scale=(1, 1), offset=(0, 0), rotate=0, aspect=None):
        self.graph, self.size, self.scale, self.offset, self.rotate = graph, size, scale, offset, rotate
        self.aspect = aspect or size[0] / size[1]

    def box(self, box):
        x, y, w, h = box
        (sx, sy), (left, top) = self.scale, self.offset
        return [round(x * sx + left), round(y * sy + top), round(w * sx), round(h * sy)]


def pad(width, height, w, h, colour):
    left, top = (width - w) // 4 * 2, (height - h) // 4 * 2
    return Plan(f"pad={width}:{height}:{left}:{top}:{colour}", (width, height), offset=(left, top))


def letterbox(colour):
    return lambda w, h: pad(w, even(w * 3 / 4) if w / h > 1.4 else w, w, h, colour)


def pillars(colour):
    return lambda w, h: pad(even(w * 4 / 3), h, w, h, colour)


def scope(colour):
    def plan(w, h):
        inner = even(w / 2.39) if w / h > 1.6 else even(w / 1.85)
        top = (h - inner) // 4 * 2
        return Plan(f"crop={w}:{inner}:0:{top},pad={w}:{h}:0:{top}:{colour}", (w, h))
    return plan


def frame(colour):
    """Bars on all four sides: the film has 0.45 of the area."""
    return lambda w, h: pad(even(w * 1.5), even(h * 1.5), w, h, colour)


def around(background):
    """The film in the middle of another, larger picture."""
    def plan(w, h):
        width, height = even(w * 4 / 3), even(h * 4 / 3)
        left, top = (width - w) // 4 * 2, (height - h) // 4 * 2
        graph = (f"[0:v]pad={width}:{height}:{left}:{top}[film];{background.format(w=width, h=height)},format=yuva420p,"
                 f"drawbox={left}:{top}:{w}:{h}:black@0:t=fill:replace=1[back];[film][back]overlay=shortest=1")
        return Plan(graph, (width, height), offset=(left, top))
    return plan


def blurred(w, h):
    """An enlarged, blurred copy of the film beside it."""
    width = even(w * 4 / 3)
    left = (width - w) // 4 * 2
    return Plan(f"split[a][b];[a]scale={width}:{h},boxblur={max(2, h // 20)}[back];[back][b]overlay={left}:0",
                (width, h), offset=(left, 0))


def turned(degrees):
    """The pixels are turned and the display matrix turns them back."""
    steps = {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}
    return lambda w, h: Plan(steps[degrees], (w, h) if degrees == 180 else (h, w), rotate=degrees, aspect=w / h)


def anamorphic(across, down):
    """Stored narrower or lower than shown."""
    def plan(w, h):
        width, height = even(w * across), even(h * down)
        # boxes are in pixels as they are shown: the height that is stored, the width that the pixel shape gives
        return Plan(f"scale={width}:{height},setsar={w * height}/{width * h}", (width, height), aspect=w / h,
                    scale=(height / h, height / h))
    return plan


def shown(seconds):
    """Shown for half of the time, from half of `seconds` on."""
    return f"enable='gte(t,{seconds / 2})*lt(mod(t+{seconds / 2},{seconds}),{seconds / 2})'"


def title(w, h):
    """Three lines of large letters over the middle of the picture, 2 s of each 4 s."""
    lines = [f"drawtext=fontfile={FONT}:text={word}:fontsize={even(h / 5)}:fontcolor=white:borderw={max(1, h // 120)}:"
             f"x=(w-text_w)/2:y={even(h * (.12 + .27 * i))}:{shown(4)}"
             for i, word in enumerate(("EVENING", "NEWS AT", "EIGHT"))]
    return Plan(",".join(lines), (w, h))


def banner(w, h):
    """A plain strip with two lines over the lower third."""
    top, high = even(h * .66), even(h * .3)
    return Plan(f"drawbox=x=0:y={top}:w={w}:h={high}:color=0x203080:t=fill:{shown(4)},"
                f"drawtext=fontfile={FONT}:text=BREAKING:fontsize={even(h / 9)}:fontcolor=white:x={w // 20}:"
                f"y={top + high // 12}:{shown(4)},"
                f"drawtext=fontfile={FONT}:text=more after this:fontsize={even(h / 12)}:fontcolor=yellow:x={w // 20}:"
                f"y={top + high // 2}:{shown(4)}", (w, h))


def panel(w, h):
    """A plain panel with lines of text over two fifths of the picture."""
    wide, size = even(w * .4), even(h / 14)
    lines = [f"drawtext=fontfile={FONT}:text=item {i + 1} of six:fontsize={size}:fontcolor=black:x={w // 40}:"
             f"y={even(h * (.08 + .15 * i))}:{shown(5)}" for i in range(6)]
    return Plan(f"drawbox=x=0:y=0:w={wide}:h={h}:color=0xd8d0c0:t=fill:{shown(5)}," + ",".join(lines), (w, h))


def inset(w, h):
    """The picture of half a second before, small, in a corner, for 5 s of each 10 s."""
    wide, high = even(w * .5), even(h * .5)
    return Plan(f"[0:v]split[a][b];[b]scale={wide}:{high},setpts=PTS+.5/TB[small];"
                f"[a][small]overlay=x={w - wide}:y=0:{shown(10)}", (w, h))


def subtitles(w, h):
    """Two bordered lines over the lower part of the picture, 3 s of each 6 s."""
    lines = [f"drawtext=fontfile={FONT}:text={text}:fontsize={even(h / 9)}:fontcolor=yellow:borderw={max(1, h // 120)}:"
             f"x=(w-text_w)/2:y={even(h * (.7 + .13 * i))}:{shown(6)}"
             for i, text in enumerate(("and nobody had seen", "what it was about"))]
    return Plan(",".join(lines), (w, h))


STATIC = "mandelbrot=s={w}x{h},trim=end_frame=1,loop=-1:1"
KINDS = {
    "plain": lambda w, h: Plan("null", (w, h)),
    **{f"letterbox_{n}": letterbox(c) for n, c in (("black", "black"), ("white", "white"), ("grey", "0x808080"),
                                                   ("blue", "0x2040a0"))},
    **{f"pillars_{n}": pillars(c) for n, c in (("black", "black"), ("white", "white"), ("grey", "0x808080"))},
    "scope_black": scope("black"),
    "scope_white": scope("white"),
    "frame_white": frame("white"),
    "frame_picture": around(STATIC),
    "frame_snow": around("color=gray:s={w}x{h},noise=alls=100:allf=t"),
    "pillars_blurred": blurred,
    "title": title, "banner": banner, "panel": panel, "inset": inset, "subtitles": subtitles,
    **{f"turned_{d}": turned(d) for d in (90, 180, 270)},
    "anamorphic_narrow": anamorphic(3 / 4, 1),
    "anamorphic_wide": anamorphic(1, 3 / 4),
}


def size_of(path):
    """Width and height as coded, even."""
    done = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height",
                           "-of", "csv=p=0", path], capture_output=True, text=True, check=True)
    w, h = (int(n) for n in re.findall(r"\d+", done.stdout)[:2])
    return w // 2 * 2, h // 2 * 2


def make(path, to, plan, w, h):
    """Returns whether the film was made, or was there."""
    if to.exists():
        return True
    part = to.with_suffix(".part")
    crop = f"crop={w}:{h}:0:0"
    graph = plan.graph if "[0:v]" in plan.graph else "[0:v]" + plan.graph
    graph = graph.replace("[0:v]", f"[0:v:0]{crop},", 1)
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-noautorotate", "-i", path,
               "-filter_complex", f"{graph},format=yuv420p[out]", "-map", "[out]", "-an", "-fps_mode", "passthrough",
               "-threads", "1", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "18",
               "-video_track_timescale", "90000", "-f", "mp4"]
    done = subprocess.run([*command, part], check=False).returncode == 0
    if done and plan.rotate:  # only a copied stream gets a display matrix
        coded = part.rename(to.with_suffix(".coded"))
        done = subprocess.run(["ffmpeg", "-nostdin", "-y", "-v", "error", "-i", coded, "-c", "copy", "-f", "mp4",
                               "-metadata:s:v:0", f"rotate={plan.rotate}", part], check=False).returncode == 0
        coded.unlink()
    if done:
        part.rename(to)
    return done


def labels_of(row, plan, name):
    truth = json.loads(json.dumps(row["truth"]))
    truth["resolution"], truth["aspect_ratio"] = list(plan.size), round(plan.aspect, 4)
    for kind in ("faces", "text"):
        for sample in truth.get(kind) or []:
            for boxes in ("boxes", "maybe"):
                sample[boxes] = [plan.box(b) for b in sample.get(boxes, [])]
    return {**row, "file": name, "folder": ".", "truth": truth}


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("folder", type=pathlib.Path)
    ap.add_argument("out", type=pathlib.Path)
    ap.add_argument("--kinds", default=",".join(KINDS))
    ap.add_argument("--files", default="", help="names, separated by commas; default: all")
    args = ap.parse_args()
    rows = json.loads((args.folder / "labels.json").read_text(encoding="utf-8"))["files"]
    group = "real" if any(r["group"] == "real" for r in rows) else "scenes"
    rows = [r for r in rows if r["group"] == group and (not args.files or r["file"] in args.files.split(","))]
    failed = 0
    for kind in args.kinds.split(","):
        (args.out / kind).mkdir(parents=True, exist_ok=True)
        made = []
        for row in rows:
            path = args.folder / row["folder"] / row["file"]
            w, h = size_of(path)
            plan, name = KINDS[kind](w, h), pathlib.Path(row["file"]).name + ".mp4"
            if make(path, args.out / kind / name, plan, w, h):
                made.append(labels_of(row, plan, name))
            else:
                failed += 1
                print(f"not made: {kind}/{name}", file=sys.stderr)
        (args.out / kind / "labels.json").write_text(json.dumps({"files": made, "orderings": []}), encoding="utf-8")
        print(f"{kind}: {len(made)} films", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
