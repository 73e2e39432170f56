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
for (const link of document.querySelectorAll(".to-aside")) link.addEventListener("click", ask);
