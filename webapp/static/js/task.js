// What every task's page does: keep the draft and the lease, and send once. The next task may take
// its place without a new page: then everything begins anew, and what listened before is let go.

import { beginBeside } from "./beside.js";
import { Draft, Lease } from "./hold.js";
import { Delivery, gettext, unsent } from "./sending.js";
import { beginKeys } from "./settings.js";

const begun = []; // what is to begin with each task: the kinds of task, and a function
let leaving = new AbortController();
let following = null; // the module that fetches the next task
let form;
let button;
let draft;
let delivery;

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
  beginAnswer(signal);
  if (form.dataset.following) form.addEventListener("input", lookAhead);
  beginKeys();
  beginBeside({ save: () => draft.save(), leave, tell }, signal);
}

// A change of an earlier answer has no lease.
function beginAnswer(signal) {
  const { person } = form.dataset;
  delivery = new Delivery(person, form, onItsWay(), signal);
  draft = new Draft(form, document.getElementById("saved"), signal);
  if (!delivery.resume()) draft.restore();
  if (!form.dataset.revising) new Lease(form, document.getElementById("lease"), signal);
  document.getElementById("leave")?.addEventListener("submit", () => draft.end());
  form.addEventListener("submit", submit);
  form.addEventListener("input", () => delivery.takeBack());
}

function onItsWay() {
  return {
    told: document.getElementById("unsent"),
    more: () => [["ready", following?.ready() ?? ""]],
    sent: leave,
    refused: () => draft.close(),
    dropped: (labels) => draft.comeBack(labels),
    offline: () =>
      gettext("No connection. Your answer is kept here and is sent when the connection is back."),
    signedOut: () =>
      gettext("You are signed out. Your answer is kept here and is sent when you are back."),
  };
}

async function lookAhead() {
  try {
    following ??= await import("./following.js");
  } catch {
    return; // no connection: the next task then comes as a page of its own
  }
  following.lookAhead(form.dataset.following);
}

// To the next task. Whatever else was to be said of this one is said no more.
function leave(reply) {
  delivery.stop();
  draft.end();
  for (const each of document.forms) unsent.forget(form.dataset.person, each.action);
  if (!following?.show(reply, beginAnew)) window.location.assign(reply.next);
}

// What the server says of this task, above it.
function tell(html) {
  const before = document.querySelector(".brief .messages");
  before?.remove();
  document.querySelector(".brief").insertAdjacentHTML("afterbegin", html);
}

async function submit(event) {
  event.preventDefault();
  if (delivery.sending) return;
  button.setAttribute("aria-disabled", "true");
  await delivery.send();
  if (delivery.waits) button.removeAttribute("aria-disabled");
}

window.addEventListener("pageshow", (event) => {
  // Back from the browser's memory: what is shown may have been sent.
  if (event.persisted) window.location.reload();
});

beginTask(leaving.signal);
