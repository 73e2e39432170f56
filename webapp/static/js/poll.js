// Parts of a page that move: fetched again every second or so, until they have settled.

const PATIENCE = 30_000; // ms: the longest pause after failures
const polled = new WeakSet();

async function fetchPage(address) {
  const reply = await fetch(address, { credentials: "same-origin", redirect: "manual" });
  if (!reply.ok) throw new Error(`${address}: ${reply.status}`);
  return reply.text();
}

// What else on the page depends on a part that has just settled.
async function refresh() {
  const page = new DOMParser().parseFromString(await fetchPage(window.location.href), "text/html");
  for (const old of document.querySelectorAll("[data-refresh]")) {
    const renewed = page.getElementById(old.id);
    if (!renewed) {
      old.remove();
      continue;
    }
    const fresh = document.importNode(renewed, true);
    old.replaceWith(fresh);
    fresh.querySelector("[autofocus]")?.focus();
  }
}

// Only what differs is replaced, so that nothing is read out again for no reason.
function show(part, html) {
  const next = new DOMParser().parseFromString(html, "text/html").body.children;
  const now = [...part.children];
  [...next].forEach((fresh, place) => {
    const old = now[place];
    if (!old) part.append(document.importNode(fresh, true));
    else if (!old.isEqualNode(fresh)) old.replaceWith(document.importNode(fresh, true));
  });
  for (const left of now.slice(next.length)) left.remove();
}

// Once for each part, for as long as it is on the page; the first time after so many milliseconds.
export function poll(part, first = Number(part.dataset.every)) {
  if (polled.has(part)) return;
  polled.add(part);
  const pause = Number(part.dataset.every);
  let failures = 0;
  const isSettled = () => part.querySelector("[data-settled]") !== null;

  async function look() {
    if (!part.isConnected) return;
    try {
      if (!document.hidden) {
        const html = await fetchPage(part.dataset.poll);
        show(part, html);
        failures = 0;
        if (isSettled()) {
          await refresh();
          return;
        }
      }
    } catch {
      failures += 1;
    }
    setTimeout(look, Math.min(pause * 2 ** failures, PATIENCE));
  }

  if (!isSettled()) setTimeout(look, first);
}

for (const hint of document.querySelectorAll("[data-without-script]")) hint.remove();
for (const part of document.querySelectorAll("[data-poll]")) poll(part);
