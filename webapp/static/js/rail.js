// The ranking drawn: places to drop on beside the cards, one line at the foot, and, as the last look
// before it is sent, a list.

import { UNACCEPTABLE } from "./board.js";
import { gettext } from "./sending.js";

export const STRENGTHS = [
  gettext("not said"),
  gettext("slightly"),
  gettext("clearly"),
  gettext("far"),
];
const SIGNS = ["›", "›", "››", "›››"];

export function make(tag, kind, words = "") {
  const element = document.createElement(tag);
  element.className = kind;
  element.textContent = words;
  return element;
}

export function letters(cards, between) {
  return cards.map((card) => card.letter).join(between);
}

export class Rail {
  // `on` names what happens: pick(card), drop(card, place), insert(card, place); null for a card
  // is the one in hand.
  constructor(element, board, on) {
    this.element = element;
    this.board = board;
    this.on = on;
    this.dragged = null;
    element.hidden = false;
    for (const card of board.cards) this.makeDraggable(card.element.querySelector(".letter"), card);
  }

  draw(picked) {
    const rows = this.board.cards.map((_, index) => String(index + 1));
    const list = make("ol", "rail-places");
    for (const place of rows) list.append(this.gap(place), this.row(place, place, picked));
    list.append(this.row(UNACCEPTABLE, "✕", picked));
    this.element.replaceChildren(this.tray(picked), list);
  }

  tray(picked) {
    const tray = make("div", "rail-tray");
    const left = this.board.unplaced();
    tray.append(make("p", "label", left.length ? gettext("To place") : gettext("All placed")));
    tray.append(...left.map((card) => this.chip(card, picked)));
    return tray;
  }

  row(place, sign, picked) {
    const row = make("li", place === UNACCEPTABLE ? "rail-place shelf" : "rail-place");
    const here = this.board.at(place);
    const button = make("button", "rail-number", sign);
    button.type = "button";
    const said = { place, cards: letters(here, ", ") || gettext("empty") };
    const label =
      place === UNACCEPTABLE
        ? gettext("Unacceptable: {cards}. Put here", said)
        : gettext("Place {place}: {cards}. Put here", said);
    button.setAttribute("aria-label", label);
    const chips = make("span", "rail-chips");
    chips.append(...here.map((card) => this.chip(card, picked)));
    row.append(button, chips);
    row.addEventListener("click", () => this.on.drop(null, place));
    this.makeTarget(row, (card) => this.on.drop(card, place));
    return row;
  }

  // A button where nothing is free: elsewhere the place above does as well.
  gap(place) {
    const gap = make("li", "rail-gap");
    this.makeTarget(gap, (card) => this.on.insert(card, place));
    const above = String(Number(place) - 1);
    const isTight = above === "0" || this.board.at(above).length > 0;
    if (!isTight || !this.board.at(place).length) {
      gap.setAttribute("aria-hidden", "true");
      return gap;
    }
    const button = make("button", "rail-between");
    button.type = "button";
    const cards = letters(this.board.at(place), ", ");
    button.setAttribute("aria-label", gettext("Put above {cards}, in a place of its own", { cards }));
    button.title = button.getAttribute("aria-label");
    button.addEventListener("click", () => this.on.insert(null, place));
    gap.append(button);
    return gap;
  }

  chip(card, picked) {
    const chip = make("span", card === picked ? "chip picked" : "chip", card.letter);
    chip.addEventListener("click", (event) => {
      event.stopPropagation();
      this.on.pick(card);
    });
    this.makeDraggable(chip, card);
    return chip;
  }

  makeDraggable(element, card) {
    element.draggable = true;
    element.addEventListener("dragstart", (event) => {
      this.dragged = card;
      event.dataTransfer.setData("text/plain", card.letter);
      event.dataTransfer.effectAllowed = "move";
    });
    element.addEventListener("dragend", () => (this.dragged = null));
  }

  makeTarget(element, drop) {
    element.addEventListener("dragover", (event) => {
      if (!this.dragged) return;
      event.preventDefault();
      element.classList.add("over");
    });
    element.addEventListener("dragleave", () => element.classList.remove("over"));
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      element.classList.remove("over");
      if (this.dragged) drop(this.dragged);
    });
  }
}

// "C › A = B ✕ D, 1 to place": each › says, and changes, how much better.
export function drawStanding(element, board, onStep) {
  const focused = [...element.querySelectorAll("button")].indexOf(document.activeElement);
  const parts = [];
  const shelf = board.unacceptable();
  const tiers = board.places().map((place) => letters(board.at(place), " = "));
  if (shelf.length) tiers.push(`✕ ${letters(shelf, " ")}`);
  const names = board.boundaries();
  tiers.forEach((words, index) => {
    if (index) parts.push(stepButton(board, names[index - 1], tiers, index, onStep));
    parts.push(make("span", words.startsWith("✕") ? "out" : "order", words));
  });
  const left = board.unplaced().length;
  if (left && left < board.cards.length) {
    parts.push(make("span", "rest", gettext("{left} to place", { left })));
  }
  element.replaceChildren(...parts);
  if (focused >= 0) element.querySelectorAll("button")[focused]?.focus();
}

function stepButton(board, name, tiers, index, onStep) {
  const strength = board.strengthOf(name);
  const button = make("button", strength ? "how-much said" : "how-much", SIGNS[strength]);
  button.type = "button";
  const said = { better: tiers[index - 1], worse: tiers[index], strength: STRENGTHS[strength] };
  button.title = gettext("How much better: {strength}", said);
  button.setAttribute(
    "aria-label",
    gettext("How much better {better} is than {worse}: {strength}. Change", said),
  );
  button.addEventListener("click", () => onStep(name));
  return button;
}

// --- the last look --------------------------------------------------------------------------

export function review(board, onSend) {
  const dialog = document.getElementById("review");
  const fault = document.getElementById("review-fault");
  const send = document.getElementById("send");
  document.getElementById("review-tiers").replaceChildren(...lines(board));
  const comment = board.form.elements.comment.value.trim();
  document.getElementById("review-comment").textContent = comment;
  document.getElementById("review-comment").parentElement.hidden = !comment;
  const unsaid = board.boundaries().filter((name) => !board.strengthOf(name));
  const mixed = unsaid.length > 0 && unsaid.length < board.boundaries().length;
  fault.textContent = mixed
    ? gettext("Say how much better for every step of the ranking, or for none.")
    : "";
  send.hidden = mixed;
  send.onclick = () => {
    dialog.close();
    onSend();
  };
  dialog.onkeydown = (event) => pressed(event, mixed ? null : send);
  dialog.showModal();
  (mixed ? dialog.querySelector(".actions button:not([hidden])") : send).focus();
}

// The key that opened it may be held down still.
function pressed(event, send) {
  const isChord = event.ctrlKey || event.metaKey;
  if (event.key !== "Enter" || !(isChord || event.repeat)) return;
  event.preventDefault();
  event.stopPropagation(); // to the page it would mean the review again
  if (!event.repeat) send?.click();
}

function lines(board) {
  const names = board.boundaries();
  const tiers = board.places().map((place) => board.at(place));
  const found = tiers.map((cards) => line(String(board.rankOf(cards[0])), cards, gettext("tied")));
  const shelf = board.unacceptable();
  if (shelf.length) found.push(line("✕", shelf, gettext("all unacceptable"), gettext("unacceptable")));
  return found.flatMap((item, index) => {
    const strength = index ? board.strengthOf(names[index - 1]) : 0;
    return strength ? [make("li", "step-line", gettext("{strength} better", { strength: STRENGTHS[strength] })), item] : [item];
  });
}

function ratedOf(card) {
  return card.element.querySelector("input[name^=rate-]:checked")?.value;
}

function line(number, cards, several, one = "") {
  const item = make("li", "tier-line");
  item.append(make("span", "number", number), make("strong", "", letters(cards, ", ")));
  const rated = cards.map(ratedOf).filter(Boolean);
  if (rated.length) item.append(make("span", "quiet", gettext("rated {said}", { said: rated.join(", ") })));
  const note = cards.length > 1 ? several : one;
  if (note) item.append(make("span", "quiet", note));
  item.append(...cards.flatMap((card) => labelled(card, cards.length > 1)));
  return item;
}

// The labels of a response, with its letter where it shares its line.
function labelled(card, isShared) {
  const marks = [...card.element.querySelectorAll("input[name^=labels-]:checked")];
  if (!marks.length) return [];
  const line = make("span", "marks", isShared ? `${card.letter}: ` : "");
  marks.forEach((each, index) => {
    // Each apart, whichever way it is written.
    line.append(index ? gettext(", ") : "", make("bdi", "", each.nextElementSibling.textContent));
  });
  return [line];
}
