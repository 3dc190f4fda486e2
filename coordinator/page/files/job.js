// One job: its state, its story, its result, its neighbours.
import { h, swap, card, table, badge, pathName, plain, when, fixed, clock } from "./dom.js";
import { get, post } from "./api.js";
import { result } from "./result.js";

function storyList(story) {
  return h("ol.story", {}, story.story.map((event) => h("li", {},
    h("span.time", {}, when(event.at)),
    h("b", {}, plain(event.what)), event.name ? ` ${plain(event.name)}` : "", event.attempt ? h("span.dim", {}, ` attempt ${event.attempt}`) : null,
    event.code ? h("span.badge.s-failed", {}, event.code) : null,
    h("span.dim", {}, ` ${plain(event.error?.text ?? "")}${event.error?.detail ? `: ${plain(event.error.detail)}` : ""}`),
    h("div.dim", {}, plain(event.meaning)))),
  h("li.now", {}, h("b", {}, "now"), ` ${plain(story.now.sentence)}`));
}

function neighbourTable(list) {
  return table([
    { title: "File", cell: (n) => pathName(n.file_path, `#/jobs/${n.job}`) },
    { title: "Distance", number: true, cell: (n) => fixed(n.distance) },
    { title: "Length", number: true, cell: (n) => (n.duration === null ? "–" : clock(n.duration)) },
    { title: "Tempo", number: true, cell: (n) => fixed(n.tempo, 3) },
    { title: "Key", cell: (n) => plain([n.key, n.mode].filter(Boolean).join(" ")) },
  ], list, "No other result has a vector of the same kind.");
}

export function job(root, { id }, app) {
  const head = h("div.titled"), story = card("Story"), drawn = h("div"), near = h("div"), storyBox = h("div");
  let state = "";

  async function readDocument() {
    const document = await get(`v1/jobs/${id}/document`, app.signal).catch(() => null);
    if (!document || app.signal.aborted) return;
    swap(drawn, result(document), h("p.note", {}, h("a", { href: `v1/jobs/${id}/document`, download: `job-${id}.json` }, "The whole message as JSON")));
    if (!document.similarity_vectors) return;
    const seen = await get(`v1/jobs/${id}/similar`, app.signal).catch(() => null);
    if (!seen || app.signal.aborted) return;
    swap(near, card("Neighbours", h("p.note", {}, `Nearest by the combined vector, of ${seen.compared} compared vectors.`), neighbourTable(seen.similar)));
  }

  async function read() {
    const seen = await app.guard(() => get(`v1/jobs/${id}/story`, app.signal));
    if (!seen || app.signal.aborted) return;
    const order = (verb, question) => h("button", { type: "button", onclick: () => app.order(question, async () => { await post(`v1/jobs/${id}/${verb}`); await read(); }) }, verb);
    swap(head, h("h1", {}, pathName(seen.file_path)), badge(seen.state), h("span.spring"),
      seen.state === "failed" || seen.state === "cancelled" ? order("retry", "Run this job again?") : null,
      seen.state === "queued" ? order("cancel", "Withdraw this job?") : null);
    swap(storyBox, storyList(seen));
    if (seen.state !== state && (seen.state === "done" || seen.state === "failed")) readDocument();
    state = seen.state;
  }

  story.append(storyBox);
  swap(root, head, h("p.note", {}, `Job ${id}`), drawn, near, story);
  read();
  return { update() { if (state === "queued" || state === "claimed") read(); } };
}
