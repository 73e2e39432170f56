// Requests to our own site, with the session and its token.

export async function send(method, address, body) {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const reply = await fetch(address, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    redirect: "manual",
    keepalive: true,
  });
  const data = await reply.json().catch(() => ({}));
  return { ok: reply.ok, status: reply.status, sentence: data.detail ?? "" };
}
