// Answers without a chat model: extracts, word for word. Where two documents differ in a number they stand side by side.
import { element, passageText, quoted, sentence } from "./dom.js";
import { passageButton, place, titleOf } from "./passage.js";

// A number with what is counted, as far as Chinese numerals need it to be one.
const FIGURE = /\d+(?:[.,:：]\d+)*|[一二三四五六七八九十百千万两]+(?=[个天日周年月次倍米元人份级度岁层台]|小时|分钟|公[斤里尺]|毫[克升米])/gu;
const ORDINARY_LABEL = /^(?:Extract from the documents|文档摘录)/;

const figuresOf = (words) => words.match(FIGURE) ?? [];

// Offsets of the figures of ``words`` that the others do not give.
function differing(words, others) {
  const known = new Set(others.flatMap(figuresOf));
  return [...words.matchAll(FIGURE)]
    .filter(([figure]) => !known.has(figure))
    .map((found) => {
      const start = Array.from(words.slice(0, found.index)).length;
      return [start, start + Array.from(found[0]).length];
    });
}

function finding(answer, { record }, ranges = []) {
  const marked = (piece) => element("span", "figure", piece);
  const said = quoted("blockquote", "said", passageText(record.text, ranges, { markWith: marked }));
  const pages = new Map();
  for (const citation of record.cited.values()) {
    const key = `${citation.document_id} ${citation.page}`;
    pages.set(key, [...(pages.get(key) ?? []), citation]);
  }
  const lines = [...pages.values()].map((citations) => {
    const [first] = citations;
    const item = { ...answer.passages.get(first.chunk_id), ...first };
    const opened = passageButton("link", [titleOf(item)], (from) => answer.open(first, from));
    return element("div", "from", ...citations.map((one) => answer.chipFor(one)), element("div", "", opened, place(item)));
  });
  return element("div", "finding", said, ...lines);
}

function sideBySide(answer, first, others) {
  const all = [first, ...others];
  const sides = all.map((one) => {
    const rest = all.filter((other) => other !== one).map(({ record }) => record.text);
    return finding(answer, one, differing(one.record.text, rest));
  });
  return element("section", "differ", sentence("h3", "", "differ"), sentence("p", "small", "differ_why"),
    element("div", "differ-sides", ...sides));
}

// Groups the sentences of the answer: a label without citation belongs to the extract after it.
function grouped(said) {
  const found = [];
  let heading = null;
  for (const record of said) {
    if (!record.numbers.length) {
      heading = record;
      continue;
    }
    found.push({ record, heading, differs: record.differs || Boolean(heading?.differs) });
    heading = null;
  }
  return found;
}

export function findings(answer, note) {
  const [first, ...others] = grouped(answer.said);
  const body = element("div");
  if (!first) {
    body.append(answer.live);
    return body;
  }
  const heading = first.heading?.text ?? "";
  if (heading && !ORDINARY_LABEL.test(heading)) body.append(quoted("p", "said-label by", heading));
  body.append(sentence("p", "eyebrow by", "extracts"));
  const different = others.filter(({ differs }) => differs);
  const further = others.filter(({ differs }) => !differs);
  body.append(different.length ? sideBySide(answer, first, different) : finding(answer, first));
  if (further.length) {
    body.append(element("section", "also", sentence("h3", "", "also_in"), ...further.map((one) => finding(answer, one))));
  }
  const why = element("details", "fold", sentence("summary", "", "extracts_why"), sentence("p", "small muted", "extracts_mean"));
  if (note) why.append(quoted("p", "small muted", note));
  body.append(why);
  answer.foot.replaceChildren();
  return body;
}
