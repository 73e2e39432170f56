// What every task's page does: keep the draft and the lease, and send once.

import { Draft } from "./draft.js";
import { Lease } from "./lease.js";

const form = document.getElementById("answer");
const draft = new Draft(form, document.getElementById("saved"));
new Lease(form, document.getElementById("lease"));

form.addEventListener("submit", (event) => {
  const button = document.getElementById("submit");
  if (button.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    return;
  }
  button.setAttribute("aria-disabled", "true");
  draft.close();
});

window.addEventListener("pageshow", (event) => {
  // Back from the browser's memory: what is shown may have been sent.
  if (event.persisted) window.location.reload();
});

document.getElementById("to-skip").addEventListener("click", (event) => {
  const panel = document.getElementById("skip");
  panel.open = true;
  panel.scrollIntoView({ block: "nearest" });
  panel.querySelector("input[type=radio]").focus({ preventScroll: true });
  event.preventDefault();
});
