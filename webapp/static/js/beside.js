// What stands beside every task: the guideline, the prompt where it has scrolled away, the ways to
// skip the task and to report it; and the foot, which must hide nothing of it.

import { Delivery, gettext } from "./sending.js";

// `task` is the one in hand: save() keeps what was done, leave(reply) goes on, tell(html) says so.
export function beginBeside(task, signal) {
  for (const asked of document.querySelectorAll(".brief .aside form")) listen(asked, task, signal);
  for (const link of document.querySelectorAll(".asks")) link.addEventListener("click", ask);
  beginPrompt();
  showLastTurn(document.querySelector(".brief"));
  beginGuide(signal);
  footing.disconnect();
  for (const part of footed()) footing.observe(part);
}

const SPACE = 16; // px, above what is scrolled to

// Skipping and reporting have a form beside the task; from the foot of the page it opens in a dialog.
function ask(event) {
  const dialog = document.getElementById("ask");
  const panel = document.querySelector(event.currentTarget.hash);
  const asked = panel.querySelector("form");
  event.preventDefault();
  document.getElementById("ask-title").textContent = panel.querySelector("summary").textContent;
  dialog.append(asked);
  dialog.addEventListener("close", () => panel.append(asked), { once: true });
  dialog.showModal();
  asked.querySelector("input[type=radio]").focus();
}

function listen(asked, task, signal) {
  const told = document.createElement("div");
  told.className = "notice warn";
  told.setAttribute("role", "alert");
  told.hidden = true;
  asked.prepend(told);
  const { person } = document.body.dataset;
  const delivery = new Delivery(person, asked, onItsWay(asked, told, task), signal);
  asked.addEventListener("input", () => delivery.takeBack());
  asked.addEventListener("submit", (event) => {
    event.preventDefault();
    task.save(); // either may lead to another page
    delivery.send();
  });
  if (delivery.resume()) asked.closest("details").open = true;
}

function onItsWay(asked, told, task) {
  return {
    told,
    sent(reply) {
      told.hidden = true;
      if (reply.told === undefined) task.leave(reply);
      else goOn(asked, reply.told, task);
    },
    offline: () =>
      gettext("No connection. What you said is kept here and is sent when the connection is back."),
    signedOut: () =>
      gettext("You are signed out. What you said is kept here and is sent when you are back."),
  };
}

// Reported: the task stays in hand.
function goOn(asked, said, task) {
  asked.reset();
  const dialog = document.getElementById("ask");
  if (dialog.contains(asked)) dialog.close();
  else asked.closest("details").open = false;
  task.tell(said);
}

// On a narrow screen the prompt scrolls away; a link in the foot brings it back for a moment.
function beginPrompt() {
  const sheet = document.getElementById("prompt-sheet");
  document.getElementById("to-prompt").addEventListener("click", (event) => {
    event.preventDefault();
    const asked = document.querySelector(".brief .conversation").cloneNode(true);
    sheet.querySelector(".sheet-text").replaceChildren(asked);
    sheet.showModal();
    showLastTurn(sheet);
  });
}

// A conversation that is longer than its box begins at what is to be answered.
function showLastTurn(box) {
  const last = box.querySelector(".conversation > .turn:last-child");
  const over = last.getBoundingClientRect().bottom - box.getBoundingClientRect().bottom;
  if (over <= 0 || !last.previousElementSibling) return;
  const above = box.querySelector(":scope > :is(.messages, .head)")?.offsetHeight ?? 0; // stays there
  const top = last.getBoundingClientRect().top - box.getBoundingClientRect().top;
  box.scrollTop += top - above - SPACE;
}

// What has the focus stands above the foot, which is as high as what it has to say.
const footed = () => [...document.querySelectorAll(".foot, .bar")];
const footing = new ResizeObserver(() => {
  const height = Math.max(...footed().map((part) => part.offsetHeight));
  document.documentElement.style.setProperty("--foot-height", `${height}px`);
});

// The guideline beside the work. On a wide screen it stays open from task to task: a cookie says so,
// so that the page comes with it and nothing moves. On a narrow one it is a sheet for a moment.
let guide;
let toGuide;
const wide = window.matchMedia("(min-width: 80rem)");
const YEAR = 365 * 24 * 3600; // s

function isGuideOpen() {
  return guide.classList.contains(wide.matches ? "open" : "shown");
}

export function toggleGuideline() {
  if (!guide) return;
  const open = !isGuideOpen();
  guide.classList.toggle(wide.matches ? "open" : "shown", open);
  if (wide.matches) {
    document.cookie = `guideline=${open ? "open" : "closed"}; path=/; max-age=${YEAR}; samesite=lax`;
  }
  tellGuide();
  if (open && !wide.matches) guide.focus();
  if (!open && guide.contains(document.activeElement)) toGuide.focus();
}

function tellGuide() {
  toGuide.setAttribute("aria-expanded", String(isGuideOpen()));
}

function press(event) {
  if (document.querySelector("dialog[open]") || event.isComposing || event.repeat) return;
  const isIn = guide.contains(event.target);
  if (event.altKey && event.code === "KeyG") toggleGuideline();
  else if (event.key === "Escape" && isGuideOpen() && (isIn || !wide.matches)) toggleGuideline();
  else return;
  event.preventDefault();
}

function beginGuide(signal) {
  const wasOpen = guide?.classList.contains("open"); // beside the task before
  guide = document.getElementById("guideline");
  toGuide = document.getElementById("to-guideline");
  if (!guide) return;
  guide.classList.toggle("open", wasOpen ?? guide.classList.contains("open"));
  for (const link of [toGuide, document.getElementById("guideline-close")]) {
    link.setAttribute("role", "button");
    link.addEventListener("click", (event) => {
      event.preventDefault();
      toggleGuideline();
    });
    link.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      toggleGuideline();
    });
  }
  toGuide.title = "Alt+G";
  toGuide.setAttribute("aria-controls", guide.id);
  tellGuide();
  wide.addEventListener("change", tellGuide, { signal });
  document.addEventListener("keydown", press, { signal });
}
