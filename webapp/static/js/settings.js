// What a person sets: keys, which the server keeps for whichever browser they come with, and how the
// responses lie, which is this browser's own.

import { door, gettext, send, settings, whenBack } from "./sending.js";

const { person, keys: given } = document.body.dataset;
const KEYS = "/api/v1/keys/";
const CHOICE = "columns";
const TOGETHER = "scroll-together";

function remembered(name) {
  return localStorage.getItem(`${name}:${person}`);
}

function keep(name, value) {
  localStorage.setItem(`${name}:${person}`, value);
}

// --- keys -----------------------------------------------------------------------------------

const kept = settings.read(person, KEYS);
// What the server heard of while this page was on its way may not be in it.
let saved = kept?.heard >= performance.timeOrigin ? kept.keys : JSON.parse(given ?? "{}");
let waiting = kept && !kept.heard ? kept.keys : null; // it has yet to be sent, and counts
let own = whole(waiting ?? saved);
const ALSO = { ".": "stronger" };
let kind; // of task
let fields; // in the dialog, of the keys that can be changed here
let single;
let told;

function whole(keys) {
  return { single: true, chosen: {}, ...keys };
}

export function beginKeys() {
  const dialog = document.getElementById("keys");
  ({ kind } = document.getElementById("answer").dataset);
  fields = [...dialog.querySelectorAll("input[data-command]")];
  single = document.getElementById("keys-on");
  told = document.getElementById("keys-told");
  document.getElementById("open-keys").addEventListener("click", openKeys);
  if (!single) return;
  single.addEventListener("change", () => change({ ...own, single: single.checked }));
  for (const field of fields) {
    field.addEventListener("input", () => choose(field));
    field.addEventListener("focus", () => field.select());
    field.addEventListener("blur", drawKeys); // what was no key is gone
  }
  document.getElementById("usual-keys").addEventListener("click", () => {
    const { [kind]: _, ...others } = own.chosen;
    change({ ...own, chosen: others });
  });
  drawKeys();
}

export function openKeys() {
  document.getElementById("keys").showModal();
}

// For every screen: who speaks to the computer, or slips, may not want that one character acts.
export function isSwitchedOff(event) {
  const isSingle = event.key.length === 1 || /[^\x00-\x7f]/.test(event.key); // one key may give two
  return isSingle && !own.single;
}

const SIGNS = { Equal: "=", Slash: "/?", Period: ".>" };

// What is meant by a key: on a keyboard of another script, or with digits above their signs, what
// stands at its place on a Latin one.
export function keyOf({ key, code, shiftKey }) {
  const isForeign = /[^\x00-\x7f]/.test(key);
  if (commandOf(key) || key === "Dead" || /^[a-z0-9]$/i.test(key)) return key;
  const [, letter, digit] = /^(?:Key([A-Z])|(?:Digit|Numpad)(\d))$/.exec(code) ?? [];
  if (digit && (isForeign || (key.length === 1 && !shiftKey))) return digit;
  if (letter && isForeign) return letter.toLowerCase();
  const signs = isForeign && SIGNS[code];
  return signs ? (signs[Number(shiftKey)] ?? signs[0]) : key;
}

// The command of a key, or undefined.
export function commandOf(key) {
  const small = key.toLowerCase();
  const field = fields.find((each) => keyIn(each) === small);
  return field?.dataset.command ?? ALSO[key];
}

export function keyFor(command) {
  return keyIn(fields.find((each) => each.dataset.command === command));
}

function keyIn({ dataset }) {
  return own.chosen[kind]?.[dataset.command] ?? dataset.usual;
}

// Every key on the page as it is, and no key where none acts.
function drawKeys() {
  single.checked = own.single;
  for (const field of fields) {
    field.value = keyIn(field);
    field.setCustomValidity("");
  }
  for (const each of document.querySelectorAll("kbd[data-key]")) {
    each.textContent = keyFor(each.dataset.key);
    each.hidden = !own.single && each.closest("button") !== null;
  }
  for (const each of document.querySelectorAll("[data-single]")) {
    each.hidden = (each.dataset.single === "on") !== own.single;
  }
  document.getElementById("usual-keys").hidden = !own.chosen[kind];
}

function choose(field) {
  const key = [...field.value].at(-1)?.toLowerCase() ?? "";
  const { command, fixed } = field.dataset;
  const here = Object.fromEntries(fields.map((each) => [each.dataset.command, keyIn(each)]));
  const others = Object.entries({ ...own.chosen[kind], ...here });
  const taken = others.some(([name, other]) => other === key && name !== command);
  if (key.length !== 1 || !key.trim() || taken || fixed.includes(key)) {
    field.setCustomValidity(gettext("This key has a meaning already. Choose another one."));
    field.reportValidity();
    return;
  }
  change({ ...own, chosen: { ...own.chosen, [kind]: { ...own.chosen[kind], [command]: key } } });
}

function change(keys) {
  own = waiting = keys;
  settings.keep(person, KEYS, { keys });
  drawKeys();
  sendKeys();
}

let sending = null;

// One request at a time, or an earlier choice might arrive last.
function sendKeys() {
  if (waiting) sending ??= sendAll().finally(() => (sending = null));
}

async function sendAll() {
  while (waiting) {
    const sent = waiting;
    const reply = await send("PUT", KEYS, sent).catch(() => ({ status: 503 }));
    if (reply.isOut) {
      tellKeys(gettext("Kept in this browser: you are signed out."), " ", door(), ".");
      return;
    }
    if (reply.status >= 500 || reply.status === 429) {
      tellKeys(gettext("Kept in this browser until the connection is back."));
      return;
    }
    settle(reply, sent);
  }
}

// What the server does not take is given up.
function settle(reply, sent) {
  if (reply.ok) saved = reply.data;
  if (waiting !== sent) return; // something else since
  waiting = null;
  if (reply.ok) settings.keep(person, KEYS, { keys: sent, heard: Date.now() });
  else {
    settings.forget(person, KEYS);
    own = whole(saved);
    drawKeys();
  }
  tellKeys(reply.ok ? gettext("Saved, for every browser in which you sign in.") : reply.sentence);
}

function tellKeys(...sentence) {
  told?.replaceChildren(...sentence);
}

sendKeys();
whenBack(sendKeys);

// --- how the responses lie on the screen ----------------------------------------------------

export function arrange(cards, tools) {
  const choices = [...tools.querySelectorAll("input[name=columns]")];
  const together = document.getElementById("together");
  const boxes = [...cards.querySelectorAll(".prose")];

  function apply() {
    const chosen = choices.find((input) => input.checked)?.value;
    if (chosen) cards.dataset.columns = chosen;
    else delete cards.dataset.columns;
    cards.classList.toggle("together", together.checked);
    for (const box of boxes) {
      if (together.checked) box.tabIndex = 0; // a box that scrolls is reached by keyboard
      else box.removeAttribute("tabindex");
    }
  }

  const chosen = remembered(CHOICE) ?? "";
  for (const input of choices) {
    input.checked = input.value === chosen;
    input.addEventListener("change", () => {
      keep(CHOICE, input.value);
      apply();
    });
  }
  together.checked = remembered(TOGETHER) === "on";
  together.addEventListener("change", () => {
    keep(TOGETHER, together.checked ? "on" : "off");
    apply();
  });
  for (const box of boxes) box.addEventListener("scroll", () => follow(box, boxes, together));
  tools.hidden = false;
  apply();
}

// The same share of each text, since they differ in length.
function follow(leader, boxes, together) {
  if (!together.checked || leader.dataset.led === "yes") {
    delete leader.dataset.led;
    return;
  }
  const share = leader.scrollTop / Math.max(1, leader.scrollHeight - leader.clientHeight);
  for (const box of boxes) {
    const top = Math.round(share * (box.scrollHeight - box.clientHeight));
    if (box === leader || Math.abs(box.scrollTop - top) < 1) continue;
    box.dataset.led = "yes"; // its own scroll event is an echo
    box.scrollTop = top;
  }
}
