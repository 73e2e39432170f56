// What one response says that another does not: a word-level difference (Myers 1986).

import { make } from "./rail.js";
import { gettext, ngettext } from "./sending.js";

const TOO_FAR = 4000; // edits, beyond which two texts have nothing in common worth showing

// A character of a script that puts no spaces between words is a word; so is the mark of a hidden one.
const UNSPACED =
  "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3005-\\u3007\\u3040-\\u30ff\\u3400-\\u9fff" +
  "\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
const MARK = "U\\+[0-9A-F]{4,6}";
const WORD = new RegExp(
  `\\s+|${MARK}|[${UNSPACED}]|(?:(?!${MARK}|[${UNSPACED}])[\\p{L}\\p{M}\\p{N}_])+|[^\\s\\p{L}\\p{M}\\p{N}_]`,
  "gu",
);
const IS_MARK = new RegExp(`^${MARK}$`);

export function words(text) {
  return text.match(WORD) ?? [];
}

// Without what two changes have between them by chance: no more than the changes themselves say, or
// nothing but spaces.
export function legible(runs) {
  const done = [];
  for (const piece of inPieces(runs)) {
    done.push(piece);
    while (done.length > 2 && isChance(...done.slice(-3))) {
      const three = done.splice(-3);
      const joined = (kind) => three.map((each) => each[kind]).join("");
      done.push({ gone: joined("gone"), fresh: joined("fresh"), same: false });
    }
  }
  return done.flatMap(({ gone, fresh, same }) =>
    same ? [["same", gone]] : [["gone", gone], ["new", fresh]].filter(([, text]) => text),
  );
}

function inPieces(runs) {
  const pieces = [];
  for (const [kind, text] of runs) {
    const same = kind === "same";
    if (!pieces.length || same || pieces.at(-1).same) pieces.push({ gone: "", fresh: "", same });
    if (kind !== "new") pieces.at(-1).gone += text;
    if (kind !== "gone") pieces.at(-1).fresh += text;
  }
  return pieces;
}

function isChance(before, between, after) {
  if (!between.same || before.same || after.same) return false;
  const size = ({ gone, fresh }) => Math.max(gone.length, fresh.length);
  const least = Math.min(size(before), size(after));
  return between.gone.length <= least || !between.gone.trim();
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
  const found = difference(before, after);
  const runs = found && legible(found);
  const shown = document.getElementById("difference");
  if (runs === null) {
    shown.replaceChildren();
    tell(gettext("These two have so little in common that there is nothing to show."));
    return;
  }
  const tags = { same: "span", gone: "del", new: "ins" };
  shown.replaceChildren(...runs.map(([kind, text]) => make(tags[kind], kind, text)));
  const count = (kind) => runs.filter((run) => run[0] === kind).reduce(countWords, 0);
  const only = (number, letter) =>
    ngettext("{number} word only in {letter}", "{number} words only in {letter}", number, { letter });
  const said = { first: only(count("gone"), from.value), second: only(count("new"), to.value) };
  tell(gettext("{first}, {second}.", said));
}

function countWords(sum, run) {
  const counts = (word) => /[\p{L}\p{N}]/u.test(word) && !IS_MARK.test(word);
  return sum + words(run[1]).filter(counts).length;
}

function textOf(card) {
  return card.element.querySelector(".prose").innerText;
}

function tell(sentence) {
  document.getElementById("difference-sum").textContent = sentence;
}
