// One question with its answer, as it arrives: sentences with citation marks, then where they come from.
import { element, iconButton, passageText, quoted, quoteRange, sentence } from "./dom.js";
import { findings } from "./findings.js";
import { took } from "./formats.js";
import { hitList } from "./hits.js";
import { openPassage, passageButton, place, titleOf } from "./passage.js";
import { problemNotice } from "./problems.js";
import { label } from "./texts.js";

const STARTS_LINE = /^\s*(?:[-*•·]\s|\d{1,2}[.)、]|[（(]\d{1,2}[)）]|#{1,4}\s|\|)/;
const NEAREST = 5;
const BOLD = /\*\*(.+?)\*\*/g;

// What models write as **bold** and # heading; everything else stays as it is.
function modelText(words) {
  const fragment = document.createDocumentFragment();
  const bare = words.replace(/^#{1,4}\s+/, "");
  let at = 0;
  for (const found of bare.matchAll(BOLD)) {
    fragment.append(bare.slice(at, found.index), element("strong", "", found[1]));
    at = found.index + found[0].length;
  }
  fragment.append(bare.slice(at));
  return fragment;
}

export class Answer {
  constructor(asked) {
    this.asked = asked;
    this.passages = new Map();
    this.said = [];
    this.finished = false;
    this.answered = "";
    this.live = element("div", "sentences");
    this.live.setAttribute("aria-live", "polite");
    this.reasoningText = element("div", "words");
    this.reasoning = element("details", "fold reasoning", sentence("summary", "", "reasoning"), this.reasoningText);
    this.reasoning.hidden = true;
    this.doubt = sentence("p", "small doubt", "unsupported_why");
    this.doubt.hidden = true;
    this.card = element("div", "card", this.reasoning, this.live, this.doubt);
    this.card.hidden = true;
    this.problems = element("div");
    this.problems.setAttribute("role", "alert");
    this.foot = element("div", "entry-foot row small muted");
    this.below = element("div");
    this.question = quoted("h2", "entry-question", asked);
    this.node = element("article", "entry", this.question, this.card, this.below, this.problems, this.foot);
  }

  retrieval({ passages = [] }) {
    for (const passage of passages) this.passages.set(passage.chunk_id, passage);
  }

  thought({ text: words }) {
    this.card.hidden = false;
    this.reasoning.hidden = false;
    this.reasoningText.append(words);
  }

  sentence({ text: words, citations = [], supported, also_in: alsoIn = false, differs = false }) {
    this.card.hidden = false;
    const before = this.said.at(-1);
    const record = { text: words.trim(), numbers: citations, alsoIn, differs, cited: new Map(), chips: new Map() };
    const shown = element("span", "said", passageLike(record.text) ? passageText(record.text) : modelText(record.text));
    record.node = quoted("span", "sentence", shown);
    for (const n of citations) {
      const chip = this.chip(record, n);
      record.chips.set(n, chip);
      record.node.append("\u2060", chip); // a mark stays on the line of its sentence
    }
    if (supported === false) {
      record.node.classList.add("unsupported");
      record.node.append(sentence("span", "flag", "unsupported"));
      this.doubt.hidden = false;
    }
    if (differs) record.node.append(sentence("span", "flag", "differs"));
    record.gap = document.createTextNode(before ? gapBetween(before.text, record.text) : "");
    this.live.append(record.gap, record.node);
    this.said.push(record);
  }

  chip(record, n) {
    const chip = passageButton("chip", [String(n)], (from) => this.open(record.cited.get(n), from));
    chip.disabled = true;
    return label(chip, "source_number", n);
  }

  // A citation follows the sentence that cites it; the same passage may be cited for other words elsewhere.
  citation(citation) {
    const record = this.said.findLast(({ numbers }) => numbers.includes(citation.n));
    if (!record || record.cited.has(citation.n)) return;
    record.cited.set(citation.n, citation);
    this.nameChip(record.chips.get(citation.n), citation);
  }

  nameChip(chip, citation) {
    chip.disabled = false;
    label(chip, "source", { n: citation.n, title: titleOf(citation), page: citation.page });
  }

  open(citation, from) {
    if (!citation) return;
    const passage = this.passages.get(citation.chunk_id);
    const item = { ...passage, ...citation, heading: passage?.heading, text: passage?.text ?? citation.quote };
    openPassage(item, quoteRange(item.text, citation), from);
  }

  // A mark that opens the same place as the one in the text.
  chipFor(citation) {
    const chip = passageButton("chip", [String(citation.n)], (from) => this.open(citation, from));
    this.nameChip(chip, citation);
    return chip;
  }

  done({ answer = "", answerable, model, note, timings_ms: timings }, pending) {
    this.finished = true;
    this.card.hidden = false;
    this.answered = answerable ? answer : "";
    this.restoreGaps(answer);
    for (const { chips, cited } of this.said) {
      for (const [n, chip] of chips) if (!cited.has(n)) chip.disabled = true;
    }
    if (answerable === false) this.absent(pending, note);
    else if (model) this.written(model, note);
    else this.card.replaceChildren(this.reasoning, findings(this, note));
    if (timings) this.foot.append(element("span", "", took(timings)));
    if (answerable) this.foot.prepend(iconButton("copy", "copy_answer", (pressed) => this.copy(pressed), { words: true, className: "quiet small" }));
  }

  // The stream gives sentences without the space between them; the whole answer has it.
  restoreGaps(answer) {
    let at = 0;
    for (const { text: words, gap } of this.said) {
      const found = answer.indexOf(words, at);
      if (found < 0) return;
      const lines = answer.slice(at, found).match(/\n/g)?.length ?? 0;
      if (at && lines) gap.data = lines > 1 ? "\n\n" : "\n";
      at = found + words.length;
    }
  }

  written(model, note) {
    this.card.prepend(sentence("p", "eyebrow by", "answered_by", model));
    if (note) this.card.append(quoted("p", "small muted note", note));
    const seen = new Map();
    for (const { cited } of this.said) for (const [n, citation] of cited) if (!seen.has(n)) seen.set(n, citation);
    if (seen.size) {
      const lines = [...seen.values()].sort((one, other) => one.n - other.n).map((citation) => {
        const item = { ...this.passages.get(citation.chunk_id), ...citation };
        const opened = passageButton("link", [titleOf(item)], (from) => this.open(citation, from));
        return element("li", "", this.chipFor(citation), element("div", "", opened, place(item)));
      });
      this.card.append(element("section", "sources", sentence("h3", "", "sources"), element("ol", "", ...lines)));
    }
    this.listConsidered(seen);
  }

  listConsidered(cited) {
    const chunks = new Set([...cited.values()].map(({ chunk_id: id }) => id));
    const others = [...this.passages.values()].filter(({ chunk_id: id }) => !chunks.has(id));
    if (!others.length) return;
    this.card.append(element("details", "fold", sentence("summary", "", "considered", others.length), hitList(others)));
  }

  absent(pending, near) {
    this.card.classList.add("absent");
    this.card.prepend(sentence("h3", "", pending ? "absent_so_far" : near ? "absent_near" : "absent"));
    this.live.classList.add(pending ? "muted" : "unseen"); // it says what the heading says
    this.card.append(sentence("p", "small muted", near ? "absent_near_hint" : "absent_hint"));
    if (!this.passages.size) return;
    this.below.append(element("section", "near", sentence("h3", "", "nearest"), sentence("p", "small muted", "nearest_why"),
      hitList([...this.passages.values()].slice(0, NEAREST))));
  }

  async copy(pressed) {
    const lines = [...new Map(this.said.flatMap(({ cited }) => [...cited])).values()]
      .map(({ n, page, ...citation }) => `[${n}] ${titleOf(citation)}${page ? ` p. ${page}` : ""}`);
    try {
      await navigator.clipboard.writeText([this.asked, "", this.answered, "", ...lines].join("\n"));
      pressed.replaceWith(sentence("span", "", "copied"));
    } catch { // no clipboard without TLS
      getSelection().selectAllChildren(this.card);
    }
  }

  failed(problem) {
    this.problems.append(problemNotice(problem));
  }

  stopped() {
    if (!this.finished) this.foot.prepend(sentence("span", "", "stopped"));
  }
}

const passageLike = (words) => /^\s*\|.*\|\s*$/m.test(words);

function gapBetween(before, after) {
  if (STARTS_LINE.test(after)) return "\n";
  return /[\u2e80-\uffef]$/.test(before) ? "" : " ";
}
