// Time series as SVG: lines over one time axis, with the values at the pointer in the legend.
import { h, svg, swap, fixed, timeOf } from "./dom.js";

const HEIGHT = 132, LEFT = 4, RIGHT = 46, TOP = 8, BOTTOM = 18;

// The next round number: 1, 2 or 5 times a power of ten.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value);
}

const hour = (ms) => timeOf(new Date(ms)).slice(0, 5);

// Where steps are missing, as nothing ran, the line is interrupted: [first, last] of each part.
function parts(at, gap_ms) {
  const found = [];
  for (let i = 0; i < at.length; i++) {
    if (i && at[i] - at[i - 1] <= gap_ms) found[found.length - 1][1] = i;
    else found.push([i, i]);
  }
  return found;
}

// series: [{label, name, values}], name: the colour's class; at: times in ms. span_ms: shown up to the last time, gap_ms:
// the longest time between two points that a line joins.
export function chart(title, unit) {
  const legend = h("p.legend"), plot = h("div.plot"), root = h("figure.chart", {}, h("figcaption", {}, title, unit ? h("span.unit", {}, ` ${unit}`) : null), legend, plot);
  let data = null, pointed = null, width = 0;

  function writeLegend() {
    const i = pointed ?? data.at.length - 1;
    swap(legend, data.series.map((s) => h("span", {}, h(`i.key.c-${s.name}`), `${s.label} `, h("b", {}, i >= 0 ? fixed(s.values[i], 2) : "–"))),
      pointed === null ? null : h("span.unit", {}, timeOf(new Date(data.at[i]))));
  }

  function draw() {
    const { at, series, span_ms, gap_ms } = data;
    const end = at.length ? at[at.length - 1] : Date.now(), start = end - span_ms;
    const top = roundUp(Math.max(0, ...series.flatMap((s) => s.values)) || 1);
    const inner = width - LEFT - RIGHT, floor = HEIGHT - BOTTOM;
    const x = (ms) => LEFT + inner * (ms - start) / span_ms, y = (v) => floor - (floor - TOP) * v / top;
    const paths = series.map((s) => {
      if (!at.length) return null;
      const lines = parts(at, gap_ms).map(([first, last]) => {
        const points = at.slice(first, last + 1).map((ms, i) => `${x(ms).toFixed(1)} ${y(s.values[first + i]).toFixed(1)}`);
        return { line: "M" + points.join("L"), foot: `L${x(at[last]).toFixed(1)} ${floor}L${x(at[first]).toFixed(1)} ${floor}Z` };
      });
      return [s.area ? svg(`path.area.c-${s.name}`, { d: lines.map((one) => one.line + one.foot).join("") }) : null,
        svg(`path.line.c-${s.name}`, { d: lines.map((one) => one.line).join("") })];
    });
    const mark = svg("line.cursor", { y1: TOP, y2: floor, visibility: "hidden" });
    const picture = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": title },
      [0, 0.5, 1].map((share) => [svg("line.grid", { x1: LEFT, x2: LEFT + inner, y1: y(top * share), y2: y(top * share) }),
        svg("text", { x: LEFT + inner + 6, y: y(top * share) + 4 }, fixed(top * share, 2))]),
      [0, 0.5, 1].map((share) => svg("text", { x: LEFT + inner * share, y: HEIGHT - 4, "text-anchor": ["start", "middle", "end"][share * 2] }, hour(start + span_ms * share))),
      paths, mark);
    picture.addEventListener("pointermove", (event) => {
      if (!at.length) return;
      const ms = start + span_ms * (event.offsetX - LEFT) / inner;
      pointed = at.reduce((best, one, i) => (Math.abs(one - ms) < Math.abs(at[best] - ms) ? i : best), 0);
      mark.setAttribute("x1", x(at[pointed]));
      mark.setAttribute("x2", x(at[pointed]));
      mark.setAttribute("visibility", "visible");
      writeLegend();
    });
    picture.addEventListener("pointerleave", () => {
      pointed = null;
      mark.setAttribute("visibility", "hidden");
      writeLegend();
    });
    swap(plot, picture);
    writeLegend();
  }

  // Its first call comes with the first layout, which reading a width here would force once per chart.
  const watch = new ResizeObserver(([seen]) => {
    const before = width;
    width = Math.max(160, Math.floor(seen.contentRect.width));
    if (data && width !== before) draw();
  });
  watch.observe(plot);
  return { root, close: () => watch.disconnect(), show(next) { data = next; if (width && pointed === null) draw(); } };
}

// A row of columns without an axis, for vectors. labels: one per value, or none.
export function columns(values, labels, chosen) {
  const most = Math.max(...values.map(Math.abs), 1e-12), below = values.some((v) => v < 0);
  return h(`div.columns${below ? ".signed" : ""}`, {}, values.map((value, i) => h(`div${i === chosen ? ".chosen" : ""}`, { title: `${labels ? labels[i] + ": " : ""}${fixed(value)}` },
    h("span.column", {}, h(`span.fill${value < 0 ? ".minus" : ""}`, { css: { height: `${(below ? 50 : 100) * Math.abs(value) / most}%` } })),
    labels ? h("small", {}, labels[i]) : null)));
}
