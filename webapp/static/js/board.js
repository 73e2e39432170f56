// The responses of a ranking and their places. The form's radio buttons are the only truth.

export const UNPLACED = "";
export const UNACCEPTABLE = "x";

export class Board {
  constructor(form) {
    this.cards = [...form.querySelectorAll(".card[data-uid]")].map((element) => ({
      element,
      letter: element.dataset.letter,
      inputs: [...element.querySelectorAll("input[type=radio]")],
    }));
    this.history = [this.read()];
    this.last = null; // the card that was placed last
    form.addEventListener("change", (event) => this.remember(this.cardOf(event.target)));
  }

  cardOf(element) {
    return this.cards.find((card) => card.element.contains(element)) ?? null;
  }

  byLetter(letter) {
    return this.cards.find((card) => card.letter === letter.toUpperCase()) ?? null;
  }

  placeOf(card) {
    return card.inputs.find((input) => input.checked)?.value ?? UNPLACED;
  }

  read() {
    return this.cards.map((card) => this.placeOf(card));
  }

  put(card, place) {
    const input = card.inputs.find((each) => each.value === place);
    if (!input) return false;
    input.checked = true;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  }

  remember(card) {
    if (!card) return;
    this.history.push(this.read());
    this.last = this.placeOf(card) === UNPLACED ? null : card;
  }

  // Returns the card that changed, or null when there is nothing to undo.
  undo() {
    if (this.history.length < 2) return null;
    const now = this.history.pop();
    const before = this.history[this.history.length - 1];
    const changed = this.cards[now.findIndex((place, index) => place !== before[index])];
    this.cards.forEach((card, index) => {
      card.inputs.find((input) => input.value === before[index]).checked = true;
    });
    this.last = null;
    changed?.inputs[0].dispatchEvent(new Event("input", { bubbles: true }));
    return changed ?? null;
  }

  unplaced() {
    return this.cards.filter((card) => this.placeOf(card) === UNPLACED);
  }

  unacceptable() {
    return this.cards.filter((card) => this.placeOf(card) === UNACCEPTABLE);
  }

  // Cards by tier, best first.
  tiers() {
    const tiers = new Map();
    for (const card of this.cards) {
      const place = this.placeOf(card);
      if (place === UNPLACED || place === UNACCEPTABLE) continue;
      tiers.set(place, [...(tiers.get(place) ?? []), card]);
    }
    return [...tiers].sort(([a], [b]) => Number(a) - Number(b)).map(([, cards]) => cards);
  }

  // "Response C, rank 2, tied with A"
  describe(card) {
    const place = this.placeOf(card);
    const name = `Response ${card.letter}`;
    if (place === UNPLACED) return `${name}, not placed`;
    if (place === UNACCEPTABLE) return `${name}, unacceptable`;
    const twins = this.cards.filter((each) => each !== card && this.placeOf(each) === place);
    const tied = twins.length ? `, tied with ${twins.map((each) => each.letter).join(" and ")}` : "";
    return `${name}, rank ${place}${tied}`;
  }
}
