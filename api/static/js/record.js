// The viewer of a record: pages load when they come near, zoom, thumbnails, the place of a field.
import { csrf, fill, get } from "./http.js";
import { onKey } from "./keys.js";

const ZOOMS = [50, 75, 100, 130, 170, 220, 300];
const WIDTHS = [800, 1200, 1800];
const FULL = 10000;
const SVG = "http://www.w3.org/2000/svg";

const viewer = document.getElementById("viewer");
const pages = viewer.querySelector(".pages");
const sheets = [...pages.querySelectorAll(".sheet-of-paper")];
const record = viewer.dataset.record;
let zoom = 2;
let at = 1;

const imageOf = (number, width) => `/api/v1/records/${record}/pages/${number}.png?width=${width}&version=${viewer.dataset.version}`;

function widthFor(sheet) {
  const wanted = sheet.clientWidth * Math.min(devicePixelRatio || 1, 2);
  return WIDTHS.find((width) => width >= wanted) ?? WIDTHS.at(-1);
}

function load(sheet) {
  const width = widthFor(sheet);
  if (Number(sheet.dataset.loaded ?? 0) >= width) return;
  sheet.dataset.loaded = width;
  const image = new Image();
  image.alt = fill(pages.dataset.alt, sheet.dataset.number);
  image.addEventListener("load", () => {
    sheet.querySelector("img")?.remove();
    sheet.querySelector(".said")?.remove();
    sheet.classList.add("known");
    sheet.prepend(image);
  });
  image.addEventListener("error", () => {
    if (sheet.querySelector("img, .said")) return;
    const said = document.createElement("p");
    said.className = "said";
    said.textContent = pages.dataset.failed;
    sheet.append(said);
  });
  image.src = imageOf(sheet.dataset.number, width);
}

const near = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => load(entry.target)),
  { root: pages, rootMargin: "60% 0px" },
);
const visible = new IntersectionObserver(
  (entries) => {
    const best = entries.filter((entry) => entry.isIntersecting).sort((a, b) => b.intersectionRatio - a.intersectionRatio)[0];
    if (best) arrive(Number(best.target.dataset.number));
  },
  { root: pages, threshold: [0.3, 0.6] },
);
for (const sheet of sheets) {
  near.observe(sheet);
  visible.observe(sheet);
}
const thumbs = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting || !entry.target.dataset.src) continue;
    entry.target.src = entry.target.dataset.src;
    delete entry.target.dataset.src;
  }
});
for (const image of viewer.querySelectorAll(".thumbs img")) thumbs.observe(image);

function arrive(number) {
  at = number;
  viewer.querySelector("[data-at]").textContent = number;
  for (const button of viewer.querySelectorAll("[data-go]")) {
    const current = Number(button.dataset.go) === number;
    button.toggleAttribute("aria-current", current);
    if (current) button.setAttribute("aria-current", "true");
  }
}

function go(number) {
  const sheet = sheets[Math.min(sheets.length, Math.max(1, number)) - 1];
  if (!sheet) return;
  pages.scrollTo({ top: sheet.offsetTop - pages.offsetTop - 12 });
  arrive(Number(sheet.dataset.number));
}

function setZoom(change) {
  zoom = change === 0 ? 2 : Math.min(ZOOMS.length - 1, Math.max(0, zoom + change));
  const share = pages.scrollTop / Math.max(1, pages.scrollHeight);
  pages.style.setProperty("--zoom", `${ZOOMS[zoom]}%`);
  pages.scrollTop = share * pages.scrollHeight;
  sheets.filter((sheet) => sheet.dataset.loaded).forEach(load);
}

viewer.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.step) go(at + Number(button.dataset.step));
  if (button.dataset.zoom) setZoom(Number(button.dataset.zoom));
  if (button.dataset.go) go(Number(button.dataset.go));
});
onKey("j", () => go(at + 1));
onKey("k", () => go(at - 1));
onKey("+", () => setZoom(1));
onKey("-", () => setZoom(-1));
onKey("0", () => setZoom(0));
onKey("d", () => document.getElementById("download")?.click());
onKey("e", () => {
  const edit = document.getElementById("edit");
  if (!edit) return false;
  edit.open = true;
  edit.querySelector("select").focus();
});

for (const button of document.querySelectorAll("[data-box]")) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    for (const other of document.querySelectorAll("[data-box]")) other.setAttribute("aria-pressed", "false");
    for (const boxes of pages.querySelectorAll(".boxes")) boxes.remove();
    button.setAttribute("aria-pressed", String(on));
    if (on) light(Number(button.dataset.pageNumber), button.dataset.box.split(" ").map(Number));
  });
}

function light(number, [left, top, right, bottom]) {
  const sheet = sheets[number - 1];
  if (!sheet) return;
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "boxes");
  drawing.setAttribute("viewBox", `0 0 ${FULL} ${FULL}`);
  drawing.setAttribute("preserveAspectRatio", "none");
  const box = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x: left - 40, y: top - 25, width: right - left + 80, height: bottom - top + 50 })) {
    box.setAttribute(name, value);
  }
  drawing.append(box);
  sheet.append(drawing);
  load(sheet);
  const y = sheet.offsetTop - pages.offsetTop + (sheet.clientHeight * top) / FULL;
  pages.scrollTo({ top: y - pages.clientHeight / 3 });
}

// While it is being read, look once in a while; never while somebody fills in a form.
const reading = document.querySelector("[data-reload]");
if (reading) {
  const look = async () => {
    const answer = await get(`/upload/states?ids=${reading.dataset.reload}`);
    const found = answer.ok ? (await answer.json())[reading.dataset.reload] : null;
    if (found?.settled && !document.querySelector("details.edit[open]")) location.reload();
    else setTimeout(look, 1500);
  };
  setTimeout(look, 1000);
}

const kinds = document.getElementById("p-file");
const section = document.getElementById("p-section-field");
if (kinds && section) {
  const match = () => {
    section.hidden = kinds.selectedOptions[0]?.dataset.kind !== "personnel";
  };
  kinds.addEventListener("change", match);
  match();
}

const chooser = document.getElementById("version-file");
if (chooser) {
  const place = document.getElementById("add-version");
  const said = place.querySelector("[data-said]");
  chooser.addEventListener("change", () => {
    const file = chooser.files[0];
    if (!file) return;
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/records/${place.dataset.record}/versions`);
    request.setRequestHeader("Muniment-Csrf", csrf());
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Content-Disposition", `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`);
    request.upload.addEventListener("progress", (event) => {
      said.textContent = fill(place.dataset.sending, `${Math.floor((100 * event.loaded) / Math.max(1, event.total))} %`);
    });
    request.addEventListener("loadend", () => {
      if (request.status === 202) location.assign(`/records/${place.dataset.record}?done=version`);
      else said.textContent = fill(place.dataset.failed, problem(request));
    });
    request.send(file);
  });
}

function problem(request) {
  try {
    const found = JSON.parse(request.responseText);
    return `${found.title}. ${found.detail ?? ""}`;
  } catch {
    return "";
  }
}
