// What a person sets, and this browser remembers of each: keys, and how the responses lie.

import { gettext } from "./sending.js";

const { person } = document.body.dataset;
const SINGLE = "single-keys";
const KEYS = "keys";
const CHOICE = "columns";
const TOGETHER = "scroll-together";

function kept(name) {
  return localStorage.getItem(`${name}:${person}`);
}

function keep(name, value) {
  localStorage.setItem(`${name}:${person}`, value);
}

// --- keys -----------------------------------------------------------------------------------

export function beginKeys() {
  const on = document.getElementById("keys-on");
  document.getElementById("open-keys").addEventListener("click", openKeys);
  if (!on) return;
  on.checked = kept(SINGLE) !== "off";
  on.addEventListener("change", () => keep(SINGLE, on.checked ? "on" : "off"));
}

export function openKeys() {
  document.getElementById("keys").showModal();
}

// For every screen: who speaks to the computer, or slips, may not want that one character acts.
export function isSwitchedOff(event) {
  const isSingle = event.key.length === 1 || /[^\x00-\x7f]/.test(event.key); // one key may give two
  return isSingle && !document.getElementById("keys-on").checked;
}

const SIGNS = { Equal: "=", Slash: "/?", Period: ".>" };

// What is meant by a key: on a keyboard of another script, or with digits above their signs, what
// stands at its place on a Latin one. `isKnown` says of a key whether it has a meaning as it is.
export function keyOf(event, isKnown) {
  const { key, code, shiftKey } = event;
  const isForeign = /[^\x00-\x7f]/.test(key);
  if (isKnown(key) || key === "Dead" || /^[a-z0-9]$/i.test(key)) return key;
  const [, letter, digit] = /^(?:Key([A-Z])|(?:Digit|Numpad)(\d))$/.exec(code) ?? [];
  if (digit && (isForeign || (key.length === 1 && !shiftKey))) return digit;
  if (letter && isForeign) return letter.toLowerCase();
  const signs = isForeign && SIGNS[code];
  return signs ? (signs[Number(shiftKey)] ?? signs[0]) : key;
}

const DEFAULTS = { tie: "=", reject: "x", undo: "u", stronger: ">", guideline: "o", help: "?" };
const ALSO = { ".": "stronger" };

// Letters and digits are the responses and their places; the other keys a person may change.
export class Keys {
  constructor(dialog) {
    this.chosen = { ...DEFAULTS, ...chosenBefore() };
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
    keep(KEYS, JSON.stringify(this.chosen));
  }
}

function chosenBefore() {
  try {
    return JSON.parse(kept(KEYS)) ?? {};
  } catch {
    return {};
  }
}

// --- how the responses lie on the screen ----------------------------------------------------

export function arrange(cards, tools) {
  const choices = [...tools.querySelectorAll("input[name=columns]")];
  const together = document.getElementById("together");
  const boxes = [...cards.querySelectorAll(".prose")];

  function apply() {
    const chosen = choices.find((input) => input.checked)?.value;
    if (chosen) cards.dataset.columns = chosen;
    else delete cards.dataset.columns;
    cards.classList.toggle("together", together.checked);
    for (const box of boxes) {
      if (together.checked) box.tabIndex = 0; // a box that scrolls is reached by keyboard
      else box.removeAttribute("tabindex");
    }
  }

  const chosen = kept(CHOICE) ?? "";
  for (const input of choices) {
    input.checked = input.value === chosen;
    input.addEventListener("change", () => {
      keep(CHOICE, input.value);
      apply();
    });
  }
  together.checked = kept(TOGETHER) === "on";
  together.addEventListener("change", () => {
    keep(TOGETHER, together.checked ? "on" : "off");
    apply();
  });
  for (const box of boxes) box.addEventListener("scroll", () => follow(box, boxes, together));
  tools.hidden = false;
  apply();
}

// The same share of each text, since they differ in length.
function follow(leader, boxes, together) {
  if (!together.checked || leader.dataset.led === "yes") {
    delete leader.dataset.led;
    return;
  }
  const share = leader.scrollTop / Math.max(1, leader.scrollHeight - leader.clientHeight);
  for (const box of boxes) {
    const top = Math.round(share * (box.scrollHeight - box.clientHeight));
    if (box === leader || Math.abs(box.scrollTop - top) < 1) continue;
    box.dataset.led = "yes"; // its own scroll event is an echo
    box.scrollTop = top;
  }
}
