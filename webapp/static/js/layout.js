// How the responses lie on the screen: as the person chose last time.

const CHOICE = "columns";
const TOGETHER = "scroll-together";

export function arrange(cards, tools) {
  const choices = [...tools.querySelectorAll("input[name=columns]")];
  const together = document.getElementById("together");
  const boxes = [...cards.querySelectorAll(".prose")];

  function apply() {
    const chosen = choices.find((input) => input.checked)?.value;
    if (chosen) cards.dataset.columns = chosen;
    cards.classList.toggle("together", together.checked);
    for (const box of boxes) {
      if (together.checked) box.tabIndex = 0; // a box that scrolls is reached by keyboard
      else box.removeAttribute("tabindex");
    }
  }

  const kept = localStorage.getItem(CHOICE);
  for (const input of choices) {
    input.checked = input.value === kept;
    input.addEventListener("change", () => {
      localStorage.setItem(CHOICE, input.value);
      apply();
    });
  }
  together.checked = localStorage.getItem(TOGETHER) === "on";
  together.addEventListener("change", () => {
    localStorage.setItem(TOGETHER, together.checked ? "on" : "off");
    apply();
  });
  for (const box of boxes) box.addEventListener("scroll", () => follow(box, boxes, together));
  tools.hidden = false;
  apply();
}

// The same share of each text, since they differ in length.
function follow(leader, boxes, together) {
  if (!together.checked || leader.dataset.led === "yes") {
    delete leader.dataset.led;
    return;
  }
  const share = leader.scrollTop / Math.max(1, leader.scrollHeight - leader.clientHeight);
  for (const box of boxes) {
    const top = Math.round(share * (box.scrollHeight - box.clientHeight));
    if (box === leader || Math.abs(box.scrollTop - top) < 1) continue;
    box.dataset.led = "yes"; // its own scroll event is an echo
    box.scrollTop = top;
  }
}
