// The checks of the verifier page, on bytes that lie on this machine: the same rules as in muniment_verify.py, in
// the browser's own SHA-256 and Ed25519. Imports nothing, asks nobody. docs/audit-format.md has the format.
const TILE = 256;
const WITHDRAWN = "log.withdrawn";
const MOST_ENTRY = 65_535;
const MOST_BUNDLE = TILE * (MOST_ENTRY + 2);
const AROUND = new Set(["archive", "checkpoint", "key", "manifest", "opening", "proof", "signature"]);
const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (word) => Uint8Array.from(word.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const same = (one, two) => one.length === two.length && one.every((byte, at) => byte === two[at]);

function fromBase64(word) {
  const bytes = Uint8Array.from(atob(word), (one) => one.charCodeAt(0));
  if (btoa(String.fromCharCode(...bytes)) !== word) throw new Error("base64");
  return bytes;
}

export async function sha256(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}
export const leafHash = (entry) => sha256(Uint8Array.of(0), entry);
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

/** The root over perfect subtrees [height, hash] from left to right. */
async function fold(nodes) {
  const stack = [];
  for (let [height, hash] of nodes) {
    while (stack.length && stack.at(-1)[0] === height) {
      hash = await nodeHash(stack.pop()[1], hash);
      height += 1;
    }
    stack.push([height, hash]);
  }
  if (!stack.length) return sha256(new Uint8Array());
  let top = stack.pop()[1];
  while (stack.length) top = await nodeHash(stack.pop()[1], top);
  return top;
}

async function perfect(hashes) {
  let level = hashes;
  while (level.length > 1) {
    const pairs = [];
    for (let at = 0; at < level.length; at += 2) pairs.push(nodeHash(level[at], level[at + 1]));
    level = await Promise.all(pairs);
  }
  return level[0];
}

/** Whether a proof leads from a leaf's hash to a root (RFC 9162, 2.1.3.2). */
export async function isIncluded(leaf, index, size, path, root) {
  if (index < 0 || index >= size) return false;
  let [place, last, top] = [BigInt(index), BigInt(size) - 1n, leaf];
  for (const sibling of path) {
    if (last === 0n) return false;
    if (place & 1n || place === last) {
      top = await nodeHash(sibling, top);
      while (place && !(place & 1n)) [place, last] = [place >> 1n, last >> 1n];
    } else top = await nodeHash(top, sibling);
    [place, last] = [place >> 1n, last >> 1n];
  }
  return last === 0n && same(top, root);
}

export async function parseKey(line) {
  const [name, id, ...rest] = line.trim().split("+");
  const data = fromBase64(rest.join("+"));
  if (data.length !== 33 || data[0] !== 1) throw new Error("key");
  const own = (await sha256(utf8.encode(`${name}\n`), data)).slice(0, 4);
  if (hex(own) !== id) throw new Error("key");
  return { name, id, public: data.slice(1), line: line.trim() };
}

export function parseNote(bytes) {
  const whole = text.decode(bytes);
  const end = whole.lastIndexOf("\n\n");
  const body = whole.slice(0, end).split("\n");
  if (end < 0 || !whole.endsWith("\n") || body.length !== 3 || /[\x00-\x09\x0b-\x1f]/.test(whole)) throw new Error("note");
  if (!/^(0|[1-9][0-9]{0,15})$/.test(body[1]) || !body[0] || /[\s+]/.test(body[0])) throw new Error("note");
  const root = fromBase64(body[2]);
  if (root.length !== 32) throw new Error("note");
  const lines = whole
    .slice(end + 2, -1)
    .split("\n")
    .map((line) => {
      const match = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line);
      if (!match) throw new Error("note");
      const blob = fromBase64(match[2]);
      return { name: match[1], id: hex(blob.slice(0, 4)), signature: blob.slice(4) };
    });
  return { origin: body[0], size: Number(body[1]), root, text: whole.slice(0, end + 1), lines };
}

/** true: signed by the key; false: not, or wrongly; null: this browser has no Ed25519. */
export async function isSigned(note, key) {
  let known;
  try {
    known = await crypto.subtle.importKey("raw", key.public, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return null;
  }
  let found = false;
  for (const line of note.lines) {
    if (line.name !== key.name || line.id !== key.id) continue;
    if (!(await crypto.subtle.verify({ name: "Ed25519" }, known, line.signature, utf8.encode(note.text)))) return false;
    found = true;
  }
  return found;
}

export function parseProof(bytes) {
  const whole = text.decode(bytes);
  const end = whole.indexOf("\n\n");
  const lines = whole.slice(0, end).split("\n");
  if (end < 0 || lines.shift() !== "c2sp.org/tlog-proof@v1") throw new Error("proof");
  if (lines[0]?.startsWith("extra ")) lines.shift();
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? "");
  const path = lines.map(fromBase64);
  if (!index || path.some((hash) => hash.length !== 32)) throw new Error("proof");
  return { index: Number(index[1]), path, note: parseNote(utf8.encode(whole.slice(end + 2))) };
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/** The entry that these bytes are the only encoding of; raises otherwise. */
export function parseEntry(bytes) {
  const written = text.decode(bytes);
  const value = JSON.parse(written);
  const isWhole = (number) => Number.isSafeInteger(number) && number >= 0;
  if (bytes.length > MOST_ENTRY || /[^\x20-\x7e]/.test(written) || canonical(value) !== written) throw new Error("form");
  if (Object.keys(value).join() !== "a,b,p,s,v" || value.v !== 1 || !isWhole(value.s) || !isWhole(value.a)) throw new Error("form");
  if (!/^[0-9a-f]{64}$/.test(value.p) || !["action", "actor", "id", "outcome", "t"].every((key) => key in value.b)) throw new Error("form");
  return value;
}

export function tilePath(level, number, width = TILE) {
  const groups = [String(number % 1000).padStart(3, "0")];
  for (let rest = Math.floor(number / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  }
  return `tile/${level}/${groups.join("/")}${width === TILE ? "" : `.p/${width}`}`;
}

function cut(bytes) {
  const entries = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const next = at + 2 + ((bytes[at] << 8) | bytes[at + 1]);
    if (next > bytes.length) break;
    entries.push(bytes.subarray(at + 2, next));
    at = next;
  }
  return { entries, isWhole: at === bytes.length };
}

/** A report that grows: what was checked, what was not, what was withdrawn [from, to, entry that says so], and faults. */
export class Report {
  checked = [];
  open = [];
  withdrawn = [];
  faults = [];
  origin = "";
  size = null;
  root = null;
  fault(position, kind) {
    if (!this.faults.some((one) => one.position === position && one.kind === kind)) this.faults.push({ position, kind });
  }
}

/** Checks an export; `files` maps names to functions that give bytes. `progress` is told how far it is. */
export async function verifyExport(files, { keys = [], earlier = [], inflate, progress = () => {} }) {
  const report = new Report();
  const get = async (name, limit = 1_000_000) => (files.has(name) ? files.get(name)(limit) : null);
  await checkList(files, report);
  let note;
  try {
    note = parseNote(await get("checkpoint"));
  } catch {
    report.fault(0, "checkpoint");
    return report;
  }
  [report.origin, report.size, report.root] = [note.origin, note.size, hex(note.root)];
  const log = await readEntries(files, note.size, report, { inflate, progress });
  const root = await rootAt(log, note.size);
  const known = [...log.keys];
  for (const line of await listedKeys(get)) if (!known.some((key) => key.line === line.line)) known.push(line);
  if (root === null) report.open.push("root");
  else if (same(root, note.root)) report.checked.push(["root", note.size]);
  else if (!report.faults.some((one) => ["altered", "chain", "form", "sequence", "missing", "bundle"].includes(one.kind))) report.fault(0, "root");
  if (keys.length && known.length && !keys.some((key) => known.some((one) => one.line === key.line))) report.fault(0, "key");
  if (!keys.length) report.open.push("key");
  const trusted = keys.length ? [...keys, ...known] : known;
  await checkSignature(note, trusted, report);
  await checkEarlier(files, get, earlier, note, log, trusted, report);
  await checkSingles(files, get, log, trusted, report);
  await checkOpenings(get, log, report);
  progress(1);
  // What is wrong with an entry tells more than what lies around it.
  const rank = (one) => (AROUND.has(one.kind) ? 1 : 0);
  report.faults.sort((one, two) => rank(one) - rank(two) || one.position - two.position);
  return report;
}

async function checkList(files, report) {
  if (!files.has("manifest.json")) return;
  let list;
  try {
    list = JSON.parse(text.decode(await files.get("manifest.json")(1 << 30))).files;
    if (typeof list !== "object") throw new Error("manifest");
  } catch {
    report.fault(0, "manifest");
    return;
  }
  for (const name of files.keys()) if (name !== "manifest.json" && !(name in list)) report.fault(0, "manifest");
  for (const [name, digest] of Object.entries(list)) {
    const bytes = files.has(name) ? await files.get(name)(1 << 28).catch(() => null) : null;
    if (bytes === null || hex(await sha256(bytes)) !== digest) report.fault(0, "manifest");
  }
  report.checked.push(["files", Object.keys(list).length]);
}

async function listedKeys(get) {
  try {
    const list = JSON.parse(text.decode(await get("manifest.json", 1 << 30))).vkeys ?? [];
    return await Promise.all(list.map(parseKey));
  } catch {
    return [];
  }
}

/** All bundles and tiles there are, each checked by itself and against the one before. */
async function readEntries(files, size, report, { inflate, progress }) {
  const log = { files, size, own: new Map(), leaves: new Map(), tiles: new Map(), keys: [], said: new Map(), inflate, count: 0 };
  const bundles = Math.ceil(size / TILE);
  const scope = await scopeOf(files);
  const absent = [];
  let last = null;
  for (let number = 0; number < bundles; number += 1) {
    progress(number / bundles);
    const width = Math.min(TILE, size - number * TILE);
    const tile = await readTile(log, 0, number, report);
    const bytes = await readBundle(files, number, width, inflate).catch(() => undefined);
    if (bytes === undefined) report.fault(number * TILE, "bundle");
    if (bytes === null && isExpected(scope, number, size)) absent.push(number);
    if (!bytes) {
      last = null;
      continue;
    }
    const { entries, isWhole } = cut(bytes);
    if (!isWhole || entries.length < width) report.fault(number * TILE + Math.min(entries.length, width - 1), "bundle");
    const hashes = await Promise.all(entries.slice(0, width).map(leafHash));
    last = await checkEntries(log, number, entries.slice(0, width), hashes, tile, last, report);
    log.count += hashes.length;
    if (hashes.length === width) {
      log.leaves.set(number, hashes);
      if (width === TILE) log.own.set(number, await perfect(hashes));
    }
  }
  if (log.count) report.checked.push(["entries", log.count]);
  await checkAbsent(log, absent, report);
  return log;
}

/** Bundles that are not there: withdrawn by two persons, or missing. */
async function checkAbsent(log, absent, report) {
  const gone = new Set();
  for (const { from, to, event } of await listedWithdrawals(log.files, report)) {
    if (!isWithdrawal(await saidBy(log, event), from, to, event)) {
      report.fault(from, "missing");
      continue;
    }
    const those = absent.filter((number) => from <= number * TILE && (number + 1) * TILE <= to);
    if (those.length) report.withdrawn.push([from, to - 1, event]);
    for (const number of those) gone.add(number);
  }
  for (const number of absent) if (!gone.has(number)) report.fault(number * TILE, "missing");
}

/** What withdrawn.json says is gone; whether that is so, the entries tell. */
async function listedWithdrawals(files, report) {
  if (!files.has("withdrawn.json")) return [];
  try {
    const list = JSON.parse(text.decode(await files.get("withdrawn.json")(1 << 26)));
    const isOne = (one) => [one.from, one.to, one.event].every((at) => Number.isSafeInteger(at) && at >= 0) && one.from < one.to;
    if (!Array.isArray(list) || !list.every(isOne)) throw new Error("withdrawn");
    return list;
  } catch {
    report.fault(0, "missing");
    return [];
  }
}

/** The body of an entry that withdraws: one of a bundle here, or one by itself whose hash is in the tree or has a proof. */
async function saidBy(log, event) {
  if (log.said.has(event) || event >= log.size) return log.said.get(event);
  try {
    const leaf = await log.files.get(`leaves/${event}.json`)(MOST_ENTRY);
    const value = parseEntry(leaf);
    const stated = await node(log, 0, event);
    const isHeld = stated ? same(stated, await leafHash(leaf)) : log.files.has(`proofs/${event}.tlog-proof`);
    return isHeld && value.s === event && value.b.action === WITHDRAWN ? value.b : undefined;
  } catch {
    return undefined;
  }
}

/** Whether two persons withdrew this range by it: whole bundles from before it, and never the first. */
function isWithdrawal(body, from, to, event) {
  if (body?.d?.from !== from || body.d.to !== to || body.outcome !== "done") return false;
  if (!body.actor.i || !body.x || body.x === body.actor.i) return false;
  return from % TILE === 0 && to % TILE === 0 && TILE <= from && to <= event;
}

/** What the export says it holds: "all" of the log, a range with from and to, or neither. */
async function scopeOf(files) {
  if (!files.has("manifest.json")) return "all";
  try {
    const { scope } = JSON.parse(text.decode(await files.get("manifest.json")(1 << 30)));
    return scope.whole === true ? "all" : scope;
  } catch {
    return null;
  }
}

/** Whether a bundle should be there, unless it was withdrawn. */
function isExpected(scope, number, size) {
  if (scope === "all") return true;
  if (!Number.isSafeInteger(scope?.from) || !Number.isSafeInteger(scope?.to)) return false;
  return number * TILE < Math.min(scope.to, size) && (number + 1) * TILE > scope.from;
}

async function readBundle(files, number, width, inflate) {
  for (const asked of new Set([width, TILE])) {
    const name = tilePath("entries", number, asked);
    if (files.has(name)) return files.get(name)(MOST_BUNDLE);
    if (files.has(`${name}.gz`)) return inflate(new Blob([await files.get(`${name}.gz`)(MOST_BUNDLE)]), "gzip", MOST_BUNDLE);
  }
  return null;
}

async function readTile(log, level, number, report) {
  const width = Math.min(TILE, Math.floor(log.size / TILE ** level) - number * TILE);
  const key = `${level}/${number}`;
  if (width <= 0 || log.tiles.has(key)) return log.tiles.get(key) ?? null;
  let hashes = null;
  for (const asked of new Set([width, TILE])) {
    const name = tilePath(level, number, asked);
    if (!log.files.has(name)) continue;
    const bytes = await log.files.get(name)(TILE * 32).catch(() => new Uint8Array());
    if (bytes.length !== asked * 32) report?.fault(number * TILE ** (level + 1), "tile");
    else hashes = Array.from({ length: width }, (_, at) => bytes.slice(at * 32, at * 32 + 32));
    break;
  }
  log.tiles.set(key, hashes);
  return hashes;
}

async function checkEntries(log, number, entries, hashes, tile, before, report) {
  const first = number * TILE;
  let last = before;
  const values = entries.map((bytes) => {
    try {
      return parseEntry(bytes);
    } catch {
      return null;
    }
  });
  let shifted = false;
  for (let at = 0; at < entries.length; at += 1) {
    const [position, value] = [first + at, values[at]];
    if (value === null) {
      report.fault(position, "form");
      last = null;
      continue;
    }
    if (value.s !== position && !shifted) {
      shifted = true;
      report.fault(position, "sequence");
    }
    const expected = position === 0 ? "0".repeat(64) : last?.hash;
    const differs = tile !== null && !same(tile[at], hashes[at]);
    if (expected && value.p !== expected && !shifted) {
      const followed = values[at + 1]?.p === hex(hashes[at]);
      report.fault(position && followed ? position - 1 : position, position && followed ? "altered" : "chain");
    }
    if (last && value.a < last.a) report.fault(position, "time");
    if (differs && !shifted) report.fault(position, values[at + 1]?.p === hex(hashes[at]) ? "tile" : "altered");
    if ((position === 0) !== (value.b.action === "log.started")) report.fault(position, "start");
    if (["log.started", "log.key_changed"].includes(value.b.action)) {
      await parseKey(String(value.b.d?.vkey)).then(
        (key) => log.keys.push(key),
        () => report.fault(position, "start"),
      );
    }
    if (value.b.action === WITHDRAWN) log.said.set(position, value.b);
    last = { hash: hex(hashes[at]), a: value.a };
  }
  return entries.length ? last : null;
}

/** The hash over the complete subtree of 256^level entries; from entries where they are here, else from tiles. */
async function node(log, level, index) {
  if (level === 0) {
    const number = Math.floor(index / TILE);
    return (log.leaves.get(number) ?? (await readTile(log, 0, number)))?.[index % TILE] ?? null;
  }
  if (level === 1 && log.own.has(index)) return log.own.get(index);
  const above = await readTile(log, level, Math.floor(index / TILE));
  if (above) return above[index % TILE];
  if (level === 1) {
    const leaves = await readTile(log, 0, index);
    return leaves?.length === TILE ? perfect(leaves) : null;
  }
  return null;
}

async function rootAt(log, size) {
  const nodes = [];
  for (let level = 6; level >= 0; level -= 1) {
    const end = Math.floor(size / TILE ** level);
    for (let index = Math.floor(end / TILE) * TILE; index < end; index += 1) {
      const hash = await node(log, level, index);
      if (!hash) return null;
      nodes.push([8 * level, hash]);
    }
  }
  return fold(nodes);
}

async function checkSignature(note, keys, report) {
  if (!keys.length) {
    report.open.push("signature");
    return false;
  }
  const said = await Promise.all(keys.map((key) => isSigned(note, key)));
  if (said.includes(null)) {
    if (!report.open.includes("ed25519")) report.open.push("ed25519");
    return true;
  }
  const good = note.origin === report.origin && said.includes(true);
  if (!good) report.fault(Math.max(note.size - 1, 0), note.origin === report.origin ? "signature" : "checkpoint");
  return good;
}

async function checkEarlier(files, get, earlier, newest, log, keys, report) {
  const notes = [...earlier];
  for (const name of files.keys()) {
    if (!name.startsWith("checkpoints/")) continue;
    try {
      notes.push(parseNote(await get(name)));
    } catch {
      report.fault(Number(name.split("/")[1]) || 0, "checkpoint");
    }
  }
  let [covered, count] = [0, 1];
  const others = notes.filter((note) => note.size !== newest.size || !same(note.root, newest.root));
  for (const note of others.sort((one, two) => one.size - two.size)) {
    if (!(await checkSignature(note, keys, report))) continue;
    if (note.size > newest.size) {
      report.fault(newest.size, "truncated");
      continue;
    }
    const root = await rootAt(log, note.size);
    if (root === null) report.open.push("consistency");
    else if (same(root, note.root)) [covered, count] = [note.size, count + 1];
    else report.fault(exactly(report, covered, note.size), "fork");
  }
  report.checked.push(["checkpoints", count]);
  if (!earlier.length) report.open.push("earlier");
}

/** Where a log parts from a checkpoint: at an entry that is known to be wrong, else behind the last one that agreed. */
function exactly(report, from, to) {
  const known = report.faults.filter((one) => !AROUND.has(one.kind) && one.position >= from && one.position < to);
  return known.length ? Math.min(...known.map((one) => one.position)) : from;
}

/** Single entries with their proofs. */
async function checkSingles(files, get, log, keys, report) {
  let count = 0;
  for (const name of files.keys()) {
    const match = /^proofs\/([0-9]{1,15})\.tlog-proof$/.exec(name);
    if (!match) continue;
    const position = Number(match[1]);
    const leaf = await get(`leaves/${position}.json`, MOST_ENTRY);
    try {
      const proof = parseProof(await get(name));
      const hash = leaf ? await leafHash(leaf) : await node(log, 0, position);
      if (hash === null) continue;
      const holds = proof.index === position && (await isIncluded(hash, position, proof.note.size, proof.path, proof.note.root));
      if (!holds || !(await checkSignature(proof.note, keys, report))) report.fault(position, "proof");
      else count += 1;
    } catch {
      report.fault(position, "proof");
    }
    const true_ = leaf && position < log.size ? await node(log, 0, position) : null;
    if (true_ && !same(true_, await leafHash(leaf))) report.fault(position, "altered");
  }
  if (count) report.checked.push(["proofs", count]);
}

async function checkOpenings(get, log, report) {
  const bytes = await get("openings.jsonl", 1 << 30);
  if (!bytes) return;
  let count = 0;
  for (const line of text.decode(bytes).split("\n").filter(Boolean)) {
    let position = 0;
    try {
      const one = JSON.parse(line);
      position = one.seq;
      const entry = (await get(`leaves/${position}.json`, MOST_ENTRY)) ?? (await entryOf(log, position));
      if (!entry) {
        report.open.push("opening");
        continue;
      }
      const stated = parseEntry(entry).b.c.find((item) => item.f === one.field).h;
      const own = await sha256(Uint8Array.of(2), unhex(one.nonce), utf8.encode(one.field), Uint8Array.of(0), utf8.encode(one.value));
      if (hex(own) !== stated) throw new Error("opening");
      count += 1;
    } catch {
      report.fault(position, "opening");
    }
  }
  report.checked.push(["openings", count]);
}

async function entryOf(log, position) {
  const number = Math.floor(position / TILE);
  const width = Math.min(TILE, log.size - number * TILE);
  const bundle = await readBundle(log.files, number, width, log.inflate);
  return bundle ? cut(bundle).entries[position % TILE] : null;
}

/** Checks one entry with its proof. */
export async function verifyProof(proofBytes, leaf, keys) {
  const report = new Report();
  let proof;
  try {
    proof = parseProof(proofBytes);
  } catch {
    report.fault(0, "proof");
    return report;
  }
  const { note, index, path } = proof;
  [report.origin, report.size, report.root] = [note.origin, note.size, hex(note.root)];
  if (keys.length) {
    if (await checkSignature(note, keys, report)) report.checked.push(["checkpoints", 1]);
  } else report.open.push("signature");
  if (!leaf) {
    report.open.push("leaf");
    return report;
  }
  try {
    if (parseEntry(leaf).s !== index) report.fault(index, "sequence");
  } catch {
    report.fault(index, "form");
  }
  if (await isIncluded(await leafHash(leaf), index, note.size, path, note.root)) report.checked.push(["proofs", 1]);
  else report.fault(index, "proof");
  return report;
}
