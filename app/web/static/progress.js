// How far the documents are: said on the page while any is still being read.
import { call, signedIn } from "./api.js";
import { byId, element, pause, sentence } from "./dom.js";
import { watched } from "./session.js";

const POLL_MS = 3000;
let following = false;
let whenBases = () => {};

// The function gets the knowledge bases whenever they were read anew.
export function onBases(callback) {
  whenBases = callback;
}

export const underWay = (index) => (index ? index.pending + index.readable : 0);

function notice({ pending, readable, ready }) {
  const total = pending + readable + ready;
  const bar = element("progress");
  bar.max = total;
  const meaning = pending === 0;
  bar.value = meaning ? ready : readable + ready;
  const key = meaning ? "meaning_follows" : "readable_of";
  const shown = { done: readable + ready, total, waiting: readable };
  const said = sentence("p", "strong", key, shown);
  bar.setAttribute("aria-hidden", "true");
  return element("div", "notice", element("div", "index-head", said), bar, sentence("p", "small muted", "words_first"));
}

export function showIndex(index) {
  for (const id of ["index-notice", "documents-notice"]) {
    byId(id).replaceChildren(...(underWay(index) ? [notice(index)] : []));
  }
}

// An index that came with an answer: of one knowledge base, if one was chosen.
export function noteIndex(index, base) {
  if (!underWay(index)) {
    if (!base) showIndex(null);
    return;
  }
  showIndex(index);
  follow();
}

export async function loadBases() {
  const { knowledge_bases: bases, index } = await call("/v1/knowledge-bases");
  showIndex(index);
  whenBases(bases);
  if (underWay(index)) follow();
  return { bases, index };
}

// Looks again until everything is read; stops where nobody watches, so that a session can end.
async function follow() {
  if (following) return;
  following = true;
  try {
    for (;;) {
      await pause(POLL_MS);
      if (!signedIn()) return;
      if (!watched()) continue;
      const { index } = await loadBases();
      if (!underWay(index)) return;
    }
  } catch { /* the next question or visit starts it again */ } finally {
    following = false;
  }
}
