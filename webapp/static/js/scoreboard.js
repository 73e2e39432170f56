// How the models do, beside a comparison: looked at again with each vote, and every moment after.

import { poll } from "./poll.js";
import { onTask } from "./task.js";

onTask(["compare"], () => {
  for (const part of document.querySelectorAll(".scoreboard [data-poll]")) poll(part, 0);
});
