// Speaks to the server. The key lives in memory, and in this tab's session storage only if asked for.
import { languageTag } from "./texts.js";

const STORED = "strongroom.key";
let key = stored();
let whenRefused = () => {};

export class Problem extends Error {
  constructor(status, details = {}) {
    super(details.title ?? details.code ?? `HTTP ${status}`);
    Object.assign(this, details, { status });
  }

  static async from(response) {
    const details = await response.json().catch(() => ({}));
    const retryAfter = Number(response.headers.get("Retry-After"));
    return new Problem(response.status, { ...details, retryAfter });
  }
}

function stored() {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return "";
  }
}

export const signedIn = () => key !== "";

export function signIn(value, keep) {
  key = value.trim();
  try {
    if (keep) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
  } catch { /* then it is kept in memory only */ }
}

export const signOut = () => signIn("", false);

// The function is called when the server no longer takes the key.
export function onRefused(callback) {
  whenRefused = callback;
}

async function send(path, { method = "GET", json, form, signal, accept = "application/json" } = {}) {
  const headers = { Accept: accept, "Accept-Language": languageTag() };
  if (json) headers["Content-Type"] = "application/json";
  const keyUsed = key;
  let response;
  if (/^[\x21-\x7e]+$/.test(key)) {
    headers.Authorization = `Bearer ${key}`;
    const body = json ? JSON.stringify(json) : form;
    try {
      response = await fetch(path, { method, headers, body, signal, cache: "no-store", redirect: "error" });
    } catch (error) {
      throw error.name === "AbortError" ? error : new Problem(0, { code: "unreachable" });
    }
    if (response.ok) return response;
  }
  // A key with other characters cannot be a header, so it cannot be valid either.
  const problem = response ? await Problem.from(response) : new Problem(401);
  if (problem.status === 401 && keyUsed && keyUsed === key) whenRefused(problem);
  throw problem;
}

export async function call(path, options) {
  const response = await send(path, options);
  if (response.status === 204) return { status: 204 };
  return { ...(await response.json().catch(() => ({}))), status: response.status };
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
