// What one response says that another does not: a word-level difference (Myers 1986).

import { make } from "./rail.js";
import { gettext, ngettext } from "./sending.js";

const TOO_FAR = 4000; // edits, beyond which two texts have nothing in common worth showing

// Scripts that put no spaces between words: each character is one.
const UNSPACED = "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff";
const SHOWN = "U\\+[0-9A-F]{4,6}"; // as what cannot be seen is shown
const WORDS = new RegExp(
  `\\s+|${SHOWN}|[${UNSPACED}]\\p{M}*|(?:(?!${SHOWN}|[${UNSPACED}])[\\p{L}\\p{M}\\p{N}_])+|[^\\s\\p{L}\\p{N}_]`,
  "gu",
);
const COUNTED = new RegExp(`^(?!${SHOWN}$).*[\\p{L}\\p{N}]`, "u");

export function words(text) {
  return text.match(WORDS) ?? [];
}

// Runs of [kind, text], kind one of "same", "gone", "new"; null when they differ too much.
export function difference(before, after) {
  const runs = compare(before, after);
  return runs && readable(runs);
}

// A single word that both have by chance, amid all that they have not, is no help to a reader:
// what is between two longer runs that are the same is read as one passage for another.
function readable(runs) {
  const found = [];
  let passage = { gone: "", new: "", size: 0 };
  const close = () => {
    for (const kind of ["gone", "new"]) if (passage[kind]) found.push([kind, passage[kind]]);
    passage = { gone: "", new: "", size: 0 };
  };
  runs.forEach(([kind, text], index) => {
    if (kind !== "same") {
      passage[kind] += text;
      passage.size += text.length;
    } else if (passage.size > text.length && isChance(text, runs.slice(index + 1))) {
      passage.gone += text;
      passage.new += text;
    } else {
      close();
      found.push([kind, text]);
    }
  });
  close();
  return found;
}

// Whether both sides of it changed, by more than it is long.
function isChance(text, after) {
  const end = after.findIndex(([kind]) => kind === "same");
  const next = after.slice(0, end < 0 ? after.length : end);
  const changed = next.reduce((sum, run) => sum + run[1].length, 0);
  return changed > text.length && words(text).filter((word) => COUNTED.test(word)).length < 2;
}

function compare(before, after) {
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
  tell(`${only(from.value, count("gone"))} ${only(to.value, count("new"))}`);
}

function only(letter, count) {
  return ngettext("Only in {letter}: {number} word.", "Only in {letter}: {number} words.", count, { letter });
}

function countWords(sum, run) {
  return sum + words(run[1]).filter((word) => COUNTED.test(word)).length;
}

function textOf(card) {
  return card.element.querySelector(".prose").innerText;
}

function tell(sentence) {
  document.getElementById("difference-sum").textContent = sentence;
}
