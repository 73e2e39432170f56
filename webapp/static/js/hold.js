// What ties a task's page to the server while it is being done: the draft, kept at every change, and
// the hold, shown quietly and renewed while the person is at it.

import { door, drafts, fieldsOf, gettext, ngettext, refill, send, whenBack } from "./sending.js";

const PAUSE = 500; // ms without a change before it is sent
const RETRY = [2000, 5000, 15000, 30000];

export function readAnswer(form) {
  const said = new FormData(form);
  const answer = { comment: said.get("comment") ?? "", labels: readLabels(said) };
  for (const name of ["verdict", "text"]) {
    if (said.has(name)) answer[name] = said.get(name);
  }
  if (form.dataset.kind === "rank") {
    Object.assign(answer, readPlaces(said), readSteps(said), { ratings: readRatings(said) });
  }
  if (form.dataset.kind === "compare") Object.assign(answer, readChoice(form, said.get("choice")));
  return answer;
}

function readLabels(said) {
  const labels = {};
  for (const [name, label] of said) {
    if (!name.startsWith("labels-")) continue;
    (labels[name.slice("labels-".length)] ??= []).push(label);
  }
  return labels;
}

function readRatings(said) {
  const rated = [...said].filter(([name]) => name.startsWith("rate-"));
  return Object.fromEntries(rated.map(([name, value]) => [name.slice("rate-".length), Number(value)]));
}

function readSteps(said) {
  const steps = [...said].filter(([name]) => name.startsWith("step-"));
  return { strengths: steps.map(([, value]) => Number(value)) };
}

// As a ranking of two: "a2" is that A is clearly better.
function readChoice(form, choice) {
  if (!choice) return {};
  const [a, b] = form.dataset.shown.split(" ");
  const ranks = { [a]: 1, [b]: 1 };
  if (/^[ab]\d$/.test(choice)) ranks[choice[0] === "a" ? b : a] = 2;
  return {
    ranks,
    placed: [a, b],
    unacceptable: choice === "bad" ? [a, b] : [],
    strengths: /\d$/.test(choice) ? [Number(choice[1])] : [],
  };
}

function readPlaces(said) {
  const answer = { ranks: {}, unacceptable: [], placed: [] };
  for (const [name, place] of said) {
    if (!name.startsWith("place-") || place === "") continue;
    const uid = name.slice("place-".length);
    answer.placed.push(uid);
    if (place === "x") answer.unacceptable.push(uid);
    else answer.ranks[uid] = Number(place);
  }
  return answer;
}

// The answer so far: in this browser from each change on, until the server has it.
export class Draft {
  constructor(form, told, signal) {
    this.form = form;
    this.told = told; // the element that says how it stands
    this.person = form.dataset.person;
    this.isChange = form.dataset.revising !== undefined; // of an answer that was given
    const kind = this.isChange ? "change" : "draft";
    this.address = `/api/v1/assignments/${form.dataset.assignment}/${kind}/`;
    this.base = form.dataset.draftSaved; // which of the server's drafts this one goes on from
    this.unsure = null; // what the server may have, as no reply came
    this.apart = false; // the server has what another tab said
    this.sent = JSON.stringify(readAnswer(form)); // what the server has; null where that is not known
    this.failures = 0;
    this.closed = false;
    this.changedAt = 0;
    form.addEventListener("input", () => this.change());
    whenBack(() => this.later(0), signal);
    window.addEventListener("pagehide", () => this.saveLast(), { signal });
  }

  // What an earlier page could not save comes back, unless the server has something later.
  restore() {
    this.takeOver();
    const kept = drafts.read(this.person, this.form.action);
    if (kept === null) return;
    if (timeOf(kept.base) === timeOf(this.base) || kept.at > this.savedAt()) {
      this.tellDropped(refill(this.form, kept.fields));
    }
    if (this.unsaved() === null) {
      this.forget();
      return;
    }
    this.unsure = this.unsaved(); // an earlier page may have sent it as it went
    this.changedAt = kept.at;
    this.told.textContent = gettext("What could not be saved before is here again.");
    this.later(0);
  }

  // The answer itself comes back, but is looked at once more before it is sent.
  comeBack(dropped) {
    this.tellDropped(dropped);
    this.change();
  }

  tellDropped(dropped) {
    const line = document.getElementById("dropped");
    if (!dropped.length || !line.hidden) return; // the server has told of its own draft
    const list = new Intl.ListFormat(document.documentElement.lang);
    line.textContent = ngettext(
      "The label {names} was removed from the project meanwhile, so it is no longer marked. " +
        "All else is here as you left it.",
      "The labels {names} were removed from the project meanwhile, so they are no longer marked. " +
        "All else is here as you left it.",
      dropped.length,
      { names: list.format(dropped.map((label) => `“${label}”`)) },
    );
    line.hidden = false;
  }

  // What was written in another tab after the answer had been given becomes a change of it.
  takeOver() {
    if (!this.isChange) return;
    const address = new URL(this.form.dataset.revising, window.location.href).href;
    const kept = drafts.read(this.person, address);
    drafts.forget(this.person, address);
    const given = this.momentOf(timeOf(this.form.dataset.answered));
    if (kept?.at > given) drafts.keep(this.person, this.form.action, { ...kept, base: null });
  }

  // By this browser's clock, and sooner rather than later: the page was made after it was asked for.
  savedAt() {
    return this.momentOf(timeOf(this.base));
  }

  momentOf(time) {
    return performance.timeOrigin - (timeOf(this.form.dataset.now) - time);
  }

  change() {
    this.changedAt = Date.now();
    this.later(PAUSE);
  }

  later(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), pause);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }

  forget() {
    drafts.forget(this.person, this.form.action);
  }

  keep() {
    const fields = fieldsOf(this.form).filter(([name]) => name !== "key");
    drafts.keep(this.person, this.form.action, { fields, base: this.base, at: this.changedAt });
  }

  // What is yet to be sent; null where the server has it all.
  unsaved() {
    const answer = JSON.stringify(readAnswer(this.form));
    return this.closed || answer === this.sent ? null : answer;
  }

  // One request at a time, or an earlier answer might arrive last.
  save() {
    if (this.unsaved() !== null) this.keep();
    if (this.apart) return null;
    this.saving ??= this.saveAll().finally(() => (this.saving = null));
    return this.saving;
  }

  async saveAll() {
    for (let answer = this.unsaved(); answer !== null; answer = this.unsaved()) {
      if (!(await this.put(answer))) return;
    }
  }

  // The page goes, and with it whatever request is under way.
  saveLast() {
    const answer = this.unsaved();
    if (answer === null) return;
    this.keep();
    if (this.apart) return;
    // What is under way is of this tab, and goes on from the same draft.
    const address = this.saving && !this.isChange ? this.address : this.place();
    send("PUT", address, JSON.parse(answer), true).catch(() => {});
  }

  // Where this draft goes, unless another tab has put a later one there.
  place() {
    return `${this.address}?base=${encodeURIComponent(this.base)}`;
  }

  // Whether the server has it.
  async put(answer) {
    this.sent = null;
    try {
      const reply = await send("PUT", this.place(), JSON.parse(answer));
      if (reply.ok) this.settle(reply, answer);
      else if (reply.data.code === "draft_changed") await this.compare();
      else this.fail(reply, answer);
      return reply.ok;
    } catch {
      this.unsure = answer;
      this.again(gettext("Not saved: no connection. Trying again."));
      return false;
    }
  }

  settle(reply, answer) {
    this.sent = answer;
    this.base = reply.data.draft_saved_at;
    this.unsure = null;
    this.failures = 0;
    if (this.unsaved() !== null) return;
    this.forget();
    this.tell(gettext("Draft saved"));
  }

  fail(reply, answer) {
    if (reply.isOut) {
      this.again(gettext("Not saved: you are signed out."), " ", door(), ".");
    } else if (reply.status >= 500 || reply.status === 429) {
      this.again(gettext("Not saved yet. Trying again."));
    } else {
      this.tell(reply.status === 409 ? answered() : reply.sentence);
      this.apart = reply.status === 409;
      if (reply.status === 403) this.leave(answer);
    }
  }

  // The server has another draft than this page has seen: one of this page, if no reply came to it,
  // or that of another tab. Then the person decides which of the two counts.
  async compare() {
    const { ok, data } = await send("GET", this.address);
    if (!ok || this.closed) return;
    if (this.unsure !== null && isSame(data.draft, JSON.parse(this.unsure))) {
      this.base = data.draft_saved_at;
      this.unsure = null;
      this.later(0);
      return;
    }
    this.apart = true;
    this.tell(
      gettext("This was changed in another tab."),
      " ",
      choice(gettext("Show that"), () => this.showOther()),
      " ",
      choice(gettext("Keep this"), () => this.keepThis(data.draft_saved_at)),
    );
  }

  showOther() {
    this.end();
    window.location.reload();
  }

  keepThis(base) {
    this.base = base;
    this.apart = false;
    this.later(0);
  }

  // Of somebody who was removed: the server has it, and takes nothing more than drafts.
  leave(answer) {
    this.sent = answer;
    if (this.unsaved() === null) this.forget();
  }

  // The answer has been given.
  end() {
    this.close();
    this.forget();
  }

  again(...sentence) {
    this.tell(...sentence);
    this.later(RETRY[Math.min(this.failures++, RETRY.length - 1)]);
  }

  // What stands there already is not said again.
  tell(...sentence) {
    const words = sentence.map((part) => part.textContent ?? part).join("");
    if (this.told.textContent !== words) this.told.replaceChildren(...sentence);
  }
}

// In another tab. The page of the answer takes up what is kept here.
function answered() {
  return gettext(
    "You have submitted this task already. What you write here is kept; submit it to make it a change.",
  );
}

function choice(words, choose) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.textContent = words;
  button.addEventListener("click", choose);
  return button;
}

// Whether two values of JSON are the same, in whatever order their names stand.
function isSame(one, other) {
  if (one === null || other === null || typeof one !== "object" || typeof other !== "object") {
    return one === other;
  }
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length && names.every((name) => isSame(one[name], other[name]))
  );
}

function timeOf(text) {
  return Date.parse(text) || 0;
}

// --- the hold -------------------------------------------------------------------------------

const CHECK = 5000; // ms
const LATE = 120; // s left, from which on it is said aloud
const SIGNS = ["pointerdown", "pointermove", "keydown", "scroll", "input"];

export class Lease {
  constructor(form, shown, signal) {
    this.shown = shown;
    this.address = `/api/v1/assignments/${form.dataset.assignment}/heartbeat/`;
    this.seconds = Number(form.dataset.leaseSeconds);
    this.ends = Date.now() + 1000 * Number(form.dataset.secondsLeft);
    this.renewed = Date.now();
    this.active = false;
    for (const sign of SIGNS) {
      window.addEventListener(sign, () => (this.active = true), { passive: true, signal });
    }
    this.timer = setInterval(() => this.check(), CHECK);
    signal.addEventListener("abort", () => clearInterval(this.timer));
    this.show();
  }

  async check() {
    // A third of the lease: two beats may go astray before it ends.
    const due = Date.now() - this.renewed > Math.min(60_000, (1000 * this.seconds) / 3);
    if (due && this.active && !document.hidden) await this.renew();
    this.show();
  }

  async renew() {
    this.active = false;
    this.renewed = Date.now();
    try {
      const reply = await send("POST", this.address);
      if (reply.ok) this.ends = Date.now() + 1000 * this.seconds;
      else if (!reply.isOut && [403, 409].includes(reply.status)) this.end(reply.sentence);
    } catch {
      this.active = true; // no connection: the next check tries again
    }
  }

  end(sentence) {
    clearInterval(this.timer);
    this.ended = sentence;
    this.show();
  }

  show() {
    const left = Math.round((this.ends - Date.now()) / 1000);
    this.shown.classList.toggle("late", left < LATE);
    if (this.ended || left <= 0) {
      this.shown.textContent = this.ended ?? gettext("Time is up. What you did is kept.");
    } else if (left < LATE) {
      this.shown.textContent = gettext("Yours for {seconds} s more", { seconds: left });
    } else {
      const minutes = Math.round(left / 60);
      this.shown.textContent = gettext("Yours for {minutes} min", { minutes });
    }
  }
}
