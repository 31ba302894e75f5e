// Keys that work on every page. Pages add their own with `onKey`; a link or button with
// `data-key` is clicked by that key. Nothing is taken while somebody types.
const own = new Map();

export function onKey(key, act) {
  own.set(key, act);
}

export function isTyping(target) {
  const kinds = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
  return target instanceof Element && target.closest(kinds) !== null;
}

export function armKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.key === "Escape") {
      if (isTyping(event.target)) event.target.blur();
      own.get("Escape")?.(event);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const act = own.get(event.key) ?? everywhere[event.key] ?? clicker(event.key);
    if (act && act(event) !== false) event.preventDefault();
  });
  for (const button of document.querySelectorAll("[data-open]")) {
    button.addEventListener("click", () => document.getElementById(button.dataset.open).showModal());
  }
}

const everywhere = {
  "/": () => {
    const finder = document.getElementById("finder");
    if (!finder) return false;
    finder.focus();
    finder.select();
  },
  "?": () => document.getElementById("keys")?.showModal() ?? undefined,
};

function clicker(key) {
  if (key.length !== 1) return null;
  const found = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  return found ? () => found.click() : null;
}
