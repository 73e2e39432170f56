// Ranking: every way in, by keyboard, mouse and touch, leads to the same few moves.

import { Board, UNACCEPTABLE } from "./board.js";
import { Keys } from "./keys.js";
import { arrange } from "./layout.js";
import { drawStanding, letters, Rail, STRENGTHS } from "./rail.js";
import { toggleGuideline } from "./task.js";

const form = document.getElementById("answer");
const said = document.getElementById("said");
const help = document.getElementById("keys");
const singleKeys = document.getElementById("keys-on");
const button = document.getElementById("submit");
const board = new Board(form);
const keys = new Keys(help);
const rail = new Rail(document.getElementById("rail"), board, { pick, place, insert });
let picked = null;
let tying = false; // the next letter is tied with the card placed last
let reviewed = false;
const ratingLine = document.getElementById("rating-line");
let rating = null; // the first pass, where the project asks for one

function say(sentence) {
  said.textContent = sentence;
}

function draw() {
  rail.draw(picked);
  drawStanding(document.getElementById("standing"), board, strengthen);
}

function pick(card) {
  picked?.element.classList.remove("picked");
  picked = card;
  if (card) {
    card.element.classList.add("picked");
    card.element.focus({ preventScroll: true });
    card.element.scrollIntoView({ block: "nearest" });
  }
  draw();
}

// Without a card: the picked one, or else the next that has no place; then on to the next.
function place(card, value) {
  const chosen = card ?? picked ?? board.unplaced()[0];
  if (!chosen || !board.put(chosen, value)) return;
  say(board.describe(chosen));
  pick(card ?? board.unplaced()[0] ?? chosen);
}

function insert(card, before) {
  board.insert(card, before);
  say(board.describe(card));
  pick(card);
}

function strengthen(boundary) {
  board.strengthen(boundary);
  draw();
  say(`How much better: ${STRENGTHS[board.strengthOf(boundary)]}`);
}

// Letters from best to worst are a ranking; a letter that has its place is only picked.
function chooseLetter(card) {
  if (tying && board.last && card !== board.last) board.put(card, board.placeOf(board.last));
  else if (board.unplaced().includes(card)) board.put(card, board.nextPlace());
  tying = false;
  pick(card);
  say(board.describe(card));
}

const commands = {
  tie() {
    tying = board.last !== null;
    say(
      tying
        ? `Tied with ${board.last.letter}: which one?`
        : "Place a response first; then = and a letter tie another one with it.",
    );
  },
  reject: () => place(null, UNACCEPTABLE),
  undo() {
    const { done, card } = board.undo();
    if (card) pick(card);
    else draw();
    say(done ? `Undone. ${card ? board.describe(card) : ""}`.trim() : "Nothing to undo.");
  },
  stronger() {
    const card = board.unplaced().includes(picked) ? board.last : picked;
    const boundary = card && board.boundaryAbove(card);
    if (boundary) strengthen(boundary);
    else say("Place two responses first; then this key says how much better one is.");
  },
  guideline: toggleGuideline,
  help: () => help.showModal(),
};

async function askForReview() {
  if (rating?.active) {
    rating.goOn();
    return;
  }
  const left = board.unplaced();
  if (left.length) {
    pick(left[0]);
    say(`Not placed yet: ${letters(left, ", ")}`);
    return;
  }
  const { review } = await import("./review.js");
  review(board, () => {
    reviewed = true;
    form.requestSubmit(button);
    reviewed = false;
  });
}

function press(key) {
  const card = /^[a-z]$/i.test(key) ? board.byLetter(key) : null;
  const command = keys.of(key);
  if (card) chooseLetter(card);
  else if (/^[1-9]$/.test(key)) place(null, key);
  else if (command) commands[command]();
  else if (key === "Enter") askForReview();
  else return false;
  if (command !== "tie") tying = false;
  return true;
}

// Where a key has a meaning of its own.
function isTaken(event) {
  if (event.key === "Enter") {
    if (event.ctrlKey || event.metaKey) return false;
    return event.target.closest("textarea, button, a, summary, select, .brief form") !== null;
  }
  return event.target.closest("textarea, select, input[type=text]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.altKey || event.isComposing) return;
  if (ratingLine && !rating) return; // it is on its way
  if (event.repeat || ((event.ctrlKey || event.metaKey) && event.key !== "Enter")) return;
  if (event.key !== "Enter" && !singleKeys.checked) return;
  if (!isTaken(event) && press(event.key)) event.preventDefault();
});

// Before anything is sent, whichever way it was asked for, the person looks it over.
document.addEventListener(
  "submit",
  (event) => {
    if (event.target !== form || reviewed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    askForReview();
  },
  true,
);

form.addEventListener("change", (event) => {
  const card = board.placed(event.target);
  if (!card) return;
  draw();
  if (event.isTrusted) say(board.describe(card));
});
form.addEventListener("focusin", (event) => {
  const card = board.cardOf(event.target);
  if (!card || card === picked) return;
  picked?.element.classList.remove("picked");
  picked = card;
  card.element.classList.add("picked");
  draw();
});
for (const card of board.cards) {
  card.element.addEventListener("click", (event) => {
    const chosen = window.getSelection().toString();
    if (!chosen && !event.target.closest("a, label, fieldset, .table")) pick(card);
  });
}

document.getElementById("open-keys").addEventListener("click", () => help.showModal());
document.getElementById("open-differences").addEventListener("click", async () => {
  const { showDifferences } = await import("./differences.js");
  showDifferences(board, picked);
});
singleKeys.checked = localStorage.getItem("single-keys") !== "off";
singleKeys.addEventListener("change", () => {
  localStorage.setItem("single-keys", singleKeys.checked ? "on" : "off");
});
arrange(document.getElementById("cards"), document.getElementById("tools"));
document.getElementById("steps").hidden = true; // the line at the foot says it better
button.textContent = "Review";
draw();
if (ratingLine) {
  const { Rating } = await import("./rate.js");
  rating = new Rating(board, button, () => {
    pick(board.unplaced()[0] ?? board.cards[0]);
    say("All are rated. Now rank them.");
  });
}
