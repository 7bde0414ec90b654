// The page: which view is shown, language and theme, and what must go when a session ends.
import { forgetAnswers, forgetQuestion, startAsking, stopAsking, welcome } from "./ask.js";
import { signedIn } from "./api.js";
import { forgetDocuments, offerBases, showDocuments, startDocuments } from "./documents.js";
import { byId, icon, option } from "./dom.js";
import { startPageView } from "./page_view.js";
import { closePassage, startPassage } from "./passage.js";
import { loadBases, onBases, showIndex } from "./progress.js";
import { isAdministrator, startSession } from "./session.js";
import { label, languageTag, say, switchLanguage, translate } from "./texts.js";

const VIEWS = ["ask", "documents", "administration"];
const THEMES = ["system", "light", "dark"];
let shown = null;
let lastBases = "";

function asked() {
  const [view, part] = location.hash.slice(1).split("/");
  const allowed = VIEWS.includes(view) && (view !== "administration" || isAdministrator());
  return [allowed ? view : "ask", part];
}

function show() {
  if (!signedIn()) return;
  const [view, part] = asked();
  for (const name of VIEWS) byId(`${name}-view`).hidden = name !== view;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view !== shown && shown) {
    stopAsking();
    closePassage();
  }
  const moved = shown !== null && shown !== view;
  shown = view;
  if (view === "documents") showDocuments();
  else if (view === "administration") import("./administration.js").then(({ showAdministration }) => showAdministration(part));
  if (view === "ask") byId("question").focus({ preventScroll: !moved });
  else if (moved) byId(`${view}-title`).focus();
  if (moved) scrollTo(0, 0);
}

function takeBases(bases) {
  const seen = JSON.stringify(bases);
  if (seen === lastBases) return; // a list that is open, or a button that has the focus, stays as it is
  lastBases = seen;
  const select = byId("knowledge-base");
  const chosen = select.value;
  select.replaceChildren(option("", "all_bases"), ...bases.map((base) => option(base.name, "base_option", base)));
  select.value = bases.some(({ name }) => name === chosen) ? chosen : "";
  select.hidden = bases.length < 2;
  offerBases(bases);
  welcome(bases, { mayAdd: bases.length > 0 });
}

// Nothing of what was read stays in the page. The typed question does, for the same person alone.
function leave(wanted) {
  shown = null;
  lastBases = "";
  forgetAnswers();
  forgetDocuments();
  byId("administration-body").replaceChildren();
  showIndex(null);
  for (const open of document.querySelectorAll(".page-view[open]")) open.close();
  byId("knowledge-base").replaceChildren();
  if (wanted) forgetQuestion();
}

async function enter(anotherPerson) {
  if (anotherPerson) forgetQuestion();
  show();
  try {
    await loadBases();
  } catch { /* a question asked now says what is wrong */ }
}

function showTheme() {
  const chosen = document.documentElement.dataset.themeChoice;
  const button = byId("theme");
  button.replaceChildren(icon(chosen));
  label(button, `theme_${chosen}`);
}

function start() {
  for (const node of document.querySelectorAll("[data-icon]")) node.append(icon(node.dataset.icon));
  translate();
  showTheme();
  say(byId("language"), "other_language");
  const otherLanguage = () => { byId("language").lang = languageTag() === "en" ? "zh-CN" : "en"; };
  otherLanguage();
  addEventListener("language-changed", otherLanguage);
  byId("language").addEventListener("click", () => switchLanguage().catch(() => {}));
  byId("theme").addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.themeChoice) + 1) % THEMES.length];
    dispatchEvent(new CustomEvent("theme-chosen", { detail: next }));
    showTheme();
  });
  onBases(takeBases);
  startAsking();
  startPassage();
  startPageView();
  startDocuments();
  addEventListener("hashchange", show);
  startSession({ onEnter: enter, onLeave: leave });
}

start();
