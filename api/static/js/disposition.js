// A batch by keyboard: walk, select, decide for one record or for many, take back. Without this
// file the same form is sent as a whole; here it is sent beside the page, and the rows come back.
import { csrf, fill } from "./http.js";
import { onKey } from "./keys.js";
import { here, rows, step } from "./rows.js";
import { say } from "./toast.js";

const form = document.getElementById("items");
const panel = document.getElementById("decide");
const words = JSON.parse(form?.dataset.words ?? "{}");
const done = [];
let busy = false;

const box = (row) => row.querySelector("input[name=record]");
const picked = () => rows().filter((row) => box(row)?.checked);
const open = (row) => box(row) !== null;

function count() {
  const many = picked().length;
  panel.querySelector("[data-chosen]").textContent = many ? fill(many === 1 ? words.one : words.many, many) : words.none;
  for (const row of rows()) row.classList.toggle("picked", box(row)?.checked ?? false);
  for (const all of form.querySelectorAll("[data-all]")) {
    const within = [...all.closest("[data-group]").querySelectorAll("input[name=record]")];
    all.checked = within.length > 0 && within.every((each) => each.checked);
    all.indeterminate = !all.checked && within.some((each) => each.checked);
  }
}

function pick(row, on) {
  if (!row || !open(row)) return;
  box(row).checked = on;
  count();
}

/** What a row says now, so that it can be said again. */
const was = (row) => ({
  decision: row.dataset.decision,
  reason: row.dataset.reason,
  until: row.dataset.until,
  class: row.dataset.class,
  authority: row.dataset.authority,
});

async function send(records, said) {
  const body = new URLSearchParams({ csrf: csrf(), group: form.elements.group.value, show: form.elements.show.value });
  for (const [name, value] of Object.entries(said)) body.set(name, value ?? "");
  for (const record of records) body.append("record", record);
  const answer = await fetch(form.action, { method: "POST", body, headers: { "Muniment-Piece": "1" } });
  const away = answer.headers.get("HX-Redirect");
  if (answer.status === 401 && away) location.assign(away);
  const piece = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok) throw new Error(piece.body.textContent.trim().replace(/\s+/g, " "));
  for (const fresh of piece.querySelectorAll("[data-row]")) document.getElementById(fresh.id)?.replaceWith(fresh);
  document.getElementById("progress").innerHTML = piece.getElementById("progress").innerHTML;
}

async function decide(said) {
  const chosen = picked();
  const at = here();
  const targets = chosen.length ? chosen : at && open(at) ? [at] : [];
  if (busy || !targets.length) {
    if (!busy) tell(words.nothing);
    return;
  }
  const before = targets.map((row) => [row.dataset.record, was(row)]);
  const back = document.activeElement;
  busy = true;
  try {
    await send(before.map(([record]) => record), said);
    done.push(before);
    tell("");
    announce(`${fill(targets.length === 1 ? words.saidOne : words.saidMany, targets.length)} ${words.undo}`);
    for (const row of rows()) if (box(row)) box(row).checked = false;
    count();
    const same = document.getElementById(`item-${(at ?? targets[0]).dataset.record}`);
    same?.classList.add("here");
    if (!chosen.length) step(1);
    else same?.querySelector("h3 a")?.focus({ preventScroll: true });
  } catch (error) {
    tell(error.message);
    back?.focus();
  } finally {
    busy = false;
  }
}

async function undo() {
  const last = done.pop();
  if (!last || busy) return last ? undefined : false;
  busy = true;
  const alike = new Map();
  for (const [record, said] of last) {
    const key = JSON.stringify(said);
    alike.set(key, [...(alike.get(key) ?? []), record]);
  }
  try {
    for (const [said, records] of alike) await send(records, JSON.parse(said));
    announce(words.undone);
    tell("");
    document.getElementById(`item-${last[0][0]}`)?.querySelector("h3 a")?.focus();
  } catch (error) {
    tell(error.message);
  } finally {
    busy = false;
    count();
  }
}

/** One message at a time: whoever decides fifty times reads the last. */
function announce(text) {
  document.getElementById("toasts").replaceChildren();
  say(text);
}

function tell(text) {
  const place = panel.querySelector("[data-wrong]");
  place.hidden = !text;
  place.querySelector("div").textContent = text;
}

if (form && panel) {
  onKey("x", () => {
    const row = here();
    if (!row) return false;
    pick(row, !box(row)?.checked);
  });
  for (const [key, by] of [["J", 1], ["K", -1]]) {
    onKey(key, () => {
      pick(here(), true);
      step(by);
      pick(here(), true);
    });
  }
  onKey("a", () => {
    const group = here()?.closest("[data-group]") ?? form.querySelector("[data-group]");
    const within = [...(group?.querySelectorAll("[data-row]") ?? [])];
    const on = !within.every((row) => box(row)?.checked ?? true);
    for (const row of within) pick(row, on);
  });
  onKey("u", undo);
  for (const more of panel.querySelectorAll("details[data-opens]")) {
    onKey(more.dataset.opens, () => {
      for (const other of panel.querySelectorAll("details[open]")) if (other !== more) other.open = false;
      more.open = true;
      more.querySelector("input, select, textarea")?.focus();
    });
    more.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        more.open = false;
        here()?.querySelector("h3 a")?.focus();
      }
      if (event.key !== "Enter" || event.target.matches("textarea, summary, button")) return;
      event.preventDefault();
      more.querySelector("button").click();
    });
  }
  // The fields of all decisions are one form: only those beside the pressed button are meant.
  panel.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=decision]");
    if (!button) return;
    event.preventDefault();
    const fields = [...(button.closest("details")?.querySelectorAll("input, select, textarea") ?? [])];
    const poor = fields.find((field) => !field.checkValidity() || (field.dataset.needed !== undefined && !field.value.trim()));
    if (poor) {
      tell(fill(words.missing, panel.querySelector(`label[for="${poor.id}"]`)?.textContent.trim() ?? poor.name));
      poor.focus();
      return;
    }
    const said = { decision: button.value };
    for (const field of fields) said[field.dataset.name] = field.value;
    decide(said);
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) {
      for (const row of event.target.closest("[data-group]").querySelectorAll("[data-row]")) pick(row, event.target.checked);
    }
    count();
  });
  for (const all of form.querySelectorAll("[data-all]")) all.hidden = false;
  count();
}
