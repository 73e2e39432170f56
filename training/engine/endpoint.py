"""Sampling by an OpenAI-compatible server, such as vLLM, in place of the model loaded here.

The server draws; what it drew is scored here, so that log-probabilities are those of this engine,
in its precision and with its chat template. It must serve the same model, with the same tokenizer.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from training.engine.backbone import Backbone
from training.engine.config import SamplingSettings
from training.engine.errors import EndpointRefusal, EngineError
from training.engine.sampling import FinishReason, Progress, Sample
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded, decode_completion, encode_completion

PASSING = (408, 429, 500, 502, 503, 504)  # what may be better in a moment
LONGEST = 64 * 2**20  # bytes of an answer that are read


@dataclass(frozen=True)
class Endpoint:
    """Where completions are asked for."""

    url: str  # up to and without /completions: http://localhost:8000/v1
    model: str  # as the server calls it
    key: str = field(default="", repr=False)
    timeout: float = 120.0  # seconds for one answer
    retries: int = 4
    pause: float = 0.5  # seconds before the first retry, twice as long before each further one
    at_once: int = 16  # requests under way

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise EngineError(f"endpoint: {self.url} is no address: it begins with http or https")
        if "@" in urllib.parse.urlsplit(self.url).netloc:
            raise EngineError("endpoint: a name or a password in the address would be shown")
        if not (self.key.isascii() and self.key.isprintable()):
            raise EngineError("endpoint: the key has a character in it that cannot be sent")

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request. Raises EngineError in one line when there is none."""
        return parsed(self.call("completions", body), self.url)

    def call(self, path: str, body: dict[str, Any] | None = None) -> bytes:
        """Return what the server answers at `path`, to a POST of `body` or to a GET.

        Raises EndpointRefusal, and EngineError when there is no answer.
        """
        said = ""
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            try:
                return self._call_once(path, body)
            except urllib.error.HTTPError as error:
                words = self._in_words(error)
                said = f"{error.code}: {words}"
                if error.code not in PASSING:
                    line = f"the endpoint {self.url} refuses, {said}"
                    raise EndpointRefusal(line, error.code, words) from None
            except (OSError, http.client.HTTPException) as error:
                said = str(getattr(error, "reason", error)) or type(error).__name__
        raise EngineError(
            f"the endpoint {self.url} does not answer after {self.retries + 1} attempts ({said}): "
            "see whether it runs"
        )

    def _call_once(self, path: str, body: dict[str, Any] | None) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(  # noqa: S310 - of http alone, see above
            f"{self.url.rstrip('/')}/{path}",
            None if body is None else json.dumps(body).encode(),
            headers,
        )
        until = time.monotonic() + self.timeout
        with _straight.open(request, timeout=self.timeout) as answer:
            return _whole(answer, until)

    def _in_words(self, error: urllib.error.HTTPError) -> str:
        """Return what a refusal says, without the key: some servers repeat it."""
        try:
            said = _one_line(error.read(2000))
        except (OSError, http.client.HTTPException):
            return "no reason given"
        return said.replace(self.key, "…") if self.key else said


class _Straight(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the key is for the one address."""

    def redirect_request(self, *args: Any, **about: Any) -> None:
        """Take a redirection for a refusal."""


_straight = urllib.request.build_opener(_Straight)


def _whole(answer: http.client.HTTPResponse, until: float) -> bytes:
    """Return an answer's body, unless it comes too slowly, byte by byte, or is too long."""
    parts, size = [], 0
    while part := answer.read1(2**16):
        parts.append(part)
        size += len(part)
        if size > LONGEST:
            raise OSError(f"its answer is longer than {LONGEST} bytes")
        if time.monotonic() > until:
            raise TimeoutError("timed out")
    return b"".join(parts)


def sample_from(
    endpoint: Endpoint,
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[Sequence[int]],
    settings: SamplingSettings,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[Sample]:
    """Yield a sample for every seed, as `sampling.sample` does, drawn by the server.

    Whether a seed gives the same sample again is for the server to keep. Log-probabilities are
    computed here, by the model as it stands, at the sampling temperature. Raises EngineError.
    """
    wanted = [(index, seed) for index, mine in enumerate(seeds) for seed in mine]

    def ask(each: tuple[int, int]) -> tuple[list[int], FinishReason]:
        index, seed = each
        answer = endpoint.ask(_request(endpoint.model, prompts[index], seed, settings))
        return _completion(answer, backbone, endpoint.url, settings.max_new_tokens)

    with ThreadPoolExecutor(endpoint.at_once) as pool:
        for start in range(0, len(wanted), settings.batch_rows):
            if should_stop and should_stop():
                return
            batch = wanted[start : start + settings.batch_rows]
            drawn = list(pool.map(ask, batch))
            yield from _scored(backbone, prompts, batch, drawn, settings)
            if on_progress:
                on_progress(start + len(batch), len(wanted))


def _request(
    model: str, prompt: Sequence[int], seed: int, settings: SamplingSettings
) -> dict[str, Any]:
    body = {
        "model": model,
        "prompt": list(prompt),  # ids: the template has been applied, and nothing is added to them
        "max_tokens": settings.max_new_tokens,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "seed": seed % 2**63,
        "n": 1,
        "return_token_ids": True,  # vLLM's; a server that does not know it sends the text alone
        "skip_special_tokens": True,
    }
    return {**body, "top_k": settings.top_k} if settings.top_k else body


def _completion(
    answer: dict[str, Any], backbone: Backbone, url: str, most: int
) -> tuple[list[int], FinishReason]:
    """Return the ids that were drawn, with the end-of-sequence token where it was."""
    text, reason, ids = _choice(answer, url)
    ended = reason == "stop"
    if ids is None:
        # Taken apart again, a text may have a few more tokens than were drawn.
        ids = encode_completion(backbone.tokenizer, text, ended)[:most]
        ended = ended and ids[-1:] == [backbone.eos_id]
    elif len(ids) > most:
        raise EngineError(f"the endpoint {url} answers with {len(ids)} tokens instead of {most}")
    elif ended and (not ids or ids[-1] not in backbone.ends):
        ids = [*ids, backbone.eos_id]
    known = backbone.model.get_input_embeddings().num_embeddings
    if not ids or min(ids) < 0 or max(ids) >= known:
        raise EngineError(f"the endpoint {url} serves another model: its tokens are not known here")
    return list(ids), "stop" if ended else "length"


def _choice(answer: dict[str, Any], url: str) -> tuple[str, Any, list[int] | None]:
    """Return text, finish reason and ids of the one choice. Raises EngineError."""
    try:
        choice = answer["choices"][0]
        text, reason, ids = choice["text"], choice["finish_reason"], choice.get("token_ids")
        text.encode()  # half of a pair of surrogates is no text
        usable = ids is None or all(type(each) is int for each in ids)
    except (KeyError, IndexError, TypeError, AttributeError, UnicodeEncodeError):
        usable = False
    if not usable:
        raise EngineError(f"the endpoint {url} does not answer as OpenAI's completions do")
    return text, reason, ids


def _scored(
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    batch: Sequence[tuple[int, int]],
    drawn: Sequence[tuple[list[int], FinishReason]],
    settings: SamplingSettings,
) -> Iterator[Sample]:
    rows = [
        Encoded(list(prompts[index]), ids)
        for (index, _), (ids, _) in zip(batch, drawn, strict=True)
    ]
    logprobs, _ = completion_logprobs(
        backbone.model, rows, backbone.pad_id, temperature=settings.temperature or 1.0
    )
    for (index, seed), (ids, reason), logprob in zip(batch, drawn, logprobs.tolist(), strict=True):
        text = decode_completion(backbone.tokenizer, ids)
        yield Sample(index, seed, ids, text, reason, logprob)


def parsed(data: bytes, url: str) -> dict[str, Any]:
    """Return the JSON object that a server answered with. Raises EngineError."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise EngineError(f"the endpoint {url} answers with something that is not JSON")
    return found


def _one_line(data: bytes) -> str:
    return " ".join(data.decode(errors="replace").split())[:200]
