// Passages as a list: what a search found, or what stands nearest to a question.
import { element, sentence, snippet } from "./dom.js";
import { openPassage, passageButton, place, titleOf } from "./passage.js";

function hitLine(hit) {
  const ranges = hit.highlights ?? [];
  const opened = passageButton("link", [titleOf(hit)], (from) => openPassage(hit, ranges, from));
  return element("li", "", element("h3", "hit-title", opened), place(hit, { base: true }), snippet(hit.text, ranges));
}

export const hitList = (hits) => element("ol", "hits", ...hits.map(hitLine));

export function searchEntry(words, hits) {
  const question = element("h2", "entry-question", words);
  const found = hits.length
    ? hitList(hits)
    : element("div", "card absent", sentence("h3", "", "nothing_found"), sentence("p", "small muted", "nothing_found_hint"));
  return element("article", "entry search", question, found);
}
