// The task after this one: fetched while this one is being done, so that it stands there at once.
// The server keeps it for a moment; what is not used, it gives back by itself.

import { token } from "./sending.js";

const SPARE = 0.5; // of its time must be left, or it is asked for again
let kept = null; // { ready, address, page }, when it ends and when to ask for more time
let asking = false;

// The name of the page that lies ready; empty while none does.
export function ready() {
  return kept && Date.now() < kept.until ? kept.ready : "";
}

// To be called at every sign of work: it asks the server no oftener than it has to.
export async function lookAhead(door) {
  if (asking || (kept && Date.now() < kept.renew)) return;
  asking = true;
  try {
    await ask(door);
  } catch {
    // No connection: the next sign of work asks again.
  }
  asking = false;
}

async function ask(door) {
  const reply = await fetch(door, {
    method: "POST",
    body: new URLSearchParams({ ready: kept?.ready ?? "", csrfmiddlewaretoken: token() }),
    headers: { Accept: "application/json" },
    credentials: "same-origin",
    redirect: "manual",
  });
  if (!reply.ok) return;
  const asked = Date.now();
  if (reply.status === 204) {
    kept = { ready: "", renew: asked + 30_000, until: 0 };
    return;
  }
  const told = await reply.json();
  const times = { renew: asked + 1000 * SPARE * told.seconds, until: asked + 1000 * told.seconds };
  if (told.page === undefined) {
    kept = { ...kept, ...times };
    return;
  }
  const { page, scripts } = parse(told.page);
  // What a task of its kind needs and this one does not; it begins with the task.
  await Promise.all(scripts.map((script) => import(script)));
  kept = { ...told, ...times, page };
}

function parse(html) {
  const box = document.createElement("template");
  box.innerHTML = html;
  const scripts = [...box.content.querySelectorAll("script[src]")];
  for (const script of scripts) script.remove();
  return { page: box.content, scripts: scripts.map((script) => script.src) };
}

// Whether the page that lay ready now takes the place of the one before: the server has said that
// it is still the right one, and what is to be told on it. `begin` starts what such a page does.
export function show({ next, told }, begin) {
  const { address, page } = kept ?? {};
  kept = null;
  if (told === undefined || address !== next) return false;
  const main = document.getElementById("main");
  main.replaceChildren(page);
  main.querySelector(".brief").insertAdjacentHTML("afterbegin", told);
  const form = document.getElementById("answer");
  form.dataset.secondsLeft = form.dataset.leaseSeconds; // its time begins now
  // In its place also for the way back, which leads to where the person came from.
  window.history.replaceState(null, "", next);
  window.scrollTo({ top: 0, behavior: "instant" });
  main.focus({ preventScroll: true });
  begin();
  return true;
}
