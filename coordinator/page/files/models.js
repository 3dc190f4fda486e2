// The models: versions, and whether the nodes have the deployed set.
import { h, swap, card, table, badge, count, fixed, plain } from "./dom.js";
import { get, post } from "./api.js";

export function models(root, params, app) {
  const box = h("div"), roll = h("div");
  let set = null, nodes = [];

  function orders(model) {
    const versions = model.versions ?? [];  // none: a folder of files without a catalogue
    const order = (verb, question, version) => h("button.quiet", {
      type: "button", onclick: () => app.order(question, async () => {
        await post(`v1/models/${encodeURIComponent(model.name)}/${verb}${version ? `?version=${encodeURIComponent(version)}` : ""}`);
        await read();
      }),
    }, version ? `${verb} ${version}` : verb);
    const others = versions.filter((v) => v.status !== "deployed" && v.status !== "retired");
    return [others.map((v) => order("deploy", `Deploy version ${v.version} of ${model.name}?`, v.version)),
      versions.length > 1 ? order("rollback", `Deploy the version of ${model.name} before this one?`) : null];
  }

  function showRoll() {
    if (!set) return;
    if (!set.digest) { swap(roll, h("p", {}, "No model is deployed.")); return; }
    const here = nodes.filter((n) => n.state !== "absent"), same = here.filter((n) => n.models === set.digest);
    swap(roll, h("p", {}, `${same.length} of ${here.length} nodes have the deployed set`, h("code", {}, ` ${set.digest.slice(0, 12)}`),
      here.length > same.length ? `; not yet: ${here.filter((n) => n.models !== set.digest).map((n) => plain(n.name)).join(", ")}` : ""));
  }

  async function read() {
    set = await app.guard(() => get("v1/models", app.signal)) ?? set;
    if (!set || app.signal.aborted) return;
    swap(box, table([
      { title: "Model", cell: (m) => [h("b", {}, plain(m.name)), h("div.dim", {}, plain(m.licence ?? ""))] },
      { title: "State", cell: (m) => [badge(m.status), m.error ? h("div.dim", {}, plain(m.error)) : null, m.reason ? h("div.dim", {}, plain(m.reason)) : null] },
      { title: "Kind", cell: (m) => plain(m.type) },
      { title: "Versions", cell: (m) => (m.versions ?? []).map((v) => h("div", {}, plain(v.version), " ", h("span.dim", {}, plain(v.status)))) },
      { title: "Accuracy", cell: (m) => (m.accuracy === null ? "–" : [fixed(m.accuracy, 3), h("div.dim", {}, plain(m.accuracy_measure))]) },
      { title: "Memory", number: true, cell: (m) => (m.memory_mb === null ? "–" : `${count(Math.round(m.memory_mb * 10) / 10)} MB`) },
      { title: "", cell: orders },
    ], set.models, "No model: kithara models add FILE, or set ANALYZER_MODEL_PATH."));
    showRoll();
  }

  swap(root, card("Models", roll, box));
  read();
  return { update(farm) { nodes = farm.nodes; showRoll(); } };
}
