// The words of the page in the reader's language. An element that was given a text key is rewritten
// when the language changes. Nothing else in the page writes words, and nobody writes HTML.

// Why the server refused or warned, said in its English, in other languages: learnt where such reasons are shown.
export const REASONS = { zh: () => import("./words-reasons-zh.js") };
const LOAD = { en: () => import("./words-en.js"), zh: () => import("./words-zh.js") };
const CHOICE = "strongroom.language";
const values = new WeakMap();
const learnt = new Set();
let current = firstLanguage();
let words = (await LOAD[current]()).default; // the other language comes when it is asked for

function firstLanguage() {
  try {
    const chosen = localStorage.getItem(CHOICE);
    if (Object.hasOwn(LOAD, chosen)) return chosen;
  } catch { /* storage may be forbidden */ }
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const languageTag = () => (current === "zh" ? "zh-CN" : "en");
export const known = (key) => Object.hasOwn(words, key);

export function text(key, value) {
  const entry = known(key) ? words[key] : key;
  return typeof entry === "function" ? entry(value) : entry;
}

const together = (all) => Object.assign({}, ...all.map((one) => one?.default));

// Adds the words of a part of the page that comes when it is opened: loaders by language.
export async function learn(loads) {
  learnt.add(loads);
  const language = current;
  const found = await loads[language]?.();
  if (language === current) words = together([{ default: words }, found]);
  else await learn(loads); // it was switched meanwhile
}

export async function switchLanguage() {
  const other = current === "zh" ? "en" : "zh";
  words = together(await Promise.all([LOAD, ...learnt].map((loads) => loads[other]?.())));
  current = other;
  try {
    localStorage.setItem(CHOICE, current);
  } catch { /* the choice then lasts until the page is left */ }
  translate();
}

export function translate(root = document) {
  document.documentElement.lang = languageTag();
  for (const node of root.querySelectorAll("[data-text], [data-label]")) {
    const { shown, named } = values.get(node) ?? {};
    if (node.dataset.text) node.textContent = text(node.dataset.text, shown);
    if (node.dataset.label) nameIt(node, node.dataset.label, named);
  }
  dispatchEvent(new CustomEvent("language-changed"));
}

function keep(node, change) {
  values.set(node, { ...values.get(node), ...change });
}

function nameIt(node, key, value) {
  const name = text(key, value);
  node.setAttribute("aria-label", name);
  if (node.matches(".icon-button")) node.title = name;
}

// A reason of the server in the reader's language; nothing where it is none of the known ones.
export function reasonIn(reason) {
  for (const [pattern, said] of words.reasons ?? []) {
    const found = reason.match(pattern);
    if (found) return said(...found.slice(1));
  }
  return null;
}

// Gives an element a text that follows the language.
export function say(node, key, value) {
  keep(node, { shown: value });
  node.dataset.text = key;
  node.textContent = text(key, value);
  return node;
}

export function silence(node) {
  values.delete(node);
  delete node.dataset.text;
  node.textContent = "";
}

// Gives an element an accessible name that follows the language; what it shows stays.
export function label(node, key, value) {
  keep(node, { named: value });
  node.dataset.label = key;
  nameIt(node, key, value);
  return node;
}
