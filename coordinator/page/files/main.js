// The frame of the page: sections, the state of the farm, the token, keys. A section is a function
// open(root, params, app) that returns {update(farm), event(name, data), close()}, each optional.
import { h, swap, dialog, plain, seconds } from "./dom.js";
import { get, events, onToken, setToken, token } from "./api.js";
import { overview } from "./overview.js";
import { jobs, failures } from "./jobs.js";
import { job } from "./job.js";
import { backfills } from "./backfills.js";
import { models } from "./models.js";

const POLL_MS = 2000;
const SECTIONS = [["", "Overview", overview], ["jobs", "Jobs", jobs], ["failures", "Failures", failures], ["backfills", "Backfills", backfills],
  ["models", "Models", models]];
const KEYS = [["1 … 5", "the sections"], ["/", "the first filter"], ["j, k", "the next and the previous row"], ["Enter", "opens the row"],
  ["Escape", "closes a dialog"], ["t", "the token"], ["?", "this list"]];

const element = (id) => document.getElementById(id);
const app = { farm: null, notice, go: (hash) => { location.hash = hash; } };
let view = null, shown = null, following = null, asking = false, polling = false;

function notice(text) {
  const box = element("notice");
  box.hidden = !text;
  box.textContent = text ? plain(text) : "";
}

// A failed request is shown; the token's dialog follows by itself.
app.guard = async (work) => {
  try {
    notice("");
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") notice(error.message);
    return null;
  }
};

// Asks before an order. An order needs the token: without one, it is asked for first.
app.order = (question, work) => {
  const run = (close) => async (event) => {
    event.preventDefault();
    close();
    await app.guard(work);
  };
  if (!token()) { askToken("An order needs the coordinator's token."); return; }
  dialog(question, (close) => h("form", { onsubmit: run(close) }, h("p.buttons", {}, h("button.primary", { type: "submit", autofocus: true }, "Yes"),
    h("button", { type: "button", onclick: close }, "No"))));
};

function askToken(why) {
  if (asking) return;
  asking = true;
  const field = h("input", { type: "password", autocomplete: "off", spellcheck: "false", "aria-label": "Token", value: token() });
  const close = dialog("Token", (end) => h("form", { onsubmit: (event) => { event.preventDefault(); end(); setToken(field.value.trim()); } },
    h("p", {}, why), h("p.note", {}, "ANALYZER_HTTP_TOKEN, or the content of http.token in the coordinator's state folder. It is kept until this tab is closed."),
    field, h("p.buttons", {}, h("button.primary", { type: "submit" }, "Use"), h("button", { type: "button", onclick: end }, "Cancel"))));
  field.closest("dialog").addEventListener("close", () => { asking = false; });
  field.focus();
  return close;
}

function showHelp() {
  dialog("Keys", (close) => [h("dl.keys", {}, KEYS.map(([key, text]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, text)])),
    h("p.buttons", {}, h("button.primary", { type: "button", onclick: close }, "Close"))]);
}

function showState(status) {
  const pill = element("state"), troubles = status ? status.troubles : [];
  const text = !status ? "no answer" : status.draining ? "ending" : troubles.length ? plain(troubles[0].text ?? troubles[0]) : "healthy";
  pill.className = `pill ${!status ? "bad" : troubles.length || status.draining ? "warn" : "good"}`;
  pill.textContent = text;
  pill.title = troubles.map((t) => plain(t.text ?? t)).join("\n");
  if (status) element("version").textContent = `${status.coordinator} · version ${status.version} · up ${seconds(status.uptime_s)}`;
}

async function poll() {
  if (polling || document.hidden) return;
  polling = true;
  try {
    const [status, nodes] = await Promise.all([get("v1/status"), get("v1/nodes")]);
    app.farm = { status, nodes: nodes.nodes };
    showState(status);
    view?.update?.(app.farm);
  } catch (error) {
    showState(null);
    element("state").textContent = error.status === 401 ? "token needed" : "no answer";
  }
  polling = false;
}

function route() {
  const [path, params] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, part] = path.split("/");
  const single = name === "jobs" && /^[1-9][0-9]*$/.test(part ?? "");
  const open = single ? job : (SECTIONS.find(([id]) => id === name) ?? SECTIONS[0])[2];
  notice("");
  if (shown) window.scrollTo(0, 0);  // forces a layout, which the first view does not need
  shown?.abort();
  view?.close?.();
  shown = new AbortController();
  const { signal } = shown, root = h("div");
  swap(element("content"), root);
  for (const link of element("nav").children) link.toggleAttribute("aria-current", link.getAttribute("href") === `#/${name}`);
  view = open(root, single ? { id: Number(part) } : Object.fromEntries(new URLSearchParams(params)), { ...app, signal });
  if (app.farm) view?.update?.(app.farm);
}

function moveRow(step) {
  const links = [...document.querySelectorAll("main tbody a")];
  const next = links[Math.max(0, Math.min(links.length - 1, links.indexOf(document.activeElement) + step))];
  next?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const section = SECTIONS[Number(event.key) - 1];
  if (section && /^[1-9]$/.test(event.key)) location.hash = `#/${section[0]}`;
  else if (event.key === "j") moveRow(1);
  else if (event.key === "k") moveRow(-1);
  else if (event.key === "t") askToken("For orders, and over a network for reading too.");
  else if (event.key === "?") showHelp();
  else if (event.key === "/") document.querySelector("main .filters input")?.focus();
  else return;
  event.preventDefault();
});

swap(element("nav"), SECTIONS.map(([id, title]) => h("a", { href: `#/${id}` }, title)));
element("token").addEventListener("click", () => askToken("For orders, and over a network for reading too."));
element("help").addEventListener("click", showHelp);
onToken((what) => (what === "missing" ? askToken(token() ? "This token is not the coordinator's." : "Over a network reading needs the coordinator's token.") : (route(), poll(), follow())));
window.addEventListener("hashchange", route);
document.addEventListener("visibilitychange", () => { poll(); follow(); });
window.addEventListener("pagehide", () => following?.abort());
window.addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
// A change of the nodes is shown at once, an outcome by the section. A page that is not seen holds no stream: a browser
// opens six connections to a host, over all tabs and the pages that it keeps for going back.
function follow() {
  following?.abort();
  if (document.hidden) return;
  following = new AbortController();
  let live = null;
  events((name, data) => {
    view?.event?.(name, data);
    if (name === "state" && live !== null && live !== data.live) poll();
    if (name === "state") live = data.live;
  }, following.signal);
}

poll();
route();
follow();
setInterval(poll, POLL_MS);
