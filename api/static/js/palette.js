// Ctrl K: go to a record by its number, to a page, to an action. What is none of these is searched for.
import { Choices } from "./choices.js";
import { fill } from "./http.js";

export function armPalette() {
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("ul");
  const otherwise = dialog.querySelector("[data-else]");

  const choices = new Choices(input, list, (option) => {
    dialog.close();
    if (option.dataset.click) document.getElementById(option.dataset.click)?.click();
    else location.assign(option.dataset.address);
  });
  const narrow = () => {
    const words = input.value.trim().toLowerCase();
    for (const option of list.children) option.hidden = !option.textContent.toLowerCase().includes(words);
    const none = choices.options.length === 0;
    otherwise.hidden = !none;
    otherwise.textContent = fill(otherwise.dataset.else, input.value.trim());
    choices.mark(0);
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) return dialog.close();
      input.value = "";
      dialog.showModal();
      narrow();
    }
  });
  input.addEventListener("input", narrow);
  input.addEventListener("keydown", (event) => {
    if (choices.options.length && choices.key(event)) return;
    if (event.key === "Enter" && input.value.trim()) {
      event.preventDefault();
      location.assign(`/go?q=${encodeURIComponent(input.value.trim())}`);
    }
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}
