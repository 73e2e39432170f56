// What every task's page does: keep the draft and the lease, and send once. The next task may take
// its place without a new page: then everything begins anew, and what listened before is let go.

import { beginGuide } from "./beside.js";
import { Draft, Lease } from "./hold.js";
import { fieldsOf, forget, gettext, keep, OFFLINE, post, REFUSED, SENT, SIGNED_OUT } from "./sending.js";
import { beginKeys } from "./settings.js";

const RETRY = 5000; // ms
const begun = []; // what is to begin with each task: the kinds of task, and a function
let leaving = new AbortController();
let following = null; // the module that fetches the next task
let form;
let button;
let unsent;
let person;
let assignment;
let draft;
let sending = false;
let again = null;

// For the modules of the kinds of task: begins now, and again with each task that is shown here.
export function onTask(kinds, begin) {
  begun.push({ kinds, begin });
  if (kinds.includes(form.dataset.kind)) begin(leaving.signal);
}

function beginAnew() {
  leaving.abort();
  leaving = new AbortController();
  beginTask(leaving.signal);
  for (const { kinds, begin } of begun) {
    if (kinds.includes(form.dataset.kind)) begin(leaving.signal);
  }
}

function beginTask(signal) {
  form = document.getElementById("answer");
  button = document.getElementById("submit");
  unsent = document.getElementById("unsent");
  ({ person, assignment } = form.dataset);
  sending = false;
  again = null;
  if (assignment) {
    draft = new Draft(form, document.getElementById("saved"), signal);
    new Lease(form, document.getElementById("lease"), signal);
    form.addEventListener("submit", submit);
  }
  form.addEventListener("input", takeBack);
  if (form.dataset.following) form.addEventListener("input", lookAhead);
  beginKeys();
  beginAsking();
  beginGuide(signal);
}

async function lookAhead() {
  try {
    following ??= await import("./following.js");
  } catch {
    return; // no connection: the next task then comes as a page of its own
  }
  following.lookAhead(form.dataset.following);
}

function tell(sentence, link = "") {
  unsent.replaceChildren(sentence);
  if (link) {
    const door = document.createElement("a");
    door.href = link;
    door.target = "_blank";
    door.textContent = gettext("Sign in again in another tab");
    unsent.append(" ", door, ".");
  }
  unsent.hidden = false;
  unsent.scrollIntoView({ block: "nearest" });
}

function leave(reply) {
  draft.close();
  forget(person, form.action);
  if (!following?.show(reply, beginAnew)) window.location.assign(reply.next);
}

async function send() {
  if (sending) return;
  sending = true;
  clearTimeout(again);
  button.setAttribute("aria-disabled", "true");
  const fields = fieldsOf(form);
  const { state, ...reply } = await post(form.action, [...fields, ["ready", following?.ready() ?? ""]]);
  sending = false;
  if (state === SENT) leave(reply);
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
    tell(
      gettext("You are signed out. Your answer is kept here and is sent when you are back."),
      "/",
    );
  } else {
    tell(gettext("No connection. Your answer is kept here and is sent when the connection is back."));
  }
  again = setTimeout(send, RETRY);
}

// Only a task's: a change of an earlier answer is sent plainly.
function submit(event) {
  event.preventDefault();
  send();
}

// What was kept to be sent is no longer what the person says.
function takeBack() {
  if (again === null) return;
  clearTimeout(again);
  again = null;
  forget(person, form.action);
  unsent.hidden = true;
}

window.addEventListener("online", () => again && send());
document.addEventListener("visibilitychange", () => !document.hidden && again && send());
window.addEventListener("pageshow", (event) => {
  // Back from the browser's memory: what is shown may have been sent.
  if (event.persisted) window.location.reload();
});

// Skipping and reporting have a form beside the task; from the foot of the page it opens in a dialog.
function ask(event) {
  const dialog = document.getElementById("ask");
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
async function saveFirst(event) {
  const asked = event.currentTarget;
  event.preventDefault();
  await draft.save();
  HTMLFormElement.prototype.submit.call(asked);
}

function beginAsking() {
  for (const asked of document.querySelectorAll(".brief .aside form")) {
    asked.addEventListener("submit", saveFirst);
  }
  for (const link of document.querySelectorAll(".asks")) link.addEventListener("click", ask);
}

beginTask(leaving.signal);
