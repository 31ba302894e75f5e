// Uploading: every file is a row at once; four go up at a time; then one request a second asks how
// far all of them are. What has been uploaded goes on without this page.
import { csrf, fill, get } from "./http.js";
import { onKey } from "./keys.js";

const AT_ONCE = 4;
const TRIES = 5;
const ASKED_AT_ONCE = 100;
const words = JSON.parse(document.getElementById("words").textContent);
const list = document.getElementById("uploads");
const template = document.getElementById("upload-row");
const sum = document.getElementById("upload-sum");
const curtain = document.getElementById("curtain");
const files = document.getElementById("files");
const department = document.getElementById("department");

const queue = [];
let sending = 0;
let total = 0;
let uploaded = 0;
const failed = new Set();

// ---- taking files in

function add(file, folder = "") {
  const row = template.content.firstElementChild.cloneNode(true);
  row.querySelector("[data-name]").append(middle(file.name));
  row.querySelector("[data-size]").textContent = size(file.size);
  row.querySelector("[data-folder]").textContent = folder;
  row.querySelector("[data-said]").textContent = words.waits;
  const upload = { file, row, stated: stated(), key: crypto.randomUUID?.() ?? String(Math.random()).slice(2), tries: 0 };
  total += 1;
  document.getElementById("no-uploads").hidden = true;
  list.prepend(row);
  queue.push(upload);
  next();
}

function stated() {
  const found = {};
  const record_class = document.getElementById("class").value;
  const file = document.getElementById("case-file").value.trim();
  if (department?.value) found.department = department.value;
  if (record_class) found.class = record_class;
  if (file) found.case_file = file;
  return found;
}

// Files dropped before a department was chosen wait in their rows; choosing one sends them off.
function placeless() {
  return Boolean(department?.required && !department.value);
}

function askForPlace() {
  department.closest("details").open = true;
  department.focus();
}

department?.addEventListener("change", () => {
  for (const upload of queue) upload.stated = stated();
  next();
});

async function take(transfer) {
  // The items are gone after the first await: fetch all of them now.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()).filter(Boolean);
  for (const entry of entries) {
    if (entry instanceof File) add(entry);
    else await walk(entry, "");
  }
}

async function walk(entry, folder) {
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) add(file, folder);
    return;
  }
  const reader = entry.createReader();
  const inside = folder ? `${folder}/${entry.name}` : entry.name;
  for (;;) {
    // A reader gives a hundred entries at a time, and an empty list at the end.
    const found = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!found.length) return;
    for (const each of found) await walk(each, inside);
  }
}

// ---- sending

function next() {
  if (queue.length && placeless()) askForPlace();
  while (!placeless() && sending < AT_ONCE && queue.length) {
    sending += 1;
    send(queue.shift());
  }
  tell();
}

function send(upload) {
  const { row, file } = upload;
  const said = row.querySelector("[data-said]");
  const bar = row.querySelector("progress");
  const request = new XMLHttpRequest();
  upload.tries += 1;
  request.open("PUT", "/api/v1/uploads");
  request.setRequestHeader("Muniment-Csrf", csrf());
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.setRequestHeader("Content-Disposition", `attachment; filename*=UTF-8''${encode(file.name)}`);
  request.setRequestHeader("Muniment-Metadata", ascii(JSON.stringify(upload.stated)));
  request.setRequestHeader("Idempotency-Key", upload.key);
  request.upload.addEventListener("progress", (event) => {
    const share = (100 * event.loaded) / Math.max(1, event.total);
    bar.value = share;
    said.textContent = share < 100 ? fill(words.sending, `${Math.floor(share)} %`) : words.checking;
  });
  request.addEventListener("loadend", () => {
    if (request.status === 202) {
      sending -= 1;
      arrived(upload, JSON.parse(request.responseText));
      next();
    } else if ((request.status === 0 || request.status === 429 || request.status === 503) && upload.tries < TRIES) {
      const seconds = 2 ** upload.tries;
      said.textContent = fill(words.retrying, seconds);
      setTimeout(() => send(upload), seconds * 1000);
    } else {
      sending -= 1;
      fail(upload, request);
      next();
    }
  });
  request.send(file);
}

function arrived(upload, record) {
  const { row } = upload;
  uploaded += 1;
  row.dataset.record = record.id;
  row.querySelector("[data-number]").textContent = record.number;
  const link = document.createElement("a");
  link.href = `/records/${record.id}`;
  link.append(...row.querySelector("[data-name]").childNodes);
  row.querySelector("[data-name]").append(link);
  row.querySelector("progress")?.remove();
  row.querySelector("[data-said]").textContent = words.taken;
  if (record.duplicate_of) {
    const twin = document.createElement("a");
    twin.href = `/records/${record.duplicate_of.id}`;
    twin.textContent = fill(words.duplicate, record.duplicate_of.number);
    row.querySelector(".about").append(twin);
  }
  look();
}

function fail(upload, request) {
  const { row } = upload;
  failed.add(upload);
  let reason = words.lost;
  if (request.status === 413) reason = words.too_large;
  else
    try {
      const problem = JSON.parse(request.responseText);
      reason = `${problem.detail || problem.title}.`.replace(/\.\.$/, ".");
    } catch {
      // An answer without words is a connection that was lost.
    }
  row.querySelector("progress")?.remove();
  row.querySelector("[data-said]").textContent = fill(words.failed, reason);
  const again = button(words.again, () => {
    failed.delete(upload);
    upload.tries = 0;
    upload.stated = stated();
    row.querySelector("[data-acts]").replaceChildren();
    row.querySelector("[data-said]").textContent = words.waits;
    queue.push(upload);
    next();
  });
  const remove = button(words.remove, () => {
    failed.delete(upload);
    total -= 1;
    row.remove();
    tell();
  });
  row.querySelector("[data-acts]").replaceChildren(again, remove);
}

// ---- looking how far they are

let looking = 0;

function look() {
  if (!looking) looking = setTimeout(ask, 500);
}

async function ask() {
  const open = [...list.querySelectorAll("[data-record]:not([data-settled])")];
  const rows = new Map(open.slice(-ASKED_AT_ONCE).map((row) => [row.dataset.record, row]));
  let again = open.length > 0;
  if (rows.size) {
    try {
      const answer = await get(`/upload/states?ids=${[...rows.keys()].join(",")}`);
      const found = answer.ok ? await answer.json() : {};
      for (const [id, row] of rows) show(row, found[id]);
    } catch {
      // The next look will tell.
    }
    again = list.querySelector("[data-record]:not([data-settled])") !== null;
  }
  tell();
  looking = again ? setTimeout(ask, document.hidden ? 5000 : 1000) : 0;
}

function show(row, found) {
  if (!found || row.dataset.state === found.state) return;
  row.dataset.state = found.state;
  row.querySelector("[data-now]").remove();
  row.querySelector("[data-acts]").remove();
  row.insertAdjacentHTML("beforeend", found.html);
  if (found.settled) row.dataset.settled = "";
}

function tell() {
  const reading = list.querySelectorAll("[data-record]:not([data-settled])").length;
  const parts = [];
  if (total) parts.push(fill(words.sum, uploaded, total));
  if (queue.length && placeless()) parts.push(words.choose);
  if (reading) parts.push(fill(words.reading, reading));
  if (total && !sending && !queue.length && !failed.size) parts.push(words.done);
  const text = parts.join(" · ");
  // Said aloud by screen readers, so only where it says something new.
  if (sum.textContent !== text) sum.textContent = text;
  document.getElementById("again-all").hidden = failed.size < 2;
}

// ---- small things

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "button slim";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

function middle(name) {
  const whole = document.createElement("bdi");
  whole.title = name;
  if (name.length <= 24) {
    whole.textContent = name;
    return whole;
  }
  whole.className = "middle";
  for (const [text, hidden] of [[name.slice(0, -12), true], [name.slice(-12), true], [name, false]]) {
    const part = document.createElement("span");
    part.textContent = text;
    if (hidden) part.setAttribute("aria-hidden", "true");
    else part.className = "unseen";
    whole.append(part);
  }
  return whole;
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  let value = bytes;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  const digits = at === 0 || value >= 100 ? 0 : 1;
  const language = document.documentElement.lang;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)} ${units[at]}`;
}

// RFC 8187: what encodeURIComponent leaves alone and a header's value may not hold.
function encode(name) {
  return encodeURIComponent(name.toWellFormed?.() ?? name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function ascii(json) {
  return json.replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// ---- the page

for (const input of [files, document.getElementById("folder")]) {
  input.addEventListener("change", () => {
    for (const file of input.files) add(file, file.webkitRelativePath.split("/").slice(0, -1).join("/"));
    input.value = "";
  });
}
document.getElementById("choose").addEventListener("click", () => files.click());
onKey("u", () => files.click());
document.getElementById("again-all").addEventListener("click", () => {
  for (const upload of [...failed]) upload.row.querySelector("[data-acts] button")?.click();
});

let depth = 0;
document.addEventListener("dragenter", (event) => {
  if (![...event.dataTransfer.types].includes("Files")) return;
  depth += 1;
  curtain.hidden = false;
});
document.addEventListener("dragleave", () => {
  depth = Math.max(0, depth - 1);
  curtain.hidden = depth === 0;
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  curtain.hidden = true;
  take(event.dataTransfer);
});
window.addEventListener("beforeunload", (event) => {
  if (!sending && !queue.length) return;
  event.preventDefault();
  event.returnValue = words.leave;
});
look();
