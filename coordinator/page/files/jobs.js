// Pages of jobs with filters, and failures by code.
import { h, swap, card, table, badge, pathName, plain, seconds, when, count } from "./dom.js";
import { get, post, query } from "./api.js";

const PAGE = 100, RETRY_PAGE = 1000, RETRY_MOST = 100000;
const STATES = ["queued", "claimed", "done", "failed", "cancelled"];
const SINCE = [["", "any time"], ["3600", "the last hour"], ["86400", "the last day"], ["604800", "the last week"]];

export function jobTable(list) {
  return table([
    { title: "File", cell: (j) => pathName(j.file_path, `#/jobs/${j.job}`) },
    { title: "State", cell: (j) => [badge(j.state), j.error ? h("span.dim", { title: plain(j.detail) }, ` ${plain(j.error)}`) : null] },
    { title: "Priority", cell: (j) => plain(j.priority) },
    { title: "Node", cell: (j) => plain(j.node ?? "") },
    { title: "Took", number: true, cell: (j) => seconds(j.processing_time) },
    { title: "Accepted", cell: (j) => when(j.created) },
    { title: "Job", number: true, cell: (j) => j.job },
  ], list, "No job fits.");
}

// Calls each(job) for all jobs of a query, page by page, at most RETRY_MOST; returns the number.
async function forAll(params, signal, each) {
  const found = [];
  for (let after = 0; after !== null && found.length < RETRY_MOST;) {
    const page = await get(query("v1/jobs", { ...params, limit: RETRY_PAGE, after: after || "" }), signal);
    found.push(...page.jobs);
    after = page.next;
  }
  let done = 0;
  for (const one of found) done += (await each(one)) ? 1 : 0;
  return done;
}

export function jobs(root, params, app) {
  const field = (name, label, input) => h("label", {}, label, fillName(input, name));
  const fillName = (input, name) => { input.name = name; return input; };
  const select = (options, value) => h("select", {}, options.map(([key, text]) => h("option", { value: key, selected: key === (value ?? "") }, text)));
  const input = (value, placeholder) => h("input", { value: value ?? "", placeholder, spellcheck: "false", autocomplete: "off" });
  const form = h("form.filters", { onsubmit: apply, onchange: apply },
    field("path", "Path begins with", input(params.path, "/music/")),
    field("state", "State", select([["", "any"], ...STATES.map((s) => [s, s])], params.state)),
    field("error", "Code", input(params.error, "ENOFILE")),
    field("node", "Node", input(params.node, "")),
    field("since", "Accepted in", select(SINCE, params.since)),
    h("button.quiet", { type: "button", onclick: () => app.go("#/jobs") }, "Clear"));
  const box = h("div"), more = h("button", { type: "button", onclick: () => read() }, "More");
  let list = [], after = "";

  function apply(event) {
    event.preventDefault();
    const wanted = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    const hash = query("#/jobs", wanted);
    if (hash !== location.hash) app.go(hash);
  }

  async function read() {
    const since = params.since ? Date.now() - 1000 * Number(params.since) : "";
    const page = await app.guard(() => get(query("v1/jobs", { path: params.path, state: params.state, error: params.error, node: params.node,
      since_ms: since, order: "newest", limit: PAGE, after }), app.signal));
    if (!page || app.signal.aborted) return;
    list = list.concat(page.jobs);
    after = page.next ?? "";
    swap(box, jobTable(list));
    more.hidden = !page.next;
  }

  more.hidden = true;
  swap(root, card("Jobs", form, box, h("p.buttons", {}, more)));
  read();
  return {};
}

export function failures(root, params, app) {
  const box = h("div"), progress = h("p.note", { role: "status" });

  function retry(row) {
    app.order(`Run ${count(row.jobs)} jobs that failed with ${row.code} again?`, async () => {
      let seen = 0;
      const done = await forAll({ state: "failed", error: row.code }, app.signal, async (job) => {
        progress.textContent = `${row.code}: ${count(++seen)} of ${count(row.jobs)}`;
        return post(`v1/jobs/${job.job}/retry`).then(() => true, (error) => { if (error.status === 409) return false; throw error; });
      });
      progress.textContent = `${count(done)} jobs run again.`;
      await read();
    });
  }

  async function read() {
    const seen = await app.guard(() => get("v1/failures", app.signal));
    if (!seen || app.signal.aborted) return;
    swap(box, table([
      { title: "Code", cell: (f) => h("a", { href: query("#/jobs", { state: "failed", error: f.code }) }, f.code) },
      { title: "Meaning", cell: (f) => plain(f.text) },
      { title: "Jobs", number: true, cell: (f) => count(f.jobs) },
      { title: "Last", cell: (f) => when(f.last) },
      { title: "", cell: (f) => h("button.quiet", { type: "button", "aria-label": `retry these: ${f.code}`, onclick: () => retry(f) }, "retry these") },
    ], seen.failures, "No job has failed."), seen.more ? h("p.note", {}, `Of the last ${count(seen.counted)} failures.`) : null);
  }

  swap(root, card("Failures by code", box, progress));
  read();
  let failed = -1;
  return { update({ status }) { if (failed >= 0 && failed !== status.jobs.failed) read(); failed = status.jobs.failed; } };
}
