#!/usr/bin/env python3
"""Cuts, gradual changes, flashes and the order of measures, on films whose content is known; tests/truth's scorer judges.

Cuts have the presentation time of the first picture of the new shot, as ffprobe lists it (but for AVI), from where the
file begins: with B-frames, a variable rate, edit lists, negative and missing time stamps and those that wrap.
"""
import fractions
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import films  # noqa: E402
from harness import expect, kithara, main, test  # noqa: E402
from truthscore import judge  # noqa: E402

EXACT_S = 1e-4  # times in the message have nine digits
CUTS_F1, FLASHES, GRADUAL = .97, 2, .7  # what is required of the generated set

SHOTS = [("cut", 40), ("cut", 25), ("cut", 9), ("cut", 34), ("flash", 40), ("cut", 30)]
X264, MPEG4 = films.X264, ("-c:v", "mpeg4", "-q:v", "4", "-g", "50")
B_FRAMES = (*X264, "-bf", "3")
VARIABLE = ("-vf", "settb=1/1000,setpts='if(lt(N,60),N*40,2400+(N-60)*70+mod(N,3)*5)'", "-vsync", "passthrough", "-enc_time_base", "1:1000")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "4", "-bf", "2", "-g", "15")

# file: rate, ffmpeg's options
TIMES = {
    "b_frames.mp4": ("25", B_FRAMES), "b_frames.mkv": ("25", B_FRAMES), "late.mp4": ("25", (*B_FRAMES, "-use_editlist", "0")),
    "b_frames.avi": ("25", B_FRAMES), "elementary.m2v": ("25", MPEG2),
    "ntsc.mp4": ("30000/1001", B_FRAMES), "ntsc.avi": ("30000/1001", MPEG4), "ntsc.mov": ("30000/1001", (*B_FRAMES, "-video_track_timescale", "600")),
    "film.webm": ("24000/1001", ("-c:v", "libvpx", "-deadline", "realtime", "-b:v", "2M")), "theora.ogv": ("25", ("-c:v", "libtheora", "-q:v", "8")),
    "variable.mkv": ("25", (*B_FRAMES, *VARIABLE)), "variable.mp4": ("25", (*B_FRAMES, *VARIABLE)),
    "doubled.mp4": ("25", (*B_FRAMES, "-r", "50")), "slow.mkv": ("6", X264), "fast.mp4": ("60", X264),
    "transport.ts": ("25", B_FRAMES), "program.mpg": ("25", MPEG2),
    "wrap.ts": ("25", (*B_FRAMES, "-output_ts_offset", "95440", "-mpegts_copyts", "1", "-muxdelay", "0")),
    "negative.mp4": ("25", (*B_FRAMES, "-output_ts_offset", "-0.2", "-avoid_negative_ts", "disabled")),
}


def messages(folder, paths, options="visual,quality,no_models"):
    """The messages of all the files; none may fail."""
    result = kithara(folder, "analyze", "--jsonl", "--workers", 2, "--options", options, *paths, timeout=300)
    found = {pathlib.Path(d["file_path"]).name: d for d in map(json.loads, result.stdout.splitlines())}
    expect(result.returncode == 0, result.stderr)
    return found


def cuts_of(message):
    return message["features"]["visual"]["scene_changes"]


@test
def cuts_have_the_time_of_the_first_picture_of_the_new_shot(folder):
    made, paths, truth = films.timeline(SHOTS), [], {}
    for name, (rate, options) in TIMES.items():
        paths.append(films.encode(folder / name, made.frames, rate, options))
        shown = films.times(paths[-1])
        if name.endswith(".avi"):  # it states the order alone; ffprobe shows times of decoding (docs/technical.md)
            shown = [float(i / fractions.Fraction(rate)) for i in range(len(shown))]
        truth[name] = [shown[c * (2 if "doubled" in name else 1)] for c in made.cuts]
    paths.append(folder / "edit_list.mp4")  # begins within a group of pictures
    films.ffmpeg("-ss", 1.2, "-i", paths[0], "-c", "copy", paths[-1])
    for path in (paths[-1], folder / "negative.mp4"):  # pictures before time 0 are hidden
        shown = films.times(path)
        truth[path.name] = [shown[c - len(made.frames)] for c in made.cuts if c > len(made.frames) - len(shown)]
    found, wrong = messages(folder, paths, "visual,no_models"), []
    hits = answers = 0
    for name, times in truth.items():
        got = cuts_of(found[name])
        here = sum(any(abs(g - t) < EXACT_S for t in times) for g in got)
        hits, answers = hits + here, answers + len(got)
        if here != len(got) or here != len(times):
            wrong.append(f"{name}: {got}, not {[round(t, 4) for t in times]}")
    score = 2 * hits / (answers + sum(map(len, truth.values())))
    print(f"        F1 {score:.3f} of {sum(map(len, truth.values()))} cuts in {len(truth)} films")
    expect(score >= CUTS_F1, "\n        ".join(["", *wrong]))


@test
def fades_dissolves_and_wipes_are_noticed_and_flashes_are_no_cuts(folder):
    plans = {"mixed": [("cut", 50), ("dissolve", 60), ("cut", 40), ("fade", 60), ("wipe", 60), ("dissolve", 60), ("cut", 40)],
             "flashes": [("flash", 60), ("flash", 50), ("cut", 40), ("flash", 60), ("flash", 40)],
             "quick": [("cut", 8 + 3 * (i % 4)) for i in range(20)], "still": [("cut", 200)]}
    rows, paths = [], []
    for i, (name, shots) in enumerate(plans.items()):
        made = films.timeline(shots, seed=50 * i, speed=0 if name == "still" else 1)
        paths.append(films.encode(folder / f"{name}.mp4", made.frames))
        rows.append(films.entry(paths[-1], "scenes", **made.truth(25)))
    found = messages(folder, paths, "visual,no_models")
    score = {name: value for name, value, *_ in judge.scenes(rows, found)}
    print("        " + ", ".join(f"{name} {value:.3f}" for name, value in score.items()))
    detail = "; ".join(f"{name}: {cuts_of(m)}" for name, m in found.items())
    expect(score["cut F1"] >= CUTS_F1, detail)
    expect(score["flashes taken for cuts"] <= FLASHES, detail)
    expect(score["fades and dissolves noticed"] >= GRADUAL, detail)
    for kind, at in (("dissolve", 1), ("fade", 2)):
        there = [t["kind"] for t in found["mixed.mp4"]["features"]["visual"]["transitions"] or []]
        expect(kind in there, f"no {kind} ({at}) among {there}")


def ladder(folder, metric, path, steps, make):
    """Films of rising `steps`; the row of the scorer's list."""
    names = []
    for i, step in enumerate(steps):
        frames, options = make(step)
        names.append(films.encode(folder / f"{metric}_{i}.mp4", frames, options=options).name)
    return {"metric": metric, "path": path, "files": names, "truth": list(range(len(steps)))}


@test
def measures_rise_with_what_they_measure(folder):
    still = films.picture(7, *films.SIZE, grain=3)
    camera = films.Camera(11, speed=2, grain=0)  # coding takes noise away before it takes detail away
    clean = [camera(i) for i in range(40)]
    quality, look = "features.technical.quality_score", "features.visual."
    rows = [
        ladder(folder, "brightness", look + "brightness", (.3, .55, .8, 1), lambda s: ([films.mix(still, still * 0, 1 - s)] * 25, films.X264)),
        ladder(folder, "contrast", look + "contrast", (.2, .45, .7, 1), lambda s: ([films.mix(still, still * 0 + 110, 1 - s)] * 25, films.X264)),
        ladder(folder, "saturation", look + "saturation", (0, .35, .7, 1), lambda s: ([still] * 25, (*films.X264, "-vf", f"hue=s={s}"))),
        ladder(folder, "motion", look + "motion_vectors", (0, 1, 3, 6),
               lambda s: (list(map(films.Camera(11, speed=s, grain=3), range(40))), films.X264)),
        ladder(folder, "blur", quality, (6, 3, 1.5, 0), lambda s: (clean, (*films.X264, *(("-vf", f"gblur=sigma={s}") if s else ())))),
        ladder(folder, "coding", quality, (50, 42, 34, 20), lambda s: (clean, (*films.X264, "-crf", str(s)))),
    ]
    found = messages(folder, [folder / name for row in rows for name in row["files"]])
    wrong = [(name, value) for name, value, *_ in judge.orderings({"orderings": rows}, found) if value != 1]
    values = {row["metric"]: [judge.number(judge.dig(found[f], row["path"])) for f in row["files"]] for row in rows}
    expect(not wrong, f"{wrong}: {values}")


if __name__ == "__main__":
    main()
