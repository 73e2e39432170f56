// What ties a task's page to the server while it is being done: the draft, kept at every change, and
// the hold, shown quietly and renewed while the person is at it.

import { gettext, send } from "./sending.js";

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

export class Draft {
  constructor(form, told, signal) {
    this.form = form;
    this.told = told; // the element that says how it stands
    this.address = `/api/v1/assignments/${form.dataset.assignment}/draft/`;
    this.sent = JSON.stringify(readAnswer(form));
    this.failures = 0;
    this.closed = false;
    form.addEventListener("input", () => this.later(PAUSE));
    window.addEventListener("online", () => this.later(0), { signal });
    window.addEventListener("pagehide", () => this.save(), { signal });
  }

  later(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), pause);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }

  async save() {
    const answer = JSON.stringify(readAnswer(this.form));
    if (this.closed || answer === this.sent) return;
    try {
      const reply = await send("PUT", this.address, JSON.parse(answer));
      this.settle(reply, answer);
    } catch {
      this.again(gettext("Not saved: no connection. Trying again."));
    }
  }

  settle(reply, answer) {
    if (reply.ok) {
      this.sent = answer;
      this.failures = 0;
      this.told.textContent = gettext("Draft saved");
    } else if (reply.isOut) {
      this.told.textContent = gettext(
        "Not saved: you are signed out. Sign in again in another tab.",
      );
    } else if (reply.status >= 500) {
      this.again(gettext("Not saved yet. Trying again."));
    } else {
      this.told.textContent = reply.sentence;
    }
  }

  again(sentence) {
    this.told.textContent = sentence;
    this.later(RETRY[Math.min(this.failures++, RETRY.length - 1)]);
  }
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
