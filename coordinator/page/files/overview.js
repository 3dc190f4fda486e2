// What the farm does: the work, its history, the nodes, what ended last.
import { h, swap, card, table, badge, count, fixed, seconds, pathName, when, plain } from "./dom.js";
import { get, post } from "./api.js";
import { chart } from "./charts.js";

const RECENT = 12, HISTORY_MS = 10000;
const SPANS = [["hour", "Hour", 3600000], ["day", "Day", 86400000]];

function figures(status) {
  const { jobs } = status, left = jobs.queued + jobs.claimed;
  const rate = status.rate_per_s;
  const rows = [["Waiting", count(jobs.waiting), "#/jobs?state=queued"], ["In work", count(jobs.in_work + jobs.elsewhere), "#/jobs?state=claimed"],
    ["Done", count(jobs.done), "#/jobs?state=done"], ["Failed", count(jobs.failed), "#/failures"], ["Per second", fixed(rate, 2), null],
    ["Time left", left && rate > 0 ? seconds(left / rate) : left ? "–" : "0", null]];
  return rows.map(([title, value, href]) => h(href ? "a.figure" : "div.figure", { href }, h("b", {}, value), h("span", {}, title)));
}

// What the API says in `note`, with times as everywhere on the page.
function note(node) {
  if (node.state === "absent") return h("span.dim", {}, node.absent_since ? [" since ", when(node.absent_since)] : " never seen");
  if (!node.drained_since) return node.note ? h("span.dim", {}, ` ${plain(node.note)}`) : null;
  const { drained_by: by, drained_why: why } = node;
  return h("span.dim", {}, by ? ` by ${plain(by)}` : "", " since ", when(node.drained_since), why ? `: ${plain(why)}` : "");
}

function nodeTable(nodes, app) {
  const order = (node, verb, question) => h("button.quiet", {
    type: "button", "aria-label": `${verb} ${plain(node.name)}`,
    onclick: () => app.order(question, () => post(`v1/nodes/${encodeURIComponent(node.name)}/${verb}`, {})),
  }, verb);
  const orders = (node) => {
    if (node.drained_since) return order(node, "undrain", `Give jobs to node ${plain(node.name)} again?`);
    if (node.state === "absent") return order(node, "forget", `Remove node ${plain(node.name)} from the list until it connects again?`);
    return order(node, "drain", `Give no more jobs to node ${plain(node.name)}?`);
  };
  const load = (node) => {
    const room = node.held + node.credit;
    return node.state === "absent" ? "–" : h("span.load", { title: `${node.held} files held, room for ${node.credit} more, ${node.slots} at once` },
      h("span.bar", {}, h("span.fill", { css: { width: `${room ? 100 * node.held / room : 0}%` } })), ` ${node.held} of ${room}`);
  };
  const gpu = (node) => (node.gpus ? `${node.gpus} GPU${node.gpus > 1 ? "s" : ""}${node.gpu_percent === null ? "" : ` ${node.gpu_percent} %`}` : null);
  return table([
    { title: "Node", cell: (n) => [h("b", {}, plain(n.name)), n.host && n.host !== n.name ? h("span.dim", {}, ` ${plain(n.host)}`) : null] },
    { title: "State", cell: (n) => [badge(n.drained_since && n.state !== "absent" ? "drained" : n.state), note(n)] },
    { title: "Device", cell: (n) => [plain(n.device), " ", h("span.dim", {}, gpu(n))] },
    { title: "Load", cell: load },
    { title: "Memory", number: true, cell: (n) => (n.memory_mb ? `${count(n.memory_mb)} MB` : "–") },
    { title: "Done", number: true, cell: (n) => count(n.done) },
    { title: "Failed", number: true, cell: (n) => count(n.failed) },
    { title: "", cell: orders },
  ], nodes, ["No node yet: ", h("code", {}, "kithara keys token new"), " here prints a TOKEN, ", h("code", {}, "kithara-node --join TOKEN"), " on a host starts a node with it."]);
}

export function overview(root, params, app) {
  const top = h("div.figures"), nodes = card("Nodes"), recent = card("Ended last"), nodeBox = h("div"), recentBox = h("div");
  const rate = chart("Throughput", "files per second"), queue = chart("Work", "files"), fleet = chart("Nodes", "");
  const charts = [rate, queue, fleet];
  let span = SPANS[0], timer = null, asked = 0, reported = [];  // jobs of the last events

  const switches = h("div.switch", { role: "group", "aria-label": "Span" }, SPANS.map((one) => h("button", {
    type: "button", "aria-pressed": String(one === span), onclick: (event) => {
      span = one;
      for (const button of event.target.parentNode.children) button.setAttribute("aria-pressed", String(button === event.target));
      readHistory();
    },
  }, one[1])));

  async function readHistory() {
    const seen = await get(`v1/history?span=${span[0]}`, app.signal).catch(() => null);
    if (!seen || app.signal.aborted) return;
    const per = (list) => list.map((n) => n / seen.step_s), common = { at: seen.at_ms, span_ms: span[2], gap_ms: 3500 * seen.step_s };
    rate.show({ ...common, series: [{ label: "done", name: "done", values: per(seen.done), area: true }, { label: "failed", name: "failed", values: per(seen.failed) }] });
    queue.show({ ...common, series: [{ label: "waiting", name: "queued", values: seen.waiting, area: true }, { label: "in work", name: "work", values: seen.in_work }] });
    fleet.show({ ...common, series: [{ label: "live", name: "done", values: seen.live, area: true }, { label: "absent", name: "failed", values: seen.absent }] });
  }

  async function readRecent() {
    const mine = ++asked;
    const page = await get(`v1/jobs?order=newest&limit=60`, app.signal).catch(() => null);
    let ended = page?.jobs.filter((one) => one.stored) ?? [];
    if (ended.length < RECENT) {  // the newest jobs still wait: those that the events named
      const missing = reported.filter((id) => !ended.some((one) => one.job === id));
      const more = await Promise.all(missing.map((id) => get(`v1/jobs/${id}`, app.signal).catch(() => null)));
      ended = ended.concat(more.filter((one) => one?.stored));
    }
    if (!page || app.signal.aborted || mine !== asked) return;
    ended = ended.sort((a, b) => (a.stored < b.stored ? 1 : -1)).slice(0, RECENT);
    swap(recentBox, table([
      { title: "File", cell: (j) => pathName(j.file_path, `#/jobs/${j.job}`) },
      { title: "State", cell: (j) => [badge(j.state), j.error ? h("span.dim", {}, ` ${plain(j.error)}`) : null] },
      { title: "Node", cell: (j) => plain(j.node) },
      { title: "Took", number: true, cell: (j) => seconds(j.processing_time) },
      { title: "Stored", cell: (j) => when(j.stored) },
    ], ended, "Nothing has ended yet, of the newest 60 jobs and since this page is open."));
  }

  nodes.append(nodeBox);
  recent.append(recentBox);
  swap(root, top, h("section.card", {}, h("div.titled", {}, h("h2", {}, "History"), switches), h("div.charts", {}, charts.map((c) => c.root))), nodes, recent);
  readHistory();
  readRecent();
  timer = setInterval(() => { if (!document.hidden) readHistory(); }, HISTORY_MS);
  let ended = -1, soon = null;
  return {
    event(name, data) {  // many outcomes are one reading
      if (name !== "job") return;
      reported = [data.job, ...reported.filter((id) => id !== data.job)].slice(0, RECENT);
      soon ??= setTimeout(() => { soon = null; readRecent(); }, 500);
    },
    update({ status, nodes: list }) {
      swap(top, figures(status));
      const focused = document.activeElement?.getAttribute("aria-label");
      swap(nodeBox, nodeTable(list, app));
      if (focused) nodeBox.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
      const now = status.jobs.done + status.jobs.failed;
      if (ended >= 0 && now !== ended) readRecent();
      ended = now;
    },
    close() {
      clearInterval(timer);
      clearTimeout(soon);
      for (const one of charts) one.close();
    },
  };
}
