// Every word of the page in both languages, and the elements that carry them.
// An element that was given a text key is rewritten when the language changes.

const documentsEn = (n) => (n === 1 ? "1 document" : `${n} documents`);

const TEXTS = {
  en: {
    other_language: "中文",
    skip: "Skip to content",
    tagline: "Answers from your own documents",
    footer: "Everything stays on this organisation's machines.",
    views: "Views",
    ask: "Ask",
    search: "Search",
    documents: "Documents",
    sign_in: "Sign in",
    sign_out: "Sign out",
    sign_in_title: "Sign in with your API key",
    sign_in_why: "Your administrator gives you the key. It decides which documents you may see.",
    api_key: "API key",
    keep_key: "Keep until this tab is closed",
    key_refused: "This API key is not accepted. It may be mistyped, expired or withdrawn. Enter it again or ask your administrator for a new one.",
    knowledge_base: "Knowledge base",
    all_bases: "All that I may read",
    base_option: ({ name, documents }) => `${name} (${documentsEn(documents)})`,
    question: "Your question",
    search_words: "What are you looking for?",
    enter_sends: "Enter sends, Shift+Enter starts a new line. Chinese or English.",
    stop: "Stop",
    close: "Close",
    looking: "Looking through the documents…",
    writing: "Writing the answer…",
    answer_complete: "The answer is complete.",
    stopped: "Stopped. What is shown may be incomplete.",
    answer_to: (question) => `Answer to: ${question}`,
    not_found: "The documents do not answer this",
    not_found_yet: "Nothing found yet",
    not_found_hint: "Try other words, another knowledge base, or ask the person responsible.",
    pending: (n) => `${documentsEn(n)} ${n === 1 ? "is" : "are"} still being read; what ${n === 1 ? "it says" : "they say"} may be missing here.`,
    reasoning: "How the model reasoned (not checked)",
    unsupported: "not confirmed by the documents",
    unsupported_why: "The passages that were found do not confirm this sentence. Check it before you rely on it.",
    answered_by: (model) => `Written by ${model} from the passages cited`,
    extracts: "Extracts from the documents",
    sources: "Sources",
    considered: (n) => `All passages considered (${n})`,
    passage: "Passage",
    source: ({ n, title, page }) => `Source ${n}: ${title}${page ? `, page ${page}` : ""}`,
    source_soon: (n) => `Source ${n}`,
    page: (n) => `Page ${n}`,
    replaced_on: (at) => `Replaced on ${day(at)} by a newer version`,
    hits: (n) => (n === 0 ? "Nothing found" : n === 1 ? "1 passage" : `${n} passages`),
    took: (timings) => `Took ${durations(timings)}`,
    request: (id) => `Request ${id}`,
    upload_to: "Add to",
    choose_files: "Choose files…",
    drop_here: "Or drop files here. PDF, Word, text, web pages, JSONL and others.",
    no_base: "You have no knowledge base to add documents to. Ask your administrator.",
    no_folders: "Folders cannot be dropped here; drop the files inside.",
    title: "Title",
    state: "State",
    pages: "Pages",
    version: "Version",
    added: "Added",
    actions: "Actions",
    no_documents: "No documents yet.",
    more: "Show more",
    delete: "Delete",
    delete_named: (title) => `Delete ${title}`,
    delete_sure: (title) => `Delete “${title}” for good? The document, its index entries and the key of its original are destroyed. This cannot be undone.`,
    cancel: "Cancel",
    replace: "Replace",
    keep_both: "Keep both",
    exists: (name) => `“${name}” is already here with other content. Replace it with this new version, or keep both?`,
    sending: "Sending…",
    waiting: "Received, waiting to be read…",
    reading: "Being read…",
    readable: "Findable by words",
    ready: "Ready",
    failed: "Could not be read",
    state_pending: "Waiting",
    state_refused: "Refused",
    some_refused: (n) => `Ready, but ${n === 1 ? "1 part was" : `${n} parts were`} refused`,
    already_there: "Already there, nothing to do",
    not_added: "Not added",
    unreachable: "The server does not answer. Check your connection and try again.",
    cut_off: "The connection ended before the answer was complete. Ask again.",
    not_permitted: "You do not have the permission for this. Ask your administrator.",
    gone: "This does not exist, or you may not see it.",
    too_large: "This is too large.",
    too_busy: (seconds) => `The server is busy. Try again in ${seconds > 0 ? `${seconds} s` : "a few seconds"}.`,
    document_refused: "This file cannot be taken in.",
    model_unavailable: "The model does not answer. Try again, or use the search meanwhile.",
    store_full: "The server has no room left. Tell your administrator.",
    went_wrong: "Something went wrong.",
  },
  zh: {
    other_language: "English",
    skip: "跳到正文",
    tagline: "答案出自本单位的文档",
    footer: "所有数据都留在本单位的机器上。",
    views: "功能",
    ask: "提问",
    search: "搜索",
    documents: "文档",
    sign_in: "登录",
    sign_out: "退出",
    sign_in_title: "使用 API 密钥登录",
    sign_in_why: "密钥由管理员发放，它决定您可以查看哪些文档。",
    api_key: "API 密钥",
    keep_key: "在关闭此标签页之前记住密钥",
    key_refused: "密钥未被接受，可能输入有误、已过期或已被收回。请重新输入，或向管理员索取新的密钥。",
    knowledge_base: "知识库",
    all_bases: "我可以查看的全部知识库",
    base_option: ({ name, documents }) => `${name}（${documents} 份文档）`,
    question: "您的问题",
    search_words: "您要查找什么？",
    enter_sends: "按 Enter 发送，Shift+Enter 换行。中文、英文均可。",
    stop: "停止",
    close: "关闭",
    looking: "正在查找文档……",
    writing: "正在撰写答案……",
    answer_complete: "答案已完成。",
    stopped: "已停止，显示的内容可能不完整。",
    answer_to: (question) => `问题：${question}`,
    not_found: "文档中没有这个问题的答案",
    not_found_yet: "暂未找到",
    not_found_hint: "请换个说法或换个知识库再试，也可以询问相关负责人。",
    pending: (n) => `还有 ${n} 份文档正在读取，其中的内容可能尚未包含在内。`,
    reasoning: "模型的推理过程（未经核对）",
    unsupported: "文档未能证实",
    unsupported_why: "找到的段落不能证实这句话，采用之前请先核对。",
    answered_by: (model) => `由 ${model} 根据所引段落撰写`,
    extracts: "文档原文摘录",
    sources: "出处",
    considered: (n) => `参考过的全部段落（${n}）`,
    passage: "段落",
    source: ({ n, title, page }) => `出处 ${n}：${title}${page ? `，第 ${page} 页` : ""}`,
    source_soon: (n) => `出处 ${n}`,
    page: (n) => `第 ${n} 页`,
    replaced_on: (at) => `已于 ${day(at)} 被新版本取代`,
    hits: (n) => (n === 0 ? "没有找到" : `${n} 个段落`),
    took: (timings) => `用时 ${durations(timings)}`,
    request: (id) => `请求编号 ${id}`,
    upload_to: "添加到",
    choose_files: "选择文件……",
    drop_here: "也可以把文件拖放到这里。支持 PDF、Word、文本、网页、JSONL 等格式。",
    no_base: "没有可供您添加文档的知识库，请联系管理员。",
    no_folders: "不能拖放文件夹，请拖放其中的文件。",
    title: "标题",
    state: "状态",
    pages: "页数",
    version: "版本",
    added: "添加时间",
    actions: "操作",
    no_documents: "还没有文档。",
    more: "显示更多",
    delete: "删除",
    delete_named: (title) => `删除 ${title}`,
    delete_sure: (title) => `要永久删除《${title}》吗？文档、索引条目以及原件的密钥都会被销毁，且无法恢复。`,
    cancel: "取消",
    replace: "替换",
    keep_both: "两份都保留",
    exists: (name) => `《${name}》已经存在，但内容不同。要用新版本替换它，还是两份都保留？`,
    sending: "正在上传……",
    waiting: "已收到，等待读取……",
    reading: "正在读取……",
    readable: "可按词语查找",
    ready: "就绪",
    failed: "无法读取",
    state_pending: "等待中",
    state_refused: "未接收",
    some_refused: (n) => `就绪，但有 ${n} 部分未被接收`,
    already_there: "已经存在，无需处理",
    not_added: "未添加",
    unreachable: "服务器没有响应。请检查网络连接后重试。",
    cut_off: "连接在答案完成之前中断，请重新提问。",
    not_permitted: "您没有这项操作的权限，请联系管理员。",
    gone: "内容不存在，或者您无权查看。",
    too_large: "内容过大。",
    too_busy: (seconds) => `服务器繁忙，请在${seconds > 0 ? ` ${seconds} 秒` : "几秒"}后重试。`,
    document_refused: "这个文件无法接收。",
    model_unavailable: "模型没有响应。请稍后重试，也可以先使用搜索。",
    store_full: "服务器存储空间已满，请告知管理员。",
    went_wrong: "出现了问题。",
  },
};

const CHOICE = "strongroom.language";
const values = new WeakMap();
let current = firstLanguage();

function firstLanguage() {
  try {
    const chosen = localStorage.getItem(CHOICE);
    if (chosen in TEXTS) return chosen;
  } catch { /* storage may be forbidden */ }
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const languageTag = () => (current === "zh" ? "zh-CN" : "en");

export function text(key, value) {
  const entry = TEXTS[current][key];
  return typeof entry === "function" ? entry(value) : entry ?? key;
}

export function switchLanguage() {
  current = current === "zh" ? "en" : "zh";
  try {
    localStorage.setItem(CHOICE, current);
  } catch { /* the choice then lasts until the page is left */ }
  translate();
}

export function translate(root = document) {
  document.documentElement.lang = languageTag();
  for (const node of root.querySelectorAll("[data-text], [data-label]")) {
    const { key = node.dataset.text, value } = values.get(node) ?? {};
    if (key) node.textContent = text(key, value);
    if (node.dataset.label) node.setAttribute("aria-label", text(node.dataset.label, value));
  }
}

// Gives an element a text that follows the language.
export function say(node, key, value) {
  values.set(node, { key, value });
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
  values.set(node, { key: undefined, value });
  node.dataset.label = key;
  node.setAttribute("aria-label", text(key, value));
  return node;
}

export function element(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

export const sentence = (tag, className, key, value) => say(element(tag, className), key, value);

export function day(value, withTime = false) {
  const at = new Date(typeof value === "number" ? value * 1000 : value);
  if (Number.isNaN(at.getTime())) return String(value);
  const style = withTime ? { dateStyle: "medium", timeStyle: "short" } : { dateStyle: "medium" };
  return new Intl.DateTimeFormat(languageTag(), style).format(at);
}

const shown = (value) => (typeof value === "number" ? `${Math.round(value * 10) / 10} ms` : value);

function durations({ total, ...stages }) {
  const parts = Object.entries(stages).map(([name, value]) => `${name.replaceAll("_", " ")} ${shown(value)}`);
  if (total === undefined) return parts.join(" · ");
  return parts.length ? `${shown(total)} (${parts.join(" · ")})` : shown(total);
}

// What the page itself says about a problem, by its code or else its status.
const OWN_WORDS = {
  cut_off: "cut_off", document_refused: "document_refused", model_unavailable: "model_unavailable", store_full: "store_full",
  0: "unreachable", 401: "key_refused", 403: "not_permitted", 404: "gone", 413: "too_large", 429: "too_busy",
};

// A problem in the reader's language first, then what the server says and advises.
export function problemNotice(problem) {
  const { status, code, title, detail, advice, request_id: requestId, retryAfter } = problem;
  const own = OWN_WORDS[code] ?? OWN_WORDS[status];
  const said = status === 401 ? [] : [detail ?? title, advice].filter(Boolean);
  const notice = element("div", "notice problem");
  if (own || !said.length) notice.append(sentence("p", "strong", own ?? "went_wrong", retryAfter));
  notice.append(...said.map((words) => element("p", "", words)));
  if (requestId) notice.append(sentence("p", "muted small", "request", requestId));
  return notice;
}
