// The documents: add, find by name, see how far each is, open to readers, delete.
import { call, download } from "./api.js";
import { editDocumentReaders } from "./access.js";
import { sure } from "./dialogs.js";
import { byId, element, iconButton, option, quoted, sentence } from "./dom.js";
import { day, size, whole } from "./formats.js";
import { openReading } from "./passage.js";
import { problemNotice, refusal } from "./problems.js";
import { loadBases } from "./progress.js";
import { isAdministrator } from "./session.js";
import { addFiles, forgetUploads, onUploaded, startUploads, takeUpJobs } from "./uploads.js";
import { learn, REASONS, say, silence, text } from "./texts.js";

const PAGE_SIZE = 500;
const MOST_LOADED = 5000;
const SHOWN_AT_ONCE = 200;
const STATES = ["ready", "readable", "pending", "refused"];
const COLUMNS = [["title", ""], ["knowledge_base", "apart"], ["state", ""], ["pages", "number apart"], ["size", "number apart"],
  ["version", "number apart"], ["added", "apart nowrap"]];
let loaded = [];
let cursor = null;
let limit = SHOWN_AT_ONCE;
let turn = 0;

const problems = () => byId("documents-problem");
const nameOf = (item) => item.title || item.external_id;

export function offerBases(bases) {
  const target = byId("upload-to");
  const wanted = target.value || "default";
  target.replaceChildren(...bases.map(({ name }) => option(name, null, name)));
  if (bases.some(({ name }) => name === wanted)) target.value = wanted;
  byId("choose-files").disabled = bases.length === 0;
  const shown = byId("document-base");
  const chosen = shown.value;
  shown.replaceChildren(option("", "all_bases_short"), ...bases.map(({ name }) => option(name, null, name)));
  shown.value = bases.some(({ name }) => name === chosen) ? chosen : "";
  shown.hidden = bases.length < 2;
}

async function load() {
  const mine = ++turn;
  const fresh = [];
  let from = null;
  try {
    do {
      const asked = new URLSearchParams({ limit: PAGE_SIZE });
      if (from) asked.set("cursor", from);
      const reply = await call(`/v1/documents?${asked}`);
      if (mine !== turn) return;
      fresh.push(...reply.documents);
      from = reply.next_cursor;
    } while (from && fresh.length < MOST_LOADED);
    loaded = fresh.sort((one, other) => other.created_at.localeCompare(one.created_at) || nameOf(one).localeCompare(nameOf(other)));
    cursor = from;
    problems().replaceChildren();
    show();
  } catch (problem) {
    if (mine === turn && problem.status !== 401) problems().replaceChildren(problemNotice(problem));
  }
}

function matching() {
  const words = byId("document-filter").value.trim().normalize("NFKC").toLowerCase();
  const state = byId("document-state").value;
  const base = byId("document-base").value;
  return loaded.filter((item) => (!state || item.state === state) && (!base || item.knowledge_base === base)
    && (!words || `${item.title}\n${item.external_id}`.normalize("NFKC").toLowerCase().includes(words)));
}

function show() {
  const found = matching();
  const rows = found.slice(0, limit).map(row);
  byId("document-filters").hidden = loaded.length === 0;
  byId("more-documents").hidden = found.length <= limit;
  if (!loaded.length) silence(byId("documents-count"));
  else say(byId("documents-count"), cursor ? "documents_shown_first" : "documents_shown", { found: found.length, total: loaded.length });
  if (!rows.length) {
    const key = loaded.length ? "none_match" : "no_documents";
    byId("document-table").replaceChildren(element("div", "nothing-here", sentence("p", "strong", key), sentence("p", "muted", `${key}_why`)));
    return;
  }
  const head = COLUMNS.map(([key, className]) => {
    const cell = sentence("th", className, key);
    cell.scope = "col";
    return cell;
  });
  const last = element("th", "", sentence("span", "unseen", "actions"));
  last.scope = "col";
  byId("document-table").replaceChildren(element("table", "list", element("thead", "", element("tr", "", ...head, last)), element("tbody", "", ...rows)));
}

function row(item) {
  const title = nameOf(item);
  const name = element("th", "", quoted("span", "row-name", title));
  name.scope = "row";
  if (item.external_id && item.external_id !== title) name.append(element("span", "small muted block", item.external_id));
  const facts = [item.knowledge_base, item.pages ? text("pages_n", item.pages) : "", size(item.size_bytes), day(item.created_at)];
  name.append(element("span", "small muted together", facts.filter(Boolean).join(" · ")));
  if (item.refused) {
    name.append(refusal("span", item.refused));
  }
  const state = element("td", "", sentence("span", `state ${item.state}`, `state_${item.state}`));
  if (item.refused && item.state !== "refused") state.append(sentence("span", "small refused-why block", "newer_refused"));
  return element("tr", "", name, element("td", "apart base", item.knowledge_base), state,
    element("td", "number apart", item.pages ? whole(item.pages) : "–"), element("td", "number apart", size(item.size_bytes) || "–"),
    element("td", "number apart", item.version ? whole(item.version) : "–"), element("td", "apart nowrap", day(item.created_at)),
    element("td", "actions", ...actions(item, title)));
}

function actions(item, title) {
  const made = [];
  if (item.version) {
    const name = item.external_id.split("/").at(-1);
    made.push(iconButton("reading", "reading_named", () => openReading(item, problems()), { value: title }));
    made.push(iconButton("download", "download_named", () => attempt(() =>
      download(`/v1/documents/${encodeURIComponent(item.document_id)}/file`, name)), { value: title }));
  }
  if (!isAdministrator() && item.may_change === false) return made;
  made.push(iconButton("people", "readers_of", () => editDocumentReaders(item, title), { value: title }));
  made.push(iconButton("trash", "delete_named", () => remove(item, title), { value: title }));
  return made;
}

async function attempt(work) {
  problems().replaceChildren();
  try {
    return await work();
  } catch (problem) {
    problems().replaceChildren(problemNotice(problem));
    problems().scrollIntoView({ block: "nearest" });
    return null;
  }
}

async function remove(item, title) {
  if (!await sure({ title: "delete_sure", value: title, why: "delete_why", act: "delete" })) return;
  const gone = await attempt(() => call(`/v1/documents/${encodeURIComponent(item.document_id)}`, { method: "DELETE" }));
  if (!gone) return;
  loaded = loaded.filter(({ document_id: id }) => id !== item.document_id);
  show();
  byId("documents-title").focus();
  loadBases().catch(() => {});
}

async function take(files) {
  problems().replaceChildren();
  if (!byId("upload-to").value) await attempt(loadBases); // files may come before the knowledge bases
  const target = byId("upload-to").value;
  if (problems().children.length) return;
  if (!target) problems().replaceChildren(sentence("p", "notice problem", "no_base"));
  else if (files.length) addFiles(files, target);
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  const files = [...transfer.files].filter((_, place) => !entries[place]?.isDirectory);
  await take(files);
  if (files.length < transfer.files.length) problems().append(sentence("p", "notice problem", "no_folders"));
}

export async function showDocuments() {
  limit = SHOWN_AT_ONCE;
  await learn(REASONS).catch(() => {}); // then they are said as the server says them
  load();
  takeUpJobs().catch(() => {});
}

export function forgetDocuments() {
  turn += 1;
  loaded = [];
  forgetUploads();
  for (const id of ["document-table", "documents-problem"]) byId(id).replaceChildren();
  silence(byId("documents-count"));
  byId("document-filter").value = "";
}

export function startDocuments() {
  startUploads();
  const area = byId("documents-view");
  const picker = byId("files");
  byId("choose-files").addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    take([...picker.files]);
    picker.value = "";
  });
  byId("document-state").replaceChildren(option("", "all_states"), ...STATES.map((state) => option(state, `state_${state}`)));
  for (const id of ["document-filter", "document-state", "document-base"]) byId(id).addEventListener("input", show);
  byId("more-documents").addEventListener("click", () => {
    limit += SHOWN_AT_ONCE;
    show();
  });
  const nameFilter = () => { byId("document-filter").placeholder = text("find_by_name"); };
  addEventListener("language-changed", () => {
    nameFilter();
    if (!area.hidden) show();
  });
  nameFilter();
  onUploaded(() => {
    load();
    loadBases().catch(() => {});
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
