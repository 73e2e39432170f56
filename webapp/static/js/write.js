// Writing: what is written is shown by the server, as readers will see it, a moment after each
// change. The last answer counts, and one request is under way at a time.

import { token } from "./sending.js";

const PAUSE = 400; // ms without a change before it is shown
const form = document.getElementById("answer");
const text = document.getElementById("id_text");
const shown = document.getElementById("written");
const button = document.getElementById("submit");
let timer = null;
let last = text.value;
let busy = false;

async function preview() {
  if (busy) {
    later();
    return;
  }
  if (text.value === last) return;
  busy = true;
  const asked = text.value;
  try {
    const reply = await fetch(shown.dataset.preview, {
      method: "POST",
      body: new URLSearchParams({ text: asked, csrfmiddlewaretoken: token() }),
      credentials: "same-origin",
      redirect: "manual",
    });
    if (reply.ok) {
      shown.innerHTML = await reply.text();
      last = asked;
    }
  } catch {
    // No connection: the next change asks again, and the draft says that it is not saved.
  }
  busy = false;
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(preview, PAUSE);
}

text.addEventListener("input", later);
window.addEventListener("online", later);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  if (document.querySelector("dialog[open]") || event.target.closest(".brief form")) return;
  event.preventDefault();
  form.requestSubmit(button);
});
document.querySelector(".preview-button")?.remove();
for (const hint of document.querySelectorAll(".with-keys")) hint.hidden = false;
