// Who may read: a picker of users and groups, for a knowledge base or a single document.
import { call } from "./api.js";
import { choose, form } from "./dialogs.js";
import { element, sentence } from "./dom.js";
import { problemNotice } from "./problems.js";
import { isAdministrator } from "./session.js";

async function allReaders() {
  const [{ users }, { groups }] = await Promise.all([call("/v1/users"), call("/v1/groups")]);
  return [...groups.map(({ name }) => ["group", name]), ...users.map(({ name }) => ["user", name])];
}

function tick(kind, name, chosen) {
  const box = element("input");
  box.type = "checkbox";
  box.value = `${kind}:${name}`;
  box.checked = chosen.has(box.value);
  return element("label", "check", box, element("span", "", name), sentence("span", "small muted", `kind_${kind}`));
}

// A group of checkboxes; ``chosen`` are readers as the server names them.
export async function readerPicker(chosen) {
  const before = new Set(chosen);
  const readers = await allReaders();
  const boxes = readers.map(([kind, name]) => tick(kind, name, before));
  const node = element("fieldset", "readers", sentence("legend", "unseen", "readers"), ...boxes);
  const values = () => [...node.querySelectorAll("input:checked")].map(({ value }) => value);
  return { node, values };
}

// Those who are no administrators may not list people: they name them.
function readerLines(chosen) {
  const node = element("textarea", "mono");
  node.rows = 4;
  node.id = "reader-lines";
  node.value = chosen.join("\n");
  const named = sentence("label", "small muted", "readers_by_name");
  named.htmlFor = node.id;
  const values = () => node.value.split(/[\n,]+/).map((line) => line.trim()).filter(Boolean);
  return { node: element("div", "readers", named, node), values };
}

function radio(value, key, checked) {
  const box = element("input");
  box.type = "radio";
  box.name = "who";
  box.value = value;
  box.checked = checked;
  return element("label", "check", box, sentence("span", "", key));
}

export async function editDocumentReaders(item, title) {
  const path = `/v1/documents/${encodeURIComponent(item.document_id)}/access`;
  try {
    const { readers } = await call(path);
    const picker = isAdministrator() ? await readerPicker(readers ?? []) : readerLines(readers ?? []);
    const all = radio("all", "readers_all", readers === null);
    const some = radio("some", "readers_some", readers !== null);
    const show = () => { picker.node.hidden = all.querySelector("input").checked; };
    for (const one of [all, some]) one.addEventListener("change", show);
    show();
    await form({
      title: "readers_of", value: title, why: "readers_why", act: "save",
      fields: [all, some, picker.node],
      send: () => call(path, { method: "PUT", json: { readers: all.querySelector("input").checked ? null : picker.values() } }),
    });
  } catch (problem) {
    await tell(problem);
  }
}

export async function editBaseReaders(name, readers) {
  const path = `/v1/knowledge-bases/${encodeURIComponent(name)}/readers`;
  const picker = await readerPicker(readers);
  return form({
    title: "readers_of", value: name, why: "base_readers_why", act: "save", fields: [picker.node],
    send: async () => {
      const wanted = new Set(picker.values());
      const granted = [...wanted].filter((one) => !readers.includes(one));
      const revoked = readers.filter((one) => !wanted.has(one));
      if (granted.length) await call(path, { method: "POST", json: { readers: granted } });
      if (revoked.length) await call(path, { method: "DELETE", json: { readers: revoked } });
    },
  });
}

async function tell(problem) {
  if (problem.status === 401) return;
  await choose({ title: "not_possible", content: problemNotice(problem), choices: [["close", "primary"]] });
}
