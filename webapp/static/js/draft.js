// Unfinished work, kept on the server at every change.

import { send } from "./http.js";

const PAUSE = 500; // ms without a change before it is sent
const RETRY = [2000, 5000, 15000, 30000];

export function readAnswer(form) {
  const said = new FormData(form);
  const answer = { comment: said.get("comment") ?? "" };
  for (const name of ["verdict", "text"]) {
    if (said.has(name)) answer[name] = said.get(name);
  }
  if (form.dataset.kind === "rank" || form.dataset.kind === "compare") {
    Object.assign(answer, readPlaces(said));
  }
  return answer;
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
  constructor(form, told) {
    this.form = form;
    this.told = told; // the element that says how it stands
    this.address = `/api/v1/assignments/${form.dataset.assignment}/draft/`;
    this.sent = JSON.stringify(readAnswer(form));
    this.failures = 0;
    this.closed = false;
    form.addEventListener("input", () => this.later(PAUSE));
    window.addEventListener("online", () => this.later(0));
    window.addEventListener("pagehide", () => this.save());
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
      this.again("Not saved: no connection. Trying again.");
    }
  }

  settle(reply, answer) {
    if (reply.ok) {
      this.sent = answer;
      this.failures = 0;
      this.told.textContent = "Draft saved";
    } else if (reply.status === 401 || reply.status === 403) {
      this.told.textContent = "Not saved: you are signed out. Sign in again in another tab.";
    } else if (reply.status >= 500) {
      this.again("Not saved yet. Trying again.");
    } else {
      this.told.textContent = reply.sentence;
    }
  }

  again(sentence) {
    this.told.textContent = sentence;
    this.later(RETRY[Math.min(this.failures++, RETRY.length - 1)]);
  }
}
