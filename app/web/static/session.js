// Signing in and out, the account's menu, and the end of a session.
import { call, changePassword, lastAsked, onEnded, restore, signIn, signOut, signedIn, who } from "./api.js";
import { closeDialog, form } from "./dialogs.js";
import { byId, element, field, sentence } from "./dom.js";
import { clock } from "./formats.js";
import { problemNotice } from "./problems.js";
import { label, say, text } from "./texts.js";

const WATCHED_MS = 5 * 60_000; // without a touch for so long, nothing is asked by itself
const CHECK_MS = 20_000;
let touched = Date.now();
let lastUser = null;
let countdown = null;
let entered = async () => {};
let left = () => {};

export const watched = () => signedIn() && Date.now() - touched < WATCHED_MS;

export const isAdministrator = () => who()?.role === "administrator";

function showSignIn(notice) {
  clearInterval(countdown);
  closeDialog();
  for (const id of ["ask-view", "documents-view", "administration-view", "views", "account"]) byId(id).hidden = true;
  byId("sign-in").hidden = false;
  byId("sign-in-send").disabled = false;
  say(byId("sign-in-send"), "sign_in");
  byId("sign-in-notice").replaceChildren(...(notice ? [notice] : []));
  if (lastUser) byId("username").value = lastUser;
  byId("password").value = "";
  byId(byId("username").value ? "password" : "username").focus();
}

async function enter() {
  const user = who().username;
  const other = lastUser !== null && lastUser !== user;
  lastUser = user;
  byId("password").value = "";
  byId("sign-in").hidden = true;
  byId("account-name").textContent = user;
  label(byId("account").querySelector("summary"), "account", user);
  say(byId("account-role"), isAdministrator() ? "role_administrator" : "role_member");
  byId("administration-link").hidden = !isAdministrator();
  for (const id of ["views", "account"]) byId(id).hidden = false;
  await entered(other);
}

// Too many tries: the button counts down until the server listens again.
function waitFor(seconds) {
  const send = byId("sign-in-send");
  const until = Date.now() + seconds * 1000;
  const tick = () => {
    const rest = Math.ceil((until - Date.now()) / 1000);
    send.disabled = rest > 0;
    if (rest > 0) say(send, "sign_in_after", clock(rest));
    else {
      clearInterval(countdown);
      say(send, "sign_in");
      byId("sign-in-notice").replaceChildren();
    }
  };
  clearInterval(countdown);
  countdown = setInterval(tick, 1000);
  tick();
}

async function submit(event) {
  event.preventDefault();
  const send = byId("sign-in-send");
  if (send.disabled) return;
  send.disabled = true;
  byId("sign-in-notice").replaceChildren();
  try {
    await signIn(byId("username").value.trim(), byId("password").value);
    await enter();
  } catch (problem) {
    byId("sign-in-notice").replaceChildren(problemNotice(problem));
    if (problem.code === "wrong_credentials") {
      byId("password").value = "";
      byId("password").focus();
    }
    send.disabled = false;
    if (problem.status === 429) waitFor(problem.retryAfter || 5);
    return;
  }
  send.disabled = false;
}

async function askForPassword() {
  byId("account").open = false;
  const [before, after, again] = ["password-old", "password-new", "password-again"].map((id, place) => {
    const input = element("input");
    input.type = "password";
    input.required = true;
    input.autocomplete = place ? "new-password" : "current-password";
    if (place) input.minLength = 12;
    return input;
  });
  const check = () => again.setCustomValidity(again.value === after.value ? "" : text("password_differs"));
  for (const input of [after, again]) input.addEventListener("input", check);
  const changed = await form({
    title: "change_password", why: "password_rule", act: "change_password",
    fields: [...field("password-old", "password_old", before), ...field("password-new", "password_new", after),
      ...field("password-again", "password_again", again)],
    send: () => changePassword(before.value, after.value),
  });
  if (changed) say(byId("progress"), "password_changed");
}

// A session that ended while nobody touched the page: what was read must not stay on the screen.
async function lookWhetherItEnded() {
  if (!signedIn() || Date.now() - Math.max(touched, lastAsked()) < who().idle_minutes * 60_000 + CHECK_MS) return;
  await call("/v1/session").catch(() => {});
}

// ``onEnter`` gets whether another person than before signed in; ``onLeave`` whether it was wanted.
export async function startSession({ onEnter, onLeave }) {
  entered = onEnter;
  left = onLeave;
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
    addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  }
  setInterval(lookWhetherItEnded, CHECK_MS);
  byId("sign-in-form").addEventListener("submit", submit);
  byId("change-password").addEventListener("click", askForPassword);
  byId("sign-out").addEventListener("click", async () => {
    byId("account").open = false;
    await signOut().catch(() => {});
    left(true);
    lastUser = null;
    byId("username").value = "";
    showSignIn();
  });
  addEventListener("click", (event) => {
    if (!byId("account").contains(event.target)) byId("account").open = false;
  });
  byId("account").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    byId("account").open = false;
    byId("account").querySelector("summary").focus();
  });
  onEnded(() => {
    left(false);
    showSignIn(sentence("p", "notice", "session_ended"));
  });
  try {
    await restore();
  } catch (problem) {
    showSignIn(problem.status === 401 ? null : problemNotice(problem));
    return;
  }
  await enter();
}
