// Ranking: every way in, by keyboard, mouse and touch, leads to the same few moves.

import { toggleGuideline } from "./beside.js";
import { Board, UNACCEPTABLE } from "./board.js";
import { drawStanding, letters, Rail, review, STRENGTHS } from "./rail.js";
import { gettext, ngettext } from "./sending.js";
import { arrange, commandOf, isSwitchedOff, keyFor, keyOf, openKeys } from "./settings.js";
import { onTask } from "./task.js";

let form;
let said;
let told;
let button;
let board;
let rail;
let picked;
let tying; // the next letter is tied with the card placed last
let reviewed;
let ratingLine;
let rating; // the first pass, where the project asks for one
let differences = null; // the module that shows them, once it is asked for

function say(sentence) {
  said.textContent = sentence;
}

function draw() {
  rail.draw(picked);
  drawStanding(document.getElementById("standing"), board, strengthen);
  document.getElementById("undo").hidden = !board.canUndo();
}

// Its head, where it is too long to be seen as a whole; what one is reading stays where it is.
function reveal(element) {
  const { top, bottom, height } = element.getBoundingClientRect();
  const middle = window.innerHeight / 2;
  const isRead = top < middle && bottom > middle;
  element.scrollIntoView({ block: height > middle && !isRead ? "start" : "nearest" });
}

function pick(card, isStill = false) {
  picked?.element.classList.remove("picked");
  picked = card;
  if (card) {
    card.element.classList.add("picked");
    card.element.focus({ preventScroll: true });
    if (!isStill) reveal(card.element);
  }
  draw();
}

// By key: the picked one, or else the next that has no place; then on to the next.
function place(value) {
  const chosen = picked ?? board.unplaced()[0];
  if (!chosen || !board.put(chosen, value)) return;
  say(board.describe(chosen));
  pick(board.unplaced()[0] ?? chosen);
}

function placeAt(number) {
  const count = board.cards.length;
  if (number <= count) place(String(number));
  else say(ngettext("There is only one place.", "There are only {number} places.", count));
}

// By mouse or finger, as the two below: the page stays where one reads, and the card in hand.
function drop(card, value) {
  const chosen = card ?? picked ?? board.unplaced()[0];
  if (!chosen || !board.put(chosen, value)) return;
  say(board.describe(chosen));
  pick(chosen, true);
}

function insert(card, before) {
  const chosen = card ?? picked ?? board.unplaced()[0];
  if (!chosen) return;
  board.insert(chosen, before);
  say(board.describe(chosen));
  pick(chosen, true);
}

function undo(isStill = false) {
  const { done, card } = board.undo();
  if (card) pick(card, isStill);
  else draw();
  if (!done) say(gettext("Nothing to undo."));
  else say(`${gettext("Undone.")} ${card ? board.describe(card) : ""}`.trim());
}

function strengthen(boundary) {
  board.strengthen(boundary);
  draw();
  const strength = STRENGTHS[board.strengthOf(boundary)];
  say(gettext("How much better: {strength}", { strength }));
}

// Letters from best to worst are a ranking; a letter that has its place is only picked.
function chooseLetter(card) {
  if (tying && board.last && card !== board.last) board.tie(card, board.last);
  else if (board.unplaced().includes(card)) board.follow(card);
  tying = false;
  pick(card);
  say(board.describe(card));
}

const commands = {
  tie() {
    tying = board.last !== null;
    say(
      tying
        ? gettext("Tied with {letter}: which one?", { letter: board.last.letter })
        : gettext("Place a response first; then {key} and a letter tie another one with it.", {
            key: keyFor("tie"),
          }),
    );
  },
  reject: () => place(UNACCEPTABLE),
  undo: () => undo(),
  stronger() {
    const card = board.unplaced().includes(picked) ? board.last : picked;
    const boundary = card && board.boundaryAbove(card);
    if (boundary) strengthen(boundary);
    else say(gettext("Place two responses first; then this key says how much better one is."));
  },
  guideline: toggleGuideline,
  help: openKeys,
};

function askForReview() {
  if (rating?.active) {
    rating.goOn();
    return;
  }
  const left = board.unplaced();
  if (left.length) {
    pick(left[0]);
    say(gettext("Not placed yet: {letters}", { letters: letters(left, ", ") }));
    return;
  }
  review(board, () => {
    reviewed = true;
    form.requestSubmit(button);
    reviewed = false;
  });
}

function press(key) {
  const card = /^[a-z]$/i.test(key) ? board.byLetter(key) : null;
  const command = commandOf(key);
  if (card) chooseLetter(card);
  else if (/^[1-9]$/.test(key)) placeAt(Number(key));
  else if (Object.hasOwn(commands, command)) commands[command]();
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

function pressed(event) {
  if (document.querySelector("dialog[open]") || event.altKey || event.isComposing) return;
  if (ratingLine && !rating) return; // it is on its way
  if (event.repeat || ((event.ctrlKey || event.metaKey) && event.key !== "Enter")) return;
  if (isSwitchedOff(event)) return;
  if (!isTaken(event) && press(keyOf(event))) event.preventDefault();
}

// Before anything is sent, whichever way it was asked for, the person looks it over.
function lookOver(event) {
  if (event.target !== form || reviewed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  askForReview();
}

function changed(event) {
  const card = board.placed(event.target);
  if (!card) return;
  draw();
  if (event.isTrusted) say(board.describe(card));
}

function focused(event) {
  const card = board.cardOf(event.target);
  if (!card || card === picked) return;
  picked?.element.classList.remove("picked");
  picked = card;
  card.element.classList.add("picked");
  draw();
}

function clicked(event, card) {
  const chosen = window.getSelection().toString();
  if (!chosen && !event.target.closest("a, label, fieldset, .table")) pick(card, true);
}

// At the first sign of work: later there may be no connection.
function fetchDifferences() {
  differences ??= import("./differences.js").catch(() => (differences = null));
  return differences;
}

async function openDifferences() {
  const module = await fetchDifferences();
  if (module) module.showDifferences(board, picked);
  else told.textContent = gettext("No connection: differences are shown when it is back.");
}

function listen(signal) {
  document.addEventListener("keydown", pressed, { signal });
  document.addEventListener("submit", lookOver, { capture: true, signal });
  form.addEventListener("change", changed);
  form.addEventListener("focusin", focused);
  for (const card of board.cards) {
    card.element.addEventListener("click", (event) => clicked(event, card));
  }
  document.getElementById("open-differences").addEventListener("click", openDifferences);
  for (const sign of ["pointerdown", "keydown"]) {
    window.addEventListener(sign, fetchDifferences, { once: true, signal });
  }
}

async function rateFirst(signal) {
  const { Rating } = await import("./rate.js").catch(() => ({}));
  if (!Rating) {
    told.textContent = gettext("No connection: rating begins when it is back.");
    window.addEventListener("online", () => rateFirst(signal), { once: true, signal });
    return;
  }
  const done = () => {
    pick(board.unplaced()[0] ?? board.cards[0]);
    say(gettext("All are rated. Now rank them."));
  };
  if (!signal.aborted) rating = new Rating(board, button, done, signal);
}

onTask(["rank"], (signal) => {
  form = document.getElementById("answer");
  said = document.getElementById("said");
  told = document.getElementById("saved");
  button = document.getElementById("submit");
  ratingLine = document.getElementById("rating-line");
  [picked, tying, reviewed, rating] = [null, false, false, null];
  board = new Board(form);
  rail = new Rail(document.getElementById("rail"), board, { pick, drop, insert });
  document.getElementById("undo").addEventListener("click", () => undo(true));
  listen(signal);
  arrange(document.getElementById("cards"), document.getElementById("tools"));
  document.getElementById("steps").hidden = true; // the line at the foot says it better
  button.textContent = gettext("Review");
  draw();
  if (ratingLine) rateFirst(signal);
});
