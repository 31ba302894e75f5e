// The verifier's page: takes files that are dropped on it, checks them in this browser and says what was found.
// Nothing is sent anywhere: this module and those it imports hold no request.
import { parseKey, parseNote, verifyExport, verifyProof } from "./verify_log.js";
import { inflate, openZip, Unsafe } from "./verify_zip.js";

const words = JSON.parse(document.getElementById("verify").dataset.words);
const [drop, input, key, bar, result] = ["drop", "files", "key", "progress", "result"].map((id) => document.getElementById(id));
const held = new Map();

const fill = (sentence, ...values) => sentence.replace(/\{(\d)\}/g, (_, at) => values[at]);
const made = (tag, content, name = "") => Object.assign(document.createElement(tag), { textContent: content, className: name });

function list(title, lines) {
  if (!lines.length) return [];
  const items = made("ul", "");
  items.append(...lines.map((line) => made("li", line)));
  return [made("h3", title), items];
}

function show(report, names) {
  const verdict = report.faults.length ? "wrong" : report.checked.length ? "good" : "nothing";
  const box = made("div", "", `notice ${{ wrong: "blocked", good: "done", nothing: "waiting" }[verdict]}`);
  box.append(made("p", words.verdict[verdict], "strong"));
  const about = made("p", report.size === null ? names : `${names}: ${fill(words.log, report.origin, report.size)}`, "soft");
  const faults = report.faults.slice(0, 100).map((one) => `${fill(words.position, one.position)}: ${words.kinds[one.kind] ?? one.kind}`);
  const checked = report.checked.map(([what, count]) => fill(words.checked[what], count));
  const open = [...new Set(report.open)].map((what) => words.open[what]);
  const known = report.withdrawn.map((range) => fill(words.withdrawn, ...range));
  const parts = { faults, checked, open, known };
  result.replaceChildren(box, about, ...Object.entries(parts).flatMap(([part, lines]) => list(words.titles[part], lines)));
  result.dataset.verdict = verdict;
  result.focus();
}

function refuse(sentence) {
  const box = made("div", "", "notice blocked");
  box.append(made("p", sentence, "strong"));
  result.replaceChildren(box);
  result.dataset.verdict = "wrong";
}

async function keysGiven() {
  const lines = key.value.split("\n").map((line) => line.trim()).filter(Boolean);
  return Promise.all(lines.map(parseKey));
}

// Of two checks under way only the one begun last may speak.
let latest = 0;
let keyUsed = "";

async function check() {
  if (!held.size) return;
  const mine = (latest += 1);
  keyUsed = key.value;
  if (!globalThis.crypto?.subtle) return refuse(words.insecure);
  let keys;
  try {
    keys = await keysGiven();
  } catch {
    return refuse(words.no_key);
  }
  const names = [...held.keys()].join(", ");
  const [archive, proof] = [".zip", ".tlog-proof"].map((end) => [...held.values()].find((file) => file.name.endsWith(end)));
  const others = [...held.values()].filter((file) => file !== archive && file !== proof);
  bar.hidden = false;
  try {
    if (archive) {
      const earlier = [];
      for (const file of others) earlier.push(parseNote(new Uint8Array(await file.arrayBuffer())));
      const files = await openZip(archive);
      const report = await verifyExport(files, { keys, earlier, inflate, progress: (share) => (bar.value = share) });
      if (mine === latest) show(report, names);
    } else if (proof) {
      const leaf = others[0] && new Uint8Array(await others[0].arrayBuffer());
      const report = await verifyProof(new Uint8Array(await proof.arrayBuffer()), leaf, keys);
      if (mine === latest) show(report, names);
    } else refuse(words.unknown);
  } catch (error) {
    if (mine === latest) refuse(error instanceof Unsafe ? words.kinds.archive : words.unknown);
  } finally {
    if (mine === latest) bar.hidden = true;
  }
}

function take(files) {
  // A new archive or proof begins anew; what comes after it belongs to it.
  if ([...files].some((file) => /\.(zip|tlog-proof)$/.test(file.name))) held.clear();
  for (const file of files) held.set(file.name, file);
  return check();
}

input.addEventListener("change", () => take(input.files));
key.addEventListener("change", () => key.value !== keyUsed && check());
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  return take(event.dataTransfer.files);
});
