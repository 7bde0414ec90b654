// Speaks to the server. The session is a cookie that no script can read; its CSRF token lives in memory alone.
import { languageTag } from "./texts.js";

const SESSION = "/v1/session";
const SAFE = new Set(["GET", "HEAD"]);
let session = null;
let whenEnded = () => {};
let asked = 0;

export class Problem extends Error {
  constructor(status, details = {}) {
    super(details.title ?? details.code ?? `HTTP ${status}`);
    Object.assign(this, details, { status });
  }
}

async function problemOf(response) {
  const details = await response.json().catch(() => ({}));
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  return new Problem(response.status, { ...details, retryAfter });
}

export const who = () => session;
export const signedIn = () => session !== null;

// The function is called when the server no longer knows the session.
export function onEnded(callback) {
  whenEnded = callback;
}

function ended(problem) {
  if (session === null) return;
  session = null;
  whenEnded(problem);
}

// When the server last heard of this page: from then on it counts how long nobody uses the session.
export const lastAsked = () => asked;

async function send(path, { method = "GET", json, signal, accept = "application/json", again = true } = {}) {
  const headers = { Accept: accept, "Accept-Language": languageTag() };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  if (!SAFE.has(method) && session) headers["X-CSRF-Token"] = session.csrf_token;
  const body = json === undefined ? undefined : JSON.stringify(json);
  let response;
  asked = Date.now();
  try {
    response = await fetch(path, { method, headers, body, signal, cache: "no-store", credentials: "same-origin", redirect: "error" });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem(0, { code: "unreachable" });
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.code === "csrf" && again && await renewed()) {
    return send(path, { method, json, signal, accept, again: false });
  }
  if (problem.status === 401 && problem.code !== "wrong_credentials") ended(problem);
  throw problem;
}

// Asks for the token anew: another tab may have signed in again.
async function renewed() {
  const before = session?.username;
  const found = await call(SESSION).catch(() => null);
  if (!found || found.username !== before) return false;
  session = found;
  return true;
}

export async function call(path, options) {
  const response = await send(path, options);
  if (response.status === 204) return { status: 204 };
  return { ...(await response.json().catch(() => ({}))), status: response.status };
}

export async function restore() {
  session = await call(SESSION);
}

export async function signIn(username, password) {
  session = await call(SESSION, { method: "POST", json: { username, password } });
}

export async function signOut() {
  try {
    await call(SESSION, { method: "DELETE" });
  } finally {
    session = null;
  }
}

export async function changePassword(before, after) {
  await call(`${SESSION}/password`, { method: "PUT", json: { old: before, new: after } });
  await restore();
}

// Yields {event, data} for each server-sent event of the reply.
export async function* events(path, options) {
  const response = await send(path, { ...options, accept: "text/event-stream" });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = "message";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines.map((each) => each.replace(/\r$/, ""))) {
        if (line === "") {
          if (data.length) yield { event, data: JSON.parse(data.join("\n")) };
          event = "message";
          data = [];
        } else if (line.startsWith("event:")) {
          event = line.slice(6).trim();
        } else if (line.startsWith("data:")) {
          data.push(line.slice(5).replace(/^ /, ""));
        }
      }
    }
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem(0, { code: "cut_off" });
  } finally {
    reader.cancel().catch(() => {});
  }
}

// Sends a file; the only way of a browser to say how far it is. ``progress`` gets bytes.
export async function upload(path, form, { progress, signal, again = true }) {
  asked = Date.now();
  const reply = await new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Accept", "application/json");
    if (session) request.setRequestHeader("X-CSRF-Token", session.csrf_token);
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded, total));
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(new Problem(0, { code: "unreachable" })));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
  let details = {};
  try {
    details = JSON.parse(reply.responseText);
  } catch { /* then the status alone speaks */ }
  if (reply.status < 300) return { ...details, status: reply.status };
  const problem = new Problem(reply.status, { ...details, retryAfter: Number(reply.getResponseHeader("Retry-After")) || 0 });
  if (problem.code === "csrf" && again && await renewed()) return upload(path, form, { progress, signal, again: false });
  if (problem.status === 401) ended(problem);
  throw problem;
}

// Saves the original under its own name; a plain link could not say why it failed.
export async function download(path, name) {
  const response = await send(path, { accept: "*/*" });
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
