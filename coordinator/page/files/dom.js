// Elements and formats. Text always becomes a text node, never markup: names of files are not trusted.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "css") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// h("p.note", {title: "x"}, "text", node): an HTML element.
export function h(name, props, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  return fill(element, props, children);
}

export function svg(name, props, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElementNS(SVG, tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  return fill(element, props, children);
}

export function swap(element, ...children) {
  element.replaceChildren(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
}

// Control characters and those that reverse the direction of text or are invisible, shown as a mark: those of
// kt_text_character (common/text.h), and halves of characters.
const CONTROLS = /[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}\ud800-\udfff]/gu;

export function plain(text) {
  return String(text ?? "").replace(CONTROLS, "\ufffd");
}

// A path with its name in front of its folder.
export function pathName(path, href) {
  const text = plain(path), cut = text.lastIndexOf("/") + 1;
  const name = h("bdi.name", {}, text.slice(cut) || text);
  return h("span.path", { title: text }, href ? h("a", { href }, name) : name, cut > 1 ? h("bdi.folder", {}, text.slice(0, cut - 1)) : null);
}

// Without Intl, whose first use takes as long as a first view may.
const two = (n) => String(n).padStart(2, "0");
export const timeOf = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
const dateOf = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;

export function count(n) {
  return n === null || n === undefined ? "–" : String(n).replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, "\u202f"));
}

export function fixed(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return plain(value);
  if (value === 0 || Number.isInteger(value)) return count(value);
  const size = Math.abs(value);
  return size >= 1e7 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(digits + 1)));
}

export function seconds(s) {
  if (s === null || s === undefined) return "–";
  if (s < 1) return `${Math.max(1, Math.round(s * 1000))} ms`;
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
  return s < 172800 ? `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min` : `${Math.round(s / 86400)} d`;
}

export function clock(s) {
  const whole = Math.floor(s);
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
    : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

// A time of the API, in the reader's zone; the day is left out today.
export function when(text) {
  if (!text) return "–";
  const at = new Date(text), now = new Date();
  return h("time", { datetime: text, title: text }, dateOf(at) === dateOf(now) ? timeOf(at) : `${dateOf(at)} ${timeOf(at)}`);
}

export const badge = (state) => h(`span.badge.s-${/^[a-z]+$/.test(state) ? state : "other"}`, {}, plain(state));

// columns: {title, cell(row), number}. Rows are objects. empty: text or elements, shown where there are none.
export function table(columns, rows, empty) {
  if (!rows.length) return h("p.empty", {}, empty);
  const head = h("tr", {}, columns.map((c) => h(c.number ? "th.number" : "th", { scope: "col" }, c.title)));
  const body = rows.map((row) => h("tr", {}, columns.map((c) => h(c.number ? "td.number" : "td", { "data-title": c.title }, c.cell(row)))));
  return h("div.scroll", {}, h("table", {}, h("thead", {}, head), h("tbody", {}, body)));
}

export function card(title, ...content) {
  return h("section.card", {}, title ? h("h2", {}, title) : null, content);
}

// Bars from 0 to 1: [[label, value, note]].
export function bars(rows, kind = "") {
  return h(`div.bars${kind}`, {}, rows.map(([label, value, note]) => [
    h("span", {}, plain(label)),
    h("span.bar", {}, h(`span.fill${value < 0.5 ? ".low" : ""}`, { css: { width: `${100 * Math.max(0, Math.min(1, value ?? 0))}%` } })),
    h("span.number", {}, note ?? fixed(value, 2)),
  ]));
}

// A modal dialog, closed by Escape. content(close) gives its elements.
export function dialog(title, content) {
  const box = h("dialog", { "aria-label": title });
  const close = () => { box.close(); box.remove(); };
  box.addEventListener("close", () => box.remove());
  swap(box, h("h2", {}, title), content(close));
  document.body.append(box);
  box.showModal();
  return close;
}
