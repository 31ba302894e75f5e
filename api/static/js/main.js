// Loads what every page needs, then what this page needs. Nothing here decides anything:
// without scripts every form and link still works, but uploading.
import { armCopies } from "./copy.js";
import { armFinder } from "./finder.js";
import { armKeys } from "./keys.js";
import { armPalette } from "./palette.js";
import { csrf } from "./http.js";
import { armToasts } from "./toast.js";

const pages = {
  upload: () => import("./upload.js"),
  rows: () => import("./rows.js"),
  record: () => import("./record.js"),
  review: () => import("./review.js"),
  print: () => import("./print.js"),
  audit: () => import("./audit.js"),
  verify: () => import("./verify.js"),
  disposition: () => import("./disposition.js"),
  rules: () => import("./rules.js"),
};

armKeys();
armCopies();
armToasts();
armFinder();
armPalette();

document.body.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["Muniment-Csrf"] = csrf();
});
// A refusal comes as a piece of a page too: show it where the piece would have stood.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
// Focus goes to the first new row, so that the keyboard stays where the reading is.
document.body.addEventListener("htmx:afterSwap", (event) => {
  const first = event.detail.elt?.matches?.("[data-row]") ? event.detail.elt : null;
  first?.querySelector("a")?.focus({ preventScroll: true });
});

for (const select of document.querySelectorAll("select[data-send]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
for (const button of document.querySelectorAll("[data-toggle]")) {
  button.addEventListener("click", () => {
    const open = document.getElementById(button.dataset.toggle).classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
  });
}
for (const button of document.querySelectorAll("[data-back]")) {
  if (history.length > 1) {
    button.hidden = false;
    button.addEventListener("click", () => history.back());
  }
}
// One click, one request: a second click on a sent form would say the same twice.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 4000);
  });
}
const wait = document.querySelector("[data-wait]");
if (wait) {
  const button = document.querySelector("form button.primary");
  button.disabled = true;
  setTimeout(() => (button.disabled = false), Number(wait.dataset.wait) * 1000);
}
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.more[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
if (location.hash === "#edit") document.getElementById("edit")?.setAttribute("open", "");

await pages[document.body.dataset.page]?.();
// From here on every key works; tests wait for it as an impatient hand would have to.
document.documentElement.dataset.ready = "";

