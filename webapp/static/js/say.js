// A message of a conversation: kept in this browser from its first letter on, and sent once.

import { Delivery, drafts, fieldsOf, gettext, refill } from "./sending.js";

const { person } = document.body.dataset;
let delivery = null;

function onItsWay(form) {
  return {
    told: form.querySelector("#unsent"),
    sent({ next }) {
      drafts.forget(person, form.action);
      window.location.assign(next);
    },
    offline: () =>
      gettext("No connection. Your message is kept here and is sent when the connection is back."),
    signedOut: () =>
      gettext("You are signed out. Your message is kept here and is sent when you are back."),
  };
}

function keep(form) {
  const said = form.elements.message.value;
  if (said.trim()) drafts.keep(person, form.action, { fields: fieldsOf(form), at: Date.now() });
  else drafts.forget(person, form.action);
  const kept = gettext("Kept in this browser until you send it.");
  form.querySelector(".kept").textContent = said.trim() ? kept : "";
}

// What was begun comes back, unless the conversation has gone on since.
function restore(form) {
  const fields = new Map(drafts.read(person, form.action)?.fields);
  if (!fields.has("message") || form.elements.message.value) return;
  if (fields.get("number") !== form.elements.number.value) {
    drafts.forget(person, form.action);
    return;
  }
  refill(form, [...fields]);
  keep(form);
}

// Delegated, because the form may come with a part of the page that is fetched later.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id !== "say") return;
  event.preventDefault();
  if (delivery?.form !== form) delivery = new Delivery(person, form, onItsWay(form));
  delivery.send();
});
document.addEventListener("input", (event) => {
  const form = event.target.closest("#say");
  if (!form) return;
  if (delivery?.form === form) delivery.takeBack();
  keep(form);
});
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("#say");
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
window.addEventListener("pageshow", (event) => {
  // Back from the browser's memory: the conversation may have gone on.
  if (event.persisted) window.location.reload();
});

const shown = document.getElementById("say");
if (shown) restore(shown);
