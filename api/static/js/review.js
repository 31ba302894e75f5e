// Review by keyboard. Number keys and letters are `data-key` in the page; here is what is more than a click.
import { onKey } from "./keys.js";

onKey("Enter", (event) => {
  const accept = document.querySelector("[data-accept]");
  if (!accept || event.target.closest("a, button, summary")) return false;
  accept.click();
});
onKey("e", () => {
  const edit = document.getElementById("edit");
  if (!edit) return false;
  edit.open = true;
  edit.querySelector("select, input:not([type=hidden])").focus();
  edit.scrollIntoView({ block: "nearest" });
});
