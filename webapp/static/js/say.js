// A message of a conversation: sent once, and kept in this browser for as long as it cannot be.

import { Delivery, gettext } from "./sending.js";

const { person } = document.body.dataset;
let delivery = null;

function onItsWay(form) {
  return {
    told: form.querySelector("#unsent"),
    sent: ({ next }) => window.location.assign(next),
    offline: () =>
      gettext("No connection. Your message is kept here and is sent when the connection is back."),
    signedOut: () =>
      gettext("You are signed out. Your message is kept here and is sent when you are back."),
  };
}

// Delegated, because the form may come with a part of the page that is fetched later.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id !== "say") return;
  event.preventDefault();
  if (delivery?.form !== form) delivery = new Delivery(person, form, onItsWay(form));
  delivery.send();
});
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("#say");
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
window.addEventListener("pageshow", (event) => {
  // Back from the browser's memory: the conversation may have gone on.
  if (event.persisted) window.location.reload();
});
