// What went wrong, in the reader's language first, then what the server says of this very case.
import { element, sentence } from "./dom.js";
import { known, reasonIn } from "./texts.js";

const BY_STATUS = { 0: "unreachable", 401: "not_authenticated", 403: "not_permitted", 404: "not_found", 413: "too_large", 429: "too_busy" };
// Codes whose own words say everything: the server's English would only repeat them.
const SAID = new Set([
  "unreachable", "cut_off", "not_authenticated", "wrong_credentials", "too_many_attempts", "csrf", "not_permitted", "too_busy",
]);

export const keyOf = ({ code, status }) => {
  if (code && known(`error_${code}`)) return `error_${code}`;
  return `error_${BY_STATUS[status] ?? "error"}`;
};

export function problemNotice(problem) {
  const { code, status, detail, request_id: requestId, retryAfter } = problem;
  const notice = element("div", "notice problem");
  notice.append(sentence("p", "strong", keyOf(problem), retryAfter));
  if (detail && !SAID.has(code) && status !== 404) {
    const said = element("p", "small", detail);
    said.lang = "en";
    notice.append(said);
  }
  if (requestId && status >= 500) notice.append(sentence("p", "small muted", "request", requestId));
  return notice;
}

// What the server says of a file, in the reader's language where it is known.
export function reasonLine(tag, reason, before = "", className = "") {
  const own = reasonIn(reason);
  const node = element(tag, className, before ? `${before}: ${own ?? reason}` : own ?? reason);
  if (!own) node.lang = "en";
  return node;
}

export const refusal = (tag, reason, file) => reasonLine(tag, reason, file, "small refused-why block");
