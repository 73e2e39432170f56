"""A server on this machine that speaks as vLLM does, as far as rounds ask it for anything."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = tuple[int, Any]


class Vllm:
    """Models by name, and all that was asked; ``completing`` may be replaced to misbehave."""

    def __init__(self, base: str, key: str) -> None:
        self.base, self.key = base, key
        self.adapters: dict[str, str] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.loads = True  # VLLM_ALLOW_RUNTIME_LORA_UPDATING
        self.completing: Callable[[dict[str, Any]], Answer] = self.complete
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def answer(self, path: str, body: dict[str, Any], key: str | None) -> Answer:
        self.asked.append((path, body))
        if key != f"Bearer {self.key}":
            return 401, {"error": f"Unauthorized: {key}"}
        if path == "/v1/models":
            return 200, {"object": "list", "data": [{"id": n} for n in (self.base, *self.adapters)]}
        if path == "/v1/completions":
            return self.completing(body)
        if self.loads and path == "/v1/load_lora_adapter":
            return self.load(body["lora_name"], body["lora_path"])
        if self.loads and path == "/v1/unload_lora_adapter":
            return self.unload(body["lora_name"])
        return 404, {"detail": "Not Found"}

    def load(self, name: str, folder: str) -> Answer:
        if name in self.adapters:
            return _error(
                400,
                f"The lora adapter '{name}' has already been loaded. If you want to load the "
                "adapter in place, set 'load_inplace' to True.",
            )
        if not (Path(folder) / "adapter_config.json").exists():
            return _error(404, f"Loading lora {name} failed: No adapter found for {folder}")
        self.adapters[name] = folder
        return 200, f"Success: LoRA adapter '{name}' added successfully."

    def unload(self, name: str) -> Answer:
        if name not in self.adapters:
            return _error(404, f"The lora adapter '{name}' cannot be found.")
        del self.adapters[name]
        return 200, f"Success: LoRA adapter '{name}' removed successfully."

    def complete(self, body: dict[str, Any]) -> Answer:
        """Three tokens that follow from the seed, and the end."""
        if body["model"] not in (self.base, *self.adapters):
            return _error(404, f"The model `{body['model']}` does not exist.")
        ids = [10 + body["seed"] // 50**place % 50 for place in range(3)]
        return 200, {"choices": [{"text": "x", "finish_reason": "stop", "token_ids": ids}]}

    def completions(self) -> list[dict[str, Any]]:
        return [body for path, body in self.asked if path == "/v1/completions"]


def _error(code: int, message: str) -> Answer:
    return code, {"error": {"message": message, "type": "Error", "param": None, "code": code}}


def _handler(vllm: Vllm) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            self._reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _reply(self, body: dict[str, Any]) -> None:
            code, value = vllm.answer(self.path, body, self.headers["Authorization"])
            data = (
                value
                if isinstance(value, bytes)
                else value.encode()
                if isinstance(value, str)
                else json.dumps(value).encode()
            )
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving(base: str, key: str) -> Iterator[Vllm]:
    made = Vllm(base, key)
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()
