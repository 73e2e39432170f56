// Requests to our own site, and answers on their way: sent once, and kept in this browser for as
// long as they cannot be.

const PREFIX = "unsent:";
const page = JSON.parse(document.getElementById("catalogue")?.textContent ?? "{}");
export const SENT = "sent";
export const REFUSED = "refused";
export const OFFLINE = "offline";
export const SIGNED_OUT = "signed out";

// Our words in the page's language. The page brings its catalogue along; English needs none.
export function gettext(words, values = {}) {
  return fill(page.words?.[words] ?? words, values);
}

// The form of a word that this number takes; {number} stands for it.
export function ngettext(one, many, number, values = {}) {
  const forms = page.words?.[one] ?? [one, many];
  // Whichever form a language asks for above 200, the last two digits decide.
  const place = number < 200 ? number : 100 + (number % 100);
  const form = page.plurals ? page.plurals[place] : Number(number !== 1);
  return fill(forms[form], { number, ...values });
}

function fill(words, values) {
  return words.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

// One call of the API, with the session and its token.
export async function send(method, address, body) {
  const reply = await fetch(address, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": token(), ...inLanguage() },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    redirect: "manual",
    keepalive: true,
  });
  const data = await reply.json().catch(() => ({}));
  const isOut = reply.status === 401 || (reply.status === 403 && data.code !== "not_allowed");
  return { ok: reply.ok, isOut, status: reply.status, sentence: data.detail ?? "" };
}

// Post the fields of a form. The key among them makes a second delivery harmless.
export async function post(action, fields) {
  let reply;
  try {
    reply = await fetch(action, {
      method: "POST",
      body: new URLSearchParams([...fields, ["csrfmiddlewaretoken", token()]]),
      headers: { Accept: "application/json" },
      credentials: "same-origin",
      redirect: "manual",
    });
  } catch {
    return { state: OFFLINE };
  }
  if (reply.ok) return { state: SENT, ...(await reply.json()) };
  // A redirect leads to the door.
  const isOut = reply.type === "opaqueredirect" || (reply.status === 403 && !cookie());
  if (isOut) return { state: SIGNED_OUT };
  if (reply.status >= 500 || reply.status === 429) return { state: OFFLINE };
  return { state: REFUSED };
}

function cookie() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
}

// The page's own token is out of date once the person has signed in again in another tab.
export function token() {
  return cookie() ?? document.querySelector("[name=csrfmiddlewaretoken]").value;
}

// The API speaks English unless asked.
function inLanguage() {
  return { "Concord-Language": document.documentElement.lang };
}

export function fieldsOf(form) {
  return [...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken");
}

export function keep(person, action, fields) {
  localStorage.setItem(`${PREFIX}${person}:${action}`, JSON.stringify(fields));
}

export function forget(person, action) {
  localStorage.removeItem(`${PREFIX}${person}:${action}`);
}

// What this person could not send before, from whichever page; returns how many went out.
async function sendKept(person) {
  const mine = `${PREFIX}${person}:`;
  const names = Object.keys(localStorage).filter((name) => name.startsWith(mine));
  let sent = 0;
  for (const name of names) {
    const { state } = await post(name.slice(mine.length), JSON.parse(localStorage.getItem(name)));
    if (state === OFFLINE || state === SIGNED_OUT) break;
    localStorage.removeItem(name); // refused: what was in it is the task's draft
    if (state === SENT) sent += 1;
  }
  return sent;
}

// On every page but the task's own, which sends its own answer: what waited goes out now.
async function resend() {
  if (document.getElementById("answer")) return;
  const sent = await sendKept(document.body.dataset.person);
  if (!sent) return;
  const told = document.createElement("p");
  told.className = "message success";
  told.setAttribute("role", "status");
  told.textContent = ngettext(
    "An answer that waited was sent.",
    "{number} answers that waited were sent.",
    sent,
  );
  document.getElementById("main").prepend(told);
}

if (Object.keys(localStorage).some((name) => name.startsWith(PREFIX))) resend();
window.addEventListener("online", resend);
