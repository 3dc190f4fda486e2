#!/usr/bin/env python3
"""Whether technical.quality_score orders real clips by a known damage.

Each clip is damaged in steps (blur, upscaling, coding, noise, coarse levels) with ffmpeg and analysed by kithara. For
each ladder and clip the table has Spearman's correlation of the score with the step, 1 where the order is right, and
the score of the least and the worst step.

    quality_ladders.py CLIP... [--kithara build/bin/kithara] [--work DIR] [--json OUT]
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

CLEAN = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "14")


def coded(*options):
    return "null", options, "mkv"


# Name: steps from the least to the worst, each a filter, an encoder's options, a container.
LADDERS = {
    "blur": [(f, CLEAN, "mkv") for f in ("null", "gblur=sigma=0.7", "gblur=sigma=1.5", "gblur=sigma=3", "gblur=sigma=6")],
    "upscaled": [(f, CLEAN, "mkv") for f in
                 ("null", "scale=trunc(iw*3/8)*2:trunc(ih*3/8)*2:flags=area,scale={w}:{h}:flags=bicubic",
                  "scale=trunc(iw/4)*2:trunc(ih/4)*2:flags=area,scale={w}:{h}:flags=bicubic",
                  "scale=trunc(iw/6)*2:trunc(ih/6)*2:flags=area,scale={w}:{h}:flags=bicubic")],
    "h264": [coded("-c:v", "libx264", "-preset", "veryfast", "-crf", str(crf)) for crf in (18, 24, 30, 36, 40, 45)],
    "mpeg2": [coded("-c:v", "mpeg2video", "-q:v", str(q)) for q in (2, 5, 10, 18, 31)],
    "mpeg4": [coded("-c:v", "mpeg4", "-q:v", str(q)) for q in (2, 5, 10, 18, 31)],
    "mjpeg": [coded("-c:v", "mjpeg", "-q:v", str(q)) for q in (2, 5, 10, 18, 31)],
    "noise": [(f"noise=alls={n}:allf=t:all_seed=7", ("-c:v", "ffv1"), "mkv") for n in (0, 4, 8, 16, 32)],
    "levels": [(f"lutyuv=y=trunc(val/{n})*{n}", ("-c:v", "ffv1"), "mkv") for n in (1, 4, 8, 16)],
}
SCORE = ("technical", "quality_score")


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr[-400:]}")
    return done.stdout


def size_of(clip):
    text = run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of",
                "csv=p=0:s=x", clip])
    return [int(n) for n in text.split()[0].split("x")[:2]]


def damage(clip, ladder, step, work, seconds):
    """The file of one step, made once."""
    filters, options, container = LADDERS[ladder][step]
    out = work / f"{clip.stem}.{ladder}{step}.{container}"
    if not out.exists():
        width, height = size_of(clip)
        # Even sides, for 4:2:0 in all codecs.
        chain = f"crop=trunc(iw/2)*2:trunc(ih/2)*2,{filters.format(w=width // 2 * 2, h=height // 2 * 2)},format=yuv420p"
        part = out.with_suffix(".part." + container)
        run(["ffmpeg", "-v", "error", "-y", "-i", clip, "-an", "-t", str(seconds), "-vf", chain, *options, "-threads", "1", part])
        part.rename(out)
    return out


def analyse(kithara, files):
    """The message of each file."""
    out = {}
    for line in run([kithara, "analyze", "--jsonl", "--options", "visual,quality", *files]).splitlines():
        message = json.loads(line)
        out[Path(message["file_path"]).name] = message
    return out


def ranks(values):
    order = sorted(values)
    return [order.index(v) + (order.count(v) - 1) / 2 for v in values]


def spearman(values):
    """With a falling sequence: 1 where each step is below the one before."""
    x, y = ranks(values), list(range(len(values)))[::-1]
    mean = sum(y) / len(y)
    top = sum((a - mean) * (b - mean) for a, b in zip(x, y))
    bottom = (sum((a - mean) ** 2 for a in x) * sum((b - mean) ** 2 for b in y)) ** .5
    return top / bottom if bottom else 0


def score_of(message):
    return ((message.get("features") or {}).get(SCORE[0]) or {}).get(SCORE[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--kithara", default="build/bin/kithara")
    parser.add_argument("--work", type=Path, help="folder of the damaged clips, kept")
    parser.add_argument("--seconds", type=float, default=4, help="of each clip")
    parser.add_argument("--ladders", nargs="+", choices=LADDERS, default=list(LADDERS))
    parser.add_argument("--parts", action="store_true", help="print the parts of each step")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp(prefix="ladders-"))
    work.mkdir(parents=True, exist_ok=True)
    files = {(clip.stem, ladder): [damage(clip, ladder, step, work, args.seconds) for step in range(len(LADDERS[ladder]))]
             for clip in args.clips for ladder in args.ladders}
    messages = analyse(args.kithara, [f for row in files.values() for f in row])
    rows, wrong = [], 0
    print(f"{'ladder':10s} {'clip':20s} {'spearman':>8s}  scores from the least to the worst step")
    for (clip, ladder), row in sorted(files.items(), key=lambda item: item[0][::-1]):
        scores = [score_of(messages.get(f.name, {})) for f in row]
        rho = spearman(scores) if None not in scores else 0
        wrong += rho < 1
        rows.append({"ladder": ladder, "clip": clip, "spearman": rho, "scores": scores})
        print(f"{ladder:10s} {clip:20s} {rho:8.3f}  " + " ".join("  -  " if s is None else f"{s:.3f}" for s in scores))
        for f in row if args.parts else []:
            visual = messages[f.name]["features"]["visual"]
            print("    ", json.dumps(visual["picture_quality"]), json.dumps(visual["picture_quality_parts"]))
    for ladder in args.ladders:
        of = [r["spearman"] for r in rows if r["ladder"] == ladder]
        print(f"{ladder:10s} mean {sum(of) / len(of):.3f}, least {min(of):.3f}, clips {len(of)}")
    print(f"not in order: {wrong} of {len(rows)}")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
