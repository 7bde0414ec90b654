// How the service is, as it says itself: nothing here is guessed.
import { call } from "./api.js";
import { byId, element, sentence } from "./dom.js";
import { whole } from "./formats.js";
import { known } from "./texts.js";

const PARTS = ["store", "indexes", "embedder", "chat"];
const OFF = { "off: words alone": "health_words_alone", "off: extracts": "health_extracts" };

function fact(key, value, className = "", why = null) {
  const shown = element("dd", className, value);
  if (why && known(why)) shown.append(sentence("p", "small muted", why));
  return element("div", "fact", sentence("dt", "", key), shown);
}

function dependency(name, state) {
  const ready = state === "ready";
  const off = Object.hasOwn(OFF, state);
  const said = ready ? sentence("span", "", "health_ready") : off ? sentence("span", "", OFF[state]) : element("span", "", state);
  const good = ready || name === "chat";
  return fact(`health_${name}`, said, off ? "so-so" : good ? "good" : "bad", off ? `${OFF[state]}_why` : null);
}

export async function health() {
  // 503 with the same body while something is wrong.
  const [state, { index }] = await Promise.all([
    call("/readyz").catch((problem) => { if (problem.dependencies) return problem; throw problem; }),
    call("/v1/knowledge-bases"),
  ]);
  const good = state.status === 200;
  const head = element("div", "part-head", sentence("p", "muted", "health_why"));
  const service = element("dl", "facts",
    fact("health_service", sentence("span", "", good ? "health_ready" : "health_not_ready"), good ? "good" : "bad"),
    fact("health_version", byId("version").textContent),
    ...PARTS.filter((name) => name in state.dependencies).map((name) => dependency(name, state.dependencies[name])),
    ...Object.entries(state.dependencies).filter(([name]) => !PARTS.includes(name)).map(([name, value]) =>
      element("div", "fact", element("dt", "", name), element("dd", "", String(value)))));
  const counts = element("dl", "facts", ...["ready", "readable", "pending", "refused"].map((key) =>
    fact(`state_${key}`, element("span", "count", whole(index[key])))));
  const advice = element("div", "advice", sentence("p", "small muted", "health_more"), element("p", "mono small", "python -m app doctor"));
  return [head, service, sentence("h2", "facts-title", "health_documents"), counts, advice];
}
