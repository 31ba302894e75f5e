// What is printed: where it has pages of a document, says how many are there yet, and prints when all of them are.
const pages = [...document.querySelectorAll(".printed-page")];
const told = document.querySelector("[data-loading]");
const button = document.querySelector("[data-print]");
const done = (page) => page.complete;

function tell() {
  const ready = pages.filter(done);
  const failed = ready.some((page) => !page.naturalWidth);
  const waiting = ready.length < pages.length;
  if (told) told.textContent = waiting
    ? told.dataset.loading.replace("{0}", ready.length).replace("{1}", pages.length)
    : failed
      ? told.dataset.failed
      : told.dataset.ready;
  button.hidden = waiting;
}

for (const page of pages) {
  page.addEventListener("load", tell);
  page.addEventListener("error", tell);
}
button.addEventListener("click", () => window.print());
tell();
