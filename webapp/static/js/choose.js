// One choice by keyboard: compare two, or judge one.

import { commandOf, isSwitchedOff, keyOf, openKeys } from "./settings.js";
import { onTask } from "./task.js";

const COMPARE = {
  first: ["a2", "a3", "a1"],
  second: ["b2", "b3", "b1"],
  tie: ["tie"],
  bad: ["bad"],
};
const THUMBS = { good: ["good"], bad: ["bad"] };
let form;
let button;
let values;
let inputs;

// Pressed again, the same key goes on to its next value.
function choose(command) {
  const turn = values[command];
  const now = turn.indexOf(inputs.find((input) => input.checked)?.value);
  const input = inputs.find((each) => each.value === turn[(now + 1) % turn.length]);
  input.checked = true;
  input.focus();
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

function pressed(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing || event.repeat) return;
  if (event.target.closest("textarea, select, .brief form, dialog") || isSwitchedOff(event)) return;
  const key = keyOf(event);
  const command = commandOf(key);
  if (key === "Enter") {
    if (event.target.closest("button, a, summary")) return;
    form.requestSubmit(button);
  } else if (command === "help") openKeys();
  else if (Object.hasOwn(values, command)) choose(command);
  else return;
  event.preventDefault();
}

onTask(["compare", "thumbs"], (signal) => {
  form = document.getElementById("answer");
  button = document.getElementById("submit");
  values = form.dataset.kind === "thumbs" ? THUMBS : COMPARE;
  inputs = [...form.querySelectorAll("input[name=choice], input[name=verdict]")];
  document.addEventListener("keydown", pressed, { signal });
  for (const hint of document.querySelectorAll(".with-keys")) hint.hidden = false;
});
