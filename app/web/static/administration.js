// Administration: its parts, each loaded when it is opened.
import { call, signedIn, who } from "./api.js";
import { editBaseReaders } from "./access.js";
import { form, showSecret, sure } from "./dialogs.js";
import { button, byId, element, field, iconButton, option, sentence } from "./dom.js";
import { day, whole } from "./formats.js";
import { health } from "./health.js";
import { problemNotice } from "./problems.js";
import { text } from "./texts.js";

export const PARTS = { users, groups, bases, keys, health };
let current = "users";
let turn = 0;

const at = (...parts) => `/v1/${parts.map(encodeURIComponent).join("/")}`;

function nameInput(longest = 100) {
  const input = element("input");
  input.required = true;
  input.maxLength = longest;
  input.autocomplete = "off";
  input.spellcheck = false;
  return input;
}

// A table whose rows are lists of cells; a cell is a text, a node or a list of nodes.
function table(columns, rows, empty) {
  if (!rows.length) return element("div", "nothing-here", sentence("p", "muted", empty));
  const head = columns.map((key) => {
    const cell = element("th", "", sentence("span", key === "actions" ? "unseen" : "", key));
    cell.scope = "col";
    return cell;
  });
  const body = rows.map((cells) => element("tr", "", ...cells.map((cell, place) => {
    const made = element(place ? "td" : "th", place === cells.length - 1 ? "actions" : "", ...[cell].flat());
    if (!place) made.scope = "row";
    else made.dataset.column = text(columns[place]);
    return made;
  })));
  return element("table", "list plain", element("thead", "", element("tr", "", ...head)), element("tbody", "", ...body));
}

function part(why, add, ...content) {
  const head = element("div", "part-head", sentence("p", "muted", why));
  if (add) head.append(add);
  return [head, ...content];
}

const plain = (words) => element("span", "", words);
const removing = (key, value, work, why) => iconButton("trash", key, async () => {
  if (await sure({ title: "remove_sure", value, why, act: "remove" })) await attempt(work);
}, { value });

// Does something and shows the part anew, or says why not.
async function attempt(work) {
  const problems = byId("administration-problem");
  problems.replaceChildren();
  try {
    await work();
    await showPart();
  } catch (problem) {
    problems.replaceChildren(problemNotice(problem));
  }
}

async function adding(asked) {
  if (await form({ act: "add", ...asked })) await showPart();
}

async function users() {
  const { users: found } = await call("/v1/users");
  const rows = found.map((user) => [
    plain(user.name),
    sentence("span", "", `role_${user.role}`),
    plain(user.groups.join(", ") || "–"),
    plain(day(user.created_at)),
    [button("quiet", "reset_password", () => resetPassword(user.name)),
      ...(user.name === who().username ? [] : [removing("remove_named", user.name, () => call(at("users", user.name), { method: "DELETE" }), "remove_user_why")])],
  ]);
  return part("users_why", button("primary", "add_user", addUser), table(["name", "role", "groups", "added", "actions"], rows, "none_yet"));
}

async function addUser() {
  const name = nameInput();
  const role = element("select", "", ...["member", "administrator"].map((one) => option(one, `role_${one}`)));
  let made = null;
  const done = await form({
    title: "add_user", why: "add_user_why", act: "add",
    fields: [...field("new-name", "user_name", name), ...field("new-role", "role", role)],
    send: async () => { made = await call("/v1/users", { method: "POST", json: { name: name.value, role: role.value } }); },
  });
  if (!done) return;
  await showSecret({ title: "password_of", value: made.name, why: "password_once", secret: made.password });
  await showPart();
}

async function resetPassword(name) {
  if (!await sure({ title: "reset_sure", value: name, why: "reset_why", act: "reset_password" })) return;
  await attempt(async () => {
    const { password } = await call(at("users", name, "password"), { method: "PUT", json: {} });
    await showSecret({ title: "password_of", value: name, why: "password_once", secret: password });
  });
}

async function groups() {
  const { groups: found } = await call("/v1/groups");
  const rows = found.map((group) => [
    plain(group.name),
    plain(group.members.join(", ") || "–"),
    plain(day(group.created_at)),
    [button("quiet", "members", () => editMembers(group)),
      removing("remove_named", group.name, () => call(at("groups", group.name), { method: "DELETE" }), "remove_group_why")],
  ]);
  const name = () => {
    const input = nameInput();
    return adding({
      title: "add_group", fields: field("new-name", "name", input),
      send: () => call("/v1/groups", { method: "POST", json: { name: input.value } }),
    });
  };
  return part("groups_why", button("primary", "add_group", name), table(["name", "members", "added", "actions"], rows, "none_yet"));
}

async function editMembers(group) {
  const { users: all } = await call("/v1/users");
  const before = new Set(group.members);
  const boxes = all.map(({ name }) => {
    const box = element("input");
    box.type = "checkbox";
    box.value = name;
    box.checked = before.has(name);
    return element("label", "check", box, element("span", "", name));
  });
  const node = element("fieldset", "readers", sentence("legend", "unseen", "members"), ...boxes);
  const done = await form({
    title: "members_of", value: group.name, act: "save", fields: [node],
    send: async () => {
      for (const box of node.querySelectorAll("input")) {
        if (box.checked === before.has(box.value)) continue;
        await call(at("groups", group.name, "members", box.value), { method: box.checked ? "PUT" : "DELETE" });
        if (box.checked) before.add(box.value);
        else before.delete(box.value);
      }
    },
  });
  if (done) await showPart();
}

async function bases() {
  const [{ knowledge_bases: readable }, { knowledge_bases: all }] = await Promise.all([call("/v1/knowledge-bases"), call("/v1/readers")]);
  const counts = new Map(readable.map(({ name, documents }) => [name, documents]));
  const shown = (reader) => {
    const [kind, name] = [reader.slice(0, reader.indexOf(":")), reader.slice(reader.indexOf(":") + 1)];
    return element("span", "reader", plain(name), sentence("span", "small muted", `kind_${kind}`));
  };
  const rows = all.map(({ name, readers }) => [
    plain(name),
    counts.has(name) ? plain(whole(counts.get(name))) : sentence("span", "muted", "not_yours"),
    readers.length ? element("span", "reader-list", ...readers.map(shown)) : sentence("span", "muted", "nobody"),
    [button("quiet", "readers", async () => { if (await editBaseReaders(name, readers)) await showPart(); }),
      removing("remove_named", name, () => call(at("knowledge-bases", name), { method: "DELETE" }), "remove_base_why")],
  ]);
  const add = () => {
    const input = nameInput();
    return adding({
      title: "add_base", why: "add_base_why", fields: field("new-name", "name", input),
      send: () => call("/v1/knowledge-bases", { method: "POST", json: { name: input.value } }),
    });
  };
  return part("bases_why", button("primary", "add_base", add), table(["name", "documents", "readers", "actions"], rows, "none_yet"));
}

async function keys() {
  const { api_keys: found } = await call("/v1/api-keys");
  const rows = found.map((key) => [
    plain(key.name),
    plain(key.user),
    plain(day(key.created_at)),
    key.expires_at ? plain(day(key.expires_at)) : sentence("span", "muted", "never"),
    [removing("remove_named", key.name, () => call(at("api-keys", key.api_key_id), { method: "DELETE" }), "remove_key_why")],
  ]);
  return part("keys_why", button("primary", "add_key", addKey), table(["name", "user", "added", "expires", "actions"], rows, "none_yet"));
}

async function addKey() {
  const { users: all } = await call("/v1/users");
  const name = nameInput();
  const user = element("select", "", ...all.map((one) => option(one.name, null, one.name)));
  user.value = who().username;
  const expires = element("input");
  expires.type = "date";
  let key = null;
  const done = await form({
    title: "add_key", why: "add_key_why", act: "add",
    fields: [...field("new-name", "key_name", name), ...field("new-user", "key_user", user), ...field("new-expiry", "key_expires", expires)],
    send: async () => {
      const json = { name: name.value, user: user.value };
      if (expires.value) json.expires_at = new Date(`${expires.value}T23:59:59`).toISOString();
      ({ api_key: key } = await call("/v1/api-keys", { method: "POST", json }));
    },
  });
  if (!done) return;
  await showSecret({ title: "key_made", value: name.value, why: "key_once", secret: key });
  await showPart();
}

async function showPart() {
  const mine = ++turn;
  const content = await PARTS[current]();
  if (mine === turn && signedIn()) byId("administration-body").replaceChildren(...content);
}

export async function showAdministration(name) {
  current = Object.hasOwn(PARTS, name) ? name : "users";
  byId("administration-parts").replaceChildren(...Object.keys(PARTS).map((key) => {
    const link = sentence("a", "", `part_${key}`);
    link.href = `#administration/${key}`;
    if (key === current) link.setAttribute("aria-current", "page");
    return link;
  }));
  byId("administration-problem").replaceChildren();
  byId("administration-body").replaceChildren();
  try {
    await showPart();
  } catch (problem) {
    if (problem.status !== 401) byId("administration-problem").replaceChildren(problemNotice(problem));
  }
}

addEventListener("language-changed", () => {
  if (byId("administration-body").children.length) showPart().catch(() => {});
});
