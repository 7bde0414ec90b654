// Uploads: one file after the other is sent; their reading is followed until it is done.
import { call, signedIn, upload } from "./api.js";
import { choose, form } from "./dialogs.js";
import { button, byId, element, field, iconButton, pause } from "./dom.js";
import { remaining, size } from "./formats.js";
import { problemNotice, refusal } from "./problems.js";
import { watched } from "./session.js";
import { label, say } from "./texts.js";

const POLL_FIRST_MS = 700;
const POLL_LAST_MS = 3000;
const LOCKED = /^the PDF needs a password|^the password given does not open the PDF/;
const STAGES = { queued: "stage_waiting", running: "stage_reading", readable: "stage_meaning" };
let items = [];
let following = false;
let whenChanged = () => {};

// The function is called when a document became findable or was refused.
export function onUploaded(callback) {
  whenChanged = callback;
}

const open = (item) => !item.finished;

function makeItem(name, bytes) {
  const item = { name, bytes, stage: "", rate: null, finished: false, controller: new AbortController() };
  item.state = element("span", "upload-state");
  item.left = element("span", "small muted");
  item.bar = element("progress");
  label(item.bar, "progress_of", name);
  item.extra = element("div");
  item.stop = iconButton("close", "stop_upload", () => item.controller.abort(), { value: name });
  item.node = element("li", "upload",
    element("div", "upload-name", element("span", "strong", name), element("span", "small muted", bytes ? size(bytes) : "")),
    element("div", "upload-line", item.state, item.left), item.stop, item.bar, item.extra);
  items.push(item);
  byId("uploads-part").hidden = false;
  stage(item, "stage_queued");
  return item;
}

// Shows a stage with its share, and how long it will take as far as that can be told.
function stage(item, key, share = null, secondsLeft = NaN) {
  const percent = share === null ? null : Math.floor(share * 100);
  say(item.state, key, percent);
  item.left.textContent = remaining(secondsLeft);
  if (key === "stage_reading" || (key === "stage_meaning" && share === null)) item.bar.removeAttribute("value");
  else item.bar.value = share ?? 0;
  item.stop.hidden = !["stage_queued", "stage_sending"].includes(key);
}

// The share done and the seconds left, from how fast it went since it was first seen.
function pace(item, key, done, total) {
  const now = performance.now() / 1000;
  if (item.stage !== key) Object.assign(item, { stage: key, since: now, first: done });
  const speed = (done - item.first) / (now - item.since);
  const left = now - item.since > 1 && speed > 0 ? (total - done) / speed : NaN;
  stage(item, key, total ? done / total : null, left);
}

function finish(item, key, className, value) {
  item.finished = true;
  say(item.state, key, value).className = `upload-state ${className}`;
  item.left.textContent = "";
  item.bar.remove();
  item.stop.remove();
  summarise();
}

function refuse(item, problem) {
  if (problem.name === "AbortError") return finish(item, "not_added", "");
  item.extra.append(problemNotice(problem));
  return finish(item, "not_added", "refused");
}

function summarise() {
  const done = items.filter((item) => item.finished).length;
  say(byId("uploads-summary"), "uploads_done", { done, total: items.length });
  byId("clear-uploads").hidden = done === 0;
}

async function send(item, file, target, extra = {}) {
  const data = new FormData();
  data.set("knowledge_base", target);
  for (const [name, value] of Object.entries(extra)) data.set(name, value);
  data.set("file", file, file.name);
  item.stage = "";
  return upload("/v1/documents", data, {
    signal: item.controller.signal,
    progress: (loaded, total) => pace(item, "stage_sending", loaded, total),
  });
}

// What to do with a name that is there already; an answer "for all" holds for the rest of this choice of files.
async function decide(item, batch) {
  if (batch.answer) return batch.answer;
  say(item.state, "stage_question");
  const more = batch.left;
  const { choice, checked } = await choose({
    title: "exists", value: item.name, why: "exists_why",
    choices: [["skip_file", ""], ["keep_both", ""], ["replace", "primary"]],
    ...(more ? { check: "same_for_all", checkValue: more } : {}),
  });
  const answer = choice || "skip_file";
  if (checked) batch.answer = answer;
  return answer;
}

async function addFile(item, file, target, batch) {
  item.sent = { file, target };
  try {
    let reply;
    try {
      reply = await send(item, file, target, batch.extra);
    } catch (problem) {
      if (problem.code !== "document_exists") throw problem;
      const answer = await decide(item, batch);
      if (answer === "skip_file") return finish(item, "not_added", "");
      reply = await send(item, file, target, answer === "replace" ? { replace: problem.document_id } : { keep_both: "true" });
    }
    if (!reply.job_id) return finish(item, "already_there", "ready");
    item.job = reply.job_id;
    stage(item, "stage_waiting");
    follow(); // not awaited: the next file is sent while this one is read
    return;
  } catch (problem) {
    return refuse(item, problem);
  }
}

export async function addFiles(files, target, extra = {}) {
  const batch = { answer: null, left: files.length, extra };
  const waiting = files.map((file) => [makeItem(file.name, file.size), file]);
  byId("uploads").prepend(...waiting.map(([{ node }]) => node));
  summarise();
  for (const [item, file] of waiting) {
    batch.left -= 1;
    if (!signedIn()) return;
    if (item.controller.signal.aborted) finish(item, "not_added", "");
    else await addFile(item, file, target, batch);
  }
}

// A protected file is sent again with its password, in the place of the one that was refused.
function askForPassword(item, documentId) {
  const input = element("input");
  input.type = "password";
  input.required = true;
  input.maxLength = 200;
  input.autocomplete = "off";
  form({
    title: "password_for", value: item.name, why: "password_for_why", act: "send_again",
    fields: field("file-password", "password", input),
    send: async () => {
      const { file, target } = item.sent;
      items = items.filter((one) => one !== item);
      item.node.remove();
      addFiles([file], target, { replace: documentId, password: input.value });
    },
  });
}

function update(item, job) {
  const refused = job.refused ?? [];
  if (job.state === "ready" || job.state === "failed") {
    const partly = job.state === "ready" && refused.length;
    for (const { file, reason } of refused) {
      item.extra.append(refusal("p", reason, file === item.name ? "" : file));
    }
    if (job.state === "failed" && item.sent && refused.length === 1 && LOCKED.test(refused[0].reason)) {
      item.extra.append(button("small", "give_password", () => askForPassword(item, job.document_ids[0])));
    }
    if (job.state === "failed" && job.documents > refused.length) finish(item, "some_refused", "refused", refused.length);
    else finish(item, partly ? "some_refused" : `stage_${job.state}`, partly ? "refused" : job.state, refused.length);
    return true;
  }
  // The text on its pages is found by now, that on its pictures is still being recognised.
  const pictures = job.recognised < job.to_recognise && STAGES[job.state] !== STAGES.readable;
  const key = pictures ? "stage_recognising" : STAGES[job.state] ?? "stage_waiting";
  const news = item.stage !== key && (pictures || key === "stage_meaning");
  if (pictures) pace(item, key, job.recognised, job.to_recognise);
  else if (key === "stage_meaning" && job.vectors) pace(item, key, job.vectors, job.chunks);
  else {
    item.stage = key;
    stage(item, key);
  }
  return news;
}

// One look for all files under way, as long as anybody is there to see it.
async function follow() {
  if (following) return;
  following = true;
  try {
    for (let wait = POLL_FIRST_MS; ; wait = Math.min(wait * 1.2, POLL_LAST_MS)) {
      const mine = items.filter((item) => open(item) && item.job);
      if (!mine.length || !signedIn()) return;
      await pause(wait);
      if (!watched()) continue;
      try {
        if (await look(mine)) whenChanged();
      } catch (problem) {
        if (problem.status === 401) return;
      }
    }
  } finally {
    following = false;
  }
}

async function look(mine) {
  const jobs = new Map((await call("/v1/jobs")).jobs.map((job) => [job.job_id, job]));
  let news = false;
  for (const item of mine) {
    const job = jobs.get(item.job) ?? await call(`/v1/jobs/${encodeURIComponent(item.job)}`).catch((problem) => problem);
    if (job.status === 404) refuse(item, job);
    else if (job.state) news = update(item, job) || news;
  }
  return news;
}

// What this person sent before the page was opened and is still being read.
export async function takeUpJobs() {
  const { jobs } = await call("/v1/jobs");
  const known = new Set(items.map(({ job }) => job));
  for (const job of jobs.filter(({ state, job_id: id }) => STAGES[state] && !known.has(id)).reverse()) {
    const item = makeItem(job.file_name, 0);
    item.job = job.job_id;
    byId("uploads").prepend(item.node);
    update(item, job);
  }
  if (items.some(open)) summarise();
  follow();
}

export function forgetUploads() {
  for (const item of items) if (open(item)) item.controller.abort();
  items = [];
  byId("uploads").replaceChildren();
  byId("uploads-part").hidden = true;
}

export function startUploads() {
  byId("clear-uploads").addEventListener("click", () => {
    for (const item of items) if (item.finished) item.node.remove();
    items = items.filter(open);
    byId("uploads-part").hidden = items.length === 0;
    summarise();
  });
  addEventListener("beforeunload", (event) => {
    if (items.some((item) => open(item) && !item.job)) event.preventDefault();
  });
  addEventListener("language-changed", () => items.length && summarise());
}
