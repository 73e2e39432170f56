// What every task's page does: keep the draft and the lease, and send once.

import { Draft, Lease } from "./hold.js";
import { fieldsOf, forget, keep, OFFLINE, post, REFUSED, SENT, SIGNED_OUT } from "./sending.js";

const RETRY = 5000; // ms
const form = document.getElementById("answer");
const button = document.getElementById("submit");
const unsent = document.getElementById("unsent");
const { person, assignment } = form.dataset;
const draft = assignment && new Draft(form, document.getElementById("saved"));
let sending = false;
let again = null;

if (assignment) new Lease(form, document.getElementById("lease"));

function tell(sentence, link = "") {
  unsent.replaceChildren(sentence);
  if (link) {
    const door = document.createElement("a");
    door.href = link;
    door.target = "_blank";
    door.textContent = "Sign in again in another tab";
    unsent.append(" ", door, ".");
  }
  unsent.hidden = false;
  unsent.scrollIntoView({ block: "nearest" });
}

function leave(next) {
  draft.close();
  forget(person, form.action);
  window.location.assign(next);
}

async function send() {
  if (sending) return;
  sending = true;
  clearTimeout(again);
  button.setAttribute("aria-disabled", "true");
  const fields = fieldsOf(form);
  const { state, next } = await post(form.action, fields);
  sending = false;
  if (state === SENT) leave(next);
  else if (state === REFUSED) refuse();
  else wait(state, fields);
}

// The server's own page says best what is wrong; the key makes the second delivery harmless.
function refuse() {
  draft.close();
  forget(person, form.action);
  HTMLFormElement.prototype.submit.call(form); // its own is hidden by the button of that name
}

function wait(state, fields) {
  keep(person, form.action, fields);
  button.removeAttribute("aria-disabled");
  if (state === SIGNED_OUT) {
    tell("You are signed out. Your answer is kept here and is sent when you are back.", "/");
  } else {
    tell("No connection. Your answer is kept here and is sent when the connection is back.");
  }
  again = setTimeout(send, RETRY);
}

form.addEventListener("submit", (event) => {
  if (!assignment) return; // a change of an earlier answer is sent plainly
  event.preventDefault();
  send();
});
// What was kept to be sent is no longer what the person says.
form.addEventListener("input", () => {
  if (again === null) return;
  clearTimeout(again);
  again = null;
  forget(person, form.action);
  unsent.hidden = true;
});
window.addEventListener("online", () => again && send());
document.addEventListener("visibilitychange", () => !document.hidden && again && send());
window.addEventListener("pageshow", (event) => {
  // Back from the browser's memory: what is shown may have been sent.
  if (event.persisted) window.location.reload();
});

// Skipping and reporting have a form beside the task; from the foot of the page it opens in a dialog.
const dialog = document.getElementById("ask");

function ask(event) {
  const panel = document.querySelector(event.currentTarget.hash);
  const asked = panel.querySelector("form");
  event.preventDefault();
  document.getElementById("ask-title").textContent = panel.querySelector("summary").textContent;
  dialog.append(asked);
  dialog.addEventListener("close", () => panel.append(asked), { once: true });
  dialog.showModal();
  asked.querySelector("input[type=radio]").focus();
}

// Both lead to another page: what was done last is kept before that.
for (const asked of document.querySelectorAll(".brief .aside form")) {
  asked.addEventListener("submit", async (event) => {
    event.preventDefault();
    await draft.save();
    HTMLFormElement.prototype.submit.call(asked);
  });
}
for (const link of document.querySelectorAll(".asks")) link.addEventListener("click", ask);

// The guideline beside the work. On a wide screen it stays open from task to task: a cookie says so,
// so that the page comes with it and nothing moves. On a narrow one it is a sheet for a moment.
const guide = document.getElementById("guideline");
const toGuide = document.getElementById("to-guideline");
const wide = window.matchMedia("(min-width: 80rem)");
const YEAR = 365 * 24 * 3600; // s

function isGuideOpen() {
  return guide.classList.contains(wide.matches ? "open" : "shown");
}

export function toggleGuideline() {
  if (!guide) return;
  const open = !isGuideOpen();
  guide.classList.toggle(wide.matches ? "open" : "shown", open);
  if (wide.matches) {
    document.cookie = `guideline=${open ? "open" : "closed"}; path=/; max-age=${YEAR}; samesite=lax`;
  }
  tellGuide();
  if (open && !wide.matches) guide.focus();
  if (!open && guide.contains(document.activeElement)) toGuide.focus();
}

function tellGuide() {
  toGuide.setAttribute("aria-expanded", String(isGuideOpen()));
}

function press(event) {
  if (document.querySelector("dialog[open]") || event.isComposing || event.repeat) return;
  const isIn = guide.contains(event.target);
  if (event.altKey && event.code === "KeyG") toggleGuideline();
  else if (event.key === "Escape" && isGuideOpen() && (isIn || !wide.matches)) toggleGuideline();
  else return;
  event.preventDefault();
}

if (guide) {
  for (const link of [toGuide, document.getElementById("guideline-close")]) {
    link.setAttribute("role", "button");
    link.addEventListener("click", (event) => {
      event.preventDefault();
      toggleGuideline();
    });
    link.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      toggleGuideline();
    });
  }
  toGuide.title = "Alt+G";
  toGuide.setAttribute("aria-controls", guide.id);
  tellGuide();
  wide.addEventListener("change", tellGuide);
  document.addEventListener("keydown", press);
}
