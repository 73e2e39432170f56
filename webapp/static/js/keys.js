// Which key does what. Letters and digits are the responses and their places; the rest a person
// may change, and this browser remembers.

import { gettext } from "./sending.js";

const KEPT = "keys";
const DEFAULTS = { tie: "=", reject: "x", undo: "u", stronger: ">", guideline: "o", help: "?" };
const ALSO = { ".": "stronger" };

export class Keys {
  constructor(dialog) {
    this.chosen = { ...DEFAULTS, ...kept() };
    for (const input of dialog.querySelectorAll("input[data-command]")) {
      input.value = this.chosen[input.dataset.command];
      input.addEventListener("input", () => this.change(input));
      input.addEventListener("focus", () => input.select());
    }
  }

  // The command of a key, or undefined.
  of(key) {
    const small = key.toLowerCase();
    return Object.keys(this.chosen).find((name) => this.chosen[name] === small) ?? ALSO[key];
  }

  change(input) {
    const key = input.value.slice(-1).toLowerCase();
    const taken = Object.entries(this.chosen).some(
      ([name, other]) => other === key && name !== input.dataset.command,
    );
    if (!key || taken || /[a-i0-9\s]/.test(key)) {
      input.setCustomValidity(gettext("This key has a meaning already. Choose another one."));
      input.reportValidity();
      return;
    }
    input.setCustomValidity("");
    input.value = key;
    this.chosen[input.dataset.command] = key;
    localStorage.setItem(KEPT, JSON.stringify(this.chosen));
  }
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}
