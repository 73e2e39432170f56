// The arrow keys, Home and End go from task to task, where one of them has the focus.

const links = [...document.querySelectorAll("#found tbody th a")];
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

document.getElementById("found")?.addEventListener("keydown", (event) => {
  const at = links.indexOf(document.activeElement);
  if (at < 0 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const to = { Home: 0, End: links.length - 1 }[event.key] ?? at + (STEPS[event.key] ?? NaN);
  if (!links[to]) return;
  event.preventDefault();
  links[to].focus();
});
