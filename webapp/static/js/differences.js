// What one response says that another does not: a word-level difference (Myers 1986).

import { make } from "./rail.js";
import { gettext } from "./sending.js";

const TOO_FAR = 4000; // edits, beyond which two texts have nothing in common worth showing

export function words(text) {
  return text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
}

// Runs of [kind, text], kind one of "same", "gone", "new"; null when they differ too much.
export function difference(before, after) {
  const trace = search(before, after);
  if (trace === null) return null;
  const runs = [];
  let [x, y] = [before.length, after.length];
  const add = (kind, word) => {
    if (runs.length && runs[0][0] === kind) runs[0][1] = word + runs[0][1];
    else runs.unshift([kind, word]);
  };
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const k = x - y;
    const down = k === -d || (k !== d && at(trace[d], k - 1) < at(trace[d], k + 1));
    const fromK = down ? k + 1 : k - 1;
    const fromX = d ? at(trace[d], fromK) : 0;
    const fromY = d ? fromX - fromK : 0;
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      add("same", before[x]);
    }
    if (d && down) {
      y -= 1;
      add("new", after[y]);
    } else if (d) {
      x -= 1;
      add("gone", before[x]);
    }
  }
  return runs;
}

function at(furthest, k) {
  return furthest.get(k) ?? -1;
}

// The furthest points before each number of edits, up to the one that reaches both ends.
function search(before, after) {
  const trace = [];
  let furthest = new Map([[1, 0]]);
  for (let d = 0; d <= Math.min(before.length + after.length, TOO_FAR); d += 1) {
    trace.push(furthest);
    furthest = new Map(furthest);
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && at(furthest, k - 1) < at(furthest, k + 1));
      let x = down ? at(furthest, k + 1) : at(furthest, k - 1) + 1;
      let y = x - k;
      while (x < before.length && y < after.length && before[x] === after[y]) {
        x += 1;
        y += 1;
      }
      furthest.set(k, x);
      if (x >= before.length && y >= after.length) return trace;
    }
  }
  return null;
}

let from;
let to;

export function showDifferences(board, picked) {
  from = document.getElementById("difference-from");
  to = document.getElementById("difference-to");
  if (!from.options.length) {
    for (const select of [from, to]) {
      const name = (card) => gettext("Response {letter}", { letter: card.letter });
      select.append(...board.cards.map((card) => new Option(name(card), card.letter)));
      select.addEventListener("change", () => draw(board));
    }
  }
  from.value = board.cards[0].letter;
  to.value = (picked && picked !== board.cards[0] ? picked : board.cards[1]).letter;
  draw(board);
  document.getElementById("differences").showModal();
}

function draw(board) {
  const [before, after] = [from, to].map((select) => words(textOf(board.byLetter(select.value))));
  const runs = difference(before, after);
  const shown = document.getElementById("difference");
  if (runs === null) {
    shown.replaceChildren();
    tell(gettext("These two have so little in common that there is nothing to show."));
    return;
  }
  const tags = { same: "span", gone: "del", new: "ins" };
  shown.replaceChildren(...runs.map(([kind, text]) => make(tags[kind], kind, text)));
  const count = (kind) => runs.filter((run) => run[0] === kind).reduce(countWords, 0);
  const counts = { gone: count("gone"), from: from.value, fresh: count("new"), to: to.value };
  tell(gettext("{gone} words only in {from}, {fresh} only in {to}.", counts));
}

function countWords(sum, run) {
  return sum + words(run[1]).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
}

function textOf(card) {
  return card.element.querySelector(".prose").innerText;
}

function tell(sentence) {
  document.getElementById("difference-sum").textContent = sentence;
}
