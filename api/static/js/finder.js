// The search box on every page: proposes how the last word may go on.
import { Choices } from "./choices.js";
import { get } from "./http.js";

const PAUSE = 140;

export function armFinder() {
  const input = document.getElementById("finder");
  const list = document.getElementById("guesses");
  if (!input || !list) return;
  let timer = 0;
  let asking = null;

  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choices.clear();
  };
  const choices = new Choices(input, list, (option) => {
    const { kind, text } = option.dataset;
    const part = kind === "party" ? `party:"${text.replaceAll('"', " ")}"` : text;
    input.value = input.value.replace(/\S*$/, part);
    close();
    input.form.requestSubmit();
  });

  const ask = async () => {
    const last = /[\p{L}\p{N}]{2,}$/u.exec(input.value)?.[0];
    asking?.abort();
    if (!last) return close();
    asking = new AbortController();
    try {
      const answer = await get(`/search/suggest?prefix=${encodeURIComponent(last)}`, asking.signal);
      if (!answer.ok || document.activeElement !== input) return;
      const found = await answer.json();
      list.replaceChildren(...found.map(option));
      list.hidden = found.length === 0;
      input.setAttribute("aria-expanded", String(found.length > 0));
      choices.clear();
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    else if (!list.hidden) choices.key(event);
  });
  input.addEventListener("blur", close);
  input.form.addEventListener("submit", close);
}

function option({ text, kind, records }) {
  const item = document.createElement("li");
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  item.dataset.text = text;
  item.dataset.kind = kind;
  const name = document.createElement("bdi");
  name.className = "grow";
  name.textContent = text;
  const count = document.createElement("span");
  count.className = "faint small";
  count.textContent = records;
  item.append(name, count);
  return item;
}
