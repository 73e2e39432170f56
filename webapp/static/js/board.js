// The responses of a ranking, their places, and how far apart these are. The form's own fields
// are the only truth; whatever draws the ranking listens to the form.

import { gettext } from "./sending.js";

export const UNPLACED = "";
export const UNACCEPTABLE = "x";

export class Board {
  constructor(form) {
    this.form = form;
    this.cards = [...form.querySelectorAll(".card[data-uid]")].map((element) => ({
      element,
      letter: element.dataset.letter,
      text: element.dataset.text, // equal for equal texts
      inputs: [...element.querySelectorAll("input[name^=place-]")],
    }));
    this.steps = [...form.querySelectorAll("select[name^=step-]")];
    this.strengths = new Map(); // "upper place > lower place" to 1, 2 or 3
    this.boundaries().forEach((name, index) => this.strengths.set(name, this.steps[index].value));
    this.history = [this.snapshot()];
    this.last = null; // the card that was placed last
    form.addEventListener("change", (event) => this.remember(this.placed(event.target)));
  }

  cardOf(element) {
    return this.cards.find((card) => card.element.contains(element)) ?? null;
  }

  // The card whose place this field is; null for any other field.
  placed(field) {
    return field.name.startsWith("place-") ? this.cardOf(field) : null;
  }

  byLetter(letter) {
    return this.cards.find((card) => card.letter === letter.toUpperCase()) ?? null;
  }

  placeOf(card) {
    return card.inputs.find((input) => input.checked)?.value ?? UNPLACED;
  }

  snapshot() {
    return {
      places: this.cards.map((card) => this.placeOf(card)),
      strengths: new Map(this.strengths),
    };
  }

  put(card, place) {
    const input = card.inputs.find((each) => each.value === place);
    if (!input) return false;
    input.checked = true;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  }

  // The place below all that are taken; the last one when there is none below.
  nextPlace() {
    const taken = this.places().map(Number);
    return String(Math.min(Math.max(0, ...taken) + 1, this.cards.length));
  }

  // A place of its own above `before`; the others move together to make room.
  insert(card, before) {
    const tiers = this.places().map((place) => ({
      above: Number(place) < Number(before),
      cards: this.at(place).filter((each) => each !== card),
    }));
    const above = tiers.filter((tier) => tier.above && tier.cards.length);
    const below = tiers.filter((tier) => !tier.above && tier.cards.length);
    const order = [...above.map((tier) => tier.cards), [card], ...below.map((tier) => tier.cards)];
    order.forEach((cards, index) => {
      for (const each of cards) this.check(each, String(index + 1));
    });
    card.inputs[0].dispatchEvent(new Event("input", { bubbles: true }));
    card.inputs[0].dispatchEvent(new Event("change", { bubbles: true }));
  }

  check(card, place) {
    card.inputs.find((input) => input.value === place).checked = true;
  }

  // Responses with one text are one response: they share a place.
  twins(card) {
    return this.cards.filter((each) => each !== card && each.text === card.text);
  }

  remember(card) {
    if (!card) return;
    for (const twin of this.twins(card)) this.check(twin, this.placeOf(card));
    this.writeSteps();
    this.history.push(this.snapshot());
    this.last = this.placeOf(card) === UNPLACED ? null : card;
  }

  // Returns the card that changed, or null when there is nothing to undo or only a step changed.
  undo() {
    if (this.history.length < 2) return { done: false, card: null };
    const now = this.history.pop();
    const before = this.history[this.history.length - 1];
    const changed = this.cards[now.places.findIndex((place, at) => place !== before.places[at])];
    this.cards.forEach((card, index) => this.check(card, before.places[index]));
    this.strengths = new Map(before.strengths);
    this.writeSteps();
    this.last = null;
    this.cards[0].inputs[0].dispatchEvent(new Event("input", { bubbles: true }));
    return { done: true, card: changed ?? null };
  }

  at(place) {
    return this.cards.filter((card) => this.placeOf(card) === place);
  }

  unplaced() {
    return this.at(UNPLACED);
  }

  unacceptable() {
    return this.at(UNACCEPTABLE);
  }

  // Places that are taken, best first, without the shelf of unacceptable responses.
  places() {
    const taken = new Set(this.cards.map((card) => this.placeOf(card)));
    taken.delete(UNPLACED);
    taken.delete(UNACCEPTABLE);
    return [...taken].sort((a, b) => Number(a) - Number(b));
  }

  // Names of the steps between neighbouring tiers, best first; the shelf is the last tier.
  boundaries() {
    const taken = [...this.places(), ...(this.unacceptable().length ? [UNACCEPTABLE] : [])];
    return taken.slice(1).map((lower, index) => `${taken[index]}>${lower}`);
  }

  strengthOf(boundary) {
    return Number(this.strengths.get(boundary) || 0);
  }

  // Not said, slightly, clearly, far, and round again.
  strengthen(boundary) {
    this.strengths.set(boundary, String((this.strengthOf(boundary) + 1) % 4 || ""));
    this.writeSteps();
    this.history.push(this.snapshot());
    this.steps[0].dispatchEvent(new Event("input", { bubbles: true }));
  }

  // The step between the card's tier and the one above it; the first one for the best.
  boundaryAbove(card) {
    const place = this.placeOf(card);
    const all = this.boundaries();
    return all.find((name) => name.endsWith(`>${place}`)) ?? all[0] ?? null;
  }

  writeSteps() {
    const names = this.boundaries();
    this.steps.forEach((step, index) => {
      step.value = names[index] ? (this.strengths.get(names[index]) ?? "") : "";
    });
  }

  // As it is stored: of A = B › C, A and B have rank 1 and C has rank 3.
  rankOf(card) {
    const better = this.places().filter((place) => Number(place) < Number(this.placeOf(card)));
    return 1 + better.reduce((sum, place) => sum + this.at(place).length, 0);
  }

  // "Response C, rank 2, tied with A"
  describe(card) {
    const place = this.placeOf(card);
    const said = { letter: card.letter, rank: this.rankOf(card) };
    if (place === UNPLACED) return gettext("Response {letter}, not placed", said);
    if (place === UNACCEPTABLE) return gettext("Response {letter}, unacceptable", said);
    const tied = this.at(place).filter((each) => each !== card);
    if (!tied.length) return gettext("Response {letter}, rank {rank}", said);
    said.others = tied.map((each) => each.letter).join(gettext(" and "));
    return this.twins(card).length
      ? gettext("Response {letter}, rank {rank}, tied with {others}, which has the same text", said)
      : gettext("Response {letter}, rank {rank}, tied with {others}", said);
  }
}
