// The hold on a task: shown quietly, renewed while the person is at it.

import { send } from "./http.js";

const CHECK = 5000; // ms
const LATE = 120; // s left, from which on it is said aloud
const SIGNS = ["pointerdown", "pointermove", "keydown", "scroll", "input"];

export class Lease {
  constructor(form, shown) {
    this.shown = shown;
    this.address = `/api/v1/assignments/${form.dataset.assignment}/heartbeat/`;
    this.seconds = Number(form.dataset.leaseSeconds);
    this.ends = Date.now() + 1000 * Number(form.dataset.secondsLeft);
    this.renewed = Date.now();
    this.active = false;
    for (const sign of SIGNS) {
      window.addEventListener(sign, () => (this.active = true), { passive: true });
    }
    this.timer = setInterval(() => this.check(), CHECK);
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
      else if (reply.status === 409) this.end(reply.sentence);
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
      this.shown.textContent = this.ended ?? "Time is up. What you did is kept.";
    } else if (left < LATE) {
      this.shown.textContent = `Yours for ${left} s more`;
    } else {
      this.shown.textContent = `Yours for ${Math.round(left / 60)} min`;
    }
  }
}
