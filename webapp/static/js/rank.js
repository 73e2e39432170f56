// Ranking by keyboard, and the order so far in one line.

import { Board, UNACCEPTABLE } from "./board.js";

const form = document.getElementById("answer");
const said = document.getElementById("said");
const standing = document.getElementById("standing");
const help = document.getElementById("keys");
const switchBox = document.getElementById("keys-on");
const board = new Board(form);
let picked = null;

function say(sentence) {
  said.textContent = sentence;
}

function span(words, kind) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = words;
  return element;
}

function letters(cards, between) {
  return cards.map((card) => card.letter).join(between);
}

function showStanding() {
  const tiers = board.tiers().map((cards) => letters(cards, " = "));
  const parts = [span(tiers.join("  ›  "), "order")];
  const out = board.unacceptable();
  const left = board.unplaced();
  if (out.length) parts.push(span(`  ✕ ${letters(out, " ")}`, "out"));
  if (left.length && left.length < board.cards.length) {
    parts.push(span(`  ${left.length} to place`, "rest"));
  }
  standing.replaceChildren(...parts.filter((part) => part.textContent));
}

function pick(card) {
  picked?.element.classList.remove("picked");
  picked = card;
  if (!card) return;
  card.element.classList.add("picked");
  card.element.focus({ preventScroll: true });
  card.element.scrollIntoView({ block: "nearest" });
}

function place(value) {
  const card = picked ?? board.unplaced()[0];
  if (!card || !board.put(card, value)) return;
  say(board.describe(card));
  const next = board.unplaced()[0];
  pick(next ?? card);
}

function tie() {
  const last = board.last;
  if (!last || last === picked) say("Place a response first; then = ties the next one with it.");
  else place(board.placeOf(last));
}

function undo() {
  const card = board.undo();
  if (!card) {
    say("Nothing to undo.");
    return;
  }
  showStanding();
  pick(card);
  say(`Undone. ${board.describe(card)}`);
}

function submit() {
  const left = board.unplaced();
  if (left.length) {
    pick(left[0]);
    say(`Not placed yet: ${letters(left, ", ")}`);
  } else {
    form.requestSubmit(document.getElementById("submit"));
  }
}

function press(key) {
  const card = key.length === 1 ? board.byLetter(key) : null;
  if (card) {
    pick(card);
    say(board.describe(card));
  } else if (/^[1-9]$/.test(key)) place(key);
  else if (key === "=") tie();
  else if (key === "x" || key === "X") place(UNACCEPTABLE);
  else if (key === "u" || key === "U") undo();
  else if (key === "?") help.showModal();
  else if (key === "Enter") submit();
  else return false;
  return true;
}

// Where a key has a meaning of its own.
function isTaken(event) {
  if (event.key === "Enter") {
    if (event.ctrlKey || event.metaKey) return false;
    return event.target.closest("textarea, button, a, summary, select, #skip") !== null;
  }
  return event.target.closest("textarea, select, input:not([type=radio])") !== null;
}

document.addEventListener("keydown", (event) => {
  if (help.open || event.altKey || event.isComposing || event.repeat) return;
  if ((event.ctrlKey || event.metaKey) && event.key !== "Enter") return;
  if (event.key !== "Enter" && !switchBox.checked) return;
  if (isTaken(event)) return;
  if (press(event.key)) event.preventDefault();
});

form.addEventListener("change", (event) => {
  const card = board.cardOf(event.target);
  if (!card) return;
  showStanding();
  if (event.isTrusted) say(board.describe(card));
});
form.addEventListener("focusin", (event) => {
  const card = board.cardOf(event.target);
  if (card && card !== picked) {
    picked?.element.classList.remove("picked");
    picked = card;
    card.element.classList.add("picked");
  }
});

switchBox.checked = localStorage.getItem("single-keys") !== "off";
switchBox.addEventListener("change", () => {
  localStorage.setItem("single-keys", switchBox.checked ? "on" : "off");
});
for (const hint of document.querySelectorAll(".with-keys")) hint.hidden = false;
showStanding();
