// The first pass: each response by itself, rated from 1 to 7, before any is ranked.

import { gettext } from "./sending.js";
import { commandOf, isSwitchedOff, keyOf } from "./settings.js";

const page = document.body;
const ASIDE = ["guideline", "help"]; // what these open is there while one rates as well
// The arrow that points to where one came from.
const BACK = document.dir === "rtl" ? "ArrowRight" : "ArrowLeft";
let line;

function inputsOf(card) {
  return [...card.element.querySelectorAll("input[name^=rate-]")];
}

export function ratingOf(card) {
  return inputsOf(card).find((input) => input.checked)?.value ?? "";
}

export class Rating {
  // onDone is called when every response has its rating.
  constructor(board, button, onDone, signal) {
    line = document.getElementById("rating-line");
    this.board = board;
    this.button = button; // says what comes next
    this.onDone = onDone;
    this.card = null; // the one that is shown
    document.addEventListener("keydown", (event) => this.press(event), { capture: true, signal });
    board.form.addEventListener("change", (event) => {
      if (event.target.name.startsWith("rate-")) this.take(board.cardOf(event.target));
    });
    document.getElementById("rate-again").addEventListener("click", () => this.show(board.cards[0]));
    this.tell();
    const next = this.unrated();
    if (next) this.show(next);
    else this.leave();
  }

  get active() {
    return this.card !== null;
  }

  unrated() {
    return this.board.cards.find((card) => !ratingOf(card)) ?? null;
  }

  show(card) {
    this.card = card;
    page.classList.add("rating");
    this.button.textContent = gettext("Next");
    for (const each of this.board.cards) each.element.classList.toggle("alone", each === card);
    const place = this.board.cards.indexOf(card) + 1;
    const said = { letter: card.letter, place, count: this.board.cards.length };
    line.textContent = gettext(
      "Response {letter}, {place} of {count}: how good is it by itself?",
      said,
    );
    card.element.focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  }

  // A text that stands there twice is rated once.
  take(card) {
    const rating = ratingOf(card);
    for (const twin of this.board.twins(card)) {
      inputsOf(twin).find((input) => input.value === rating).checked = true;
    }
    this.tell();
  }

  tell() {
    for (const card of this.board.cards) {
      const said = ratingOf(card);
      card.element.querySelector(".rating-said").textContent = said && gettext("rated {said}", { said });
    }
  }

  rate(value) {
    const input = inputsOf(this.card).find((each) => each.value === value);
    input.checked = true;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
    this.goOn();
  }

  // To the next response, and to the ranking from the last one.
  goOn() {
    if (!ratingOf(this.card)) return;
    const after = this.board.cards[this.board.cards.indexOf(this.card) + 1];
    const next = after ?? this.unrated();
    if (next) this.show(next);
    else this.leave();
  }

  goBack() {
    const before = this.board.cards[this.board.cards.indexOf(this.card) - 1];
    if (before) this.show(before);
  }

  leave() {
    this.card = null;
    page.classList.remove("rating");
    this.button.textContent = gettext("Review");
    for (const each of this.board.cards) each.element.classList.remove("alone");
    line.textContent = gettext("All are rated. Now rank them.");
    this.onDone();
  }

  press(event) {
    if (!this.active || document.querySelector("dialog[open]") || isSwitchedOff(event)) return;
    if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing || event.repeat) return;
    if (event.target.closest("textarea, select, input[type=text], .brief form")) return;
    const key = keyOf(event);
    const command = commandOf(key);
    if (command?.startsWith("rate-")) this.rate(command.slice("rate-".length));
    else if (key === BACK || key === "Backspace") this.goBack();
    else if (key === "Enter" && !event.target.closest("button, a, summary")) this.goOn();
    else if (!isOfRanking(key, command)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}

// Which comes later.
function isOfRanking(key, command) {
  return /^[a-i0-9]$/i.test(key) || (command !== undefined && !ASIDE.includes(command));
}
