// One page of a document over the whole window, to be leafed through and enlarged.
import { call } from "./api.js";
import { byId, element, sentence } from "./dom.js";
import { label, say } from "./texts.js";

const WIDTHS = [600, 800, 1000, 1300, 1600, 2000];
const USUAL = 1000;
let shown = null;

export function pictureAddress({ document_id: id, page, chunk_id: chunk, start, end }, width) {
  const asked = new URLSearchParams({ width: String(width) });
  if (chunk) {
    asked.set("highlight", chunk);
    if (Number.isInteger(start) && Number.isInteger(end)) {
      asked.set("start", String(start));
      asked.set("end", String(end));
    }
  }
  return `/v1/documents/${encodeURIComponent(id)}/pages/${page}.png?${asked}`;
}

// The width that fits the window first, then larger ones.
function widthsFor(room) {
  const fitting = Math.min(room, USUAL);
  return [...WIDTHS.filter((width) => width < fitting * 0.9), fitting, ...WIDTHS.filter((width) => width > fitting * 1.1)];
}

export function openPage(item, title) {
  shown = { item, page: item.page, pages: null };
  byId("page-view-title").textContent = title;
  byId("page-view").showModal();
  const body = getComputedStyle(byId("page-view-body"));
  const room = byId("page-view-body").clientWidth - parseFloat(body.paddingLeft) - parseFloat(body.paddingRight);
  shown.widths = widthsFor(room);
  shown.width = shown.widths.indexOf(Math.min(room, USUAL));
  draw();
  const mine = shown;
  call(`/v1/documents/${encodeURIComponent(item.document_id)}`).then((found) => {
    if (mine !== shown) return;
    shown.pages = found.pages;
    tell();
  }, () => {});
}

function tell() {
  say(byId("page-number"), "page_of", { page: shown.page, pages: shown.pages });
  byId("page-before").disabled = shown.page <= 1;
  byId("page-after").disabled = shown.pages !== null && shown.page >= shown.pages;
  byId("page-smaller").disabled = shown.width === 0;
  byId("page-larger").disabled = shown.width === shown.widths.length - 1;
}

function draw() {
  const { item, page } = shown;
  const width = shown.widths[shown.width];
  const image = element("img");
  // The passage is marked on its own page alone.
  const { chunk_id: chunk, start, end, ...other } = item;
  const asked = page === item.page ? item : other;
  label(image, "page", page);
  image.width = width;
  image.addEventListener("error", () => image.replaceWith(sentence("p", "muted", "no_picture")));
  image.src = pictureAddress({ ...asked, page }, Math.min(2000, Math.max(USUAL, Math.round(width))));
  byId("page-view-body").replaceChildren(image);
  tell();
}

function turnTo(page) {
  if (page < 1 || (shown.pages !== null && page > shown.pages)) return;
  shown.page = page;
  draw();
  byId("page-view-body").scrollTop = 0;
}

function enlarge(by) {
  const width = Math.max(0, Math.min(shown.widths.length - 1, shown.width + by));
  if (width === shown.width) return;
  shown.width = width;
  const image = byId("page-view-body").querySelector("img");
  if (image && shown.widths[width] <= USUAL) image.width = shown.widths[width];
  else draw();
  tell();
}

export function startPageView() {
  const view = byId("page-view");
  byId("page-before").addEventListener("click", () => turnTo(shown.page - 1));
  byId("page-after").addEventListener("click", () => turnTo(shown.page + 1));
  byId("page-smaller").addEventListener("click", () => enlarge(-1));
  byId("page-larger").addEventListener("click", () => enlarge(1));
  byId("page-close").addEventListener("click", () => view.close());
  view.addEventListener("close", () => {
    shown = null;
    byId("page-view-body").replaceChildren();
  });
  view.addEventListener("keydown", (event) => {
    const scrolls = byId("page-view-body").scrollWidth > byId("page-view-body").clientWidth;
    const act = {
      ArrowLeft: () => scrolls || turnTo(shown.page - 1),
      ArrowRight: () => scrolls || turnTo(shown.page + 1),
      "+": () => enlarge(1),
      "-": () => enlarge(-1),
    }[event.key];
    act?.();
  });
}
