// Small makers of elements, and text with marks. Offsets count code points, as the server does.
import { label, say } from "./texts.js";

export const byId = (id) => document.getElementById(id);

export function element(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

export const sentence = (tag, className, key, value) => say(element(tag, className), key, value);

export function icon(name) {
  const drawn = byId("icons").content.querySelector(`[data-name="${name}"]`).cloneNode(true);
  drawn.setAttribute("aria-hidden", "true");
  return drawn;
}

export function button(className, key, whenPressed, value) {
  const made = sentence("button", className, key, value);
  made.type = "button";
  made.addEventListener("click", () => whenPressed(made));
  return made;
}

// A button that shows an icon, with words beside it or, if it is alone, as its name.
export function iconButton(name, key, whenPressed, { value, words = false, className } = {}) {
  const made = element("button", className ?? (words ? "quiet" : "icon-button"), icon(name));
  made.type = "button";
  if (words) made.append(sentence("span", "", key, value));
  else label(made, key, value);
  made.addEventListener("click", () => whenPressed(made));
  return made;
}

export function field(id, key, input) {
  input.id = id;
  const named = sentence("label", "", key);
  named.htmlFor = id;
  return [named, input];
}

export function option(value, key, shown) {
  const made = element("option");
  made.value = value;
  if (key) say(made, key, shown);
  else made.textContent = shown;
  return made;
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const HAN = /\p{Script=Han}/u;
export const languageOf = (words) => (HAN.test(words) ? "zh" : "en");

// Text as it stands in a document: its own language, so that fonts and line breaks fit it.
export function quoted(tag, className, ...children) {
  const node = element(tag, className, ...children);
  node.lang = languageOf(node.textContent);
  return node;
}

function marked(characters, ranges, from, to, markWith) {
  const fragment = document.createDocumentFragment();
  const piece = (start, end) => characters.slice(start, end).join("");
  let at = from;
  for (const [start, end] of ranges) {
    const first = Math.max(start, at);
    const last = Math.min(end, to);
    if (first >= last) continue;
    fragment.append(piece(at, first), markWith(piece(first, last)));
    at = last;
  }
  fragment.append(piece(at, to));
  return fragment;
}

// A line that would begin with a closing mark is the end of the line before it, as its printer broke it.
const BROKEN = /\n(?=[^\S\n]*[，。；、：！？）》」』”])/g;
const ROW = /^[^\S\n]*\|.*\|[^\S\n]*$/;
const RULE = /^[\s|:+=-]+$/;

// Lines of the text as [start, end) code points.
function linesOf(characters, from, to) {
  const lines = [];
  let start = from;
  for (let at = from; at <= to; at += 1) {
    if (at === to || characters[at] === "\n") {
      lines.push([start, at]);
      start = at + 1;
    }
  }
  return lines;
}

function cellsOf(characters, [start, end]) {
  const bars = [];
  for (let at = start; at < end; at += 1) if (characters[at] === "|" && characters[at - 1] !== "\\") bars.push(at);
  return bars.slice(0, -1).map((bar, place) => {
    let [first, last] = [bar + 1, bars[place + 1]];
    while (first < last && /\s/.test(characters[first])) first += 1;
    while (last > first && /\s/.test(characters[last - 1])) last -= 1;
    return [first, last];
  });
}

// The text between two offsets with marks; rows between bars become a table.
export function passageText(words, ranges = [], { from = 0, to, markWith = (piece) => element("mark", "", piece) } = {}) {
  const breaks = new Set([...words.matchAll(BROKEN)].map(({ index }) => Array.from(words.slice(0, index)).length));
  const characters = Array.from(words, (one, place) => (breaks.has(place) ? "" : one));
  const end = to ?? characters.length;
  const sorted = [...ranges].sort((one, other) => one[0] - other[0]);
  const show = (start, last) => marked(characters, sorted, start, last, markWith);
  const fragment = document.createDocumentFragment();
  const lines = linesOf(characters, from, end);
  const isRow = ([start, last]) => ROW.test(characters.slice(start, last).join(""));
  for (let at = 0; at < lines.length;) {
    let next = at;
    while (next < lines.length && isRow(lines[next])) next += 1;
    if (next - at >= 2) {
      const rows = lines.slice(at, next).filter(([start, last]) => !RULE.test(characters.slice(start, last).join("")));
      fragment.append(tableOf(rows.map((line) => cellsOf(characters, line)), show));
      at = next;
      continue;
    }
    next = Math.max(next, at + 1);
    while (next < lines.length && !(isRow(lines[next]) && next + 1 < lines.length && isRow(lines[next + 1]))) next += 1;
    fragment.append(show(lines[at][0], lines[next - 1][1]));
    if (next < lines.length && !fragment.lastChild?.matches?.("table")) fragment.append("\n");
    at = next;
  }
  return fragment;
}

function tableOf([head, ...body], show) {
  const row = (tag, cells) => element("tr", "", ...cells.map((cell) => element(tag, "", show(...cell))));
  const table = element("table", "rows", element("tbody", "", row("th", head), ...body.map((cells) => row("td", cells))));
  for (const cell of table.querySelectorAll("th")) cell.scope = "col";
  return table;
}

// Where the quote stands in the passage: at its offsets if they agree, else where it is found.
export function quoteRange(passage, { quote, start, end }) {
  if (Array.from(passage).slice(start, end).join("") === quote) return [[start, end]];
  const at = quote ? passage.indexOf(quote) : -1;
  if (at < 0) return [];
  const first = Array.from(passage.slice(0, at)).length;
  return [[first, first + Array.from(quote).length]];
}

const SNIPPET_BEFORE = 60;
const SNIPPET_LENGTH = 240;

// A short stretch of a passage around its first mark, on one line.
export function snippet(words, ranges) {
  const plain = words.replace(/^[\s|:+=-]+$/gm, (rule) => " ".repeat(rule.length)); // of a table: its ruled line
  const characters = Array.from(plain).map((one) => (/\s/.test(one) ? " " : one));
  const first = Math.min(...ranges.map(([start]) => start), characters.length);
  const latest = Math.max(0, characters.length - SNIPPET_LENGTH);
  const from = ranges.length ? Math.min(Math.max(0, first - SNIPPET_BEFORE), latest) : 0;
  const to = Math.min(characters.length, from + SNIPPET_LENGTH);
  const sorted = [...ranges].sort((one, other) => one[0] - other[0]);
  const shown = quoted("p", "snippet", marked(characters, sorted, from, to, (piece) => element("mark", "", piece)));
  if (from > 0) shown.prepend("… ");
  if (to < characters.length) shown.append(" …");
  return shown;
}
