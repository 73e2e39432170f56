// The last look before a ranking is sent.

import { letters, make, STRENGTHS } from "./rail.js";
import { gettext } from "./sending.js";

export function review(board, onSend) {
  const dialog = document.getElementById("review");
  const fault = document.getElementById("review-fault");
  const send = document.getElementById("send");
  document.getElementById("review-tiers").replaceChildren(...lines(board));
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
  dialog.showModal();
  (mixed ? dialog.querySelector(".actions button:not([hidden])") : send).focus();
}

function lines(board) {
  const names = board.boundaries();
  const tiers = board.places().map((place) => board.at(place));
  const found = tiers.map((cards, index) => line(String(rankOf(tiers, index)), cards, gettext("tied")));
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

// Competition ranks, as they are stored: 1, 2, 2, 4.
function rankOf(tiers, index) {
  return 1 + tiers.slice(0, index).reduce((sum, cards) => sum + cards.length, 0);
}

function line(number, cards, several, one = "") {
  const item = make("li", "tier-line");
  item.append(make("span", "number", number), make("strong", "", letters(cards, ", ")));
  const rated = cards.map(ratedOf).filter(Boolean);
  if (rated.length) item.append(make("span", "quiet", gettext("rated {said}", { said: rated.join(", ") })));
  const note = cards.length > 1 ? several : one;
  if (note) item.append(make("span", "quiet", note));
  return item;
}
