// Ids are copied by one click; the button says that it worked, to eyes and to screen readers.
import { say } from "./toast.js";

export function armCopies() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    event.preventDefault();
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say(document.getElementById("toasts")?.dataset.copied ?? "✓");
    } catch {
      const code = button.parentElement.querySelector("code");
      if (code) getSelection().selectAllChildren(code);
    }
  });
}
