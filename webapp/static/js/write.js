// Writing: what is written is shown by the server, as readers will see it, a moment after each
// change. The last answer counts, and one request is under way at a time.

import { token } from "./sending.js";
import { onTask } from "./task.js";

const PAUSE = 400; // ms without a change before it is shown
const SEEN = 160; // px: as much of the preview, if there is room
let form;
let text;
let shown;
let button;
let timer = null;
let last;
let busy;

async function preview() {
  if (busy) {
    later();
    return;
  }
  if (text.value === last) return;
  busy = true;
  const [asked, here] = [text.value, shown];
  try {
    const reply = await fetch(shown.dataset.preview, {
      method: "POST",
      body: new URLSearchParams({ text: asked, csrfmiddlewaretoken: token() }),
      credentials: "same-origin",
      redirect: "manual",
    });
    const html = reply.ok ? await reply.text() : null;
    if (html !== null && here === shown) {
      shown.innerHTML = html;
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

// On a narrow screen the preview is below: what is written and how it reads stand there together.
function showBoth() {
  const foot = document.querySelector(".bar").getBoundingClientRect();
  const hidden = shown.getBoundingClientRect().top + SEEN - foot.top;
  const room = text.getBoundingClientRect().top;
  if (hidden > 0 && room > 0) window.scrollBy({ top: Math.min(hidden, room), behavior: "instant" });
}

function pressed(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  if (document.querySelector("dialog[open]") || event.target.closest(".brief form")) return;
  event.preventDefault();
  form.requestSubmit(button);
}

onTask(["write"], (signal) => {
  form = document.getElementById("answer");
  text = document.getElementById("id_text");
  shown = document.getElementById("written");
  button = document.getElementById("submit");
  [last, busy] = [text.defaultValue, false]; // what came with the page may have been added to since
  later();
  text.addEventListener("input", later);
  text.addEventListener("input", showBoth);
  window.addEventListener("online", later, { signal });
  document.addEventListener("keydown", pressed, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  document.querySelector(".preview-button")?.remove();
  for (const hint of document.querySelectorAll(".with-keys")) hint.hidden = false;
});
