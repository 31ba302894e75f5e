// Proves one entry of the log in this very browser: its bytes are hashed here, the hashes are led up to the root
// that the checkpoint names, and the checkpoint's signature is checked where the browser knows Ed25519.
// Nothing the server says about the outcome is taken over.
import { fill, get } from "./http.js";

// On a phone the entries come first: without a filter in force the form waits behind its heading.
if (matchMedia("(max-width: 760px)").matches) document.querySelector(".filters")?.removeAttribute("open");

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const same = (one, other) => one.length === other.length && one.every((value, place) => value === other[place]);

async function sha256(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

/** The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); null where it has too few or too many hashes. */
export async function rootOf(leaf, index, size, hashes) {
  if (index >= size) return null;
  let at = BigInt(index);
  let last = BigInt(size) - 1n;
  let hash = await sha256(Uint8Array.of(0), leaf);
  for (const sibling of hashes) {
    if (last === 0n) return null;
    if (at & 1n || at === last) {
      hash = await sha256(Uint8Array.of(1), sibling, hash);
      while (!(at & 1n) && at !== 0n) {
        at >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = await sha256(Uint8Array.of(1), hash, sibling);
    }
    at >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? hash : null;
}

/** Whether the note bears the key's signature; null where this browser cannot tell. */
async function isSigned(note, vkey) {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const [name, hash, ...rest] = vkey.split("+");
  const key = fromBase64(rest.join("+"));
  const own = [];
  for (const line of note.slice(end + 2).split("\n")) {
    const [dash, signer, signature] = line.split(" ");
    if (dash !== "—" || signer !== name || !signature) continue;
    const raw = fromBase64(signature);
    if (same(raw.slice(0, 4), bytes(hash))) own.push(raw.slice(4));
  }
  if (key[0] !== 1 || !own.length) return false;
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key.slice(1), { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return null;
  }
  const data = new TextEncoder().encode(text);
  for (const signature of own) {
    if (await crypto.subtle.verify({ name: "Ed25519" }, imported, signature, data)) return true;
  }
  return false;
}

async function prove(seq, vkey) {
  const asked = await get(`/api/v1/audit/proof/${seq}`);
  if (asked.status === 404) return ["later"];
  const entry = await get(`/api/v1/audit/trail/${seq}`);
  if (!asked.ok || !entry.ok) return ["failed"];
  const proof = await asked.json();
  const leaf = new TextEncoder().encode((await entry.json()).leaf);
  const [, size, root] = proof.checkpoint.split("\n");
  const reached = await rootOf(leaf, seq, Number(size), proof.hashes.map(bytes));
  if (reached === null || !same(reached, fromBase64(root))) return ["bad", size];
  const signed = await isSigned(proof.checkpoint, vkey);
  if (signed === null) return ["unsigned", size];
  return [signed ? "good" : "forged", size];
}

document.addEventListener("click", async (event) => {
  const box = event.target.closest?.("[data-proof] button")?.parentElement;
  const around = box?.closest("[data-vkey]");
  if (!around) return;
  const words = JSON.parse(around.dataset.words);
  const said = box.querySelector(".said");
  said.textContent = words.busy;
  let [verdict, size] = ["failed", ""];
  try {
    [verdict, size] = await prove(Number(box.dataset.proof), around.dataset.vkey);
  } catch {
    // Not reached, or not what a server of ours answers: said as such, and never as a proof.
  }
  const number = size ? Number(size).toLocaleString(document.documentElement.lang) : "";
  said.textContent = fill(words[verdict], number);
  box.classList.toggle("good", verdict === "good");
  box.classList.toggle("bad", verdict === "bad" || verdict === "forged");
});
