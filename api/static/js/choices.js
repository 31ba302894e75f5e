// A list of options under a text field: arrows walk, Enter takes, Escape closes. The field keeps
// the focus, as the pattern for comboboxes has it.
export class Choices {
  constructor(input, list, take) {
    this.input = input;
    this.list = list;
    this.take = take;
    this.at = -1;
    list.addEventListener("mousedown", (event) => {
      const option = event.target.closest("[role=option]");
      if (!option) return;
      event.preventDefault();
      take(option);
    });
  }

  get options() {
    return [...this.list.querySelectorAll("[role=option]:not([hidden])")];
  }

  mark(at) {
    const options = this.options;
    this.at = options.length ? (at + options.length) % options.length : -1;
    if (at < 0 && at !== -1) this.at = options.length - 1;
    for (const [place, option] of options.entries()) {
      option.id ||= `${this.list.id}-${Math.random().toString(36).slice(2)}`;
      option.setAttribute("aria-selected", String(place === this.at));
    }
    const marked = options[this.at];
    if (marked) {
      this.input.setAttribute("aria-activedescendant", marked.id);
      marked.scrollIntoView({ block: "nearest" });
    } else this.input.removeAttribute("aria-activedescendant");
  }

  clear() {
    this.at = -1;
    this.input.removeAttribute("aria-activedescendant");
    for (const option of this.options) option.setAttribute("aria-selected", "false");
  }

  /** Whether the key was one of ours. */
  key(event) {
    const options = this.options;
    if (event.key === "ArrowDown") this.mark(this.at + 1);
    else if (event.key === "ArrowUp") this.mark(this.at <= 0 ? options.length - 1 : this.at - 1);
    else if (event.key === "Enter" && this.at >= 0 && options[this.at]) this.take(options[this.at]);
    else return false;
    event.preventDefault();
    return true;
  }
}
