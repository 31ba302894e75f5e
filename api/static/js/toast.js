// Short messages that need no answer. What the server put there fades after a while; one with
// an action stays longer, because someone may want to take it.
const SHORT = 5000;
const LONG = 15000;

export function armToasts() {
  for (const toast of document.querySelectorAll(".toast")) fade(toast);
}

export function say(text) {
  const place = document.getElementById("toasts");
  if (!place) return;
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.textContent = text;
  place.append(toast);
  fade(toast);
}

function fade(toast) {
  setTimeout(() => toast.remove(), toast.querySelector("a") ? LONG : SHORT);
}
