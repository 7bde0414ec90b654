// One dialog at a time: choices, small forms, and secrets that are shown once.
import { button, byId, element, iconButton, sentence } from "./dom.js";
import { problemNotice } from "./problems.js";

const dialog = () => byId("dialog");
let waiting = Promise.resolve();

function titled(key, value) {
  const title = sentence("h2", "", key, value);
  title.id = "dialog-title";
  return title;
}

function opened(...content) {
  const box = dialog();
  box.replaceChildren(...content);
  box.returnValue = ""; // what Escape leaves
  box.showModal();
  return new Promise((resolve) => {
    box.addEventListener("close", () => {
      box.replaceChildren();
      resolve(box.returnValue);
    }, { once: true });
  });
}

// Dialogs wait for each other.
function inTurn(work) {
  const turn = waiting.then(work);
  waiting = turn.catch(() => {});
  return turn;
}

export function closeDialog() {
  dialog().close("");
}

// Asks; resolves to {choice, checked}, with choice "" if it was left. The last button is focused, but for one that destroys.
export function choose({ title, value, why, whyValue, content: more, choices, check, checkValue }) {
  return inTurn(async () => {
    const box = element("input");
    box.type = "checkbox";
    const content = [titled(title, value)];
    if (why) content.push(sentence("p", "muted", why, whyValue));
    if (more) content.push(more);
    if (check) content.push(element("label", "check", box, sentence("span", "", check, checkValue)));
    const buttons = choices.map(([key, className]) => button(className, key, () => dialog().close(key)));
    content.push(element("div", "buttons", ...buttons));
    const left = opened(...content);
    (buttons.at(-1).classList.contains("danger") ? buttons[0] : buttons.at(-1)).focus();
    return { choice: await left, checked: box.checked };
  });
}

export async function sure({ title, value, why, whyValue, act }) {
  const { choice } = await choose({ title, value, why, whyValue, choices: [["cancel", ""], [act, "danger"]] });
  return choice === act;
}

// A form in the dialog. ``send`` is awaited; while it throws problems the dialog stays and shows them.
export function form({ title, value, why, fields, act, send }) {
  return inTurn(() => {
    const problems = element("div");
    problems.setAttribute("role", "alert");
    const submit = sentence("button", "primary", act);
    submit.type = "submit";
    const made = element("form", "", titled(title, value), ...(why ? [sentence("p", "muted", why)] : []),
      element("div", "form", ...fields), problems,
      element("div", "buttons", button("", "cancel", () => dialog().close("")), submit));
    made.addEventListener("submit", async (event) => {
      event.preventDefault();
      submit.disabled = true;
      try {
        await send();
        dialog().close("done");
      } catch (problem) {
        problems.replaceChildren(problemNotice(problem));
      } finally {
        submit.disabled = false;
      }
    });
    return opened(made).then((left) => left === "done");
  });
}

// Shows a password or key, once, with a button that copies it.
export function showSecret({ title, value, why, secret }) {
  return inTurn(() => {
    const shown = element("code", "", secret);
    shown.tabIndex = 0;
    shown.setAttribute("translate", "no");
    const done = sentence("span", "small muted", "copy_hint");
    done.setAttribute("role", "status");
    const copy = iconButton("copy", "copy", () => copyText(shown, done), { words: true, className: "" });
    return opened(titled(title, value), sentence("p", "muted", why), element("div", "secret", shown, copy), done,
      element("div", "buttons", button("primary", "noted", () => dialog().close("done"))));
  });
}

async function copyText(shown, said) {
  getSelection().selectAllChildren(shown);
  let copied = true;
  try {
    await navigator.clipboard.writeText(shown.textContent);
  } catch { // no clipboard without TLS: the selected text can be copied by hand or by the old command
    copied = document.execCommand("copy");
  }
  said.replaceWith(sentence("span", "small", copied ? "copied" : "copy_by_hand"));
}
