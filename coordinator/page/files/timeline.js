// The time line of a result: lanes over one axis, drawn from the document.
import { h, svg, swap, clock, fixed, plain } from "./dom.js";

const LANE = 26, TICKS = 40, AXIS = 20, LABEL = 96, WIDTH_MOST = 30000;
const ZOOMS = [["Whole", 0], ["2 min", 120], ["30 s", 30], ["10 s", 10]];
const STEPS = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400];

const spans = (list, name, label) => (x) => list.map((s) => svg(`rect.${typeof name === "function" ? name(s) : name}`, { x: x(s.begin), width: Math.max(1, x(s.end) - x(s.begin)), y: 4, height: LANE - 8 },
  svg("title", {}, `${label ? label(s) + ", " : ""}${clock(s.begin)} to ${clock(s.end)}`)));

// All ticks of a lane as one path: a song has hundreds.
const ticks = (times, name, from, to) => (x) => svg(`path.${name}`, { d: times.map((t) => `M${x(t).toFixed(1)} ${from}V${to}`).join("") });

const area = (values, step, name) => (x) => {
  const most = Math.max(...values, 1e-9), points = values.map((v, i) => `${x((i + 0.5) * step).toFixed(1)} ${(LANE - 2 - (LANE - 6) * v / most).toFixed(1)}`);
  return svg(`path.${name}`, { d: `M${x(0).toFixed(1)} ${LANE - 2}L${points.join("L")}L${x(values.length * step).toFixed(1)} ${LANE - 2}Z` }, svg("title", {}, `at most ${fixed(most)} % of the width per second`));
};

function lanesOf({ features }, length) {
  const { mir, visual, voice } = features, lanes = [], add = (title, height, ...draw) => lanes.push({ title, height, draw });
  if (visual?.shots?.length) {
    add(`Shots (${visual.shots.length})`, LANE, spans(visual.shots.map((s, i) => ({ ...s, i })), (s) => (s.i % 2 ? "shot.odd" : "shot"),
      (s) => `shot ${s.i + 1}${s.motion === null ? "" : `, motion ${fixed(s.motion)} %/s`}`),
    spans((visual.transitions ?? []).map((t) => ({ begin: t.from, end: t.to, kind: t.kind })), "fade", (t) => plain(t.kind)));
  }
  if (visual?.motion_vectors?.length) add("Motion", LANE, area(visual.motion_vectors, length > 20000 ? 2 : 1, "motion"));
  const dark = ["black_parts", "white_parts", "frozen_parts"].flatMap((key) => (visual?.[key] ?? []).map((part) => ({ ...part, kind: key.split("_")[0] })));
  if (dark.length) add("Black, white, frozen", LANE, spans(dark, (p) => `part.${p.kind}`, (p) => p.kind));
  if (visual?.faces?.length) add(`Faces (${visual.faces_detected})`, LANE, ticks(visual.faces.map((f) => f.time), "face", 5, LANE - 5));
  const text = (visual?.text_regions ?? []).map((t) => ({ begin: t.start, end: Math.max(t.end, t.start + 0.2), text: t.text }));
  if (text.length) add("Text", LANE, spans(text, "text", (t) => plain(t.text ?? "text")));
  for (const kind of ["speech", "singing", "music"]) {
    const parts = (voice?.segments ?? []).filter((s) => s.kind === kind);
    if (parts.length) add(kind[0].toUpperCase() + kind.slice(1), LANE, spans(parts, `voice.${kind}`, () => kind));
  }
  if (mir?.beats?.length) add(`Beats (${mir.beats.length})`, TICKS, ticks(mir.beats, "beat", 15, TICKS - 4), ticks(mir.downbeats ?? [], "downbeat", 4, TICKS - 4));
  if (mir?.tempo_changes?.length > 1) {
    add("Tempo", LANE, spans(mir.tempo_changes.map((c, i, all) => ({ begin: c.time, end: all[i + 1]?.time ?? length, i, bpm: c.bpm })), (c) => (c.i % 2 ? "shot.odd" : "shot"), (c) => `${fixed(c.bpm, 3)} BPM`));
  }
  return lanes;
}

export function timeline(document) {
  const length = document.features?.technical?.duration ?? 0, lanes = document.features && length > 0 ? lanesOf(document, length) : [];
  if (!lanes.length) return null;
  const top = [0];
  for (const lane of lanes) top.push(top[top.length - 1] + lane.height + 4);
  const height = top[lanes.length] + AXIS;
  const names = h("div.lanes", { css: { height: `${height}px` } }, lanes.map((lane, i) => h("span", { css: { top: `${top[i]}px`, height: `${lane.height}px` } }, lane.title)));
  const view = h("div.strip", { tabindex: "0", role: "region", "aria-label": "Time line" });
  let zoom = 0;

  function draw() {
    const shown = Math.max(200, view.clientWidth), width = Math.min(WIDTH_MOST, zoom ? Math.max(shown, shown * length / zoom) : shown);
    const inner = width - 24, x = (t) => 6 + inner * Math.min(Math.max(t, 0), length) / length;
    const step = STEPS.find((s) => inner * s / length > 62) ?? STEPS[STEPS.length - 1];
    const marks = Array.from({ length: Math.floor(length / step) + 1 }, (_, i) => i * step);
    swap(view, svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` },
      svg("path.grid", { d: marks.map((t) => `M${x(t).toFixed(1)} 0V${height - AXIS}`).join("") }),
      marks.map((t) => svg("text", { x: x(t), y: height - 5, "text-anchor": t === 0 ? "start" : x(t) > width - 30 ? "end" : "middle" }, step < 1 ? `${t.toFixed(1)} s` : clock(t))),
      lanes.map((lane, i) => svg("g", { transform: `translate(0 ${top[i]})` }, lane.draw.map((one) => one(x))))));
  }

  new ResizeObserver(draw).observe(view);
  const switches = h("div.switch", { role: "group", "aria-label": "Shown at once" }, ZOOMS.filter(([, s]) => s < length).map(([title, s]) => h("button", {
    type: "button", "aria-pressed": String(s === zoom), onclick: (event) => {
      zoom = s;
      for (const button of event.target.parentNode.children) button.setAttribute("aria-pressed", String(button === event.target));
      draw();
    },
  }, title)));
  return h("section.card", {}, h("div.titled", {}, h("h2", {}, "Time line"), switches), h("div.rows", {}, names, view));
}
