#!/usr/bin/env python3
"""Score results on real films, with what score.py cannot: times that count neither way, one-frame tolerance, ranges.

    score_real.py LABELS RESULTS [--wrong] [--json]

RESULTS as for score.py. Rows of labels.json whose group is `real` hold everything; the other rows repeat
parts of it in score.py's form.
"""

import argparse
import json
from pathlib import Path

from truthscore import metrics, read

SLACK = .5


def cut_counts(t, found, tolerance):
    """(hits, judged answers, cuts, flashes taken for cuts, graduals noticed, false times, missed times)."""
    found = [f for f in sorted(found) if f > 1e-3]
    width = max(tolerance, 1.01 * t["frame_time"])
    hits, used = metrics.matched(found, t["scene_changes"], width)
    rest = [f for i, f in enumerate(found) if i not in used]

    def inside(f, spans, slack):
        return any(a - slack <= f <= b + slack for a, b in spans)

    noticed = sum(any(a - SLACK <= f <= b + SLACK for f in rest) for a, b in t["gradual_changes"])
    false = [f for f in rest if not inside(f, t["gradual_changes"], SLACK) and not inside(f, t["either"], width)]
    flash = sum(inside(f, t["flashes"], width) for f in false)
    missed = [c for c in t["scene_changes"] if not any(abs(f - c) <= width + 1e-9 for f in found)]
    return hits, hits + len(false), len(t["scene_changes"]), flash, noticed, false, missed


def cuts(rows, answers, tolerance):
    """F1 over all clips, and what went wrong in each."""
    sums, wrong = [0] * 5, {}
    for r in rows:
        *n, false, missed = cut_counts(r["truth"], answers.get(r["file"], []), tolerance)
        sums = [a + b for a, b in zip(sums, n)]
        if false or missed:
            wrong[r["file"]] = {"false": [round(f, 2) for f in false], "missed": [round(m, 2) for m in missed]}
    p, q, f = metrics.f1(sums[0], sums[1], sums[2])
    return {"F1": f, "precision": p, "recall": q, "false": sums[1] - sums[0], "missed": sums[2] - sums[0],
            "flashes": sums[3], "graduals noticed": sums[4]}, wrong


def frames(rows, answers, kind):
    """Per sampled frame: share with the count in range, and box F1 at IoU .5 of the boxes that must be found.

    answers: {file: [[box, ...] for each sampled frame]}; boxes that match an optional one count neither way.
    """
    right = total = hits = found_n = true_n = 0
    for r in rows:
        for s, boxes in zip(r["truth"][kind], answers.get(r["file"], [])):
            if s.get("skip"):
                continue
            total += 1
            right += s["min"] <= len(boxes) <= s["max"]
            must, may = s["boxes"], s.get("maybe", [])
            n = metrics.box_hits(boxes, must)
            extra = metrics.box_hits([b for b in boxes if all(metrics.iou(b, m) < .5 for m in must)], may)
            hits, found_n, true_n = hits + n, found_n + len(boxes) - extra, true_n + len(must)
    if total == 0:
        return {"frames": 0}
    p, q, f = metrics.f1(hits, found_n, true_n)
    return {"frames": total, "count right": right / total if total else None, "box F1": f, "box precision": p, "box recall": q}


def at_times(rows, docs, kind, field):
    """The boxes of an answer at the labelled frames: ({file: [[box, ...] ...]}, rows reduced to the frames that were sampled).

    features.visual.<field>: [{"time": s (or "start", "end"), "box": [x, y, width, height] in shown pixels, ...}];
    features.visual.sampled_times: [s, ...], the pictures that were looked at.
    """
    answers, kept = {}, []
    for r in rows:
        doc = docs.get(r["file"], {})
        times = read.numbers(read.dig(doc, "features.visual.sampled_times")) or []
        regions = read.dig(doc, f"features.visual.{field}")
        if not isinstance(regions, list) or not r["truth"].get(kind):
            continue
        near = max(.02, 1.01 * r["truth"]["frame_time"])
        frames_, boxes = [], []
        for s in r["truth"][kind]:
            seen = [t for t in times if abs(t - s["time"]) <= near]
            if not seen:
                continue
            frames_.append(s)
            boxes.append([g["box"] for g in regions if g.get("start", g.get("time", -9)) - near <= seen[0] <= g.get("end", g.get("time", -9)) + near])
        answers[r["file"]] = boxes
        kept.append({"file": r["file"], "truth": {kind: frames_}})
    return answers, kept


def bare(rows, answers, kind):
    """Frames where nothing is, and how many of them got a box."""
    empty = [b for r in rows for s, b in zip(r["truth"][kind], answers.get(r["file"], [])) if s["max"] == 0 and not s.get("skip")]
    return {"frames": len(empty), "with a box": sum(bool(b) for b in empty)}


def main():
    """Parse the command line and print."""
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("labels")
    ap.add_argument("results")
    ap.add_argument("--wrong", action="store_true")
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    labels = json.loads(Path(a.labels).read_text(encoding="utf-8"))
    rows = [r for r in labels["files"] if r["group"] == "real"]
    docs = read.predictions(a.results, [r["file"] for r in rows])
    found = {f: read.numbers(read.dig(d, "features.visual.scene_changes")) for f, d in docs.items()}
    out = {}
    for name, tolerance in (("cuts, 1 frame", 0), ("cuts, 0.1 s", .1)):
        out[name], wrong = cuts(rows, found, tolerance)
    faces = [(r["truth"]["people"], read.number(read.dig(docs.get(r["file"], {}), "features.visual.faces_detected"))) for r in rows
             if r["truth"].get("people")]
    out["faces, people in range"] = sum(g is not None and p[0] <= g <= p[1] for p, g in faces) / max(1, len(faces))
    text = [(r["truth"]["has_text"], read.dig(docs.get(r["file"], {}), "features.visual.text_regions")) for r in rows
            if r["truth"].get("has_text") in (True, False)]
    out["text, presence right"] = sum(isinstance(g, list) and bool(g) == t for t, g in text) / max(1, len(text))
    for kind, field in (("faces", "faces"), ("text", "text_regions")):
        answers, kept = at_times(rows, docs, kind, field)
        out[f"{kind}, sampled frames"] = frames(kept, answers, kind)
        out[f"{kind}, frames without any"] = bare(kept, answers, kind)
    still = [r for r in rows if not r["truth"]["scene_changes"] and not r["truth"]["gradual_changes"]]
    out["clips without a change"] = {"clips": len(still), "false": sum(bool(cut_counts(r["truth"], found.get(r["file"], []), .1)[5]) for r in still)}
    out["answers"] = len(docs)
    if a.json:
        print(json.dumps({"metrics": out, "wrong": wrong}, indent=1))
        return
    for name, value in out.items():
        print(f"{name:26s}", " ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items())
              if isinstance(value, dict) else f"{value:.3f}" if isinstance(value, float) else value)
    if a.wrong:
        for name, w in wrong.items():
            print(name, w)


if __name__ == "__main__":
    main()
