// The page: signing in, the three views, asking, searching and the passage beside them.
import { Problem, call, events, onRefused, signIn, signOut, signedIn } from "./api.js";
import { clearDocuments, listDocuments, offerBases, onChanged, startDocuments } from "./documents.js";
import { element, label, problemNotice, say, sentence, silence, switchLanguage, translate } from "./texts.js";

const SEARCH_LIMIT = 10;
const SNIPPET_BEFORE = 60;
const SNIPPET_LENGTH = 280;

const byId = (id) => document.getElementById(id);
const question = byId("question");
const bases = byId("knowledge-base");
const panel = byId("passage");

let view = "ask";
let running = null;
let opener = null;

// ---- text with marks; offsets count code points

function marked(characters, ranges, from = 0, to = characters.length) {
  const fragment = document.createDocumentFragment();
  const piece = (start, end) => characters.slice(start, end).join("");
  let at = from;
  for (const [start, end] of [...ranges].sort((one, other) => one[0] - other[0])) {
    const first = Math.max(start, at);
    const last = Math.min(end, to);
    if (first >= last) continue;
    fragment.append(piece(at, first), element("mark", "", piece(first, last)));
    at = last;
  }
  fragment.append(piece(at, to));
  return fragment;
}

function snippet(hit) {
  const characters = Array.from(hit.text);
  const first = Math.min(...hit.highlights.map(([start]) => start), characters.length);
  const latest = Math.max(0, characters.length - SNIPPET_LENGTH);
  const from = hit.highlights.length ? Math.min(Math.max(0, first - SNIPPET_BEFORE), latest) : 0;
  const to = Math.min(characters.length, from + SNIPPET_LENGTH);
  const shown = element("p", "snippet", marked(characters, hit.highlights, from, to));
  if (from > 0) shown.prepend("… ");
  if (to < characters.length) shown.append(" …");
  return shown;
}

// Where the quote stands in the passage: at its offsets if they agree, else where it is found.
function quoteRange(passageText, { quote, start, end }) {
  if (Array.from(passageText).slice(start, end).join("") === quote) return [[start, end]];
  const at = quote ? passageText.indexOf(quote) : -1;
  if (at < 0) return [];
  const first = Array.from(passageText.slice(0, at)).length;
  return [[first, first + Array.from(quote).length]];
}

// ---- the passage panel

const titleOf = (item) => item.title || item.external_id || item.document_id;
const headingOf = ({ heading }) => (Array.isArray(heading) ? heading.join(" > ") : heading ?? "");

function place(item) {
  const line = element("p", "muted small place");
  if (item.page) line.append(sentence("span", "", "page", item.page));
  if (headingOf(item)) line.append(element("span", "", headingOf(item)));
  if (item.external_id && item.external_id !== titleOf(item)) line.append(element("span", "", item.external_id));
  return line;
}

function openPassage(item, ranges, from) {
  const words = element("div", "words", marked(Array.from(item.text), ranges));
  const body = [place(item), words];
  if (item.superseded_at) body.splice(1, 0, sentence("p", "notice", "replaced_on", item.superseded_at));
  byId("passage-title").textContent = titleOf(item);
  byId("passage-body").replaceChildren(...body);
  opener?.removeAttribute("aria-expanded");
  opener = from;
  opener.setAttribute("aria-expanded", "true");
  panel.hidden = false;
  byId("asking").classList.add("open");
  panel.focus({ preventScroll: true });
  panel.scrollIntoView({ block: "nearest" });
  words.querySelector("mark")?.scrollIntoView({ block: "nearest" });
}

function closePassage() {
  panel.hidden = true;
  byId("asking").classList.remove("open");
  byId("passage-body").replaceChildren();
  opener?.removeAttribute("aria-expanded");
  if (opener?.isConnected) opener.focus();
  opener = null;
}

function passageButton(className, content, open) {
  const button = element("button", className, ...content);
  button.type = "button";
  button.setAttribute("aria-controls", "passage");
  button.addEventListener("click", () => open(button));
  return button;
}

// ---- asking

class Answer {
  constructor(asked) {
    this.passages = new Map();
    this.citations = new Map();
    this.chips = [];
    this.finished = false;
    this.notices = element("div");
    this.words = element("div", "sentences");
    this.words.setAttribute("aria-live", "polite");
    this.reasoningText = element("div", "words");
    this.reasoning = element("details", "reasoning", sentence("summary", "", "reasoning"), this.reasoningText);
    this.reasoning.hidden = true;
    this.doubt = sentence("p", "small doubt", "unsupported_why");
    this.doubt.hidden = true;
    this.after = element("div");
    this.card = element("article", "card answer",
      sentence("h2", "asked", "answer_to", asked), this.notices, this.reasoning, this.words, this.doubt, this.after);
    byId("answer").replaceChildren(this.card);
  }

  retrieval({ passages = [], index }) {
    for (const passage of passages) this.passages.set(passage.chunk_id, passage);
    this.noteIndex(index);
    say(byId("progress"), "writing");
  }

  noteIndex(index) {
    this.pending = index?.pending ?? this.pending ?? 0;
    this.notices.replaceChildren(...(this.pending ? [sentence("p", "notice", "pending", this.pending)] : []));
  }

  thought({ text: words }) {
    this.reasoning.hidden = false;
    this.reasoningText.append(words);
  }

  sentence({ text: words, citations = [], supported }) {
    const line = element("span", "sentence", element("span", "said", words.trim()));
    for (const n of citations) line.append(this.chip(n));
    if (supported === false) {
      line.classList.add("unsupported");
      line.append(sentence("span", "flag", "unsupported"));
      this.doubt.hidden = false;
    }
    this.words.append(line, /\n\s*$/.test(words) ? "\n" : " ");
  }

  chip(n) {
    const chip = label(passageButton("chip", [`[${n}]`], (from) => this.open(n, from)), "source_soon", n);
    this.chips.push([n, chip]);
    this.nameChips();
    return chip;
  }

  citation(citation) {
    this.citations.set(citation.n, citation);
    this.nameChips();
  }

  nameChips() {
    for (const [n, chip] of this.chips) {
      const citation = this.citations.get(n);
      chip.disabled = !citation;
      if (citation) label(chip, "source", { n, title: titleOf(citation), page: citation.page });
    }
  }

  open(n, from) {
    const citation = this.citations.get(n);
    if (!citation) return;
    const passage = this.passages.get(citation.chunk_id);
    const item = { ...citation, ...passage, text: passage?.text ?? citation.quote };
    openPassage(item, quoteRange(item.text, citation), from);
  }

  done({ answer, answerable, model, note, index, timings_ms: timings, request_id: requestId }) {
    this.finished = true;
    this.noteIndex(index);
    if (!this.words.children.length && answer) this.words.append(element("span", "sentence", answer));
    const byModel = model && model !== "extracts";
    if (answerable === false) this.notFound();
    else {
      const by = byModel ? sentence("p", "by", "answered_by", model) : sentence("p", "by", "extracts");
      this.card.classList.toggle("extracts", !byModel);
      this.words.before(by);
    }
    if (note) this.after.append(element("p", "muted", note));
    this.listSources();
    this.listPassages();
    const meta = element("p", "muted small place");
    if (timings) meta.append(sentence("span", "", "took", timings));
    if (requestId) meta.append(sentence("span", "", "request", requestId));
    this.after.append(meta);
    say(byId("progress"), "answer_complete").classList.add("unseen");
  }

  notFound() {
    this.card.classList.add("not-found");
    this.words.before(sentence("h3", "", this.pending ? "not_found_yet" : "not_found"));
    this.words.after(sentence("p", "muted", "not_found_hint"));
  }

  listSources() {
    const cited = [...this.citations.values()].sort((one, other) => one.n - other.n);
    if (!cited.length) return;
    const lines = cited.map((citation) => {
      const button = passageButton("link", [`[${citation.n}] ${titleOf(citation)}`], (from) => this.open(citation.n, from));
      return element("li", "", button, place({ ...this.passages.get(citation.chunk_id), ...citation }));
    });
    this.after.append(sentence("h3", "", "sources"), element("ol", "sources", ...lines));
  }

  listPassages() {
    if (!this.passages.size) return;
    const lines = [...this.passages.values()].map((passage) => {
      const button = passageButton("link", [titleOf(passage)], (from) => openPassage(passage, [], from));
      return element("li", "", button, place(passage));
    });
    const list = element("ol", "sources", ...lines);
    this.after.append(element("details", "considered", sentence("summary", "", "considered", lines.length), list));
  }

  failed(problem) {
    silence(byId("progress"));
    this.card.append(problemNotice(problem));
  }
}

async function ask(words, signal) {
  const answer = new Answer(words);
  const json = { question: words, stream: true };
  if (bases.value) json.knowledge_base = bases.value;
  const take = {
    retrieval: (data) => answer.retrieval(data),
    reasoning: (data) => answer.thought(data),
    sentence: (data) => answer.sentence(data),
    citation: (data) => answer.citation(data),
    done: (data) => answer.done(data),
    error: (data) => { throw new Problem(data.status, data); },
  };
  try {
    for await (const { event, data } of events("/v1/ask", { method: "POST", json, signal })) {
      if (signal.aborted) break;
      take[event]?.(data);
    }
    if (!answer.finished && !signal.aborted) throw new Problem(0, { code: "cut_off" });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    answer.failed(problem);
  }
}

// ---- searching

async function search(words, signal) {
  const json = { query: words, limit: SEARCH_LIMIT };
  if (bases.value) json.knowledge_base = bases.value;
  const place = byId("hits");
  try {
    const { hits, index, timings_ms: timings } = await call("/v1/search", { method: "POST", json, signal });
    const found = [];
    if (index?.pending) found.push(sentence("p", "notice", "pending", index.pending));
    if (hits.length) found.push(element("ol", "hits", ...hits.map(hitLine)));
    if (timings) found.push(sentence("p", "muted small", "took", timings));
    place.replaceChildren(...found);
    say(byId("progress"), "hits", hits.length);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    silence(byId("progress"));
    place.replaceChildren(problemNotice(problem));
  }
}

function hitLine(hit) {
  const ranges = hit.highlights ?? [];
  const button = passageButton("link", [titleOf(hit)], (from) => openPassage(hit, ranges, from));
  const line = element("li", "card hit", element("h2", "", button), place(hit), snippet({ ...hit, highlights: ranges }));
  if (hit.superseded_at) line.append(sentence("p", "muted small", "replaced_on", hit.superseded_at));
  line.addEventListener("click", (event) => {
    if (!button.contains(event.target) && getSelection().isCollapsed) openPassage(hit, ranges, button);
  });
  return line;
}

// ---- the question form

async function submit(event) {
  event.preventDefault();
  const words = question.value.trim();
  if (!words) return;
  running?.abort();
  const mine = new AbortController();
  running = mine;
  closePassage();
  const progress = byId("progress");
  progress.classList.remove("unseen");
  say(progress, "looking");
  byId("stop").hidden = view !== "ask";
  byId("send").hidden = view === "ask";
  try {
    await (view === "ask" ? ask : search)(words, mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    if (running === mine) finish();
  }
}

function finish() {
  const hadFocus = document.activeElement === byId("stop");
  running = null;
  byId("stop").hidden = true;
  byId("send").hidden = false;
  if (hadFocus) question.focus();
}

function stop() {
  running?.abort();
  finish();
  say(byId("progress"), "stopped");
}

function keyPressed(event) {
  const composing = event.isComposing || event.keyCode === 229;
  if (event.key !== "Enter" || event.shiftKey || composing) return;
  event.preventDefault();
  byId("question-form").requestSubmit();
}

// ---- views

function show(name) {
  if (running) stop();
  silence(byId("progress"));
  view = name;
  for (const button of document.querySelectorAll("[data-view]")) {
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  closePassage();
  const documents = name === "documents";
  byId("documents").hidden = !documents;
  byId("asking").hidden = documents;
  byId("answer").hidden = name !== "ask";
  byId("hits").hidden = name !== "search";
  if (documents) listDocuments(bases.value);
  else {
    say(byId("question-title"), name);
    say(byId("question-label"), name === "ask" ? "question" : "search_words");
    say(byId("send"), name);
    question.focus();
  }
}

async function loadBases() {
  const { knowledge_bases: found } = await call("/v1/knowledge-bases");
  const all = say(new Option("", ""), "all_bases");
  const options = found.map((base) => say(new Option("", base.name), "base_option", base));
  const chosen = bases.value;
  bases.replaceChildren(all, ...options);
  bases.value = found.some(({ name }) => name === chosen) ? chosen : "";
  offerBases(found, bases.value);
}

// ---- signing in and out

function showSignIn(notice) {
  running?.abort();
  finish();
  for (const id of ["workplace", "views", "sign-out"]) byId(id).hidden = true;
  byId("sign-in").hidden = false;
  byId("key-problem").replaceChildren(...(notice ? [notice] : []));
  byId("key").focus();
}

// Nothing of what was read stays in the page.
function forget() {
  closePassage();
  clearDocuments();
  byId("answer").replaceChildren();
  byId("hits").replaceChildren();
  bases.replaceChildren();
  silence(byId("progress"));
}

async function enter() {
  try {
    await loadBases();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status !== 401) showSignIn(problemNotice(problem));
    return;
  }
  byId("key-form").reset();
  byId("key-problem").replaceChildren();
  byId("sign-in").hidden = true;
  for (const id of ["workplace", "views", "sign-out"]) byId(id).hidden = false;
  show(view);
}

function start() {
  translate();
  startDocuments();
  onRefused((problem) => {
    signOut();
    forget();
    showSignIn(problemNotice(problem));
  });
  onChanged(() => loadBases().catch(() => {}));
  byId("language").addEventListener("click", () => {
    switchLanguage();
    say(byId("language"), "other_language");
  });
  say(byId("language"), "other_language");
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(byId("key").value, byId("keep").checked);
    enter();
  });
  byId("sign-out").addEventListener("click", () => {
    signOut();
    forget();
    question.value = "";
    showSignIn();
  });
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => show(button.dataset.view));
  }
  bases.addEventListener("change", () => {
    if (view === "documents") listDocuments(bases.value);
    if (bases.value) byId("upload-to").value = bases.value;
  });
  byId("question-form").addEventListener("submit", submit);
  question.addEventListener("keydown", keyPressed);
  byId("stop").addEventListener("click", stop);
  byId("close-passage").addEventListener("click", closePassage);
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closePassage();
  });
  if (signedIn()) enter();
  else showSignIn();
}

start();
