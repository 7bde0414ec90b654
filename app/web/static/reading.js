// What was read of a document, beside the original: its page left, text and chunks right. Loaded when it is opened.
import { call } from "./api.js";
import { element, iconButton, sentence } from "./dom.js";
import { whole } from "./formats.js";
import { openPage, pictureAddress } from "./page_view.js";
import { pictureWidth, titleOf } from "./passage.js";
import { problemNotice } from "./problems.js";
import { notices, pieces } from "./reading_pieces.js";
import { label, learn, REASONS, say, silence } from "./texts.js";

const WORDS = { en: () => import("./words-reading-en.js"), zh: () => import("./words-reading-zh.js") };
const DRAWN = /^(?:application\/pdf$|image\/)/;
let parts = null;
let shown = null;

const path = (id, rest = "") => `/v1/documents/${encodeURIComponent(id)}${rest}`;

function styles() {
  const sheet = element("link");
  sheet.rel = "stylesheet";
  sheet.href = "/static/reading.css";
  return new Promise((resolve) => {
    sheet.addEventListener("load", resolve);
    sheet.addEventListener("error", resolve);
    document.head.append(sheet);
  });
}

// A named region that the keyboard can scroll.
function pane(className, key) {
  const made = label(element("div", className), key);
  made.tabIndex = 0;
  made.setAttribute("role", "region");
  return made;
}

function build() {
  const number = label(element("input", "page-input"), "page_number");
  number.inputMode = "numeric";
  const made = {
    number,
    title: element("h2"),
    before: iconButton("before", "step_before", () => step(-1)),
    after: iconButton("after", "step_after", () => step(1)),
    of: element("span", "small muted nowrap"),
    at: element("span", "small muted"),
    picture: pane("reading-picture", "original_page"),
    text: pane("reading-text", "what_was_read"),
  };
  made.title.id = "reading-title";
  made.title.tabIndex = -1;
  made.at.setAttribute("role", "status");
  number.addEventListener("change", () => {
    const page = Number(number.value.normalize("NFKC"));
    if (Number.isInteger(page) && page >= 1 && page <= shown.found.pages) go(page);
    else number.value = shown.read.page || "";
  });
  const box = element("dialog", "page-view reading",
    element("div", "page-view-bar", made.title, element("div", "row", made.at, made.before, number, made.of, made.after,
      iconButton("close", "close", () => box.close()))),
    element("div", "reading-body", made.picture, made.text));
  box.id = "reading";
  box.setAttribute("aria-labelledby", "reading-title");
  box.addEventListener("close", () => {
    shown = null; // nothing of what was read stays in the page
    for (const part of [made.title, made.picture, made.text]) part.replaceChildren();
  });
  box.addEventListener("keydown", (event) => {
    const scrolls = event.target.scrollWidth > event.target.clientWidth;
    if (event.target === number || scrolls || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  document.body.append(box);
  return { ...made, box };
}

// Opens a document, or the page of a passage with that passage marked.
export async function openReading(item) {
  await Promise.all([learn(WORDS), learn(REASONS), parts ?? styles()]);
  parts ??= build();
  if (parts.box.open) return;
  const mine = { item, found: {}, read: null, turn: 0 };
  shown = mine;
  parts.title.textContent = titleOf(item);
  parts.before.disabled = parts.after.disabled = parts.number.hidden = parts.picture.hidden = true;
  for (const part of [parts.of, parts.at]) silence(part);
  parts.text.replaceChildren(sentence("p", "muted", "reading_comes"));
  parts.box.showModal();
  parts.title.focus();
  try {
    mine.found = await call(path(item.document_id));
  } catch (problem) {
    if (mine === shown) parts.text.replaceChildren(problemNotice(problem));
    return;
  }
  const first = !item.chunk_id && mine.found.pages ? 1 : 0;
  if (mine === shown) await go(item.page ?? first, null);
}

// Shows a page, or of a long one the stretch that begins at ``start``; null: with the passage, else at the beginning.
async function go(page, start = 0) {
  const mine = shown;
  const turn = ++mine.turn;
  const { chunk_id: chunk } = mine.item;
  const asked = new URLSearchParams();
  if (chunk) asked.set("passage", chunk);
  if (start !== null) asked.set("start", start);
  parts.text.setAttribute("aria-busy", "true");
  draw(page, page === mine.item.page ? mine.item : {});
  let problem = null;
  const read = await call(path(mine.item.document_id, `/pages/${page}?${asked}`)).catch((caught) => {
    problem = caught;
    return { page, pages: mine.found.pages ?? 0 };
  });
  if (mine !== shown || turn !== mine.turn) return;
  if (problem?.status === 404 && chunk) { // its version is gone: the current one is still there to be seen
    mine.item = { ...mine.item, chunk_id: undefined };
    mine.gone = true;
    await go(page, start);
    return;
  }
  mine.read = read;
  tell();
  const drawn = parts.picture.hidden ? null : markOnPage;
  parts.text.replaceChildren(
    ...(mine.gone ? [sentence("p", "notice problem small", "passage_gone")] : []),
    ...notices(mine.found, read),
    ...(problem ? [problemNotice(problem)] : pieces(read, mine.item, drawn)),
  );
  parts.text.removeAttribute("aria-busy");
  parts.text.scrollTop = parts.text.parentElement.scrollTop = 0; // one or the other scrolls, as the window is wide
  if (start === null) parts.text.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

// Where a step leads: to the next stretch of a long page, else to the next page; null at the end.
function target(by) {
  const { page, pages, previous_start: back, next_start: on, beside_pages: beside } = shown.read;
  const start = by < 0 ? back : on;
  if (Number.isInteger(start)) return [page, start];
  if (by < 0 && page === 0) return pages ? [pages] : null;
  if (by < 0) return page > 1 ? [page - 1] : null;
  if (page === 0) return null;
  if (page < pages) return [page + 1];
  return beside ? [0] : null;
}

function step(by) {
  const to = shown?.read && target(by);
  if (to) go(...to);
}

function tell() {
  const { page, pages, length, start, text: words = "", next_start: on } = shown.read;
  parts.before.disabled = !target(-1);
  parts.after.disabled = !target(1);
  parts.number.hidden = !pages;
  parts.number.value = page || "";
  silence(parts.of);
  if (pages) say(parts.of, page ? "of_pages" : "attached_of", whole(pages));
  silence(parts.at);
  parts.at.className = "small muted";
  if (start > 0 || Number.isInteger(on)) {
    const last = start + Array.from(words).length;
    say(parts.at, "characters_of", { first: whole(start + 1), last: whole(last), all: whole(length) });
  } else if (page) {
    say(parts.at, "page", page).classList.add("unseen"); // the field beside it shows the number
  }
}

// The picture of a page, where there is one; the passage is marked on its own page.
function draw(page, passage) {
  const { document_id: id, chunk_id: chunk } = shown.item;
  const drawn = page > 0 && DRAWN.test(shown.found.media_type ?? "");
  parts.picture.hidden = !drawn;
  parts.box.classList.toggle("alone", !drawn);
  const before = parts.picture.querySelector("img")?.dataset.page;
  parts.picture.replaceChildren();
  if (!drawn) return;
  // The passage is named on every page, so that all are of its version.
  const item = { chunk_id: chunk, ...passage, document_id: id, page };
  const image = label(element("img"), "page", page);
  image.dataset.page = page;
  const frame = iconButton("full", "open_page", () => openPage(item, titleOf(shown.item)), { className: "picture" });
  frame.replaceChildren(image);
  frame.classList.toggle("loading", before !== String(page));
  image.addEventListener("load", () => frame.classList.remove("loading"));
  image.addEventListener("error", () => frame.replaceWith(sentence("p", "muted", "no_picture")));
  parts.picture.append(frame);
  image.src = pictureAddress(item, pictureWidth(frame.clientWidth));
  if (before !== String(page)) parts.picture.scrollTop = 0;
}

// Marks a chunk in the picture; pressed again, it is as before.
function markOnPage(chunk, pressed) {
  const again = pressed.getAttribute("aria-pressed") === "true";
  for (const one of parts.text.querySelectorAll("[aria-pressed]")) one.setAttribute("aria-pressed", "false");
  pressed.setAttribute("aria-pressed", String(!again));
  draw(shown.read.page, again ? {} : { chunk_id: chunk.chunk_id });
}
