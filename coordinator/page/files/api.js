// The HTTP API. Addresses are relative to the page, so that a proxy may put a prefix before them.

const KEY = "kithara.token";
const listeners = new Set();  // called after the token changed, and when one is missing

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || (status ? `HTTP ${status}` : "the coordinator does not answer"));
    this.status = status;
    this.code = problem?.error?.code ?? null;
  }
}

export function token() {
  try { return sessionStorage.getItem(KEY) || ""; } catch { return ""; }
}

export function setToken(text) {
  try { text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY); } catch { /* storage is off: orders fail */ }
  for (const call of listeners) call("changed");
}

export const onToken = (call) => listeners.add(call);

async function send(method, path, body, signal) {
  const headers = {};
  if (token()) headers.Authorization = "Bearer " + token();
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store",
      credentials: "same-origin", signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, null);
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => null);
  if (answer.status === 401) for (const call of listeners) call("missing");
  throw new ApiError(answer.status, problem);
}

// signal: an AbortSignal, or undefined.
export const get = async (path, signal) => (await send("GET", path, undefined, signal)).json();
export const post = async (path, body) => (await send("POST", path, body)).json();

export function query(path, params) {
  const text = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  return text.size ? `${path}?${text}` : path;
}

// Calls on(name, data) for every server-sent event until the signal is aborted; connects again after a loss.
// EventSource would send no token.
export async function events(on, signal) {
  let last = "";
  for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 10000)) {
    try {
      const headers = { Accept: "text/event-stream" };
      if (token()) headers.Authorization = "Bearer " + token();
      if (last) headers["Last-Event-ID"] = last;
      const answer = await fetch("v1/events", { headers, signal, cache: "no-store" });
      if (!answer.ok) throw new ApiError(answer.status, null);
      wait = 500;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        const parts = (rest + value).split("\n\n");
        rest = parts.pop();
        for (const part of parts) {
          const fields = Object.fromEntries(part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
          if (fields.id) last = fields.id;
          if (fields.event) on(fields.event, JSON.parse(fields.data || "null"));
        }
      }
    } catch (error) {
      if (signal.aborted) return;
    }
    on("disconnected", null);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
