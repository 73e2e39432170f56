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
    this.strengths = new Map(); // "A=B>C" to 1, 2 or 3: it is of these two tiers and of no others
    this.boundaries().forEach((name, index) => this.strengths.set(name, this.steps[index].value));
    this.lettered = []; // the cards that lie where their letters put them, in the order of the letters
    this.last = this.lowest(); // the card that was placed last, as far as is known
    this.history = [this.snapshot()];
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
      lettered: this.lettered,
      last: this.last,
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

  // The first free place below the card that a letter placed last: letters from best to worst are a
  // ranking, and no letter by itself ties. With none free, the others move up.
  follow(card) {
    const from = Number(this.lettered.length ? this.placeOf(this.lettered.at(-1)) : 0);
    const taken = this.places().map(Number);
    const free = this.cards.map((_, index) => index + 1).filter((place) => !taken.includes(place));
    const next = free.find((place) => place > from);
    if (next) this.put(card, String(next));
    else this.insert(card, Infinity);
    this.letter(card);
  }

  tie(card, other) {
    const isLettered = this.lettered.includes(other);
    this.put(card, this.placeOf(other));
    if (isLettered) this.letter(card);
  }

  letter(card) {
    this.lettered = [...this.lettered, card];
    this.history.at(-1).lettered = this.lettered;
  }

  // A place of its own above `before`; the others move together to make room.
  insert(card, before) {
    const moved = [card, ...this.twins(card)];
    const tiers = this.places().map((place) => ({
      above: Number(place) < Number(before),
      cards: this.at(place).filter((each) => !moved.includes(each)),
    }));
    const left = tiers.filter((tier) => tier.cards.length);
    const above = left.filter((tier) => tier.above).map((tier) => tier.cards);
    const below = left.filter((tier) => !tier.above).map((tier) => tier.cards);
    [...above, moved, ...below].forEach((cards, index) => {
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
    this.lettered = this.lettered.filter((each) => each.text !== card.text);
    this.last = this.placeOf(card) === UNPLACED ? this.lowest() : card;
    this.writeSteps();
    this.history.push(this.snapshot());
  }

  // Returns the card that changed, or null when there is nothing to undo or only a step changed.
  undo() {
    if (!this.canUndo()) return { done: false, card: null };
    const now = this.history.pop();
    const before = this.history.at(-1);
    const changed = this.cards[now.places.findIndex((place, at) => place !== before.places[at])];
    this.cards.forEach((card, index) => this.check(card, before.places[index]));
    this.strengths = new Map(before.strengths);
    [this.lettered, this.last] = [before.lettered, before.last];
    this.writeSteps();
    this.cards[0].inputs[0].dispatchEvent(new Event("input", { bubbles: true }));
    return { done: true, card: changed ?? null };
  }

  canUndo() {
    return this.history.length > 1;
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

  // One of the cards of the last tier; null while none is taken.
  lowest() {
    return this.tiers().at(-1)?.[0] ?? null;
  }

  // The cards of each place that is taken, best first; the shelf is the last tier.
  tiers() {
    const shelf = this.unacceptable();
    return [...this.places().map((place) => this.at(place)), ...(shelf.length ? [shelf] : [])];
  }

  // Names of the steps between neighbouring tiers, best first, by the letters of their cards.
  boundaries() {
    const names = this.tiers().map((cards) => cards.map((card) => card.letter).join("="));
    return names.slice(1).map((lower, index) => `${names[index]}>${lower}`);
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

  // The step between the card's tier and the one above it; the one below it for the best.
  boundaryAbove(card) {
    const tier = this.tiers().findIndex((cards) => cards.includes(card));
    return this.boundaries()[Math.max(0, tier - 1)] ?? null;
  }

  // What was said of two tiers is said of no others: it goes as soon as either changes.
  writeSteps() {
    const names = this.boundaries();
    const said = names.map((name) => [name, this.strengths.get(name) ?? ""]);
    this.strengths = new Map(said);
    this.steps.forEach((step, index) => (step.value = said[index]?.[1] ?? ""));
  }

  // As it is stored: of A = B › C, A and B have rank 1 and C has rank 3.
  rankOf(card) {
    const better = this.places().filter((place) => Number(place) < Number(this.placeOf(card)));
    return 1 + better.reduce((sum, place) => sum + this.at(place).length, 0);
  }

  // "Response C, rank 2, tied with A"; with its place where that is another number.
  describe(card) {
    const place = this.placeOf(card);
    const rank = this.rankOf(card);
    const said = { letter: card.letter, rank };
    if (Number(place) && Number(place) !== rank) {
      said.rank = gettext("{rank} (in place {place})", { rank, place });
    }
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
