// What was read of a page, piece by piece: its chunks and what is in none, with what must be known before it is believed.
import { element, iconButton, passageText, quoted, sentence } from "./dom.js";
import { day, percent, whole } from "./formats.js";
import { reasonLine, refusal } from "./problems.js";
import { text } from "./texts.js";

const KINDS = ["text", "table", "list"];
const RECOGNISED = /^read from a picture, \d+ ?% sure$/; // said above by itself
const PAGE_NOTE = /^pages? (\d+)(?:-(\d+))?: (.*)$/s;

export function notices(found, read) {
  const made = [];
  if (read.superseded_at) made.push(sentence("p", "notice small", "replaced_on", day(read.superseded_at)));
  if (found.refused) {
    made.push(element("div", "notice problem small", sentence("p", "strong", "newer_refused_why"), refusal("p", found.refused)));
  }
  if (read.recognised) made.push(sentence("p", "notice small", "recognised", percent(read.recognised.confidence)));
  const [here, others] = notesOf(found.notes ?? [], read.page);
  if (here.length) made.push(element("ul", "notice small warned", ...here.map((note) => reasonLine("li", note))));
  if (others.length) {
    const lines = others.map(([pages, note]) => reasonLine("li", note, pages && text("pages_note", pages)));
    made.push(element("details", "fold small", sentence("summary", "", "other_notes", others.length), element("ul", "", ...lines)));
  }
  return made;
}

// The notes of this page, and all others with their pages; of a format without pages all are of the one page.
function notesOf(notes, page) {
  const here = [];
  const others = [];
  for (const note of notes) {
    const [, first, last = first, words = note] = note.match(PAGE_NOTE) ?? [];
    if (first && RECOGNISED.test(words)) continue;
    if (first ? Number(first) <= page && page <= Number(last) : page === 0) here.push(words);
    else others.push([first === last ? first ?? "" : `${first}–${last}`, words]);
  }
  return [here, others];
}

// ``mark`` is called with a chunk and the button that was pressed; null where there is no picture.
export function pieces(read, item, mark) {
  if (!read.text.trim()) return [sentence("p", "muted", "nothing_read")];
  const characters = Array.from(read.text);
  const covered = new Uint8Array(characters.length);
  const made = [];
  let repeats = false;
  for (const chunk of read.chunks) {
    const [words, again] = wordsOf(chunk, characters, covered);
    repeats ||= again.length > 0;
    made.push([chunk.spans.at(-1)[1], chunkPiece(chunk, words, again, item, mark)]);
  }
  const plain = (key) => ([start, end]) => {
    covered.fill(1, start, end);
    made.push([end, element("div", "piece", sentence("p", "eyebrow", key),
      quoted("div", "words", passageText(characters.slice(start, end).join(""))))]);
  };
  read.margins.forEach(plain("in_no_chunk"));
  uncovered(characters, covered).forEach(plain("goes_on"));
  made.sort(([one], [other]) => one - other);
  const tokens = read.chunks.reduce((sum, chunk) => sum + chunk.tokens, 0);
  const head = element("div", "reading-head", sentence("h3", "", "what_was_read"),
    sentence("p", "small muted", "chunks_tokens", { chunks: read.chunks.length, tokens: whole(tokens) }));
  if (repeats) head.append(sentence("p", "small muted", "repeated_why"));
  return [head, ...made.map(([, piece]) => piece)];
}

// The text of a chunk, and which parts of it stood in a chunk before it.
function wordsOf(chunk, characters, covered) {
  const words = [];
  const again = [];
  for (const [first, end] of chunk.spans) {
    if (words.length) words.push("\n");
    let start = first;
    while (chunk.cut && !words.length && !characters[start].trim() && start + 1 < end) start += 1;
    for (let at = start; at < end; at += 1) {
      if (covered[at]) again.push([words.length, words.length + 1]);
      covered[at] = 1;
      words.push(characters[at]);
    }
  }
  return [words.join(""), joined(again)];
}

function joined(ranges) {
  const found = [];
  for (const [start, end] of ranges) {
    if (found.at(-1)?.[1] === start) found.at(-1)[1] = end;
    else found.push([start, end]);
  }
  return found;
}

// What belongs to a chunk that ends in a later stretch.
function uncovered(characters, covered) {
  const single = characters.map((_, at) => [at, at + 1]);
  return joined(single.filter(([at]) => !covered[at])).filter(([start, end]) => characters.slice(start, end).join("").trim());
}

function chunkPiece(chunk, words, again, item, mark) {
  const cited = Boolean(item.chunk_id) && chunk.chunk_id === item.chunk_id;
  const number = whole(chunk.ordinal + 1);
  const name = mark
    ? iconButton("full", "chunk_mark", (pressed) => mark(chunk, pressed), { value: number, className: "link" })
    : element("span");
  name.replaceChildren(sentence("span", "strong", "chunk", number));
  if (mark) name.setAttribute("aria-pressed", String(cited));
  const kind = KINDS.includes(chunk.kind) ? sentence("span", "", `chunk_${chunk.kind}`) : element("span", "", chunk.kind);
  const head = element("p", "chunk-head", name, kind, sentence("span", "", "tokens", whole(chunk.tokens)));
  if (cited) head.append(sentence("span", "", "cited_here"));
  const quote = cited && !chunk.cut && Number.isInteger(item.start) ? [[item.start, item.end]] : null;
  const repeated = { markWith: (piece) => element("span", "repeated", piece) };
  const body = quoted("div", "words", quote ? passageText(words, quote) : passageText(words, again, repeated));
  if (chunk.cut) body.prepend("… ");
  const made = element("div", "piece chunk", head, body);
  if (chunk.heading) head.after(quoted("p", "chunk-path small", chunk.heading.split(" > ").join(" › ")));
  if (cited) made.setAttribute("aria-current", "true");
  return made;
}
