// The one box: it asks, or with "passages only" it searches. Earlier entries stay below, in memory alone.
import { Answer } from "./answer.js";
import { Problem, call, events } from "./api.js";
import { byId, element, sentence } from "./dom.js";
import { searchEntry } from "./hits.js";
import { noteIndex, underWay } from "./progress.js";
import { closePassage } from "./passage.js";
import { problemNotice } from "./problems.js";
import { say, silence, text } from "./texts.js";

const SEARCH_LIMIT = 12;
const TURNS_SENT = 3;
const ENTRIES_KEPT = 20;
let running = null;
let turns = [];

const question = () => byId("question");
const searching = () => byId("passages-only").checked;

function grow() {
  const box = question();
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + 2}px`;
}

function nameSend() {
  const key = searching() ? "search" : "ask";
  say(byId("send"), key);
  say(byId("question-label"), searching() ? "search_words" : "question");
  question().placeholder = text(searching() ? "search_words" : "question_hint");
}

// Puts a new entry on top; the one before it folds away.
function addEntry(node) {
  const entries = byId("entries");
  const before = entries.querySelector(":scope > .entry");
  if (before) {
    const heading = before.querySelector(".entry-question").textContent;
    const folded = element("details", "earlier", element("summary", "", heading));
    before.replaceWith(folded);
    folded.append(before);
  }
  entries.prepend(node);
  while (entries.children.length > ENTRIES_KEPT) entries.lastElementChild.remove();
  byId("ask-view").classList.remove("fresh");
}

async function ask(words, signal) {
  const answer = new Answer(words);
  addEntry(answer.node);
  const json = { question: words, stream: true, history: turns.slice(-TURNS_SENT) };
  const base = byId("knowledge-base").value;
  if (base) json.knowledge_base = base;
  const take = {
    retrieval: (data) => {
      answer.retrieval(data);
      noteIndex(data.index, base);
      say(byId("progress"), "writing");
    },
    reasoning: (data) => answer.thought(data),
    sentence: (data) => answer.sentence(data),
    citation: (data) => answer.citation(data),
    done: (data) => {
      answer.done(data, underWay(data.index));
      say(byId("progress"), "answer_complete").classList.add("unseen");
    },
    error: (data) => { throw new Problem(data.status, data); },
  };
  try {
    for await (const { event, data } of events("/v1/ask", { method: "POST", json, signal })) {
      if (signal.aborted) break;
      take[event]?.(data);
    }
    if (!answer.finished && !signal.aborted) throw new Problem(0, { code: "cut_off" });
    if (answer.answered) turns = [...turns.slice(1 - TURNS_SENT), { question: words, answer: answer.answered }];
  } catch (problem) {
    if (problem instanceof Problem) {
      answer.failed(problem);
      silence(byId("progress"));
    } else if (problem.name !== "AbortError") throw problem;
  }
  if (signal.aborted) answer.stopped();
}

async function search(words, signal) {
  const json = { query: words, limit: SEARCH_LIMIT };
  const base = byId("knowledge-base").value;
  if (base) json.knowledge_base = base;
  try {
    const { hits, index } = await call("/v1/search", { method: "POST", json, signal });
    noteIndex(index, base);
    addEntry(searchEntry(words, hits));
    say(byId("progress"), "hits", hits.length);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    silence(byId("progress"));
    if (problem.status !== 401) addEntry(element("article", "entry", element("h2", "entry-question", words), problemNotice(problem)));
  }
}

async function submit(event) {
  event.preventDefault();
  const words = question().value.trim();
  if (!words) return;
  running?.abort();
  const mine = new AbortController();
  running = mine;
  closePassage();
  const progress = byId("progress");
  progress.classList.remove("unseen");
  progress.classList.add("busy");
  say(progress, "looking");
  byId("stop").hidden = false;
  byId("send").hidden = true;
  try {
    await (searching() ? search : ask)(words, mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    if (running === mine) finish();
  }
}

function finish() {
  const hadFocus = document.activeElement === byId("stop");
  running = null;
  byId("progress").classList.remove("busy");
  byId("stop").hidden = true;
  byId("send").hidden = false;
  if (hadFocus) question().focus();
}

export function stopAsking() {
  if (!running) return;
  running.abort();
  finish();
  silence(byId("progress"));
}

function keyPressed(event) {
  const composing = event.isComposing || event.keyCode === 229;
  if (event.key !== "Enter" || event.shiftKey || composing) return;
  event.preventDefault();
  byId("question-form").requestSubmit();
}

const PATTERNS = ["pattern_limit", "pattern_code", "pattern_steps", "pattern_who", "pattern_term", "pattern_safe"];

// Puts a pattern into the box with its gap selected, to be typed over.
function usePattern(key) {
  const box = question();
  box.value = text(key);
  grow();
  box.focus();
  const gap = box.value.indexOf("…");
  box.setSelectionRange(gap, box.value.lastIndexOf("…") + 1);
}

export function welcome(bases, { mayAdd }) {
  const body = byId("welcome");
  const documents = bases.reduce((sum, base) => sum + base.documents, 0);
  if (!bases.length || !documents) {
    const key = bases.length ? "no_documents_yet" : "no_bases";
    const card = element("div", "card nothing", sentence("h2", "", key), sentence("p", "muted", `${key}_why`));
    if (bases.length && mayAdd) {
      const link = sentence("a", "", "add_documents");
      link.href = "#documents";
      card.append(link);
    }
    body.replaceChildren(card);
    return;
  }
  const columns = ["how_ask", "how_languages", "how_check"].map((key) =>
    element("section", "", sentence("h2", "", key), sentence("p", "small muted", `${key}_why`)));
  const patterns = PATTERNS.map((key) => {
    const made = sentence("button", "", key);
    made.type = "button";
    made.addEventListener("click", () => usePattern(key));
    return made;
  });
  body.replaceChildren(element("div", "how-columns", ...columns),
    element("section", "", sentence("h2", "", "how_patterns"), element("div", "patterns", ...patterns)));
}

// Nothing of what was read stays in the page; the typed question may.
export function forgetAnswers() {
  stopAsking();
  closePassage();
  turns = [];
  byId("entries").replaceChildren();
  byId("welcome").replaceChildren();
  byId("ask-view").classList.add("fresh");
  silence(byId("progress"));
}

export function forgetQuestion() {
  question().value = "";
  grow();
}

export function startAsking() {
  byId("ask-view").classList.add("fresh");
  byId("question-form").addEventListener("submit", submit);
  question().addEventListener("keydown", keyPressed);
  question().addEventListener("input", grow);
  byId("stop").addEventListener("click", stopAsking);
  byId("passages-only").addEventListener("change", () => {
    nameSend();
    question().focus();
  });
  addEventListener("language-changed", nameSend);
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog:modal") || byId("sign-in").hidden === false) return;
    event.preventDefault();
    location.hash = "#ask";
    byId("ask-view").hidden = false;
    question().focus();
    question().select();
  });
  nameSend();
}
