// Lists of records by keyboard: arrows walk, Space previews beside the list, Enter opens.
import { get } from "./http.js";
import { onKey } from "./keys.js";

const list = document.querySelector("[data-walk]");
const peek = document.getElementById("peek");
const page = peek?.closest("[data-peeks]");
let shown = null;
let asking = null;

export const rows = () => [...document.querySelectorAll("[data-walk] [data-row]")];
export const here = () => document.activeElement?.closest?.("[data-row]") ?? document.querySelector("[data-row].here");

export function step(by) {
  const all = rows();
  if (!all.length) return false;
  const at = all.indexOf(here());
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))];
  walkTo(next);
  if (at === all.length - 1 && by > 0) document.querySelector(".load-more a")?.click();
}

function walkTo(row) {
  for (const other of document.querySelectorAll("[data-row].here")) other.classList.remove("here");
  row.classList.add("here");
  row.querySelector("h2 a, h3 a").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
  if (shown) open(row);
}

async function open(row) {
  if (!peek) return;
  asking?.abort();
  asking = new AbortController();
  shown = row.dataset.record;
  try {
    const answer = await get(row.dataset.peek ?? `/records/${shown}/peek`, asking.signal);
    peek.innerHTML = await answer.text();
    peek.hidden = false;
    page.classList.add("peeking");
    peek.querySelector("[data-close-peek]")?.addEventListener("click", close);
  } catch (error) {
    if (error.name !== "AbortError") close();
  }
}

function close() {
  if (!shown) return;
  shown = null;
  peek.hidden = true;
  peek.replaceChildren();
  page.classList.remove("peeking");
  here()?.querySelector("h2 a, h3 a")?.focus();
}

if (list) {
  onKey("ArrowDown", () => step(1));
  onKey("ArrowUp", () => step(-1));
  onKey("j", () => step(1));
  onKey("k", () => step(-1));
  onKey("Escape", close);
  onKey(" ", (event) => {
    const row = here();
    if (!peek || !row || event.target.closest("button, input, summary")) return false;
    if (shown === row.dataset.record) close();
    else open(row);
  });
}
