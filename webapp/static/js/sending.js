// Requests to our own site, and answers on their way: sent once, and kept in this browser for as
// long as they cannot be.

const RETRY = 5000; // ms
const PATIENCE = 30_000; // ms, after which a call counts as lost
const SMALL = 60_000; // bytes; browsers refuse what is to outlive its page beyond 64 KiB
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

// One call of the API, with the session and its token. The last one of a page outlives it, where
// it is small enough.
export async function send(method, address, body, isLast = false) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const reply = await fetch(address, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": token(), ...inLanguage() },
    body: text,
    credentials: "same-origin",
    redirect: "manual",
    keepalive: isLast && new Blob([text ?? ""]).size < SMALL,
    signal: AbortSignal.timeout(PATIENCE),
  });
  const data = await reply.json().catch(() => ({}));
  const isOut = reply.status === 401 || (reply.status === 403 && data.code !== "not_allowed");
  return { ok: reply.ok, isOut, status: reply.status, sentence: data.detail ?? "", data };
}

// Post the fields of a form. The key among them makes a second delivery harmless.
export async function post(action, fields) {
  try {
    const reply = await fetch(action, {
      method: "POST",
      body: new URLSearchParams([...fields, ["csrfmiddlewaretoken", token()]]),
      headers: { Accept: "application/json" },
      credentials: "same-origin",
      redirect: "manual",
      signal: AbortSignal.timeout(PATIENCE),
    });
    // What is no reply of ours, such as a train's page to sign in, is no connection either.
    return reply.ok ? { state: SENT, ...(await reply.json()) } : { state: whyNot(reply) };
  } catch {
    return { state: OFFLINE };
  }
}

function whyNot(reply) {
  // A redirect leads to the door.
  const isOut = reply.type === "opaqueredirect" || (reply.status === 403 && !cookie());
  if (isOut) return SIGNED_OUT;
  return reply.status >= 500 || reply.status === 429 ? OFFLINE : REFUSED;
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

// The person's fields again in a form, also in one of a later page. Gives back the labels among them
// that this page has no more.
export function refill(form, fields) {
  for (const field of form.elements) {
    if (!field.name || field.name === "csrfmiddlewaretoken" || field.type === "submit") continue;
    const values = fields.filter(([name]) => name === field.name).map(([, value]) => value);
    if (["radio", "checkbox"].includes(field.type)) field.checked = values.includes(field.value);
    else if (values.length) [field.value] = values;
  }
  const isLabel = ({ name = "" }) => name.startsWith("labels-");
  const here = new Set([...form.elements].filter(isLabel).map(({ value }) => value));
  const marked = fields.filter(([name]) => isLabel({ name })).map(([, label]) => label);
  return [...new Set(marked)].filter((label) => !here.has(label));
}

// What this browser keeps under one name: of each person, one thing for each address.
function shelf(name) {
  const nameOf = (person, address) => `${name}:${person}:${address}`;
  return {
    keep(person, address, value) {
      try {
        localStorage.setItem(nameOf(person, address), JSON.stringify(value));
      } catch {
        // The browser has no room: what is on the page stays there.
      }
    },
    read: (person, address) => JSON.parse(localStorage.getItem(nameOf(person, address))),
    forget: (person, address) => localStorage.removeItem(nameOf(person, address)),
    addresses: (person) =>
      Object.keys(localStorage)
        .filter((each) => each.startsWith(nameOf(person, "")))
        .map((each) => each.slice(nameOf(person, "").length)),
  };
}

export const unsent = shelf("unsent");
export const drafts = shelf("draft");
export const settings = shelf("settings");

// The way back for someone who is signed out, who is to find this page as it is.
export function door() {
  const link = document.createElement("a");
  link.href = "/";
  link.target = "_blank";
  link.textContent = gettext("Sign in again in another tab");
  return link;
}

// The connection is back, or the person, who may have signed in elsewhere.
export function whenBack(goOn, signal) {
  for (const sign of ["online", "focus"]) window.addEventListener(sign, goOn, { signal });
  document.addEventListener("visibilitychange", () => document.hidden || goOn(), { signal });
}

// One form on its way. `on` says what follows: sent(reply), refused(), offline() and signedOut(),
// which give the sentences for the element `told`, and more(), fields that are not to be kept. A form
// with labels has dropped(labels) as well, for those that the project has taken away meanwhile.
export class Delivery {
  constructor(person, form, on, signal) {
    Object.assign(this, { person, form, on, sending: false, timer: null });
    whenBack(() => this.waits && this.send(), signal);
    signal?.addEventListener("abort", () => this.stop());
  }

  get waits() {
    return this.timer !== null;
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  async send() {
    if (this.sending) return;
    this.sending = true;
    this.stop();
    const fields = fieldsOf(this.form);
    const { state, ...reply } = await post(this.form.action, [...fields, ...(this.on.more?.() ?? [])]);
    this.sending = false;
    if (state === OFFLINE || state === SIGNED_OUT) {
      this.wait(state, fields);
      return;
    }
    unsent.forget(this.person, this.form.action);
    if (state === SENT) this.on.sent(reply);
    else this.refuse();
  }

  // The server's own page says best what is wrong; the key makes the second delivery harmless.
  refuse() {
    this.on.refused?.();
    HTMLFormElement.prototype.submit.call(this.form); // its own is hidden by a button of that name
  }

  wait(state, fields) {
    unsent.keep(this.person, this.form.action, fields);
    if (state === SIGNED_OUT) this.on.told.replaceChildren(this.on.signedOut(), " ", door(), ".");
    else this.on.told.replaceChildren(this.on.offline());
    this.on.told.hidden = false;
    this.on.told.scrollIntoView({ block: "nearest" });
    this.timer = setTimeout(() => this.send(), RETRY);
  }

  // What an earlier page could not send: it is on its way again, where it still is what was said.
  resume() {
    const fields = unsent.read(this.person, this.form.action);
    if (fields === null) return false;
    const dropped = refill(this.form, fields);
    if (dropped.length) {
      unsent.forget(this.person, this.form.action);
      this.on.dropped(dropped);
    } else this.send();
    return true;
  }

  // What waits is no longer what the person says.
  takeBack() {
    if (!this.waits) return;
    this.stop();
    unsent.forget(this.person, this.form.action);
    this.on.told.hidden = true;
  }
}

let resending = false;

// A page of a task sends what its own forms said; any other page, what waited.
function isOurs(address) {
  const isTask = document.getElementById("answer") !== null;
  return isTask && [...document.forms].some((form) => form.action === address);
}

// What this person could not send before, from whichever page: the sentences that say so.
async function sendKept(person) {
  const refused = [];
  let sent = 0;
  for (const address of unsent.addresses(person).filter((each) => !isOurs(each))) {
    const fields = unsent.read(person, address);
    const { state } = await post(address, fields);
    if (state === OFFLINE || state === SIGNED_OUT) break;
    unsent.forget(person, address);
    if (state === REFUSED) refused.push(keepRefused(person, address, fields));
    else {
      drafts.forget(person, address);
      sent += 1;
    }
  }
  return { sent, refused };
}

// Nothing of it is lost: an answer, which has a key, is shown once more by the page of its task.
function keepRefused(person, address, fields) {
  if (fields.every(([name]) => name !== "key")) {
    const said = fields.filter(([name]) => /(comment|message)$/.test(name)).map(([, text]) => text);
    return [gettext("This could not be sent: {words}", { words: said.join(" ") })];
  }
  drafts.keep(person, address, { fields, at: Date.now() });
  const link = document.createElement("a");
  link.href = address;
  link.textContent = gettext("Open its task");
  return [gettext("One answer could not be sent; it is kept as a draft."), " ", link, "."];
}

function tell(kind, sentence) {
  const told = document.createElement("p");
  told.className = `message ${kind}`;
  told.setAttribute("role", "status");
  told.append(...sentence);
  (document.querySelector(".brief") ?? document.getElementById("main")).prepend(told);
}

async function resend() {
  const { person } = document.body.dataset;
  if (resending || !unsent.addresses(person).length) return;
  resending = true;
  const { sent, refused } = await sendKept(person);
  resending = false;
  for (const sentence of refused) tell("warning", sentence);
  if (!sent) return;
  tell("success", [
    ngettext("An answer that waited was sent.", "{number} answers that waited were sent.", sent),
  ]);
}

resend();
window.addEventListener("online", resend);
