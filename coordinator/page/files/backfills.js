// Sets of files: progress, and their orders.
import { h, swap, card, table, badge, count, fixed, plain, seconds, when } from "./dom.js";
import { get, post } from "./api.js";

const ORDERS = {
  pause: ["Stop this backfill? Files in work are finished.", (b) => b.state === "running"],
  resume: ["Continue this backfill?", (b) => b.state === "paused"],
  retry: ["Run its failed files again?", (b) => b.failed > 0 && b.state !== "cancelled"],
  cancel: ["End this backfill, and withdraw its queued files?", (b) => !b.ended],
};

export function backfills(root, params, app) {
  const box = h("div"), more = h("button", { type: "button", onclick: () => { pages++; read(); } }, "More");
  let pages = 1;

  function orders(row) {
    return Object.entries(ORDERS).filter(([, [, fits]]) => fits(row)).map(([verb, [question]]) => h("button.quiet", {
      type: "button", "aria-label": `${verb} ${row.id}`,
      onclick: () => app.order(question, async () => { await post(`v1/backfills/${row.id}/${verb}`); await read(); }),
    }, verb));
  }

  function progress(row) {
    const share = row.progress ?? 0;
    return h("span.load", {}, h("span.bar", {}, h("span.fill", { css: { width: `${100 * share}%` } })), row.progress === null ? " listing" : ` ${Math.floor(100 * share)} %`);
  }

  async function read() {
    const list = [];
    for (let after = null, page = 0; page < pages && after !== undefined; page++) {
      const seen = await app.guard(() => get(`v1/backfills${after ? `?after=${after}` : ""}`, app.signal));
      if (!seen || app.signal.aborted) return;
      list.push(...seen.backfills);
      after = seen.next ?? undefined;
      more.hidden = after === undefined;
    }
    const focused = document.activeElement?.getAttribute("aria-label");
    swap(box, table([
      { title: "Backfill", cell: (b) => [h("b", {}, plain(b.name || `${b.kind} ${b.id}`)), h("div.dim", {}, plain(b.source))] },
      { title: "State", cell: (b) => [badge(b.state), b.detail ? h("div.dim", {}, plain(b.detail)) : null] },
      { title: "Progress", cell: progress },
      { title: "Files", number: true, cell: (b) => count(b.listed) },
      { title: "Done", number: true, cell: (b) => count(b.done + b.skipped) },
      { title: "Failed", number: true, cell: (b) => count(b.failed + b.refused) },
      { title: "Open", number: true, cell: (b) => count(b.open + b.waiting) },
      { title: "Per second", number: true, cell: (b) => fixed(b.rate_per_s, 2) },
      { title: "Time left", number: true, cell: (b) => seconds(b.eta_s) },
      { title: "Began", cell: (b) => when(b.created) },
      { title: "", cell: orders },
    ], list.reverse(), ["No backfill yet: ", h("code", {}, "kithara backfill start FOLDER"), " starts one."]));
    if (focused) box.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  more.hidden = true;
  swap(root, card("Backfills", box, h("p.buttons", {}, more)));
  read();
  return { update: read };
}
