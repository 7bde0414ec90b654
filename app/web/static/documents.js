// The documents view: list, upload, follow the reading, delete.
import { call, signedIn } from "./api.js";
import { day, element, label, problemNotice, say, sentence } from "./texts.js";

const PAGE_SIZE = 50;
const POLL_FIRST_MS = 1000;
const POLL_LAST_MS = 5000;
const STATES = {
  pending: "state_pending", queued: "waiting", running: "reading",
  readable: "readable", ready: "ready", refused: "state_refused", failed: "failed",
};

const byId = (id) => document.getElementById(id);
const rows = byId("document-rows");
const uploads = byId("uploads");
const problems = byId("documents-problem");

let knowledgeBase = "";
let cursor = null;
let listing = 0;
let session = 0;
let lastChoice = Promise.resolve();
let whenChanged = () => {};

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const stateKey = (state) => STATES[state] ?? state;

// The function is called when the number of documents may have changed.
export function onChanged(callback) {
  whenChanged = callback;
}

export function clearDocuments() {
  session += 1;
  listing += 1;
  byId("dialog").close("cancel");
  cursor = null;
  for (const node of [rows, uploads, problems]) node.replaceChildren();
  byId("more-documents").hidden = true;
  byId("no-documents").hidden = true;
}

export function offerBases(bases, chosen) {
  const select = byId("upload-to");
  const wanted = chosen || select.value || "default";
  select.replaceChildren(...bases.map(({ name }) => new Option(name, name)));
  if (bases.some(({ name }) => name === wanted)) select.value = wanted;
  byId("choose-files").disabled = bases.length === 0;
}

export function listDocuments(name) {
  knowledgeBase = name;
  cursor = null;
  return nextPage();
}

async function nextPage() {
  const turn = ++listing;
  const from = cursor;
  const asked = new URLSearchParams({ limit: PAGE_SIZE });
  if (knowledgeBase) asked.set("knowledge_base", knowledgeBase);
  if (from) asked.set("cursor", from);
  try {
    const reply = await call(`/v1/documents?${asked}`);
    if (turn !== listing) return;
    const found = reply.documents.map(row);
    if (from) rows.append(...found);
    else rows.replaceChildren(...found);
    cursor = reply.next_cursor ?? null;
    problems.replaceChildren();
  } catch (problem) {
    if (turn === listing) problems.replaceChildren(problemNotice(problem));
  }
  byId("more-documents").hidden = !cursor;
  byId("no-documents").hidden = rows.children.length > 0 || problems.children.length > 0;
}

function row(item) {
  const title = item.title || item.external_id;
  const name = element("th", "", element("span", "", title));
  name.scope = "row";
  if (item.external_id && item.external_id !== title) name.append(element("span", "muted small block", item.external_id));
  const remove = label(sentence("button", "quiet", "delete", title), "delete_named", title);
  remove.type = "button";
  const line = element("tr", "", name,
    element("td", "nowrap", item.knowledge_base ?? ""),
    element("td", "", sentence("span", `state ${item.state}`, stateKey(item.state))),
    element("td", "number", String(item.pages ?? "–")),
    element("td", "number", String(item.version ?? "–")),
    element("td", "nowrap", item.created_at ? day(item.created_at, true) : ""),
    element("td", "", remove));
  remove.addEventListener("click", () => removeDocument(item.document_id, title, line));
  return line;
}

async function removeDocument(id, title, line) {
  const answer = await choose("delete_sure", title, [["delete", "danger"], ["cancel", ""]]);
  if (answer !== "delete") return;
  try {
    await call(`/v1/documents/${encodeURIComponent(id)}`, { method: "DELETE" });
    line.remove();
    problems.replaceChildren();
    byId("no-documents").hidden = rows.children.length > 0;
    byId("documents-title").focus();
    whenChanged();
  } catch (problem) {
    problems.replaceChildren(problemNotice(problem));
  }
}

// Asks in the dialog, one question after the other; resolves to the key of the chosen button.
function choose(...asked) {
  lastChoice = lastChoice.then(() => askInDialog(...asked));
  return lastChoice;
}

function askInDialog(key, value, choices) {
  const dialog = byId("dialog");
  say(byId("dialog-text"), key, value);
  byId("dialog-choices").replaceChildren(...choices.map(([choice, className]) => {
    const button = sentence("button", className, choice);
    button.type = "button";
    button.addEventListener("click", () => dialog.close(choice));
    return button;
  }));
  dialog.returnValue = ""; // what Escape leaves
  dialog.showModal();
  byId("dialog-choices").lastElementChild.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue || "cancel"), { once: true });
  });
}

async function addFiles(files) {
  problems.replaceChildren();
  const target = byId("upload-to").value;
  if (!target) {
    problems.replaceChildren(sentence("p", "notice problem", "no_base"));
    return;
  }
  const mine = session;
  for (const file of files) {
    if (mine === session) await addFile(file, target);
  }
}

// Ends when the file was taken or refused; its reading is followed beside the next upload.
async function addFile(file, target) {
  const status = element("span", "state");
  const line = element("li", "", element("span", "name", file.name), status);
  uploads.prepend(line);
  say(status, "sending");
  try {
    let reply = await upload(file, target).catch((problem) => {
      if (problem.code !== "document_exists") throw problem;
      return problem;
    });
    if (reply.code === "document_exists") {
      const id = reply.document_id;
      const answer = await choose("exists", file.name, [["replace", "primary"], ["keep_both", ""], ["cancel", ""]]);
      if (answer === "cancel") return void say(status, "not_added");
      reply = await upload(file, target, answer === "replace" ? { replace: id } : { keep_both: "true" });
    }
    if (reply.status === 202) follow(reply.job_id, line, status);
    else say(status, "already_there");
  } catch (problem) {
    refuse(line, status, problem);
  }
}

function upload(file, target, extra = {}) {
  const form = new FormData();
  form.set("knowledge_base", target);
  for (const [name, value] of Object.entries(extra)) form.set(name, value);
  form.set("file", file, file.name);
  return call("/v1/documents", { method: "POST", form });
}

function refuse(line, status, problem) {
  say(status, "not_added").classList.add("refused");
  line.append(problemNotice(problem));
}

async function follow(jobId, line, status) {
  let seen = "";
  say(status, "waiting");
  for (let wait = POLL_FIRST_MS; signedIn() && line.isConnected; wait = Math.min(wait * 1.3, POLL_LAST_MS)) {
    await pause(wait);
    if (!signedIn() || !line.isConnected) return;
    let job;
    try {
      job = await call(`/v1/jobs/${encodeURIComponent(jobId)}`);
    } catch (problem) {
      if (problem.code === "unreachable" || problem.status === 429) continue;
      return refuse(line, status, problem);
    }
    const refused = job.refused ?? [];
    if (job.state !== seen) {
      seen = job.state;
      const partly = seen === "ready" && refused.length > 0;
      status.className = `state ${partly ? "partly" : seen}`;
      say(status, partly ? "some_refused" : stateKey(seen), refused.length);
      if (["readable", "ready", "failed"].includes(seen)) changed();
    }
    if (seen === "ready" || seen === "failed") {
      const reasons = refused.map(({ file, reason }) => element("li", "", `${file}: ${reason}`));
      if (reasons.length) line.append(element("ul", "reasons", ...reasons));
      return;
    }
  }
}

function changed() {
  listDocuments(knowledgeBase);
  whenChanged();
}

function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  const files = [...transfer.files].filter((_, index) => !entries[index]?.isDirectory);
  const hadFolders = files.length < transfer.files.length;
  addFiles(files).then(() => {
    if (hadFolders) problems.append(sentence("p", "notice problem", "no_folders"));
  });
}

export function startDocuments() {
  const area = byId("documents");
  const picker = byId("files");
  byId("documents-title").tabIndex = -1;
  byId("choose-files").addEventListener("click", () => picker.click());
  byId("more-documents").addEventListener("click", nextPage);
  picker.addEventListener("change", () => {
    addFiles([...picker.files]);
    picker.value = "";
  });
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    byId("drop").classList.add("over");
  });
  area.addEventListener("dragleave", (event) => {
    if (!area.contains(event.relatedTarget)) byId("drop").classList.remove("over");
  });
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    byId("drop").classList.remove("over");
    dropped(event.dataTransfer);
  });
}
