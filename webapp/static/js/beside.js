// The guideline, which stands beside every task.

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

export function beginGuide(signal) {
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
