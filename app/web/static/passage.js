// The passage beside the answer: the page as a picture where there is one, and always the text.
import { call, download } from "./api.js";
import { byId, element, iconButton, passageText, quoted, sentence } from "./dom.js";
import { day, percent } from "./formats.js";
import { openPage, pictureAddress } from "./page_view.js";
import { problemNotice } from "./problems.js";
import { label, say } from "./texts.js";

const WIDE = matchMedia("(min-width: 68.01rem)");
let opener = null;
let turn = 0;

export const titleOf = (item) => item.title || item.external_id || item.document_id;

// The path of headings without the title in front, which stands above it.
function headingOf(item) {
  const parts = (item.heading ?? "").split(" > ");
  if (parts[0] === titleOf(item)) parts.shift();
  return parts.join(" › ");
}

export function place(item, { base = false } = {}) {
  const line = element("p", "place");
  if (item.page) line.append(sentence("span", "nowrap", "page", item.page));
  if (typeof item.recognised === "number") line.append(sentence("span", "from-scan", "from_scan", percent(item.recognised)));
  const heading = headingOf(item);
  if (heading) line.append(quoted("span", "", heading));
  if (item.external_id && item.external_id !== titleOf(item)) line.append(element("span", "", item.external_id));
  if (base && item.knowledge_base) line.append(element("span", "", item.knowledge_base));
  return line;
}

export const pictureWidth = (shown) => Math.round(Math.min(2000, Math.max(400, shown * Math.min(2, devicePixelRatio || 1))));

export function passageButton(className, content, open) {
  const made = element("button", className, ...content);
  made.type = "button";
  made.setAttribute("aria-controls", "passage");
  made.setAttribute("aria-expanded", "false");
  made.addEventListener("click", (event) => {
    event.stopPropagation();
    open(made);
  });
  return made;
}

// The view comes when it is first opened.
export async function openReading(item, problems) {
  problems.replaceChildren();
  try {
    await (await import("./reading.js")).openReading(item);
  } catch {
    problems.replaceChildren(problemNotice({ status: 0 }));
  }
}

function picture(item) {
  const frame = iconButton("full", "open_page", () => openPage(item, titleOf(item)), { className: "picture loading" });
  frame.replaceChildren();
  const image = element("img");
  image.alt = "";
  image.addEventListener("load", () => frame.classList.remove("loading"));
  // Not a PDF, or a page that cannot be drawn: the text below says all of it.
  image.addEventListener("error", () => {
    byId("passage-body").querySelector(".open-full")?.remove();
    frame.remove();
  });
  frame.append(image);
  return { frame, image };
}

function actions(item, problems) {
  const line = element("div", "picture-actions");
  if (item.page) {
    const full = iconButton("full", "open_page", () => openPage(item, titleOf(item)), { words: true });
    full.classList.add("open-full");
    line.append(full);
  }
  line.append(iconButton("reading", "what_was_read", () => openReading(item, problems), { words: true }));
  const name = (item.external_id || titleOf(item)).split("/").at(-1);
  line.append(iconButton("download", "download", async (pressed) => {
    pressed.disabled = true;
    problems.replaceChildren();
    try {
      await download(`/v1/documents/${encodeURIComponent(item.document_id)}/file`, name);
    } catch (problem) {
      problems.replaceChildren(problemNotice(problem));
    } finally {
      pressed.disabled = false;
    }
  }, { words: true }));
  return line;
}

// Shows a passage; ``ranges`` are marked, and ``start`` and ``end`` of the item in the picture.
export function openPassage(item, ranges, from) {
  const panel = byId("passage");
  const mine = ++turn;
  opener?.setAttribute("aria-expanded", "false");
  opener = from;
  opener.setAttribute("aria-expanded", "true");
  byId("passage-title").textContent = titleOf(item);
  say(byId("passage-kind"), item.n ? "source_number" : "passage", item.n);
  const problems = element("div");
  problems.setAttribute("role", "alert");
  const words = quoted("div", "words", passageText(item.text, ranges));
  const shown = item.page ? picture(item) : null;
  const body = [element("div", "", place(item, { base: true }), actions(item, problems)), problems];
  if (shown) body.push(shown.frame);
  body.push(sentence("h3", "eyebrow", "passage_text"), words);
  byId("passage-body").replaceChildren(...body);
  if (!panel.open) {
    if (WIDE.matches) panel.show();
    else panel.showModal();
  }
  byId("ask-view").classList.add("open");
  document.body.classList.add("with-passage");
  if (shown) shown.image.src = pictureAddress(item, pictureWidth(shown.frame.clientWidth));
  panel.scrollTop = 0;
  byId("passage-title").focus({ preventScroll: true });
  noteReplaced(item, mine);
}

// Whether the passage still stands in the current version.
async function noteReplaced(item, mine) {
  const found = await call(`/v1/passages/${encodeURIComponent(item.chunk_id)}`).catch((problem) => problem);
  if (mine !== turn) return;
  const body = byId("passage-body");
  if (found.status === 404) body.prepend(sentence("p", "notice problem small", "passage_gone"));
  else if (found.superseded_at) body.prepend(sentence("p", "notice small", "replaced_on", day(found.superseded_at)));
}

export function closePassage() {
  byId("passage").close();
}

function closed() {
  turn += 1;
  byId("ask-view").classList.remove("open");
  document.body.classList.remove("with-passage");
  byId("passage-body").replaceChildren();
  opener?.setAttribute("aria-expanded", "false");
  if (opener?.isConnected && opener.offsetParent) opener.focus();
  opener = null;
}

export function startPassage() {
  const panel = byId("passage");
  panel.addEventListener("close", closed);
  byId("close-passage").addEventListener("click", closePassage);
  label(byId("close-passage"), "close_passage");
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !panel.open || document.querySelector("dialog:modal")) return;
    event.preventDefault();
    closePassage();
  });
  WIDE.addEventListener("change", () => {
    if (panel.open) closePassage(); // a sheet over the page and a column beside it are opened differently
  });
}
