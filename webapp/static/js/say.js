// A message of a conversation: sent once, and kept in this browser for as long as it cannot be.

import { fieldsOf, forget, gettext, keep, post, REFUSED, SENT, SIGNED_OUT } from "./sending.js";

const RETRY = 5000; // ms
const person = document.body.dataset.person;
let again = null;
let sending = false;

function wait(form, state) {
  const told = form.querySelector("#unsent");
  const out = state === SIGNED_OUT;
  keep(person, form.action, fieldsOf(form));
  told.textContent = out
    ? `${gettext("You are signed out. Your message is kept here and is sent when you are back.")} `
    : gettext("No connection. Your message is kept here and is sent when the connection is back.");
  if (out) {
    const door = document.createElement("a");
    door.href = "/";
    door.target = "_blank";
    door.textContent = gettext("Sign in again in another tab");
    told.append(door, ".");
  }
  told.hidden = false;
  again = setTimeout(() => send(form), RETRY);
}

async function send(form) {
  if (sending) return;
  sending = true;
  clearTimeout(again);
  again = null;
  const { state, next } = await post(form.action, fieldsOf(form));
  sending = false;
  if (state !== SENT && state !== REFUSED) {
    wait(form, state);
    return;
  }
  forget(person, form.action);
  if (state === SENT) window.location.assign(next);
  // The server's own page says best what is wrong; the number makes a second delivery harmless.
  else HTMLFormElement.prototype.submit.call(form);
}

// Delegated, because the form may come with a part of the page that is fetched later.
document.addEventListener("submit", (event) => {
  if (event.target.id !== "say") return;
  event.preventDefault();
  send(event.target);
});
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("#say");
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
window.addEventListener("online", () => again && send(document.getElementById("say")));
window.addEventListener("pageshow", (event) => {
  // Back from the browser's memory: the conversation may have gone on.
  if (event.persisted) window.location.reload();
});
